"""Themes: words that keep the same company (organism, section 6). Pure and computed when asked for.

No step of the core reads them: in the published organism recall does, and with it the whole view. A
recall that reads the view would have to be declared, specified and traced as such; the modules go
by the themes of the prompt's own words instead (`leo.organs.active`), which Generate may read.
"""

from __future__ import annotations

from typing import NamedTuple

from leo.view import View

__all__ = ["Theme", "compute_themes"]

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


def compute_themes(view: View) -> list[Theme]:
    """One pass over the candidates in order of age: an unused one begins a theme and takes in every
    later unused one whose set is alike (Jaccard >= 0.4) to the theme as it has grown so far.
    """
    candidates = _candidates(view)
    themes: list[Theme] = []
    used: set[int] = set()
    for place, (first, own) in enumerate(candidates):
        if first in used:
            continue
        used.add(first)
        centres, words = [first], set(own)
        for other, others in candidates[place + 1 :]:
            if other not in used and _alike(words, others):
                used.add(other)
                centres.append(other)
                words |= others
        names = view.words.names
        themes.append(
            Theme(
                len(themes),
                tuple(names[id] for id in centres),
                frozenset(names[id] for id in words),
            )
        )
    return themes


def _candidates(view: View) -> list[tuple[int, set[int]]]:
    """Tokens with at least 5 contexts and a total of 10, each with its 16 closest contexts and
    itself.
    """
    contexts: dict[int, list[tuple[int, int]]] = {}
    names = view.words.names
    for low, high, count in view.chains.companions.items():
        if low in names and high in names:
            contexts.setdefault(low, []).append((-count, high))
            if low != high:
                contexts.setdefault(high, []).append((-count, low))
    return [
        (id, {id, *(other for _, other in sorted(near)[:NEIGHBOURS])})
        for id, near in sorted(contexts.items())
        if len(near) >= MIN_CONTEXTS and -sum(count for count, _ in near) >= MIN_TOTAL
    ]


def _alike(words: set[int], others: set[int]) -> bool:
    return len(words & others) >= LIKENESS * len(words | others)
