"""Theorem: external_vocab by chance, as a function of the length of the observer's message.

The metric is the share of a reply's words that also occur in the observer's message. If the m
words of the message are drawn independently with probabilities pi, a word w is among them with
probability 1 - (1 - pi_w)^m, independently of the reply. The asynchronous arm's variant counts
distinct words and looks at four messages, which is the same with 4m.

The lengths and the ratio to compare with are computed from the 93 published turns
(``paper/experiments/published/runs.csv``): the mean length of a message in either arm, and the mean
share of tokens found in the current message, measured alike in both. The paper's own table prints
another figure for the asynchronous arm, by the other definition.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from random import Random
from statistics import fmean

import sympy as sp

from leo.field.seed import SEED_TEXT
from leo.field.text import is_word, tokenize
from paper.experiments.published.data import ARMS, CLAIMED, read_turns
from proofs.tools.exact import enumerated, identity, refuted
from proofs.tools.theorem import Discharged


def published_mean(arm: str, column: str) -> float:
    """The mean of a column of the published turns over an arm ("sync" or "async")."""
    return fmean(float(turn[column]) for turn in read_turns() if turn["arm"] == arm)


LONG, SHORT = (published_mean(arm, "observer_words") for arm in ARMS)
MEASURED_RATIO = published_mean("sync", "token_ratio_current") / published_mean(
    "async", "token_ratio_current"
)
PRINTED_RATIO = CLAIMED["sync"]["mean"] / CLAIMED["async"]["mean"]
WINDOW = 4  # the current message and the previous three
STRIPPED = '.,!?;:"-()'


def words(text: str) -> list[str]:
    """The metric's words: split on white space, stripped, lower-case, longer than two
    characters.
    """
    return [w for part in text.lower().split() if len(w := part.strip(STRIPPED)) > 2]


def by_chance(reply: Mapping[str, float], message: Mapping[str, float], length: float) -> float:
    """Expected share of a reply's tokens in a message of ``length`` words, both drawn at random."""
    return math.fsum(q * (1.0 - (1.0 - message.get(w, 0.0)) ** length) for w, q in reply.items())


def zipf(size: int, exponent: float = 1.0) -> dict[str, float]:
    """A Zipf distribution over ``size`` words."""
    weights = [rank**-exponent for rank in range(1, size + 1)]
    total = sum(weights)
    return {f"w{rank}": weight / total for rank, weight in enumerate(weights, 1)}


def organism_words() -> dict[str, float]:
    """The word frequencies of the reference organism's own seed text."""
    counts = Counter(w.lower() for w in tokenize(SEED_TEXT) if is_word(w) and len(w) > 2)
    return {w: n / counts.total() for w, n in counts.items()}


def predicted_ratio(distribution: Mapping[str, float]) -> float:
    """The factor by which chance alone favours the longer messages, reply and observer alike."""
    return by_chance(distribution, distribution, LONG) / by_chance(
        distribution, distribution, SHORT
    )


def simulate(distribution: Mapping[str, float], length: int, draws: int, seed: int) -> float:
    """The mean share over seeded random replies (60 words) and messages."""
    rng, names, weights = Random(seed), list(distribution), list(distribution.values())
    total = 0.0
    for _ in range(draws):
        message = set(rng.choices(names, weights, k=length))
        reply = rng.choices(names, weights, k=60)
        total += sum(w in message for w in reply) / 60
    return total / draws


def prove_chance(window: int = WINDOW) -> list[Discharged]:
    """The expectation, that it grows with m ever more slowly, and the two definitions.

    ``window``: the mutant forgets the three earlier messages of the second definition.
    """
    x, m = sp.symbols("x m", positive=True)
    hit = 1 - (1 - x) ** m
    step = hit.subs(m, m + 1) - hit

    def exactly() -> Iterator[tuple[str, Fraction, Fraction]]:
        """All messages over three words, with their probabilities."""
        share = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6))
        for length in range(1, 6):
            for w, p in enumerate(share):
                yield (
                    f"{length} words, word {w}", _found(share, w, length), 1 - (1 - p) ** length
                )  # fmt: skip

    def together() -> Iterator[tuple[str, Fraction, Fraction]]:
        share = (Fraction(2, 3), Fraction(1, 3))
        for w, p in enumerate(share):
            formula = 1 - (1 - p) ** (window * 2)
            yield f"word {w} in four messages of 2 words", _found(share, w, WINDOW * 2), formula

    def grows() -> Iterator[tuple[str, bool, bool]]:
        for name, distribution in (("Zipf", zipf(2000)), ("the organism's", organism_words())):
            values = [by_chance(distribution, distribution, n) for n in range(1, 120)]
            yield name, all(a < b for a, b in pairwise(values)), True

    def simulated() -> Iterator[tuple[str, bool, bool]]:
        distribution = organism_words()
        for length in (19, 71):
            seen = simulate(distribution, length, 3000, 7)
            formula = by_chance(distribution, distribution, length)
            yield f"{length} words: {seen:.4f}", abs(seen - formula) < 0.02 * formula, True

    return [
        enumerated("the chance to be found, over all messages", exactly()),
        enumerated("four messages are one of four times the length", together()),
        identity("one word more", step - x * (1 - x) ** m),
        identity("and less each time",
                 step.subs(m, m + 1) - step + x**2 * (1 - x) ** m),
        enumerated("monotone in the length", grows()),
        enumerated("a seeded simulation agrees within 2 %", simulated()),
    ]  # fmt: skip


def _found(share: Sequence[Fraction], word: int, length: int) -> Fraction:
    """The probability that the word is in a message, by going through all messages."""
    if length == 0:
        return Fraction(0)
    return sum(
        (p * (Fraction(1) if w == word else _found(share, word, length - 1))
         for w, p in enumerate(share)),
        Fraction(0),
    )  # fmt: skip


def refute_chance() -> str:
    return refuted(lambda: prove_chance(window=1), "only the current message counts")
