"""Who keeps company with whom: counts that fade, without a pass over all of them (`leo.decay`).

A pair of ids is one whole number, and so are a count and the number of decays that it has been
through: a large field has millions of these, and a tuple for each would be most of its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

from leo.decay import faded

__all__ = ["AGES", "IDS", "Aged", "Companions", "Company", "pair_key", "pair_keys"]

# Bits for the larger id of a pair (ids of the store stay below 2 ** 31), and for the age of a
# count.
IDS = 32
AGES = 24
_AGE = (1 << AGES) - 1


def pair_key(one: int, other: int) -> int:
    """The number of a pair, in whichever order it is named."""
    return one << IDS | other if one <= other else other << IDS | one


def pair_keys(one: int, others: Iterable[int]) -> list[int]:
    """The numbers of the pairs of one with each other."""
    high = one << IDS
    return [high | other if one <= other else other << IDS | one for other in others]


@dataclass(frozen=True, slots=True)
class Companions:
    """All of the co-occurrence: pair -> count << AGES | age, and the number of decays by now."""

    counts: dict[int, int]
    age: int


@dataclass(frozen=True, slots=True)
class Aged:
    """Decays to go through (1) or to take back (-1), and the pairs that come back then."""

    times: int
    forgotten: tuple[tuple[int, int], ...] = ()


class Company:
    """The co-occurrence of a view. Counts of 0 stay for a while, unseen, until they are swept."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.age = 0
        # Pairs that were added since the last sweep, and those that its round has yet to visit.
        self._added = 0
        self._ahead: list[int] = []

    def replace(self, change: Companions) -> Companions:
        """Take the whole; return what was there."""
        before = Companions(self.counts, self.age)
        self.counts, self.age = change.counts, change.age
        self._ahead = []
        return before

    def grow(
        self, pairs: Iterable[tuple[int, int, int]], sign: int, before: Iterable[tuple[int, int]]
    ) -> tuple[tuple[int, int], ...]:
        """Add (smaller id, larger id, count), or take them away; then put back what was `before`.

        Returns what has to be put back to undo this: the counts that were of another age, because
        a subtraction would leave them faded.
        """
        counts, now = self.counts, self.age
        old: list[tuple[int, int]] = []
        for low, high, count in pairs:
            key = low << IDS | high
            raw = counts.get(key)
            if raw is None:
                self._added += 1
                raw = now
            elif raw & _AGE != now:
                old.append((key, raw))
                raw = faded(raw >> AGES, now - (raw & _AGE)) << AGES | now
            raw += sign * count << AGES
            if raw >> AGES:
                counts[key] = raw
            else:
                del counts[key]
        counts.update(before)
        return tuple(old)

    def turn(self, change: Aged) -> Aged:
        """Let a decay pass, or take it back."""
        self.age += change.times
        self.counts.update(change.forgotten)
        return Aged(-change.times, tuple(self._sweep()) if change.times > 0 else ())

    def of(self, one: int, other: int) -> int:
        """How often the two tokens kept company, in one direction."""
        raw = self.counts.get(pair_key(one, other))
        if raw is None:
            return 0
        age = raw & _AGE
        return raw >> AGES if age == self.age else faded(raw >> AGES, self.age - age)

    def with_each(self, one: int, others: Iterable[int]) -> list[int]:
        """How often one token kept company with each of the others, in their order."""
        now = self.age
        return [
            raw >> AGES if raw & _AGE == now or not raw else faded(raw >> AGES, now - (raw & _AGE))
            for raw in map(self.counts.get, pair_keys(one, others), repeat(0))
        ]

    def items(self) -> Iterator[tuple[int, int, int]]:
        """(smaller id, larger id, count) of every pair that still keeps company."""
        mask, now = (1 << IDS) - 1, self.age
        for key, raw in self.counts.items():
            if count := faded(raw >> AGES, now - (raw & _AGE)):
                yield key >> IDS, key & mask, count

    def _sweep(self) -> Iterator[tuple[int, int]]:
        """Remove counts of 0 and give them: twice as many pairs are looked at as were added, so
        that a round ends before the table has grown by half.
        """
        budget, self._added = 2 * self._added, 0
        if len(self._ahead) < budget:
            self._ahead = list(self.counts)
        for key in self._ahead[-budget:] if budget else ():
            raw = self.counts.get(key)
            if raw is not None and not faded(raw >> AGES, self.age - (raw & _AGE)):
                del self.counts[key]
                yield key, raw
        del self._ahead[len(self._ahead) - min(budget, len(self._ahead)) :]
