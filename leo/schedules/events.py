"""Numbers for steps, and which of them depend on each other: everything the searches compare.

A step gets a small integer the first time that it is seen; the set of all steps that depend on it
is one integer with a bit for each.  Two steps depend on each other when the same session takes
them, or when one writes an object that the other reads or writes.  The session itself is an object
that each of its steps writes: whoever changes what a session will do next (a crash, a cancellation
from outside) says so by writing the object of the session's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leo.errors import LeoError
from leo.schedules.system import Choice, Step


class EngineError(LeoError):
    """A system broke the rules of `leo.schedules.system`, and its search means nothing."""


class Events:
    """The steps seen so far: `steps[d]` is the step of number d, `conflicts[d]` the bits of those
    that depend on it (itself among them).
    """

    __slots__ = ("_bits", "_numbers", "_reads", "_writes", "conflicts", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.conflicts: list[int] = []
        self._reads: list[int] = []
        self._writes: list[int] = []
        self._bits: dict[str, int] = {}
        self._numbers: dict[Step, int] = {}

    def number(self, step: Step) -> int:
        """The number of a step; equal steps have equal numbers."""
        known = self._numbers.get(step)
        return self._add(step) if known is None else known

    def _add(self, step: Step) -> int:
        number = self._numbers[step] = len(self.steps)
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
            mask |= 1 << self._bits.setdefault(name, len(self._bits))
        return mask

    def past(self, numbers: Sequence[int], last: int) -> list[int]:
        """The positions of a schedule that `last` depends on, itself among them, in order.

        Taken alone they are a schedule too, and it ends with the same step in the same situation.
        """
        kept, needed = [last], self.conflicts[numbers[last]]
        for position in range(last - 1, -1, -1):
            if needed >> numbers[position] & 1:
                kept.append(position)
                needed |= self.conflicts[numbers[position]]
        return kept[::-1]

    def choices(self, numbers: Iterable[int]) -> tuple[Choice, ...]:
        """The choices of a schedule, in its order."""
        return tuple(self.steps[number].choice for number in numbers)
