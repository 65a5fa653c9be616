"""The view: an instance's picture of the field, in memory (organism, sections 7 and 11).

Two tables, because the store is read by two loads: tokens with bigrams, trigrams with
co-occurrence. Each is set to the version that was loaded (`leo.timeline`), so a view may mix two
versions: that is the torn view of the formal model, and what reads it must stand it.

Rows carry absolute counts; the count 0 (or the token None) says that the row does not exist, which
only happens when the table is set back.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from typing import NamedTuple, TypeVar

from leo.text import PUNCTUATION
from leo.timeline import Layer, Timeline

__all__ = ["CENTRES", "BigramRows", "BigramTable", "TrigramRows", "TrigramTable", "View"]

CENTRES = 7

Key = TypeVar("Key")


class BigramRows(NamedTuple):
    """Rows of one load: (id, token) and (source, next, count)."""

    tokens: list[tuple[int, str | None]]
    bigrams: list[tuple[int, int, int]]


class TrigramRows(NamedTuple):
    """Rows of one load: (first, second, third, count) and (smaller id, larger id, count)."""

    trigrams: list[tuple[int, int, int, int]]
    pairs: list[tuple[int, int, int]]


class BigramTable:
    """Tokens by id and back, what follows each token, and the centres."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        self.followers: dict[int, dict[int, int]] = {}
        self.totals: dict[int, int] = {}
        self._centres: list[int] | None = []

    def apply(self, rows: BigramRows) -> BigramRows:
        """Take the rows; return those that undo them."""
        undo = BigramRows([], [])
        for id, token in rows.tokens:
            before = self.names.pop(id, None)
            if before is not None:
                del self.ids[before]
            if token is not None:
                self.names[id] = token
                self.ids[token] = id
            undo.tokens.append((id, before))
        changed: dict[int, int] = {}
        for source, follower, count in rows.bigrams:
            old = _put(self.followers, source, follower, count)
            undo.bigrams.append((source, follower, old))
            changed[source] = changed.get(source, 0) + count - old
        self._weigh(changed)
        return undo

    def centres(self) -> list[int]:
        """Ids of the tokens with the largest sum of outgoing bigrams, punctuation left out (section
        7).

        Equal sums are ordered by id, that is by age.
        """
        if self._centres is None:
            self._centres = self._heaviest(self.totals)
        return self._centres

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
            self._centres = self._heaviest({*self._centres, *changed} - fell)

    def _heaviest(self, among: Iterable[int]) -> list[int]:
        words = (id for id in among if self.names.get(id, ".") not in PUNCTUATION)
        return nsmallest(CENTRES, words, key=lambda id: (-self.totals[id], id))


class TrigramTable:
    """What follows each pair of tokens, and who keeps company with whom."""

    def __init__(self) -> None:
        self.followers: dict[tuple[int, int], dict[int, int]] = {}
        self.pairs: dict[int, dict[int, int]] = {}

    def apply(self, rows: TrigramRows) -> TrigramRows:
        """Take the rows; return those that undo them."""
        undo = TrigramRows([], [])
        for first, second, third, count in rows.trigrams:
            old = _put(self.followers, (first, second), third, count)
            undo.trigrams.append((first, second, third, old))
        for low, high, count in rows.pairs:
            undo.pairs.append((low, high, _put(self.pairs, low, high, count)))
        return undo

    def company(self, one: int, other: int) -> int:
        """How often the two tokens kept company, in one direction."""
        low, high = (one, other) if one <= other else (other, one)
        row = self.pairs.get(low)
        return row.get(high, 0) if row else 0


class View:
    """Both tables with their versions. Only the thread of the driver may assign."""

    def __init__(self) -> None:
        self.words = BigramTable()
        self.chains = TrigramTable()
        self.bigrams: Timeline[BigramRows] = Timeline(self.words.apply)
        self.trigrams: Timeline[TrigramRows] = Timeline(self.chains.apply)

    def assign(self, bigrams: Layer[BigramRows], trigrams: Layer[TrigramRows]) -> None:
        """AssignView: set each table to exactly what was loaded."""
        self.bigrams.assign(bigrams)
        self.trigrams.assign(trigrams)

    def versions(self) -> dict[str, int]:
        """The versions of the two tables, by the names that a trace uses."""
        return {"view.bigrams": self.bigrams.version, "view.trigrams": self.trigrams.version}

    def trigram_count(self, first: str, second: str, third: str) -> int:
        """How often the three tokens were seen in a row, as far as this view knows."""
        ids = self.words.ids
        one, two, three = ids.get(first), ids.get(second), ids.get(third)
        if one is None or two is None or three is None:
            return 0
        row = self.chains.followers.get((one, two))
        return row.get(three, 0) if row else 0

    def size(self) -> dict[str, int]:
        """The number of rows of each table, for people."""
        return {
            "tokens": len(self.words.names),
            "bigrams": sum(map(len, self.words.followers.values())),
            "trigrams": sum(map(len, self.chains.followers.values())),
            "co_occurrence": sum(map(len, self.chains.pairs.values())),
        }


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
