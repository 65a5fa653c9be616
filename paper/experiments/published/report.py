"""What the published figures come to; `report.j2` has the words.

Turns of one conversation are not independent, so intervals and tests are over conversations (one
run, one theme).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.plots import Plot, scatter
from paper.experiments.published.data import ARMS, CLAIMED, conversations, is_fallback
from paper.experiments.stats import Comparison, compare, resampled
from paper.experiments.summary import Cell, Summary, Table, chance, tell

PRINTED, TOKENS, TYPES = "as printed", "tokens, current message", "types, current and 3 before"
WHOLE = "tokens, current message, without fallbacks"
# The column of each metric.
VALUES = {
    PRINTED: "published_external_vocab",
    TOKENS: "token_ratio_current",
    TYPES: "type_ratio_current_plus_3",
}
# Below this the paper calls a turn optimal.
OPTIMAL = 0.2
# Half of the last printed decimal, and a little for the binary fractions.
ROUNDED = 0.0005 + 1e-9


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    turns = [row for row in rows if "arm" in row]
    pairs = {
        (row["replies"], row["messages"]): row["token_ratio_current"]
        for row in rows
        if "replies" in row
    }
    by_arm = {arm: [turn for turn in turns if turn["arm"] == arm] for arm in ARMS}
    found = {name: _compare(turns, name, config, name) for name in VALUES}
    whole = [turn for turn in turns if not is_fallback(turn)]
    found[WHOLE] = _compare(whole, TOKENS, config, "without fallbacks")
    lengths = {arm: [turn["observer_words"] for turn in mine] for arm, mine in by_arm.items()}
    means = {
        name: {arm: _mean(value, mine) for arm, mine in by_arm.items()}
        for name, value in VALUES.items()
    }
    same = {arm: _reproduced(mine) for arm, mine in by_arm.items()}
    figures: dict[str, Any] = {
        "turns": len(turns),
        "conversations": len(conversations(turns)),
        "runs": len({turn["run"] for turn in turns}),
        "claimed": CLAIMED,
        "means_printed": means[PRINTED],
        "means_tokens": means[TOKENS],
        "means_types": means[TYPES],
        # The same over the means of the conversations, as the differences are.
        "talks_tokens": {arm: fmean(_talks(TOKENS, turns, arm)) for arm in ARMS},
        "talks_types": {arm: fmean(_talks(TYPES, turns, arm)) for arm in ARMS},
        "printed": found[PRINTED].difference,
        "tokens": found[TOKENS].difference,
        "types": found[TYPES].difference,
        "without_fallbacks": found[WHOLE].difference,
        "smallest_seen": max(one.least for one in found.values()),
        "arms": {arm: _arm(mine, config, arm) for arm, mine in by_arm.items()},
        "by_run": {arm: [_run(run) for run in _by_run(mine)] for arm, mine in by_arm.items()},
        "worst_printed": {arm: max(t[VALUES[PRINTED]] for t in by_arm[arm]) for arm in ARMS},
        "observer_words": {arm: fmean(words) for arm, words in lengths.items()},
        "shortest": {arm: min(words) for arm, words in lengths.items()},
        "longest": {arm: max(words) for arm, words in lengths.items()},
        "lengths_overlap": min(lengths["sync"]) <= max(lengths["async"]),
        "by_messages": pairs["sync", "async"] / pairs["sync", "sync"] - 1,
        "by_replies": pairs["async", "sync"] / pairs["sync", "sync"] - 1,
        "fallbacks": {arm: sum(is_fallback(turn) for turn in mine) for arm, mine in by_arm.items()},
        "reproduced": same,
    }
    tables = (
        _runs_table(turns),
        _claims_table(turns),
        Table(
            "published-comparisons",
            "Asynchronous less synchronous arm",
            ("metric", "async less sync", "p", "Cliff's delta"),
            tuple((name, r.difference, chance(r.p), r.cliff) for name, r in found.items()),
        ),
        Table(
            "published-pairings",
            "Replies paired with all messages (tokens)",
            ("", "sync messages", "async messages", "log ratio"),
            tuple(
                (f"{arm} replies", one, other, log(other / one))
                for arm in ARMS
                for one, other in [[pairs[arm, messages] for messages in ARMS]]
            ),
        ),
    )
    return tell("published/report.j2", figures, tables)


def _arm(turns: Sequence[Row], config: Config, arm: str) -> dict[str, Any]:
    """The paper's table for an arm, by each metric, with intervals over conversations."""
    talks = conversations(turns)
    found: dict[str, Any] = {}
    for name, key in ((TOKENS, "tokens"), (TYPES, "types")):
        value = VALUES[name]

        def both(drawn: NDArray[np.int64], value: str = value) -> NDArray[np.float64]:
            values = np.array([turn[value] for n in drawn for turn in talks[n]])
            return np.array([values.mean(), (values < OPTIMAL).mean()])

        mean, optimal = resampled(len(talks), both, seed_of(config["seed"], "arm", arm, key))
        values = [turn[value] for turn in turns]
        found[key] = {"mean": mean, "optimal": optimal, "worst": max(values), "best": min(values),
                      "perfect": sum(value == 0.0 for value in values)}  # fmt: skip
    return found


