"""What the rows of a long run say: integrity, drift, cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from matplotlib.figure import Figure

from leo.observers import THEMES, TURNS
from model.experiments.experiment import Config, Row, seed_of
from model.experiments.plots import Plot, lines
from model.experiments.stats import Change, change_point, holm
from model.experiments.summary import Cell, Summary, Table, chance, number

__all__ = ["plot", "summarise"]

# The script begins again after so many turns; means over a cycle hear the same prompts.
CYCLE: Final = len(THEMES) * TURNS
SERIES: Final = {
    "tokens": "token ratio",
    "types": "type ratio",
    "words": "words of a reply",
}
DETECTED: Final = 0.05
WORDS: Final = 10
# What each check of a snapshot says when it holds.
CHECKS: Final = {
    "versions": "versions as the committed replies say",
    "bigrams": "bigram counts as observed",
    "trigrams": "trigram counts as observed",
    "view": "view equal to the store",
}


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    snapshots = [row for row in rows if row["kind"] == "snapshot"]
    crashes = [row for row in rows if row["kind"] == "crash"]
    turns = [row for row in rows if row["kind"] == "turn"]
    failed = [
        f"turn {row['turn']} of conversation {row['seed']}: not {label}"
        for row in snapshots
        for name, label in CHECKS.items()
        if not row[name]
    ]
    failed += [
        f"turn {row['turn']} of conversation {row['seed']}: {row['findings']} findings in the file"
        for row in (*snapshots, *crashes)
        if row["findings"]
    ]
    failed += [
        f"turn {row['turn']} of conversation {row['seed']}: {row['defects']} broken properties"
        for row in snapshots
        if row["defects"]
    ]
    failed += [
        f"the crash in turn {row['turn']} of conversation {row['seed']} left {row['ngrams']} "
        f"observations and {row['snapshots']} snapshots of {row['commits']} replies"
        for row in crashes
        if not row["whole"]
    ]
    changes = _changes(config, turns)
    moved = [(place, change, p) for place, (change, p) in changes.items() if p < DETECTED]
    committed = sum(max(r["commits"] for r in snapshots if r["seed"] == s) for s in _seeds(rows))
    reachable = min(row["reachable"] for row in snapshots)
    stable = _stable(snapshots)
    return Summary(
        title=f"{config['turns']:,} turns",
        question=(
            "Does the field stay whole over a long conversation, does the metric drift, and is a "
            "crash in the middle survived?"
        ),
        answer=(
            f"Over {len(turns):,} turns ({committed:,} committed replies, the inner ones included) "
            + (
                f"every one of {len(snapshots)} snapshots was whole: counts, versions and file "
                "agree with what was observed, and no event broke a property"
                if not failed
                else f"{len(failed)} checks failed"
            )
            + (
                f". {len(crashes)} {'process was' if len(crashes) == 1 else 'processes were'} "
                "killed in the middle of a reply; the file then had every committed reply and "
                "nothing of the one under way, and the conversation went on. "
                if all(row["whole"] for row in crashes)
                else ". After a crash the file was not whole. "
            )
            + _drift_answer(moved, len(changes))
        ),
        findings=(
            f"Words of the seed text that a walk can still reach: never below {reachable:.1%}.",
            f"Of the {WORDS} words that hurt most, {stable:.0%} are the same from one snapshot to "
            "the next, on average.",
            *(
                f"Conversation {place[0]}, {SERIES[place[1]]}: {number(change.before)} before "
                f"cycle {change.at} and {number(change.after)} after it, p {chance(p)} corrected."
                for place, change, p in moved
            ),
            *_cost_findings(timings),
        ),
        tables=(_snapshot_table(snapshots), _change_table(changes)),
        facts={
            "turns": len(turns),
            "committed": committed,
            "snapshots": len(snapshots),
            "failed": len(failed),
            "crashes": len(crashes),
            "whole crashes": sum(bool(row["whole"]) for row in crashes),
            "reachable": reachable,
            "trauma stable": stable,
            "changes": len(moved),
        },
        limits=(
            "One session: what overlapping sessions do to a field is the lock isolation test's and "
            "`concurrent`'s matter.",
            "The script repeats every 20 turns, so the field fills with what it has heard; another "
            "observer would make another drift.",
            "The process was killed, not the machine: a power cut may lose the last "
            "commits, whole.",
        ),
        unexpected=tuple(failed[:8]),
    )


def _seeds(rows: Sequence[Row]) -> list[int]:
    return sorted({int(row["seed"]) for row in rows})


def _cycles(turns: Sequence[Row], seed: int, name: str) -> list[float]:
    """The mean of a series over each whole cycle of the script."""
    mine = [row for row in turns if row["seed"] == seed]
    whole = len(mine) // CYCLE
    return [
        fmean(float(row[name]) for row in mine[k * CYCLE : (k + 1) * CYCLE]) for k in range(whole)
    ]


def _changes(config: Config, turns: Sequence[Row]) -> dict[tuple[int, str], tuple[Change, float]]:
    """(conversation, series) -> its change-point test and the corrected p-value."""
    found: dict[tuple[int, str], Change] = {}
    for seed in _seeds(turns):
        for name in SERIES:
            means = _cycles(turns, seed, name)
            if len(means) >= 4:
                found[seed, name] = change_point(means, seed_of(config["seed"], seed, name))
    corrected = holm({f"{seed}/{name}": change.p for (seed, name), change in found.items()})
    return {place: (change, corrected[f"{place[0]}/{place[1]}"]) for place, change in found.items()}


def _drift_answer(moved: Sequence[object], tests: int) -> str:
    if not tests:
        return "The run is too short for a test of drift: it needs four cycles of 20 turns."
    if not moved:
        return f"No drift is detectable in {tests} series (change-point test, Holm, 5 %)."
    return (
        f"The mean changes in {len(moved)} of {tests} series (change-point test, Holm, 5 %): see "
        "the findings."
    )


def _stable(snapshots: Sequence[Row]) -> float:
    """How alike the words of trauma of neighbouring snapshots are (Jaccard), on average."""
    shares = []
    for one, other in pairwise(snapshots):
        ours, theirs = set(one["trauma"].split()), set(other["trauma"].split())
        if one["seed"] == other["seed"] and ours and theirs:
            shares.append(len(ours & theirs) / len(ours | theirs))
    return fmean(shares) if shares else 1.0


def _cost_findings(timings: Sequence[Row]) -> list[str]:
    """Seconds and memory, of the run whose timings are at hand."""
    second = [row for row in timings if row["part"] == 2]
    if len(second) < 2:
        return []
    early, late = second[: len(second) // 2], second[len(second) // 2 :]
    times = [1000 * median(row["seconds"] for row in part) for part in (early, late)]
    peaks = [row["peak_kib"] / 1024 for row in (second[0], second[-1])]
    return [
        f"A turn with its inner replies took {times[0]:.1f} ms (median) in the third quarter of "
        f"the conversation and {times[1]:.1f} ms in the last; the process's peak of memory went "
        f"from {peaks[0]:.0f} to {peaks[1]:.0f} MiB."
    ]


def _snapshot_table(snapshots: Sequence[Row]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            row["seed"],
            row["turn"],
            row["commits"],
            row["size_tokens"],
            row["size_trigrams"],
            row["reachable"],
            "yes" if all(row[name] for name in CHECKS) and not row["findings"] else "NO",
        )
        for row in snapshots
    ]
    return Table(
        "long-run-snapshots",
        "The field at moments of rest",
        ("conversation", "turn", "replies", "tokens", "trigrams", "seed reachable", "whole"),
        tuple(rows),
    )


def _change_table(changes: dict[tuple[int, str], tuple[Change, float]]) -> Table:
    return Table(
        "long-run-changes",
        "The most likely change of the mean, over cycles of 20 turns",
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
            for (seed, name), (change, p) in changes.items()
        ),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """The metric by cycle, and the field's growth."""
    turns = [row for row in rows if row["kind"] == "turn"]
    snapshots = [row for row in rows if row["kind"] == "snapshot"]
    seeds = _seeds(rows)

    def draw_metric(figure: Figure) -> None:
        for place, name in enumerate(("tokens", "types"), start=1):
            axes = figure.add_subplot(2, 1, place)
            series = {f"conversation {seed}": _cycles(turns, seed, name) for seed in seeds}
            x = [CYCLE * (k + 1) for k in range(min(map(len, series.values())))]
            lines(axes, x, {label: values[: len(x)] for label, values in series.items()})
            axes.axvline(config["turns"] // 2, color="#999999", lw=0.8, ls="--")
            axes.set_ylabel(SERIES[name])
            if place == 2:
                axes.set_xlabel("turn (dashed: the crash)")
            elif len(seeds) > 1:
                axes.legend()

    def draw_growth(figure: Figure) -> None:
        axes = figure.add_subplot()
        mine = [row for row in snapshots if row["seed"] == seeds[0]]
        sizes = {
            name: [row[f"size_{name}"] for row in mine]
            for name in ("tokens", "bigrams", "trigrams")
        }
        lines(axes, [row["turn"] for row in mine], sizes)
        axes.set_xlabel("turn")
        axes.set_ylabel("rows of the field")
        axes.legend()

    return [
        Plot(
            "metric",
            "external_vocab over the conversation, by cycle of 20 turns",
            draw_metric,
            (7.0, 5.0),
        ),
        Plot("growth", "What the field holds, over the conversation", draw_growth),
    ]
