"""What can be computed from transcripts of two arms beyond their means: pairings, lengths, chance.

Turns of one conversation are not independent: intervals and tests are over conversations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leo.field.metrics import metric_words, score_turn
from paper.experiments.experiment import Row
from paper.experiments.stats import Comparison, bootstrap, compare, resampled
from paper.experiments.summary import Estimate

ARMS: Final = ("sync", "async")
Floats = NDArray[np.float64]
SHUFFLES: Final = 2000
# As they are, without what is flagged, and cut to one length; each by both definitions.
COMPARISONS: Final = 6
# The names of the two definitions in a row, in the order of leo.field.metrics.Scores.
DEFINITIONS: Final = ("tokens", "types")


@dataclass(frozen=True)
class Corpus:
    """The usable turns, by arm and conversation (file and theme)."""

    talks: Mapping[str, Sequence[Sequence[Row]]]

    @classmethod
    def of(cls, rows: Sequence[Row], *, flagged: bool = True) -> Corpus:
        """`flagged`: keep the fallbacks and substitutes."""
        found: dict[str, dict[tuple[object, ...], list[Row]]] = {arm: {} for arm in ARMS}
        for row in rows:
            if flagged or not row["flag"]:
                found[row["arm"]].setdefault((row["file"], row["talk"]), []).append(row)
        return cls({arm: list(talks.values()) for arm, talks in found.items()})

    @property
    def both(self) -> bool:
        """Whether there are turns of both arms."""
        return all(self.talks[arm] for arm in ARMS)

    def turns(self, arm: str) -> list[Row]:
        """All turns of an arm."""
        return [row for talk in self.talks[arm] for row in talk]


class Pairing(NamedTuple):
    """Mean token shares of (replies, messages), and the two causes of the difference between the
    arms on the scale of logarithms: each averaged over the two orders of changing them.
    """

    means: Mapping[tuple[str, str], Estimate]
    messages: Estimate
    replies: Estimate


class Null(NamedTuple):
    """An arm's mean token share, the mean with shuffled messages, and how often a shuffle is as
    large.
    """

    actual: float
    null: Estimate
    p: float


def difference(corpus: Corpus, name: str, seed: int) -> Comparison:
    """Asynchronous less synchronous arm, over the means of the conversations."""
    means = {arm: [fmean(row[name] for row in talk) for talk in corpus.talks[arm]] for arm in ARMS}
    return compare(means["async"], means["sync"], seed, comparisons=COMPARISONS)


def pair(corpus: Corpus, seed: int) -> Pairing:
    """Every reply of either arm with every message of either arm, by tokens and current message.

    Intervals: conversations are drawn within their arms, with their replies and messages.
    """
    talks = [talk for arm in ARMS for talk in corpus.talks[arm]]
    sizes = [len(corpus.talks[arm]) for arm in ARMS]
    sums, counts = _matrix(talks)

    def means(drawn: NDArray[np.int64]) -> Floats:
        parts = drawn[: sizes[0]], drawn[sizes[0] :]
        found = np.array(
            [
                sums[np.ix_(mine, theirs)].sum() / counts[np.ix_(mine, theirs)].sum()
                for mine in parts
                for theirs in parts
            ]
        )
        # Nothing shared at all has no logarithm; half a word in the whole is as good as nothing.
        ss, sa, as_, aa = np.log(np.maximum(found, 0.5 / counts.sum()))
        messages = ((sa - ss) + (aa - as_)) / 2
        replies = ((as_ - ss) + (aa - sa)) / 2
        return np.concatenate([found, [messages, replies]])

    *corners, messages, replies = resampled(len(talks), means, seed, strata=sizes)
    names = [(mine, theirs) for mine in ARMS for theirs in ARMS]
    return Pairing(dict(zip(names, corners, strict=True)), messages, replies)


def _matrix(talks: Sequence[Sequence[Row]]) -> tuple[Floats, Floats]:
    """Sums of token shares, and numbers of pairs, of the replies of a conversation with the
    messages of another.
    """
    said = [[metric_words(row["reply"]) for row in talk] for talk in talks]
    heard = [[frozenset(metric_words(row["message"])) for row in talk] for talk in talks]
    sums = np.array(
        [
            [sum(_share(words, known) for words in mine for known in theirs) for theirs in heard]
            for mine in said
        ]
    )
    counts = np.array([[len(mine) * len(theirs) for theirs in heard] for mine in said], float)
    return sums, counts


def _share(words: Sequence[str], known: frozenset[str]) -> float:
    return sum(map(known.__contains__, words)) / len(words) if words else 0.0


def truncated(corpus: Corpus, name: str, seed: int) -> tuple[int, Comparison]:
    """The arms compared with every message cut to its first words, as many as the median message of
    the arm with the shorter ones has. Returns that number, and the comparison.
    """
    lengths = {
        arm: median(len(row["message"].split()) for row in corpus.turns(arm)) for arm in ARMS
    }
    most = int(min(lengths.values()))
    means: dict[str, list[float]] = {}
    for arm in ARMS:
        means[arm] = []
        for talk in corpus.talks[arm]:
            scores = [score_turn(row["reply"], _cut(row, most)) for row in talk]
            place = DEFINITIONS.index(name)
            means[arm].append(fmean(score[place] for score in scores))
    return most, compare(means["async"], means["sync"], seed, comparisons=COMPARISONS)


def _cut(row: Row, most: int) -> list[str]:
    """The messages that a reply is measured against, each cut to its first words."""
    return [" ".join(text.split()[:most]) for text in (*row["before"], row["message"])]


def shuffled(corpus: Corpus, arm: str, seed: int) -> Null:
    """What the arm's replies share with messages of the same arm dealt out at random."""
    turns = corpus.turns(arm)
    said = [metric_words(row["reply"]) for row in turns]
    heard = [frozenset(metric_words(row["message"])) for row in turns]
    shares = np.array([[_share(words, known) for known in heard] for words in said])
    rng = np.random.default_rng(seed)
    order = np.arange(len(turns))
    nulls = np.array([shares[order, rng.permutation(order)].mean() for _ in range(SHUFFLES)])
    actual = float(shares[order, order].mean())
    as_large = int((nulls >= actual - 1e-12).sum())
    low, high = np.percentile(nulls, [2.5, 97.5])
    null = Estimate(float(nulls.mean()), float(low), float(high))
    return Null(actual, null, (1 + as_large) / (1 + SHUFFLES))


def mean_of(corpus: Corpus, arm: str, name: str, seed: int) -> Estimate:
    """An arm's mean over its conversations, with its interval."""
    return bootstrap([fmean(row[name] for row in talk) for talk in corpus.talks[arm]], seed)


def share_of_messages(pairing: Pairing) -> float | None:
    """The part of the difference of logarithms that goes to the messages; None where the two causes
    pull in different directions and a part would mean nothing.
    """
    messages, replies = pairing.messages.value, pairing.replies.value
    if messages * replies < 0 or messages + replies == 0:
        return None
    return messages / (messages + replies)
