"""What follows a common word, by how often it does: thousands of followers, few different counts.

A full stop or an article is followed by a share of all words, so a draw that looks at each of them
becomes the slower the larger the field is. Equal counts have equal chances. So it is enough to know
how many followers there are of each count, and where in the order of their ids they stand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

__all__ = ["LARGE", "Ranked", "Rankings", "Ranks", "ranked_row"]

# Followers of a row from which on it is worth while. A row is drawn from in one of two ways, which
# differ in what a random number leads to; so this must depend on the row and on nothing else.
LARGE: Final = 64

Key = TypeVar("Key")


class Ranks:
    """The followers of one row: count -> ids, in order, and count -> how many."""

    __slots__ = ("classes", "sizes")

    def __init__(self, row: Iterable[tuple[int, int]]) -> None:
        self.classes: dict[int, list[int]] = {}
        for id, count in sorted(row):
            self.classes.setdefault(count, []).append(id)
        # A draw asks for all of them, and most lists are far from each other in memory.
        self.sizes = {count: len(ids) for count, ids in self.classes.items()}

    def move(self, id: int, old: int, new: int) -> None:
        """A count has become another; 0 says that there is none."""
        if old:
            ids = self.classes[old]
            del ids[bisect_left(ids, id)]
            self.sizes[old] -= 1
            if not ids:
                del self.classes[old], self.sizes[old]
        if new:
            insort(self.classes.setdefault(new, []), id)
            self.sizes[new] = self.sizes.get(new, 0) + 1


class Ranked(NamedTuple):
    """A row to draw from: the ranks of a table, and the followers whose counts are others than
    there, id -> (count there, count).
    """

    ranks: Ranks
    row: Mapping[int, int]
    changed: Mapping[int, tuple[int, int]]

    def members(self, count: int) -> list[int]:
        """Who follows as often as that, in order."""
        members = list(self.ranks.classes.get(count, ()))
        for id, (old, new) in self.changed.items():
            if old == count:
                del members[bisect_left(members, id)]
            if new == count:
                insort(members, id)
        return members

    def largest(self) -> int:
        """The largest count."""
        largest = max(self.ranks.sizes, default=0)
        if self.changed:
            # A reply only adds, so a class that has lost members has lost them to a larger count.
            return max(largest, *(new for _, new in self.changed.values()))
        return largest

    def counts(self, least: float) -> Iterable[int]:
        """The different counts from `least` on; some may have no members any more."""
        found = [count for count in self.ranks.sizes if count >= least]
        if self.changed:
            return {*found, *(new for _, new in self.changed.values() if new >= least)}
        return found

    def member(self, count: int, place: int, without: Sequence[int]) -> int:
        """The member at a place in the order of those who follow as often as that, some of the
        members left out, which are named in order.
        """
        if any(count in change for change in self.changed.values()):
            members: Sequence[int] = self.members(count)
        else:
            members = self.ranks.classes[count]
        # Each that is left out before it moves the place on by one. The first place that counts
        # right is the one: few looks at a list that may be long.
        at = place
        while (moved := place + bisect_right(without, members[at])) != at:
            at = moved
        return members[at]

    def sizes(self) -> dict[int, int]:
        """The number of followers of each count, 0 for some."""
        sizes = self.ranks.sizes.copy()
        for old, new in self.changed.values():
            if old:
                sizes[old] -= 1
            sizes[new] = sizes.get(new, 0) + 1
        return sizes


class Rankings(Generic[Key]):
    """The ranks of those rows of a table that were asked for, kept up with its changes."""

    def __init__(self, rows: Mapping[Key, Mapping[int, int]]) -> None:
        self._rows = rows
        self.known: dict[Key, Ranks] = {}

    def ranked(self, key: Key) -> Ranked | None:
        """The row to draw from, None when it is not a large one."""
        row = self._rows.get(key)
        return None if row is None or len(row) <= LARGE else self.over(key, {})

    def over(self, key: Key, changed: Mapping[int, tuple[int, int]]) -> Ranked:
        """A row of the table with some counts changed."""
        row = self._rows[key]
        ranks = self.known.get(key)
        if ranks is None:
            ranks = self.known[key] = Ranks(row.items())
        return Ranked(ranks, row, changed)


def ranked_row(row: Mapping[int, int]) -> Ranked:
    """A row that is in no table."""
    return Ranked(Ranks(row.items()), row, {})
