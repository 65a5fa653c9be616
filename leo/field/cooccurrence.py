"""Co-occurrence counts that decay without a pass over all of them (`leo.field.decay`).

One integer holds the count of a pair and the number of decays that it has been through: a large
field has millions of pairs, and a tuple for each would be most of its memory. A pair is in the rows
of both its ids, because a reply looks up the neighbours of a token far more often than it adds a
pair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from leo.field.decay import faded, forgotten

# Bits of an id in a key of several (ids of the store stay below 2 ** 31), and of a count's age.
IDS = 32
AGES = 24
_AGE = (1 << AGES) - 1
NO_ROW: dict[int, int] = {}

Rows = dict[int, dict[int, int]]


def pair_counts(pairs: Iterable[tuple[int, int, int]]) -> dict[int, int]:
    """The counts of pairs by their numbers; a pair is named once, in either order."""
    return {
        one << IDS | other if one <= other else other << IDS | one: count
        for one, other, count in pairs
    }


def pair_keys(one: int, others: Iterable[int]) -> list[int]:
    """The numbers of the pairs of one with each other."""
    high = one << IDS
    return [high | other if one <= other else other << IDS | one for other in others]


class Kept(NamedTuple):
    """A pair with its count << AGES | age."""

    low: int
    high: int
    raw: int


def rows_of(pairs: Iterable[tuple[int, int, int]], ids: Mapping[int, int] = NO_ROW) -> Rows:
    """Rows of pairs (smaller id, larger id, count << AGES | age), with the objects of `ids`."""
    rows: defaultdict[int, dict[int, int]] = defaultdict(dict)
    one = ids.get
    for low, high, raw in pairs:
        small, large = one(low, low), one(high, high)
        rows[small][large] = raw
        rows[large][small] = raw
    return dict(rows)


@dataclass(frozen=True, slots=True)
class WholeCoOccurrence:
    """All of it: id -> other id -> count << AGES | age, and the number of decays by now."""

    rows: Rows
    age: int


@dataclass(frozen=True, slots=True)
class Aged:
    """Decays to go through (1) or to take back (-1), and the pairs that come back then."""

    times: int
    forgotten: tuple[Kept, ...] = ()


class CoOccurrence:
    """The co-occurrence of a view. Counts of 0 stay for a while, unseen, until they are swept."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.age = 0
        # Pairs that were added since the last sweep, and the rows that its round has yet to visit.
        self._added = 0
        self._ahead: list[int] = []

    def replace(self, change: WholeCoOccurrence) -> WholeCoOccurrence:
        """Take the whole; return what was there."""
        before = WholeCoOccurrence(self.rows, self.age)
        self.rows, self.age = change.rows, change.age
        self._ahead = []
        return before

    def grow(
        self, pairs: Iterable[tuple[int, int, int]], sign: int, before: Iterable[Kept]
    ) -> tuple[Kept, ...]:
        """Add (smaller id, larger id, count), or take them away; then put back what was `before`.

        Returns what has to be put back to undo this: the counts that were of another age, because
        a subtraction would leave them faded.
        """
        rows, now, added = self.rows, self.age, 0
        step = sign << AGES
        old: list[Kept] = []
        for low, high, count in pairs:
            row = rows.get(low)
            if row is None:
                row = rows[low] = {}
            raw = row.get(high)
            if raw is None:
                added += 1
                raw = now
            elif raw & _AGE != now:
                old.append(Kept(low, high, raw))
                raw = faded(raw >> AGES, now - (raw & _AGE)) << AGES | now
            raw += count * step
            if raw > _AGE:
                row[high] = raw
                other = rows.get(high)
                if other is None:
                    rows[high] = {low: raw}
                else:
                    other[low] = raw
            else:
                self._remove(low, (high,))
        self._added += added
        self._put_back(before)
        return tuple(old)

    def turn(self, change: Aged) -> Aged:
        """Let a decay pass, or take it back."""
        self.age += change.times
        self._put_back(change.forgotten)
        return Aged(-change.times, tuple(self._sweep()) if change.times > 0 else ())

    def with_each(self, one: int, others: Iterable[int]) -> list[int]:
        """How often one token co-occurred with each of the others, in their order."""
        now = self.age
        found = map(self.rows.get(one, NO_ROW).get, others, repeat(0))
        return [
            raw >> AGES if raw & _AGE == now or not raw else faded(raw >> AGES, now - (raw & _AGE))
            for raw in found
        ]

    def items(self) -> Iterator[tuple[int, int, int]]:
        """(smaller id, larger id, count) of every pair that still co-occurs."""
        now = self.age
        for low, row in self.rows.items():
            for high, raw in row.items():
                if low <= high and (count := faded(raw >> AGES, now - (raw & _AGE))):
                    yield low, high, count

    def _put_back(self, pairs: Iterable[Kept]) -> None:
        for low, high, raw in pairs:
            self.rows.setdefault(low, {})[high] = raw
            self.rows.setdefault(high, {})[low] = raw

    def _remove(self, one: int, others: Iterable[int]) -> None:
        rows = self.rows
        row = rows[one]
        for other in others:
            del row[other]
            if other != one:
                its = rows[other]
                del its[one]
                if not its:
                    del rows[other]
        if not row:
            del rows[one]

    def _sweep(self) -> Iterator[Kept]:
        """Remove counts of 0 and give them: rows with twice as many entries are looked at as were
        added, so that a round ends before the table has grown by half.
        """
        # A pair has two entries.
        budget, self._added = 4 * self._added, 0
        now, begun = self.age, False
        # By age; compared here, because `faded` would take more than twice as long for each entry.
        # Of an age that is yet to come (the field is damaged) nothing is forgotten.
        lost = dict(enumerate(reversed(forgotten(now)))).get
        while budget > 0:
            if not self._ahead:
                if begun:
                    break
                self._ahead, begun = list(self.rows), True
                continue
            one = self._ahead.pop()
            row = self.rows.get(one, NO_ROW)
            budget -= len(row)
            gone = [
                (other, raw) for other, raw in row.items() if raw >> AGES <= lost(raw & _AGE, 0)
            ]
            if gone:
                self._remove(one, [other for other, _ in gone])
                for other, raw in gone:
                    yield Kept(one, other, raw) if one <= other else Kept(other, one, raw)
