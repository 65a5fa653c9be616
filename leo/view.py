"""The view: an instance's picture of the field, in memory (organism, sections 7 and 11).

Two tables, because the store is read by two loads: tokens with bigrams, trigrams with
co-occurrence. Each is set to the version that was loaded (`leo.timeline`), so a view may mix two
versions: that is the torn view of the formal model, and what reads it must stand it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from leo.growth import Growth
from leo.tables import (
    CENTRES,
    BigramChange,
    BigramRows,
    BigramTable,
    Grown,
    Series,
    TrigramChange,
    TrigramRows,
    TrigramTable,
)
from leo.timeline import Layer, Timeline

__all__ = [
    "CENTRES",
    "BigramChange",
    "BigramRows",
    "BigramTable",
    "TrigramChange",
    "TrigramRows",
    "TrigramTable",
    "View",
]


class View:
    """Both tables with their versions. Only the thread of the driver may assign."""

    def __init__(self) -> None:
        self.words = BigramTable()
        self.chains = TrigramTable()
        self.bigrams: Timeline[BigramChange] = Timeline(self.words.apply)
        self.trigrams: Timeline[TrigramChange] = Timeline(self.chains.apply)

    def assign(self, bigrams: Layer[BigramChange], trigrams: Layer[TrigramChange]) -> None:
        """AssignView: set each table to exactly what was loaded."""
        self.bigrams.assign(bigrams)
        self.trigrams.assign(trigrams)

    def swap(self, growth: Growth, decayed: bool) -> None:
        """SwapView: absorb one committed observation, and the decay that came with it.

        Increments, not what the store holds by now: a view that missed another writer's commit goes
        on missing it, and says so by its version.
        """
        bigrams, trigrams = self.bigrams, self.trigrams
        chains: TrigramChange = Grown(growth.chains)
        if decayed:
            only_trigrams = growth.chains._replace(pairs=[])
            chains = Series((Grown(only_trigrams), self.chains.faded(growth.chains)))
        self.assign(
            bigrams.loaded(bigrams.now, bigrams.version + 1, Grown(growth.words)),
            trigrams.loaded(trigrams.now, trigrams.version + 1, chains),
        )

    @contextmanager
    def bound(self, bigrams: Layer[BigramChange]) -> Iterator[None]:
        """Inside, the bigrams are those of a layer that was taken earlier: what a local name would
        hold if the table were rebound by whoever assigns.
        """
        now = self.bigrams.now
        self.bigrams.assign(bigrams)
        try:
            yield
        finally:
            self.bigrams.assign(now)

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
