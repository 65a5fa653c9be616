"""Runs every schedule of a system that can be restarted: a user's async class, or the organism.

Each name is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leo.schedules.database import rows
    from leo.schedules.exploration import Exploration, explore
    from leo.schedules.named import scenario

__all__ = ["Exploration", "explore", "rows", "scenario"]

_HOME = {
    "Exploration": "exploration",
    "explore": "exploration",
    "rows": "database",
    "scenario": "named",
}


def __getattr__(name: str) -> Any:
    """Load a public name. Raises AttributeError for any other."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"leo.schedules.{_HOME[name]}"), name)
