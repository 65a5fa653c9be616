"""How a table of a view changes (`leo.field.tables`); each change is undone by another one.

rows        absolute counts; 0 (or the token None) says that the row does not exist
growth      counts to add, or to take away again
a decay of the co-occurrence, and the co-occurrence as a whole (`leo.field.cooccurrence`)
several of these in a row
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from leo.field.cooccurrence import Aged, Kept, WholeCoOccurrence
from leo.field.growth import ChainGrowth, WordGrowth

__all__ = ["BigramChange", "BigramRows", "Grown", "Series", "TrigramChange", "TrigramRows"]


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
