"""One execution of the organism: what can be chosen where it stands, and what a choice does.

The organism's own code runs behind each gate.  From one gate to the next nothing else can run:
these are the atomic actions of the specification.

``footprint`` says what each action reads and writes, so that an explorer can tell which steps
commute.  Besides the objects of the field there are those that make an order visible:

lock.I      the lock of an instance, with its queue
life.I      whether the process of an instance runs
transaction SQLite's write lock
order       who called, started and ended before whom (NoOvertaking, MutualExclusion, and when an
            instance is at rest)
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from typing import Final, Literal, TypeVar

from leo.actions import Action, Touched, touched
from leo.disciplines import DISCIPLINES as RUNNABLE
from leo.disciplines import Discipline
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.reply.program import PROGRAM, generate
from leo.reply.turn import Instance
from leo.schedules.engine.system import Choice, Outcome, Step
from leo.schedules.running.loop import SteppedLoop
from leo.store import operations
from leo.store.connection import Connection
from leo.trace.events import Happened
from leo_model.disciplines import DISCIPLINES, Rules
from leo_model.machine.reachable import bounded_world
from leo_model.organism.case import Case, ScheduleError
from leo_model.organism.recording import STORE, Incarnation, Recording, Seat, judge
from leo_model.organism.stores import (
    FIRST_WORDS,
    FileShelf,
    MemoryShelf,
    Shelf,
    Template,
    WorkerShelf,
    content,
)

NOTHING: frozenset[str] = frozenset()
OBJECTS = frozenset({"ngrams", "snapshots"})


@cache
def footprint(rules: Rules, action: str, instance: str) -> Touched:
    """Return what an action of a session of the instance touches: the objects of the field, and
    what the order of actions hangs on besides.
    """
    view, lock, life = f"view.{instance}", f"lock.{instance}", f"life.{instance}"
    unit, immediate = rules.whole_reply, rules.transaction == "immediate"
    # In a unit of work these two fill a buffer.
    buffered = unit and action in {"Ingest", "SaveSnapshot"}
    field = Touched() if buffered else touched(Action(action))
    reads, writes = ({view if name == "view" else name for name in names} for names in field)
    reads.add(life)
    match action:
        case "Call" | "Acquire" | "Block" | "Release" | "Return":
            writes |= {"order", lock}
            # A reply that finds a blocking lock taken stops the event loop (Block).
            if rules.lock == "blocking" and action in {"Acquire", "Block"}:
                writes.add(life)
        case "Begin":
            reads |= {view, *OBJECTS} if rules.transaction in {"checked", "immediate"} else NOTHING
            writes |= {"transaction", "order"} if immediate else NOTHING
        case "Recall" if rules.transaction == "deferred":
            # The first read of a deferred transaction fixes what all of it sees.
            reads |= OBJECTS
        case "SaveSnapshot" if not unit:
            # A snapshot belongs to the n-grams that it is saved beside (SnapshotProvenance).
            reads.add("ngrams")
        case "Commit" | "Retry" | "BusySnapshot":
            writes |= {*OBJECTS, "transaction"}
            reads.add(view)
            if rules.transaction == "deferred":
                # It may find that the store has moved, and end the reply (BusySnapshot).
                writes |= {"order", lock}
        case "Cancel" | "CancelApplied" | "Raise" | "Busy":
            reads |= OBJECTS
            writes |= {"order", lock, "transaction"}
        case "Crash" | "Recover":
            reads |= OBJECTS
            writes |= {life, lock, view, "order", "transaction"}
    return Touched(frozenset(reads), frozenset(writes))


T = TypeVar("T")

# Before these an exception may strike (``Raise`` in the model): everything between Call and Return.
# Under a shield the swap is carried out first.
RAISING: Final = frozenset(
    {
        Action.Acquire, Action.Begin, Action.Recall, Action.Ingest, Action.Reenter,
        Action.LoadBigrams, Action.LoadTrigrams, Action.AssignView, Action.Generate,
        Action.GenerateBegin, Action.GenerateEnd, Action.SaveSnapshot, Action.Commit,
        Action.SwapView, Action.Release,
    }
)  # fmt: skip


StoreKind = Literal["memory", "aiosqlite"]

# A run is about the order of things: few words show as well who read what.
WORDS = 4
PROMPTS = ("What is a field?", "A path turns.", "Who is not a wall?", "Is it a field, a path?")


class Setting:
    """What the runs of a case have in common: the program, the store, and what may strike.

    ``most`` bounds how many faults strike in one run.  Without ``spin`` an optimistic reply starts
    again only when that can help: schedules then have an end.  ``discipline`` replaces the
    organism's own entry in its table, and ``alter`` is called with every field that is made: to see
    what a wrong one does.
    """

    def __init__(
        self,
        case: Case,
        *,
        store: StoreKind = "memory",
        most: int | None = None,
        words: int = WORDS,
        text: str = FIRST_WORDS,
        discipline: Discipline | None = None,
        spin: bool = False,
        alter: Callable[[AsyncLeoField | LeoField], None] | None = None,
    ) -> None:
        self.case = case
        self.store = store
        self.most = most
        self.spin = spin
        self.alter = alter
        self.rules = DISCIPLINES[case.discipline]
        self.world = bounded_world(case.discipline, case.sessions, case.turns, case.faults)
        self.instances = tuple(f"i{k + 1}" for k in range(self.rules.instances))
        self.discipline = discipline or RUNNABLE[case.discipline]
        self.program = tuple(
            replace(step, function=partial(generate, most=words))
            if step.name == "generate"
            else step
            for step in PROGRAM
        )
        self.template = Template(text)
        self.loop = SteppedLoop()  # type: ignore[abstract]
        self.threads = case.runs_on_threads
        if store == "aiosqlite" and self.threads:
            raise ScheduleError(
                f"{case.discipline} runs on threads, and aiosqlite on an event loop: "
                "leave out --store"
            )
        self.shelf: Shelf
        if store == "aiosqlite":
            self.shelf = WorkerShelf(self.template, self.instances, self.loop)
        elif len(self.instances) > 1:
            self.shelf = FileShelf(self.template, self.instances)
        else:
            self.shelf = MemoryShelf(self.template)
        self._undo = ExitStack()
        self._undo.callback(self.shelf.close)

    def prompt(self, seat: Seat) -> str:
        """What a session says next."""
        return PROMPTS[(int(seat.name[1:]) - 1 + seat.calls) % len(PROMPTS)]


class Injected(Exception):
    """The exception that a scheduler makes a step raise."""


class Killed(BaseException):
    """The process has died: nothing in it may handle that."""


class OrganismRun(ABC):
    """What runs on tasks and runs on threads have in common: what can be chosen, and what happened.

    ``settle`` goes on until every session is held, waits for another, or has nothing left to do.
    """

    def __init__(self, organism: Setting) -> None:
        self.organism = organism
        self.rules = organism.rules
        home = organism.world.instance_of
        self.seats = {s: Seat(s, i) for s, i in home.items()}
        self.recording = Recording(self.rules, self.seats)
        self.lives: dict[str, Incarnation] = {}
        self.fields: dict[str, Instance] = {}
        self.up = dict.fromkeys(organism.instances, True)
        self.answers: dict[str, str] = {}
        self.spent = 0
        self._enabled: tuple[Choice, ...] | None = None
        for instance in organism.instances:
            self._be_born(instance).begin(organism.template.opened)

    def _be_born(self, instance: str) -> Instance:
        """A new life of an instance, as a process that opens the store begins one."""
        organism = self.organism
        life = Incarnation(self.recording, organism.instances)
        me = Instance(
            discipline=organism.discipline,
            seed=organism.case.seed,
            tracer=life,
            # Recall weighs by age: all that happens in a schedule happens in the same second.
            clock=lambda: 1000.0,
            name=instance,
            store=STORE,
            program=organism.program,
        )
        # A client counts its calls, also when the process that it talks to has died.
        me._counts.update({s.name: s.calls for s in self.seats.values() if s.calls})
        self.lives[instance], self.fields[instance] = life, me
        return me

    # What can be chosen.

    def enabled(self) -> tuple[Choice, ...]:
        if self._enabled is None:
            self._enabled = self._choices()
        return self._enabled

    def _choices(self) -> tuple[Choice, ...]:
        faults = self.organism.case.faults
        found = [Choice(s.name) for s in self.seats.values() if self._can_step(s)]
        if faults:
            found += self._faults(faults)
        found += [Choice(i, "recover") for i, up in self.up.items() if not up]
        return tuple(found)

    def _faults(self, faults: tuple[str, ...], *, bounded: bool = True) -> list[Choice]:
        """What can strike now; ``bounded``: as long as not enough has."""
        most = self.organism.most
        if bounded and most is not None and self.spent >= most:
            return []
        found = []
        for seat in self.seats.values():
            if not self._alive(seat):
                continue
            if "Cancel" in faults and self._can_be_cancelled(seat):
                found.append(Choice(seat.name, "cancel"))
            if "Raise" in faults and seat.at in RAISING:
                found.append(Choice(seat.name, "raise"))
            if "Busy" in faults and self._waits_for_the_store(seat):
                found.append(Choice(seat.name, "timeout"))
        if "Crash" in faults:
            found += [Choice(i, "crash") for i, up in self.up.items() if up]
        return found

    def _alive(self, seat: Seat) -> bool:
        return self.up[seat.instance] and self.fields[seat.instance].stopped is None

    def _can_step(self, seat: Seat) -> bool:
        if seat.at is None or not self._alive(seat) or self._waits_for_the_store(seat):
            return False
        if not self.organism.spin and self._would_spin(seat):
            return False
        # It waits for itself: only the watchdog can end that, with a cancellation.
        return seat.last is not Action.Reenter or "Cancel" in self.organism.case.faults

    def _would_spin(self, seat: Seat) -> bool:
        """It starts again, and the view is still without a commit: it would go on like that."""
        if seat.at is not Action.Begin or seat.last is not Action.Retry:
            return False
        peers = self.organism.world.peers(seat.instance)
        return any(self.seats[peer].last is Action.Commit for peer in peers)

    def _can_be_cancelled(self, seat: Seat) -> bool:
        if self.rules.detached:
            return seat.in_flight and not seat.left
        return seat.in_flight and seat.at is not Action.Return

    def _waits_for_the_store(self, seat: Seat) -> bool:
        return (
            self.rules.transaction == "immediate"
            and seat.at is Action.Begin
            and self.recording.writing is not None
        )

    def waiting(self) -> tuple[Choice, ...]:
        now, faults = self.enabled(), self.organism.case.faults
        seats = self.seats.values()
        found = [Choice(s.name) for s in seats if s.at or s.in_flight or self.has_calls_left(s)]
        found += self._faults(faults, bounded=False)
        if "Busy" in faults:
            found += [Choice(s.name, "timeout") for s in seats if s.at is Action.Begin]
        return tuple([choice for choice in found if choice not in now])

    def pending(self, choice: Choice) -> Step:
        if choice.who in self.up:
            return self._declared(choice, "Crash" if choice.what == "crash" else "Recover")
        seat = self.seats[choice.who]
        at = seat.at or (Action.Acquire if seat.in_flight else Action.Call)
        if choice.what == "step":
            # A reply that waits for itself goes on when the watchdog cancels it.
            own = seat.last is Action.Reenter
            return self._declared(choice, "Cancel" if own else at.value)
        if choice.what == "timeout":
            return self._declared(choice, "Busy")
        # Under a shield the action is carried out first.
        held = (at.value,) if seat.last is Action.Commit else ()
        return self._declared(choice, *held, "Cancel" if choice.what == "cancel" else "Raise")

    def _declared(self, choice: Choice, *actions: str) -> Step:
        seat = self.seats.get(choice.who)
        instance = seat.instance if seat is not None else choice.who
        step = Step(choice, "+".join(actions), *self._footprint(actions, instance))
        more: set[str] = set()
        if seat is None:
            # What becomes of a process becomes of all who talk to it.
            more |= set(self.organism.world.peers(instance))
        if self.organism.most is not None and choice.what not in {"step", "recover"}:
            more.add("faults")
        return step._replace(writes=step.writes | more) if more else step

    def _footprint(self, actions: tuple[str, ...], instance: str) -> Touched:
        each = [footprint(self.rules, action, instance) for action in actions]
        if len(each) == 1:
            return each[0]
        return Touched(
            frozenset().union(*(one.reads for one in each)),
            frozenset().union(*(one.writes for one in each)),
        )

    # What happens.

    def take(self, choice: Choice) -> Step:
        if choice not in self.enabled():
            raise ScheduleError(
                f"{choice.who} cannot {choice.what} here; possible are "
                + (", ".join(f"{c.who} {c.what}" for c in self.enabled()) or "no choices at all")
            )
        self._enabled = None
        before = len(self.recording.events)
        if choice.what not in {"step", "recover"}:
            self.spent += 1
        if choice.what == "crash":
            self._crash(choice.who)
        elif choice.what == "recover":
            self._recover(choice.who)
        else:
            self.go_on(self.seats[choice.who], choice.what)
        self.settle()
        new = self.recording.events[before:]
        return self._declared(choice, *(event.action.value for event in new))

    def _crash(self, instance: str) -> None:
        self.lives[instance].enabled = False
        self.kill(instance)
        self.organism.shelf.lose(instance)
        self.up[instance] = False
        self.recording.crashed(instance)
        for seat in self.seats.values():
            if seat.instance == instance:
                seat.at = None

    def _recover(self, instance: str) -> None:
        opened = self.organism.shelf.perform(instance, Instance.open_work)
        self._be_born(instance).take(opened)
        self.revive(instance)
        self.up[instance] = True
        self.recording.add(Happened(Action.Recover, instance, STORE, "", "", {}, {}, "ok"))

    def finished(self) -> bool:
        turns = self.organism.case.turns
        return all(self.up.values()) and all(
            seat.calls == turns and not seat.in_flight for seat in self.seats.values()
        )

    def has_calls_left(self, seat: Seat) -> bool:
        """The session has made fewer calls than it is to make."""
        return seat.calls < self.organism.case.turns

    def wants_to_call(self, seat: Seat) -> bool:
        """The session has calls left, and somebody to call."""
        return self.has_calls_left(seat) and self._alive(seat)

    def note_answer(self, seat: Seat, call: asyncio.Task[str] | Future[str]) -> None:
        """What a caller got: text, or the name of what was raised."""
        if call.cancelled():
            said = "(cancelled)"
        elif (error := call.exception()) is None:
            said = call.result()
        else:
            place, text = self.organism.shelf.place, str(error)
            text = text.replace(place, "the store") if place else text
            said = f"({type(error).__name__}: {text})"
        self.answers[f"{seat.name}.{seat.calls}"] = said

    def close(self) -> Outcome:
        stuck = not self.finished() and not any(self._can_step(s) for s in self.seats.values())
        waiting = [s.name for s in self.seats.values() if s.in_flight or self.wants_to_call(s)]
        views = {i: field.view.versions() for i, field in self.fields.items()}
        for life in self.lives.values():
            life.enabled = False
        for instance in self.organism.instances:
            self.kill(instance)
        final = {"store": self.perform(operations.get_versions)}
        final |= {f"view of {i}": views[i] for i, up in self.up.items() if up}
        violations = judge(self.recording, final)
        if stuck and all(self.up.values()) and waiting:
            violations["DeadlockFree"] = f"nothing can move: {', '.join(waiting)} wait for ever"
        return Outcome(self.recording.events, self.answers, final, violations)

    def perform(self, work: Callable[[Connection], T]) -> T:
        """One operation on the store, outside every reply."""
        return self.organism.shelf.perform(self.organism.instances[0], work)

    def content(self) -> str:
        """Everything that is in the store, as SQL."""
        return self.perform(content)

    @abstractmethod
    def go_on(self, seat: Seat, what: str) -> None:
        """Let a session go on from where it is held, in one of the ways of a choice."""

    @abstractmethod
    def settle(self) -> None:
        """Go on until only choices are left."""

    @abstractmethod
    def kill(self, instance: str) -> None:
        """End everything that runs in an instance."""

    @abstractmethod
    def revive(self, instance: str) -> None:
        """Begin again with the new life of an instance."""
