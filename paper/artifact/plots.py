"""The plot that no experiment makes: what each order of the steps loses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from leo_model.machine.properties import PROPERTIES
from paper.artifact.results import Results
from paper.experiments.plots import STYLE


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
