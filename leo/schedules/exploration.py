"""`leo.explore`: runs every schedule of a few calls on an object, and shows a short failing one."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any, Generic, TypeVar

from leo.errors import LeoError
from leo.schedules.atomic import MOST_CALLS, Atomicity, Ending
from leo.schedules.calls import (
    AT_END,
    ATOMIC,
    DEADLOCK,
    ENDLESS,
    INVARIANT,
    WAITS,
    CoroutineRun,
    Invariant,
    Scenario,
)
from leo.schedules.engine.chance import by_chance
from leo.schedules.engine.depth_first import DepthFirst, preemptions, switches
from leo.schedules.engine.system import Choice, Events
from leo.schedules.options import STRATEGIES, Call, check, guarded, named, several
from leo.schedules.report import (
    WOKEN,
    Broken,
    Exploration,
    came_to,
    compare,
    fold,
    from_text,
    goes_round,
    nearest,
    tell_steps,
    to_text,
    told_step,
)
from leo.schedules.running.choosing import Refused
from leo.schedules.running.shape import CONSTANT, PLAIN
from leo.schedules.running.watch import Watch
from leo.schedules.running.world import world
from leo.schedules.twice import execute_twice
from leo.schedules.values import Part, look, state_of
from leo.trace.lanes import LaneStep
from leo.units import Naming

__all__ = ["STRATEGIES", "Exploration", "explore"]

T = TypeVar("T")
# A search says something after so many seconds: with the schedule under way it is two at most.
_SILENT = 1.5
# So many seconds are spent on making a schedule shorter.
_SHORTER = 2.0
# After so many steps some schedules with one switch are executed first.
_LONG, _SOME = 2000, 500
# A table has so many of the first steps, and of the last.
_FOLD = 40
# After so many schedules one is executed twice, to see whether it comes out the same.
_TWICE = 500


def explore(
    make: Callable[[], Any],
    calls: Mapping[str, Call[T]] | Sequence[Call[T]],
    *,
    invariant: Invariant[T] | None = None,
    at_end: Invariant[T] | None = None,
    atomic: bool | None = None,
    state: Callable[[T], object] | None = None,
    raises: type[BaseException] | Iterable[type[BaseException]] = (),
    cancellations: int = 1,
    clock: str = "idle",
    seed: int | None = None,
    reads: Mapping[str, Naming] | None = None,
    writes: Mapping[str, Naming] | None = None,
    strategy: str = "every",
    bound: int = 2,
    steps: int = 1000,
    limit: int = 100_000,
    seconds: float | None = None,
    show: Callable[[T], object] | None = None,
    schedule: str | None = None,
    progress: Callable[[str], None] | None = None,
    prune: bool = True,
) -> Exploration:
    """Execute every schedule of some calls on an object, and look for one that breaks it.

    `make` makes the object, anew for every schedule: a function, a coroutine function, or one that
    returns a context manager, whose end runs after the schedule.  `calls` are functions of the
    object that return something to await; a mapping gives them names.  At every await that
    suspends, another call can go on, or one of the calls is cancelled, at most `cancellations`
    times in a schedule.

    Without `invariant` and `at_end` (or with `atomic=True`) the calls have to be atomic: results
    and final state are those of some serial order, in which a cancelled or failed call ran whole or
    not at all. `state` says what the state is (default: the fields of the object, rows of databases
    and content of files that were opened, and the globals, class attributes, closures and caches
    that the code uses, put back before each schedule and at the end). Without it, what differs from
    every serial order in stored times alone is undecided, and so is what was counted from times,
    the position of an `itertools.count`, which number the counter of a library gave, what a queue
    counts for `join`, and what a timer left before a wait was cancelled.
    `invariant` is a function of the object, looked at between any two steps, `at_end` one that is
    looked at when all calls are over, and may be async: broken when it returns a text, or what
    counts as false but None, or raises AssertionError. A call that raises what is not among
    `raises` (a class, or several) is a finding as well, a background task that does and nobody
    looks at it, and so is a call that can never go on.

    Time passes when nobody can go on, or those who can only go round (`while time() < end`); with
    `clock="any"`, at any moment.  Ids of objects are compared up to renaming.  `seed` seeds
    `random`, whose use is refused otherwise.  `reads` and `writes` say which objects the methods
    read and write, as for `leo.instrument`; then one schedule of each class is enough.

    `strategy`: `every` schedule; those with at most `bound` `preemptions`; `random`; `pct` for bugs
    of depth `bound`.  A schedule is cut off after so many `steps`, and the search then does not
    hold; `limit` and `seconds` end it.  `show` is what the table shows of the
    object at each step.  `schedule` executes one schedule only, as a result gives it.  `progress`
    is told how far the search is, every two seconds (default: standard error).  `prune=False`
    explores states again that were reached before.

    Raises LeoError for what cannot be explored or followed.
    """
    scenario: Scenario[T] = Scenario(
        make, named(calls), guarded("invariant", invariant), guarded("at_end", at_end),
        several(raises), cancellations, reads or {}, writes or {}, guarded("state", state), clock,
        seed, steps,
    )  # fmt: skip
    asks = atomic if atomic is not None else invariant is None and at_end is None
    tell = progress or partial(print, file=sys.stderr, flush=True)
    shown = guarded("show", show)
    search = _Search(scenario, asks, strategy, bound, limit, seconds, shown, prune, tell)
    watch = Watch(tell)
    try:
        search.check()
        with watch, world():
            try:
                search.check_calls()
                found = search.replay(schedule) if schedule is not None else search.search()
            finally:
                scenario.around.put_back(after=True)
                # The search and what it compares with know each other, and are kept else.
                del search.atomicity
    except KeyboardInterrupt:
        if not watch.said:
            raise
    except LeoError as error:
        # It says where the caller's code is; the frames in between are ours.
        raise error.with_traceback(None) from None
    if watch.said:
        raise Refused(watch.said)
    return found


class _Enough(Exception):
    """The search has come to its limit; how that is said."""


@dataclass
class _Search(Generic[T]):
    """One exploration."""

    scenario: Scenario[T]
    asks: bool
    strategy: str
    bound: int
    limit: int
    seconds: float | None
    show: Callable[[T], object] | None
    prune: bool
    progress: Callable[[str], None]
    runs: int = 0
    states: int = 0
    # Did the bound leave anything out?
    cut: bool = False
    ended: bool = False
    done: Callable[[], float] = lambda: 0.0
    planned: Callable[[], int] = lambda: 1
    opaque: dict[str, None] = field(default_factory=dict)
    by_type: dict[str, None] = field(default_factory=dict)
    initial: Part = field(default_factory=lambda: Part(""))
    # Why it is not asked whether the calls are atomic; empty if it is.
    unasked: str = ""
    # Could a step ever come between two of a call?
    waited: bool = False

    def check(self) -> None:
        """Refuse what cannot be explored, before anything runs."""
        it = self.scenario
        check(it, self.strategy, self.bound, self.limit, self.seconds)
        self.begun = self.told = monotonic()
        self.atomicity = Atomicity(it, came_to, self._pace)
        if not self.asks:
            self.unasked = "atomic=True asks that too"
        elif len(it.calls) > MOST_CALLS:
            self.unasked = f"more than {MOST_CALLS} calls"

    def check_calls(self) -> None:
        """Each call has to return something to await, and `make` another object each time."""
        run, wrong = self.scenario.start(), ""
        try:
            self.initial = state_of(run)
            for name, call in self.scenario.calls.items():
                # A call that raises at once does so in its schedules as well.
                with suppress(Exception):
                    found: Any = run.loop.perform(partial(call, run.target))
                    if hasattr(found, "cr_frame"):
                        found.close()
                    run.watch_chance(name)
                    wrong = "" if hasattr(found, "__await__") else type(found).__name__
                    if inspect.isasyncgen(found):
                        wrong += " (go through it in an async function, with `async for`)"
                if wrong:
                    raise LeoError(
                        f"{name} returns {wrong}, which cannot be awaited: expected a call of an "
                        "async method; a function without await has one schedule"
                    )
        finally:
            target: Any = run.target
            run.close()
        again = self.scenario.start()
        shared = type(target) not in PLAIN and not isinstance(target, (*CONSTANT, tuple))
        shared = shared and again.target is target
        again.close()
        if shared:
            raise Refused(
                f"make returns the same {type(target).__name__} twice: expected a new one for each "
                "schedule, which would begin with what the last one left; make it in `make`"
            )

    def search(self) -> Exploration:
        """Look for a schedule that breaks something; the answer says how far that came."""
        try:
            self._compare_with_serial()
            found = self._find()
        except _Enough as enough:
            whole = self.strategy == "every" and self.runs > 0 and not self.planned()
            whole = whole and not self._lacks()
            return self._result(whole, None, "" if whole else str(enough))
        if found is not None:
            # From here on it is about telling it well.
            self.seconds = None
            execute_twice(self.scenario, found)
            told = self._told(self._shorter(found))
            if told is None:
                left = ", ".join(self.scenario.around.left) or "something"
                raise Refused(
                    f"`{to_text(found)}` broke something once and not again: {left} keeps what an "
                    "earlier schedule left; set it in `make`"
                )
            if told.title == ATOMIC and (what := self.atomicity.differs_again()):
                raise Refused(
                    f"{what}: the same calls, executed one by one again, come out differently; a "
                    "clock that a run does not own, chance, or what an earlier run left decides "
                    "there. Set it in `make`, or say with `state=` what counts"
                )
            return self._result(False, told, "")
        left = f"every schedule with at most {self.bound} preemptions, and others exist"
        if not self.ended:
            left = "every one came back to a state that it or another had been in, and none ended"
        left = self._lacks() or left
        whole = self.ended and not self.cut and not self._lacks()
        if whole:
            alone = "" if self.waited else "no call ever waited, so nothing could come between"
            left = next(iter(self.scenario.bounded), alone)
        return self._result(whole, None, left)

    def _lacks(self) -> str:
        """Why the answer is no pass although the search came to its end; empty if it is one."""
        alone = "atomic=False asks the rest alone" if self.asks and self.unasked else ""
        if left := ", ".join(self.scenario.around.left):
            alone = f"schedules begin with other values of {left}: set it in `make`"
        if (kept := ", ".join(self.scenario.around.by_object)) and self.scenario.state is None:
            alone = f"what the cache of {kept} keeps by object was not compared: state= decides"
        if what := " and ".join(self.atomicity.blameless):
            alone = f"{what} alone differs from the serial orders: state= decides"
        return next(iter(self.scenario.left_out), alone)

    def _find(self) -> tuple[Choice, ...] | None:
        """The first schedule that breaks something; None when there is none.  Raises _Enough."""
        for number, (path, run) in enumerate(self._runs()):
            self.opaque.update({run.opaque: None} if run.opaque else {})
            self.ended = self.ended or not run.pruned
            if not self.waited:
                steps = [choice.who for choice in path if choice.what == "step"]
                once = len({*steps}) == len(steps)
                self.waited = not once or not {*steps} <= {*self.scenario.calls}
            if self._broken(run):
                return tuple(path)
            if number % _TWICE == 0 and path:
                execute_twice(self.scenario, path)
            if self.runs >= self.limit:
                raise _Enough(f"stopped at the limit of {self.limit:,} schedules: raise `limit`")
            self._pace()
        return None

    def _runs(self) -> Iterator[tuple[list[Choice], CoroutineRun[T]]]:
        """The runs of the strategy, not closed, each with its schedule."""
        scenario = self.scenario
        if self.strategy in ("random", "pct"):
            depth = self.bound if self.strategy == "pct" else None
            for run, taken in by_chance(scenario.start, scenario.seed or 0, depth):
                self.runs += 1
                yield [step.choice for step in taken], run
        search, steps = self._search(scenario, self.strategy == "preemptions", self.bound), 0
        self.done, self.planned = search.done, search.planned
        while (run := search.next()) is not None:
            if search.endless and not run.broken and not run.finished():
                run.broken[ENDLESS] = goes_round(run, search.path)
            run.pruned = search.end != "complete"
            self.states, self.cut = search.found, search.cut
            self.runs += 1
            yield search.path, run
            if search.price is None and steps >= 0 and (steps := steps + len(search.path)) > _LONG:
                steps = -1
                yield from self._with_one_switch()

    def _with_one_switch(self) -> Iterator[tuple[list[Choice], CoroutineRun[T]]]:
        """Some schedules that depth first would come to late: most findings need one switch."""
        search = DepthFirst(self.scenario.start, states=self.prune, price=switches, most=1)
        for _ in range(_SOME):
            run = search.next()
            if run is None:
                return
            self.runs += 1
            yield search.path, run

    def _search(self, scenario: Scenario[T], bounded: bool, bound: int) -> DepthFirst:
        """Depth first; a bound and declared sets do not go together."""
        if bounded:
            return DepthFirst(scenario.start, states=self.prune, price=preemptions, most=bound)
        events = Events() if scenario.declared else None
        return DepthFirst(scenario.start, states=self.prune, events=events)

    def _broken(self, run: CoroutineRun[T]) -> dict[str, str]:
        """What a run breaks; the run is closed."""
        ending: Ending | None = None
        try:
            broken = dict(run.broken)
            over = not broken and not run.pruned and run.finished() and not run.still_going()
            if over and not self.unasked:
                ending = run.ending()
                self.by_type.update(dict.fromkeys(ending.opaque))
                if self.scenario.declared:
                    ending = ending._replace(began_after={})
                if self.atomicity.known(ending):
                    ending = None
        finally:
            run.close()
        if DEADLOCK in broken and run.struck:
            others = frozenset(self.scenario.calls) - frozenset(run.struck)
            if not others or not self.atomicity.can_end(others):
                # Those that wait would wait without the cancelled one as well.
                del broken[DEADLOCK]
        if DEADLOCK in broken and self._wait_alone(run.stuck):
            told = broken.pop(DEADLOCK)
            broken[WAITS] = f"{told}, and does so one by one as well: what wakes it?"
        elif DEADLOCK in broken and self._misses(run):
            broken[WAITS] = f"{broken.pop(DEADLOCK)}; the others are over: nobody wakes it any more"
        if (
            ending is not None
            and not self.atomicity.explains(ending)
            and not self.atomicity.but_for_times(run.taken, ending)
            and not self.atomicity.but_for_the_clock(run.taken, ending)
        ):
            broken[ATOMIC] = ""
        return broken

    def _misses(self, run: CoroutineRun[T]) -> bool:
        """Is it one call that waits, for no lock: for a message, say, that came before it?"""
        (place, *_), *others = [list(reversed(it)) for it in run.stuck.values()]
        lock = place.function == "acquire"
        return not (lock or others or run.struck) and len(self.scenario.calls) > 1

    def _wait_alone(self, names: Iterable[str]) -> bool:
        """Would these calls wait for ever alone, and in every serial order too?"""
        every = frozenset(self.scenario.calls)
        groups = [every, *(frozenset({name}) for name in names)]
        return len(every) <= MOST_CALLS and not any(map(self.atomicity.can_end, groups))

    def _shorter(self, path: tuple[Choice, ...]) -> tuple[Choice, ...]:
        """A schedule with fewer cancellations, preemptions and steps that breaks something."""
        self.until = monotonic() + _SHORTER
        struck = sum(choice.what == "cancel" for choice in path)
        for cancellations in range(struck + 1):
            scenario = replace(self.scenario, cancellations=cancellations, bounded={})
            for bound in range(4):
                search = self._search(scenario, True, bound)
                found = self._first(search)
                while found is not None:
                    path = found[0]
                    if found[1] in (ATOMIC, AT_END, DEADLOCK, ENDLESS, WAITS) or len(path) < 2:
                        return path
                    # Of those with as few preemptions, one with fewer steps.
                    scenario.most = len(path) - 1
                    found = self._first(DepthFirst(scenario.start, price=preemptions, most=bound))
                if scenario.most is not None or monotonic() > self.until:
                    return path
                if not search.cut:
                    break
        return path

    def _first(self, search: DepthFirst) -> tuple[tuple[Choice, ...], str] | None:
        """The first schedule of a search that breaks something, and what."""
        while monotonic() < self.until and (run := search.next()) is not None:
            run.pruned = search.end != "complete"
            if broken := self._broken(run):
                return tuple(search.path), next(iter(broken))
            self._pace()
        return None

    def replay(self, schedule: str) -> Exploration:
        """Execute one schedule only."""
        self.runs = 1
        try:
            self._compare_with_serial()
        except _Enough as enough:
            self.unasked = str(enough)
        return self._result(False, self._told(from_text(schedule)), "one schedule was executed")

    def _compare_with_serial(self) -> None:
        """Execute the calls one after the other; unless that ends there is nothing to compare."""
        if not self.unasked and not self.atomicity.serial(frozenset(self.scenario.calls)):
            steps = self.scenario.longest
            many = f" within {steps:,} steps" if self.scenario.left_out else ""
            self.unasked = f"no serial order ends{many}"

    def _told(self, choices: Sequence[Choice]) -> Broken | None:
        """Execute a schedule once more and tell it as a table; None when it breaks nothing."""
        run = self.scenario.start()
        run.bounds = False
        steps: list[LaneStep] = []
        states: list[bytes | None] = []
        try:
            shown = [self._shown(run)]
            for index, choice in enumerate(choices, 1):
                states.append(run.fingerprint())
                if choice not in run.enabled():
                    able = to_text(run.enabled()) or "nothing"
                    raise LeoError(
                        f"step {index} of the schedule is {to_text([choice])}, which is not "
                        f"possible there; possible: {able}"
                    )
                told, after = told_step(run, choice, index, shown[-1], partial(self._shown, run))
                shown.append(after)
                steps += [told] if told is not None else []
            ending = None
            if not run.broken:
                if not run.finished() and run.fingerprint() in {*states} - {None}:
                    run.broken[ENDLESS] = goes_round(run, choices)
                elif run.finished() and not run.still_going():
                    came, ending = came_to(run), run.ending()
        except BaseException:
            run.close()
            raise
        for title, witness in self._broken(run).items():
            steps = fold(steps, shown)
            if (more := len(steps) - 2 * _FOLD) > 0:
                steps[_FOLD:-_FOLD] = [LaneStep(0, "", f"{more:,} more steps")]
            table = tell_steps(steps, self.scenario.calls, title)
            if title == ATOMIC and ending is not None:
                outcomes = nearest(ending, self.atomicity.outcomes(ending), came)
                why, out, possible = compare(ending, came, outcomes, self.initial)
                return Broken(title, why, to_text(choices), table, out, possible)
            lost = "".join(
                f"; {step.lane} had been woken, and was cancelled before it went on"
                for step in steps
                if title == DEADLOCK and step.action == WOKEN
            )
            return Broken(title, witness + lost, to_text(choices), table)
        return None

    def _shown(self, run: CoroutineRun[T]) -> Part:
        if self.show is None:
            return state_of(run)
        show = self.show
        found = run.loop.perform(lambda: show(run.target))
        return Part(found) if isinstance(found, str) else look(found)

    def _result(self, complete: bool, broken: Broken | None, how_far: str) -> Exploration:
        scenario = self.scenario
        asked, not_asked = [], []
        if self.unasked:
            not_asked.append(f"are the calls atomic: {self.unasked}")
        else:
            asked.append(
                "are the calls atomic: results and final state (`state=`) of some serial "
                "order, a cancelled or failed call whole or not at all"
            )
            if scenario.declared:
                not_asked.append("do calls that did not overlap keep their order")
        if scenario.invariant is not None:
            asked.append(f"the {INVARIANT}, between any two steps")
        if scenario.at_end is not None:
            asked.append(f"{AT_END}, the rule given")
        asked.append("no exception, no deadlock")
        number = scenario.cancellations
        if number:
            asked.append(f"with up to {number} cancellation{'s' * (number > 1)}, at any moment")
        else:
            not_asked.append("cancellations")
        if scenario.clock == "idle":
            not_asked.append("time that passes while somebody could go on (clock='any')")
        if scenario.seed is not None:
            not_asked.append(f"other draws of `random` than those of seed {scenario.seed}")
        if failed := " and ".join(self.atomicity.failed):
            not_asked.append(
                f"would {failed} raise one by one too: a call that raised counts as not run where "
                "no serial order has that (a refusal that is returned is compared)"
            )
        for what in self.atomicity.blameless:
            not_asked.append(
                f"is {what} that of a serial order: some schedules differ in it, and in nothing "
                "else (state= says what is compared)"
            )
        if (order := self.atomicity.ambiguous()) and not scenario.outlive:
            not_asked.append(
                f"which outcome is right: {' then '.join(order)} alone has several, as tasks "
                "inside a call race (at_end= or invariant= says what must hold)"
            )
        if not self.unasked and scenario.outlive:
            not_asked.append(
                f"is the work of {', '.join(scenario.outlive)} atomic: it goes on beside other "
                "calls in the serial orders too (at_end= or invariant= says what must hold)"
            )
        bounded = [*scenario.left_out, *scenario.bounded, *scenario.around.unseen]
        for name in scenario.around.left:
            bounded.append(
                f"{name} was not compared: set it in `make`, each schedule begins with another"
            )
        if self.by_type:
            bounded.append(
                f"of results and states only the type was compared: {', '.join(self.by_type)}"
            )
        if self.opaque:
            bounded.append(
                f"states were not compared: {', '.join(self.opaque)} cannot be looked into"
            )
        return Exploration(
            self.runs, complete, broken, self.states,
            tuple(asked), tuple(not_asked), tuple(bounded), how_far, self.unasked,
        )  # fmt: skip

    def _pace(self) -> None:
        """Say how far the search is, when it has been silent for long.  Raises _Enough."""
        now = monotonic()
        serial = f"{self.atomicity.runs:,} executions of the calls one by one, to compare with"
        if self.seconds is not None and now - self.begun > self.seconds:
            still = "" if self.runs else f", after {serial}; fewer calls take less time"
            raise _Enough(f"stopped after {self.seconds:g} s: raise `seconds`{still}")
        if now - self.told < _SILENT:
            return
        self.told = now
        # Who is told may draw from `random`.
        self.scenario.around.chance = None
        if not self.runs:
            self.progress(f"leo.explore: {serial}, in {now - self.begun:.0f} s")
            return
        done = self.done()
        left = f", about {done:.0%} of what is known" if done else ""
        self.progress(
            f"leo.explore: {self.runs:,} schedules, {self.states:,} states in "
            f"{now - self.begun:.0f} s{left}"
        )
