"""The JSON Schema of a trace: made from the event classes, and of one mind with the reader."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leo.errors import TraceError
from leo.units import judge_bytes
from leo_model.disciplines import DISCIPLINES
from leo_model.traces.reader import TraceReader
from leo_model.traces.schema import schema, schema_path, text
from leo_model.traces.workload import Workload, record
from tests.leo.units.definition import traces
from tests.leo.units.test_instrument import Shelf, watch
from tests.leo.units.test_units_traces import JSON, racing
from tests.leo.units.writer import Writer
from tests.model.traces.mutation import mutate
from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import BAD, encode, sample

VALIDATOR = jsonschema.Draft202012Validator(schema())

# What no schema of one line can say: it takes the lines before it, or the bytes.
BEYOND_ONE_LINE = {
    "empty", "no header", "gap", "repeat", "no newline at the end", "second header",
    "reply of another session", "unknown instance", "unknown store", "another run",
    "session with an escape", "writer with an escape", "no writer",
    "not NDJSON", "binary", "not UTF-8",
    "byte order mark", "cut in the middle", "cut JSON with a newline", "cut in the first event",
    "cut in the header", "broken in the middle", "empty line", "10 MB on one line",
    "deep", "end of another run", "end twice", "end with another count",
    "event after the end",
}  # fmt: skip


def faults(line: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(line)]


def test_the_file_is_the_one_that_the_classes_make() -> None:
    """A field, action or discipline that changes in the code changes the schema: no drift."""
    assert schema_path().read_text("utf-8") == text(), (
        f"{schema_path().name} differs from the event classes: "
        "python -m leo_model.traces.schema writes it anew"
    )
    jsonschema.Draft202012Validator.check_schema(schema())


@settings(max_examples=20)
@given(st.sampled_from(sorted(DISCIPLINES)), st.integers(0, 10**6))
def test_every_line_of_a_behaviour_is_valid(discipline: str, seed: int) -> None:
    """Header and events of random schedules of every discipline, faults included; and of their
    mutations, which are wrong for an engine and still in the schema.
    """
    rng = Random(seed)
    world = trace_world(discipline, 1 if discipline == "sequential" else 3)
    header, events = random_trace(world, rng, 0.1, 20)
    _, mutated = mutate(discipline, events, rng)
    assert not any(map(faults, (header, *events, *mutated)))


def test_every_line_that_the_recorder_writes_is_valid(tmp_path: Path) -> None:
    """The real organism's recording, its closing line included."""
    path = record(Workload("shared-store-immediate", 2, 2), tmp_path)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert not any(map(faults, lines)) and lines[-1]["kind"] == "end"


@pytest.mark.parametrize("name", BAD)
def test_what_the_reader_refuses_the_schema_refuses(name: str) -> None:
    """Each kind of damage that one line shows: at least one line is not valid. What is said to be
    beyond one line is no JSON, or is valid line by line.
    """
    lines: list[Any] = []
    with contextlib.suppress(ValueError, RecursionError):
        lines = [json.loads(line) for line in BAD[name][0].splitlines()]
    assert any(map(faults, lines)) != (name in BEYOND_ONE_LINE)


FIELD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.text(max_size=3), st.just({}), st.just([])
)

# What is wrong with a line of a trace of units, and is seen in that line alone.
BAD_UNITS: list[tuple[int, dict[str, object]]] = [
    (1, {"schema": 2}), (1, {"spec": "units/9"}), (1, {"start": {"x": -1}}),
    (1, {"kind": "Units"}), (2, {"action": "Call"}), (2, {"action": "Later"}),
    (2, {"outcome": "returned"}), (2, {"reads": {"x": 0}}), (2, {"reply": ""}), (2, {"seq": 0}),
    (3, {"reads": {}}), (3, {"reads": {"x": "0"}}), (3, {"writes": {"x": 1}}), (3, {"since": 0}),
    (3, {"outcome": "raised"}), (3, {"call": 7}), (6, {"writes": {"x": 0}}), (6, {"writes": {}}),
    (6, {"outcome": "returned"}), (7, {"outcome": "ok"}), (7, {"writes": {"x": 1}}),
    (10, {"events": -1}), (10, {"events": "8"}),
]  # fmt: skip


def units_lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in racing().data().splitlines()]


def refused_by_reader(lines: list[dict[str, Any]]) -> bool:
    try:
        judge_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    except TraceError:
        return True
    return False


@pytest.mark.parametrize(("at", "change"), BAD_UNITS)
def test_what_the_reader_of_units_refuses_the_schema_refuses(
    at: int, change: dict[str, object]
) -> None:
    """Each kind of damage that one line of a trace of units shows; undamaged, it is valid."""
    lines = units_lines()
    assert not any(map(faults, lines))
    lines[at - 1] |= change
    assert refused_by_reader(lines)
    assert faults(lines[at - 1])


@given(traces(exact=False))
@settings(max_examples=20)
def test_every_line_of_a_trace_of_units_is_valid(trace: Writer) -> None:
    """Header, events with and without an interval, the closing line."""
    assert not any(faults(json.loads(line)) for line in trace.data().splitlines())


def test_every_line_that_instrument_writes_is_valid() -> None:
    """A recording of a class that is not ours, with failures; and every line of the guide."""

    async def main() -> bytes:
        shelf = Shelf()
        with watch(shelf) as recording:
            await shelf.add("a")
            with contextlib.suppress(ValueError):
                await shelf.put("a", -1)
        return recording.ndjson()

    lines = [*asyncio.run(main()).splitlines(), *JSON[0].encode().splitlines()]
    assert [faults(json.loads(line)) for line in lines if faults(json.loads(line))] == []


@given(st.integers(0, 9), st.data())
def test_a_changed_field_of_units_that_the_schema_refuses_the_reader_refuses(
    at: int, data: st.DataObject
) -> None:
    """The schema refuses nothing that the reader of units takes."""
    lines = units_lines()
    name = data.draw(st.sampled_from([*sorted(lines[at]), "since", "call", "later"]))
    lines[at] = {**lines[at], name: data.draw(FIELD_VALUES)}
    assert refused_by_reader(lines) or faults(lines[at]) == []


@given(st.integers(1, 30), st.data())
def test_a_changed_field_that_the_schema_refuses_the_reader_refuses(
    at: int, data: st.DataObject
) -> None:
    """The schema refuses nothing that the reader takes: one field of one line set to anything."""
    lines = sample()
    name = data.draw(st.sampled_from(sorted(lines[at])))
    lines[at] = {**lines[at], name: data.draw(FIELD_VALUES)}
    try:
        for _ in TraceReader("t", io.BytesIO(encode(lines))):
            pass
    except TraceError:
        return
    assert faults(lines[at]) == []


def test_later_fields_are_valid() -> None:
    """Unknown fields are allowed in every kind of line; unknown actions are not."""
    end = {"kind": "end", "run": "r", "writer": "w1", "events": 30}
    for line in (*sample()[:3], end):
        assert faults({**line, "later": [1]}) == []
    assert faults({**sample()[1], "action": "Later"})
