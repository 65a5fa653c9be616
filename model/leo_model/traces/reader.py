"""The reader of traces: NDJSON, schema 1, the header and every line checked by itself.

The reader refuses a line that violates the schema, and names it.  The engines refuse a line that
violates the specification (an action that is not enabled, a version that the state does not have).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo.disciplines import PUBLISHED
from leo.errors import TraceError
from leo.trace.events import MAX_VERSION, SCHEMA, SPEC, End, Event, Header
from leo.trace.lines import Blocks, CutError, Lines, Source, open_stream
from leo.trace.words import (
    explain_end,
    is_name,
    listed,
    nearest,
    repeated_key,
    shown,
)
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import ACTIONS
from leo_model.machine.state import NOBODY
from leo_model.traces.events import PROGRAM, UNTOLD, Carries, Line, carries, versions_of

HEADER_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Header))
START: Final = ("ngrams", "snapshots")
ADVICE: Final = (
    'expected {"schema":1,"kind":"header","spec":"field/1","run":...,"discipline":...}, which a '
    "recorder writes as the first line"
)


def read_header(lines: Lines, notices: list[str]) -> Header:
    """Read and check the first line; unknown fields add a notice.

    Raises TraceError when it is no header of this schema, or describes what the specification does
    not: another program, an unknown discipline, several stores, more than the one instance of a
    discipline.
    """
    raw = lines.next()
    if raw is None:
        raise TraceError(f"{lines.name}: the file is empty; {ADVICE}")

    def fail(text: str) -> TraceError:
        return TraceError(f"{lines.name}: line 1: {text}")

    try:
        fields = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise fail(f"this is not NDJSON ({error}); {ADVICE}") from error
    twice = repeated_key(raw, 0)
    if twice is not None:
        raise fail(twice)
    if isinstance(fields, dict) and fields.get("kind") == "units":
        raise fail("this is a trace of units; it is judged whole and alone: leave out the option")
    if not isinstance(fields, dict) or fields.get("kind") != "header":
        raise fail(f"there is no header, but {shown(fields)}; {ADVICE}")
    version = fields.get("schema")
    if version != SCHEMA or isinstance(version, bool):
        newer = isinstance(version, int) and version > SCHEMA
        raise fail(
            f"the schema's version is {shown(version)}, and this program reads version {SCHEMA}; "
            + ("the trace is of a newer program: use that one" if newer else ADVICE)
        )
    missing = [name for name in HEADER_FIELDS if name not in fields]
    if missing:
        raise fail(
            f"the header lacks {', '.join(missing)}; a header has {', '.join(HEADER_FIELDS)}"
        )
    try:
        header = msgspec.convert({name: fields[name] for name in HEADER_FIELDS}, Header)
    except msgspec.ValidationError as error:
        raise fail(f"the header is not of schema {SCHEMA}: {error}") from error
    unknown = sorted(fields.keys() - set(HEADER_FIELDS))
    if unknown:
        notices.append(f"the header has unknown fields ({listed(unknown)}): ignored")
    problem = _problem(header)
    if problem is not None:
        raise fail(problem)
    return header


def _problem(header: Header) -> str | None:
    """Tell what the header says that the specification cannot judge."""
    if header.spec != SPEC:
        return (
            f"the trace is of the specification {shown(header.spec)}, and this program has {SPEC!r}"
        )
    if header.discipline not in DISCIPLINES:
        hint = nearest(header.discipline, DISCIPLINES) or "."
        known = ", ".join(DISCIPLINES)
        return f"unknown discipline {shown(header.discipline)}{hint} The disciplines are {known}"
    runtime = (RUNNABLE | PUBLISHED)[header.discipline].runtime
    if header.runtime != runtime:
        return (
            f"the runtime is {shown(header.runtime)}, and replies under {header.discipline} run on "
            f"{runtime!r}; one of the two is not what was recorded"
        )
    if header.program != PROGRAM:
        return (
            f"the program is {listed(header.program) or 'empty'}; the specification is of the "
            f"program {', '.join(PROGRAM)}"
        )
    for word, values in (("instances", header.instances), ("stores", header.stores)):
        if not values or len(set(values)) != len(values) or not all(map(is_name, values)):
            return f"{word} must be different printable names, and are {list(values)}"
    crowd = too_many(header)
    if crowd is not None:
        return crowd
    if len(header.stores) > 1:
        return (
            f"the trace is of {len(header.stores)} stores, and the specification is of one; "
            "record each store by itself"
        )
    if set(header.start) != set(START) or not all(
        0 <= version <= MAX_VERSION for version in header.start.values()
    ):
        return (
            f"start must hold the versions of {' and '.join(START)} when the recording began, each "
            f"0 to {MAX_VERSION:,}, and is {header.start}"
        )
    return None


def too_many(header: Header) -> str | None:
    """Tell what is wrong with several instances under a discipline of one; None if nothing is.

    It is more than a wrong word: of several instances ViewAgreesWithStore asks less than of one, so
    an instance that was never there would hide that the view of the other is behind.
    """
    count = len(header.instances)
    if count == 1 or DISCIPLINES[header.discipline].instances > 1:
        return None
    shared = [name for name, rules in DISCIPLINES.items() if rules.instances > 1]
    return (
        f"the trace is of {count} instances ({listed(header.instances)}), and replies under "
        f"{header.discipline} have one; several instances on one store are of "
        f"{' or '.join(shared)}"
    )


# In the place of a writer's sequence number: it has closed its recording.
CLOSED = -1
EVENT_KEYS = len(Event.__struct_fields__)
_Struct = TypeVar("_Struct", bound=msgspec.Struct)
NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@contextmanager
def open_trace(path: str | Path, *, torn: bool = False) -> Iterator[TraceReader]:
    """Open a trace file (``-``: standard input; gzip is recognised) and read its header.

    ``torn`` lets the last line be one that was cut: it is left out, and a notice says so.  Raises
    TraceError, also while the lines are being read.
    """
    with open_stream(path) as (name, stream):
        yield TraceReader(name, stream, torn=torn)


def trace_of(name: str, header: Mapping[str, object], events: Iterable[object]) -> TraceReader:
    """Read a trace that is in memory, as mappings or structs; it goes through the same checks."""
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in (header, *events))
    return TraceReader(name, io.BytesIO(data))


class TraceReader:
    """A trace that is read while it is iterated over; see ``leo_model.traces.events.Trace``."""

    def __init__(self, name: str, stream: Source, *, torn: bool = False) -> None:
        """Read the header from ``stream``. Raises TraceError when there is none."""
        self.name = name
        self.notices: list[str] = []
        self._torn = torn
        self._lines = Lines(name, stream)
        self.header: Header = read_header(self._lines, self.notices)
        self._carries: dict[str, Carries] = {
            action: carries(self.header.discipline, action) for action in ACTIONS
        }
        self._decode = msgspec.json.Decoder(Event).decode
        self._noticed: set[str] = set()
        self._seq: dict[str, int] = {}
        self._instance: dict[str, str] = {}
        # A writer that had written something has closed its recording.
        self._closed_some = False

    @property
    def closed(self) -> bool:
        """Tell whether every writer has closed its recording, as far as the lines were read."""
        return bool(self._seq) and all(seq == CLOSED for seq in self._seq.values())

    @property
    def empty(self) -> bool:
        """Tell whether no event has come after the header, as far as the lines were read: a writer
        that closed a recording of nothing adds none.
        """
        return not self._closed_some and all(seq == CLOSED for seq in self._seq.values())

    def __iter__(self) -> Iterator[Line]:
        """Yield every event as a checked line. Raises TraceError at the first bad one."""
        lines = self._lines
        try:
            while (raw := lines.next()) is not None:
                try:
                    event = self._decode(raw)
                    keys = EVENT_KEYS + len(event.reads) + len(event.writes)
                    self._once(raw, keys)
                except NOT_DECODED:
                    fields = self._fields(raw)
                    self._once(raw, 0)
                    if isinstance(fields, dict) and fields.get("kind") == "end":
                        self._end(fields)
                        continue
                    event = self._decode_with_care(fields)
                yield self._checked(event)
        except CutError as error:
            if not self._torn:
                raise
            self.notices.append(f"line {lines.number} is cut and left out: {error.lost}")

    def blocks(self) -> Blocks:
        """Let the lines that follow be looked at many at a time
        (``leo_model.traces.fast.engine``)."""
        return self._lines.blocks()

    @property
    def only_writer(self) -> tuple[str, int] | None:
        """The writer and the number of its last event, if there is one writer that goes on."""
        if len(self._seq) != 1:
            return None
        ((writer, seq),) = self._seq.items()
        return None if seq == CLOSED else (writer, seq)

    def skip(self, count: int, sessions: Iterable[str]) -> None:
        """Count events of the only writer that were taken from the blocks.

        ``sessions`` are all that are known to the only instance by now.
        """
        self._lines.skip(count)
        ((writer, seq),) = self._seq.items()
        self._seq[writer] = seq + count
        self._instance.update(dict.fromkeys(sessions, self.header.instances[0]))

    def _fail(self, text: str) -> TraceError:
        return TraceError(f"{self.name}: line {self._lines.number}: {text}")

    def _once(self, raw: bytes, keys: int) -> None:
        """Refuse a line, with so many keys in it, that has a key twice."""
        twice = repeated_key(raw, keys)
        if twice is not None:
            raise self._fail(twice)

    def _fields(self, raw: bytes) -> object:
        """Decode what the strict decoder refused, as any JSON value."""
        try:
            return msgspec.json.decode(raw)
        except NOT_DECODED as error:
            if self._lines.is_last():
                raise self._lines.cut() from error
            raise self._fail(
                f"this is not JSON ({error}); expected one event as a JSON object on each line"
            ) from error

    def _decode_with_care(self, fields: object) -> Event:
        """Say why a JSON value is no event, or leave out what a newer writer added."""
        if isinstance(fields, dict) and fields.get("kind") == "header":
            raise self._fail("a second header; a file holds one recording: do not join recordings")
        return self._known(fields, Event, "events")

    def _known(self, fields: object, kind: type[_Struct], several: str) -> _Struct:
        """Take the known fields of a line, and give notice of others."""
        names = kind.__struct_fields__
        if not isinstance(fields, dict):
            raise self._fail(f"expected an event as a JSON object and found {shown(fields)}")
        try:
            found = msgspec.convert({key: fields[key] for key in names if key in fields}, kind)
        except msgspec.ValidationError as error:
            hint = nearest(str(fields.get("action")), ACTIONS) if "action" in str(error) else ""
            raise self._fail(
                f"{error}{hint}; expected {several} of schema 1 with {', '.join(names)}"
            ) from error
        self._notice(several, fields.keys() - set(names))
        return found

    def _notice(self, kind: str, unknown: AbstractSet[str]) -> None:
        """Say once that fields are ignored."""
        if unknown and kind not in self._noticed:
            self._noticed.add(kind)
            self.notices.append(
                f"line {self._lines.number} has unknown fields ({listed(sorted(unknown))})"
                ": they are ignored, here and in later lines"
            )

    def _untold(self, missing: AbstractSet[str]) -> None:
        """Say once what an older recorder has left out."""
        if "untold" not in self._noticed:
            self._noticed.add("untold")
            self.notices.append(
                f"line {self._lines.number} does not tell {listed(sorted(missing))}, here and in "
                "later lines, as older recorders: that a reply generated from its own observation "
                "is assumed of this trace, not checked"
            )

    def _end(self, fields: dict[str, object]) -> None:
        """Take the line with which a writer closes its recording."""
        end = self._known(fields, End, "ends")
        events: int | None = self._seq.get(end.writer, 0)
        problem = explain_end(end, None if events == CLOSED else events, self.header.run)
        if problem is not None:
            raise self._fail(problem)
        self._closed_some = self._closed_some or bool(events)
        self._seq[end.writer] = CLOSED

    def _checked(self, event: Event) -> Line:
        header = self.header
        expected = self._seq.get(event.writer, 0) + 1
        if event.seq != expected or expected == CLOSED + 1:
            raise self._fail(_sequence(event, expected))
        if expected == 1 and not is_name(event.writer):
            raise self._fail(
                f"{shown(event.writer)} cannot be the name of a writer; expected one or more "
                "printable characters"
            )
        self._seq[event.writer] = expected
        if event.run != header.run:
            raise self._fail(
                f"the event belongs to the run {shown(event.run)} and the header to "
                f"{shown(header.run)}; "
                "a file holds one run: do not join recordings"
            )
        for word, value, known in (
            ("instance", event.instance, header.instances),
            ("store", event.store, header.stores),
        ):
            if value not in known:
                raise self._fail(
                    f"the {word} {shown(value)} is not in the header, which has {', '.join(known)}"
                    f"{nearest(value, known)}"
                )
        versions = self._versions(event)
        if ACTIONS[event.action].actor == "instance":
            if event.session or event.reply:
                raise self._fail(
                    f"{event.action} happens to an instance: session and reply must be empty, "
                    f"not {shown(event.session)} and {shown(event.reply)}"
                )
            return Line(self._lines.number, event, event.instance, 0, versions)
        return Line(self._lines.number, event, event.session, self._turn(event), versions)

    def _turn(self, event: Event) -> int:
        """Return the number of the reply, having checked the names of session and reply."""
        home = self._instance.get(event.session)
        if home is None:
            if not is_name(event.session) or event.session == NOBODY:
                raise self._fail(
                    f"{shown(event.session)} cannot be the name of a session; expected one or more "
                    f"printable characters (and not {NOBODY!r}, which is nobody's name)"
                )
            self._instance[event.session] = event.instance
        elif home != event.instance:
            raise self._fail(
                f"the session {event.session!r} was at instance {home!r} and is at "
                f"{event.instance!r} now; a session belongs to one instance"
            )
        session, _, digits = event.reply.rpartition(".")
        if (
            session != event.session
            or not (digits.isascii() and digits.isdigit())
            or digits[0] == "0"
            or len(digits) > 9
        ):
            raise self._fail(
                f"the reply {shown(event.reply)} does not belong to the session "
                f"{shown(event.session)}; expected {event.session[:60]}.N, where N = 1, "
                "2, ... counts the session's calls"
            )
        return int(digits)

    def _versions(self, event: Event) -> tuple[int, ...]:
        rule = self._carries[event.action]
        for word, given, wanted in (
            ("reads", event.reads, rule.reads),
            ("writes", event.writes, rule.writes),
        ):
            if given.keys() != wanted:
                if given.keys() == wanted - UNTOLD.keys():
                    self._untold(wanted & UNTOLD.keys())
                    continue
                raise self._fail(
                    f"{event.action} under {self.header.discipline} {word} "
                    f"{', '.join(sorted(wanted)) or 'nothing'}, and the event has {word} of "
                    f"{listed(sorted(given)) or 'nothing'}; expected exactly those "
                    "objects, each with its version"
                )
        if event.outcome != rule.outcome:
            raise self._fail(
                f"the outcome of {event.action} is {rule.outcome!r}, and the event says "
                f"{shown(event.outcome)}"
            )
        versions = versions_of(event, rule.order)
        if versions and not (min(versions) >= 0 and max(versions) <= MAX_VERSION):
            raise self._fail(
                f"the versions {event.reads or event.writes} are out of range; a version is a "
                f"number of committed writes, 0 to {MAX_VERSION:,}"
            )
        return versions


def _sequence(event: Event, expected: int) -> str:
    if expected == CLOSED + 1:
        return (
            f"an event of the writer {shown(event.writer)}, which has closed its recording before; "
            "do not join recordings"
        )
    found = f"writer {shown(event.writer)} has seq {event.seq} where {expected} was expected"
    if event.seq > expected:
        missing = event.seq - expected
        return (
            f"a gap in the sequence: {found}; {missing} event{'s are' if missing > 1 else ' is'} "
            "missing, so nothing can be said about the run: record it again"
        )
    return (
        f"a repeat in the sequence: {found}; lines were doubled or put in another order: the order "
        "of the lines is the order in which things happened, do not sort them"
    )
