"""AsyncLeoField: the asynchronous organism. Only operations of the store (and the lock) are
awaited.

One argument chooses the discipline; the program is the same. Two or more fields on one file are the
shared-store disciplines: open all before the first reply, and give them one recorder.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from leo.disciplines import DEFAULT, get_discipline
from leo.drivers.actor import Actor
from leo.drivers.inner import Afterthoughts
from leo.drivers.tasks import Driver, Gate
from leo.errors import CallerError
from leo.field.view import Centres
from leo.reply.given import check_call, check_text
from leo.reply.module import Module
from leo.reply.turn import Instance, Opened
from leo.store.asynchronous import AsyncStore, end_of
from leo.store.owner import Owner
from leo.store.schema import BUSY_TIMEOUT, check_kept
from leo.trace.events import NO_TRACE, Tracer


class AsyncLeoField(Opened):
    """A field that answers many sessions. Made by `await AsyncLeoField.open(...)`.

    Use it as an asynchronous context manager, or `await close()`.
    """

    def __init__(
        self,
        store: AsyncStore,
        instance: Instance,
        gate: Gate | None,
        owner: Owner | None = None,
        max_waiting: int | None = None,
    ) -> None:
        self._owner = owner
        # The event loop that the field belongs to: that of the first call.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._store = store
        self._instance = instance
        kind = Actor if instance.discipline.lock == "actor" else Driver
        self._driver = kind(store, instance, gate)
        self._afterthoughts = Afterthoughts(instance, self._driver.reply, max_waiting)
        # From the moment on when the file is being closed: it is done when the file is closed.
        self._shut: asyncio.Future[None] | None = None

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        discipline: str = DEFAULT,
        modules: Sequence[Module[Any]] = (),
        centres: Centres = "weight",
        tracer: Tracer = NO_TRACE,
        clock: Callable[[], float] = time.time,
        timeout: float = BUSY_TIMEOUT,
        full_sync: bool = False,
        instance: str = "i1",
        store: str = "main",
        gate: Gate | None = None,
        max_waiting: int | None = None,
    ) -> Self:
        """Open the field at `path`; the arguments are those of `LeoField.open`.

        With `max_waiting` a call that would wait with more than so many others is refused.
        `gate` is awaited before every action of every session; without one, the only awaits are
        those of the lock and the store. Raises StoreError or DisciplineError.
        """
        chosen = get_discipline(discipline, "asyncio")
        check_kept(path)
        async with AsyncExitStack() as undo:
            owner = Owner.take(path, chosen.id, shared=chosen.instances > 1)
            undo.callback(owner.release)
            opened = await AsyncStore.open(path, timeout, full_sync, modules)
            undo.push_async_callback(opened.close)
            await opened.perform(owner.watch)
            me = Instance(
                discipline=chosen, modules=modules, centres=centres, seed=seed,
                tracer=tracer, clock=clock, name=instance, store=store,
            )  # fmt: skip
            me.begin(await opened.perform(Instance.open_work))
            undo.pop_all()
        field = cls(opened, me, gate, owner, max_waiting)
        field._check_owner()
        return field

    async def observe(self, text: str) -> None:
        """Take in a text outside a reply, under the lock if there is one.

        Raises StoreError, CallerError for what is no text, ObserveWhileRecordingError, or
        DeadlockError on a stopped loop. When it is cancelled while the store is at work, the text
        is taken in all the same, and the view has it when the cancellation is raised. An actor
        takes it in even if the caller leaves earlier.
        """
        check_text(text, "what is observed")
        self._check_owner()

        async def take_in() -> None:
            work = self._instance.observe_work(text, self._store.path)
            done: list[Callable[[], None]] = []
            try:
                await self._store.perform(lambda conn: done.append(work(conn)))
            finally:
                # What was committed goes into the view, also when the caller was cancelled.
                for assign in done:
                    assign()

        await self._driver.alone(take_in)

    async def reply(self, prompt: str, session: str = "s1") -> str:
        """Answer. Raises StepError when a step fails, SessionBusyError for a second call at a time,
        CallerError, before anything is done, for a prompt or a session that is no text.

        What a failure or a cancellation leaves behind is the discipline's answer: nothing or a
        whole reply under the default one. Raises DeadlockError where the discipline makes one.

        The inner replies that the modules wish for follow when nobody calls, in a task of their
        own. The session's next call waits for them first, and raises what went wrong with them
        instead of answering; when too many call, they are dropped (`dropped`). Raises OverloadError
        when more wait than the field was opened for.
        """
        check_call(session, prompt)
        self._check_owner()
        with self._afterthoughts.call():
            await self._afterthoughts.settle(session)
            text = await self._driver.reply(session, prompt)
            self._afterthoughts.begin(session)
        return text

    @property
    def dropped(self) -> int:
        """The inner replies that were dropped because too many called."""
        return self._afterthoughts.dropped

    async def settle(self, session: str = "s1") -> None:
        """Wait for the inner replies of a session; raise what went wrong with one."""
        await self._afterthoughts.settle(session)

    async def close(self) -> None:
        """Close the file after the operations already issued. A second call does nothing, and like
        the first it ends when the file is closed.

        An actor finishes its requests first; elsewhere a reply that is still under way finds the
        store closed at its next operation. Inner replies that have begun are finished, with those
        that follow from them, and what went wrong with one is raised when all is closed: once, to
        the first who closes and is not cancelled. A reply that returns while the field closes is
        followed by none, and where the owner of an actor was cancelled those that it had not begun
        are dropped.

        A cancellation is raised when the file is closed. It ends the inner replies under way and
        drops the rest, unless somebody else closes the field as well and waits for them.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._close_once)
            await self._afterthoughts.close()

    def _check_owner(self) -> None:
        """Raise CallerError in a process that was forked off, and on another event loop."""
        if self._owner is not None:
            self._owner.check()
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise CallerError(
                f"{self._store.path}: the field belongs to the event loop that it was opened on, "
                "and this is another one: use it there, or open it here under a discipline that "
                'shares, discipline="shared-store-immediate"'
            )

    async def _close_once(self) -> None:
        if self._shut is not None:
            await end_of(self._shut)
            return
        self._shut = asyncio.get_running_loop().create_future()
        async with AsyncExitStack() as undo:
            undo.callback(self._shut.set_result, None)
            if self._owner is not None:
                undo.callback(self._owner.release)
            undo.push_async_callback(self._store.close)
            await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self.close()
