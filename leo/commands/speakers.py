"""What answers in a conversation: a synchronous or an asynchronous field, as the discipline needs.

Ctrl-C while Leo thinks cancels the reply. The discipline decides whether the field stays whole;
`describe_interruption` tells the user.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar, cast

from leo.commands.why import Account, describe_memory, explain_reply, tell_reply
from leo.disciplines import DISCIPLINES, Discipline
from leo.field.measure import Pulse
from leo.field.view import View
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.modules import MODULES
from leo.screen import labelled

T = TypeVar("T")


def describe_interruption(discipline: Discipline) -> tuple[str, str]:
    """What a Ctrl-C leaves of a reply, and of its inner replies (AllOrNothing), for people."""
    if discipline.lock == "actor":
        # A request is carried out even if its caller leaves.
        return (
            "Nobody waits for the reply any more: Leo finishes it, and the field is whole.",
            "Leo finishes the thought that has begun, and drops the rest; the field is whole.",
        )
    if discipline.commit == "reply":
        return (
            "The reply was cancelled; the field is whole.",
            "What Leo went on thinking was dropped; the field is whole.",
        )
    return (
        f"The reply was cut short; under {discipline.id} what it had written stays.",
        f"What Leo went on thinking was cut short; under {discipline.id} what it had\n"
        "written stays.",
    )


class Speaker:
    """What a conversation needs: a field that answers, and a view to describe.

    An asynchronous field has a `runner`: one event loop for the whole conversation. A Ctrl-C
    cancels the reply that runs on it. A second one stops the loop before the reply has ended, which
    it cannot do while the store is at work: such a reply is brought to its end before the next
    thing is done.
    """

    def __init__(
        self,
        field: LeoField | AsyncLeoField,
        account: Account | None = None,
        runner: asyncio.Runner | None = None,
    ) -> None:
        self._field = field
        self._account = account or Account()
        self._runner = runner
        self._task: asyncio.Task[Any] | None = None

    @property
    def view(self) -> View:
        return self._field.view

    @property
    def pulse(self) -> Pulse | None:
        latest = self._field.latest
        return None if latest is None else latest.pulse

    @property
    def discipline(self) -> Discipline:
        return self._field.discipline

    def memory(self) -> list[str]:
        dropped = self._field.dropped
        told = labelled("dropped", f"{dropped:,} inner replies, because too many called")
        return [*describe_memory(self._field.latest), *(told if dropped else [])]

    def why(self, steps: bool = False) -> str:
        latest = self._field.latest
        if steps or latest is None or not self._account.returned:
            return explain_reply(self._account, latest, self._field.program)
        return tell_reply(latest, self.view)

    @property
    def spoken_to(self) -> bool:
        """Whether anybody had spoken to the field before this conversation."""
        return self._account.start.get("snapshots", 0) > 0

    def observe(self, text: str) -> None:
        """Take in a text. It is part of no reply, so the account does not see it."""
        self.finish()
        self._account.enabled = False
        try:
            self._run(lambda session: self._field.observe(text), "s1")
        finally:
            self._account.enabled = True

    def speak(self, prompt: str, session: str = "s1") -> str:
        return self._run(partial(self._field.reply, prompt), session)

    def settle(self, session: str = "s1") -> None:
        """Carry out the inner replies of a session. Raises what went wrong with one."""
        # The loop stands still between two calls: they would wait for the next prompt.
        self._run(self._field.settle, session)

    def _run(self, work: Callable[[str], T | Awaitable[T]], session: str) -> T:
        if self._runner is None:
            return cast(T, work(session))
        self.finish()

        async def watched() -> T:
            self._task = asyncio.current_task()
            return await cast(Awaitable[T], work(session))

        return self._runner.run(watched())

    def finish(self) -> None:
        """Bring an abandoned reply, or what should have followed one, to its end."""
        task = self._task
        if self._runner is None or task is None or task.done():
            return

        async def ended() -> None:
            await asyncio.wait((task,))

        self._runner.run(ended())
        if not task.cancelled():
            # What went wrong with it, nobody asks any more.
            task.exception()


@contextmanager
def opened(arguments: Namespace) -> Iterator[Speaker]:
    """A field for a conversation, as `configure_field` asks for it, closed at the end."""
    path, account = arguments.field, Account()
    given: dict[str, Any] = {"seed": arguments.seed, "discipline": arguments.discipline}
    given["modules"] = MODULES if arguments.modules == "all" else ()
    if DISCIPLINES[arguments.discipline].runtime != "asyncio":
        with LeoField.open(path, tracer=account, **given) as field:
            yield Speaker(field, account)
        return
    with asyncio.Runner() as runner:
        afield = runner.run(AsyncLeoField.open(path, tracer=account, **given))
        speaker = Speaker(afield, account, runner)
        try:
            yield speaker
        finally:
            speaker.finish()
            runner.run(afield.close())
