"""A counterexample as a lane diagram, as PDF and SVG.

Time runs down, one lane per session. A bar beside a lane: its reply holds the lock. Filled boxes
write, open ones read, a bolt ends a reply early. The step after which the property is false is red
and has a double frame, and an edge that goes back in time is red and dashed: both can be told apart
in grey.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from paper.artifact.stories import FAULTS, Story, dependencies, writes

RED, INK, PALE, LOCK = "#b3261e", "#1b1b1f", "#dfe5f1", "#6b7a99"
WIDE, STEP, TALL = 3.6, 0.62, 0.46
# The bytes depend on the content only: no dates, no random identifiers.
SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "leo-field",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 8,
}


def draw(story: Story, kind: str) -> bytes:
    """Return the diagram; `kind` is "pdf" or "svg". A session that does nothing has no lane."""
    frames: Sequence[Mapping[str, Any]] = story["frames"]
    acting = {frame["actor"] for frame in frames}
    lanes = [lane for lane in story["sessions"] if lane in acting]
    story = {**story, "sessions": lanes}
    with mpl.rc_context(SETTINGS):
        width, height = WIDE * len(lanes) + 0.5, STEP * (len(frames) + 1.6)
        figure = Figure(figsize=(min(width, 7.2), height * min(1.0, 7.2 / width)))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.axis("off")
        _lanes(axes, lanes, height)
        _locks(axes, story)
        places = _steps(axes, story)
        _edges(axes, story, places)
        axes.text(
            0.1, height - 0.28, f"{story['property']}: {story['witness']}", color=RED, va="center",
            fontsize=8, wrap=True,
        )  # fmt: skip
        out = io.BytesIO()
        metadata: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
        figure.savefig(out, format=kind, metadata=metadata)
    return out.getvalue()


def _lanes(axes: Axes, lanes: Sequence[str], height: float) -> None:
    for number, lane in enumerate(lanes):
        x = _x(number)
        axes.plot([x, x], [STEP * 0.9, height - STEP], color="#b9bfcc", lw=0.8, zorder=0)
        axes.text(x, STEP * 0.5, lane, ha="center", va="center", weight="bold", color=INK)


def _locks(axes: Axes, story: Story) -> None:
    """A bar for every interval in which a session holds its instance's lock."""
    for number, lane in enumerate(story["sessions"]):
        held = [lane in frame.get("holder", {}).values() for frame in story["frames"]]
        start = None
        for row, has in enumerate([*held, False]):
            if has and start is None:
                start = row
            elif not has and start is not None:
                x = _x(number) - WIDE * 0.47
                axes.add_patch(
                    Rectangle((x, _y(start) - TALL / 2), 0.09, _y(row - 1) - _y(start) + TALL,
                              color=LOCK, lw=0)
                )  # fmt: skip
                start = None


def _steps(axes: Axes, story: Story) -> dict[int, tuple[float, float]]:
    places, frames, lanes = {}, story["frames"], story["sessions"]
    for row, frame in enumerate(frames):
        last = row == len(frames) - 1
        lane = frame["actor"] in lanes
        x = _x(lanes.index(frame["actor"])) if lane else WIDE * len(lanes) / 2
        colour = RED if last else INK
        fill = PALE if writes(frame) else "white"
        box = Rectangle(
            (x - WIDE * 0.42, _y(row) - TALL / 2), WIDE * 0.84, TALL,
            facecolor=fill, edgecolor=colour, lw=1.6 if last else 0.8, zorder=2,
        )  # fmt: skip
        axes.add_patch(box)
        if last:
            axes.add_patch(
                Rectangle((x - WIDE * 0.405, _y(row) - TALL * 0.42), WIDE * 0.81, TALL * 0.84,
                          fill=False, edgecolor=colour, lw=0.6, zorder=3)
            )  # fmt: skip
        mark = "\u26a1 " if frame["action"] in FAULTS else ""
        text = f"{frame['n']}  {mark}{frame['action']}"
        note = frame["note"] if len(frame["note"]) <= 44 else frame["note"][:43] + "…"
        axes.text(x - WIDE * 0.4, _y(row) - (0.09 if note else 0), text, va="center",
                  color=colour, weight="bold", fontsize=8, zorder=4)  # fmt: skip
        axes.text(x - WIDE * 0.4, _y(row) + 0.11, note, va="center", color=colour, fontsize=7,
                  zorder=4)  # fmt: skip
        places[row] = (x, _y(row))
    return places


def _edges(axes: Axes, story: Story, places: Mapping[int, tuple[float, float]]) -> None:
    """The edges of the dependency cycle, if the witness names one."""
    for start, end, back in dependencies(story):
        (x1, y1), (x2, y2) = places[start], places[end]
        # Within a lane an edge runs beside the boxes, on the right.
        side, same = (0.42 if x1 <= x2 else -0.42) * WIDE, x1 == x2
        axes.add_patch(
            FancyArrowPatch(
                (x1 + side, y1), (x2 + (side if same else -side), y2), arrowstyle="-|>",
                connectionstyle=f"arc3,rad={0.12 * same * (-1 if y2 > y1 else 1)}",
                color=RED if back else INK, lw=1.3, ls="--" if back else "-", zorder=5,
                mutation_scale=9, shrinkA=0, shrinkB=0,
            )
        )  # fmt: skip


def _x(lane: int) -> float:
    return 0.25 + WIDE * (lane + 0.5)


def _y(row: int) -> float:
    return STEP * (row + 1.3)
