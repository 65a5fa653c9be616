"""Lines of a trace as a lane diagram: one lane per session, time downwards, 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leo.trace.lanes import LaneStep, lane_table
from leo_model.machine.narrate import ENDINGS
from leo_model.traces.events import VIEW, Line

WIDTH = 80
# More lanes leave no room for what an event read and wrote.
MOST_LANES = 4


def lanes_of(lines: Sequence[Line], verdict: str = "", *, first: Iterable[str] = ()) -> str:
    """Return the diagram of these lines, numbered as in the file.

    When there are more sessions than lanes, those in ``first`` have one, then those that acted
    last; what is left out is told.
    """
    sessions = list(dict.fromkeys([*first, *(line.actor for line in lines[::-1] if line.turn)]))
    acting = {line.actor for line in lines if line.turn}
    shown = [s for s in sessions if s in acting][:MOST_LANES]
    kept = [line for line in lines if not line.turn or line.actor in shown]
    order = [s for s in dict.fromkeys(line.actor for line in kept if line.turn) if s in shown]
    text = lane_table([step(line) for line in kept], verdict, lanes=order or ("-",), width=WIDTH)
    hidden = len(lines) - len(kept)
    if hidden:
        others = len(acting) - len(shown)
        text += f"({hidden} events of {others} other sessions are left out)\n"
    return text


def step(line: Line) -> LaneStep:
    """Return an event as a step of the diagram."""
    action = line.event.action.value
    return LaneStep(line.number, line.actor if line.turn else "", action, note(line))


def note(line: Line) -> str:
    """Say what an event read and wrote, in versions, or how its reply ended."""
    event = line.event
    if not line.turn:
        return f"{line.actor}: {ENDINGS[event.action.value]}"
    return ENDINGS.get(event.action.value) or ", ".join(
        f"{verb} {objects(versions)}"
        for verb, versions in (("reads", event.reads), ("writes", event.writes))
        if versions
    )


def objects(versions: dict[str, int]) -> str:
    """Write objects with their versions; the two tables of a view of one version as one."""
    found = dict(versions)
    if set(found) == set(VIEW) and len(set(found.values())) == 1:
        found = {"view": found[VIEW[0]]}
    return ", ".join(f"{item} v{version}" for item, version in found.items())
