"""Inner replies in the background: a task for each session, after its reply has returned.

An inner reply is an ordinary reply of an inner session. It calls and queues like any other, so
other sessions may run in between, and it is as atomic as the discipline makes a reply. A session's
next reply waits until its inner replies have ended, so that the replies of one session have one
order under every discipline.

Callers go first: an inner reply begins when no call is under way, one at a time, or when its own
session calls again. If more than PRESSURE calls are under way by then, it is dropped. If more than
WAITING sessions have inner replies that have not begun, those of the oldest are dropped. `dropped`
counts them. A single session never drops any. What went wrong is
kept for WAITING sessions, those where it did so last.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from leo.errors import OverloadError, StoreClosedError
from leo.reply.context import InnerReply
from leo.reply.turn import Instance

Carry = Callable[[str, str, InnerReply], Awaitable[str]]

# Calls under way beyond which inner replies are dropped, and sessions whose inner replies may wait.
PRESSURE: Final = 8
WAITING: Final = 64


class Afterthoughts:
    """Begins the inner replies of a session, and hands what goes wrong to the next caller."""

    def __init__(
        self, instance: Instance, carry_out: Carry, max_waiting: int | None = None
    ) -> None:
        # Inner replies that were wished for and dropped, because too many called.
        self.dropped = 0
        self._max_waiting = max_waiting
        self._instance = instance
        self._carry_out = carry_out
        # Calls under way; sessions whose inner replies wait for the end of all calls, each with
        # what says whether they begin; sessions that call, and wait for theirs; the session of
        # which one is under way because nobody called.
        self._calls = 0
        self._held: dict[str, asyncio.Future[bool]] = {}
        self._awaited: Counter[str] = Counter()
        self._quiet: str | None = None
        # Those under way, and what went wrong and nobody has been told of.
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, BaseException] = {}
        self._closed = False
        # Who closes and is willing to wait.
        self._patient: set[object] = set()

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call is under way inside. Raises OverloadError, before anything is done, when it would
        have to wait with more than `max_waiting` others.
        """
        if self._max_waiting is not None and self._calls > self._max_waiting:
            raise OverloadError(
                f"{self._calls - 1:,} calls wait for the field already, and max_waiting is "
                f"{self._max_waiting:,}; nothing was done: ask again later, or open the field with "
                "a larger number"
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._let_one_begin()

    def begin(self, session: str) -> None:
        """The session's reply has returned: carry out what it wishes to follow.

        Once the field is being closed nothing is begun, and the wishes are dropped.
        """
        if self._closed:
            self._instance.drop(session)
            return
        first = self._instance.following(session)
        if first is not None:
            name = f"the inner replies of {session}"
            task = asyncio.create_task(self._follow(session, first), name=name)
            self._tasks[session] = task
            task.add_done_callback(partial(self._ended, session))

    async def settle(self, session: str) -> None:
        """Wait for the inner replies of a session; raise what one of them raised.

        A cancellation of a waiter ends the inner reply under way, as it would end any reply,
        and drops the rest; others who wait for the same go on.
        """
        task = self._tasks.get(session)
        if task is None:
            if session in self._failed:
                raise self._failed.pop(session)
            return
        self._awaited[session] += 1
        self._tell(session, self._calls <= PRESSURE)
        try:
            await self._end(session, task)
        finally:
            self._awaited[session] -= 1
            self._awaited += Counter()

    async def _end(self, session: str, task: asyncio.Task[None]) -> None:
        interrupted: asyncio.CancelledError | None = None
        while not task.done():
            try:
                # Unlike `await task`, this is not cancelled when only the task is.
                await asyncio.wait((task,))
            except asyncio.CancelledError as cancelled:
                interrupted = interrupted or cancelled
                task.cancel()
        if interrupted is not None:
            # What went wrong at the same time stays for the next caller.
            raise interrupted
        if not task.cancelled():
            self._forget(session, task)
            self._failed.pop(session, None)
            task.result()

    async def close(self) -> None:
        """Begin no more, and wait for all of them. What went wrong is raised once, where nobody was
        told of it yet: the first error, with notes about the others. That a field was closed under
        one, as an actor's is whose owner was cancelled, is no error of the closing.

        Any number may close at the same time, and none of them comes back before the inner replies
        have ended. When all of them have been cancelled, so are the inner replies.
        """
        self._closed = True
        for session in list(self._held):
            self._tell(session, True)
        tasks = tuple(self._tasks.values())
        interrupted: asyncio.CancelledError | None = None
        me = object()
        self._patient.add(me)
        while not all(task.done() for task in tasks):
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError as cancelled:
                interrupted = interrupted or cancelled
                self._patient.discard(me)
                if not self._patient:
                    for task in tasks:
                        task.cancel()
        self._patient.discard(me)
        if interrupted is not None:
            # What went wrong at the same time stays for the next caller.
            raise interrupted
        for session, task in list(self._tasks.items()):
            self._ended(session, task)
        failed, self._failed = self._failed, {}
        errors = [
            error
            for error in failed.values()
            if isinstance(error, Exception) and not isinstance(error, StoreClosedError)
        ]
        if errors:
            for other in errors[1:]:
                errors[0].add_note(f"and: {other}")
            raise errors[0]

    async def _follow(self, session: str, first: InnerReply) -> None:
        inner: InnerReply | None = first
        try:
            while inner is not None:
                if not await self._may_begin(session):
                    self.dropped += 1 + self._instance.drop(session)
                    return
                await self._carry_out(inner.session, inner.prompt, inner)
                inner = self._instance.following(session)
        finally:
            self._instance.drop(session)
            if self._quiet == session:
                self._quiet = None
                self._let_one_begin()

    async def _may_begin(self, session: str) -> bool:
        """Wait until the next inner reply of a session may begin, or is to be dropped."""
        if self._closed:
            return True
        if session in self._awaited:
            return self._calls <= PRESSURE
        if not self._calls and self._quiet in (None, session):
            self._quiet = session
            return True
        if self._quiet == session:
            self._quiet = None
        if len(self._held) >= WAITING:
            self._tell(next(iter(self._held)), False)
        held: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._held[session] = held
        try:
            return await held
        finally:
            if self._held.get(session) is held:
                del self._held[session]

    def _let_one_begin(self) -> None:
        if not self._calls and self._quiet is None and self._held:
            self._quiet = next(iter(self._held))
            self._tell(self._quiet, True)

    def _tell(self, session: str, begins: bool) -> None:
        """Let the inner replies of a session that wait begin, or drop them."""
        held = self._held.pop(session, None)
        # It is done when its task was cancelled just now.
        if held is not None and not held.done():
            held.set_result(begins)

    def _ended(self, session: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(session) is not task:
            # A waiter was quicker, and was told.
            return
        self._forget(session, task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self._failed[session] = error
        if len(self._failed) > WAITING:
            del self._failed[next(iter(self._failed))]
        # The session may never come back: what the reply had in mind, which its frames hold, goes.
        cause: BaseException | None = error
        while cause is not None:
            cause.__traceback__ = None
            cause = cause.__cause__ or cause.__context__

    def _forget(self, session: str, task: asyncio.Task[None]) -> None:
        # Another waiter may have begun the next ones by now.
        if self._tasks.get(session) is task:
            del self._tasks[session]
