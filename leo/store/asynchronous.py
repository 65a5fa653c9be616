"""The store for an asynchronous driver: aiosqlite, one closure per operation, always awaited to its
end.

Why not aiosqlite's own methods? A step of a reply must be one item on the worker thread's queue:
with a call per statement a cancellation leaves a transaction open half way. And cancelling a task
that waits for aiosqlite cancels only the *wait*: the queued call still runs, and the code that
handled the cancellation does not see it. Here the wait goes on until the operation has ended, and
only then is the cancellation raised.

This uses `_tx`, `_thread`, `_running` and `_connection` of aiosqlite.Connection, so its minor
version is pinned. Its coroutine `_execute` awaits a future of its own, which a cancellation would
cancel; and a task around it could be cancelled by the loop's shutdown. A plain future known only
here has neither weakness, even if the waiting task is cancelled several times.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import aiosqlite

from leo.errors import StoreClosedError
from leo.store.connection import Connection
from leo.store.rows import Keeper
from leo.store.schema import BUSY_TIMEOUT, connect

T = TypeVar("T")

# aiosqlite asks how many rows a cursor should fetch ahead; no cursor of its is ever made here.
_NO_CURSORS = 64


class AsyncStore(aiosqlite.Connection):
    """An open store, with one worker thread that carries out one operation at a time, in order of
    issue.
    """

    path: Path

    @classmethod
    async def open(
        cls,
        path: str | Path,
        timeout: float = BUSY_TIMEOUT,
        full_sync: bool = False,
        keepers: Sequence[Keeper] = (),
    ) -> Self:
        """Open the field at `path` on the worker thread. Raises what `connect` raises."""
        store = cls(partial(connect, path, timeout, full_sync, keepers), _NO_CURSORS)
        store.path = Path(path)

        def work() -> None:
            store._connection = connect(path, timeout, full_sync, keepers)

        # Not `await store`: when that fails, nobody waits for the thread, which then may find the
        # event loop closed.
        store._thread.start()
        async with AsyncExitStack() as undo:
            undo.push_async_callback(store.close)
            await store._issue(work)
            undo.pop_all()
        return store

    async def perform(self, work: Callable[[Connection], T]) -> T:
        """Carry out one operation on the worker thread and wait for its end, also when cancelled.

        A cancellation is raised after the operation has ended; an error of the operation is then
        its cause. Raises StoreClosedError after `close`.
        """
        if not self._running or self._connection is None:
            raise StoreClosedError(f"{self.path}: the field was closed; open it again")
        return await self._issue(partial(work, cast(Connection, self._connection)))

    def settle(self) -> None:
        """Stand still, the event loop with us, until the worker has done what was issued."""
        done = threading.Event()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((future, done.set))
        done.wait()

    async def close(self) -> None:
        """Carry out what was issued, then close the file and end the thread. Once is enough."""
        if self._running:
            stopped = self.stop()
            if stopped is not None:
                try:
                    await end_of(stopped)
                finally:
                    # It has nothing left to do but to end: this waits for no more than that.
                    self._thread.join()

    async def _issue(self, work: Callable[[], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((future, work))
        return await end_of(future)


async def end_of(future: asyncio.Future[T]) -> T:
    """The result of a future; a cancellation of the wait is raised afterwards."""
    interrupted = await over(future)
    if interrupted is not None:
        raise interrupted from future.exception()
    return future.result()


async def over(future: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait for the end of a future, by a result or an error; return the first cancellation of the
    wait.
    """
    interrupted: asyncio.CancelledError | None = None
    while not future.done():
        try:
            # Unlike `await future`, this leaves the future alone when the waiting task is
            # cancelled.
            await asyncio.wait((future,))
        except asyncio.CancelledError as cancelled:
            interrupted = interrupted or cancelled
    return interrupted
