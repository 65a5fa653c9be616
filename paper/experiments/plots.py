"""Plots: PNG, SVG and PDF with the same bytes every time, readable in grey and without colour.

What differs is told by shape, line and hatch first; greys only help. No file carries a date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paper.experiments.experiment import Row
from paper.experiments.summary import Estimate

GREYS = ("#111111", "#666666", "#999999", "#444444", "#bbbbbb", "#222222")
DASHES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "x")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "++")

STYLE: dict[Any, Any] = {
    "backend": "agg",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    # The names of an SVG's parts come from this salt instead of from chance.
    "svg.hashsalt": "leo-field",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "savefig.dpi": 144,
}


@dataclass(frozen=True)
class Plot:
    """A figure by name: `draw` fills an empty one. `size` in inches."""

    name: str
    caption: str
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (7.0, 4.0)


def save(plot: Plot, folder: Path, stamp: Mapping[str, Any]) -> None:
    """Write NAME.png, NAME.svg and NAME.pdf into a folder."""
    note = (
        f"leo-field {stamp['version']} · {stamp['experiment']} · spec {stamp['spec'][:12]} · "
        f"seed {stamp['seed']} · config {stamp['config_hash']}"
    )
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=plot.size, layout="constrained")
        FigureCanvasAgg(figure)
        plot.draw(figure)
        figure.supxlabel(note, fontsize=6, color="#888888", x=0.995, ha="right")
        creator = {"Creator": "leo-field"}
        for ending, metadata in {
            "png": {"Software": None, "Description": note},
            "svg": {**creator, "Date": None, "Description": note},
            "pdf": {**creator, "CreationDate": None},
        }.items():
            figure.savefig(folder / f"{plot.name}.{ending}", metadata=metadata)


def forest(
    axes: Axes, labels: Sequence[str], estimates: Sequence[Estimate], *, mark: int = 0
) -> None:
    """Estimates with intervals below each other, the first on top, and a line at zero."""
    places = range(len(labels), 0, -1)
    for place, estimate in zip(places, estimates, strict=True):
        axes.plot([estimate.low, estimate.high], [place, place], "-", color=GREYS[0], lw=1.4)
        axes.plot([estimate.value], [place], MARKERS[mark], color=GREYS[0], ms=5)
    axes.axvline(0.0, color=GREYS[1], lw=0.8, ls="--")
    axes.set_yticks(list(places), list(labels))
    axes.set_ylim(0.4, len(labels) + 0.6)
    axes.grid(axis="y", visible=False)


def lines(
    axes: Axes, x: Sequence[float], series: Mapping[str, Sequence[float]], *, marked: bool = True
) -> None:
    """Lines by name, each with its dash, grey and marker."""
    for n, (name, values) in enumerate(series.items()):
        axes.plot(
            x, values, ls=DASHES[n % len(DASHES)], color=GREYS[n % len(GREYS)],
            marker=MARKERS[n % len(MARKERS)] if marked else "", ms=4, lw=1.3, label=name,
        )  # fmt: skip


def scatter(axes: Axes, turns: Sequence[Row], arms: Sequence[str], words: str, share: str) -> None:
    """Turns by the length of their message and what of the reply is in it (columns `words` and
    `share`), full and hollow by arm; both axes from 0.
    """
    for n, name in enumerate(arms):
        mine = [(turn[words], turn[share]) for turn in turns if turn["arm"] == name]
        axes.plot(
            [x for x, _ in mine], [y for _, y in mine], MARKERS[n], ms=5,
            color=GREYS[0] if n else GREYS[1], mfc="none" if n else GREYS[2],
            label=f"{name}: {len(mine)} turns",
        )  # fmt: skip
    axes.set_xlabel("words in the observer's message")
    axes.set_ylabel("share of the reply's words in it")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=-0.01)
    axes.legend(loc="upper left")


def around(estimates: Sequence[Estimate]) -> tuple[list[float], list[list[float]]]:
    """The values, and how far their intervals reach below and above them."""
    below = [max(0.0, one.value - one.low) for one in estimates]
    above = [max(0.0, one.high - one.value) for one in estimates]
    return [one.value for one in estimates], [below, above]


def bars(axes: Axes, labels: Sequence[str], series: Mapping[str, Sequence[Estimate]]) -> None:
    """Groups of bars with their intervals, one hatch for each series."""
    width = 0.8 / max(1, len(series))
    for n, (name, estimates) in enumerate(series.items()):
        places = [k - 0.4 + width * (n + 0.5) for k in range(len(labels))]
        values, reach = around(estimates)
        axes.bar(
            places, values, width * 0.92, label=name, color="#ffffff" if n % 2 else "#cfcfcf",
            edgecolor=GREYS[0], linewidth=0.8, hatch=HATCHES[n % len(HATCHES)],
        )  # fmt: skip
        axes.errorbar(
            places, values, yerr=reach, fmt="none", ecolor=GREYS[0], elinewidth=1, capsize=2
        )
    axes.set_xticks(range(len(labels)), list(labels))
    axes.grid(axis="x", visible=False)
