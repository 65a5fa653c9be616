"""What the rows of a long run come to: integrity, drift, cost. `report.j2` has the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import factorial
from statistics import fmean, median
from typing import Any, Final

from matplotlib.figure import Figure

from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.long_run.parts import CYCLE, POWER
from paper.experiments.plots import Plot, lines
from paper.experiments.stats import Change, block_of, change_point, detectable_step, holm
from paper.experiments.summary import Summary, Table, chance, tell

SERIES: Final = {"tokens": "token ratio", "types": "type ratio", "words": "words of a reply"}
DETECTED: Final = 0.05
WORDS: Final = 10
# So many points of a line are drawn: of a long conversation, means of several cycles.
POINTS: Final = 50
# What each check of a snapshot says when it holds.
CHECKS: Final = {
    "versions": "versions as the committed replies say",
    "bigrams": "bigram counts as observed",
    "trigrams": "trigram counts as observed",
    "view": "view equal to the store",
}

Changes = dict[tuple[int, str], tuple[Change, float]]


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    snapshots = [row for row in rows if row["kind"] == "snapshot"]
    stops = [row for row in rows if row["kind"] == "stop"]
    cycles = [row for row in rows if row["kind"] == "cycle"]
    failed = _failed(snapshots, stops)
    lost = [row["commits"] - row["snapshots"] for row in stops if row["how"] == POWER]
    found = changes(config, cycles)
    figures: dict[str, Any] = {
        "conversations": {
            seed: sum(row["turns"] for row in cycles if row["seed"] == seed)
            for seed in _seeds(cycles)
        },
        "turns": sum(row["turns"] for row in cycles),
        "committed": sum(
            max(row["commits"] for row in snapshots if row["seed"] == seed)
            for seed in _seeds(snapshots)
        ),
        "snapshots": len(snapshots),
        "failed": len(failed),
        "stops": len(stops),
        "whole_stops": sum(bool(row["whole"]) for row in stops),
        "cuts": len(lost),
        "lost": sum(lost),
        "most_lost": max(lost, default=0),
        "reachable": min(row["reachable"] for row in snapshots),
        "trauma_stable": _stable(snapshots),
        "smallest_seen": _steps(config, cycles, found),
        "tests": len(found),
        "changes": sum(p < DETECTED for _, p in found.values()),
    }
    moved = [
        {"seed": seed, "series": SERIES[name], "change": change, "p": p}
        for (seed, name), (change, p) in found.items()
        if p < DETECTED
    ]
    return tell(
        "long_run/report.j2",
        figures,
        (_change_table(found),),
        planned=config["turns"],
        days=config["days"],
        words=WORDS,
        series=SERIES,
        moved=moved,
        failures=failed[:8],
        cost=cost(timings),
    )


def _failed(snapshots: Sequence[Row], stops: Sequence[Row]) -> list[str]:
    """What was looked at and not found whole, each as a few words."""

    def where(row: Row) -> str:
        return f"turn {row['turn']} of conversation {row['seed']}"

    failed = [
        f"{where(row)}: not {label}"
        for row in snapshots
        for name, label in CHECKS.items()
        if not row[name]
    ]
    failed += [
        f"{where(row)}: {row['findings']} findings in the file"
        for row in (*snapshots, *stops)
        if row["findings"]
    ]
    failed += [
        f"{where(row)}: {row['defects']} broken properties" for row in snapshots if row["defects"]
    ]
    return failed + [
        f"the stop ({row['how']}) in {where(row)} left {row['ngrams']} observations and "
        f"{row['snapshots']} snapshots of {row['commits']} replies"
        for row in stops
        if not row["whole"]
    ]


def _seeds(rows: Sequence[Row]) -> list[int]:
    """The conversations that rows are of."""
    return sorted({int(row["seed"]) for row in rows})


def _cycles(cycles: Sequence[Row], seed: int, name: str) -> list[float]:
    """The mean of a series over each whole cycle of the script."""
    return [row[name] for row in cycles if row["seed"] == seed and row["turns"] == CYCLE]


def changes(config: Config, cycles: Sequence[Row]) -> Changes:
    """(conversation, series) -> its change-point test and the corrected p-value.

    A field remembers, so neighbouring cycles are alike, and single cycles may not be shuffled:
    blocks of them are. A conversation with so few blocks that not even their rarest order would be
    called a change has no test.
    """
    seeds = _seeds(cycles)
    tests = len(seeds) * len(SERIES)
    found: dict[tuple[int, str], Change] = {}
    for seed in seeds:
        for name in SERIES:
            means = _cycles(cycles, seed, name)
            block = block_of(len(means))
            blocks = len(means) // block
            if blocks < 4 or tests / factorial(blocks) > DETECTED:
                continue
            chosen = seed_of(config["seed"], seed, name)
            found[seed, name] = change_point(means, chosen, block=block)
    corrected = holm({f"{seed}/{name}": change.p for (seed, name), change in found.items()})
    return {place: (change, corrected[f"{place[0]}/{place[1]}"]) for place, change in found.items()}


def _steps(config: Config, cycles: Sequence[Row], found: Changes) -> dict[int, list[float | None]]:
    """The smallest step that each test would have found: conversation -> series."""
    steps: dict[int, list[float | None]] = {}
    for seed, name in found:
        means = _cycles(cycles, seed, name)
        chosen, block = seed_of(config["seed"], seed, name, "power"), block_of(len(means))
        least = detectable_step(means, chosen, block=block, comparisons=len(found))
        steps.setdefault(seed, []).append(least)
    return steps


def cost(timings: Sequence[Row]) -> Mapping[str, float] | None:
    """Milliseconds of a turn early and late, and the peak of memory in MiB, of the run whose
    timings are at hand; None where there are too few.

    Each conversation is divided at its own middle: what is compared is early and late in a
    conversation, not one conversation and another.
    """
    early: list[Row] = []
    late: list[Row] = []
    seeds = _seeds(timings)
    for seed in seeds:
        mine = [row for row in timings if row["seed"] == seed]
        early += mine[: len(mine) // 2]
        late += mine[len(mine) // 2 :]
    if not early:
        return None
    first, second = (1000 * median(row["seconds"] for row in part) for part in (early, late))
    peaks = [row["peak_kib"] / 1024 for row in timings]
    return {"conversations": len(seeds), "first": first, "second": second, "least": min(peaks),
            "most": max(peaks)}  # fmt: skip


def _stable(snapshots: Sequence[Row]) -> float:
    """How alike the words of trauma of neighbouring snapshots are (Jaccard), on average."""
    shares = []
    for one, other in pairwise(snapshots):
        ours, theirs = set(one["trauma"].split()), set(other["trauma"].split())
        if one["seed"] == other["seed"] and ours and theirs:
            shares.append(len(ours & theirs) / len(ours | theirs))
    return fmean(shares) if shares else 1.0


def _change_table(found: Changes) -> Table:
    """One line for each series that was tested."""
    return Table(
        "long-run-changes",
        "The most likely change of the mean, over cycles of 20 turns (p: by blocks of neighbouring "
        "cycles)",
        ("conversation", "series", "cycle", "before", "after", "p", "p (Holm)"),
        tuple(
            (seed, SERIES[name], *change[:3], chance(change.p), chance(p))
            for (seed, name), (change, p) in found.items()
        ),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """The metric by cycle, of the weeks and of the long conversation; growth is in a table."""
    cycles = [row for row in rows if row["kind"] == "cycle"]
    weeks = [seed for seed in _seeds(rows) if seed != config["seeds"]]
    runs = [run for run in (weeks, [s for s in _seeds(rows) if s not in weeks]) if run]

    def draw_metric(figure: Figure) -> None:
        for row, name in enumerate(("tokens", "types")):
            for column, seeds in enumerate(runs):
                axes = figure.add_subplot(2, len(runs), row * len(runs) + column + 1)
                series = {f"no. {seed}": _cycles(cycles, seed, name) for seed in seeds}
                least = min(map(len, series.values()))
                wide = max(1, least // POINTS)
                x = [CYCLE * wide * (k + 1) for k in range(least // wide)]
                shown = {
                    label: [fmean(values[wide * k : wide * (k + 1)]) for k in range(len(x))]
                    for label, values in series.items()
                }
                lines(axes, x, shown, marked=len(seeds) > 1)
                for stop in rows:
                    if (stop["kind"], stop["seed"]) == ("stop", seeds[0]):
                        axes.axvline(stop["turn"], color="#777777", lw=0.8, ls="--", zorder=0)
                axes.set_ylabel(SERIES[name])
                if row == 0:
                    axes.set_title(f"means of {CYCLE * wide} turns")
                    if len(shown) > 1:
                        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=7)
                else:
                    axes.set_xlabel("turn (dashed: the stops)")

    caption = "external_vocab over the conversations of a week (left) and over the long one (right)"
    return [Plot("metric", caption, draw_metric, (9.0, 4.6))]
