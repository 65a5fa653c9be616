"""What a text adds to the field: a pure function from text to counts (organism, section 2,
"Ingest").

Counts add, so the deltas of two observations commute; the store and the view only ever apply them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from leo.field.text import tokenize

# Two tokens co-occur when at most this many positions lie between the first and the second.
WINDOW = 5


@dataclass(frozen=True, slots=True)
class Delta:
    """Counts to add. Tokens are named by their place in `tokens`, which are distinct, in order of
    appearance.

    `pairs` is the co-occurrence. It is symmetric, so one entry
    stands for both directions: `(i, j)` with `i <= j` counts the ordered pairs of positions from
    i's token to j's. `length` is the number of tokens read.
    """

    tokens: tuple[str, ...]
    bigrams: dict[tuple[int, int], int]
    trigrams: dict[tuple[int, int, int], int]
    pairs: dict[tuple[int, int], int]
    length: int


def compute_delta(texts: Iterable[str]) -> Delta:
    """The counts of several texts; nothing reaches from one text into the next."""
    places: dict[str, int] = {}
    bigrams: Counter[tuple[int, int]] = Counter()
    trigrams: Counter[tuple[int, int, int]] = Counter()
    near: Counter[tuple[int, int]] = Counter()
    length = 0
    for text in texts:
        line = [places.setdefault(token, len(places)) for token in tokenize(text)]
        length += len(line)
        bigrams.update(pairwise(line))
        trigrams.update(zip(line, line[1:], line[2:], strict=False))
        for distance in range(1, WINDOW + 1):
            near.update(zip(line, line[distance:], strict=False))
    return Delta(tuple(places), dict(bigrams), dict(trigrams), _fold(near), length)


def _fold(near: Counter[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Forward pairs of positions to symmetric counts; a token near itself counts once each way."""
    pairs: dict[tuple[int, int], int] = {}
    get = pairs.get
    for key, count in near.items():
        i, j = key
        if i < j:
            pairs[key] = get(key, 0) + count
        elif i == j:
            pairs[key] = 2 * count
        else:
            turned = j, i
            pairs[turned] = get(turned, 0) + count
    return pairs
