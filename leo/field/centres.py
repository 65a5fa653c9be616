"""The centres of a field: the few tokens with the most weight (organism, section 7)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import nsmallest
from typing import Final

from leo.field.text import PUNCTUATION

__all__ = ["CENTRES", "count_contexts", "heaviest", "overtaken", "words_of"]

CENTRES: Final = 7


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
