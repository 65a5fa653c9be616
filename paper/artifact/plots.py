"""Plots that no experiment makes: the benchmarks, and what each order of the steps loses."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from leo_model.machine.properties import PROPERTIES
from paper.artifact.results import Results
from paper.experiments.plots import STYLE, Plot, lines, save

SEARCH = "view, symmetry"


def measured(results: Results, figures: Path) -> list[dict[str, str]]:
    """What the benchmarks measured, as plots in `figures`; for the rest, the command that measures
    it.
    """
    found = []
    for name, show in (("growth", _growth), ("cost", _cost)):
        if not results.bench[name]:
            found.append({"plot": "", "caption": "", "command": f"python -m bench.{name}"})
            continue
        plot = show(results)
        stamp = {"version": results.version, "experiment": f"bench.{name}", "spec": results.spec}
        save(plot, figures, {**stamp, "seed": "none", "config_hash": "none"})
        found.append({"plot": plot.name, "caption": plot.caption, "command": ""})
    return found


def _growth(results: Results) -> Plot:
    rows = [row for row in results.bench["growth"] if row["search"] == SEARCH]
    sessions = sorted({row["sessions"] for row in rows})
    found = {(row["discipline"], row["sessions"]): row["states"] for row in rows}
    # A search that was not tried, or took too long, has no point.
    curves = {
        name: [found.get((name, count)) or nan for count in sessions]
        for name in dict.fromkeys(row["discipline"] for row in rows)
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        lines(axes, sessions, curves)
        axes.set_xticks(sessions)
        axes.set_yscale("log")
        axes.set_xlabel("sessions, one call each")
        axes.set_ylabel("distinct states")
        axes.legend()

    return Plot("bench.growth", "Distinct states as sessions are added.", draw)


def _cost(results: Results) -> Plot:
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

    return Plot("bench.cost", "What a reply costs as the field grows, all modules on.", draw)


def orders(results: Results, figures: Path) -> bool:
    """Draw what every order of the four steps loses with one session; False when it was not asked.

    Rows are orders, those that keep most first; a filled square is a property that falls.
    """
    if not results.orders:
        return False
    ranked = sorted(results.orders, key=lambda order: len(order["falls"]["sequential"]))
    lost = {title for order in ranked for title in order["falls"]["sequential"]}
    columns = [title for title in PROPERTIES if title in lost]
    settings: dict[Any, Any] = {**STYLE, "axes.grid": False, "pdf.fonttype": 42}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(6.0, 0.21 * len(ranked) + 1.2), layout="constrained")
        axes = figure.subplots()
        for row, order in enumerate(ranked):
            for column, title in enumerate(columns):
                falls = title in order["falls"]["sequential"]
                axes.plot(column, row, "s", ms=8, mfc="#444444" if falls else "none", mec="#888888")
        names = [" → ".join(order["program"]) for order in ranked]
        axes.set_yticks(range(len(ranked)), names, fontsize=7)
        axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=8)
        axes.set_xlim(-0.6, len(columns) - 0.4)
        axes.set_ylim(len(ranked) - 0.4, -0.6)
        for kind, metadata in (("pdf", {"CreationDate": None}), ("svg", {"Date": None})):
            figure.savefig(figures / f"orders.{kind}", metadata=metadata)
    return True
