"""The actions of a reply, in order: each write committed by itself, or all of them together.

Step commit: each write is a transaction of its own, and the view gets it at once.

Unit of work: the writes go into a buffer, and are committed in one transaction or not at all. The
reply generates from the view with its own buffer over it; after the commit the buffer is added to
the view. The discipline chooses the transaction around the reads:

    none        each read by itself; the reply that holds the instance's lock is alone
    deferred    SQLite's snapshot from the first read on; the commit fails if the store has changed
    immediate   SQLite's write lock before the first read, and a view that is brought up to date
    checked     none; if the commit finds other versions than were read, the reply starts again
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, repeat
from threading import Event

from leo.actions import Action
from leo.errors import ConflictError, StoreLockedError, StoreMovedError
from leo.field.counts import Delta
from leo.field.decay import is_due
from leo.field.overlay import Overlay
from leo.field.recall import Memory
from leo.reply.program import Given, Step, declared
from leo.reply.turn import OnLock, OnLoop, OnStore, Operation, Turn
from leo.store.connection import Connection, begin_writing
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.operations import (
    Committed,
    NewSnapshot,
    check_unmoved,
    get_memories,
    get_rows,
    get_versions,
    moved,
    process_delta,
    process_reply,
    process_snapshot,
)
from leo.store.rows import Rows, parameters

Work = Callable[[Connection], None]

# Optimistic replies can be overtaken for ever; this many times is a sign that a lock is needed.
ATTEMPTS = 1000
# Seconds between two looks at SQLite's write lock: the first few, then each.
PAUSES, PAUSE = (0.001, 0.002), 0.004


def operations(turn: Turn) -> Iterator[Operation]:
    """The actions of a turn under its discipline, in order."""
    unit = turn.instance.discipline.commit == "reply"
    return unit_of_work(turn) if unit else step_commit(turn)


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

    def save(new: NewSnapshot) -> Iterator[Operation]:
        def write(conn: Connection) -> None:
            version = process_snapshot(conn, new, turn.instance.expected(conn))
            turn.instance.wrote(snapshots=version)
            turn.record(Action.SaveSnapshot, writes={"snapshots": version})

        yield on_store(turn, Action.SaveSnapshot, write)

    yield from _steps(turn, partial(_generating, turn), partial(_observing, turn), save)
    turn.step = "release"


def _steps(
    turn: Turn,
    generate: Callable[[Step], Iterator[Operation]],
    ingest: Callable[[Delta], Iterator[Operation]],
    save: Callable[[NewSnapshot], Iterator[Operation]],
) -> Iterator[Operation]:
    for step in turn.instance.program:
        turn.step = step.name
        found = Found()
        if Action.Recall in step.actions:
            yield recalling(turn, found)
        if Action.Generate in step.actions:
            yield from generate(step)
            continue
        writes = declared(step, step.function(turn.state, found.given_to(step)))
        if writes.ngrams is not None:
            yield from ingest(writes.ngrams)
        if writes.snapshot is not None:
            yield from save(writes.snapshot)


def on_store(turn: Turn, action: Action, work: Work) -> OnStore:
    """An operation whose effect and event are one moment for all users of the store."""

    def at_once(conn: Connection) -> None:
        with turn.instance.moment():
            work(conn)

    return OnStore(action, at_once)


def recalling(turn: Turn, into: Found) -> OnStore:
    """Recall: what the store has for the reply goes `into` what was found, by one read."""

    def recall(conn: Connection) -> None:
        chorus = turn.state.chorus
        if chorus is None:
            version, into.memories = get_memories(conn)
        else:
            moment = chorus.moment
            given = parameters(moment.session, moment.tokens, moment.now)
            version, into.rows = get_rows(conn, chorus.modules, given)
        turn.instance.check_read(conn, "snapshots", version)
        turn.record(Action.Recall, reads={"snapshots": version})

    return on_store(turn, Action.Recall, recall)


def refresh(turn: Turn) -> Iterator[Operation]:
    """LoadBigrams, LoadTrigrams, AssignView: each table by its own read, then both at once."""
    view = turn.instance.view
    # What is loaded is the difference to the view of this moment; by then the view may be another.
    base2 = view.bigrams.now
    loaded2 = base2

    def load_two(conn: Connection) -> None:
        nonlocal loaded2
        version, change = load_bigrams(conn, base2.version)
        turn.instance.check_read(conn, "ngrams", version)
        loaded2 = view.bigrams.loaded(base2, version, change)
        turn.record(Action.LoadBigrams, reads={"bigrams": version})

    yield on_store(turn, Action.LoadBigrams, load_two)
    base3 = view.trigrams.now
    loaded3 = base3

    def load_three(conn: Connection) -> None:
        nonlocal loaded3
        version, change = load_trigrams(conn, base3.version)
        turn.instance.check_read(conn, "ngrams", version)
        loaded3 = view.trigrams.loaded(base3, version, change)
        turn.record(Action.LoadTrigrams, reads={"trigrams": version})

    def assign() -> None:
        view.assign(loaded2, loaded3)
        turn.record(Action.AssignView, writes=view.versions())

    yield on_store(turn, Action.LoadTrigrams, load_three)
    yield OnLoop(Action.AssignView, assign)


def _observing(turn: Turn, delta: Delta) -> Iterator[Operation]:
    if turn.instance.discipline.reentrant:
        # The published code would call its own locked `observe` here; the driver finds that
        # it never comes back.
        yield OnLock(Action.Reenter, partial(turn.record, Action.Reenter))

    def ingest(conn: Connection) -> None:
        version = process_delta(conn, delta, turn.instance.expected(conn))
        turn.instance.wrote(ngrams=version)
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


def unit_of_work(turn: Turn) -> Iterator[Operation]:
    """The program's actions, committed together."""
    for attempts_left in reversed(range(ATTEMPTS)):
        unit = _Unit(turn, attempts_left)
        yield from unit.attempt()
        if unit.committed is not None:
            break
        turn.restart()
    turn.step = "release"


