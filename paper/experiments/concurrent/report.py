"""What the rows and timings of the concurrent experiment come to; `report.j2` has the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.figure import Figure

from leo_model.traces.native import CONCERNED
from paper.experiments.experiment import Config, Row
from paper.experiments.plots import Plot, lines
from paper.experiments.stats import rarest
from paper.experiments.summary import Summary, Table, tell

PLACES: Final = {
    "one": "one instance",
    "each": "a field each",
    "shared": "two instances, one store",
    "processes": "two processes, one store",
}


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    scheduled = [row for row in rows if row["where"] in ("one", "shared")]
    each = [row for row in rows if row["where"] == "each"]
    processes = [row for row in rows if row["where"] == "processes"]
    broken = sorted({row["discipline"] for row in scheduled if row["Serializable"]})
    whole = sorted({row["discipline"] for row in scheduled} - set(broken))
    replies = {name: 0 for name in whole}
    for row in scheduled:
        if row["discipline"] in replies:
            replies[row["discipline"]] += row["replies"]
    largest = max(row["observers"] for row in rows)
    figures = {
        "validated": sum(row["replies"] for row in (*scheduled, *each)),
        "largest": largest,
        "broken": broken,
        "whole": whole,
        "fewest": min(replies.values(), default=0),
        "smallest_seen": rarest(min(replies.values())) if whole else None,
        "each": len(each),
        "each_defects": sum(row["defects"] for row in each),
        "processes": len(processes),
        "promised": sorted({row["discipline"] for row in processes if row["isolated"]}),
        "unfair": sorted({row["discipline"] for row in scheduled if row["overtaken"]}),
        "surplus": [row for row in scheduled if row["surplus"]],
        "apart_broken": [row for row in each if row["defects"]],
        "unaccounted": [
            row
            for row in processes
            if not row["accounted"] or row["ended"] != row["asked"] or row["isolated"] is False
        ],
        "taken_in": {
            row["discipline"]: row["taken_in"]
            for row in scheduled
            if row["observers"] == largest and row["where"] == "one"
        },
        "waiting": [
            row
            for row in scheduled
            if row["observers"] == largest and row["where"] == "one" and row["wait_largest"]
        ],
    }
    tables = (_defects(scheduled), _waiting(scheduled), _processes(processes))
    return tell("concurrent/report.j2", figures, tables, throughput=_throughput(timings), **config)


def _throughput(timings: Sequence[Row]) -> list[dict[str, Any]]:
    """For each place the disciplines' replies per second with the largest crew."""
    found = []
    for where, label in PLACES.items():
        mine = [row for row in timings if row.get("where") == where]
        if mine:
            largest = max(row["observers"] for row in mine)
            crews = [row for row in mine if row["observers"] == largest]
            found.append({"place": label, "observers": largest, "crews": crews})
    return found


def _defects(scheduled: Sequence[Row]) -> Table:
    fell = [name for name in CONCERNED if any(row[name] for row in scheduled)]
    return Table(
        "concurrent-defects",
        "Replies concerned by each broken property, per 1,000, by discipline and observers",
        ("place", "discipline", "observers", "replies", *fell),
        tuple(
            (PLACES[row["where"]], row["discipline"], row["observers"], row["replies"],
             *(1000 * row[name] / row["replies"] for name in fell))
            for row in scheduled
        ),
        digits=0,
    )  # fmt: skip


def _waiting(scheduled: Sequence[Row]) -> Table:
    names = ("discipline", "observers", "wait_mean", "wait_largest", "overtaken",
             "overtaken_largest")  # fmt: skip
    return Table(
        "concurrent-waiting",
        "Waiting and overtaking, in replies",
        ("place", "discipline", "observers", "waits", "at most", "overtaken", "by at most"),
        tuple((PLACES[row["where"]], *(row[name] for name in names)) for row in scheduled),
        digits=1,
    )


def _processes(processes: Sequence[Row]) -> Table:
    isolated = {True: "yes", False: "NO", None: "not promised"}
    return Table(
        "concurrent-processes",
        "Two processes on one store",
        ("discipline", "observers", "replies", "accounted for", "isolated"),
        tuple(
            (row["discipline"], row["observers"], row["ended"],
             "yes" if row["accounted"] else "NO", isolated[row["isolated"]])
            for row in processes
        ),
    )  # fmt: skip


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """Defects against the number of observers; waiting is in a table."""
    scheduled = [row for row in rows if row["where"] == "one"]
    sizes = sorted({int(row["observers"]) for row in scheduled})

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, discipline in enumerate(dict.fromkeys(row["discipline"] for row in scheduled)):
            mine = [row for row in scheduled if row["discipline"] == discipline]
            # Disciplines that were not asked for the largest crews have shorter lines.
            values = [1000 * row["Serializable"] / row["replies"] for row in mine]
            lines(axes, [row["observers"] for row in mine], {discipline: values})
            axes.lines[-1].set_linestyle(("-", "--", ":", "-.")[place % 4])
            axes.lines[-1].set_marker("os^Dvx+"[place % 7])
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlabel("observers")
        axes.set_ylabel("replies on a cycle, per 1,000")
        axes.legend()

    caption = "Replies on a cycle of dependencies by number of observers, one instance"
    return [Plot("defects", caption, draw)]
