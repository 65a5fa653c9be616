"""Marks of a run: values that say which execution it was, and nothing of what it did.

Addresses and ids of objects are others in each run.  A run that is to know times by their values
begins at TIMES.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Any

# The ids of objects that a run has asked for, with the name of what each is of if it has one.
IDS: dict[int, str] = {}
_NUMBER = re.compile(r"(?<!\w)(?:0x[0-9a-f]{7,}|\d{8,})(?!\w)")
# The text of an object without one of its own: it differs from run to run.
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
# When a run begins that is to know times by their values, by the loop's clock and since 1970; and
# how far off they may be, in seconds.  Milliseconds of the one are no seconds of the other.
_DAY, _FAR = 86_400.0, 1e6
TIMES = (30 * _DAY, 1_700_000_000.0 + 30 * _DAY)


def without_ids(text: str) -> str:
    """A text in which what each id is of stands for it."""

    def named(found: re.Match[str]) -> str:
        name = IDS.get(int(found[0], 16 if found[0].startswith("0x") else 10))
        return found[0] if name is None else f"(id {name})".replace(" )", ")")

    return _NUMBER.sub(named, text)


def is_time(it: Any) -> bool:
    """Is a plain value a time read from the clock of a run that began at TIMES, or near to it?"""
    if type(it) is str and ":" in it:
        with suppress(ValueError):
            it = datetime.fromisoformat(it).timestamp()
    if type(it) not in (int, float):
        return False
    return any(
        since - _DAY <= it / scale < since + _FAR
        for scale in (1, 1e3, 1e6, 1e9)
        # A small whole number may be anything.
        for since in (TIMES if type(it) is float or scale == 1e9 else TIMES[1:])
    )
