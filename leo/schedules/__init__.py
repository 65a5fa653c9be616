"""Runs every schedule of a system that can be restarted: a user's async class, or the organism.

Each name is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leo.schedules.database import rows
    from leo.schedules.exploration import Exploration, explore
    from leo.schedules.loop import SteppedLoop
    from leo.schedules.named import load, scenario
    from leo.schedules.search import PRICES, STRATEGIES, Found, Plan, Report, search_of
    from leo.schedules.system import Choice, Outcome, Step, System, Walk

__all__ = [
    "PRICES",
    "STRATEGIES",
    "Choice",
    "Exploration",
    "Found",
    "Outcome",
    "Plan",
    "Report",
    "Step",
    "SteppedLoop",
    "System",
    "Walk",
    "explore",
    "load",
    "rows",
    "scenario",
    "search_of",
]

_HOME = {
    "exploration": ("Exploration", "explore"),
    "loop": ("SteppedLoop",),
    "named": ("load", "scenario"),
    "database": ("rows",),
    "search": ("PRICES", "STRATEGIES", "Found", "Plan", "Report", "search_of"),
    "system": ("Choice", "Outcome", "Step", "System", "Walk"),
}


def __getattr__(name: str) -> Any:
    """Load a public name. Raises AttributeError for any other."""
    for home, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"leo.schedules.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