class _Unit:
    """One attempt: the buffer, and what the attempt relies on."""

    def __init__(self, turn: Turn, attempts_left: int) -> None:
        self.turn = turn
        self.attempts_left = attempts_left
        self.delta: Delta | None = None
        self.snapshot: NewSnapshot | None = None
        self.committed: Committed | None = None
        # The store's versions at Begin, when they are checked; the version that was spoken from.
        self.expected: dict[str, int] | None = None
        self.saw = 0
        self.stale = False

    def attempt(self) -> Iterator[Operation]:
        turn = self.turn
        turn.step = "begin"
        yield self._beginning()
        if self.stale:
            yield from refresh(turn)
        yield from _steps(turn, self._generating, self._ingesting, self._saving)
        turn.step = "commit"
        yield self._committing()
        if self.committed is not None:
            yield OnLoop(Action.SwapView, self._swap)

    def _beginning(self) -> Operation:
        turn = self.turn
        transaction = turn.instance.discipline.transaction
        if transaction == "none":
            return OnLoop(Action.Begin, lambda: turn.record(Action.Begin))
        if transaction == "immediate":
            return OnStore(Action.Begin, self._begin_immediate)
        return on_store(turn, Action.Begin, self._begin)

    def _begin(self, conn: Connection) -> None:
        if self.turn.instance.discipline.transaction == "deferred":
            conn.execute("BEGIN DEFERRED")
            self.turn.open = True
        else:
            # Others than this instance would never be noticed by its view: to start again would not
            # help.
            check_unmoved(conn, self.turn.instance.expected(conn))
            self.expected = get_versions(conn)
        self.turn.record(Action.Begin)

    def _begin_immediate(self, conn: Connection) -> None:
        turn = self.turn

        def begun() -> None:
            turn.open = True
            view = turn.instance.view
            store = get_versions(conn)["ngrams"]
            self.stale = (view.bigrams.version, view.trigrams.version) != (store, store)
            turn.record(Action.Begin)

        def busy() -> None:
            turn.ended = True
            turn.record(Action.Busy)

        self._writing(conn, begun, busy)

    def _writing(
        self, conn: Connection, work: Callable[[], None], busy: Callable[[], None] = lambda: None
    ) -> None:
        """Do something with SQLite's write lock in hand, in one moment with taking it; `busy` is
        done when others have kept it beyond the timeout.

        Poll, as SQLite's busy handler does: its own would keep the moment from the holder of
        the lock, and so the lock from us; and a transaction that has read does not ask it at all.
        """
        # With a timeout of 0 the caller is told at once.
        patience = PAUSES if conn.timeout else ()
        pauses = chain(patience, repeat(PAUSE, int(conn.timeout / PAUSE)))
        while True:
            with self.turn.instance.moment():
                if begin_writing(conn):
                    work()
                    return
                pause = next(pauses, None)
                if pause is None:
                    busy()
                    raise StoreLockedError(
                        f"{conn.path}: other writers have kept the field locked beyond the busy "
                        "timeout; nothing was written: try again when they have finished"
                    )
            Event().wait(pause)

    def _ingesting(self, delta: Delta) -> Iterator[Operation]:
        self.delta = delta
        yield OnLoop(Action.Ingest, lambda: self.turn.record(Action.Ingest))

    def _saving(self, new: NewSnapshot) -> Iterator[Operation]:
        self.snapshot = new
        yield OnLoop(Action.SaveSnapshot, lambda: self.turn.record(Action.SaveSnapshot))

    def _generating(self, step: Step) -> Iterator[Operation]:
        turn = self.turn
        view = turn.instance.view

        def generate() -> None:
            decays = is_due(view.bigrams.version + 1)
            seen = view if self.delta is None else Overlay(view, self.delta, decays=decays)
            declared(step, step.function(turn.state, Given(view=seen)))
            self.saw = view.bigrams.version
            # As what was read tells it: a trace shows whether the buffer was over the view.
            turn.record(Action.Generate, reads={**view.versions(), "buffer": seen.own})

        yield OnLoop(Action.Generate, generate)

    def _committing(self) -> OnStore:
        turn = self.turn
        if turn.instance.discipline.transaction == "deferred":
            return OnStore(Action.Commit, self._commit_deferred)
        return on_store(turn, Action.Commit, self._commit)

    def _commit_deferred(self, conn: Connection) -> None:
        try:
            self._writing(conn, partial(self._commit, conn))
        except StoreMovedError:
            self.turn.ended = True
            self.turn.record(Action.BusySnapshot)
            raise

    def _commit(self, conn: Connection) -> None:
        turn, instance, checked = self.turn, self.turn.instance, self.expected is not None
        assert self.delta is not None and self.snapshot is not None, "the program writes both"
        expected = self.expected or instance.expected(conn)
        if checked and expected is not None and expected["ngrams"] != self.saw:
            # The view was still without a commit that the store had, when this reply spoke.
            self._retry()
            return
        try:
            ids = instance.view.words.ids
            done = process_reply(conn, self.delta, self.snapshot, expected, ids)
        finally:
            turn.open = conn.in_transaction
        if done is None:
            if not checked and expected is not None:
                raise moved(conn, get_versions(conn), expected)
            self._retry()
            return
        self.committed = done
        instance.wrote(ngrams=done.ngrams, snapshots=done.snapshots)
        versions = {"ngrams": done.ngrams, "snapshots": done.snapshots}
        turn.record(Action.Commit, writes=versions)

    def _retry(self) -> None:
        if not self.attempts_left:
            raise ConflictError(
                f"other replies of this instance have come first {ATTEMPTS} times in a row; "
                "under this load choose a discipline with a lock"
            )
        self.turn.record(Action.Retry)

    def _swap(self) -> None:
        assert self.committed is not None, "committed before"
        done = self.committed.observed
        view = self.turn.instance.view
        checked = self.turn.instance.discipline.transaction == "checked"
        # Without a lock an observation outside a reply may have come first. It has brought the view
        # to a later version of the store, which has this reply.
        if not checked or view.bigrams.version < self.committed.ngrams:
            view.swap(done.growth, done.decayed)
        self.turn.record(Action.SwapView, writes=view.versions())
