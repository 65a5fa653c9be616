"""Records and judges a user's own code: what other rooms may import from here.

Each name is loaded on first use: recording a program does not load the judge.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leo.units.anomalies import (
        ALSO as ALSO,
    )
    from leo.units.anomalies import (
        LEVELS as LEVELS,
    )
    from leo.units.anomalies import (
        NAMES as NAMES,
    )
    from leo.units.anomalies import (
        RW as RW,
    )
    from leo.units.anomalies import (
        WR as WR,
    )
    from leo.units.anomalies import (
        WW as WW,
    )
    from leo.units.anomalies import (
        name_of as name_of,
    )
    from leo.units.call import Gate as Gate
    from leo.units.call import Naming as Naming
    from leo.units.history import History as History
    from leo.units.imports import history_of as history_of
    from leo.units.imports import is_history as is_history
    from leo.units.judge import (
        Watching as Watching,
    )
    from leo.units.judge import (
        judge_bytes as judge_bytes,
    )
    from leo.units.judge import (
        judge_lines as judge_lines,
    )
    from leo.units.judge import (
        judge_merged as judge_merged,
    )
    from leo.units.judge import (
        judge_reader as judge_reader,
    )
    from leo.units.judge import (
        uncollected as uncollected,
    )
    from leo.units.log import (
        UNITS_SCHEMA as UNITS_SCHEMA,
    )
    from leo.units.log import (
        UNITS_SPEC as UNITS_SPEC,
    )
    from leo.units.log import (
        UnitAction as UnitAction,
    )
    from leo.units.log import (
        UnitEvent as UnitEvent,
    )
    from leo.units.log import (
        UnitsHeader as UnitsHeader,
    )
    from leo.units.reader import (
        CALLS as CALLS,
    )
    from leo.units.reader import (
        OUTCOMES as OUTCOMES,
    )
    from leo.units.reader import (
        Peeked as Peeked,
    )
    from leo.units.reader import (
        UnitsReader as UnitsReader,
    )
    from leo.units.reader import (
        is_units as is_units,
    )
    from leo.units.recording import Recording as Recording
    from leo.units.recording import instrument as instrument
    from leo.units.report import MEANING as MEANING
    from leo.units.report import to_fields as to_fields
    from leo.units.report import to_lines as to_lines
    from leo.units.verdict import (
        PROPERTIES as PROPERTIES,
    )
    from leo.units.verdict import (
        Case as Case,
    )
    from leo.units.verdict import (
        Promise as Promise,
    )
    from leo.units.verdict import (
        UnitsVerdict as UnitsVerdict,
    )

# The files that have them; those that record come first.
_HOMES = ("recording", "log", "anomalies", "reader", "verdict", "report", "judge", "imports")


def __getattr__(name: str) -> Any:
    """Load one of the exported names. Raises AttributeError for any other."""
    for home in () if name.startswith("_") else _HOMES:
        module = import_module(f"leo.units.{home}")
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
