"""The metric of the published comparison, external_vocab, in its two definitions, and its summary.

The two published arms were measured with two different metrics (formal model, section 8): the
synchronous one with `token_ratio_current`, the asynchronous one with `type_ratio_current_plus_3`.
Each has its own name here, so that nobody compares one with the other by accident. Both give the
share of a reply that is taken from the observer's words; the paper holds a low share to be good.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Final, NamedTuple

from leo.errors import CallerError

# How many messages before the current one count in the asynchronous definition.
PREVIOUS: Final = 3
# The paper calls a turn below this optimal, and one at 0 a perfect moment.
OPTIMAL: Final = 0.2
SHORTEST: Final = 3
STRIPPED: Final = '.,!?;:"-()'


class Scores(NamedTuple):
    """One turn by both definitions, each in [0, 1]."""

    token_ratio_current: float
    type_ratio_current_plus_3: float


METRICS: Final = Scores._fields


class Summary(NamedTuple):
    """What the paper reports of a run. `worst` is the largest value, `best` the smallest; `optimal`
    and `perfect` count turns.
    """

    turns: int
    mean: float
    worst: float
    best: float
    optimal: int
    perfect: int


def metric_words(text: str) -> list[str]:
    """The words that the metric sees, in order (formal model, section 8).

    Split on white space, words of fewer than three characters dropped, lower case, the marks
    `.,!?;:"-()` stripped from both ends. The length is taken before the marks go, so `"I"` stays
    and a word of marks alone leaves an empty word, which counts in the denominator.
    """
    return [word.lower().strip(STRIPPED) for word in text.split() if len(word) >= SHORTEST]


def token_ratio_current(reply: str, message: str) -> float:
    """The share of the reply's words, repetitions counted, that the current message has.

    The definition of the synchronous arm. 0 for a reply without words.
    """
    said = metric_words(reply)
    if not said:
        return 0.0
    heard = frozenset(metric_words(message))
    return sum(map(heard.__contains__, said)) / len(said)


def type_ratio_current_plus_3(reply: str, messages: Sequence[str]) -> float:
    """The share of the reply's different words that the current message or one of the three before
    it in the same conversation has.

    The definition of the asynchronous arm. `messages` are the observer's so far, the current one
    last; only the last four are looked at. 0 for a reply without words.
    """
    said = frozenset(metric_words(reply))
    if not said:
        return 0.0
    recent = messages[-(PREVIOUS + 1) :]
    heard = frozenset(word for message in recent for word in metric_words(message))
    return len(said & heard) / len(said)


def score_turn(reply: str, messages: Sequence[str]) -> Scores:
    """A reply by both definitions. Raises CallerError when there is no message that it answers."""
    if not messages:
        raise CallerError("a reply is measured against the message that it answers; there is none")
    return Scores(
        token_ratio_current(reply, messages[-1]), type_ratio_current_plus_3(reply, messages)
    )


def summarise(values: Sequence[float]) -> Summary:
    """The paper's summary of a run by one definition. Raises CallerError for no turns."""
    if not values:
        raise CallerError("there are no turns to summarise; a summary needs at least one")
    return Summary(
        turns=len(values),
        mean=fsum(values) / len(values),
        worst=max(values),
        best=min(values),
        optimal=sum(value < OPTIMAL for value in values),
        perfect=sum(value == 0.0 for value in values),
    )
