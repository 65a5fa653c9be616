"""The followers of a common word, grouped by count: thousands of followers, few different counts.

A full stop or an article is followed by a large share of all words, so a draw that looks at each
follower gets slower as the field grows. Equal counts have equal chances. So the draw only needs the
number of followers of each count, and their order by ids.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

# Followers of a row from which on it is worth while. A row is drawn from in one of two ways, which
# differ in what a random number leads to; so this must depend on the row and on nothing else.
LARGE: Final = 64

Key = TypeVar("Key")


class Ranks:
    """One row: count -> ids, in order; the counts in order, and how many followers each has."""

    __slots__ = ("classes", "order", "sizes")

    def __init__(self, row: Iterable[tuple[int, int]]) -> None:
        self.classes: dict[int, list[int]] = {}
        for id, count in sorted(row):
            self.classes.setdefault(count, []).append(id)
        self.order = sorted(self.classes)
        # A draw asks for all of them, and most lists are far from each other in memory.
        self.sizes = [len(self.classes[count]) for count in self.order]

    def move(self, id: int, old: int, new: int) -> None:
        """A count has become another; 0 says that there is none."""
        if old:
            ids = self.classes[old]
            del ids[bisect_left(ids, id)]
            self._resize(old, len(ids))
        if new:
            ids = self.classes.setdefault(new, [])
            insort(ids, id)
            self._resize(new, len(ids))

    def _resize(self, count: int, size: int) -> None:
        place = bisect_left(self.order, count)
        if not size:
            del self.classes[count], self.order[place], self.sizes[place]
        elif place < len(self.order) and self.order[place] == count:
            self.sizes[place] = size
        else:
            self.order.insert(place, count)
            self.sizes.insert(place, size)


class Ranked:
    """A row to draw from: the ranks of a table, and the followers whose counts are others than
    there, id -> (count there, count).

    `order` are the different counts, in order, and `sizes` beside them the numbers of followers; 0
    where all that followed as often do so more often now. Nobody changes any of it.
    """

    __slots__ = ("changed", "order", "ranks", "row", "sizes")

    def __init__(
        self, ranks: Ranks, row: Mapping[int, int], changed: Mapping[int, tuple[int, int]]
    ) -> None:
        self.ranks, self.row, self.changed = ranks, row, changed
        self.order, self.sizes = ranks.order, ranks.sizes
        if changed:
            self.order, self.sizes = self.order.copy(), self.sizes.copy()
            for old, new in changed.values():
                if old:
                    self.sizes[bisect_left(self.order, old)] -= 1
                place = bisect_left(self.order, new)
                if place == len(self.order) or self.order[place] != new:
                    self.order.insert(place, new)
                    self.sizes.insert(place, 0)
                self.sizes[place] += 1

    def members(self, count: int) -> Sequence[int]:
        """Who follows as often as that, in order."""
        members = self.ranks.classes.get(count, [])
        if not self.changed or not any(count in change for change in self.changed.values()):
            return members
        members = members.copy()
        for id, (old, new) in self.changed.items():
            if old == count:
                del members[bisect_left(members, id)]
            if new == count:
                insort(members, id)
        return members

    def whole(self) -> Mapping[int, int]:
        """Every follower with its count."""
        if not self.changed:
            return self.row
        return {**self.row, **{id: new for id, (_, new) in self.changed.items()}}

    def counts(self, ids: Iterable[int]) -> Iterable[int]:
        """How often some of the followers follow."""
        row, changed = self.row, self.changed
        if not changed:
            return map(row.__getitem__, ids)
        return [changed[id][1] if id in changed else row[id] for id in ids]


Row = Mapping[int, int] | Ranked
NOTHING: Final[Mapping[int, tuple[int, int]]] = {}


class Rankings(Generic[Key]):
    """The ranks of large rows of a table that were asked for, kept up with its changes."""

    def __init__(self, rows: Mapping[Key, Mapping[int, int]]) -> None:
        self._rows = rows
        self.known: dict[Key, Ranks] = {}

    def prepare(self) -> None:
        """Rank every large row now, so that no reply has to wait for it."""
        self.known = {
            key: Ranks(row.items()) for key, row in self._rows.items() if len(row) > LARGE
        }

    def row(self, key: Key) -> Row | None:
        """A row to draw from: counts by follower, or the ranks of a large one."""
        row = self._rows.get(key)
        return row if row is None or len(row) <= LARGE else self.over(key, row, NOTHING)

    def over(
        self, key: Key, row: Mapping[int, int], changed: Mapping[int, tuple[int, int]]
    ) -> Ranked:
        """The large row of the table with that key, with some counts changed."""
        ranks = self.known.get(key)
        if ranks is None:
            ranks = self.known[key] = Ranks(row.items())
        return Ranked(ranks, row, changed)


def ranked_row(row: Mapping[int, int]) -> Ranked:
    """A row that is in no table."""
    return Ranked(Ranks(row.items()), row, NOTHING)
