"""The benchmarks in the paper: how the search grows with the sessions, what a reply costs."""

from __future__ import annotations

from math import nan
from pathlib import Path

from matplotlib.figure import Figure

from paper.artifact.results import Results
from paper.artifact.tex import picture
from paper.experiments.plots import Plot, lines, save
from paper.experiments.summary import Table, latex_table

__all__ = ["measured"]

SEARCH = "view, symmetry"


def measured(results: Results, figures: Path) -> str:
    """The tables and plots of what was measured; for the rest, the command that measures it.

    The plots are written into `figures`.
    """
    parts = []
    for name, show in (("growth", _growth), ("cost", _cost)):
        if not results.bench[name]:
            parts.append(f"Not measured here: \\texttt{{python -m bench.{name}}}.\n")
            continue
        table, plot = show(results)
        stamp = {"version": results.version, "experiment": f"bench.{name}", "spec": results.spec}
        save(plot, figures, {**stamp, "seed": "none", "config_hash": "none"})
        parts += [latex_table(table), picture(f"figures/{plot.name}.png", plot.caption + ".")]
    return "\n".join(parts)


def _growth(results: Results) -> tuple[Table, Plot]:
    rows = results.bench["growth"]
    searched = [row for row in rows if row["search"] == SEARCH]
    sessions = sorted({row["sessions"] for row in searched})
    found = {(row["discipline"], row["sessions"]): row["states"] for row in searched}
    # A search that was not tried, or took too long, has no point.
    curves = {
        name: [found.get((name, count)) or nan for count in sessions]
        for name in dict.fromkeys(row["discipline"] for row in searched)
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(axes, sessions, curves)
        axes.set_xticks(sessions)
        axes.set_yscale("log")
        axes.set_xlabel("sessions, one call each")
        axes.set_ylabel("distinct states")
        axes.legend()

    cells = tuple(
        (row["discipline"], row["sessions"], row["search"], row["states"], row["seconds"])
        for row in rows
    )
    heads = ("discipline", "sessions", "search", "distinct states", "seconds")
    caption = "Distinct states as sessions are added"
    return Table("growth", caption, heads, cells, digits=1), Plot("bench.growth", caption, draw)


def _cost(results: Results) -> tuple[Table, Plot]:
    rows = results.bench["cost"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        named = {"by the clock": "wall", "of a processor": "cpu"}
        sizes = [row["trigrams"] for row in rows]
        lines(axes, sizes, {text: [row[key] for row in rows] for text, key in named.items()})
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("trigrams in the field")
        axes.set_ylabel("median milliseconds of a reply")
        axes.legend()

    cells = tuple((row["trigrams"], row["wall"], row["cpu"]) for row in rows)
    heads = ("trigrams", "clock, ms", "processor, ms")
    caption = "What a reply costs as the field grows, all modules on"
    return Table("cost", caption, heads, cells, digits=1), Plot("bench.cost", caption, draw)
