"""One execution of a program: which action comes next, without deciding who carries it out.

A turn turns the program into operations, in order. A driver takes them one by one and carries each
out where it belongs, so every driver performs the same actions and differs only in what may happen
between two of them. Each operation records its own event at the moment when it happens, on the
thread where it happens.

How a reply ends, too, is decided here, from the last action that was carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from leo import sql
from leo.actions import STORE_WRITES, Action
from leo.delta import Delta
from leo.errors import StepError, UndeclaredError
from leo.program import Given, ReplyState, Step, Writes
from leo.recall import Memory
from leo.schema import Connection
from leo.sql import NewSnapshot

if TYPE_CHECKING:
    from leo.instance import Instance

__all__ = ["Ending", "OnLoop", "OnStore", "Operation", "Turn"]

NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class OnStore:
    """An action that is one operation of the store."""

    action: Action
    work: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class OnLoop:
    """An action in memory, which nothing on the same loop can interrupt."""

    action: Action
    work: Callable[[], None]


Operation = OnStore | OnLoop


class Ending:
    """How a reply ends when it does not return.

    CancelledError: `Cancel`, or `CancelApplied` when the last action was a write of the store.
    Anything else: `Raise`, and an ordinary exception goes on as a StepError. A reply that was not
    called yet leaves no event.
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
        called = turn.last is not None
        # Even a recorder that fails must not leave the lock with a reply that has ended.
        try:
            if called and isinstance(error, asyncio.CancelledError):
                applied = turn.last in STORE_WRITES
                turn.record(Action.CancelApplied if applied else Action.Cancel, outcome="cancelled")
            elif called:
                turn.record(Action.Raise, outcome="raised")
        finally:
            self._free()
        if called and isinstance(error, Exception):
            raise StepError(turn.step, turn.reply, error) from error


class Turn:
    """A reply on its way. `last` is the action carried out last, `step` the step being run."""

    def __init__(self, instance: Instance, session: str, prompt: str) -> None:
        self.instance = instance
        self.session = session
        self.prompt = prompt
        self.reply = ""
        self.step = "call"
        self.last: Action | None = None
        self.state: ReplyState | None = None

    def call(self) -> None:
        """Call: the reply gets its number."""
        self.reply, self.state = self.instance.call(self.session, self.prompt)
        self.record(Action.Call)

    def operations(self) -> Iterator[Operation]:
        """The program's actions under step commit: each write is a transaction and shows in the
        view.
        """
        assert self.state is not None, "a turn is called first"
        for step in self.instance.program:
            self.step = step.name
            memories: list[Memory] = []
            if Action.Recall in step.actions:
                yield OnStore(Action.Recall, partial(self._recall, memories))
            if Action.Generate in step.actions:
                yield OnLoop(Action.Generate, partial(self._generate, step))
                continue
            given = Given(memories if "snapshots" in step.reads else None)
            writes = _declared(step, step.function(self.state, given))
            if writes.ngrams is not None:
                yield from self._observe(writes.ngrams)
            if writes.snapshot is not None:
                yield OnStore(Action.SaveSnapshot, partial(self._save, writes.snapshot))
        self.step = "release"

    def record(
        self,
        action: Action,
        reads: Mapping[str, int] = NOTHING,
        writes: Mapping[str, int] = NOTHING,
        *,
        outcome: str = "ok",
    ) -> None:
        """An action of this reply was carried out just now."""
        self.last = action
        self.instance.record(action, self.session, self.reply, reads, writes, outcome)

    def ending(self, free: Callable[[], None] = lambda: None) -> Ending:
        """A block around the reply's actions: whatever leaves it early ends the reply.

        `free` gives back the lock; it is called together with the record, nothing comes in between.
        """
        return Ending(self, free)

    def returned(self) -> str:
        """Return: the reply ends with an answer."""
        assert self.state is not None, "a turn is called first"
        self.record(Action.Return, outcome="returned")
        return self.state.text

    def _recall(self, into: list[Memory], conn: Connection) -> None:
        version, memories = sql.get_memories(conn)
        into.extend(memories)
        self.record(Action.Recall, reads={"snapshots": version})

    def _observe(self, delta: Delta) -> Iterator[Operation]:
        view = self.instance.view
        # What is loaded is the difference to the view of this moment, whatever the view is when it
        # comes.
        base2 = view.bigrams.now
        loaded2 = base2

        def ingest(conn: Connection) -> None:
            version = sql.process_delta(conn, delta)
            self.record(Action.Ingest, writes={"ngrams": version})

        def load_bigrams(conn: Connection) -> None:
            nonlocal loaded2
            version, rows = sql.load_bigrams(conn, base2.version)
            loaded2 = view.bigrams.loaded(base2, version, rows)
            self.record(Action.LoadBigrams, reads={"bigrams": version})

        yield OnStore(Action.Ingest, ingest)
        base2 = view.bigrams.now
        yield OnStore(Action.LoadBigrams, load_bigrams)
        base3 = view.trigrams.now
        loaded3 = base3

        def load_trigrams(conn: Connection) -> None:
            nonlocal loaded3
            version, rows = sql.load_trigrams(conn, base3.version)
            loaded3 = view.trigrams.loaded(base3, version, rows)
            self.record(Action.LoadTrigrams, reads={"trigrams": version})

        def assign() -> None:
            view.assign(loaded2, loaded3)
            self.record(Action.AssignView, writes=view.versions())

        yield OnStore(Action.LoadTrigrams, load_trigrams)
        yield OnLoop(Action.AssignView, assign)

    def _generate(self, step: Step) -> None:
        assert self.state is not None, "a turn is called first"
        view = self.instance.view
        _declared(step, step.function(self.state, Given(view=view)))
        self.record(Action.Generate, reads=view.versions())

    def _save(self, new: NewSnapshot, conn: Connection) -> None:
        version = sql.process_snapshot(conn, new)
        self.record(Action.SaveSnapshot, writes={"snapshots": version})


def _declared(step: Step, writes: Writes) -> Writes:
    """The writes, when the step declares them. Raises UndeclaredError otherwise."""
    for name, value in (("ngrams", writes.ngrams), ("snapshots", writes.snapshot)):
        if value is not None and name not in step.writes:
            raise UndeclaredError(f"the step writes {name!r} without declaring it")
    return writes
