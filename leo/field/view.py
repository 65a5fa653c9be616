"""The view: an instance's picture of the field, in memory (organism, sections 7 and 11).

Two tables, because the store is read by two loads: tokens with bigrams, trigrams with
co-occurrence. Each is set to the version that was loaded, so a view may mix two versions: that is
the torn view of the formal model, and every reader must cope with it.

The published organism *rebinds* its tables: the last task to assign wins, and one that loaded an
older version sets the view back to it. Copying the field at each load would do the same and cost
far too much. So a table is kept once, and the versions around it as differences (Baker's rerooting
of persistent arrays):

    older  --rows-->  now  <--rows--  loaded but not yet assigned

Every layer but `now` has the rows that turn its neighbour *towards now* into itself. Setting the
table to a layer walks that path and turns each arrow around; the cost is the size of the
differences on the path. Arrows point towards `now` only, so a layer that no reply holds any more is
collected as garbage, and nothing has to be compacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, Literal, NamedTuple, TypeVar

from leo.field.cooccurrence import Aged
from leo.field.growth import Growth
from leo.field.tables import BigramChange, BigramTable, Grown, Series, TrigramChange, TrigramTable

Rows = TypeVar("Rows")
Centres = Literal["weight", "contexts"]


class Layer(Generic[Rows]):
    """One version of a table: the rows that make it from the layer `towards` now."""

    __slots__ = ("rows", "towards", "version")

    def __init__(self, version: int, towards: Layer[Rows] | None, rows: Rows | None) -> None:
        self.version = version
        self.towards = towards
        self.rows = rows


class Timeline(Generic[Rows]):
    """The layers around a table. `apply` changes the table and returns the rows that undo it."""

    def __init__(self, apply: Callable[[Rows], Rows], version: int = 0) -> None:
        self._apply = apply
        self.now: Layer[Rows] = Layer(version, None, None)

    @property
    def version(self) -> int:
        """The store's version that the table equals."""
        return self.now.version

    def loaded(self, base: Layer[Rows], version: int, rows: Rows) -> Layer[Rows]:
        """The layer of `version`: `rows` are all rows that the store changed after `base`."""
        return Layer(version, base, rows)

    def assign(self, layer: Layer[Rows]) -> None:
        """Set the table to exactly what this layer is, newer or older."""
        path: list[Layer[Rows]] = []
        step: Layer[Rows] | None = layer
        while step is not self.now:
            assert step is not None, "a layer of another timeline"
            path.append(step)
            step = step.towards
        for target in reversed(path):
            assert target.rows is not None, "only now has no rows"
            self.now.rows = self._apply(target.rows)
            self.now.towards = target
            target.towards = target.rows = None
            self.now = target


class Loaded(NamedTuple):
    """The n-grams of one version of the store, all of them."""

    version: int
    words: BigramTable
    chains: TrigramTable


class View:
    """Both tables with their versions. Only the thread of the driver may assign.

    `centres` says what makes a centre: the `weight` of what follows a word, or, as in the published
    asynchronous program, the number of contexts that a token keeps `contexts` with.
    """

    # An `Overlay` has one observation more than the view that it lies over.
    own: Final = 0

    def __init__(self, centres: Centres = "weight", loaded: Loaded | None = None) -> None:
        """Empty, or what was `loaded`, which then belongs to the view."""
        version, words, chains = loaded or (0, BigramTable(), TrigramTable())
        if centres == "contexts":
            words.contexts = chains.contexts
        self.words = words
        self.chains = chains
        self.bigrams: Timeline[BigramChange] = Timeline(words.apply, version)
        self.trigrams: Timeline[TrigramChange] = Timeline(chains.apply, version)

    def assign(self, bigrams: Layer[BigramChange], trigrams: Layer[TrigramChange]) -> None:
        """AssignView: set each table to exactly what was loaded."""
        self.bigrams.assign(bigrams)
        self.trigrams.assign(trigrams)

    def swap(self, growth: Growth, decayed: bool) -> None:
        """SwapView: absorb one committed observation, and the decay that came with it.

        Increments, not what the store holds by now: a view that missed another writer's commit goes
        on missing it, and says so by its version.
        """
        self.assign(*self.after(self.bigrams.now, self.trigrams.now, growth, decayed))

    def after(
        self,
        bigrams: Layer[BigramChange],
        trigrams: Layer[TrigramChange],
        growth: Growth,
        decayed: bool,
    ) -> tuple[Layer[BigramChange], Layer[TrigramChange]]:
        """The layers one observation after these two."""
        chains: TrigramChange = Grown(growth.chains)
        if decayed:
            chains = Series((chains, Aged(1)))
        return (
            self.bigrams.loaded(bigrams, bigrams.version + 1, Grown(growth.words)),
            self.trigrams.loaded(trigrams, trigrams.version + 1, chains),
        )

    @contextmanager
    def bound(self, bigrams: Layer[BigramChange]) -> Iterator[None]:
        """Inside, the bigrams are those of a layer that was taken earlier: what a local name would
        hold if each assignment rebound the table.
        """
        now = self.bigrams.now
        self.bigrams.assign(bigrams)
        try:
            yield
        finally:
            self.bigrams.assign(now)

    @property
    def torn(self) -> bool:
        """Whether the two tables are of different versions."""
        return self.bigrams.version != self.trigrams.version

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
            "co_occurrence": sum(1 for _ in self.chains.co_occurrence.items()),
        }
