"""The two tables of a view: tokens with bigrams, trigrams with co-occurrence.

A table is changed by a `Change` and returns the change that undoes it:

    rows        absolute counts; 0 (or the token None) says that the row does not exist
    growth      counts to add, or to take away again
    co-occurrence as a whole
    several of these in a row
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple, TypeVar

from leo.decay import decayed
from leo.growth import ChainGrowth, WordGrowth
from leo.text import PUNCTUATION

__all__ = [
    "CENTRES",
    "BigramChange",
    "BigramRows",
    "BigramTable",
    "Grown",
    "Pairs",
    "Series",
    "TrigramChange",
    "TrigramRows",
    "TrigramTable",
]

CENTRES = 7

Key = TypeVar("Key")
# Counts by the smaller and the larger id.
Pairs = dict[int, dict[int, int]]


class BigramRows(NamedTuple):
    """Rows with absolute counts: (id, token) and (source, next, count)."""

    tokens: list[tuple[int, str | None]]
    bigrams: list[tuple[int, int, int]]


class TrigramRows(NamedTuple):
    """Rows with absolute counts: (first, second, third, count) and (smaller id, larger id,
    count).
    """

    trigrams: list[tuple[int, int, int, int]]
    pairs: list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Grown:
    """Counts to add (`sign` 1) or to take away (-1), and the tokens that go with them then."""

    growth: WordGrowth | ChainGrowth
    sign: int = 1
    fresh: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One change after the other."""

    changes: tuple[BigramChange | TrigramChange, ...]


BigramChange = BigramRows | Grown | Series
TrigramChange = TrigramRows | Grown | Pairs | Series


