"""One execution of a program: what happened so far, and how it ends.

A turn's operations (`leo.reply.stepwise`, `leo.reply.unit`) are the program's actions in order. A
driver takes them one by one and carries each out where it belongs, so every driver performs the
same actions and differs only in what may happen between two of them. Each operation records its own
event at the moment when it happens, on the thread where it happens.

How a reply ends, too, is decided here, from the last action that was carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from leo.actions import Action
from leo.errors import DeadlockError, StepError, UndeclaredError
from leo.reply.context import InnerReply
from leo.reply.program import ReplyState, Step, Writes
from leo.store.connection import Connection

if TYPE_CHECKING:
    from leo.reply.instance import Instance

__all__ = ["Ending", "OnLock", "OnLoop", "OnStore", "Operation", "Turn", "declared"]

# Never changed.
NOTHING: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class OnStore:
    """An action that is one operation of the store."""

    action: Action
    work: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class OnLoop:
    """An action in memory, which nothing on the same loop (or under the same latch) can
    interrupt.
    """

    action: Action
    work: Callable[[], None]


@dataclass(frozen=True, slots=True)
class OnLock:
    """An action after which the reply asks for the lock that it holds."""

    action: Action
    work: Callable[[], None]


Operation = OnStore | OnLoop | OnLock


class Ending:
    """How a reply ends when it does not return.

    CancelledError: `Cancel`, or `CancelApplied` when the last action was a write carried out. A
    deadlock is ended by its watchdog's cancellation. Anything else: `Raise`, and an ordinary
    exception goes on as a StepError. A reply that was not called yet leaves no event.
    """

    def __init__(self, turn: Turn, free: Callable[[], None]) -> None:
        self._turn = turn
        self._free = free

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            return
        turn = self._turn
        # Even a recorder that fails must not leave the lock with a reply that has ended.
        try:
            turn.end(error)
        finally:
            self._free()
        ordinary = isinstance(error, Exception) and not isinstance(error, DeadlockError)
        if turn.last is not None and ordinary:
            raise StepError(turn.step, turn.reply, error) from error


class Turn:
    """A reply on its way. `last` is the action carried out last, `step` the step being run.

    `open`: a transaction of the store is open from one operation to the next. `ended`: how the
    reply ended early has been recorded. `inner` describes the reply if a module asked for it.
    """

    def __init__(
        self, instance: Instance, session: str, prompt: str, inner: InnerReply | None = None
    ) -> None:
        self.instance = instance
        self.session = session
        self.prompt = prompt
        self.inner = inner
        self.reply = ""
        self.step = "call"
        self.last: Action | None = None
        self.open = False
        self.ended = False
        self._state: ReplyState | None = None

    @property
    def state(self) -> ReplyState:
        """What the reply carries from step to step."""
        assert self._state is not None, "a turn is called first"
        return self._state

    @property
    def shielded(self) -> bool:
        """Committed, and the view has not taken it yet: a cancellation has to wait."""
        return self.last is Action.Commit and self.instance.discipline.shielded

    def call(self) -> None:
        """Call: the reply gets its number."""
        self.reply, self._state = self.instance.call(self.session, self.prompt, self.inner)
        self.record(Action.Call)

    def restart(self) -> None:
        """Forget what an attempt made, its use of chance included."""
        now = self.state.now
        self._state = self.instance.state(self.reply, self.prompt, now, self.inner)

    def record(
        self,
        action: Action,
        reads: dict[str, int] = NOTHING,
        writes: dict[str, int] = NOTHING,
        *,
        outcome: str = "ok",
    ) -> None:
        """An action of this reply was carried out just now. Nobody changes what is given."""
        self.last = action
        self.instance.record(action, self.session, self.reply, reads, writes, outcome)

    def end(self, error: BaseException) -> None:
        """The reply ends early: record how, once."""
        if self.last is None or self.ended:
            return
        self.ended = True
        if isinstance(error, asyncio.CancelledError):
            applied = self.last in self.instance.discipline.carried_out
            self.record(Action.CancelApplied if applied else Action.Cancel, outcome="cancelled")
        elif isinstance(error, DeadlockError):
            self.record(Action.Cancel, outcome="cancelled")
        else:
            self.record(Action.Raise, outcome="raised")

    def abandon(self, error: BaseException, conn: Connection) -> None:
        """On the store: roll back, and record the end in the same moment.

        Whoever waits for the write lock has it as soon as it is free; its event must not come
        before the one that freed it.
        """
        with self.instance.moment():
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            self.open = False
            self.end(error)

    def ending(self, free: Callable[[], None] = lambda: None) -> Ending:
        """A block around the reply's actions: whatever leaves it early ends the reply.

        `free` gives back the lock; it is called together with the record, nothing comes in between.
        """
        return Ending(self, free)

    def returned(self) -> str:
        """Return: the reply ends with an answer."""
        self.record(Action.Return, outcome="returned")
        self.instance.returned(self)
        return self.state.text


def declared(step: Step, writes: Writes) -> Writes:
    """The writes, when the step declares them. Raises UndeclaredError otherwise."""
    for name, value in (("ngrams", writes.ngrams), ("snapshots", writes.snapshot)):
        if value is not None and name not in step.writes:
            raise UndeclaredError(f"the step writes {name!r} without declaring it")
    return writes
