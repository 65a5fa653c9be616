"""Themes: words that share contexts (organism, section 6), computed on demand for `/field`.

No step of a reply reads them: a recall that reads the whole view would have to be declared,
specified and traced as such. The modules use the themes of the prompt's own words instead
(`leo.reply.active`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nlargest, nsmallest
from typing import NamedTuple

from leo.field.view import View

MIN_CONTEXTS = 5
MIN_TOTAL = 10
NEIGHBOURS = 16
LIKENESS = 0.4
ACTIVE = 3


class Theme(NamedTuple):
    """A set of words with the tokens that it grew from. The id is its place in the list."""

    id: int
    centres: tuple[str, ...]
    words: frozenset[str]


class Survey(NamedTuple):
    """The themes among the tokens that were asked for, and how many could have been."""

    themes: list[Theme]
    asked: int
    candidates: int


def survey_themes(view: View, most: int | None = None) -> Survey:
    """One pass over the candidates in order of age: an unused one begins a theme and takes in every
    later unused one whose set is alike (Jaccard >= 0.4) to the theme as it has grown so far.

    `most` bounds the work: candidates are then the tokens with the most contexts only, the older
    one of two with as many.
    """
    able = _able(view)
    asked = able if most is None else sorted(nlargest(most, able, key=able.__getitem__))
    candidates = [(id, _closest(view, id)) for id in asked]
    names = view.words.names
    themes = [
        Theme(place, tuple(names[id] for id in centres), frozenset(names[id] for id in words))
        for place, (centres, words) in enumerate(merged(candidates))
    ]
    return Survey(themes, len(candidates), len(able))


def _able(view: View) -> dict[int, int]:
    """Tokens with enough contexts for a theme, in order of age: id -> number of contexts."""
    contexts: defaultdict[int, int] = defaultdict(int)
    totals: defaultdict[int, int] = defaultdict(int)
    names = view.words.names
    for low, high, count in view.chains.co_occurrence.items():
        if low in names and high in names:
            contexts[low] += 1
            totals[low] += count
            if low != high:
                contexts[high] += 1
                totals[high] += count
    return {
        id: contexts[id]
        for id in sorted(contexts)
        if contexts[id] >= MIN_CONTEXTS and totals[id] >= MIN_TOTAL
    }


def _closest(view: View, id: int) -> set[int]:
    """A token with its 16 closest contexts."""
    near = [other for other in view.chains.co_occurrence.rows[id] if other in view.words.names]
    counts = zip(view.chains.co_occurrence_with(id, near), near, strict=True)
    ranked = nsmallest(NEIGHBOURS, [(-count, other) for count, other in counts if count])
    return {id, *(other for _, other in ranked)}


def merged(candidates: Sequence[tuple[int, set[int]]]) -> Iterator[tuple[list[int], set[int]]]:
    """Each unused candidate takes in every later one whose set is alike to the words so far."""
    used: set[int] = set()
    for place, (first, own) in enumerate(candidates):
        if first in used:
            continue
        centres, words = [first], set(own)
        for other, others in candidates[place + 1 :]:
            if other not in used and len(words & others) >= LIKENESS * len(words | others):
                used.add(other)
                centres.append(other)
                words |= others
        yield centres, words