def _by_run(turns: Sequence[Row]) -> list[list[Row]]:
    return [[t for t in turns if t["run"] == run] for run in dict.fromkeys(t["run"] for t in turns)]


def _run(turns: Sequence[Row]) -> dict[str, float]:
    """The paper's table for turns, as printed."""
    values = [turn[VALUES[PRINTED]] for turn in turns]
    return {
        "mean": fmean(values),
        "optimal": fmean(value < OPTIMAL for value in values),
        "worst": max(values),
        "best": min(values),
    }


def _mean(column: str, turns: Sequence[Row]) -> float:
    return fmean(turn[column] for turn in turns)


def _talks(metric: str, turns: Sequence[Row], arm: str) -> list[float]:
    """The mean of each conversation of an arm."""
    talks = conversations(turns)
    return [_mean(VALUES[metric], talk) for talk in talks if talk[0]["arm"] == arm]


def _compare(turns: Sequence[Row], metric: str, config: Config, name: str) -> Comparison:
    """Asynchronous less synchronous, over the means of the conversations."""
    one, other = (_talks(metric, turns, arm) for arm in ("async", "sync"))
    return compare(one, other, seed_of(config["seed"], "published", name))


def _reproduced(turns: Sequence[Row]) -> Mapping[str, int]:
    """Turns of an arm, and how many of the printed values each definition gives."""
    return {
        "printed": len(turns),
        "tokens": sum(
            abs(turn[VALUES[PRINTED]] - turn[VALUES[TOKENS]]) <= ROUNDED for turn in turns
        ),
        "types": sum(abs(turn[VALUES[PRINTED]] - turn[VALUES[TYPES]]) <= ROUNDED for turn in turns),
    }


def _runs_table(turns: Sequence[Row]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for mine in _by_run(turns):
        below = sum(turn[VALUES[PRINTED]] < OPTIMAL for turn in mine)
        means = [_mean(n, mine) for n in (*VALUES.values(), "observer_words", "reply_words")]
        place = (mine[0]["arm"], mine[0]["run"], len(mine))
        rows.append((*place, *means, f"{below}/{len(mine)}", _run(mine)["worst"]))
    heads = ("arm", "run", "turns", *VALUES, "message words", "reply words", "below 0.2", "worst")
    return Table("published-arms", "The published runs", heads, tuple(rows))


def _claims_table(turns: Sequence[Row]) -> Table:
    """The paper's table beside what the runs give."""
    rows: list[tuple[Cell, ...]] = []
    for arm in ARMS:
        whole = [turn for turn in turns if turn["arm"] == arm]
        runs = _by_run(whole)
        # The paper's asynchronous column is its first run, its worst turn aside.
        for mine, name in ((whole, f"all {len(runs)} runs"), (runs[0], "first run")):
            rows.append((arm, name, *_run(mine).values()))
        rows.append((arm, "in the paper", *CLAIMED[arm].values()))
    heads = ("arm", "of", "mean", "share below 0.2", "worst", "best")
    return Table("published-claims", "The paper's table and the runs", heads, tuple(rows))


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    turns = [row for row in rows if "arm" in row]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scatter(axes, turns, ARMS, "observer_words", VALUES[TOKENS])
        axes.set_title("One metric on both arms")

    return [Plot("published-length", "The published turns by one metric and message length", draw)]
