"""Small changes of a trace: each field of each kind of line, and lines lost, doubled, swapped.

The choice is deterministic: a few lines of each kind, evenly spaced, get every change that their
fields allow.  After lines were moved, the sequence numbers are written anew: the reader would
refuse a gap, but the test is whether the engines notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

from leo.trace.events import MAX_VERSION
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import ACTIONS
from leo_model.traces.events import carries

Fields = dict[str, Any]


def others(action: str) -> list[str]:
    """Return the other actions of a session, or of an instance."""
    kind = ACTIONS[action].actor
    return [a for a in ACTIONS if a != action and ACTIONS[a].actor == kind]


def renamed(event: Fields, action: str, discipline: str, version: int) -> Fields:
    """Return an event as that of another action, in the form that this one has.

    It keeps its versions; ``version`` is for an object of which it has none.
    """
    rule = carries(discipline, action)
    versions: dict[str, Any] = {**event["reads"], **event["writes"]}
    known = next(iter(versions.values()), version)
    return {
        **event,
        "action": action,
        "outcome": rule.outcome,
        "reads": {o: versions.get(o, known) for o in rule.order if o in rule.reads},
        "writes": {o: versions.get(o, known) for o in rule.order if o in rule.writes},
    }


def renumber(events: Sequence[Fields]) -> list[Fields]:
    """Return the events with the sequence numbers that a recorder would give them."""
    counts: dict[str, int] = {}
    numbered = []
    for event in events:
        counts[event["writer"]] = counts.get(event["writer"], 0) + 1
        numbered.append({**event, "seq": counts[event["writer"]]})
    return numbered


HEADER: Final = "header"
END: Final = "end"
# What is changed beside the fields: whole lines, the reply (session and number together), the kind
# (action with everything that goes with it), a field that the schema does not have.
DROP, DOUBLE, SWAP, REPLY, KIND, NEW = "drop", "double", "swap", "replies", "kind", "new field"
OUTCOMES: Final = ("ok", "returned", "cancelled", "raised", "crashed")
NEW_FIELD: Final = "colour"


@dataclass(frozen=True, slots=True)
class Base:
    """A trace in memory. ``end`` is the line with which its writer closed it, if there is one."""

    header: Fields
    events: list[Fields]
    end: Fields | None

    def lines(self) -> list[Fields]:
        return [self.header, *self.events, *([self.end] if self.end is not None else [])]


class Mutant(NamedTuple):
    """A changed trace: which line of the file, its kind, what was changed and how."""

    number: int
    kind: str
    field: str
    how: str
    lines: list[Fields]


def kind_of(line: Mapping[str, Any]) -> str:
    """Return the action of an event, "header" or "end"."""
    return str(line["action"] if "action" in line else line["kind"])


def mutants(base: Base, sites: int) -> Iterator[Mutant]:
    """Yield every mutant of at most ``sites`` lines of each kind."""
    lines = base.lines()
    places: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        places.setdefault(kind_of(line), []).append(at)
    for kind, found in places.items():
        for at in evenly(found, sites):
            number = at + 1
            seen = [lines[at]]
            for field, how, line in _changed_lines(base, lines[at]):
                # Several changes may come to the same, or to nothing.
                if line in seen:
                    continue
                seen.append(line)
                yield Mutant(number, kind, field, how, [*lines[:at], line, *lines[at + 1 :]])
            if kind not in (HEADER, END):
                for field, events in _other_lines(base.events, at - 1):
                    yield Mutant(number, kind, field, field, _joined(base, events))
            elif kind == END:
                yield Mutant(number, kind, DROP, DROP, lines[:at])
                yield Mutant(number, kind, DOUBLE, DOUBLE, [*lines, lines[at]])


def evenly(found: list[int], count: int) -> list[int]:
    """Choose the first, the last, and some between."""
    if len(found) <= count:
        return found
    return sorted({found[k * (len(found) - 1) // max(count - 1, 1)] for k in range(count)})


def _joined(base: Base, events: list[Fields]) -> list[Fields]:
    """As a recorder would have numbered them."""
    end = base.end and {**base.end, "events": len(events)}
    return [base.header, *renumber(events), *([end] if end is not None else [])]


def _other_lines(events: list[Fields], at: int) -> Iterator[tuple[str, list[Fields]]]:
    yield DROP, events[:at] + events[at + 1 :]
    yield DOUBLE, [*events[: at + 1], *events[at:]]
    if at + 1 < len(events):
        yield SWAP, [*events[:at], events[at + 1], events[at], *events[at + 2 :]]


def _changed_lines(base: Base, line: Fields) -> Iterator[tuple[str, str, Fields]]:
    for field, value in line.items():
        yield field, "missing", {k: v for k, v in line.items() if k != field}
        for how, other in _changed_values(base, line, field, value):
            yield field, how, {**line, field: other}
    yield NEW, "added", {**line, NEW_FIELD: 1}
    if "action" in line:
        discipline = base.header["discipline"]
        for action in others(line["action"]):
            yield KIND, f"{line['action']} as {action}", renamed(line, action, discipline, 0)
        yield from _changed_replies(base, line)


def _changed_replies(base: Base, line: Fields) -> Iterator[tuple[str, str, Fields]]:
    if not line["session"]:
        return
    turn = int(line["reply"].rpartition(".")[2])
    for session in _known(base, "session", line["session"]):
        yield REPLY, f"of {session}", {**line, "session": session, "reply": f"{session}.{turn}"}
    for other in {1, turn - 1, turn + 1} - {0, turn}:
        yield REPLY, f"number {other}", {**line, "reply": f"{line['session']}.{other}"}


def _changed_values(
    base: Base, line: Fields, field: str, value: object
) -> Iterator[tuple[str, object]]:
    yield "null", None
    if isinstance(value, str):
        yield "empty", ""
        yield "longer", f"{value}x"
        yield "a number", 1
        for other in _words(base, line, field, value):
            yield f"{value} as {other}", other
    elif isinstance(value, dict):
        yield from _changed_versions(line, field, value)
    elif isinstance(value, list):
        yield "empty", []
        yield "longer", [*value, "other"]
        yield "another", ["other", *value[1:]]
        if len(value) > 1:
            yield "backwards", value[::-1]
    elif isinstance(value, int | float):
        yield "a string", str(value)
        yield from _numbers(value)


def _words(base: Base, line: Fields, field: str, value: str) -> Iterable[str]:
    if field == "outcome":
        return [outcome for outcome in OUTCOMES if outcome != value]
    if field == "action":
        return others(value)
    if field == "discipline":
        return [name for name in DISCIPLINES if name != value]
    if field == "runtime":
        return [runtime for runtime in ("sync", "threads", "asyncio") if runtime != value]
    return _known(base, field, value) if "action" in line else []


def _known(base: Base, field: str, value: str) -> list[str]:
    """Other values that the field has in the trace, at most two, and one that it has not."""
    found = dict.fromkeys(event[field] for event in base.events if event[field] not in ("", value))
    return [*list(found)[:2], "another"]


def _changed_versions(
    line: Fields, field: str, versions: dict[str, int]
) -> Iterator[tuple[str, object]]:
    if versions:
        yield "none", {}
    yield "one more", {**versions, "other": 1}
    for item, version in versions.items():
        yield f"without {item}", {k: v for k, v in versions.items() if k != item}
        for how, other in _numbers(version):
            yield f"{item} {how}", {**versions, item: other}
        yield f"{item} a string", {**versions, item: str(version)}
        yield f"{item} null", {**versions, item: None}
    for (one, first), (two, second) in pairwise(versions.items()):
        if first != second:
            yield f"{one} and {two} swapped", {**versions, one: second, two: first}
    if field == "reads":
        yield "the writes", line["writes"] or {"other": 1}
    if field == "writes":
        yield "the reads", line["reads"] or {"other": 1}


def _numbers(value: float) -> Iterator[tuple[str, float]]:
    seen = {value}
    for how, other in (
        ("plus 1", value + 1),
        ("minus 1", value - 1),
        ("zero", 0),
        ("negative", -value - 1),
        ("doubled", 2 * value),
        ("huge", MAX_VERSION + 1),
        ("half", value + 0.5),
    ):
        if other not in seen:
            seen.add(other)
            yield how, other
