"""The published comparison, recomputed from its own figures: what they say, and what they cannot.

Turns of one conversation are not independent, so intervals and tests are over conversations (one
run, one theme).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper.experiments.experiment import Config, Experiment, Key, Lab, Row, seed_of
from paper.experiments.plots import Plot, scatter
from paper.experiments.published.data import (
    ARMS,
    CLAIMED,
    Turn,
    conversations,
    read_pairings,
    read_turns,
    turn_of,
)
from paper.experiments.published.tables import (
    VALUES,
    Value,
    arms_table,
    claims_table,
    comparisons_table,
    definitions_table,
    mean_of,
    pairings_table,
    reproduced,
)
from paper.experiments.stats import Comparison, compare, resampled
from paper.experiments.summary import Estimate, Summary, number

__all__ = ["EXPERIMENT"]

TOKENS = "tokens, current message"
WHOLE = "tokens, current message, without fallbacks"


def cells(config: Config) -> list[Key]:
    return [("turns",), ("pairings",)]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """The figures themselves are the rows."""
    return read_turns() if key == ("turns",) else read_pairings()


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    turns = [turn_of(row) for row in rows if "arm" in row]
    pairings = {
        (row["replies"], row["messages"]): row["token_ratio_current"]
        for row in rows
        if "replies" in row
    }
    found = {name: _compare(turns, value, config, name) for name, value in VALUES.items()}
    whole = [turn for turn in turns if not turn.fallback]
    found[WHOLE] = _compare(whole, VALUES[TOKENS], config, "without fallbacks")
    lengths = {arm: [t.observer_words for t in turns if t.arm == arm] for arm in ARMS}
    slope, predicted = _length(turns, config)
    by_messages = pairings["sync", "async"] / pairings["sync", "sync"] - 1
    by_replies = pairings["async", "sync"] / pairings["sync", "sync"] - 1
    same = {arm: reproduced(turns, arm) for arm in ARMS}
    means = {arm: mean_of(turns, arm, VALUES[TOKENS]) for arm in ARMS}
    overlap = min(lengths["sync"]) <= max(lengths["async"])
    fallbacks = {arm: sum(t.fallback for t in turns if t.arm == arm) for arm in ARMS}
    return Summary(
        title="The published comparison, from its own figures",
        question=(
            f"What do the published {CLAIMED['sync']['mean']:.3f} and "
            f"{CLAIMED['async']['mean']:.3f} compare?"
        ),
        answer=(
            f"Two metrics and two observers: by one metric the arms have {means['sync']:.3f} and "
            f"{means['async']:.3f}; of the synchronous arm, exchanging the messages for those of "
            f"the other arm ({fmean(lengths['async']):.1f} words instead of "
            f"{fmean(lengths['sync']):.1f}) moves it by {by_messages:+.0%}, exchanging the replies "
            f"by {by_replies:+.0%}. The synchronous arm's "
            f"{same['sync'][0]} printed values are shares of tokens found in the current message "
            f"({same['sync'][1]} of {same['sync'][0]} reproduced to three decimals); the "
            "asynchronous arm's are shares of distinct words found in the current message or the "
            f"three before it ({same['async'][2]} of {same['async'][0]} reproduced). Each arm was "
            "one session at a time, where a lock changes nothing (leo noop)."
        ),
        done=(
            f"The {len(turns)} published turns ({len(conversations(turns))} conversations in "
            f"{len({turn.run for turn in turns})} runs) were compared with both definitions of the "
            "metric, by arm, by length, and by the pairing of replies with messages."
        ),
        findings=_findings(turns, found, slope, predicted, lengths, fallbacks, means, overlap),
        tables=(
            arms_table(turns),
            claims_table(turns),
            definitions_table(turns),
            comparisons_table(found),
            pairings_table(pairings),
        ),
        facts={
            "means_tokens": means,
            "observer_words": {arm: fmean(lengths[arm]) for arm in ARMS},
            "by_messages": by_messages,
            "by_replies": by_replies,
            "length_slope": slope,
            "predicted_at_short_length": predicted,
            "lengths_overlap": overlap,
            "printed": found["as printed"].difference,
            "tokens": found[TOKENS].difference,
        },
        limits=(
            "The figures cannot tell the lock from the other differences: no arm changes one of "
            "them alone.",
            "They cannot tell length from the arm by regression either: "
            + (
                "the lengths of the two arms overlap only a little."
                if overlap
                else f"the shortest synchronous message has {min(lengths['sync'])} words, the "
                f"longest asynchronous one {max(lengths['async'])}."
            ),
            "The pairings were computed from the transcripts, which are not part of this project; "
            "leo experiment reanalyse FILE ... computes them again from your copies.",
            "Five themes and one observer model: nothing is known of others.",
        ),
        unexpected=tuple(
            f"the values of the {arm} arm are not reproduced by its definition"
            for arm, place in (("sync", 1), ("async", 2))
            if same[arm][place] != same[arm][0]
        ),
    )


def _compare(turns: Sequence[Turn], value: Value, config: Config, name: str) -> Comparison:
    """Asynchronous less synchronous, over the means of the conversations."""
    means = {
        arm: [fmean(map(value, talk)) for talk in conversations(turns) if talk[0].arm == arm]
        for arm in ARMS
    }
    return compare(means["async"], means["sync"], seed_of(config["seed"], "published", name))


def _length(turns: Sequence[Turn], config: Config) -> tuple[Estimate, Estimate]:
    """Least squares of the token share on the words of the message, synchronous arm only: the slope
    for 10 words, and what the line gives at the asynchronous arm's mean length.
    """
    talks = [talk for talk in conversations(turns) if talk[0].arm == "sync"]
    short = fmean(turn.observer_words for turn in turns if turn.arm == "async")

    def fit(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        some = [turn for n in drawn for turn in talks[n]]
        x = [turn.observer_words for turn in some]
        slope, start = np.polyfit(x, [turn.tokens_current for turn in some], 1)
        return np.array([10 * slope, start + slope * short])

    slope, predicted = resampled(len(talks), fit, seed_of(config["seed"], "published", "length"))
    return slope, predicted


def _findings(
    turns: Sequence[Turn],
    found: dict[str, Comparison],
    slope: Estimate,
    predicted: Estimate,
    lengths: dict[str, list[int]],
    fallbacks: dict[str, int],
    means: dict[str, float],
    overlap: bool,
) -> tuple[str, ...]:
    printed, tokens = found["as printed"], found[TOKENS]
    share = 1 - mean_of(turns, "async", VALUES["as printed"]) / mean_of(
        turns, "sync", VALUES["as printed"]
    )
    drop, same = printed.difference, tokens.difference
    larger = "larger" if abs(same.value) > abs(drop.value) else "not larger"
    gone = means["sync"] - predicted.value
    return (
        f"As printed, over all runs, the asynchronous mean differs by {number(drop)} (over the "
        f"means of the conversations, with the 95 % interval), turn by turn by {-share:.0%}; that "
        "compares two different metrics.",
        f"By one metric (tokens, current message) the difference is {number(same)}: {larger} than "
        "as printed; the asynchronous definition looks at four messages where the other looks at "
        "one.",
        f"The lengths of the messages do {'' if overlap else 'not '}overlap: "
        f"{min(lengths['sync'])} to {max(lengths['sync'])} words in the synchronous arm, "
        f"{min(lengths['async'])} to {max(lengths['async'])} in the asynchronous one.",
        f"Within the synchronous arm, ten more words in the message come with {number(slope)} in "
        "the metric; drawn on to the asynchronous length the line gives "
        f"{number(predicted)}, {gone / (means['sync'] - means['async']):.0%} of the way from "
        f"{means['sync']:.3f} to the {means['async']:.3f} of the asynchronous replies. That is an "
        "extrapolation, and no evidence by itself.",
        f"{fallbacks['sync']} of {len(lengths['sync'])} synchronous replies and "
        f"{fallbacks['async']} of {len(lengths['async'])} asynchronous ones are a single word; "
        "without them the difference by one metric is "
        f"{number(found[WHOLE].difference)}.",
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    turns = [turn_of(row) for row in rows if "arm" in row]
    points = {
        arm: [(turn.observer_words, turn.tokens_current) for turn in turns if turn.arm == arm]
        for arm in ARMS
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scatter(
            axes,
            points,
            across="words in the observer's message",
            up="share of the reply's words in it",
        )
        axes.set_title("One metric on both arms")

    return [Plot("published-length", "The published turns by one metric and message length", draw)]


EXPERIMENT = Experiment(
    name="published",
    help="what the published figures say, and what they cannot say",
    options=(),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
