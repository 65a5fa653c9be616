"""The lines of a recording of units: their header, their events, their end."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "UNITS_SCHEMA",
    "UNITS_SPEC",
    "UnitAction",
    "UnitEvent",
    "UnitsEnd",
    "UnitsHeader",
]

# `leo.trace.events` re-exports what is built on this file, so its SCHEMA cannot be imported here; a
# test holds the two numbers together.
UNITS_SCHEMA: Final = 1
UNITS_SPEC: Final = "units/1"


class UnitAction(StrEnum):
    """What a unit does: it opens, its calls read and write, it closes.

    Not `leo.actions.Action`: those are the steps of a reply, and no word is in both.
    """

    Open = "Open"
    Read = "Read"
    Write = "Write"
    Close = "Close"


class UnitsHeader(msgspec.Struct, frozen=True):
    """The first line. `start` holds the versions that objects had when the recording began; an
    object that it does not name began at 0.
    """

    schema: int
    kind: str
    spec: str
    run: str
    start: dict[str, int] = {}


class UnitEvent(msgspec.Struct, frozen=True):
    """One line. The fields of `leo.trace.events.Event` with the same meaning, where `reply` is the
    unit, and two more that may be absent.

    `since` is the number of the last event before the call began: what the call did, it did after
    that event and before this one. Without it the event is exact. `call` is the method's name.
    """

    seq: int
    writer: str
    run: str
    time: float
    instance: str
    store: str
    session: str
    reply: str
    action: UnitAction
    reads: dict[str, int]
    writes: dict[str, int]
    outcome: str
    since: int | UnsetType = UNSET
    call: str | UnsetType = UNSET


class UnitsEnd(msgspec.Struct, frozen=True):
    """The last line, of the shape of `leo.trace.events.End`: closed after so many events."""

    kind: str
    run: str
    writer: str
    events: int
