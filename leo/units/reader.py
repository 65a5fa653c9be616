"""The reader of traces of units (``leo/units/REFERENCE.md``): it checks each line, and refuses bad
traces.

The versions of an object count its writes in the order of the lines, a call belongs to an open
unit, and no line is missing. So the judge's input is always consistent.
"""

from __future__ import annotations

import gc
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import cast

import msgspec
from msgspec import UNSET

from leo.errors import TraceError
from leo.trace.events import MAX_VERSION, End
from leo.trace.lines import MAX_LINE, Blocks, CutError, Lines, Source
from leo.trace.words import NOT_CLOSED, nearest, repeated_key, shown
from leo.units.log import (
    UNITS_SCHEMA,
    UNITS_SPEC,
    UnitAction,
    UnitEvent,
    UnitsHeader,
)

# Some events, each with the number of its line.
Piece = Iterable[tuple[int, UnitEvent]]
NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# Of the fields of an event the last ones are optional.
OPTIONAL = UnitEvent.__struct_fields__[
    len(UnitEvent.__struct_fields__) - len(UnitEvent.__struct_defaults__) :
]
EVENT_KEYS = len(UnitEvent.__struct_fields__) - len(OPTIONAL)
# As many bytes of lines are read at a time.
BLOCK = 1 << 17
_OPEN, _READ, _WRITE, _CLOSE = (
    UnitAction.Open, UnitAction.Read, UnitAction.Write, UnitAction.Close,
)  # fmt: skip
ENDS = {"returned", "raised", "cancelled"}
CALLS = {UnitAction.Read, UnitAction.Write}
OUTCOMES = {
    UnitAction.Open: {"ok"},
    UnitAction.Read: {"ok"},
    UnitAction.Write: {"ok", "raised", "cancelled"},
    UnitAction.Save: {"ok", "raised", "cancelled"},
    UnitAction.Undo: {"ok", "raised", "cancelled"},
    UnitAction.Close: {"returned", "raised", "cancelled"},
}


class _Strict(UnitEvent, frozen=True, forbid_unknown_fields=True):
    """An event without anything that this version does not know."""


def _more_keys(event: UnitEvent) -> int:
    """The number of keys of an event beyond those that each has."""
    keys = len(event.reads) + len(event.writes)
    keys += (event.since is not UNSET) + (event.call is not UNSET)
    if event.appends is event.late is event.error is event.saw is event.gave is UNSET:
        return keys
    keys += (event.appends is not UNSET) + (event.late is not UNSET) + (event.error is not UNSET)
    for told in (event.saw, event.gave):
        keys += 1 + len(told) if isinstance(told, dict) else 0
    return keys


def _usual_keys(events: Sequence[UnitEvent]) -> int:
    """The number of keys of some events, when none has a rare one."""
    return len(events) * EVENT_KEYS + sum(
        [
            len(e.reads) + len(e.writes) + (e.since is not UNSET) + (e.call is not UNSET)
            for e in events
        ]
    )


def _not_next(event: UnitEvent, versions: dict[str, int]) -> tuple[str, int] | None:
    """Count the versions of a call; where one does not follow count nothing, and return it."""
    for name, version in event.reads.items():
        if not 0 <= version <= versions.get(name, 0):
            return name, version
    for name, version in event.writes.items():
        if version != versions.get(name, 0) + 1 or version > MAX_VERSION:
            return name, version
    versions.update(event.writes)
    return None


class _Kind(msgspec.Struct):
    kind: str = ""


def is_units(first: bytes) -> bool:
    """Tell whether a first line begins a trace of units; a line that is nothing at all does not."""
    try:
        return msgspec.json.decode(first, type=_Kind).kind == "units"
    except NOT_DECODED:
        return False


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, Python does not look for garbage: what a judge holds is none, and to walk it over and
    over costs up to a third of its time. Of use to a process that does nothing else.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def lines_of(data: bytes) -> Lines:
    """The lines of a trace that is in memory."""
    return Lines("the recording", io.BytesIO(data))


