"""What the rows of a long run say: integrity, drift, cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Final

from matplotlib.figure import Figure

from paper.experiments.experiment import Config, Row
from paper.experiments.long_run.drift import (
    CYCLE,
    DETECTED,
    SERIES,
    change_table,
    changes,
    cost_findings,
    cycles,
    drift_answer,
    seeds_of,
)
from paper.experiments.long_run.parts import KILLED, POWER
from paper.experiments.plots import Plot, lines
from paper.experiments.summary import Cell, Summary, Table, chance, number

__all__ = ["plot", "summarise"]

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
    stops = [row for row in rows if row["kind"] == "stop"]
    turns = [row for row in rows if row["kind"] == "turn"]
    failed = [
        f"turn {row['turn']} of conversation {row['seed']}: not {label}"
        for row in snapshots
        for name, label in CHECKS.items()
        if not row[name]
    ]
    failed += [
        f"turn {row['turn']} of conversation {row['seed']}: {row['findings']} findings in the file"
        for row in (*snapshots, *stops)
        if row["findings"]
    ]
    failed += [
        f"turn {row['turn']} of conversation {row['seed']}: {row['defects']} broken properties"
        for row in snapshots
        if row["defects"]
    ]
    failed += [
        f"the stop ({row['how']}) in turn {row['turn']} of conversation {row['seed']} left "
        f"{row['ngrams']} observations and {row['snapshots']} snapshots of {row['commits']} replies"
        for row in stops
        if not row["whole"]
    ]
    found = changes(config, turns)
    moved = [(place, change, p) for place, (change, p) in found.items() if p < DETECTED]
    committed = sum(max(r["commits"] for r in snapshots if r["seed"] == s) for s in seeds_of(rows))
    reachable = min(row["reachable"] for row in snapshots)
    stable = _stable(snapshots)
    return Summary(
        title=f"{config['turns']:,} turns in {config['days']} days of the injected clock",
        question=(
            "Does the field stay whole over a long conversation, does the metric drift, and are "
            "crashes and power cuts survived?"
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
                f". {_stop_answer(stops)} "
                if all(row["whole"] for row in stops)
                else ". After a stop the file was not whole. "
            )
            + drift_answer(moved, len(found))
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
            *cost_findings(timings),
        ),
        tables=(_snapshot_table(snapshots), change_table(found)),
        facts={
            "turns": len(turns),
            "committed": committed,
            "snapshots": len(snapshots),
            "failed": len(failed),
            "stops": len(stops),
            "whole stops": sum(bool(row["whole"]) for row in stops),
            "lost": sum(row["commits"] - row["snapshots"] for row in stops),
            "reachable": reachable,
            "trauma stable": stable,
            "changes": len(moved),
        },
        limits=(
            "One session at a time: what overlapping sessions do to a field is the matter of the "
            "lock isolation test and of `concurrent`.",
            "The script repeats every 20 turns, so the field fills with what it has heard; another "
            "observer would make another drift.",
            "Neighbouring cycles are alike. The test of drift shuffles blocks of them, and where "
            "they are very much alike it still calls a change a little too often: of 100 made-up "
            "series without one (autoregression 0.6) about 9 instead of 5.",
            "A power cut was made of a killed process by cutting off a part of the log that was "
            "not yet in the file. A disk that lies about what it wrote is another matter.",
            "A week of the injected clock passes in minutes. What a week does to a machine and to "
            "an operating system is not seen.",
        ),
        unexpected=tuple(failed[:8]),
    )


def _stop_answer(stops: Sequence[Row]) -> str:
    killed = [row for row in stops if row["how"] == KILLED]
    cuts = [row for row in stops if row["how"] == POWER]
    lost = [row["commits"] - row["snapshots"] for row in cuts]
    return (
        f"In {len(killed)} kills in the middle of a reply the file kept every committed reply and "
        f"nothing of the one under way; {len(cuts)} power cuts took back {sum(lost)} whole replies "
        f"({max(lost, default=0)} at most), the last ones, and nothing else; the conversation went "
        "on."
    )


def _stable(snapshots: Sequence[Row]) -> float:
    """How alike the words of trauma of neighbouring snapshots are (Jaccard), on average."""
    shares = []
    for one, other in pairwise(snapshots):
        ours, theirs = set(one["trauma"].split()), set(other["trauma"].split())
        if one["seed"] == other["seed"] and ours and theirs:
            shares.append(len(ours & theirs) / len(ours | theirs))
    return fmean(shares) if shares else 1.0


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


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """The metric by cycle, and the field's growth."""
    turns = [row for row in rows if row["kind"] == "turn"]
    snapshots = [row for row in rows if row["kind"] == "snapshot"]
    seeds = seeds_of(rows)

    def draw_metric(figure: Figure) -> None:
        for place, name in enumerate(("tokens", "types"), start=1):
            axes = figure.add_subplot(2, 1, place)
            series = {f"conversation {seed}": cycles(turns, seed, name) for seed in seeds}
            x = [CYCLE * (k + 1) for k in range(min(map(len, series.values())))]
            lines(axes, x, {label: values[: len(x)] for label, values in series.items()})
            for row in rows:
                if row["kind"] == "stop" and row["seed"] == seeds[0]:
                    axes.axvline(row["turn"], color="#cccccc", lw=0.6, ls="--", zorder=0)
            axes.set_ylabel(SERIES[name])
            if place == 2:
                axes.set_xlabel("turn (dashed: the stops)")
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
