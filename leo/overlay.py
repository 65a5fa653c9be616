"""What a unit of work sees: the view and, over it, the counts of its own buffer.

Nothing is copied and nothing is applied: the sums are made where the walk asks for them, so that
the cost depends on the observation and not on the field, and other replies never see the buffer.

A token that the view does not know gets a provisional id. Ids only matter by their order, and new
tokens come after all old ones, in order of appearance: as the store will number them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from leo.delta import Delta
from leo.view import BigramTable, TrigramTable, View

__all__ = ["PROVISIONAL", "Overlay"]

# Beyond every id that a store gives out.
PROVISIONAL = 1 << 62

Key = TypeVar("Key")


class _Names(Mapping[int, str]):
    def __init__(self, old: Mapping[int, str], new: Mapping[int, str]) -> None:
        self._old = old
        self._new = new

    def __getitem__(self, id: int) -> str:
        return self._new[id] if id >= PROVISIONAL else self._old[id]

    def __iter__(self) -> Iterator[int]:
        yield from self._old
        yield from self._new

    def __len__(self) -> int:
        return len(self._old) + len(self._new)


class _Rows(Generic[Key]):
    def __init__(self, below: Mapping[Key, Mapping[int, int]]) -> None:
        self._below = below
        self._own: dict[Key, dict[int, int]] = {}

    def add(self, key: Key, item: int, count: int) -> None:
        row = self._own.setdefault(key, {})
        row[item] = row.get(item, 0) + count

    def get(self, key: Key, /) -> Mapping[int, int] | None:
        below, own = self._below.get(key), self._own.get(key)
        if own is None or below is None:
            return below or own
        return {**below, **{item: count + below.get(item, 0) for item, count in own.items()}}


class _Words:
    def __init__(
        self, table: BigramTable, names: Mapping[int, str], new: Mapping[str, int]
    ) -> None:
        self.names = names
        self._new = new
        self.followers: _Rows[int] = _Rows(table.followers)
        self._table = table
        self._gained: dict[int, int] = {}

    def add(self, source: int, follower: int, count: int) -> None:
        self.followers.add(source, follower, count)
        self._gained[source] = self._gained.get(source, 0) + count

    def id_of(self, token: str) -> int | None:
        id = self._table.ids.get(token)
        return self._new.get(token) if id is None else id

    def centres(self) -> list[int]:
        return self._table.centres_with(self._gained, self.names)


class _Chains:
    def __init__(self, table: TrigramTable) -> None:
        self.followers: _Rows[tuple[int, int]] = _Rows(table.followers)
        self.pairs: dict[tuple[int, int], int] = {}
        self._table = table

    def company(self, one: int, other: int) -> int:
        key = (one, other) if one <= other else (other, one)
        return self._table.company(one, other) + self.pairs.get(key, 0)


class Overlay:
    """A readable field: `view` with `delta` added. Valid until the view is assigned."""

    def __init__(self, view: View, delta: Delta) -> None:
        known = view.words.ids
        ids = [known.get(token, PROVISIONAL + n) for n, token in enumerate(delta.tokens)]
        new = {id: token for id, token in zip(ids, delta.tokens, strict=True) if id >= PROVISIONAL}
        names = _Names(view.words.names, new) if new else view.words.names
        self.words = _Words(view.words, names, {token: id for id, token in new.items()})
        self.chains = _Chains(view.chains)
        for (i, j), count in delta.bigrams.items():
            self.words.add(ids[i], ids[j], count)
        for (i, j, k), count in delta.trigrams.items():
            self.chains.followers.add((ids[i], ids[j]), ids[k], count)
        for (i, j), count in delta.pairs.items():
            one, other = ids[i], ids[j]
            self.chains.pairs[(one, other) if one <= other else (other, one)] = count

    def trigram_count(self, first: str, second: str, third: str) -> int:
        """How often the three tokens were seen in a row, own observation included."""
        id_of = self.words.id_of
        one, two, three = id_of(first), id_of(second), id_of(third)
        if one is None or two is None or three is None:
            return 0
        row = self.chains.followers.get((one, two))
        return row.get(three, 0) if row else 0
