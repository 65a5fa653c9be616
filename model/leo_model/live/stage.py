"""The stage: the real organism, held at the gate of every action, and judged as it goes.

Sessions talk to one field. Each action of a reply waits at a gate until it is let through: at once,
after a pause, or by a click. Every event goes into a recording that `leo validate` reads, and
through the native checker, which names a broken property at the event that broke it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec.structs import asdict

from leo.actions import Action
from leo.disciplines import get_discipline
from leo.errors import DeadlockError, LeoError, TraceFileError
from leo.front.tasks import AsyncLeoField
from leo.published.february import February
from leo.reply.turn import Instance
from leo.store.asynchronous import AsyncStore
from leo.store.owner import Owner
from leo.trace.events import Beginning, Happened, event_of, header_of
from leo.trace.recorder import NdjsonRecorder
from leo_model.checking.claims import HOLDS, NOT_APPLICABLE, load_claims
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError
from leo_model.machine.properties import PROPERTIES
from leo_model.traces.native import Checker

__all__ = ["ON_STAGE", "Injected", "Person", "Stage", "Tell"]

# Tells watchers that something of a kind happened: the kind, and by name what is ready for JSON.
Tell = Callable[..., None]

FEBRUARY: Final = "published-february"
# Threads cannot be held at a gate of the event loop.
ON_STAGE: Final = tuple(
    name
    for name, rules in DISCIPLINES.items()
    if not rules.threads and name != "sequential" and (not rules.published or name == FEBRUARY)
)
RUN: Final = "live"
WRITER: Final = "w1"
STORE: Final = "main"
# What a whole reply writes.
STORED: Final = frozenset({"ngrams", "snapshots"})
# No reply has begun before its Call, and none can be stopped at its Return.
SAFE: Final = frozenset({Action.Call, Action.Return})


class Injected(Exception):
    """The exception that a click made a step raise, or that ends what a dead process had begun."""


@dataclass(slots=True)
class Person:
    """Somebody who talks to the field. `at` is the action at whose gate the reply is held, `wrote`
    what the reply has written into the store.
    """

    name: str
    instance: str
    session: str
    task: asyncio.Task[str] | None = None
    at: Action | None = None
    gate: asyncio.Future[None] | None = None
    wrote: set[str] = field(default_factory=set)


class Stage:
    """One recording of one discipline on one field file.

    `tell` is called on the event loop with each message. `pace` is the pause in seconds before each
    action: 0 for none, None to wait for a click. Open it with `await Stage.open(...)`.
    """

    def __init__(self, folder: Path, field: Path, discipline: str, tell: Tell) -> None:
        self.discipline = discipline
        self.trace = folder / f"{discipline}.ndjson"
        self.path = field
        self.pace: float | None = 0.0
        self.people: dict[str, Person] = {}
        self.fell: set[str] = set()
        self._closing = AsyncExitStack()
        self._tell = tell
        self._rules = DISCIPLINES[discipline]
        self._loop = asyncio.get_running_loop()
        self._fields: dict[str, AsyncLeoField | February] = {}
        self._stores: dict[str, AsyncStore] = {}
        self._lives = 0
        self._checker: Checker | None = None
        self._seq = 0
        self._ending = False
        self._moved = asyncio.Condition()
        self._claims = load_claims()
        names = tuple(f"i{k + 1}" for k in range(self._rules.instances))
        self._recorder = NdjsonRecorder(
            self.trace, run=RUN, writer=WRITER, instances=names, overwrite=True
        )
        self._tracers = {name: _Life(self) for name in names}

    @classmethod
    async def open(cls, folder: Path, field: Path, discipline: str, tell: Tell) -> Stage:
        """Open every instance of a discipline of `ON_STAGE`. Raises LeoError if that cannot be."""
        async with AsyncExitStack() as undo:
            # Nobody else may write what the recording does not see, not even one that shares.
            undo.callback(Owner.take(field, discipline, shared=False).release)
            stage = cls(folder, field, discipline, tell)
            undo.push_async_callback(stage._end)
            for name in stage._tracers:
                await stage._revive(name)
            stage._closing = undo.pop_all()
            return stage

    async def close(self) -> None:
        """Cancel what is under way, close the field and the recording."""
        await self._closing.aclose()

    async def _end(self) -> None:
        self._ending = True
        await self._let_go([*self.people.values()])
        async with AsyncExitStack() as undo:
            # On a full disk each reply since then has told that the recording breaks off.
            undo.enter_context(suppress(TraceFileError))
            undo.callback(self._recorder.close)
            for field in self._fields.values():
                undo.push_async_callback(field.close)

    async def _let_go(self, people: list[Person]) -> None:
        """Cancel the replies of people whose instances have died or are to end, and wait for their
        ends. No gate holds them up: a shield or an actor carries on with a reply whose caller has
        left, and after a death its next step raises.
        """
        for person in people:
            if person.task is not None:
                person.task.cancel()
            _open(person.gate, self._tracers[person.instance].death)
        tasks = [person.task for person in people if person.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def flush(self) -> None:
        """Wait until every event so far is in the file, or none will be. Blocks: use a thread."""
        with suppress(TraceFileError):
            self._recorder.flush()

    # What people do.

    def say(self, name: str, text: str) -> None:
        """Begin a reply. Somebody new has a seat at the next instance in turn. Raises CheckError
        while the last reply is under way.
        """
        names = list(self._tracers)
        instance = names[len(self.people) % len(names)]
        person = self.people.setdefault(name, Person(name, instance, name))
        if person.task is not None:
            raise CheckError(f"{name} waits for a reply; cancel it, or let it end first")
        z = None if self._checker is None else self._checker.state
        if z is not None and person.session in z.pc and z.in_flight(person.session):
            raise CheckError(f"Leo carries on with what {name} left; let it come to its end first")
        person.wrote.clear()
        field = self._fields[person.instance]
        person.task = self._loop.create_task(field.reply(text, person.session))
        self._tell("said", who=name, text=text)
        person.task.add_done_callback(lambda task: self._ended(person, task))

    def cancel(self, name: str) -> None:
        """Cancel the caller's task, as a timeout or a closed connection does. Raises CheckError
        when there is none.
        """
        person = self.people.get(name)
        if person is None or person.task is None:
            raise CheckError(f"{name} waits for no reply")
        person.task.cancel()

    def go_at(self, pace: float | None) -> None:
        """Change the pace. Without clicks to wait for, nobody stays at a gate."""
        self.pace = pace
        if pace is not None:
            for person in self.people.values():
                _open(person.gate)

    def step(self, name: str) -> None:
        """Let a reply through the gate at which it is held. Raises CheckError for none."""
        _open(self._held(name).gate)

    def fail(self, name: str) -> None:
        """Make the step at whose gate a reply is held raise. Raises CheckError for none."""
        person = self._held(name)
        if person.at in SAFE:
            raise CheckError(f"{person.at} is no step of the reply; let it go on to one")
        _open(person.gate, Injected("a click made this step raise"))

    def _held(self, name: str) -> Person:
        person = self.people.get(name)
        if person is None or person.gate is None:
            raise CheckError(f"no reply of {name} is held; choose a slower speed and speak")
        return person

    async def kill(self, instance: str) -> None:
        """End an instance as a killed process ends, and open it again.

        The store's worker is between two operations then, so the recording knows of each one that
        was carried out. What the store holds stays; views, buffers and locks are gone.
        """
        if instance not in self._stores:
            raise CheckError(
                f"{self.discipline} cannot be killed on stage; choose another discipline"
            )
        field, life = self._fields[instance], self._tracers[instance]
        await self._stores[instance].perform(lambda _: life.die())
        self._record(Happened(Action.Crash, instance, STORE, "", "", {}, {}, "crashed"))
        mine = [p for p in self.people.values() if p.instance == instance]
        await self._let_go(mine)
        await field.close()
        self._lives += 1
        for person in mine:
            # A new process counts anew, and a reply's name is never used twice.
            person.session = f"{person.name}-{self._lives + 1}"
        self._tracers[instance] = _Life(self)
        await self._revive(instance)
        self._record(Happened(Action.Recover, instance, STORE, "", "", {}, {}, "ok"))

    # What a scene waits for.

    async def held(self, name: str) -> None:
        """Wait until a reply is held at a gate."""
        person = self.people[name]
        await self.until(lambda: person.gate is not None)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait until something that the gates bring about is so."""
        async with self._moved:
            await self._moved.wait_for(ready)

    async def go(self, name: str, to: Action | None) -> None:
        """Let a reply go on until it is held at `to`, or has ended."""
        person, before = self.people[name], None

        def moved() -> bool:
            return person.task is None or person.gate not in (None, before)

        while person.task is not None and (person.at is not to or person.gate is None):
            before = person.gate
            _open(before)
            await self.until(moved)

    async def cancel_under_way(self, name: str) -> None:
        """Let the store begin the action at whose gate a reply is held, and cancel meanwhile."""
        person = self.people[name]
        self.step(name)
        while person.gate is not None:
            await asyncio.sleep(0)
        self.cancel(name)
        # A shield carries on to the swap of the view, which has a gate of its own.
        await self.go(name, None)

    # What happens.

    async def _revive(self, instance: str) -> None:
        if self.discipline == FEBRUARY:
            field = await February.open(self.path, tracer=self._tracers[instance], gate=self._gate)
            self._fields[instance] = field
            return
        store = self._stores[instance] = await AsyncStore.open(self.path)
        await store.perform(lambda conn: conn.watch(alone=len(self._tracers) == 1))
        me = Instance(
            discipline=get_discipline(self.discipline, "asyncio"),
            seed=0,
            tracer=self._tracers[instance],
            clock=self._loop.time,
            name=instance,
            store=STORE,
        )
        me.begin(await store.perform(Instance.open_work))
        self._fields[instance] = AsyncLeoField(store, me, self._gate)

    async def _gate(self, session: str, action: Action) -> None:
        person = self._seated(session)
        life = self._tracers[person.instance]
        if life.death is not None:
            raise life.death
        if self._ending:
            return
        person.at, person.gate = action, self._loop.create_future()
        held = person.gate
        if self.pace != 0:
            # After the event before it, which is told by the loop as well.
            self._loop.call_soon(partial(self._tell, "held", who=person.name, action=action))
        if self.pace is not None:
            self._loop.call_later(self.pace, _open, held)
        await self._notify()
        try:
            await held
        finally:
            person.at = person.gate = None

    def _seated(self, session: str) -> Person:
        return next(p for p in self.people.values() if p.session == session)

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    def _ended(self, person: Person, task: asyncio.Task[str]) -> None:
        person.task = None
        if task.cancelled():
            self._tell("gone", who=person.name, text=f"Cancelled. {self._left_by(person)}")
        elif (error := task.exception()) is None:
            self._tell("answer", who=person.name, text=task.result())
        else:
            if isinstance(error, DeadlockError):
                self._fall("DeadlockFree", self._seq + 1, str(error))
            elif not isinstance(error, LeoError):
                raise error
            self._tell("gone", who=person.name, text=f"({error}) {self._left_by(person)}")
        self._loop.create_task(self._notify())

    def _left_by(self, person: Person) -> str:
        """A sentence on what a reply without an answer leaves, as far as the events tell."""
        if self._checker is None or self._rules.published:
            # A published program may write a part into a transaction that stays open.
            return ""
        z = self._checker.state
        if person.session in z.pc and z.in_flight(person.session):
            return "Leo carries on with it, and nobody hears the answer."
        if not person.wrote:
            return "Nothing of it is in the store."
        told = "Half of it stays in the store: what was said, without the answer"
        if person.wrote == STORED:
            told = "All of it is in the store"
        reply, view = z.reply(person.session), z.view[person.instance]
        if z.up[person.instance] and reply in z.ngrams - (view.bigrams & view.trigrams):
            told += ". The view does not know of it"
        return f"{told}."

    def _begin(self, beginning: Beginning) -> None:
        if self._checker is None:
            names = tuple(self._tracers)
            header = header_of(beginning, run=RUN, instances=names, stores=(STORE,))
            self._checker = Checker(header)
            self._recorder.begin(beginning)

    def _record(self, happened: Happened) -> None:
        """On the loop or on a store's worker thread: number the event, keep it, pass it on."""
        with self._recorder.moment():
            self._seq += 1
            seq = self._seq
            self._recorder.record(happened)
            self._loop.call_soon_threadsafe(self._look, happened, seq)

    def _look(self, happened: Happened, seq: int) -> None:
        """On the loop: what the checker says of the event, and what watchers see of it."""
        checker = self._checker
        assert checker is not None, "a recording begins before its first event"
        event = event_of(happened, seq=seq, writer=WRITER, run=RUN, time=0.0)
        rejection = checker.feed_event(event)
        who = happened.instance
        if happened.session:
            person = self._seated(happened.session)
            person.wrote |= STORED.intersection(happened.writes)
            who = person.name
        line = seq + 1
        self._tell("event", **asdict(happened), line=line, who=who, now=self._now(checker))
        if rejection is not None:
            self._tell("rejected", line=line, why="; ".join(rejection.reasons))
        for title, found in checker.watch.violations.items():
            if title not in self.fell:
                self._fall(title, found.line, found.witness)

    def _fall(self, title: str, line: int, witness: str) -> None:
        self.fell.add(title)
        claim = self._claims.cell(self.discipline, title)
        about = PROPERTIES[title]
        # Without what holds for some disciplines only.
        meaning = re.sub(r" \(.*\)", "", about.meaning)
        told: dict[str, Any] = {"property": title, "standard": about.standard, "meaning": meaning}
        told["claimed"] = claim.verdict not in (HOLDS, NOT_APPLICABLE)
        self._tell("fell", **told, line=line, why=witness)

    def _now(self, checker: Checker) -> dict[str, Any]:
        """The versions of the store and of each view, and who has each lock and who waits for it,
        as the events lead to them.
        """
        z, base = checker.state, checker.state.base
        seats = {person.session: person for person in self.people.values()}
        queue = [*filter(None, map(seats.get, z.arrivals))]
        locks = z.holder if self._rules.lock != "none" else {}
        return {
            "store": [base.ngrams + len(z.store.ngrams), base.snapshots + len(z.store.snapshots)],
            "views": {
                name: [base.ngrams + len(table) for table in view] for name, view in z.view.items()
            },
            "locks": {
                name: [
                    seats[holder].name if holder in seats else "",
                    *(person.name for person in queue if person.instance == name),
                ]
                for name, holder in locks.items()
            },
        }


def _open(gate: asyncio.Future[None] | None, error: Exception | None = None) -> None:
    """Let who is held at a gate through, or have the step raise."""
    if gate is not None and not gate.done():
        gate.set_result(None) if error is None else gate.set_exception(error)


class _Life:
    """The tracer of one life of an instance: a process that has died tells nothing any more."""

    def __init__(self, stage: Stage) -> None:
        self.enabled = True
        self.death: Injected | None = None
        self._stage = stage

    def die(self) -> None:
        self.enabled = False
        self.death = Injected("the process is dead")

    def begin(self, beginning: Beginning) -> None:
        self._stage._begin(beginning)

    def record(self, happened: Happened) -> None:
        self._stage._record(happened)

    def moment(self) -> AbstractContextManager[object]:
        return self._stage._recorder.moment()
