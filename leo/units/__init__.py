"""Records and judges a user's own code: what other rooms may import from here.

Each name is loaded on first use: recording a program does not load the judge.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leo.units.anomalies import ALSO, LEVELS, NAMES, RW, WR, WW, name_of
    from leo.units.call import Gate, Naming
    from leo.units.history import History
    from leo.units.imports import history_of, is_history
    from leo.units.judge import (
        Watching,
        judge_bytes,
        judge_lines,
        judge_merged,
        judge_reader,
        uncollected,
    )
    from leo.units.log import UNITS_SCHEMA, UNITS_SPEC, UnitAction, UnitEvent, UnitsHeader
    from leo.units.reader import CALLS, OUTCOMES, Peeked, UnitsReader, is_units, lines_of
    from leo.units.recording import Recording, instrument
    from leo.units.report import MEANING, to_fields, to_lines
    from leo.units.verdict import PROPERTIES, Case, Promise, UnitsVerdict

__all__ = [
    "ALSO",
    "CALLS",
    "LEVELS",
    "MEANING",
    "NAMES",
    "OUTCOMES",
    "PROPERTIES",
    "RW",
    "UNITS_SCHEMA",
    "UNITS_SPEC",
    "WR",
    "WW",
    "Case",
    "Gate",
    "History",
    "Naming",
    "Peeked",
    "Promise",
    "Recording",
    "UnitAction",
    "UnitEvent",
    "UnitsHeader",
    "UnitsReader",
    "UnitsVerdict",
    "Watching",
    "history_of",
    "instrument",
    "is_history",
    "is_units",
    "judge_bytes",
    "judge_lines",
    "judge_merged",
    "judge_reader",
    "lines_of",
    "name_of",
    "to_fields",
    "to_lines",
    "uncollected",
]

_HOME = {
    "anomalies": ("ALSO", "LEVELS", "NAMES", "RW", "WR", "WW", "name_of"),
    "call": ("Gate", "Naming"),
    "history": ("History",),
    "imports": ("history_of", "is_history"),
    "judge": (
        "Watching",
        "judge_bytes",
        "judge_lines",
        "judge_merged",
        "judge_reader",
        "uncollected",
    ),
    "log": ("UNITS_SCHEMA", "UNITS_SPEC", "UnitAction", "UnitEvent", "UnitsHeader"),
    "reader": ("CALLS", "OUTCOMES", "Peeked", "UnitsReader", "is_units", "lines_of"),
    "recording": ("Recording", "instrument"),
    "report": ("MEANING", "to_fields", "to_lines"),
    "verdict": ("PROPERTIES", "Case", "Promise", "UnitsVerdict"),
}


def __getattr__(name: str) -> Any:
    """Load one of the exported names. Raises AttributeError for any other."""
    for home, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"leo.units.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
