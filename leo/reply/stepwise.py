"""Step commit: each write of a reply is a transaction of its own, and shows in the view at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from leo.actions import Action
from leo.field.counts import Delta
from leo.field.recall import Memory
from leo.reply.context import Rows
from leo.reply.program import Given, Step
from leo.reply.turn import OnLock, OnLoop, OnStore, Operation, Turn, declared
from leo.store import operations as sql
from leo.store import rows
from leo.store.connection import Connection
from leo.store.operations import NewSnapshot

__all__ = ["Found", "on_store", "recalling", "refresh", "step_commit"]

Work = Callable[[Connection], None]


@dataclass(slots=True)
class Found:
    """What Recall brought from the store: memories, or the rows of every module."""

    memories: list[Memory] = field(default_factory=list)
    rows: dict[str, Rows] = field(default_factory=dict)

    def given_to(self, step: Step) -> Given:
        """As much of it as the step declares to read."""
        return Given(
            self.memories if "snapshots" in step.reads else None,
            rows=self.rows if Action.Recall in step.actions else None,
        )


def step_commit(turn: Turn) -> Iterator[Operation]:
    """The program's actions, each write committed by itself."""
    for step in turn.instance.program:
        turn.step = step.name
        found = Found()
        if Action.Recall in step.actions:
            yield recalling(turn, found)
        if Action.Generate in step.actions:
            yield from _generating(turn, step)
            continue
        writes = declared(step, step.function(turn.state, found.given_to(step)))
        if writes.ngrams is not None:
            yield from _observing(turn, writes.ngrams)
        if writes.snapshot is not None:
            yield on_store(turn, Action.SaveSnapshot, partial(_save, turn, writes.snapshot))
    turn.step = "release"


def on_store(turn: Turn, action: Action, work: Work) -> OnStore:
    """An operation whose effect and event are one moment, whoever else uses the store."""

    def at_once(conn: Connection) -> None:
        with turn.instance.moment():
            work(conn)

    return OnStore(action, at_once)


def recalling(turn: Turn, into: Found) -> OnStore:
    """Recall: what the store has for the reply goes `into` what was found, by one read."""
    chorus = turn.state.chorus
    if chorus is None:

        def recall(conn: Connection) -> None:
            version, memories = sql.get_memories(conn)
            into.memories.extend(memories)
            turn.record(Action.Recall, reads={"snapshots": version})

        return on_store(turn, Action.Recall, recall)
    moment = chorus.moment
    given = rows.parameters(moment.session, moment.tokens, moment.now)

    def recall_rows(conn: Connection) -> None:
        version, found = sql.get_rows(conn, chorus.modules, given)
        into.rows.update(found)
        turn.record(Action.Recall, reads={"snapshots": version})

    return on_store(turn, Action.Recall, recall_rows)


def refresh(turn: Turn) -> Iterator[Operation]:
    """LoadBigrams, LoadTrigrams, AssignView: each table by its own read, then both at once."""
    view = turn.instance.view
    # What is loaded is the difference to the view of this moment, whatever the view is when it
    # comes.
    base2 = view.bigrams.now
    loaded2 = base2

    def load_bigrams(conn: Connection) -> None:
        nonlocal loaded2
        version, change = sql.load_bigrams(conn, base2.version)
        loaded2 = view.bigrams.loaded(base2, version, change)
        turn.record(Action.LoadBigrams, reads={"bigrams": version})

    yield on_store(turn, Action.LoadBigrams, load_bigrams)
    base3 = view.trigrams.now
    loaded3 = base3

    def load_trigrams(conn: Connection) -> None:
        nonlocal loaded3
        version, change = sql.load_trigrams(conn, base3.version)
        loaded3 = view.trigrams.loaded(base3, version, change)
        turn.record(Action.LoadTrigrams, reads={"trigrams": version})

    def assign() -> None:
        view.assign(loaded2, loaded3)
        turn.record(Action.AssignView, writes=view.versions())

    yield on_store(turn, Action.LoadTrigrams, load_trigrams)
    yield OnLoop(Action.AssignView, assign)


def _observing(turn: Turn, delta: Delta) -> Iterator[Operation]:
    if turn.instance.discipline.reentrant:
        # The published code would call its own locked `observe` here; whoever carries this out
        # finds that it never comes back.
        yield OnLock(Action.Reenter, partial(turn.record, Action.Reenter))

    def ingest(conn: Connection) -> None:
        version = sql.process_delta(conn, delta)
        turn.record(Action.Ingest, writes={"ngrams": version})

    yield on_store(turn, Action.Ingest, ingest)
    yield from refresh(turn)


def _generating(turn: Turn, step: Step) -> Iterator[Operation]:
    view = turn.instance.view

    def generate() -> None:
        declared(step, step.function(turn.state, Given(view=view)))

    def whole() -> None:
        generate()
        turn.record(Action.Generate, reads=view.versions())

    if turn.instance.discipline.runtime != "threads":
        yield OnLoop(Action.Generate, whole)
        return
    # The bigrams are those of the beginning, as a local name bound to them would be; the trigrams
    # are looked up later, and are what they have become by then.
    bigrams = view.bigrams.now

    def begin() -> None:
        nonlocal bigrams
        bigrams = view.bigrams.now
        turn.record(Action.GenerateBegin, reads=view.versions())

    def end() -> None:
        reads = view.versions()
        with view.bound(bigrams):
            generate()
        turn.record(Action.GenerateEnd, reads=reads)

    yield OnLoop(Action.GenerateBegin, begin)
    yield OnLoop(Action.GenerateEnd, end)


def _save(turn: Turn, new: NewSnapshot, conn: Connection) -> None:
    version = sql.process_snapshot(conn, new)
    turn.record(Action.SaveSnapshot, writes={"snapshots": version})
