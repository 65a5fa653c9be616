"""Inner replies where nobody waits for them: a task for each session, after its reply has returned.

An inner reply is an ordinary reply of an inner session. It calls and takes its place in the queue
like any other, so that other sessions may come in between, and it is as atomic as the discipline
makes a reply. A session's next reply waits until they have ended: what one session says and hears
has one order, whatever the discipline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from leo.instance import Instance
from leo.organs.context import InnerReply

__all__ = ["Afterthoughts"]

Carry = Callable[[str, str, InnerReply], Awaitable[str]]


class Afterthoughts:
    """Begins the inner replies of a session, and hands what goes wrong to whoever comes next."""

    def __init__(self, instance: Instance, carry_out: Carry) -> None:
        self._instance = instance
        self._carry_out = carry_out
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, session: str) -> None:
        """The session's reply has returned: carry out what it wishes to follow."""
        first = self._instance.following(session)
        if first is not None:
            name = f"the inner replies of {session}"
            self._tasks[session] = asyncio.create_task(self._follow(session, first), name=name)

    async def settle(self, session: str) -> None:
        """Wait for the inner replies of a session; raise what one of them raised.

        A cancellation of whoever waits ends the inner reply under way, as it would end any reply,
        and drops the rest.
        """
        task = self._tasks.get(session)
        if task is not None:
            try:
                await task
            finally:
                # Whoever waited at the same time may have begun the next ones by now.
                if self._tasks.get(session) is task:
                    del self._tasks[session]

    async def close(self) -> None:
        """Wait for all of them. The first error is raised, with notes about the others."""
        tasks, self._tasks = tuple(self._tasks.values()), {}
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [error for error in ended if error is not None]
        if errors:
            for other in errors[1:]:
                errors[0].add_note(f"and: {other}")
            raise errors[0]

    async def _follow(self, session: str, first: InnerReply) -> None:
        inner: InnerReply | None = first
        while inner is not None:
            await self._carry_out(inner.session, inner.prompt, inner)
            inner = self._instance.following(session)
        # What went wrong waits for whoever comes next. What went well need not: a session that
        # never speaks again would keep its task for ever.
        if self._tasks.get(session) is asyncio.current_task():
            del self._tasks[session]
