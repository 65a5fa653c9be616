"""The two tables of a view: tokens with bigrams, trigrams with co-occurrence; and their changes.

A table applies one of these changes, and returns the change that undoes it:

rows        absolute counts; 0 (or the token None) says that the row does not exist
growth      counts to add, or to subtract again
a decay of the co-occurrence, and the co-occurrence as a whole (`leo.field.cooccurrence`)
several of these in a row

The bigrams determine the centres of the field: the few tokens with the most weight (organism,
section 7).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final, NamedTuple, TypeVar

from leo.field.cooccurrence import Aged, CoOccurrence, Kept, WholeCoOccurrence
from leo.field.growth import ChainGrowth, WordGrowth
from leo.field.ranks import LARGE, Rankings, Row
from leo.field.text import PUNCTUATION

Key = TypeVar("Key")
CENTRES: Final = 7


class BigramRows(NamedTuple):
    """Rows with absolute counts: (id, token) and (source, next, count)."""

    tokens: list[tuple[int, str | None]]
    bigrams: list[tuple[int, int, int]]


class TrigramRows(NamedTuple):
    """Rows with absolute counts: (first, second, third, count)."""

    trigrams: list[tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Grown:
    """Counts to add (`sign` 1) or to take away (-1), with what undoes it besides: the tokens that
    go then, the co-occurrence that comes back (`CoOccurrence.grow`).
    """

    growth: WordGrowth | ChainGrowth
    sign: int = 1
    fresh: tuple[int, ...] = ()
    before: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One change after the other."""

    changes: tuple[BigramChange | TrigramChange, ...]


BigramChange = BigramRows | Grown | Series
TrigramChange = TrigramRows | Grown | Aged | WholeCoOccurrence | Series


class BigramTable:
    """Tokens by id and back, what follows each token, and the centres.

    `contexts` gives the number of contexts of each token, when they are what makes a centre.
    """

    def __init__(self) -> None:
        self.contexts: Callable[[], Mapping[int, int]] | None = None
        self.names: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        self.followers: dict[int, dict[int, int]] = {}
        self.rankings = Rankings(self.followers)
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
            old = _put(self.followers, self.rankings, source, follower, count)
            undo.bigrams.append((source, follower, old))
            changed[source] = changed.get(source, 0) + count - old
        self._weigh(changed)
        return undo

    def name(self, tokens: Iterable[tuple[int, str]]) -> None:
        """Fill an empty table: the tokens by id."""
        self.names = dict(tokens)
        self.ids = {token: id for id, token in self.names.items()}

    def row(self, key: int, /) -> Row | None:
        """What follows a token, to draw from."""
        return self.rankings.row(key)

    def weigh_all(self) -> None:
        """Fill an empty table: the sums of the counts that are in `followers` now."""
        self.totals = {source: sum(row.values()) for source, row in self.followers.items()}
        self._centres = None

    def id_of(self, token: str) -> int | None:
        """The id of a token, None for an unknown one."""
        return self.ids.get(token)

    def centres(self) -> list[int]:
        """Ids of the tokens with the largest sum of outgoing bigrams, punctuation left out (section
        7).

        Equal sums are ordered by id, that is by age. Or, with `contexts`, the tokens with the most
        of them, punctuation as well; that costs a pass over the co-occurrence.
        """
        if self.contexts is not None:
            return self.most_contexts(self.contexts(), self.names)
        if self._centres is None:
            self._centres = heaviest(words_of(self.totals, self.names), self.totals)
        return self._centres

    def centres_with(self, gained: Mapping[int, int], names: Mapping[int, str]) -> list[int]:
        """The centres if the sums of some tokens were larger."""
        among = {*self.centres(), *gained}
        totals = {id: self.totals.get(id, 0) + gained.get(id, 0) for id in among}
        return overtaken(self.centres(), gained, totals, names)

    def most_contexts(self, contexts: Mapping[int, int], names: Mapping[int, str]) -> list[int]:
        """The tokens that have the most contexts, the older first where there are equally many."""
        return heaviest((id for id in contexts if id in names), contexts)

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
        _grow(self.followers, self.rankings, growth.bigrams, sign)
        for source, _, count in growth.bigrams:
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
            risen = changed.keys() - fell
            self._centres = overtaken(self._centres, risen, self.totals, self.names)


