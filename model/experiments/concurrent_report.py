"""What the rows and timings of the concurrent experiment say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure

from model.experiments.experiment import Config, Row
from model.experiments.plots import Plot, lines
from model.experiments.summary import Cell, Summary, Table, number
from model.trace_watch import CONCERNED

__all__ = ["plot", "summarise"]

PLACES: Final = {
    "one": "one instance",
    "each": "a field each",
    "shared": "two instances, one store",
    "processes": "two processes, one store",
}
# Overlap is what these are for, so it is no defect that replies meet.
UNSAFE: Final = ("bare", "gil", "shared-store", "shared-store-unit-of-work")


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
    unexpected += [
        f"{row['discipline']} in two processes, {row['observers']} observers: the versions do not "
        "account for every reply"
        for row in processes
        if not row["accounted"] or row["ended"] != row["asked"] or row["isolated"] is False
    ]
    broken = sorted({row["discipline"] for row in scheduled if row["Serializable"]})
    whole = sorted({row["discipline"] for row in scheduled} - set(broken))
    validated = sum(row["replies"] for row in (*scheduled, *each))
    largest = max(row["observers"] for row in rows)
    unfair = sorted({row["discipline"] for row in scheduled if row["overtaken"]})
    return Summary(
        title="Observers at the same time",
        question=(
            "Up to 50 observers talk at once, on one instance, on a field each, on a shared store: "
            "what breaks, who waits, who is overtaken, and what does it cost?"
        ),
        answer=(
            f"With up to {largest} observers, {validated:,} scheduled replies were validated event "
            f"by event. Serializable falls under {', '.join(broken) or 'no discipline'} and holds "
            f"under {', '.join(whole) or 'none'}; observers with a field each never meet. In two "
            "processes on one store "
            + (
                "the versions account for every reply, and under shared-store-immediate nobody "
                "came between the reads and the writes of one"
                if not unexpected
                else "not everything is accounted for"
            )
            + f". Called later and served earlier: {', '.join(unfair) or 'nobody'}."
        ),
        findings=(*_wait_findings(scheduled), *_time_findings(timings)),
        tables=(_defect_table(scheduled), _wait_table(scheduled), _process_table(processes)),
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


def _defect_table(scheduled: Sequence[Row]) -> Table:
    fell = [name for name in CONCERNED if any(row[name] for row in scheduled)]
    return Table(
        "concurrent-defects",
        "Replies concerned by each broken property, per 1,000, by discipline and observers",
        ("place", "discipline", "observers", "replies", *fell),
        tuple(
            (
                PLACES[row["where"]],
                row["discipline"],
                row["observers"],
                row["replies"],
                *(1000 * row[name] / row["replies"] for name in fell),
            )
            for row in scheduled
        ),
        digits=0,
    )


def _wait_table(scheduled: Sequence[Row]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            PLACES[row["where"]],
            row["discipline"],
            row["observers"],
            row["wait_mean"],
            row["wait_largest"],
            row["overtaken"],
            row["overtaken_largest"],
        )
        for row in scheduled
    ]
    return Table(
        "concurrent-waiting",
        "Waiting and overtaking, in replies",
        ("place", "discipline", "observers", "waits", "at most", "overtaken", "by at most"),
        tuple(rows),
        digits=1,
    )


def _process_table(processes: Sequence[Row]) -> Table:
    return Table(
        "concurrent-processes",
        "Two processes on one store",
        ("discipline", "observers", "replies", "accounted for", "isolated"),
        tuple(
            (
                row["discipline"],
                row["observers"],
                row["ended"],
                "yes" if row["accounted"] else "NO",
                {True: "yes", False: "NO", None: "not promised"}[row["isolated"]],
            )
            for row in processes
        ),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """Defects and waiting against the number of observers."""
    scheduled = [row for row in rows if row["where"] == "one"]

    def series(name: str, scale: float, disciplines: Sequence[str]) -> dict[str, dict[int, float]]:
        found: dict[str, dict[int, float]] = {}
        for row in scheduled:
            if row["discipline"] in disciplines:
                value = scale * row[name] / (row["replies"] if scale != 1 else 1)
                found.setdefault(str(row["discipline"]), {})[int(row["observers"])] = value
        return found

    def draw(figure: Figure, name: str, scale: float, label: str) -> None:
        axes = figure.add_subplot()
        every = list(dict.fromkeys(str(row["discipline"]) for row in scheduled))
        found = series(name, scale, every)
        sizes = sorted({size for values in found.values() for size in values})
        for discipline, values in found.items():
            # Disciplines that were not asked for the largest crews have shorter lines.
            shown = [size for size in sizes if size in values]
            place = every.index(discipline)
            lines(axes, shown, {discipline: [values[size] for size in shown]})
            axes.lines[-1].set_linestyle(("-", "--", ":", "-.")[place % 4])
            axes.lines[-1].set_marker("os^Dvx+"[place % 7])
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlabel("observers")
        axes.set_ylabel(label)
        axes.legend()

    return [
        Plot(
            "defects",
            "Replies on a cycle of dependencies by number of observers, one instance",
            lambda figure: draw(figure, "Serializable", 1000, "replies on a cycle, per 1,000"),
        ),
        Plot(
            "waiting",
            "Replies that end while one waits for the lock, by number of observers, one instance",
            lambda figure: draw(figure, "wait_mean", 1, "replies waited for (mean)"),
        ),
    ]
