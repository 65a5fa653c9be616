"""Generation: a walk through the view, with randomness as an argument (organism, 8.2 to 8.4).

The walk depends on counts, ids and the random numbers only. Candidates are taken in the order of
their ids, so that neither hash seeds nor the order in which rows were loaded can change a reply.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import NamedTuple, TypeVar

from leo.field.draw import CLOSE, Scale, close_counts, draw, draw_ranked
from leo.field.ranks import LARGE, Ranked, Row, ranked_row
from leo.field.reading import Drawable, Readable
from leo.field.text import ENDINGS, is_word

Key = TypeVar("Key")

MAX_TOKENS = 80
# Said when the view knows no word at all.
SILENCE = "silence"
RESAMPLES = 3
NO_STARTS: Mapping[str, float] = {}
NO_WEIGHTS: Mapping[int, float] = {}
# What counts and co-occurrence contribute to a weight, where counts are close.
COUNT, CO_OCCURRENCE = 0.7, 0.3


class Walk(NamedTuple):
    """The tokens of a reply and its entropy: the mean over the steps, 0 when there were none."""

    tokens: tuple[str, ...]
    entropy: float


class _Walker:
    def __init__(
        self,
        view: Readable,
        rng: Random,
        temperature: float,
        boosts: Mapping[str, float],
        starts: Mapping[str, float],
    ) -> None:
        self.names = view.words.names
        self.words = view.words
        self.chains = view.chains
        self.whole = not view.torn
        self.centres = view.words.centres()
        self.rng = rng
        self.power = 1.0 / min(100.0, max(1e-3, temperature))
        known = ((view.words.id_of(token), boost) for token, boost in boosts.items())
        self.boosts = {id: boost for id, boost in known if id is not None}
        self.scale = Scale(self.boosts, self.power)
        # The same pool and weights for every start of the walk.
        self.pool = self.centres or sorted(self.names)
        names = self.names
        named = {view.words.id_of(token) for token in starts} - {None, *self.pool}
        # Words that a start was asked for: beside the centres, which keep a weight of 1. Each
        # begins one sentence only: it may lead to the end of a text, where a walk starts anew.
        self.once = {id for id in named if id is not None}
        if named:
            self.pool = [*self.pool, *sorted(self.once)]
        least = 1.0 if named else 0.0
        self.weights = [
            starts.get(names[id], 0.0) + (least if id not in self.once else 0.0)
            for id in self.pool
            if starts
        ]
        self.sums = list(accumulate(self.weights))
        self.entropies: list[float] = []

    def start(self) -> int:
        """A centre, a token that `starts` names, or any token while there is none (8.2).

        In proportion to the weights of `starts`, if one of the pool has any; evenly otherwise.
        """
        pool, sums = self.pool, self.sums
        if sums and sums[-1] > 0.0:
            place = min(bisect(sums, self.rng.random() * sums[-1]), len(pool) - 1)
            if pool[place] in self.once:
                self.weights[place] = 0.0
                self.sums = list(accumulate(self.weights))
            return pool[place]
        return pool[self.rng.randrange(len(pool))]

    def step(self, walked: list[int]) -> int:
        """The next token: by trigram, else by bigram, else a new start (8.3)."""
        current = walked[-1]
        chosen = self._by_trigram(walked[-2], current) if len(walked) > 1 else None
        if chosen is None:
            chosen = self._by_bigram(current)
        return self.start() if chosen is None else chosen

    def _by_trigram(self, before: int, current: int) -> int | None:
        row = self._row(self.chains, (before, current))
        if not row:
            return None
        if isinstance(row, Ranked):
            close = close_counts(row)
            if len(close) < 2:
                return self._ranked(row)
            co_occurrence = self.chains.co_occurrence_with(current, close)
            # The shares of the others stay as they are: all weights are COUNT times too large.
            weights = {
                id: count + CO_OCCURRENCE / COUNT * kept
                for (id, count), kept in zip(close.items(), co_occurrence, strict=True)
            }
            return self._ranked(row, weights)
        if len(row) == 1:
            return self._only(row)
        ids = sorted(row)
        return self._drawn(ids, self._blend(current, ids, list(map(row.__getitem__, ids))))

    def _by_bigram(self, current: int) -> int | None:
        row = self._row(self.words, current)
        if not row:
            return None
        if isinstance(row, Ranked):
            return self._ranked(row)
        if len(row) == 1:
            return self._only(row)
        ids = sorted(row)
        return self._drawn(ids, list(map(row.__getitem__, ids)))

    def _row(self, table: Drawable[Key], key: Key) -> Row | None:
        """The row to draw from, without what cannot be said."""
        row = table.row(key)
        if isinstance(row, Ranked) and self.scale.steep:
            # Groups are not scaled by the largest of a row, which so low a temperature needs.
            row = row.whole()
        if self.whole or not row:
            return row
        # A torn view may know a trigram whose token it does not know yet: it cannot be said.
        counts = row.whole() if isinstance(row, Ranked) else row
        counts = {id: count for id, count in counts.items() if id in self.names}
        return counts if len(counts) <= LARGE or self.scale.steep else ranked_row(counts)

    def _ranked(self, ranked: Ranked, weights: Mapping[int, float] = NO_WEIGHTS) -> int:
        return self._noted(draw_ranked(ranked, weights, self.scale, self.rng.random()))

    def _only(self, row: Mapping[int, int]) -> int:
        # A single follower takes its random number as any other row does.
        self.rng.random()
        [chosen] = row
        return self._noted((chosen, 0.0))

    def _drawn(self, ids: list[int], weights: list[float]) -> int:
        return self._noted(draw(ids, weights, self.boosts, self.power, self.rng.random()))

    def _noted(self, drawn: tuple[int, float]) -> int:
        chosen, evenness = drawn
        self.entropies.append(evenness)
        return chosen

    def _blend(self, current: int, ids: list[int], counts: list[float]) -> list[float]:
        """Counts; where several are close (0.7 of the largest), 0.7 count + 0.3 co-occurrence."""
        least = CLOSE * max(counts)
        if sum(map(least.__le__, counts)) < 2:
            return counts
        co_occurrence = self.chains.co_occurrence_with(current, ids)
        return [
            COUNT * count + CO_OCCURRENCE * kept
            for count, kept in zip(counts, co_occurrence, strict=True)
        ]


def generate_walk(
    view: Readable,
    rng: Random,
    temperature: float,
    boosts: Mapping[str, float],
    max_tokens: int = MAX_TOKENS,
    starts: Mapping[str, float] = NO_STARTS,
) -> Walk:
    """Walk `max_tokens` tokens through the view (8.4).

    `temperature` is clamped to [0.001, 100]; `boosts` (token -> b) multiply a weight by 1 + b;
    `starts` (token -> weight) say what to begin with: centres, and words beside them.
    """
    if not view.words.names:
        return Walk((SILENCE,), 0.0)
    walker = _Walker(view, rng, temperature, boosts, starts)
    walked = [walker.start()]
    for _ in range(max_tokens - 1):
        walked.append(_next(walker, walked))
    entropy = math.fsum(walker.entropies) / len(walker.entropies) if walker.entropies else 0.0
    return Walk(tuple(walker.names[id] for id in walked), entropy)


def _next(walker: _Walker, walked: list[int]) -> int:
    if _loops(walked):
        return walker.start()
    chosen = walker.step(walked)
    names = walker.names
    if names[walked[-1]] in ENDINGS:
        # A sentence that begins with the word that ended the last one reads like a stutter.
        last_word = next((id for id in reversed(walked) if is_word(names[id])), None)
        for _ in range(RESAMPLES):
            if chosen != last_word:
                break
            chosen = walker.step(walked)
    return chosen


def _loops(walked: list[int]) -> bool:
    """Whether the last two or three tokens are those before them once more."""
    if len(walked) < 4:
        return False
    last = walked[-1]
    if last == walked[-3] and walked[-2] == walked[-4]:
        return True
    return len(walked) > 5 and last == walked[-4] and walked[-3:-1] == walked[-6:-4]
