"""One run of a search: what there was to choose from, what was chosen, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from leo.schedules.events import EngineError, Events
from leo.schedules.system import Choice, Outcome, Run, Step
from leo.schedules.wakeup import Branch


@dataclass(frozen=True, slots=True)
class Walk:
    """One run: the numbers of its steps, the steps as taken, and how it ended.

    `complete`: nothing was enabled any more.  `redundant`: everything enabled was asleep, the run
    belongs to a class that has been explored (an optimal search has none).  `refused`: a branch
    could not be followed.
    """

    numbers: tuple[int, ...]
    steps: tuple[Step, ...]
    end: str
    finished: bool
    outcome: Outcome


@dataclass(slots=True)
class Node:
    """A state on the path: what can be done there, what is asleep, and what is still to be done.

    `left`: what could be done or waited before the step taken here, and not after it.  `tried`:
    whether the last step of a sequence was possible here, and whether it waited.
    """

    offers: dict[Choice, int]
    waiting: frozenset[int]
    sleep: int
    ahead: list[Branch]
    left: list[int] = field(default_factory=list)
    tried: dict[tuple[int, ...], tuple[bool, bool]] = field(default_factory=dict)


_NONE: frozenset[int] = frozenset()
# A run of a terminating system is not longer; one that goes on for ever must not hang a search.
_MOST_STEPS = 10_000


def look(events: Events, run: Run, guarded: set[str]) -> tuple[dict[Choice, int], frozenset[int]]:
    """The numbers of what is enabled, by choice, and of what waits, which `guarded` learns."""
    number = events.number
    offers = {}
    for choice in run.enabled():
        step = run.pending(choice)
        offers[choice] = number(_unknown(choice) if step is None else step)
    waiting = run.waiting()
    if not waiting:
        return offers, _NONE
    guarded.update(step.action for step in waiting)
    return offers, frozenset(map(number, waiting))


def check_length(steps: int) -> None:
    """Raise EngineError when a run is so long that it will not end."""
    if steps > _MOST_STEPS:
        raise EngineError(
            f"a schedule has not ended after {_MOST_STEPS:,} steps: somebody can go on for ever, "
            "and schedules are executed to their end; bound how often it tries"
        )


def choose(node: Node, last: str) -> int | None:
    """The first step that is not asleep and not of the session that went last, if there is one.

    Sessions that take turns meet in the first runs of a search, and not in the last.
    """
    found = None
    for choice, number in node.offers.items():
        if not node.sleep >> number & 1:
            if choice.who != last and choice.what == "step":
                return number
            if found is None:
                found = number
    return found


def given_up(steps: Sequence[Step], number: int, before: Node, after: Node) -> list[int]:
    """The steps that somebody had before a step and has no longer: alternatives of the session's
    own, and what the step took away from others.
    """
    if len(before.offers) == 1 and not before.waiting:
        return []
    who, left = steps[number].choice.who, []
    for other in (*before.offers.values(), *before.waiting):
        choice = steps[other].choice
        if choice.who == who:
            if other != number:
                left.append(other)
        elif after.offers.get(choice) != other and other not in after.waiting:
            left.append(other)
    return left


def _unknown(choice: Choice) -> Step:
    """A step of which nothing is known beforehand: it may touch everything."""
    return Step(choice, "?", frozenset(), frozenset("*"))


def check_declared(declared: Step, step: Step) -> None:
    """Raise EngineError when a step touched more than it had declared."""
    if "*" in declared.writes:
        return
    more = (step.reads - declared.reads - declared.writes) | (step.writes - declared.writes)
    if more or step.choice != declared.choice:
        raise EngineError(
            f"{said(step)} touched {', '.join(sorted(more)) or 'nothing'}, which {said(declared)} "
            "does not declare: the search would miss schedules"
        )


def said(step: Step) -> str:
    """A step for people."""
    return f"{step.choice.who}:{step.choice.what} {step.action}"
