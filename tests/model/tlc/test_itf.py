"""The trace format of Apalache: what we write, its own reader reads as the same values."""

import json
from pathlib import Path
from typing import Any

import itf_py
from hypothesis import given

from leo_model.tlc.itf import trace_to_itf, value_to_itf, write_itf
from leo_model.tlc.messages import Trace, TraceStep
from leo_model.tlc.value import Fn, Value, function
from tests.model.tlc.test_tlavalue import VALUES

TRACE = Trace(
    (
        TraceStep(1, "", "", {"x": 0, "y": Fn([("s1", frozenset({"a"}))])}),
        TraceStep(2, "Inc", "line 1, col 2 to line 3, col 4 of module M", {"x": 1, "y": ()}),
    ),
    back_to=1,
)


def back(value: Any) -> Value:
    """A value of the reader's library as one of ours."""
    if hasattr(value, "_fields"):
        return function((name, back(item)) for name, item in value._asdict().items())
    if isinstance(value, list):
        return tuple(map(back, value))
    if isinstance(value, frozenset):
        return frozenset(map(back, value))
    if hasattr(value, "items"):
        return function((back(key), back(item)) for key, item in value.items())
    assert isinstance(value, int | str)
    return value


@given(VALUES)
def test_read_by_its_own_library(value: Value) -> None:
    """Every value of a counterexample survives the way through the file and the library."""
    text = json.dumps(value_to_itf(value))
    assert back(itf_py.value_from_json(json.loads(text))) == value


def test_trace(tmp_path: Path) -> None:
    """States, actions, variables and the loop of a lasso are where the library looks for them."""
    path = tmp_path / "t.itf.json"
    write_itf(TRACE, "Coherent falls", path)
    read = itf_py.trace_from_json(json.loads(path.read_text("utf-8")))
    assert read.vars == ["x", "y"]
    assert read.loop == 0
    assert [state.meta["action"] for state in read.states] == ["", "Inc"]
    assert [{k: back(v) for k, v in s.values.items()} for s in read.states] == [
        step.state for step in TRACE.steps
    ]
    assert read.meta["description"] == "Coherent falls"


def test_loops() -> None:
    """A stuttering behaviour loops in its last state; a finite one has no loop at all."""
    assert trace_to_itf(Trace(TRACE.steps, stutters=True), "")["loop"] == 1
    assert "loop" not in trace_to_itf(Trace(TRACE.steps), "")
