"""Traces of several processes on one store, merged into one (``leo validate A B --merge``).

Each process has a file of its own, with the same run and discipline, and another writer and
instance.  What one file says in its order, the other does not contradict:
``leo_model.traces.orders`` finds the orders that are behaviours of the specification.  The merged
trace is an ordinary trace of several writers, in one of these orders, and both engines judge it as
such.

A process that opened the store later than the first is taken as one that was down until then: the
merged trace begins with its Crash, and has its Recover where the store was at the versions that its
header names.  These lines are of a writer called ``merge``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from leo.actions import Action
from leo.errors import TraceError
from leo.trace.events import Event, Header
from leo_model.traces.events import Line
from leo_model.traces.header import too_many
from leo_model.traces.orders import MOST_STATES, Orders, find_orders
from leo_model.traces.reader import TraceReader, open_trace, trace_of

MERGE: Final = "merge"
# What the headers of one run's files have in common.
SAME: Final = ("schema", "spec", "run", "discipline", "runtime", "program", "stores")
ADVICE: Final = "give --merge the files of one run, one of each process"


@dataclass(slots=True)
class Part:
    """One file: its header and its lines."""

    name: str
    header: Header
    lines: list[Line]
    notices: list[str]
    closed: bool

    @property
    def start(self) -> tuple[int, int]:
        return self.header.start["ngrams"], self.header.start["snapshots"]


@dataclass(slots=True)
class Merged:
    """What came of a merge: the header of the whole, the orders, the events in one of them."""

    name: str
    header: Header
    orders: Orders
    notices: list[str]
    events: list[Event]
    closed: bool

    def trace(self) -> TraceReader:
        """The merged trace, in the order that was found. It goes through all checks again."""
        return trace_of(self.name, msgspec.to_builtins(self.header), self.events)

    def save(self, path: Path) -> None:
        """Write the merged trace to a file. Raises TraceError when it cannot be written."""
        lines = (self.header, *self.events)
        try:
            path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        except OSError as error:
            raise TraceError(
                f"{path}: the merged trace cannot be written ({error.strerror or error}); name a "
                "file in a folder that exists and may be written"
            ) from error


def merge(paths: Sequence[str | Path], *, torn: bool = False, most: int = MOST_STATES) -> Merged:
    """Read the files of one run and search the orders in which their lines can have happened.

    ``most`` bounds the states that are kept at a time.  Raises TraceError when a file is not a
    trace, or the files are not of one run.
    """
    parts = [_read(path, torn=torn) for path in paths]
    _check(parts)
    parts.sort(key=lambda part: part.start)
    first = parts[0]
    late = [part for part in parts if part.start != first.start]
    header = msgspec.structs.replace(
        first.header,
        instances=tuple(instance for part in parts for instance in part.header.instances),
    )
    crowd = too_many(header)
    if crowd is not None:
        raise TraceError(f"{' + '.join(part.name for part in parts)}: {crowd}")
    writers = [[*(_opening(part) if part in late else []), *part.lines] for part in parts]
    down = [instance for part in late for instance in part.header.instances]
    opened = [part.start if part in late else None for part in parts]
    orders = find_orders(header, writers, down=down, opened=opened, most=most)
    events = [line.event for line in orders.order or ()]
    crashes = [_event(first.header, Action.Crash, instance) for instance in down]
    return Merged(
        name=" + ".join(part.name for part in parts),
        header=header,
        orders=orders,
        notices=[f"{part.name}: {notice}" for part in parts for notice in part.notices],
        events=_numbered([*crashes, *events]) if orders.order is not None else [],
        closed=all(part.closed for part in parts),
    )


def _read(path: str | Path, *, torn: bool) -> Part:
    with open_trace(path, torn=torn) as trace:
        lines = list(trace)
        return Part(trace.name, trace.header, lines, trace.notices, trace.closed)


def _check(parts: Sequence[Part]) -> None:
    """Raise TraceError when the files are not of one run, or tell of the same thing twice."""
    first = parts[0]
    owner: dict[tuple[str, str], str] = {}
    for part in parts:
        for name in SAME:
            one, other = getattr(first.header, name), getattr(part.header, name)
            if one != other:
                raise TraceError(
                    f"{part.name}: its {name} is {other!r}, and that of {first.name} is {one!r}; "
                    f"{ADVICE}"
                )
        things = {("instance", instance) for instance in part.header.instances}
        for line in part.lines:
            things.add(("writer", line.event.writer))
            if line.turn:
                things.add(("session", line.actor))
        for thing in sorted(things):
            if thing in owner or thing == ("writer", MERGE):
                taken = owner.get(thing, "the merged trace itself")
                raise TraceError(
                    f"{part.name}: the {thing[0]} {thing[1]!r} is in {taken} as well; {ADVICE}, "
                    "with writers, instances and sessions of different names"
                )
            owner[thing] = part.name
    least = min(part.start for part in parts)
    for part in parts:
        if part.start[1] < least[1]:
            raise TraceError(
                f"{part.name}: it began at the versions {part.header.start}, and another began at "
                f"{dict(zip(('ngrams', 'snapshots'), least, strict=True))}: no store was at both; "
                f"{ADVICE}"
            )


def _opening(part: Part) -> list[Line]:
    """The lines that stand for the opening of a part that began later: those of its header."""
    return [
        Line(1, _event(part.header, Action.Recover, instance), instance, 0, ())
        for instance in part.header.instances
    ]


def _event(header: Header, action: Action, instance: str) -> Event:
    return Event(
        seq=0,
        writer=MERGE,
        run=header.run,
        time=0.0,
        instance=instance,
        store=header.stores[0],
        session="",
        reply="",
        action=action,
        reads={},
        writes={},
        outcome="crashed" if action is Action.Crash else "ok",
    )


def _numbered(events: Sequence[Event]) -> list[Event]:
    """Number the lines of the merge itself; those of the files have their numbers."""
    numbers = itertools.count(1)
    return [
        msgspec.structs.replace(event, seq=next(numbers)) if event.writer == MERGE else event
        for event in events
    ]
