"""What the rows and timings of the concurrent experiment say."""

from __future__ import annotations

from collections.abc import Sequence

from paper.experiments.concurrent.tables import (
    PLACES,
    defect_table,
    plot,
    process_table,
    wait_table,
)
from paper.experiments.experiment import Config, Row
from paper.experiments.summary import Summary, number

__all__ = ["plot", "summarise"]


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    scheduled = [row for row in rows if row["where"] in ("one", "shared")]
    each = [row for row in rows if row["where"] == "each"]
    processes = [row for row in rows if row["where"] == "processes"]
    unexpected = [
        f"{row['discipline']} with {row['observers']} observers: {row['surplus']} fell, which the "
        "claims hold"
        for row in scheduled
        if row["surplus"]
    ]
    unexpected += [
        f"{row['discipline']}, a field each, {row['observers']} observers: {row['defects']} defects"
        for row in each
        if row["defects"]
    ]
    unaccounted = [
        f"{row['discipline']} in two processes, {row['observers']} observers: the versions do not "
        "account for every reply"
        for row in processes
        if not row["accounted"] or row["ended"] != row["asked"] or row["isolated"] is False
    ]
    unexpected += unaccounted
    broken = sorted({row["discipline"] for row in scheduled if row["Serializable"]})
    whole = sorted({row["discipline"] for row in scheduled} - set(broken))
    validated = sum(row["replies"] for row in (*scheduled, *each))
    largest = max(row["observers"] for row in rows)
    unfair = sorted({row["discipline"] for row in scheduled if row["overtaken"]})
    return Summary(
        title="Observers at the same time",
        question=(
            f"Up to {largest} {'observers talk' if largest > 1 else 'observer talks'} at once, on "
            "one instance, on a field each, on a shared store: what breaks, who waits, who is "
            "overtaken, and what does it cost?"
        ),
        answer=(
            f"With up to {largest} observer{'s' if largest > 1 else ''}, {validated:,} scheduled "
            "replies were validated event by event. Serializable falls under "
            f"{', '.join(broken) or 'no discipline'} and holds under {', '.join(whole) or 'none'}; "
            f"{_each_answer(each)}. {_process_answer(processes, len(unaccounted))}"
            f" Called later and served earlier: {', '.join(unfair) or 'nobody'}."
        ),
        findings=(*_wait_findings(scheduled), *_time_findings(timings)),
        tables=(defect_table(scheduled), wait_table(scheduled), process_table(processes)),
        facts={
            "validated replies": validated,
            "largest crew": largest,
            "broken": " ".join(broken),
            "whole": " ".join(whole),
            "unexpected": len(unexpected),
        },
        limits=(
            "The scheduled crews go on in random order, each observer without a pause: the densest "
            "overlap there is. The real runs in the timings show what this machine made of it.",
            "Nobody sees the events of two processes in one order: there the versions that replies "
            "read and wrote are compared, which shows lost and mixed writes, not every property.",
            "Throughput and waiting in seconds are this machine's, and are in timings.jsonl.",
        ),
        unexpected=tuple(unexpected),
    )


def _each_answer(each: Sequence[Row]) -> str:
    if not each:
        return "no crew with a field each was run"
    defects = sum(row["defects"] for row in each)
    if not defects:
        return "among observers with a field each nothing breaks"
    return f"among observers with a field each {defects} replies are concerned by broken properties"


def _process_answer(processes: Sequence[Row], unaccounted: int) -> str:
    """What the rows of two processes say; `unaccounted` crews are not as they should be."""
    if not processes:
        return "No crew was run in two processes."
    if unaccounted:
        return (
            f"In two processes on one store not everything is accounted for, in {unaccounted} of "
            f"{len(processes)} crews."
        )
    promised = sorted({row["discipline"] for row in processes if row["isolated"]})
    isolated = (
        f", and under {', '.join(promised)} nobody came between the reads and the writes of one"
        if promised
        else ""
    )
    return (
        "In two processes on one store the versions account for every reply, in all of "
        f"{len(processes)} crews{isolated}."
    )


def _wait_findings(scheduled: Sequence[Row]) -> list[str]:
    largest = max(row["observers"] for row in scheduled)
    found = []
    for row in scheduled:
        if row["observers"] == largest and row["where"] == "one" and row["wait_largest"]:
            found.append(
                f"{row['discipline']}, {largest} observers: a reply waits for "
                f"{number(row['wait_mean'], 1)} others on average and {row['wait_largest']} at "
                f"most; {row['overtaken']} of {row['replies']} are overtaken, by "
                f"{row['overtaken_largest']} at most."
            )
    return found


def _time_findings(timings: Sequence[Row]) -> list[str]:
    found = []
    for where, label in PLACES.items():
        mine = [row for row in timings if row.get("where") == where]
        if mine:
            largest = max(row["observers"] for row in mine)
            per = [
                f"{row['discipline']} {row['throughput']:.0f}"
                for row in mine
                if row["observers"] == largest
            ]
            found.append(
                f"Replies per second on this machine, recording included, {label}, {largest} "
                f"observers: {', '.join(per)}."
            )
    return found
