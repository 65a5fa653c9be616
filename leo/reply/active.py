"""Active themes around the words of a prompt, at a cost that does not grow with the field.

Section 6 builds every theme of the field in one pass (`leo.field.themes`), which is quadratic. Here
the same rules are applied to the words of the prompt only. A theme is named by its core word, so
its name stays the same while the field grows.

The contexts of a word are the words that can follow it within the window, each weighted by how
often the two co-occur. A word with many followers is never a core, and neither is a centre of the
field. Punctuation is left out, because it would make all themes alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import islice
from typing import Final, NamedTuple

from leo.field.counts import WINDOW
from leo.field.reading import Readable
from leo.field.text import PUNCTUATION, is_word
from leo.field.themes import ACTIVE, MIN_CONTEXTS, MIN_TOTAL, NEIGHBOURS, merged

MAX_FOLLOWERS: Final = 64
MAX_AHEAD: Final = 128
MAX_CORES: Final = 8
MIN_LETTERS: Final = 3


class Themes(NamedTuple):
    """Core word -> activation of the most active themes, and core word -> words of the theme."""

    scores: dict[str, int]
    words: dict[str, frozenset[str]]


NO_THEMES: Final = Themes({}, {})


def active_themes(
    view: Readable, find: Callable[[str], int | None], tokens: Sequence[str]
) -> Themes:
    """The at most three themes that the prompt's tokens activate most; the older first when equal.

    `find` gives the id of a token in that view. A theme gets +1 per occurrence of a word it has.
    """
    counts = Counter(token for token in tokens if is_word(token))
    cores = [
        id for token in counts if len(token) >= MIN_LETTERS and (id := find(token)) is not None
    ]
    common = frozenset(view.words.centres())
    rare = sorted(id for id in cores if id not in common)
    marks = {id for mark in PUNCTUATION if (id := find(mark)) is not None}
    found = ((id, own) for id in rare if (own := _closest(view, id, marks)))
    sets = list(islice(found, MAX_CORES))
    names = view.words.names
    scored: list[tuple[int, int, frozenset[str]]] = []
    for (core, *_), words in merged(sets):
        named = frozenset(names[id] for id in words)
        scored.append((-sum(counts[word] for word in sorted(named)), core, named))
    best = sorted(scored, key=lambda item: item[:2])[:ACTIVE]
    return Themes(
        {names[core]: -score for score, core, _ in best},
        {names[core]: words for _, core, words in best},
    )


def _closest(view: Readable, core: int, marks: Set[int]) -> set[int]:
    """The core with its closest contexts; empty where it is too rare or too common for a theme."""
    names, chains = view.words.names, view.chains
    followers = view.words.followers.get(core) or {}
    if core not in names or len(followers) > MAX_FOLLOWERS:
        return set()
    ahead = _ahead(view, core, sorted(followers)) - marks - {core}
    if view.torn:
        # It may know a chain whose token, or whose co-occurrence, it does not know yet.
        ahead = {id for id in ahead if id in names}
    co_occurrence = zip(chains.co_occurrence_with(core, ahead), ahead, strict=True)
    contexts = [(-count, id) for count, id in co_occurrence if count]
    if len(contexts) < MIN_CONTEXTS or -sum(count for count, _ in contexts) < MIN_TOTAL:
        return set()
    return {core, *(id for _, id in sorted(contexts)[:NEIGHBOURS])}


def _ahead(view: Readable, core: int, followers: Iterable[int]) -> set[int]:
    """The tokens that can come within WINDOW steps after the core; about MAX_AHEAD at most."""
    found = set(followers)
    steps = [(core, follower) for follower in followers]
    for _ in range(WINDOW - 1):
        further: set[tuple[int, int]] = set()
        for pair in steps:
            row = view.chains.followers.get(pair) or {}
            # What so many words can follow leads everywhere.
            if len(row) <= MAX_FOLLOWERS:
                further.update((pair[1], third) for third in row)
            if len(found) + len(further) > MAX_AHEAD:
                break
        found.update(third for _, third in further)
        if len(found) + len(further) > MAX_AHEAD:
            break
        steps = sorted(further)
    return found
