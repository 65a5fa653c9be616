"""Are the calls atomic?  What came out must be what some serial order of the calls gives.

A run is explained by an order of calls in which each one that returned ran whole, with the same
result, in which each one that was cancelled or failed ran whole or not at all, and which keeps the
order of calls that returned one before the other began.  (Linearizability: Herlihy and Wing, 1990;
with the aborted ones as in strict serializability.)  The serial orders are executed, with all
schedules of what happens inside one call.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, dropwhile, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from leo.schedules.engine.depth_first import DepthFirst
from leo.schedules.running.choosing import CLOCK
from leo.schedules.running.shape import Shape
from leo.schedules.values import leaves

if TYPE_CHECKING:
    from leo.schedules.calls import Scenario
    from leo.schedules.engine.system import Choice

# With more calls there are too many serial orders to execute.
MOST_CALLS = 6
# So many seconds late a timer strikes, or so far ahead counters of libraries begin, to see what
# follows from it.
_LATE = 1e-4
_AHEAD = 1000
# What asyncio.Queue counts for who waits until all of it is done: often nobody does.
_FOR_JOIN = re.compile(r".*\._(unfinished_tasks|finished\._value)")
_COUNTER = re.compile(r"count\(.*\)")
Leaves = dict[str, str]
V = TypeVar("V")
Order = tuple[str, ...]
Serial = dict[Any, "Outcome"]


class Answer(NamedTuple):
    """What a call came to: `returned`, `raised`, `cancelled` or `open`, and with what.

    `shape` is equal for equal results.  `same` numbers the objects in it that
    are equal to themselves only: two callers may have got one, or two that look alike.
    """

    kind: str
    shape: bytes = b""
    same: tuple[int, ...] = ()


class Ending(NamedTuple):
    """What a run came to, for the question whether the calls are atomic.

    `began_after` has, for each call that began, the calls that had returned by then.  `opaque`
    names the types that were compared as types only.
    """

    answers: Mapping[str, Answer]
    state: bytes
    began_after: Mapping[str, frozenset[str]]
    same: tuple[int, ...] = ()
    opaque: tuple[str, ...] = ()

    def pattern(self, whole: Iterable[str]) -> tuple[int, ...]:
        """Which objects are one and the same, among the results of some calls and the state."""
        numbers: dict[int, int] = {}
        parts = [self.answers[name].same for name in sorted(whole)]
        return tuple(
            numbers.setdefault(it, len(numbers)) for part in (*parts, self.same) for it in part
        )


def let_go(task: asyncio.Task[Any]) -> None:
    """Drop the frames of the exceptions that a task ended with."""
    if not task.done():
        return
    error: BaseException | None
    try:
        # Not to be taken for somebody's look at it.
        error = task._exception if not task.cancelled() else task.exception()
    except asyncio.CancelledError as cancelled:
        error = cancelled
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def answer_of(
    task: asyncio.Task[Any], numbers: dict[int, int], opaque: dict[str, None], timeless: bool
) -> Answer:
    """What a call came to; `numbers` has those of the objects so far, by their ids."""
    if not task.done():
        return Answer("open")
    if task.cancelled():
        return Answer("cancelled")
    error = task.exception()
    shape = Shape(data=True, timeless=timeless)
    shape.add(task.result() if error is None else error)
    opaque.update(shape.opaque)
    same = numbered(shape, numbers)
    return Answer("returned" if error is None else "raised", shape.digest(), same)


def numbered(shape: Shape, numbers: dict[int, int]) -> tuple[int, ...]:
    """The objects of a shape that are equal to themselves only, by numbers."""
    return tuple(numbers.setdefault(it, len(numbers)) for it in shape.same)


@dataclass(slots=True)
class Outcome:
    """One outcome of serial executions: what each call came to, in which orders, and the state."""

    ending: Ending
    told: Any
    orders: set[Order] = field(default_factory=set)


@dataclass(slots=True)
class Atomicity:
    """Decides for endings of a scenario whether a serial order explains them.

    `tell` keeps of a run what people are told of it, `runs` counts serial executions.
    """

    scenario: Scenario[Any]
    tell: Callable[[Any], Any]
    pace: Callable[[], None] = lambda: None
    runs: int = 0
    # What alone differed from the serial orders in some schedules, that nobody can be blamed for.
    blameless: dict[str, None] = field(default_factory=dict)
    # The calls that raised in a schedule, and in no serial order that explains it.
    failed: dict[str, None] = field(default_factory=dict)
    _timeless: Atomicity | None = None
    _left: int = 0
    _serial: dict[frozenset[str], Serial] = field(default_factory=dict)
    _known: dict[Any, bool] = field(default_factory=dict)

    def serial(self, names: frozenset[str]) -> Serial:
        """The outcomes of these calls alone, one after the other."""
        left = self.scenario.around.changes
        known = self._serial.get(names)
        if known is not None and left == self._left:
            return known
        if left != self._left:
            # What the state is has changed.
            self._left = left
            self._serial.clear()
            self._known.clear()
        alone = self._alone(names)
        found: Serial = {}
        search = DepthFirst(alone.start, states=True)
        while (run := search.next()) is not None:
            try:
                if search.end == "complete" and run.finished():
                    self._add(found, run)
            finally:
                run.close()
            self.runs += 1
            self.pace()
        if left != self.scenario.around.changes:
            return self.serial(names)
        self._serial[names] = found
        return found

    def _alone(self, names: frozenset[str]) -> Scenario[Any]:
        """These calls one after the other."""
        calls = {name: call for name, call in self.scenario.calls.items() if name in names}
        return replace(
            self.scenario, calls=calls, cancellations=0, serial=True, most=None,
            invariant=None, at_end=None, raises=(BaseException,), bounded={},
        )  # fmt: skip

    def _add(self, found: Serial, run: Any) -> None:
        ending = run.ending()
        key = _key(ending)[:-1]
        if key not in found:
            found[key] = Outcome(ending, self.tell(run))
        found[key].orders.add(tuple(ending.began_after))

    def explains(self, ending: Ending) -> bool:
        """Is there a serial order with these results and this final state?"""
        explained = self._explained(ending)
        self._known[_key(ending)] = explained
        return explained

    def known(self, ending: Ending) -> bool:
        """Has an ending like this one been explained before?"""
        return self._known.get(_key(ending), False)

    def _explained(self, ending: Ending) -> bool:
        whole = _whole(ending)
        fitting = (
            outcome.ending.answers
            for outcome in self.outcomes(ending)
            if _alike(outcome.ending, ending, whole)
            and any(_keeps(order, whole, ending) for order in outcome.orders)
        )
        failed = {name: it for name, it in ending.answers.items() if it.kind == "raised"}
        found = False
        for answers in fitting:
            found = True
            failed = {name: it for name, it in failed.items() if answers.get(name) != it}
            if not failed:
                return True
        if found:
            self.failed.update(dict.fromkeys(failed))
        return found

    def outcomes(self, ending: Ending) -> Iterator[Outcome]:
        """Those of the calls that returned, with some of the others, whole, or none of them."""
        whole = _whole(ending)
        maybe = [name for name in ending.answers if name not in whole]
        for size in range(len(maybe), -1, -1):
            for some in combinations(maybe, size):
                yield from self.serial(whole.union(some)).values()

    def but_for_times(self, path: Iterable[Choice], ending: Ending) -> bool:
        """Do results and state differ from those of a serial order only in times?

        The schedule and the serial orders are executed with a clock whose times can be told from
        other numbers, and compared without them.  If something looks like such a time where the
        clock has others, numbers cannot be told from times, and they differ.
        """
        path, plain = list(path), None
        if self.scenario.state is None:
            plain = _executed(self.scenario, path, ending)
        if plain is None or _key(plain) != _key(ending):
            return False
        if self._timeless is None:
            scenario = replace(self.scenario, timeless=True, left_out={}, bounded={}, outlive={})
            self._timeless = Atomicity(scenario, self.tell, self.pace)
        again = _executed(self._timeless.scenario, path, ending)
        if again is None or not self._timeless.explains(again):
            return False
        self._blameless("a stored time", ending)
        return True

    def but_for_the_clock(self, path: Iterable[Choice], ending: Ending) -> bool:
        """Do results and state differ from those of a serial order only where a clock decides?

        A number that is another one when all timers strike a moment late was counted from times.
        What a timer changed last, before a wait was cancelled, is in no serial order without that
        call: what a rate limiter has let go of by then is no half of it.  An `itertools.count`
        gives each number once, so that its position alone is no update that was lost; nor is which
        number a library gave, which is another one when its counters begin with another one.
        """
        path = list(path)
        if self.scenario.state is not None or not (came := follow(self.scenario, path, self.tell)):
            return False
        whole = _whole(ending)
        steps = [_leaves(it, whole) for it in came]
        struck = dropwhile(lambda choice: choice.who != CLOCK, path)
        by_timer = dict[str, bool]()
        if any(choice.what == "cancel" for choice in struck):
            for choice, (before, after) in zip(path[1:], pairwise(steps), strict=True):
                by_timer |= dict.fromkeys(_unlike(before, after), choice.who == CLOCK)
        mine: list[set[str]] = []
        for outcome in self.outcomes(ending):
            there = _leaves(outcome.told, whole)
            if (
                not (places := _unlike(steps[-1], there))
                or ending.pattern(whole) != outcome.ending.pattern(whole)
                or not any(_keeps(order, whole, ending) for order in outcome.orders)
            ):
                continue
            mine = mine or self._moved(self.scenario, path, steps[-1], whole)
            alone = self._alone(frozenset(outcome.ending.answers))
            its = self._moved(alone, outcome.told.way, there, whole)
            timed, numbered = (one | other for one, other in zip(mine, its, strict=True))
            whys = {
                "what a timer left" if by_timer.get(place)
                else "what was counted from times" if place in timed
                else "which number a library gave" if place in numbered
                else "what a queue counts for join()" if _FOR_JOIN.fullmatch(place)
                else "how far a counter has got" if _counter(steps[-1], there, place)
                else ""
                for place in places
            }  # fmt: skip
            if all(whys):
                for why in sorted(whys):
                    self._blameless(why, ending)
                return True
        return False

    def _moved(
        self, scenario: Scenario[Any], path: Sequence[Choice], last: Leaves, whole: Iterable[str]
    ) -> list[set[str]]:
        """The places that are others when the timers of a schedule strike a moment late.

        And when libraries count from another number.  None are when what the schedule comes to is
        not the same again: something else decides.
        """
        found = []
        for more in ({}, {"late": _LATE}, {"ahead": _AHEAD}, {}):
            it = replace(scenario, **more, left_out={}, bounded={}, outlive={})
            came = follow(it, path, lambda run: len(run.taken) == len(path) and self.tell(run))
            found.append(_leaves(came[-1], whole) if len(came) == len(path) > 0 else {})
        plain, *others, again = found
        return [_unlike(last, it) if it and plain == last == again else set() for it in others]

    def _blameless(self, what: str, ending: Ending) -> None:
        self.blameless[what] = None
        self._known[_key(ending)] = True

    def differs_again(self) -> str:
        """What differs when serial orders are executed once more; empty if nothing does."""
        before = dict(self._serial)
        self._serial.clear()
        for names, known in before.items():
            again = self.serial(names)
            old, new = (
                [_leaves(it.told, names) for key, it in one.items() if key not in other]
                for one, other in ((known, again), (again, known))
            )
            if old or new:
                # One that is missing is told by what another one has in its place.
                rest = [_leaves(it.told, names) for it in (again if old else known).values()]
                one, two = (old or rest)[0], (new or rest)[0]
                told = [f"`{it or 'state'}` is {one.get(it, '–')}, then {two.get(it, '–')}"
                        for it in sorted(_unlike(one, two))]  # fmt: skip
                return "; ".join(told[:2]) or "something that has no text differs"
        return ""

    def ambiguous(self) -> Order | None:
        """A serial order that comes out in several ways: tasks inside one of its calls race."""
        for found in self._serial.values():
            seen = set[Order]()
            for outcome in found.values():
                if both := seen & outcome.orders:
                    return min(both)
                seen |= outcome.orders
        return None

    def can_end(self, names: frozenset[str]) -> bool:
        """Can these calls end without the others?"""
        return bool(self.serial(names))


def _whole(ending: Ending) -> frozenset[str]:
    return frozenset(name for name, it in ending.answers.items() if it.kind == "returned")


def follow(scenario: Scenario[Any], path: Iterable[Choice], note: Callable[[Any], V]) -> list[V]:
    """What `note` says of a run after each step of a schedule, up to one that is not possible."""
    run, found = scenario.start(), list[V]()
    run.bounds = False
    try:
        for choice in path:
            if choice not in run.enabled():
                break
            run.take(choice)
            found.append(note(run))
    finally:
        run.close()
    return found


def _executed(scenario: Scenario[Any], path: list[Choice], like: Ending) -> Ending | None:
    """What a schedule comes to with all times equal; None when it cannot be followed to its end."""
    found = follow(scenario, path, lambda run: run.finished() and run.ending(timeless=True))
    end = found[-1] if len(found) == len(path) else None
    return end._replace(began_after=like.began_after) if end else None


def _leaves(came: Any, whole: Iterable[str]) -> Leaves:
    """What people see of a state and some results, down to the last parts."""
    found = leaves(came.state)
    for name in whole:
        found |= leaves(came.answers[name], f"{name} → ")
    return found


def _unlike(one: Leaves, other: Leaves) -> set[str]:
    return {place for place in one.keys() | other.keys() if one.get(place) != other.get(place)}


def _counter(one: Leaves, other: Leaves, place: str) -> bool:
    """Is an `itertools.count` at a place, in both?"""
    return all(_COUNTER.fullmatch(it.get(place, "")) for it in (one, other))


def _alike(one: Ending, other: Ending, whole: frozenset[str]) -> bool:
    """Have some calls returned the same, with the same state?"""
    return (
        one.state == other.state
        and all(one.answers[name][:2] == other.answers[name][:2] for name in whole)
        and one.pattern(whole) == other.pattern(whole)
    )


def _key(ending: Ending) -> Any:
    return (
        tuple((name, *it[:2]) for name, it in ending.answers.items()),
        ending.state,
        ending.pattern(ending.answers),
        tuple((name, tuple(sorted(it))) for name, it in sorted(ending.began_after.items())),
    )


def _keeps(order: Order, whole: frozenset[str], ending: Ending) -> bool:
    """Does an order keep the order of calls that did not overlap?"""
    at = {name: number for number, name in enumerate(order)}
    return all(
        at[before] < at[name] for name in whole for before in ending.began_after.get(name, ())
    )
