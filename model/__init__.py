"""The specification seen from Python: transition system, explorer, TLC driver, traces, claims.

For others: `explore` executes every schedule of a few calls on an object of your own; see
`model/schedules/EXPLORE.md`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.schedules.coroutines_explore import Exploration, explore

__all__ = ["Exploration", "explore"]

# `model` is a common name: the command `leo` looks for this mark before it trusts a package of it.
__leo_field__ = True


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: most commands need none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("model.schedules.coroutines_explore"), name)
