"""Recall: which past replies come to mind, and what they lend weight to (organism, section 12).

The score is that of the December program, without its random part: 0.4 Jaccard + 0.2 share of theme
words + 0.2 closeness of arousal + 0.2 quality, reduced by recent use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from heapq import nsmallest
from typing import NamedTuple

from leo.field.text import tokenize

MAX_MEMORIES = 5
MAX_TOKENS_PER_MEMORY = 64
MIN_QUALITY = 0.6
MIN_SCORE = 0.1
ALPHA = 0.3
DAY = 24 * 3600.0


class Memory(NamedTuple):
    """A row of `snapshots`. Times are in seconds of the injected clock."""

    id: int
    text: str
    quality: float
    emotional: float
    created_at: float
    last_used_at: float
    use_count: int


# The same without its names: there are hundreds in every reply.
Row = tuple[int, str, float, float, float, float, int]


class Recalled(NamedTuple):
    """What came to mind: ids, the snippets to observe again, and token -> boost for generation."""

    ids: tuple[int, ...]
    snippets: tuple[str, ...]
    boosts: dict[str, float]


def choose_memories(
    memories: Iterable[Row],
    tokens: Iterable[str],
    arousal: float,
    now: float,
    themes: frozenset[str] = frozenset(),
) -> Recalled:
    """The best MAX_MEMORIES of good quality and enough score; equal scores favour the newer one.

    boost = 0.3 * count / largest count, over all tokens of the chosen texts.
    """
    good = [memory for memory in memories if memory[2] >= MIN_QUALITY]
    scores = score_memories(good, frozenset(tokens), arousal, now, themes)
    scored = [
        (-score, -memory[0], memory)
        for score, memory in zip(scores, good, strict=True)
        if score > MIN_SCORE
    ]
    chosen = [Memory._make(memory) for _, _, memory in nsmallest(MAX_MEMORIES, scored)]
    counts = Counter(token for memory in chosen for token in _tokens(memory.text))
    largest = max(counts.values(), default=1)
    return Recalled(
        tuple(memory.id for memory in chosen),
        tuple(snippet(memory.text) for memory in chosen),
        {token: ALPHA * count / largest for token, count in counts.items()},
    )


def score_memories(
    memories: Iterable[Row],
    prompt: frozenset[str],
    arousal: float,
    now: float,
    themes: frozenset[str],
) -> list[float]:
    """Section 12's score of each memory, in [0, 1]."""
    asked, named = len(prompt), len(themes)
    found: list[float] = []
    # Every reply comes by here with every memory: conditionals cost less than min and max, and a
    # call for each memory would cost as much as its score.
    for _, text, quality, emotional, _, last_used_at, _ in memories:
        types = _types(text)
        common = len(prompt & types)
        union = asked + len(types) - common
        distance = abs(arousal - emotional)
        rest = 1.0 - (now - last_used_at) / DAY
        rest = 0.0 if rest < 0.0 else 1.0 if rest > 1.0 else rest
        score = (0.4 * common / union if union else 0.0) + 0.2 * quality * (1.0 - 0.5 * rest)
        if distance < 1.0:
            score += 0.2 * (1.0 - distance)
        if named:
            score += 0.2 * len(themes & types) / named
        found.append(score)
    return found


def snippet(text: str) -> str:
    """The text, or its first MAX_TOKENS_PER_MEMORY tokens when it is longer."""
    tokens = _tokens(text)
    return (
        text if len(tokens) <= MAX_TOKENS_PER_MEMORY else " ".join(tokens[:MAX_TOKENS_PER_MEMORY])
    )


# A memory is compared again in every reply and never changes; the store keeps 512 of them.
@lru_cache(maxsize=1024)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(tokenize(text))


@lru_cache(maxsize=1024)
def _types(text: str) -> frozenset[str]:
    return frozenset(_tokens(text))