class TrigramTable:
    """What follows each pair of tokens, and which tokens co-occur."""

    def __init__(self) -> None:
        self.followers: dict[tuple[int, int], dict[int, int]] = {}
        self.rankings = Rankings(self.followers)
        self.co_occurrence = CoOccurrence()
        self.co_occurrence_with = self.co_occurrence.with_each
        self._contexts: dict[int, int] | None = None

    def apply(self, change: TrigramChange) -> TrigramChange:
        """Take a change; return the one that undoes it."""
        self._contexts = None
        if isinstance(change, Series):
            return Series(tuple(map(self.apply, change.changes))[::-1])  # type: ignore[arg-type]
        if isinstance(change, Grown):
            growth, sign = change.growth, change.sign
            assert isinstance(growth, ChainGrowth), "the growth of the other table"
            rows = (
                ((first, second), third, count) for first, second, third, count in growth.trigrams
            )
            _grow(self.followers, self.rankings, rows, sign)
            before = self.co_occurrence.grow(growth.pairs, sign, change.before)
            return Grown(growth, -sign, before=before)
        if isinstance(change, Aged):
            return self.co_occurrence.turn(change)
        if isinstance(change, WholeCoOccurrence):
            return self.co_occurrence.replace(change)
        undo = TrigramRows([])
        for first, second, third, count in change.trigrams:
            old = _put(self.followers, self.rankings, (first, second), third, count)
            undo.trigrams.append((first, second, third, old))
        return undo

    def row(self, key: tuple[int, int], /) -> Row | None:
        """What follows a pair of tokens, to draw from."""
        return self.rankings.row(key)

    def contexts(self) -> dict[int, int]:
        """With how many different tokens each token kept co-occurrence, itself among them."""
        if self._contexts is None:
            pairs = ((low, high) for low, high, _ in self.co_occurrence.items())
            self._contexts = count_contexts(pairs)
        return self._contexts


def _put(
    table: dict[Key, dict[int, int]], rankings: Rankings[Key], key: Key, item: int, count: int
) -> int:
    """Set table[key][item] and return what it was; a count of 0 leaves no row behind."""
    row = table.setdefault(key, {})
    old = row.get(item, 0)
    if count:
        row[item] = count
    else:
        row.pop(item, None)
    _moved(table, rankings, key, item, old)
    return old


def _grow(
    table: dict[Key, dict[int, int]],
    rankings: Rankings[Key],
    rows: Iterable[tuple[Key, int, int]],
    sign: int,
) -> None:
    """Add to table[key][item], or take away; a count of 0 leaves no row behind."""
    known = rankings.known
    for key, item, count in rows:
        row = table.get(key)
        if row is None:
            table[key] = {item: sign * count}
            continue
        old = row.get(item, 0)
        if total := old + sign * count:
            row[item] = total
            # Few rows are large, and a look into `known` would be one into cold memory.
            if len(row) > LARGE and key in known:
                known[key].move(item, old, total)
        else:
            del row[item]
            _moved(table, rankings, key, item, old)


def _moved(
    table: dict[Key, dict[int, int]], rankings: Rankings[Key], key: Key, item: int, old: int
) -> None:
    """Let the ranks of a row follow its change, and leave no row without a count."""
    row = table[key]
    if not row:
        del table[key]
    if len(row) <= LARGE:
        # It is not large any more: nobody keeps its ranks up.
        rankings.known.pop(key, None)
    elif (ranks := rankings.known.get(key)) is not None:
        ranks.move(item, old, row.get(item, 0))


def heaviest(among: Iterable[int], totals: Mapping[int, int]) -> list[int]:
    """The at most seven with the largest totals, the older first where they are equal."""
    return nsmallest(CENTRES, among, key=lambda id: (-totals[id], id))


def words_of(ids: Iterable[int], names: Mapping[int, str]) -> Iterator[int]:
    """Those that are words: neither punctuation nor without a name."""
    return (id for id in ids if names.get(id, ".") not in PUNCTUATION)


def overtaken(
    centres: Collection[int],
    risen: Iterable[int],
    totals: Mapping[int, int],
    names: Mapping[int, str],
) -> list[int]:
    """The centres after some totals have risen. A token below all that were centres is none now."""
    least = min(map(totals.__getitem__, centres)) if len(centres) == CENTRES else 0
    among = {*centres, *(id for id in risen if totals.get(id, 0) >= least)}
    return heaviest(words_of(among, names), totals)


def count_contexts(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The number of pairs, each named once, that a token is in."""
    found: dict[int, int] = {}
    for low, high in pairs:
        found[low] = found.get(low, 0) + 1
        if low != high:
            found[high] = found.get(high, 0) + 1
    return found
