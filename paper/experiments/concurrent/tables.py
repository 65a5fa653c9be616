"""Tables and plots of the concurrent experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure

from leo_model.traces.native import CONCERNED
from paper.experiments.experiment import Config, Row
from paper.experiments.plots import Plot, lines
from paper.experiments.summary import Cell, Table

__all__ = ["PLACES", "defect_table", "plot", "process_table", "wait_table"]

PLACES: Final = {
    "one": "one instance",
    "each": "a field each",
    "shared": "two instances, one store",
    "processes": "two processes, one store",
}


def defect_table(scheduled: Sequence[Row]) -> Table:
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


def wait_table(scheduled: Sequence[Row]) -> Table:
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


def process_table(processes: Sequence[Row]) -> Table:
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
