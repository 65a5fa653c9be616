"""The header of a trace: what was recorded, under which claim."""

from __future__ import annotations

from typing import Final

import msgspec

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo.disciplines import PUBLISHED
from leo.errors import TraceError
from leo.trace.events import MAX_VERSION, SCHEMA, SPEC, Header
from leo.trace.lines import Lines
from leo.trace.words import is_name, listed, nearest, repeated_key, shown
from leo_model.disciplines import DISCIPLINES
from leo_model.traces.events import PROGRAM

FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Header))
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
    missing = [name for name in FIELDS if name not in fields]
    if missing:
        raise fail(f"the header lacks {', '.join(missing)}; a header has {', '.join(FIELDS)}")
    try:
        header = msgspec.convert({name: fields[name] for name in FIELDS}, Header)
    except msgspec.ValidationError as error:
        raise fail(f"the header is not of schema {SCHEMA}: {error}") from error
    unknown = sorted(fields.keys() - set(FIELDS))
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
