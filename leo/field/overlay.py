"""What a unit of work reads: the view with the counts of its own buffer laid over it.

Nothing is copied and nothing is applied: a sum is made where the walk asks for it. So the cost
depends on the observation and not on the field, and other replies never see the buffer.

A token that the view does not know gets a provisional id. Only the order of ids matters: new tokens
come after all old ones, in order of appearance, as the store will number them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import repeat
from operator import add
from typing import Final, Generic, TypeVar

from leo.field.cooccurrence import IDS, pair_counts, pair_keys
from leo.field.counts import Delta
from leo.field.decay import decay
from leo.field.ranks import LARGE, NOTHING, Rankings, Row, ranked_row
from leo.field.tables import BigramTable, TrigramTable, count_contexts
from leo.field.view import View

# Beyond every id that a store gives out, and small enough for one half of a pair.
PROVISIONAL = 1 << (IDS - 1)

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


class _Sum(Mapping[int, int]):
    """A large row with a few counts changed."""

    def __init__(self, below: Mapping[int, int], own: Mapping[int, int]) -> None:
        self._below = below
        self._own = own

    def __getitem__(self, id: int) -> int:
        if total := self._own.get(id, 0) + self._below.get(id, 0):
            return total
        raise KeyError(id)

    def __iter__(self) -> Iterator[int]:
        yield from self._below
        yield from (id for id in self._own if id not in self._below)

    def __len__(self) -> int:
        return len(self._below) + sum(id not in self._below for id in self._own)


class _Rows(Generic[Key]):
    def __init__(
        self,
        below: Mapping[Key, Mapping[int, int]],
        rankings: Rankings[Key],
        own: Mapping[Key, Mapping[int, int]],
    ) -> None:
        self._below = below
        self._rankings = rankings
        self._own = own

    def get(self, key: Key, /) -> Mapping[int, int] | None:
        below, own = self._below.get(key), self._own.get(key)
        if own is None or below is None:
            return below or own
        if len(below) > LARGE:
            return _Sum(below, own)
        return {**below, **{item: count + below.get(item, 0) for item, count in own.items()}}

    def row(self, key: Key, /) -> Row | None:
        """The row in the form that it is drawn from."""
        below, own = self._below.get(key), self._own.get(key)
        if own is None:
            if below is None or len(below) <= LARGE:
                return below
            return self._rankings.over(key, below, NOTHING)
        if below is None:
            return own if len(own) <= LARGE else ranked_row(own)
        if len(below) <= LARGE:
            row = {**below, **{id: count + below.get(id, 0) for id, count in own.items()}}
            return row if len(row) <= LARGE else ranked_row(row)
        changed = {id: (old := below.get(id, 0), old + count) for id, count in own.items()}
        return self._rankings.over(key, below, changed)


class _Words:
    def __init__(
        self,
        table: BigramTable,
        names: Mapping[int, str],
        new: Mapping[str, int],
        own: Mapping[int, Mapping[int, int]],
        chains: _Chains,
    ) -> None:
        self.names = names
        self.followers: _Rows[int] = _Rows(table.followers, table.rankings, own)
        self.row = self.followers.row
        self._ids = table.ids
        self._new = new
        self._table = table
        self._chains = chains
        self._own = own
        self._centres: list[int] | None = None

    def id_of(self, token: str) -> int | None:
        id = self._ids.get(token)
        return self._new.get(token) if id is None else id

    def centres(self) -> list[int]:
        if self._centres is None:
            if self._table.contexts is not None:
                contexts = self._chains.contexts()
                self._centres = self._table.most_contexts(contexts, self.names)
            else:
                gained = {source: sum(row.values()) for source, row in self._own.items()}
                self._centres = self._table.centres_with(gained, self.names)
        return self._centres


class _Chains:
    def __init__(
        self,
        table: TrigramTable,
        own: Mapping[tuple[int, int], Mapping[int, int]],
        pairs: Mapping[int, int],
        met: frozenset[int],
        decays: bool,
    ) -> None:
        self._decays = decays
        self.followers: _Rows[tuple[int, int]] = _Rows(table.followers, table.rankings, own)
        self.row = self.followers.row
        self._pairs = pairs
        self._met = met
        self._table = table

    def contexts(self) -> dict[int, int]:
        counts = {(low, high): count for low, high, count in self._table.co_occurrence.items()}
        mask = (1 << IDS) - 1
        for key, count in self._pairs.items():
            pair = (key >> IDS, key & mask)
            counts[pair] = counts.get(pair, 0) + count
        if not self._decays:
            return count_contexts(counts)
        return count_contexts({pair for pair, count in counts.items() if decay(count)})

    def co_occurrence_with(self, one: int, others: Collection[int]) -> list[int]:
        below = self._table.co_occurrence_with(one, others)
        # Most of what a large field says was not in the observation.
        if one in self._met:
            below = list(map(add, below, map(self._pairs.get, pair_keys(one, others), repeat(0))))
        return list(map(decay, below)) if self._decays else below


class Overlay:
    """A readable field: `view` with `delta` added. Valid until the view is assigned.

    With `decays` the observation brings a decay with it: what the view will show after the commit.
    """

    # How many observations are over the view: what a trace tells of the buffer.
    own: Final = 1

    def __init__(self, view: View, delta: Delta, *, decays: bool = False) -> None:
        self.torn = view.torn
        known = view.words.ids
        ids = [known.get(token, PROVISIONAL + n) for n, token in enumerate(delta.tokens)]
        new = {id: token for id, token in zip(ids, delta.tokens, strict=True) if id >= PROVISIONAL}
        names = _Names(view.words.names, new) if new else view.words.names
        two: dict[int, dict[int, int]] = {}
        for (i, j), count in delta.bigrams.items():
            two.setdefault(ids[i], {})[ids[j]] = count
        three: dict[tuple[int, int], dict[int, int]] = {}
        for (i, j, k), count in delta.trigrams.items():
            three.setdefault((ids[i], ids[j]), {})[ids[k]] = count
        pairs = pair_counts((ids[i], ids[j], count) for (i, j), count in delta.pairs.items())
        self.chains = _Chains(view.chains, three, pairs, frozenset(ids), decays)
        fresh = {token: id for id, token in new.items()}
        self.words = _Words(view.words, names, fresh, two, self.chains)

    def trigram_count(self, first: str, second: str, third: str) -> int:
        """How often the three tokens were seen in a row, own observation included."""
        id_of = self.words.id_of
        one, two, three = id_of(first), id_of(second), id_of(third)
        if one is None or two is None or three is None:
            return 0
        row = self.chains.followers.get((one, two))
        return row.get(three, 0) if row else 0