class Peeked:
    """A stream whose first line can be looked at before it is read."""

    def __init__(self, stream: Source) -> None:
        self._stream = stream
        self._held = b""

    def first(self) -> bytes:
        """Return the first line; nothing when it cannot be read, which who reads it will say."""
        try:
            self._held = self._stream.readline(MAX_LINE + 1)
        except (OSError, EOFError, zlib.error):
            return b""
        return self._held

    def readline(self, size: int, /) -> bytes:
        """Return the next line with its end, or ``size`` bytes of it."""
        return self._take(size) or self._stream.readline(size)

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes."""
        return self._take(size) or self._stream.read(size)

    def read1(self, size: int, /) -> bytes:
        """Return at most so many bytes, and what there is before an error."""
        read = getattr(self._stream, "read1", self._stream.read)
        return self._take(size) or cast(bytes, read(size))

    def _take(self, size: int) -> bytes:
        taken, self._held = self._held[:size], self._held[size:]
        return taken


class UnitsReader:
    """A trace of units, read while it is iterated over. ``closed`` tells whether it has its end;
    ``torn`` lets the last line be one that was cut: it is left out, and a notice says so.
    ``growing``: the lines come one by one, and each is wanted as soon as it is there. ``written``
    are the observed versions that have a line: readers of one store share it.
    """

    def __init__(self, lines: Lines, *, torn: bool = False, growing: bool = False) -> None:
        """Read the header. Raises TraceError when there is none of this schema."""
        self.name = lines.name
        self.notices: list[str] = []
        self.closed = False
        self._lines = lines
        self._torn = torn
        self._seq = 0
        self.header = self._header()
        self._versions = dict(self.header.start)
        self._open: dict[str, int] = {}
        self.written: set[tuple[str, int]] = set()
        self._growing = growing
        self._lost = False
        self._decoder = msgspec.json.Decoder(_Strict)

    def pieces(self) -> Iterator[Piece]:
        """Yield every event with the number of its line, where the header is line 1: many at a
        time, as far as whole lines are there.

        Raises TraceError at the first line that is not in the schema.
        """
        lines = self._lines
        try:
            if not self._growing:
                yield from self._in_blocks(lines.blocks())
            while (raw := lines.next()) is not None:
                event = self._one(raw)
                if event is not None:
                    yield ((lines.number, event),)
        except CutError as error:
            if not self._torn:
                raise
            self.notices.append(f"line {lines.number} is cut and left out: {error.lost}")
        if not self.closed:
            self.notices.append(NOT_CLOSED)

    def __iter__(self) -> Iterator[tuple[int, UnitEvent]]:
        """Yield the same one by one."""
        return chain.from_iterable(self.pieces())

    def _in_blocks(self, blocks: Blocks) -> Iterator[Piece]:
        """Yield events as long as whole lines come, many at a time: one by one costs twice as much.

        A block in which anything is unusual is read line by line.
        """
        lines = self._lines
        while data := blocks.peek(BLOCK):
            count = data.count(b"\n")
            try:
                events: Sequence[UnitEvent] = self._decoder.decode_lines(data)
            except NOT_DECODED:
                events = []
            colons = data.count(b":")
            usual = colons == _usual_keys(events)
            usual = usual or colons == count * EVENT_KEYS + sum(map(_more_keys, events))
            if len(events) != count or not usual or self.closed:
                for _ in range(count):
                    raw = lines.next()
                    event = None if raw is None else self._one(raw)
                    if event is not None:
                        yield ((lines.number, event),)
                continue
            blocks.drop(len(data))
            self._take(events)
            yield zip(range(lines.number - count + 1, lines.number + 1), events, strict=True)

    def _one(self, raw: bytes) -> UnitEvent | None:
        """Take one line; None when it is no event. Raises TraceError when it is none of a trace."""
        if self.closed:
            raise self._fail("a line after the end of the recording; expected nothing")
        event: UnitEvent | None
        try:
            event = self._decoder.decode(raw)
            self._once(raw, EVENT_KEYS + _more_keys(event))
        except NOT_DECODED:
            event = self._with_care(raw)
        if event is not None:
            self._check(event)
        return event

    def _take(self, events: Sequence[UnitEvent]) -> None:
        """Check the events of some lines: what is usual here, all else by `_check`."""
        lines, open_, versions = self._lines, self._open, self._versions
        run, observed = self.header.run, self.header.observed
        for event in events:
            lines.number += 1
            seq, action, unit = event.seq, event.action, event.reply
            reads, writes = event.reads, event.writes
            if seq == self._seq + 1 and event.run == run and event.late is UNSET:
                opened = open_.get(unit)
                if opened is None:
                    usual = action is _OPEN and not (reads or writes) and event.outcome == "ok"
                    if usual and unit.isprintable() and unit:
                        open_[unit] = self._seq = seq
                        continue
                elif reads or writes:
                    since = event.since
                    if (
                        event.outcome == "ok"
                        and action is (_WRITE if writes else _READ)
                        and (since is UNSET or opened <= since < seq)
                        and not observed
                        and _not_next(event, versions) is None
                    ):
                        self._seq = seq
                        continue
                elif action is _CLOSE and event.outcome in ENDS:
                    del open_[unit]
                    self._seq = seq
                    continue
            self._check(event)

    def _header(self) -> UnitsHeader:
        raw = self._lines.next()
        if raw is None:
            raise TraceError(f"{self.name}: the file is empty; expected the header of a trace")
        try:
            # Untyped first: a typed decoder does not look at what it skips.
            fields = msgspec.json.decode(raw)
            header = msgspec.convert(fields, UnitsHeader)
        except NOT_DECODED as error:
            raise self._fail(
                f'this is no header ({error}); expected {{"schema":1,"kind":"units",'
                '"spec":"units/1","run":...,"start":{...}}'
            ) from error
        self._once(raw, 0)
        if header.kind != "units" or (header.schema, header.spec) != (UNITS_SCHEMA, UNITS_SPEC):
            raise self._fail(
                f"the trace is {shown(header.kind)} of schema {header.schema}, {header.spec!r}, "
                f"and this program reads 'units' of schema {UNITS_SCHEMA}, {UNITS_SPEC!r}; use the "
                "program that recorded it"
            )
        unknown = sorted(fields.keys() - set(UnitsHeader.__struct_fields__))
        if unknown:
            self.notices.append(f"the header has more fields ({', '.join(unknown)[:200]}): ignored")
        if any(not 0 <= version <= MAX_VERSION for version in header.start.values()):
            raise self._fail(f"the versions of start must be 0 to {MAX_VERSION:,}")
        return header

    def _once(self, raw: bytes, keys: int) -> None:
        """Refuse a line, with so many keys in it, that has a key twice."""
        twice = repeated_key(raw, keys)
        if twice is not None:
            raise self._fail(twice)

    def _fail(self, text: str) -> TraceError:
        return TraceError(f"{self.name}: line {self._lines.number}: {text}")

    def _with_care(self, raw: bytes) -> UnitEvent | None:
        """Take what the strict decoder refused: the last line, or an event with unknown fields."""
        try:
            fields = msgspec.json.decode(raw)
        except NOT_DECODED as error:
            if self._lines.is_last():
                raise self._lines.cut() from error
            raise self._fail(f"this is not JSON ({error}); expected one event a line") from error
        self._once(raw, 0)
        kind = fields.get("kind") if isinstance(fields, dict) else None
        if kind == "units":
            raise self._fail("a second header; a file holds one recording: do not join recordings")
        try:
            if kind == "end":
                self._end(msgspec.convert(fields, End))
                return None
            event = msgspec.convert(fields, UnitEvent)
        except msgspec.ValidationError as error:
            raise self._fail(
                f"{error}; expected an event of {UNITS_SPEC} with "
                f"{', '.join(UnitEvent.__struct_fields__[:12])}, and an action out of "
                f"{', '.join(UnitAction)}"
            ) from error
        unknown = sorted(fields.keys() - set(UnitEvent.__struct_fields__))
        if not any("unknown fields" in notice for notice in self.notices):
            self.notices.append(
                f"line {self._lines.number} has unknown fields ({', '.join(unknown)[:200]}): they "
                "are ignored, here and in later lines"
            )
        return event

    def _end(self, end: End) -> None:
        if end.events != self._seq:
            raise self._fail(
                f"the end says {end.events} events and {self._seq} precede it; lines are missing "
                "or doubled: record the run again"
            )
        self.closed = True

    def _check(self, event: UnitEvent) -> None:
        if event.seq > self._seq + 1 and self.header.observed:
            # The versions tell what is missing, and what depends on that is undecided.
            self.notices.append(
                f"{event.seq - self._seq - 1:,} events are missing before line "
                f"{self._lines.number}: what depends on them is undecided"
            )
            self._seq = event.seq - 1
            self._lost = True
        if event.seq != self._seq + 1:
            raise self._fail(
                f"seq is {event.seq} where {self._seq + 1} was expected; lines are missing, "
                "doubled or in another order: the order of the lines is the order of the events"
            )
        self._seq = event.seq
        if event.run != self.header.run:
            raise self._fail(
                f"the event belongs to the run {shown(event.run)} and the header to "
                f"{shown(self.header.run)}; a file holds one run"
            )
        action, unit = event.action, event.reply
        if event.outcome not in OUTCOMES[action]:
            raise self._fail(
                f"the outcome of {action} is {shown(event.outcome)}; expected "
                f"{' or '.join(sorted(OUTCOMES[action]))}"
            )
        if not self._carries(event):
            raise self._fail(
                f"{action} reads {shown(event.reads)} and writes {shown(event.writes)}; expected a "
                "Read to read, a Write to write (and perhaps to read), all others to do neither"
            )
        if action is UnitAction.Open:
            if not unit or not unit.isprintable() or unit in self._open:
                raise self._fail(
                    f"the unit {shown(unit)} cannot be opened; expected a printable name that no "
                    "open unit has"
                )
            self._open[unit] = event.seq
            return
        opened = self._open.get(unit)
        if event.late is True:
            if action is UnitAction.Close or unit in self._open:
                raise self._fail(
                    f"the unit {shown(unit)} cannot be late; expected a call of a unit that has "
                    "ended"
                )
            opened = 0
        if opened is None and self._lost:
            opened = 0
            if action is not UnitAction.Close:
                self._open[unit] = event.seq
        if opened is None:
            raise self._fail(
                f"the unit {shown(unit)} is not open{nearest(unit, self._open)}; expected its Open "
                "before, and its Close after, everything that it does"
            )
        if action is UnitAction.Close:
            self._open.pop(unit, None)
            return
        if event.since is not UNSET and not opened <= event.since < event.seq:
            raise self._fail(
                f"the call began after event {event.since}; expected {opened}, where its unit "
                f"opened, to {event.seq - 1}"
            )
        if self.header.observed:
            self._observe(event)
        elif event.reads or event.writes:
            self._count(event)

    def _observe(self, event: UnitEvent) -> None:
        """Check versions that the store told: each is written once."""
        for name, version in event.writes.items():
            if (name, version) in self.written or not 0 < version <= MAX_VERSION:
                raise self._fail(
                    f"{event.reply} writes version {version} of {shown(name)}, which an earlier "
                    "line wrote, or one of another process, or which is none; expected 1 to "
                    f"{MAX_VERSION:,}, each once: a store that gives a version twice has lost a "
                    "write"
                )
            self.written.add((name, version))
        if any(not 0 <= version <= MAX_VERSION for version in event.reads.values()):
            raise self._fail(f"the versions of reads must be 0 to {MAX_VERSION:,}")

    def _carries(self, event: UnitEvent) -> bool:
        """Tell whether reads and writes are those of the action."""
        if event.action is UnitAction.Write:
            return bool(event.writes)
        return not event.writes and bool(event.reads) == (event.action is UnitAction.Read)

    def _count(self, event: UnitEvent) -> None:
        """Check the versions: a read names one that is there, a write makes the next."""
        wrong = _not_next(event, self._versions)
        if wrong is None:
            return
        name, version = wrong
        now = self._versions.get(name, 0)
        verb, expected = "reads", "0 to that: a version is the number of writes before it"
        if event.reads.get(name) != version or 0 <= version <= now:
            verb, expected = "writes", f"{now + 1}: each write makes the next version"
        raise self._fail(
            f"{event.reply} {verb} version {version} of {shown(name)}, which is at {now}; expected "
            f"{expected}"
        )
