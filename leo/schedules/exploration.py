"""`leo.explore`: every schedule of a few calls on one object, and the shortest that breaks it."""

from __future__ import annotations

import asyncio
import linecache
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from leo.errors import LeoError
from leo.schedules.brute import Brute
from leo.schedules.calls import Calls, CoroutineRun, Invariant, Scenario
from leo.schedules.loop import CLOCK
from leo.schedules.optimal import Optimal
from leo.schedules.system import Choice, Walk
from leo.trace.lanes import LaneStep, lane_table
from leo.units import Naming

T = TypeVar("T")
Call = Callable[[T], Awaitable[object]]
# Frames of these files say nothing about the object that is explored.
_LEO = Path(__file__).resolve().parent.parent
_OURS = ("/asyncio/", f"{_LEO}/units/", f"{_LEO}/schedules/")


@dataclass(frozen=True, slots=True)
class Broken:
    """What was broken and how, by which schedule (a text that `explore` takes), and its table."""

    title: str
    witness: str
    schedule: str
    table: str


@dataclass(frozen=True, slots=True)
class Exploration:
    """What an exploration came to.

    `complete`: no schedule was left out; `broken`: the shortest schedule that breaks something, of
    those that were executed.  `holds` needs both, so that a search that was cut off never holds.
    """

    schedules: int
    complete: bool
    broken: Broken | None

    @property
    def holds(self) -> bool:
        return self.complete and self.broken is None

    def __str__(self) -> str:
        """The result for people, at most 80 columns wide."""
        far = f"{self.schedules:,} {'schedule' if self.schedules == 1 else 'schedules'}"
        if self.broken is None:
            if self.complete:
                return f"complete: {far}, nothing is broken"
            return f"not complete: {far}, nothing found; raise the limit to go on"
        least = "the shortest there is" if self.complete else "this is the shortest of them"
        return f"{self.broken.table}{far} executed; {least}\nschedule: {self.broken.schedule}"


def explore(
    make: Callable[[], T],
    calls: Mapping[str, Call[T]] | Sequence[Call[T]],
    *,
    invariant: Invariant[T] | None = None,
    at_end: Invariant[T] | None = None,
    raises: Iterable[type[Exception]] = (),
    cancellations: int = 1,
    reads: Mapping[str, Naming] | None = None,
    writes: Mapping[str, Naming] | None = None,
    limit: int = 100_000,
    schedule: str | None = None,
) -> Exploration:
    """Execute every schedule of some calls on an object, and look for one that breaks it.

    `make` makes the object, anew for every schedule.  `calls` are functions of the object that
    return something to await; a mapping gives them names.  At every await that suspends, another
    call can go on, or one of the calls is cancelled, at most `cancellations` times in a schedule.

    `invariant` is a function of the object, looked at between any two steps, `at_end` one that is
    looked at when all calls are over: broken when it returns False or a text, or raises
    AssertionError.  A call that raises what is not among `raises` breaks the object too, and so
    does a call that can never go on.

    `reads` and `writes` say which objects the methods read and write, as for
    `leo.instrument`; then one schedule of each class is enough.  What they do not
    name is taken to be a call's own.  `limit` is the most schedules that are executed.  `schedule`
    executes one schedule only, as a result gives it.

    Raises LeoError for calls or schedules that cannot be followed, and EngineError when the
    object is not deterministic or touches what it does not declare.
    """
    scenario = Scenario(
        make,
        _named(calls),
        invariant,
        at_end,
        tuple(raises),
        cancellations,
        reads or {},
        writes or {},
    )
    if schedule is not None:
        return Exploration(1, False, _told(scenario, _choices(schedule)))
    if limit < 1:
        raise LeoError(f"a limit of {limit} schedules: expected at least 1")
    search = Optimal(scenario) if scenario.declared else Brute(scenario, count=False)
    best: tuple[tuple[int, int], tuple[Choice, ...]] | None = None
    runs = 0
    while runs < limit:
        walk = search.next()
        if walk is None:
            break
        runs = runs + 1 if walk.end != "refused" else 0
        if walk.outcome.violations:
            choices = _shortened(scenario, search, walk)
            found = ((len(choices), _switches(choices)), choices)
            if best is None or found < best:
                best = found
                scenario.most = len(choices)
    else:
        walk = search.next()
    scenario.most = None
    return Exploration(runs, walk is None, _told(scenario, best[1]) if best else None)


