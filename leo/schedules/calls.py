"""Calls of async methods of one object as a system to explore.

Each call is a task.  A choice lets one task run to its next suspension (an `await` that really
suspends: a lock that is free does not), lets a thread carry out what it was given, asks for the
cancellation of a call, or lets time pass.  A suspension may last arbitrarily long, as one
that waits for the network does.

Without declared sets every step depends on every other.  With them (`declared.py`), only what the
named methods read and write is shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from leo.errors import LeoError
from leo.schedules.around import Around
from leo.schedules.declared import Declared
from leo.schedules.engine.system import Choice, Outcome, Step
from leo.schedules.report import tell_raised, to_text
from leo.schedules.running import world
from leo.schedules.running.choosing import CLOCK, ChoosingLoop, Refused
from leo.schedules.running.marks import TIMES
from leo.schedules.running.places import Place, in_library, place_of, raised_at, suspended
from leo.schedules.states import behaviour, ending, fingerprint, state_parts
from leo.schedules.values import cut
from leo.units import Naming

T = TypeVar("T")
Invariant = Callable[[T], object]
Calls = Mapping[str, Callable[[T], Awaitable[object]]]
INVARIANT, AT_END, RAISES, DEADLOCK = "invariant", "at the end", "raises", "deadlock"
CANCELLED, ENDLESS, ATOMIC, WAITS = "cancelled", "never ends", "not atomic", "waits for ever"
_ALL = frozenset({"*"})
_NONE: frozenset[str] = frozenset()
# What only goes round is passed over after so many times: at first more, as it may end by itself.
_ROUNDS, _PATIENT = 10, 10
# So often may time strike the same task while others could go on (`clock="any"`).
_STRIKES = 3
# After so many new objects the garbage of a run that is over is collected.
_GARBAGE = 10_000


@dataclass(slots=True)
class Scenario(Generic[T]):
    """An object, the calls that meet on it, and what must hold: as `explore` describes it.

    `most` cuts runs off after so many steps, as does `longest`, which says so.  `serial`: one call
    after the other, in any order.  `left_out` collects schedules that were not executed, `bounded`
    what else is bounded, `outlive` the tasks that went on beside later calls in serial orders.
    `timeless`: endings are compared with all times as equal.  `late`: timers strike so many
    seconds after they are due; counters of libraries begin with a number so far `ahead`.
    `loops`: where somebody goes round and does not end by himself.
    """

    make: Callable[[], Any]
    calls: Calls[T]
    invariant: Invariant[T] | None = None
    at_end: Invariant[T] | None = None
    raises: tuple[type[BaseException], ...] = ()
    cancellations: int = 0
    reads: Mapping[str, Naming] = field(default_factory=dict)
    writes: Mapping[str, Naming] = field(default_factory=dict)
    state: Callable[[T], object] | None = None
    clock: str = "idle"
    seed: int | None = None
    longest: int = 1000
    timeless: bool = False
    late: float = 0.0
    ahead: int = 0
    most: int | None = None
    serial: bool = False
    bounded: dict[str, None] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)
    outlive: dict[str, None] = field(default_factory=dict)
    loops: set[Any] = field(default_factory=set)
    around: Around = field(default_factory=Around)

    def __post_init__(self) -> None:
        self.around.see([self.make, *self.calls.values()])

    @property
    def declared(self) -> bool:
        """Are there sets by which steps can be told to be independent?"""
        return bool(self.reads or self.writes)

    def start(self, watched: bool = False) -> CoroutineRun[T]:
        return CoroutineRun(self, watched)


class CoroutineRun(Generic[T]):
    """One execution of a scenario; it ends when something is broken.

    `pruned`: it was given up, since what can follow has been explored.  `watched`: it is looked for
    who draws from `random` after every step, and not only whether anybody has at the end.
    """

    def __init__(self, scenario: Scenario[T], watched: bool = False) -> None:
        self.scenario = scenario
        self.loop = ChoosingLoop(scenario.clock)  # type: ignore[abstract]
        self.loop.base = TIMES[0] if scenario.timeless else 0.0
        self.loop.late = scenario.late
        self.left = scenario.cancellations
        self.steps = 0
        self.taken: list[Choice] = []
        self.broken: dict[str, str] = {}
        self.began_after: dict[str, frozenset[str]] = {}
        self.struck: dict[str, None] = {}
        self.opaque = ""
        self.pruned = False
        # Is anything left out of a search?  Of a schedule that is executed again, nothing is.
        self.bounds = True
        # The calls that can never go on, and where they stand.
        self.stuck: dict[str, list[Place]] = {}
        self._quiet = False
        # The calls are over: background tasks go on, each as far as time lets it once.
        self.over = False
        self.extra: dict[str, int] = {}
        self.waked: set[str] = set()
        # How often a timer of somebody has struck while others could go on.
        self.early: dict[str, int] = {}
        # Where calls and their tasks have stood since time passed, who has only come back to
        # such places since anybody went on, and how often.
        self._stood: set[Any] = set()
        self.round: set[str] = set()
        self.rounds = 0
        # Who goes round in place: the label, its place, and how often.
        self.turning: tuple[str, Any, int] = ("", None, 0)
        # Nobody draws between two runs: what was there at the end of the last one is there now.
        self._chance = scenario.around.chance
        if watched or self._chance is None:
            self._chance = random.getstate()
        # Who drew from `random`.
        self.drew, self.watched = "", watched
        self._entered: Any = None
        self._declared: Declared | None = None
        scenario.around.put_back(ahead=scenario.ahead)
        world.begin(self.loop, scenario.seed)
        self.loop.__enter__()
        try:
            self.target: T = self._made()
            if watched:
                self.watch_chance("make")
            scenario.around.begin(self.target)
            if scenario.declared:
                self._declared = Declared(self.target, self.loop, scenario.reads, scenario.writes)
            for name, call in scenario.calls.items():
                self.loop.begin(name, _awaited(call, self.target))
            if scenario.declared:
                # Up to its first instrumented call a task touches nothing that is shared.
                for name in scenario.calls:
                    self.loop.go_on(name)
                self.over = self.finished()
            self._look()
        except BaseException:
            self._tear_down()
            raise

    def _made(self) -> Any:
        try:
            found = self.loop.perform(self.scenario.make)
            if isinstance(found, contextlib._GeneratorContextManager):
                self._entered = found
                return self.loop.perform(found.__enter__)
            if isinstance(found, contextlib._AsyncGeneratorContextManager):
                self._entered = found
                return self.carried_out(found.__aenter__(), "make")
            if inspect.isawaitable(found):
                return self.carried_out(found, "make")
        except (LeoError, AssertionError):
            raise
        except Exception as error:
            # It is the user's code, which may raise anything: to the caller it is one error.
            raise LeoError(
                f"make raises {type(error).__name__}: {error} (at {raised_at(error)}); it has to "
                "make the object that the calls are made on"
            ) from error
        return found

    def carried_out(self, awaitable: Awaitable[Any], label: str) -> Any:
        self.loop.begin(label, _awaited(lambda it: it, awaitable))
        self.loop.run_out(label)
        del self.loop.held[label]
        return self.loop.tasks.pop(label).result()

    # What can be chosen.

    def enabled(self) -> tuple[Choice, ...]:
        scenario = self.scenario
        if self.loop.refused is not None:
            raise Refused(self.loop.refused)
        most = scenario.longest if scenario.most is None else scenario.most
        if self.broken or self.steps >= most:
            return ()
        if self.over:
            return tuple(Choice(name) for name in self.still_going())
        names = self.loop.names()
        if scenario.serial and any(map(self._goes, self.began_after)):
            names = self.loop.names(scenario.calls.keys() - self.began_after.keys())
        elif self.bounds and len(names) > 1:
            who, place, times = self.turning
            if who in names and self._often(place, times, _ROUNDS):
                names.remove(who)
                said = f"goes round, at most {_ROUNDS} times in a row while others could go on"
                self._leave_out(who, said)
            if names[-1] == CLOCK and len(names) > 1:
                who = self.loop.timers[0][3]
                if self._often(who, self.early.get(who, 0), _STRIKES):
                    names.pop()
                    self._leave_out(who, f"time strikes it at most {_STRIKES} times early")
        found = [Choice(name) for name in names]
        if self.left:
            found += [Choice(name, "cancel") for name in scenario.calls if self._goes(name)]
        return tuple(found)

    def still_going(self) -> list[str]:
        """Who goes on when the calls are over: what is ready, and each timer's owner once."""
        found = [label for label in self.loop.names() if self.extra.get(label, 0) < 2 * _ROUNDS]
        if found == [CLOCK]:
            self.loop.next_timer()
            if self.loop.timers[0][3] in self.waked:
                self.scenario.bounded["a background task that only beats is let go on once"] = None
                return []
        return found

    def _often(self, what: Any, times: int, most: int) -> bool:
        """Has something happened too often?  What does so for the first time has more patience."""
        loops = self.scenario.loops
        if times < (most if what in loops else most * _PATIENT):
            return False
        loops.add(what)
        return True

    def _leave_out(self, label: str, what: str) -> None:
        task = self.loop.tasks.get(label)
        where = place_of(task) if task is not None else None
        self.scenario.left_out[f"{where or label}: {what}"] = None

    def pending(self, choice: Choice) -> Step:
        """What a choice may touch: everything, unless the task is in a method that says what."""
        everything = Step(choice, choice.what, _NONE, _ALL)
        # A thread is no task.
        if self._declared is None or choice.what == "cancel" or choice.who not in self.loop.tasks:
            return everything
        reads, writes = self._declared.ahead(choice.who)
        if "*" in reads | writes:
            return everything
        if writes and self.scenario.invariant is not None:
            # The invariant sees every state in between, so the order of all writes matters.
            writes |= {INVARIANT}
        return Step(choice, "step", reads, writes)

    def _goes(self, name: str) -> bool:
        """Is a task not over? The clock and threads always go on."""
        task = self.loop.tasks.get(name)
        return task is None or not task.done()

    # What happens.

    def take(self, choice: Choice) -> Step:
        self.steps += 1
        self.taken.append(choice)
        name, loop, scenario = choice.who, self.loop, self.scenario
        if name in scenario.calls and name not in self.began_after:
            if scenario.serial and self.began_after:
                scenario.outlive.update(dict.fromkeys(self._busy()))
            self.began_after[name] = self._returned()
        if choice.what == "cancel":
            self.left -= 1
            self.struck[name] = None
            loop.strike(name)
        else:
            if not loop.can(name):
                raise Refused(
                    f"step {self.steps}: {name} could go on here, and cannot now: the object "
                    "behaves differently when the same schedule is executed again"
                )
            if name == CLOCK and scenario.clock == "any" and len(loop.names()) > 1:
                owner = loop.timers[0][3]
                self.early[owner] = self.early.get(owner, 0) + 1
            if self.over:
                self.extra[name] = self.extra.get(name, 0) + 1
            if self._declared is not None:
                self._declared.touched = (set(), set())
            loop.go_on(name)
            if self.over and name == CLOCK:
                self.waked.update(loop.struck)
        if not self.over and not self._goes(name):
            self.over = self.finished()
        if self.watched:
            self.watch_chance(name)
        self._count_turns(name)
        if (loop.read or loop.timers) and not self.over:
            self._count_rounds(name)
        if not self._quiet:
            self._look()
        if self._declared is None:
            return Step(choice, choice.what, _NONE, _ALL)
        reads, writes = self._declared.touched
        return Step(choice, choice.what, frozenset(reads - writes), frozenset(writes))

    def watch_chance(self, name: str) -> None:
        """Note who has drawn from `random`, with the line at which it stands now."""
        if self.drew or self.scenario.seed is not None:
            return
        state = self.scenario.around.chance = random.getstate()
        if state == self._chance:
            return
        task = self.loop.tasks.get(name)
        where = place_of(task) if task is not None and not task.done() else None
        if task is not None and task.done() and not task.cancelled() and task.exception():
            where = raised_at(task.exception() or Exception())
        self.drew = f"by {name}" + (f", before {where}" if where is not None else "")

    def again(self, path: Iterable[Choice]) -> list[Step]:
        """Take choices that broke nothing when they were taken before."""
        self._quiet = True
        steps = [self.take(choice) for choice in path]
        self._quiet = False
        return steps

    def _count_turns(self, name: str) -> None:
        """Count how often in a row somebody has gone on and come back to the same place."""
        label, place, count = self.turning
        if label != name:
            # What it has a new task do is part of its round.
            if not name.startswith(f"{label}."):
                self.turning = (name, None, 0)
            return
        task = self.loop.tasks.get(name)
        if task is None or task.done():
            self.turning = (name, None, 0)
            return
        # Where it stands is of interest only when it has gone on a few times in a row.
        here = tuple(suspended(task.get_coro())) if count > 1 else None
        self.turning = (name, here, count + 1 if place is None or place == here else 2)

    def _count_rounds(self, name: str) -> None:
        """Let time pass when all who can go on only go round: they may wait for it."""
        task, who = self.loop.tasks.get(name), name.partition(".")[0]
        here = (who, *suspended(task.get_coro())) if task is not None else (name,)
        if name == CLOCK:
            self._stood.clear()
        if task is not None and here in self._stood:
            self.round.add(who)
            self.rounds += 1
        else:
            self._stood.add(here)
            self.rounds = 0
            self.round.clear()
        if self.rounds > _ROUNDS * len(self.round) and self.all_go_round():
            self.loop.passes(self.rounds - _ROUNDS * len(self.round))

    def all_go_round(self) -> bool:
        """Do all who can go on only go round?"""
        calls = self.scenario.calls.keys() if self.scenario.serial else _NONE
        able = self.loop.names(calls - self.began_after.keys())
        return {name.partition(".")[0] for name in able} <= self.round

    def _returned(self) -> frozenset[str]:
        """The calls that have returned."""
        tasks = self.loop.tasks
        return frozenset(
            name
            for name in self.scenario.calls
            if tasks[name].done() and not tasks[name].cancelled() and not tasks[name].exception()
        )

    def _look(self) -> None:
        """See whether anything is broken now that was not before."""
        if self.broken or self.loop.refused is not None:
            return
        for name in self.scenario.calls:
            task = self.loop.tasks[name]
            if not task.done():
                continue
            if task.cancelled():
                if name not in self.struck:
                    who = ", ".join(self.struck) or "nobody"
                    self.broken[CANCELLED] = f"{name} is cancelled, and only {who} was to be"
                    return
            else:
                error = task.exception()
                if error is not None and in_library(error, "trio"):
                    raise Refused(
                        f"{name} uses trio, which has a loop of its own and cannot be followed "
                        f"({raised_at(error)}); anyio on asyncio can be"
                    )
                if error is not None and not self._allowed(error):
                    self.broken[RAISES] = f"{name} {tell_raised(error)}"
                    return
        self._judge(INVARIANT, self.scenario.invariant)
        if self.broken:
            return
        if self.over and not self.still_going():
            self._nobody_saw()
            if not self.broken:
                self._judge(AT_END, self.scenario.at_end)
        elif not self.over and not self.loop.names():
            if not self.scenario.serial:
                # What waits may wait for a task that has failed.
                self._nobody_saw()
            if not self.scenario.serial and not self.broken:
                self.stuck = {
                    name: suspended(self.loop.tasks[name].get_coro())
                    for name in filter(self._goes, self.scenario.calls)
                }
                self.broken[DEADLOCK] = self._stuck()
        elif self.steps >= self.scenario.longest:
            going = [label for label, task in self.loop.tasks.items() if not task.done()]
            said = f"has not ended after {self.steps:,} steps: raise `steps`"
            self._leave_out(going[0] if going else CLOCK, said)

    def _nobody_saw(self) -> None:
        """What asyncio would log at the end: a task or a callback has failed, and nobody knows."""
        failed = {
            label: task._exception
            for label, task in self.loop.tasks.items()
            if getattr(task, "_log_traceback", False) and label not in self.scenario.calls
        }
        for context in self.loop.errors:
            if "handle" in context:
                failed["a callback"] = context.get("exception")
        for label, error in failed.items():
            if error is not None and not self._allowed(error):
                self.broken[RAISES] = f"{label} {tell_raised(error)}, and nobody looks at it"
                return

    def _allowed(self, error: BaseException) -> bool:
        """May a call end with this?  A group of exceptions may when all that are in it may."""
        if isinstance(error, self.scenario.raises):
            return True
        return isinstance(error, BaseExceptionGroup) and all(map(self._allowed, error.exceptions))

    def _stuck(self) -> str:
        """Who can never go on, where each stands, and what it waits for."""
        # A cancellation may still help, but nobody has to ask for one.
        calls = self.scenario.calls
        tasks = sorted(self.loop.tasks.items(), key=lambda it: it[0] not in calls)
        stand = [(name, place_of(task)) for name, task in tasks if not task.done()]
        return "; ".join(f"{it} waits at {at} ({at.text})" if at else it for it, at in stand)

    def _judge(self, title: str, rule: Invariant[T] | None) -> None:
        if rule is None:
            return
        try:
            verdict = self.loop.perform(lambda: rule(self.target))
            if inspect.isawaitable(verdict) and title == AT_END:
                verdict = self.carried_out(verdict, "at-end")
        except AssertionError as error:
            # pytest explains an assertion in several lines; the table has room for the first.
            verdict = str(error).partition("\n")[0] or "an assertion fails"
        if inspect.isawaitable(verdict):
            if inspect.iscoroutine(verdict):
                verdict.close()
            raise LeoError(
                "the invariant returns something to await: between two steps of a schedule nothing "
                "can be awaited; expected a function without await (at_end may have one)"
            )
        if verdict is not None and (not verdict or isinstance(verdict, str)):
            name = getattr(rule, "__name__", "<lambda>")
            told = "false" if verdict is False or verdict == "" else repr(verdict)
            whole = f"{'it' if name == '<lambda>' else name} is {told}"
            self.broken[title] = str(verdict) if verdict else whole

    def _busy(self) -> list[str]:
        """The functions of tasks beside the calls that go on, or will when time passes."""
        owners = {it[3] for it in self.loop.timers}
        return [
            getattr(task.get_coro(), "__qualname__", label).rpartition("<locals>.")[2]
            for label, task in self.loop.tasks.items()
            if label not in self.scenario.calls and not task.done()
            if self.loop.held[label] or label in owners
        ]

    def finished(self) -> bool:
        """Are all calls over? Background tasks that wait for work need not be."""
        return not any(map(self._goes, self.scenario.calls))

    # What states and endings are compared by.

    fingerprint, behaviour, ending, state_parts = fingerprint, behaviour, ending, state_parts

    def close(self) -> Outcome:
        """End what is not over, and say what was broken."""
        self._tear_down()
        if self.drew:
            if not self.watched:
                # Once more, to see who it is.
                again = self.scenario.start(watched=True)
                for choice in self.taken:
                    if choice in again.enabled():
                        again.take(choice)
                again.close()
            raise Refused(
                f"`random` is drawn from {self.drew}, so that the same schedule may come out "
                "differently; give `seed=1`, and the answer is about what is drawn then"
            )
        return Outcome(violations=dict(self.broken))

    def _tear_down(self) -> None:
        loop, entered = self.loop, self._entered
        self._quiet = True
        self.watch_chance("somebody")
        orderly = self.over and not self.broken and loop.refused is None
        try:
            loop.end(name for name in self.scenario.calls if name in loop.tasks)
            if entered is not None:
                self._exit(entered, orderly)
            loop.end(loop.tasks)
        finally:
            loop.threads.end()
            left = False
            for connection in loop.connections:
                connection.close()
                left = True
            if self._declared is not None:
                self._declared.close()
            # What it has left must not be found later, by somebody else's loop.
            self.__dict__.pop("target", None)
            loop.forget()
            if left:
                loop.perform(gc.collect)
            elif gc.get_count()[0] > _GARBAGE:
                loop.perform(partial(gc.collect, 0))
            self.loop.__exit__()
            world.over(loop)

    def _exit(self, entered: Any, orderly: bool) -> None:
        """Tear down what `make` has made; background tasks still go on."""
        was, self.loop.refused = self.loop.refused, None
        # After a schedule that was broken or cut off nothing can be expected of it.
        with contextlib.suppress(*(() if orderly else (Exception, asyncio.CancelledError))):
            try:
                if isinstance(entered, contextlib._GeneratorContextManager):
                    self.loop.perform(lambda: entered.__exit__(None, None, None))
                else:
                    self.carried_out(entered.__aexit__(None, None, None), "tear-down")
            except LeoError as error:
                if not orderly:
                    self.loop.drop()
                raise Refused(
                    f"{error}; so after `{cut(to_text(self.taken), most=300)}`"
                ) from error
            except (Exception, asyncio.CancelledError) as error:
                # The user's code, as above; a task of it that was cancelled is no end of ours.
                raise LeoError(
                    f"the end of make {tell_raised(error)}; it has to end after each schedule"
                ) from error
        self.loop.refused = was


async def _awaited(call: Callable[[Any], Awaitable[object]], target: Any) -> object:
    return await call(target)
