"""Inner replies where nobody waits for them: a task for each session, after its reply has returned.

An inner reply is an ordinary reply of an inner session. It calls and takes its place in the queue
like any other, so that other sessions may come in between, and it is as atomic as the discipline
makes a reply. A session's next reply waits until they have ended: what one session says and hears
has one order, under every discipline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from leo.errors import StoreClosedError
from leo.reply.context import InnerReply
from leo.reply.turn import Instance

__all__ = ["Afterthoughts"]

Carry = Callable[[str, str, InnerReply], Awaitable[str]]


class Afterthoughts:
    """Begins the inner replies of a session, and hands what goes wrong to the next caller."""

    def __init__(self, instance: Instance, carry_out: Carry) -> None:
        self._instance = instance
        self._carry_out = carry_out
        # Those under way, and those that went wrong and nobody has been told of.
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        # Who closes and is willing to wait.
        self._patient: set[object] = set()

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
            return
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
            task.result()

    async def close(self) -> None:
        """Begin no more, and wait for all of them. What went wrong is raised once, where nobody was
        told of it yet: the first error, with notes about the others. That a field was closed under
        one, as an actor's is whose owner was cancelled, is no error of the closing.

        Any number may close at the same time, and none of them comes back before the inner replies
        have ended. When all of them have been cancelled, so are the inner replies.
        """
        self._closed = True
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
        ended, self._tasks = tuple(self._tasks.values()), {}
        failed = [task.exception() for task in ended if not task.cancelled()]
        errors = [
            error
            for error in failed
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
                await self._carry_out(inner.session, inner.prompt, inner)
                inner = self._instance.following(session)
        finally:
            self._instance.drop(session)

    def _ended(self, session: str, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._forget(session, task)

    def _forget(self, session: str, task: asyncio.Task[None]) -> None:
        # Another waiter may have begun the next ones by now.
        if self._tasks.get(session) is task:
            del self._tasks[session]
