"""The tables of the published figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from statistics import fmean

from paper.experiments.published.data import ARMS, CLAIMED, Turn
from paper.experiments.stats import Comparison
from paper.experiments.summary import Cell, Table, chance

__all__ = [
    "VALUES",
    "Value",
    "arms_table",
    "claims_table",
    "comparisons_table",
    "definitions_table",
    "mean_of",
    "pairings_table",
    "reproduced",
]

Value = Callable[[Turn], float]
VALUES: dict[str, Value] = {
    "as printed": lambda turn: turn.published,
    "tokens, current message": lambda turn: turn.tokens_current,
    "types, current and 3 before": lambda turn: turn.types_plus_3,
}
# Half of the last printed decimal, and a little for the binary fractions.
PRINTED = 0.0005 + 1e-9


def arms_table(turns: Sequence[Turn]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for arm, run in dict.fromkeys((turn.arm, turn.run) for turn in turns):
        mine = [turn for turn in turns if turn.run == run]
        values = [turn.published for turn in mine]
        rows.append(
            (
                arm,
                run,
                len(mine),
                *(fmean(map(value, mine)) for value in VALUES.values()),
                fmean(turn.observer_words for turn in mine),
                fmean(turn.reply_words for turn in mine),
                f"{sum(value < 0.2 for value in values)}/{len(values)}",
                max(values),
            )
        )
    heads = ("arm", "run", "turns", *VALUES, "message words", "reply words", "below 0.2", "worst")
    return Table("published-arms", "The published runs", heads, tuple(rows))


def claims_table(turns: Sequence[Turn]) -> Table:
    """The paper's table beside what the runs give."""
    rows: list[tuple[Cell, ...]] = []
    for arm in ARMS:
        runs = list(dict.fromkeys(turn.run for turn in turns if turn.arm == arm))
        # The paper's asynchronous column is its first run, its worst turn aside.
        for scope in (runs, runs[:1]):
            values = [turn.published for turn in turns if turn.run in scope]
            name = f"all {len(runs)} runs" if scope == runs else "first run"
            share = sum(value < 0.2 for value in values) / len(values)
            rows.append((arm, name, fmean(values), share, max(values), min(values)))
        said = CLAIMED[arm]
        rows.append(
            (arm, "in the paper", said["mean"], said["optimal"], said["worst"], said["best"])
        )
    heads = ("arm", "of", "mean", "share below 0.2", "worst", "best")
    return Table("published-claims", "The paper's table and the runs", heads, tuple(rows))


def reproduced(turns: Sequence[Turn], arm: str) -> tuple[int, int, int]:
    """Turns of an arm, and how many of the printed values each definition gives."""
    mine = [turn for turn in turns if turn.arm == arm]
    tokens = sum(abs(turn.published - turn.tokens_current) <= PRINTED for turn in mine)
    types = sum(abs(turn.published - turn.types_plus_3) <= PRINTED for turn in mine)
    return len(mine), tokens, types


def definitions_table(turns: Sequence[Turn]) -> Table:
    rows = tuple((arm, *reproduced(turns, arm)) for arm in ARMS)
    heads = ("arm", "turns", "tokens, current message", "types, current and 3 before")
    return Table(
        "published-definitions", "Printed values that a definition reproduces", heads, rows
    )


def comparisons_table(found: dict[str, Comparison]) -> Table:
    rows = tuple(
        (name, result.difference, chance(result.p), result.cliff, result.hedges)
        for name, result in found.items()
    )
    heads = ("metric", "async less sync", "p", "Cliff's delta", "Hedges' g")
    return Table("published-comparisons", "Asynchronous less synchronous arm", heads, rows)


def pairings_table(pairings: dict[tuple[str, str], float]) -> Table:
    rows = tuple(
        (
            f"{arm} replies",
            pairings[arm, "sync"],
            pairings[arm, "async"],
            log(pairings[arm, "async"] / pairings[arm, "sync"]),
        )
        for arm in ARMS
    )
    heads = ("", "sync messages", "async messages", "log ratio")
    return Table("published-pairings", "Replies paired with all messages (tokens)", heads, rows)


def mean_of(turns: Sequence[Turn], arm: str, value: Value) -> float:
    return fmean(value(turn) for turn in turns if turn.arm == arm)
