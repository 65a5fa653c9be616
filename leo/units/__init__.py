"""Records and judges a user's own code: what other rooms may import from here.

Each name is loaded on first use: recording a program does not load the judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leo.door import door

if TYPE_CHECKING:
    # One name after the other: that is what is exported.
    # isort: off
    from leo.units.anomalies import (
        ALSO as ALSO,
        LEVELS as LEVELS,
        NAMES as NAMES,
        RW as RW,
        WR as WR,
        WW as WW,
        name_of as name_of,
    )
    from leo.units.call import Gate as Gate, Naming as Naming
    from leo.units.history import History as History
    from leo.units.imports import history_of as history_of, is_history as is_history
    from leo.units.judge import (
        Watching as Watching,
        judge_bytes as judge_bytes,
        judge_lines as judge_lines,
        judge_merged as judge_merged,
        judge_reader as judge_reader,
    )
    from leo.units.log import (
        UNITS_SCHEMA as UNITS_SCHEMA,
        UNITS_SPEC as UNITS_SPEC,
        Log as Log,
        UnitAction as UnitAction,
        UnitEvent as UnitEvent,
        UnitsHeader as UnitsHeader,
    )
    from leo.units.reader import (
        CALLS as CALLS,
        OUTCOMES as OUTCOMES,
        Peeked as Peeked,
        UnitsReader as UnitsReader,
        is_units as is_units,
        uncollected as uncollected,
    )
    from leo.units.recording import Recording as Recording, instrument as instrument
    from leo.units.report import MEANING as MEANING, to_fields as to_fields, to_lines as to_lines
    from leo.units.verdict import (
        PROPERTIES as PROPERTIES,
        Case as Case,
        Promise as Promise,
        UnitsVerdict as UnitsVerdict,
    )

__getattr__, __dir__ = door(
    __name__,
    {
        "anomalies": "ALSO LEVELS NAMES RW WR WW name_of",
        "call": "Gate Naming",
        "history": "History",
        "imports": "history_of is_history",
        "judge": "Watching judge_bytes judge_lines judge_merged judge_reader",
        "log": "UNITS_SCHEMA UNITS_SPEC Log UnitAction UnitEvent UnitsHeader",
        "reader": "CALLS OUTCOMES Peeked UnitsReader is_units uncollected",
        "recording": "Recording instrument",
        "report": "MEANING to_fields to_lines",
        "verdict": "PROPERTIES Case Promise UnitsVerdict",
    },
)
