"""``spec/trace.schema.json``: the JSON Schema of a line of a trace, generated from the event
classes.

There are two kinds of trace, of replies (`leo.trace.events`) and of units
(`leo/units/REFERENCE.md`), and one schema for the lines of both. A schema constrains one line
without its neighbours; the readers refuse more (gaps in the numbers, a session at two instances,
versions of another discipline). ``python -m leo_model.traces.schema`` writes the file; a test fails
while it differs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from leo.trace.events import MAX_VERSION, SCHEMA, SPEC, End, Event, Header
from leo.units import CALLS, OUTCOMES, UNITS_SCHEMA, UNITS_SPEC, UnitAction, UnitEvent, UnitsHeader
from leo_model.disciplines import DISCIPLINES
from leo_model.files import spec_folder
from leo_model.machine.machine import ACTIONS
from leo_model.machine.state import NOBODY
from leo_model.traces.events import PROGRAM, UNTOLD, Carries, carries

NAME: Final = "trace.schema.json"
VERSION: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": MAX_VERSION}
WORD: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
NUMBER: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}

Schema = dict[str, Any]


def schema_path() -> Path:
    """Return where the schema is: in the checkout, or inside the wheel."""
    return spec_folder() / NAME


def schema() -> Schema:
    """Return the JSON Schema (2020-12) of one line: a header, an event, or a closing line, which is
    the same in both kinds of trace.
    """
    header, event, end = _object(Header), _object(Event), _object(End)
    header["properties"] |= {
        "schema": {"const": SCHEMA},
        "kind": {"const": "header"},
        "spec": {"const": SPEC},
        "discipline": {"enum": list(DISCIPLINES)},
        "program": {"const": list(PROGRAM)},
        "instances": {"type": "array", "items": WORD, "minItems": 1, "uniqueItems": True},
        "stores": {"type": "array", "items": WORD, "minItems": 1, "maxItems": 1},
        "start": _versions(frozenset({"ngrams", "snapshots"})),
    }
    single = [name for name, rules in DISCIPLINES.items() if rules.instances == 1]
    header["if"] = {"properties": {"discipline": {"enum": single}}}
    header["then"] = {"properties": {"instances": {"maxItems": 1}}}
    event["properties"] |= {
        "seq": {"type": "integer", "minimum": 1},
        "action": {"enum": list(ACTIONS)},
        # What a line is, is told by its kind; an event has none.
        "kind": {"not": {"enum": ["header", "end"]}},
    }
    event["allOf"] = [_rule(action) for action in ACTIONS]
    end["properties"] |= {"kind": {"const": "end"}, "events": NUMBER}
    lines = {"header": header, "event": event, "end": end}
    lines |= {"units_header": _units_header(), "units_event": _units_event()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a trace, schema {SCHEMA}",
        "description": (
            "A trace is NDJSON: a header, then events in the order in which they happened, and a "
            "closing line of each writer. A trace of units has a header and events of its own. "
            "Unknown fields are ignored, unknown actions refused."
        ),
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in lines],
        "$defs": lines,
    }


def text() -> str:
    """Return the file as it should be."""
    return json.dumps(schema(), indent=1) + "\n"


def _units_header() -> Schema:
    header = _object(UnitsHeader)
    header["properties"] |= {
        "schema": {"const": UNITS_SCHEMA},
        "kind": {"const": "units"},
        "spec": {"const": UNITS_SPEC},
        "start": _any_versions(),
    }
    return header


def _units_event() -> Schema:
    event = _object(UnitEvent)
    event["properties"] |= {
        "seq": {"type": "integer", "minimum": 1},
        "reply": WORD,
        "action": {"enum": [str(action) for action in UnitAction]},
        "reads": _any_versions(),
        "writes": _any_versions(minimum=1),
        "kind": {"not": {"enum": ["units", "end"]}},
    }
    event["allOf"] = [_units_rule(action) for action in UnitAction]
    return event


def _units_rule(action: UnitAction) -> Schema:
    """What an event of a unit carries: a Read reads, a Write writes, and may read as well."""
    none, some = {"maxProperties": 0}, {"minProperties": 1}
    properties: Schema = {
        "outcome": {"enum": sorted(OUTCOMES[action])},
        "reads": some if action is UnitAction.Read else none,
        "writes": some if action is UnitAction.Write else none,
    }
    if action is UnitAction.Write:
        del properties["reads"]
    if action in CALLS:
        properties["since"] = {"minimum": 1}
    return {
        "if": {"properties": {"action": {"const": str(action)}}},
        "then": {"properties": properties},
    }


def _any_versions(minimum: int = 0) -> Schema:
    """An object that maps any names to versions."""
    return {"type": "object", "additionalProperties": VERSION | {"minimum": minimum}}


def _object(struct: type[msgspec.Struct]) -> Schema:
    """The schema of a class: its fields and their types; later fields may follow."""
    _, components = msgspec.json.schema_components([struct])
    found = components[struct.__name__]
    return {
        "description": " ".join(found["description"].split()),
        "type": "object",
        "properties": dict(found["properties"]),
        "required": found["required"],
    }


def _rule(action: str) -> Schema:
    """What an event of this action carries, under one discipline or another."""
    kinds = list(dict.fromkeys(carries(discipline, action) for discipline in DISCIPLINES))
    properties: Schema = {"outcome": {"const": kinds[0].outcome}}
    if ACTIONS[action].actor == "instance":
        properties |= {"session": {"const": ""}, "reply": {"const": ""}}
    else:
        properties |= {
            "session": WORD | {"not": {"const": NOBODY}},
            "reply": {"type": "string", "pattern": r"^.+\.[1-9][0-9]{0,8}$"},
        }
    then: Schema = {"properties": properties}
    if len(kinds) == 1:
        properties |= _carried(kinds[0])
    else:
        then["anyOf"] = [{"properties": _carried(kind)} for kind in kinds]
    return {"if": {"properties": {"action": {"const": action}}}, "then": then}


def _carried(kind: Carries) -> Schema:
    return {"reads": _versions(kind.reads), "writes": _versions(kind.writes)}


def _versions(objects: frozenset[str]) -> Schema:
    """An object that maps exactly these names to versions; older recorders left some out."""
    return {
        "type": "object",
        "properties": {item: VERSION for item in sorted(objects)},
        "required": sorted(objects - UNTOLD.keys()),
        "additionalProperties": False,
    }


if __name__ == "__main__":
    schema_path().write_text(text(), "utf-8")
    print(schema_path())
