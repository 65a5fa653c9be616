"""A search in a file: what is left of it and what it has found, to go on from later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leo.errors import LeoError
from leo.schedules.engine import Found, Report
from leo.schedules.frontier import Frontier, dump_step, load_step

FORMAT = 1
_COUNTS = ("runs", "redundant", "probes", "restarts", "broken")


def save(path: Path, what: dict[str, Any], report: Report, frontier: Frontier) -> None:
    """Write a search; whoever interrupts it finds the old file or the new one, whole."""
    data = {
        "format": FORMAT,
        "what": what,
        "counts": {name: getattr(report, name) for name in _COUNTS},
        "found": [
            [found.title, found.witness, [dump_step(step) for step in found.steps], found.run]
            for found in report.found.values()
        ],
        "frontier": frontier.dump(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f"{path.suffix}.new")
    beside.write_text(json.dumps(data), encoding="utf-8")
    beside.replace(path)


def load(path: Path, what: dict[str, Any]) -> tuple[Report, Frontier]:
    """Read a search.  Raises LeoError when there is none, or it is one of something else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LeoError(f"{path}: there is no search to go on with; begin one first") from None
    except (OSError, ValueError) as error:
        raise LeoError(f"{path} cannot be read as a search: {error}; begin anew") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise LeoError(f"{path} is not a search of format {FORMAT}; begin anew")
    before = data.get("what")
    if not isinstance(before, dict):
        raise LeoError(f"{path} does not say what it is a search of; begin anew")
    if before != what:
        differs = ", ".join(
            f"{name} was {before.get(name)!r} and is {what.get(name)!r}"
            for name in sorted({*what, *before})
            if before.get(name) != what.get(name)
        )
        raise LeoError(f"{path} has another search: {differs}; ask for the same one, or begin anew")
    try:
        counts: dict[str, Any] = {name: int(data["counts"][name]) for name in _COUNTS}
        report = Report("optimal", **counts)
        for title, witness, steps, run in data["found"]:
            report.found[title] = Found(title, witness, tuple(map(load_step, steps)), run)
        return report, Frontier.load(data["frontier"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise LeoError(
            f"{path} cannot be read as a search: {type(error).__name__}: {error}; begin anew"
        ) from None
