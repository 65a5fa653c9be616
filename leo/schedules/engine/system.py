"""The interface between a search and a system, and what all searches share.

A system is executed again and again from its beginning.  A search makes the choices; what a choice
did is a step.  Searches compare steps as numbers: `Events` has the number of each step, and which
steps depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from leo.errors import LeoError


class Choice(NamedTuple):
    """Who is chosen (a session, a task, an instance), and what happens to it.

    `step`: it goes on to the next boundary; `cancel`, `raise`, `crash`, `recover`; `timeout`: what
    it waits for has taken too long.
    """

    who: str
    what: str = "step"


class Step(NamedTuple):
    """What a choice did, or would do.

    ``action`` is for people (several, joined by ``+``, when one choice brought about several).  Two
    steps are independent when they belong to different ``who``, no object that one of them writes
    is read or written by the other, and neither makes the other possible or impossible; a system
    therefore declares locks, queues and the lives of processes as objects too.
    """

    choice: Choice
    action: str
    reads: frozenset[str]
    writes: frozenset[str]


_NONE: Mapping[str, Any] = MappingProxyType({})


class Outcome(NamedTuple):
    """What a run came to.

    ``events`` is the recorded trace, ``answers`` what each reply returned or raised, ``final`` the
    state that is left.  ``violations``: the title of what was broken, and a sentence that says how.
    """

    events: Sequence[Any] = ()
    answers: Mapping[str, str] = _NONE
    final: Mapping[str, Any] = _NONE
    violations: Mapping[str, str] = _NONE


class Run(Protocol):
    """One execution, held at a boundary until the next choice."""

    def enabled(self) -> tuple[Choice, ...]:
        """The choices that can be made now, always in the same order."""

    def pending(self, choice: Choice) -> Step | None:
        """The step that a choice would be, where that is known beforehand.

        What it declares depends on what ``who`` has done so far and on nobody else; the step that
        is taken may touch less, never more.
        """

    def waiting(self) -> tuple[Choice, ...]:
        """The choices that somebody would have here, in another state of the others.

        For the optimal search: who waits for a lock, and faults that have struck often enough.
        `pending` tells their steps as well.
        """

    def take(self, choice: Choice) -> Step:
        """Make a choice.  Raises LeoError when it is not enabled."""

    def finished(self) -> bool:
        """Everything has come to its end; with nothing enabled before that, it is a deadlock."""

    def close(self) -> Outcome:
        """End the run at any point, and return its outcome."""


class System(Protocol):
    """Something that can be executed again and again from the same beginning."""

    def start(self) -> Run:
        """Begin an execution.  The run before it must have been closed."""


class EngineError(LeoError):
    """A system broke the rules of this file, and its search means nothing."""


class Events:
    """The steps seen so far: `steps[d]` is the step of number d, `conflicts[d]` the bits of those
    that depend on it (itself among them).

    Two steps depend on each other when the same session takes them, or when one writes an object
    that the other reads or writes.  The session itself is an object that each of its steps writes:
    a step that changes what a session does next (a crash, a cancellation from outside) writes the
    object of the session's name.
    """

    __slots__ = ("_bits", "_kept", "_numbers", "_reads", "_writes", "conflicts", "known", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.conflicts: list[int] = []
        self._reads: list[int] = []
        self._writes: list[int] = []
        self._bits: dict[str, int] = {}
        self._numbers: dict[Step, int] = {}
        self._kept: dict[int, int] = {}
        # A step that a system keeps is found without a look at its sets; `steps` keeps it alive.
        self.known = self._kept.get

    def number(self, step: Step) -> int:
        """The number of a step; equal steps have equal numbers."""
        known = self._numbers.get(step)
        return self._add(step) if known is None else known

    def _add(self, step: Step) -> int:
        number = self._numbers[step] = self._kept[id(step)] = len(self.steps)
        writes = self._mask((*step.writes, step.choice.who))
        reads = self._mask(step.reads)
        self.steps.append(step)
        self._reads.append(reads)
        self._writes.append(writes)
        found = 0
        for other in range(number + 1):
            theirs = self._writes[other]
            if writes & (theirs | self._reads[other]) or reads & theirs:
                found |= 1 << other
                if other != number:
                    self.conflicts[other] |= 1 << number
        self.conflicts.append(found)
        return number

    def _mask(self, objects: Iterable[str]) -> int:
        mask = 0
        for name in objects:
            # What may touch everything depends on all others.
            mask |= -1 if name == "*" else 1 << self._bits.setdefault(name, len(self._bits))
        return mask


class Walk(NamedTuple):
    """One run: the numbers of its steps, the steps as taken, and how it ended.

    `complete`: nothing was enabled any more.  `redundant`: it belongs to a class that has been
    explored, and was given up.
    """

    numbers: tuple[int, ...]
    steps: tuple[Step, ...]
    end: str
    finished: bool
    outcome: Outcome


# A run of a terminating system is not longer; one that goes on for ever must not hang a search.
MOST_STEPS = 10_000


def check_length(steps: int) -> None:
    """Raise EngineError when a run is so long that it will not end."""
    if steps > MOST_STEPS:
        raise EngineError(
            f"a schedule has not ended after {MOST_STEPS:,} steps: somebody can go on for ever, "
            "and schedules are executed to their end; bound how often it tries"
        )


def check_again(position: int, before: Step, again: Step) -> None:
    """Raise EngineError when a step that is taken once more does something else."""
    if again is not before and again != before:
        raise EngineError(
            f"step {position} was {said(before)} and is now {said(again)} under the same "
            "schedule: something decides that the scheduler does not own"
        )


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


def check_still(events: Events, taken: int, gone: int) -> None:
    """Raise EngineError when steps are no longer possible that do not depend on the one taken;
    `gone` has their bits.
    """
    gone &= ~events.conflicts[taken]
    if gone:
        step, last = events.steps[gone.bit_length() - 1], events.steps[taken]
        raise EngineError(
            f"{said(step)} is not possible after {said(last)}, and they declare no object "
            "that both touch: the search would miss schedules"
        )


def unknown(choice: Choice) -> Step:
    """A step of which nothing is known beforehand: it may touch everything."""
    return Step(choice, "?", frozenset(), frozenset("*"))


def said(step: Step) -> str:
    """A step for people."""
    return f"{step.choice.who}:{step.choice.what} {step.action}"


NormalForm = tuple[tuple[int, ...], ...]


def normal_form(events: Events, numbers: Sequence[int]) -> NormalForm:
    """The layers of a schedule of numbered steps: equal for equivalent schedules only.

    Two schedules are equivalent (Mazurkiewicz) when one becomes the other by exchanging neighbours
    that do not depend on each other.  The normal form of Foata puts each step into the earliest
    layer that it can be in (Cartier and Foata, 1969; Diekert and Rozenberg (eds.), The Book of
    Traces, 1995, section 2.3).
    """
    layers: list[list[int]] = []
    masks: list[int] = []
    for number in numbers:
        depends, level = events.conflicts[number], len(layers)
        while level and not masks[level - 1] & depends:
            level -= 1
        if level == len(layers):
            layers.append([])
            masks.append(0)
        layers[level].append(number)
        masks[level] |= 1 << number
    return tuple(tuple(sorted(layer)) for layer in layers)
