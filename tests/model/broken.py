"""Eleven broken organisms: what each of them gets wrong, and under which discipline it is tried.

The doubles are made of the real drivers; each changes one thing.  The specification is that of the
discipline that the organism claims to follow, so an exploration has to find either a property that
falls although it is claimed to hold, or an event that is no step at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from leo.actions import Action
from leo.disciplines import DISCIPLINES, Discipline
from leo.drivers.actor import Actor
from leo.drivers.tasks import Driver, Gate
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.reply.commit import _Unit, on_store
from leo.reply.program import Step
from leo.reply.turn import Instance, Operation, Turn
from leo.store import operations as sql
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.ngrams import add
from leo_model.organism.case import Case
from leo_model.organism.organism import Organism

Field = AsyncLeoField | LeoField
Alter = Callable[[Field], None]


@dataclass(frozen=True)
class Broken:
    """A double: the case under which it is explored, and what is different about it."""

    name: str
    case: Case
    discipline: Discipline | None = None
    alter: Alter | None = None

    def organism(self) -> Organism:
        return Organism(self.case, most=1, discipline=self.discipline, alter=self.alter)


class ReleasedEarly(Driver):
    """Gives the lock back before the snapshot is saved, and takes it again for the rest."""

    async def pass_gate(self, turn: Turn, action: Action) -> None:
        lock = self.lock
        assert isinstance(lock, asyncio.Lock)
        if action is Action.SaveSnapshot:
            lock.release()
            await super().pass_gate(turn, action)
            await lock.acquire()
        else:
            await super().pass_gate(turn, action)


class TwoWriters(Actor):
    """An actor whose queue is served by two owners."""

    def __init__(self, store: AsyncStore, instance: Instance, gate: Gate | None) -> None:
        super().__init__(store, instance, gate)
        self._other = asyncio.create_task(self._own())


class DecaysOutside(Driver):
    """When it has given the lock back it lets the memory fade: the tables of a moment ago."""

    async def leave(self, turn: Turn) -> str:
        view = self.instance.view
        two, three = view.bigrams.now, view.trigrams.now
        await self.pass_gate(turn, Action.Return)
        view.assign(two, three)
        return turn.returned()


class Unchecked(_Unit):
    """Commits without a look at the versions that it began with."""

    def _begin(self, conn: Connection) -> None:
        self.turn.record(Action.Begin)


class Stale(_Unit):
    """Never brings the view up to date with the commits of another instance."""

    def _begin_immediate(self, conn: Connection) -> None:
        super()._begin_immediate(conn)
        self.stale = False


class Blind(_Unit):
    """Generates from the view, and not from its own buffer over it."""

    def _generating(self, step: Step) -> Iterator[Operation]:
        kept, self.delta = self.delta, None
        yield from super()._generating(step)
        self.delta = kept


class SnapshotOutside(_Unit):
    """Saves the snapshot in a transaction of its own, before the one of the unit."""

    def attempt(self) -> Iterator[Operation]:
        for operation in super().attempt():
            if operation.action is Action.SaveSnapshot:
                yield on_store(self.turn, Action.SaveSnapshot, self._keep)
            else:
                yield operation

    def _keep(self, conn: Connection) -> None:
        assert self.snapshot is not None
        self.kept = sql.process_snapshot(conn, self.snapshot)
        self.turn.record(Action.SaveSnapshot)

    def _commit(self, conn: Connection) -> None:
        assert self.delta is not None
        done = sql.process_text(conn, self.delta)
        self.committed = sql.Committed(done.version, self.kept, done)
        writes = {"ngrams": done.version, "snapshots": self.kept}
        self.turn.record(Action.Commit, writes=writes)


class SwappedBefore(_Unit):
    """Gives the view what the commit will add, one step before the commit."""

    def attempt(self) -> Iterator[Operation]:
        for operation in super().attempt():
            if operation.action is Action.Commit:
                yield on_store(self.turn, Action.SwapView, self._try_out)
            if operation.action is not Action.SwapView:
                yield operation

    def _try_out(self, conn: Connection) -> None:
        assert self.delta is not None
        conn.execute("BEGIN IMMEDIATE")
        done = add(conn, self.delta)
        conn.execute("ROLLBACK")
        view = self.turn.instance.view
        view.swap(done.growth, done.decayed)
        self.turn.record(Action.SwapView, writes=view.versions())


def driven_by(kind: type[Driver]) -> Alter:
    """Exchange who carries out the replies."""

    def alter(field: Field) -> None:
        assert isinstance(field, AsyncLeoField)
        field._driver = kind(field._store, field._instance, field._driver.gate)

    return alter


def made_of(kind: type[_Unit]) -> Alter:
    """Exchange the unit of work."""

    def operations(turn: Turn) -> Iterator[Operation]:
        yield from kind(turn, 0).attempt()
        turn.step = "release"

    def alter(field: Field) -> None:
        driver = field if isinstance(field, LeoField) else field._driver
        driver.operations = operations

    return alter


def told_wrong(discipline: str, **answers: object) -> Discipline:
    """A discipline's entry with other answers."""
    return replace(DISCIPLINES[discipline], **answers)  # type: ignore[arg-type]


LOCK, UNIT, SHIELD = "asyncio-lock", "unit-of-work", "shielded-unit-of-work"
CANCEL = ("Cancel",)

BROKEN = (
    Broken("no lock", Case(LOCK), told_wrong(LOCK, lock="none")),
    Broken("lock released early", Case(LOCK), alter=driven_by(ReleasedEarly)),
    Broken("view swapped before commit", Case(SHIELD), alter=made_of(SwappedBefore)),
    Broken("commit without versions", Case("optimistic"), alter=made_of(Unchecked)),
    Broken("shield removed", Case(SHIELD, faults=CANCEL), told_wrong(SHIELD, shielded=False)),
    Broken(
        "snapshot written outside the unit",
        Case(SHIELD, faults=CANCEL),
        alter=made_of(SnapshotOutside),
    ),
    Broken("memory decay outside the lock", Case(SHIELD), alter=driven_by(DecaysOutside)),
    Broken("nested observe", Case(LOCK), told_wrong(LOCK, reentrant=True)),
    Broken("two writers", Case("actor"), alter=driven_by(TwoWriters)),
    Broken("own observation not read", Case(UNIT), alter=made_of(Blind)),
    Broken("stale refresh", Case("shared-store-immediate"), alter=made_of(Stale)),
)