def _named(calls: Mapping[str, Call[T]] | Sequence[Call[T]]) -> Calls[T]:
    named = (
        dict(calls)
        if isinstance(calls, Mapping)
        else {f"t{number}": call for number, call in enumerate(calls, 1)}
    )
    if not named:
        raise LeoError("there are no calls to explore: expected at least one")
    for name in named:
        if not name.isidentifier() or name == CLOCK:
            raise LeoError(f"a call cannot be named {name!r}: expected a word, and not {CLOCK!r}")
    return named


def _shortened(scenario: Scenario[T], search: Brute | Optimal, walk: Walk) -> tuple[Choice, ...]:
    """The choices up to what was broken, without those that it does not depend on."""
    steps = walk.outcome.final["steps"]
    choices = tuple(step.choice for step in walk.steps[:steps])
    if isinstance(search, Brute) or not steps:
        return choices
    kept = search.events.past(walk.numbers[:steps], steps - 1)
    fewer = tuple(choices[at] for at in kept)
    title = next(iter(walk.outcome.violations))
    return fewer if len(fewer) == steps or title in _executed(scenario, fewer) else choices


def _executed(scenario: Scenario[T], choices: Iterable[Choice]) -> Mapping[str, str]:
    """What a schedule breaks."""
    run = scenario.start()
    try:
        for choice in choices:
            run.take(choice)
    finally:
        outcome = run.close()
    return outcome.violations


def _switches(choices: Sequence[Choice]) -> int:
    return sum(one.who != other.who for one, other in pairwise(choices))


def _choices(schedule: str) -> tuple[Choice, ...]:
    """The choices of a schedule as it is printed: names, with `~` before a cancellation."""
    return tuple(
        Choice(word[1:], "cancel") if word.startswith("~") else Choice(word)
        for word in schedule.split()
    )


def _told(scenario: Scenario[T], choices: Sequence[Choice]) -> Broken | None:
    """Execute a schedule once more and tell it as a table; None when it breaks nothing."""
    run = scenario.start()
    steps: list[LaneStep] = []
    try:
        for index, choice in enumerate(choices, 1):
            if choice not in run.enabled():
                able = " ".join(_word(other) for other in run.enabled()) or "nothing"
                raise LeoError(
                    f"step {index} of the schedule is {_word(choice)}, which is not possible "
                    f"there; possible: {able}"
                )
            steps.append(_told_step(run, choice, index))
    finally:
        outcome = run.close()
    for title, witness in outcome.violations.items():
        names = dict.fromkeys((*scenario.calls, *(step.lane for step in steps)))
        table = lane_table(steps, f"{title}: {witness}", lanes=tuple(names))
        return Broken(title, witness, " ".join(map(_word, choices)), table)
    return None


def _word(choice: Choice) -> str:
    return f"~{choice.who}" if choice.what == "cancel" else choice.who


def _told_step(run: CoroutineRun[T], choice: Choice, index: int) -> LaneStep:
    """Take a step and say from where to where it went."""
    task = run.loop.tasks.get(choice.who)
    if choice.what == "cancel":
        run.take(choice)
        return LaneStep(index, choice.who, "(cancelled)")
    if task is None:
        run.take(choice)
        return LaneStep(index, choice.who, f"{run.loop.time():g} s")
    action, note = _place(task.get_coro())
    run.take(choice)
    if task.done():
        note = f"{note}; {_ending(task)}".lstrip("; ")
    return LaneStep(index, choice.who, action, note)


def _ending(task: asyncio.Task[Any]) -> str:
    if task.cancelled():
        return "ends, cancelled"
    error = task.exception()
    return f"returns {task.result()!r}" if error is None else f"raises {type(error).__name__}"


def _place(coroutine: Any) -> tuple[str, str]:
    """Where a suspended coroutine stands: function and line, and the text of the line."""
    place = ("begins", "")
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None and frame.f_lasti >= 0:
            code = frame.f_code
            if not any(part in code.co_filename for part in _OURS):
                text = linecache.getline(code.co_filename, frame.f_lineno).strip()
                place = (f"{code.co_name}:{frame.f_lineno}", text)
        inner = getattr(coroutine, "cr_await", None)
        coroutine = inner if inner is not None else getattr(coroutine, "gi_yieldfrom", None)
    return place
