"""Runs every schedule of a system that can be restarted: a user's async class, or the organism.

Each name is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leo.door import door

if TYPE_CHECKING:
    # One name after the other: that is what is exported.
    # isort: off
    from leo.schedules.running.database import rows as rows
    from leo.schedules.exploration import Exploration as Exploration, explore as explore
    from leo.schedules.running.loop import SteppedLoop as SteppedLoop
    from leo.schedules.named import load as load, scenario as scenario
    from leo.schedules.engine.search import (
        PRICES as PRICES,
        STRATEGIES as STRATEGIES,
        Found as Found,
        Plan as Plan,
        Report as Report,
        search_of as search_of,
    )
    from leo.schedules.engine.system import (
        Choice as Choice,
        Outcome as Outcome,
        Step as Step,
        System as System,
        Walk as Walk,
    )

__getattr__, __dir__ = door(
    __name__,
    {
        "running.database": "rows",
        "exploration": "Exploration explore",
        "running.loop": "SteppedLoop",
        "named": "load scenario",
        "engine.search": "PRICES STRATEGIES Found Plan Report search_of",
        "engine.system": "Choice Outcome Step System Walk",
    },
)
