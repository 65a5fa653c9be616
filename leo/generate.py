"""Speech: a walk through the view, given the randomness (organism, sections 8.2 to 8.4).

The walk depends on counts, ids and the random numbers only. Candidates are taken in the order of
their ids, so that neither hash seeds nor the order in which rows were loaded can change a reply.
"""

from __future__ import annotations

import math
from bisect import bisect, bisect_left
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import NamedTuple

from leo.reading import Readable
from leo.text import ENDINGS, is_word

__all__ = ["MAX_TOKENS", "SILENCE", "Walk", "generate_walk"]

MAX_TOKENS = 80
# Said when the view knows no word at all.
SILENCE = "silence"
RESAMPLES = 3


class Walk(NamedTuple):
    """The tokens of a reply and its entropy: the mean over the steps, 0 when there were none."""

    tokens: tuple[str, ...]
    entropy: float


class _Walker:
    def __init__(
        self, view: Readable, rng: Random, temperature: float, boosts: Mapping[str, float]
    ) -> None:
        self.names = view.words.names
        self.bigrams = view.words.followers
        self.chains = view.chains
        self.centres = view.words.centres()
        self.rng = rng
        self.power = 1.0 / min(100.0, max(1e-3, temperature))
        known = ((view.words.id_of(token), boost) for token, boost in boosts.items())
        self.boosts = {id: boost for id, boost in known if id is not None}
        self.entropies: list[float] = []

    def start(self) -> int:
        """A centre, or any token while there is none (8.2). Never a word of the prompt as such."""
        pool = self.centres or sorted(self.names)
        return pool[self.rng.randrange(len(pool))]

    def step(self, walked: list[int]) -> int:
        """The next token: by trigram, else by bigram, else a new start (8.3)."""
        current = walked[-1]
        row = self.chains.followers.get((walked[-2], current)) if len(walked) > 1 else None
        # A torn view may know a trigram whose token it does not know yet: it cannot be said.
        choices = sorted(item for item in row.items() if item[0] in self.names) if row else []
        if choices:
            weights = self._blend(current, choices)
        else:
            choices = sorted((self.bigrams.get(current) or {}).items())
            weights = [float(count) for _, count in choices]
        if not choices:
            return self.start()
        return choices[self._sample([id for id, _ in choices], weights)][0]

    def _blend(self, current: int, choices: list[tuple[int, int]]) -> list[float]:
        """Counts; where several are close (0.7 of the largest), 0.7 count + 0.3 company."""
        counts = [float(count) for _, count in choices]
        near = 0.7 * max(counts)
        if sum(map(near.__le__, counts)) < 2:
            return counts
        company = self.chains.company
        return [0.7 * count + 0.3 * company(current, id) for id, count in choices]

    def _sample(self, ids: list[int], weights: list[float]) -> int:
        """The place of a choice, after boosts and temperature: weight ** (1 / T).

        `ids` are in order. A full stop has thousands of followers, most of them with the same few
        weights: what costs is done once per boosted token or per distinct weight.
        """
        if len(self.boosts) < len(ids):
            for id, boost in self.boosts.items():
                place = bisect_left(ids, id)
                if place < len(ids) and ids[place] == id:
                    weights[place] *= 1.0 + boost
        else:
            for place, id in enumerate(ids):
                weights[place] *= 1.0 + self.boosts.get(id, 0.0)
        largest = max(weights)
        # Divided by the largest first, so that a low temperature cannot overflow.
        heat = {weight: (weight / largest) ** self.power for weight in set(weights)}
        heated = list(map(heat.__getitem__, weights))
        sums = list(accumulate(heated))
        self.entropies.append(_evenness(heated, sums[-1]))
        return min(bisect(sums, self.rng.random() * sums[-1]), len(ids) - 1)


def generate_walk(
    view: Readable,
    rng: Random,
    temperature: float,
    boosts: Mapping[str, float],
    max_tokens: int = MAX_TOKENS,
) -> Walk:
    """Walk `max_tokens` tokens through the view (8.4).

    `temperature` is clamped to [0.001, 100]; `boosts` (token -> b) multiply a weight by 1 + b.
    """
    if not view.words.names:
        return Walk((SILENCE,), 0.0)
    walker = _Walker(view, rng, temperature, boosts)
    walked = [walker.start()]
    for _ in range(max_tokens - 1):
        walked.append(_next(walker, walked))
    entropy = math.fsum(walker.entropies) / len(walker.entropies) if walker.entropies else 0.0
    return Walk(tuple(walker.names[id] for id in walked), entropy)


def _next(walker: _Walker, walked: list[int]) -> int:
    if _loops(walked, 2) or _loops(walked, 3):
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


def _loops(walked: list[int], length: int) -> bool:
    return len(walked) >= 2 * length and walked[-length:] == walked[-2 * length : -length]


def _evenness(weights: list[float], total: float) -> float:
    """Shannon entropy of the weights over that of an even choice; 0 for a single candidate."""
    if len(weights) < 2:
        return 0.0
    shares = [(weight / total, times) for weight, times in Counter(weights).items() if weight]
    entropy = -math.fsum(times * share * math.log(share) for share, times in shares)
    return entropy / math.log(len(weights))
