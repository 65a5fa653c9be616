"""The report on a trace of units, for people (at most 80 columns) and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any

from leo.trace.lanes import LaneStep, lane_table
from leo.trace.words import NO_EVENTS
from leo.units.anomalies import LEVELS
from leo.units.calls import shown
from leo.units.verdict import FORGOTTEN, LANES, PROPERTIES, Case, UnitsVerdict

WIDTH = 80
NARROW = 40
# A longer table says less than the sentences do.
ROWS = 14
# So many sentences are printed about one finding; `--json` has them all.
SENTENCES = 8
MEANING = {
    "Serializable": "no order of the units, one after the other, explains what they read",
    "StrictlySerializable": "an order explains the units, but none that keeps who came after whom",
    "NoLostUpdate": "a unit overwrote what it had not read",
    "StableRead": "a unit read an object twice, and another unit had written it",
    "NoTornRead": "a unit saw another's write to one object and not to the other",
    "ReadsOwnWrites": "a unit did not see what it had written itself, or saw it too early",
    "ReadsWhatWasWritten": "a read returned what its version's write had not given",
    "NoAbortedRead": "a unit read what another wrote that failed",
    "NoIntermediateRead": "a unit read what another wrote, and then wrote again",
    "NoLateWrite": "a call wrote after its unit had ended",
    "AllOrNothing": "a unit failed and left writes behind",
}
# Of these it is not only the order of calls that may be open, and their witnesses say what is.
SAY_WHY = {"AllOrNothing", "NoAbortedRead", "NoIntermediateRead"}
NOT_SEEN = "not recorded, so what reads returned is not checked"
OPEN = (
    "the calls overlapped: which acted first is not in the trace; if these methods act at the end "
    "of their calls, exact=True decides it"
)
FAILED = "a write that failed may have happened or not: the trace does not say"


def to_lines(verdict: UnitsVerdict) -> Iterator[str]:
    """Write one block about a file."""
    permitted = verdict.permitted()
    fell, may = len({*verdict.broken} - permitted), len({*verdict.undecided} - permitted)
    said = [_properties(fell, "broken"), _properties(may, "undecided")]
    nothing = "nothing broken" if verdict.events and not verdict.cut else "UNDECIDED"
    yield f"{verdict.name}: {', '.join(filter(None, said)) or nothing}"
    if not verdict.events or verdict.cut:
        why = verdict.cut or NO_EVENTS
        yield from _item("because", f"{why}; undecided is not accepted")
    ends = [f"{count} {word}" for word, count in sorted(verdict.outcomes.items())]
    ends += [f"{verdict.open} open"] if verdict.open else []
    yield from _item(
        "units",
        f"{verdict.units:,} of run {verdict.run} ({', '.join(ends) or 'none ended'}), "
        f"calls: {verdict.calls:,}, events: {verdict.events:,}",
    )
    if verdict.events:
        yield from _item("holds", f"{holds(verdict)}{', so far' if verdict.cut else ''}")
    for notice in verdict.notices:
        yield from _item("notice", notice)
    told: set[frozenset[str]] = set()
    for word, sure in (("broken", True), ("undecided", False)):
        for case in verdict.cases(sure=sure):
            if verdict.promise.permits(case):
                yield from _item("permitted", f"{case.said} ({case.anomaly or case.broke})")
            else:
                yield from _case(word, case, told)
    if verdict.events and not verdict.values:
        yield from _item("values", NOT_SEEN)


def holds(verdict: UnitsVerdict) -> str:
    """The strongest level that holds, in words."""
    surely, perhaps = verdict.level(sure=True), verdict.level(sure=False)
    said = surely or "no level"
    if perhaps == LEVELS[-1] == surely:
        return f"{said}, the strongest level"
    if perhaps != surely:
        return f"{said} for sure, {perhaps} perhaps"
    return said


def to_fields(verdict: UnitsVerdict) -> dict[str, Any]:
    """Return the verdict as JSON values."""
    return {
        "file": verdict.name,
        "kind": "units",
        "run": verdict.run,
        "clean": verdict.clean,
        "because": verdict.cut or (None if verdict.events else NO_EVENTS),
        "values": verdict.values,
        "promise": verdict.promise.level,
        "without": sorted(verdict.promise.without),
        "level": verdict.level(sure=True) or None,
        "level_perhaps": verdict.level(sure=False) or None,
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
                "property": case.broke,
                "sure": sure,
                "anomaly": case.anomaly or None,
                "level": case.level,
                "permitted": verdict.promise.permits(case),
                "said": case.said,
                "line": case.line,
                "count": case.count,
                "units": list(case.units),
                "witness": list(case.witness),
            }
            for sure in (True, False)
            for case in verdict.cases(sure=sure)
        ],
    }


def lanes_of(case: Case) -> list[LaneStep]:
    """Return the calls of the units concerned as rows of a lane table; numbers are lines."""
    return [LaneStep(line, unit, action, what) for line, unit, action, what in case.steps]


def _properties(count: int, word: str) -> str:
    return f"{count} propert{'y' if count == 1 else 'ies'} {word}" if count else ""


def _case(word: str, case: Case, told: set[frozenset[str]]) -> Iterator[str]:
    yield from _item(word, case.said)
    often = f", {case.count:,} times" if case.count > 1 else ""
    names = f"; {case.anomaly}" if case.anomaly else ""
    yield from _item("", f"({case.broke} at line {case.line}{often}: {MEANING[case.broke]}{names})")
    units = frozenset(case.units)
    if units and units in told:
        return
    told.add(units)
    sentences = [one for one in case.witness if one != case.said]
    for sentence in sentences[:SENTENCES]:
        yield from _item("", sentence)
    if len(sentences) > SENTENCES:
        yield from _item("", f"... and {len(sentences) - SENTENCES:,} more: --json has them all")
    told_why = case.broke in SAY_WHY or any(one.endswith(FORGOTTEN) for one in sentences)
    if word == "undecided" and case.units and not told_why:
        yield from _item("", OPEN if case.overlapped else FAILED)
    if 1 < len(units) <= LANES and 1 < len(case.steps) <= ROWS:
        yield ""
        for row in lane_table(lanes_of(case), width=_width() - 4).splitlines():
            yield f"    {row}".rstrip()
        yield ""


def _width() -> int:
    return max(NARROW, min(WIDTH, get_terminal_size().columns))


def _item(word: str, text: str) -> Iterator[str]:
    for k, line in enumerate(wrap(shown(text), _width() - 12, break_on_hyphens=False) or [""]):
        yield f"  {word if k == 0 else '':<9} {line}"
