"""What a long run says of drift and of cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import factorial
from statistics import fmean, median
from typing import Final

from leo.observers import THEMES, TURNS
from paper.experiments.changes import Change, block_of, change_point
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.stats import holm
from paper.experiments.summary import Table, chance

__all__ = [
    "CYCLE", "DETECTED", "SERIES", "change_table", "changes", "cost_findings", "cycles",
    "drift_answer", "seeds_of",
]  # fmt: skip

# The script begins again after so many turns; means over a cycle hear the same prompts.
CYCLE: Final = len(THEMES) * TURNS
SERIES: Final = {
    "tokens": "token ratio",
    "types": "type ratio",
    "words": "words of a reply",
}
DETECTED: Final = 0.05
TEST: Final = "change-point test, blocks of neighbouring cycles, Holm, 5 %"

Changes = dict[tuple[int, str], tuple[Change, float]]


def seeds_of(rows: Sequence[Row]) -> list[int]:
    """The conversations that rows are of."""
    return sorted({int(row["seed"]) for row in rows})


def cycles(turns: Sequence[Row], seed: int, name: str) -> list[float]:
    """The mean of a series over each whole cycle of the script."""
    mine = [row for row in turns if row["seed"] == seed]
    whole = len(mine) // CYCLE
    return [
        fmean(float(row[name]) for row in mine[k * CYCLE : (k + 1) * CYCLE]) for k in range(whole)
    ]


def changes(config: Config, turns: Sequence[Row]) -> Changes:
    """(conversation, series) -> its change-point test and the corrected p-value.

    A field remembers, so neighbouring cycles are alike, and single cycles may not be shuffled:
    blocks of them are. A conversation with so few blocks that not even their rarest order would be
    called a change has no test.
    """
    seeds = seeds_of(turns)
    found: dict[tuple[int, str], Change] = {}
    for seed in seeds:
        for name in SERIES:
            means = cycles(turns, seed, name)
            block = block_of(len(means))
            blocks = len(means) // block
            if blocks < 4 or len(seeds) * len(SERIES) / factorial(blocks) > DETECTED:
                continue
            chosen = seed_of(config["seed"], seed, name)
            found[seed, name] = change_point(means, chosen, block=block)
    corrected = holm({f"{seed}/{name}": change.p for (seed, name), change in found.items()})
    return {place: (change, corrected[f"{place[0]}/{place[1]}"]) for place, change in found.items()}


def drift_answer(moved: Sequence[object], tests: int) -> str:
    """The sentence about drift: how many of how many series were seen to change."""
    if not tests:
        return (
            "The run is too short for a test of drift: it has too few blocks of neighbouring "
            "cycles (of 20 turns each)."
        )
    if not moved:
        return f"No drift is detectable in {tests} series ({TEST})."
    return f"The mean changes in {len(moved)} of {tests} series ({TEST}): see the findings."


def cost_findings(timings: Sequence[Row]) -> list[str]:
    """Seconds and memory, of the run whose timings are at hand.

    Each conversation is divided at its own middle: what is compared is early and late in a
    conversation, not one conversation and another.
    """
    early: list[Row] = []
    late: list[Row] = []
    seeds = seeds_of(timings)
    for seed in seeds:
        mine = [row for row in timings if row["seed"] == seed]
        early += mine[: len(mine) // 2]
        late += mine[len(mine) // 2 :]
    if not early:
        return []
    times = [1000 * median(row["seconds"] for row in part) for part in (early, late)]
    peaks = [row["peak_kib"] / 1024 for row in timings]
    several = "" if len(seeds) == 1 else "s"
    return [
        f"A turn with its inner replies took {times[0]:.1f} ms (median) in the first half of "
        f"{len(seeds)} conversation{several} and {times[1]:.1f} ms in the second; the peak of "
        f"memory of a process went from {min(peaks):.0f} to {max(peaks):.0f} MiB."
    ]


def change_table(found: Mapping[tuple[int, str], tuple[Change, float]]) -> Table:
    """One line for each series that was tested."""
    return Table(
        "long-run-changes",
        "The most likely change of the mean, over cycles of 20 turns (p: by blocks of neighbouring "
        "cycles)",
        ("conversation", "series", "cycle", "before", "after", "p", "p (Holm)"),
        tuple(
            (
                seed,
                SERIES[name],
                change.at,
                change.before,
                change.after,
                chance(change.p),
                chance(p),
            )
            for (seed, name), (change, p) in found.items()
        ),
    )