class BigramTable:
    """Tokens by id and back, what follows each token, and the centres."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        self.followers: dict[int, dict[int, int]] = {}
        self.totals: dict[int, int] = {}
        self._centres: list[int] | None = []

    def apply(self, change: BigramChange) -> BigramChange:
        """Take a change; return the one that undoes it."""
        if isinstance(change, Series):
            return Series(tuple(map(self.apply, change.changes))[::-1])  # type: ignore[arg-type]
        if isinstance(change, Grown):
            return self._grow(change)
        undo = BigramRows([], [])
        for id, token in change.tokens:
            before = self.names.pop(id, None)
            if before is not None:
                del self.ids[before]
            if token is not None:
                self.names[id] = token
                self.ids[token] = id
            undo.tokens.append((id, before))
        changed: dict[int, int] = {}
        for source, follower, count in change.bigrams:
            old = _put(self.followers, source, follower, count)
            undo.bigrams.append((source, follower, old))
            changed[source] = changed.get(source, 0) + count - old
        self._weigh(changed)
        return undo

    def id_of(self, token: str) -> int | None:
        """The id of a token, None for an unknown one."""
        return self.ids.get(token)

    def centres(self) -> list[int]:
        """Ids of the tokens with the largest sum of outgoing bigrams, punctuation left out (section
        7).

        Equal sums are ordered by id, that is by age.
        """
        if self._centres is None:
            self._centres = _heaviest(self.totals, self.totals, self.names)
        return self._centres

    def centres_with(self, gained: Mapping[int, int], names: Mapping[int, str]) -> list[int]:
        """The centres if the sums of some tokens were larger: only a centre or one that rose can be
        one.
        """
        among = {*self.centres(), *gained}
        totals = {id: self.totals.get(id, 0) + gained.get(id, 0) for id in among}
        return _heaviest(among, totals, names)

    def _grow(self, grown: Grown) -> Grown:
        growth, sign, names = grown.growth, grown.sign, self.names
        assert isinstance(growth, WordGrowth), "the growth of the other table"
        fresh = tuple(id for id, _ in growth.tokens if id not in names) if sign > 0 else ()
        if fresh:
            new = frozenset(fresh)
            for id, token in growth.tokens:
                if id in new:
                    names[id] = token
                    self.ids[token] = id
        for id in grown.fresh:
            del self.ids[names.pop(id)]
        changed: dict[int, int] = {}
        for source, follower, count in growth.bigrams:
            _add(self.followers, source, follower, sign * count)
            changed[source] = changed.get(source, 0) + sign * count
        self._weigh(changed)
        return Grown(growth, -sign, fresh)

    def _weigh(self, changed: dict[int, int]) -> None:
        fell: set[int] = set()
        for source, difference in changed.items():
            total = self.totals.get(source, 0) + difference
            if total:
                self.totals[source] = total
            else:
                self.totals.pop(source, None)
            if difference < 0:
                fell.add(source)
        if self._centres is None or not fell.isdisjoint(self._centres):
            # Somebody unknown may move up: only a full pass can tell, and it waits until it is
            # asked for.
            self._centres = None
        else:
            # No centre fell, so only those that rose can have overtaken one.
            among = {*self._centres, *changed} - fell
            self._centres = _heaviest(among, self.totals, self.names)


class TrigramTable:
    """What follows each pair of tokens, and who keeps company with whom."""

    def __init__(self) -> None:
        self.followers: dict[tuple[int, int], dict[int, int]] = {}
        self.pairs: Pairs = {}

    def apply(self, change: TrigramChange) -> TrigramChange:
        """Take a change; return the one that undoes it."""
        if isinstance(change, Series):
            return Series(tuple(map(self.apply, change.changes))[::-1])  # type: ignore[arg-type]
        if isinstance(change, Grown):
            growth, sign = change.growth, change.sign
            assert isinstance(growth, ChainGrowth), "the growth of the other table"
            for first, second, third, count in growth.trigrams:
                _add(self.followers, (first, second), third, sign * count)
            for low, high, count in growth.pairs:
                _add(self.pairs, low, high, sign * count)
            return Grown(growth, -sign)
        if isinstance(change, dict):
            before, self.pairs = self.pairs, change
            return before
        undo = TrigramRows([], [])
        for first, second, third, count in change.trigrams:
            old = _put(self.followers, (first, second), third, count)
            undo.trigrams.append((first, second, third, old))
        for low, high, count in change.pairs:
            undo.pairs.append((low, high, _put(self.pairs, low, high, count)))
        return undo

    def faded(self, growth: ChainGrowth) -> Pairs:
        """The co-occurrence after a growth and a decay, as a whole. Costs a pass over all of it."""
        grown: Pairs = {low: dict(row) for low, row in self.pairs.items()}
        for low, high, count in growth.pairs:
            _add(grown, low, high, count)
        return {low: row for low, counts in grown.items() if (row := decayed(counts))}

    def company(self, one: int, other: int) -> int:
        """How often the two tokens kept company, in one direction."""
        low, high = (one, other) if one <= other else (other, one)
        row = self.pairs.get(low)
        return row.get(high, 0) if row else 0


def _heaviest(
    among: Iterable[int], totals: Mapping[int, int], names: Mapping[int, str]
) -> list[int]:
    words = (id for id in among if names.get(id, ".") not in PUNCTUATION)
    return nsmallest(CENTRES, words, key=lambda id: (-totals[id], id))


def _put(table: dict[Key, dict[int, int]], key: Key, item: int, count: int) -> int:
    """Set table[key][item] and return what it was; a count of 0 leaves no row behind."""
    row = table.setdefault(key, {})
    old = row.get(item, 0)
    if count:
        row[item] = count
    else:
        row.pop(item, None)
        if not row:
            del table[key]
    return old


def _add(table: dict[Key, dict[int, int]], key: Key, item: int, count: int) -> None:
    """Add to table[key][item]; a count of 0 leaves no row behind."""
    row = table.get(key)
    if row is None:
        table[key] = {item: count}
    elif total := row.get(item, 0) + count:
        row[item] = total
    else:
        del row[item]
        if not row:
            del table[key]
