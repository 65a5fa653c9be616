"""The report on a trace of units, for people (80 columns) and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from leo.trace.lanes import LaneStep, lane_table
from leo.trace.words import NO_EVENTS
from leo.units.judge import PROPERTIES, Finding, UnitsVerdict

WIDTH = 80
# A table of more lanes, or a longer one, says less than the sentences do.
LANES = 3
ROWS = 14
MEANING = {
    "Serializable": "dependencies in a cycle: no order of the units explains it",
    "StrictlySerializable": "an order explains it, but none that keeps who came after whom",
    "NoLostUpdate": "it overwrote what it had not read",
    "StableRead": "it read an object twice, and another unit had written it",
    "NoTornRead": "it saw another's write to one object and not to the other",
    "NoAbortedRead": "it read what a unit wrote that failed",
    "NoIntermediateRead": "it read what a unit wrote, and then wrote again",
    "AllOrNothing": "it failed and left writes behind",
}
# Of these it is not only the order of calls that may be open, and their witnesses say what is.
SAY_WHY = {"AllOrNothing", "NoAbortedRead", "NoIntermediateRead"}
OPEN = "the calls overlapped: which acted first is not in the trace"


def to_lines(verdict: UnitsVerdict) -> Iterator[str]:
    """Write one block about a file."""
    fell, may = len(verdict.broken), len(verdict.undecided)
    said = [_properties(fell, "broken"), _properties(may, "undecided")]
    nothing = "nothing broken" if verdict.events else "UNDECIDED"
    yield f"{verdict.name}: {', '.join(filter(None, said)) or nothing}"
    if not verdict.events:
        yield from _item("because", f"{NO_EVENTS}; undecided is not accepted")
    ends = [f"{count} {word}" for word, count in sorted(verdict.outcomes.items())]
    ends += [f"{verdict.open} open"] if verdict.open else []
    yield from _item(
        "units",
        f"{verdict.units:,} of run {verdict.run} ({', '.join(ends) or 'none ended'}), "
        f"calls: {verdict.calls:,}, events: {verdict.events:,}",
    )
    for notice in verdict.notices:
        yield from _item("notice", notice)
    shown: set[frozenset[str]] = set()
    for word, findings in (("broken", verdict.broken), ("undecided", verdict.undecided)):
        for name in PROPERTIES:
            if name in findings:
                yield from _finding(word, findings[name], shown)


def to_fields(verdict: UnitsVerdict) -> dict[str, Any]:
    """Return the verdict as JSON values."""
    return {
        "file": verdict.name,
        "kind": "units",
        "run": verdict.run,
        "clean": verdict.clean,
        "because": None if verdict.events else NO_EVENTS,
        "broken": [name for name in PROPERTIES if name in verdict.broken],
        "undecided": [name for name in PROPERTIES if name in verdict.undecided],
        "events": verdict.events,
        "units": verdict.units,
        "calls": verdict.calls,
        "outcomes": dict(verdict.outcomes),
        "open": verdict.open,
        "notices": verdict.notices,
        "findings": [
            {
                "property": found.property,
                "sure": findings is verdict.broken,
                "anomaly": found.anomaly or None,
                "anomalies": dict(sorted(found.anomalies.items())),
                "line": found.line,
                "count": found.count,
                "units": list(found.units),
                "witness": list(found.witness),
            }
            for findings in (verdict.broken, verdict.undecided)
            for found in findings.values()
        ],
    }


def lanes_of(found: Finding) -> list[LaneStep]:
    """Return the calls of the units concerned as rows of a lane table; numbers are lines."""
    return [LaneStep(line, unit, action, what) for line, unit, action, what in found.steps]


def _properties(count: int, word: str) -> str:
    return f"{count} propert{'y' if count == 1 else 'ies'} {word}" if count else ""


def _finding(word: str, found: Finding, shown: set[frozenset[str]]) -> Iterator[str]:
    count = f"{found.count:,} unit{'' if found.count == 1 else 's'}"
    if len(found.anomalies) > 1:
        names = (f"{number:,} {name}" for name, number in sorted(found.anomalies.items()))
        count = f"{count}: {', '.join(names)}"
    named = f"{found.anomaly}, " if found.anomaly else ""
    yield from _item(
        word, f"{found.property} at line {found.line} ({count}): {named}{MEANING[found.property]}"
    )
    for sentence in found.witness:
        yield from _item("", sentence)
    if word == "undecided" and found.property not in SAY_WHY:
        yield from _item("", OPEN)
    units = frozenset(found.units)
    if units not in shown and 1 < len(units) <= LANES and len(found.steps) <= ROWS:
        shown.add(units)
        yield ""
        for row in lane_table(lanes_of(found), width=WIDTH - 4).splitlines():
            yield f"    {row}".rstrip()
        yield ""


def _item(word: str, text: str) -> Iterator[str]:
    for k, line in enumerate(wrap(text, WIDTH - 12) or [""]):
        yield f"  {word if k == 0 else '':<9} {line}"
