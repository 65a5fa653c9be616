"""The histories by hand (``isolation/README.md``): each is found by its name, its sibling not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leo.commands.main import main
from leo.units import anomalies
from leo.units.anomalies import (
    DUPLICATE,
    FORBIDDEN_FROM,
    G1A,
    G1B,
    GARBAGE,
    INCOMPATIBLE,
    LOST_UPDATE,
    NAMES,
    STALE,
)
from leo.units.graph import _GRADES
from leo.units.judge import judge_bytes
from leo.units.report import to_fields, to_lines
from tests.leo.units.writer import Writer

FOLDER = Path(__file__).parent / "isolation"
VECTORS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
ENDS = {"returns": "returned", "raises": "raised"}


def trace_of(vector: dict[str, Any]) -> Writer:
    """The trace of a vector. Raises KeyError for a step that is none."""
    trace = Writer(start=vector["pre"], versions=dict(vector["pre"]))
    for step in vector["steps"]:
        unit, verb, *rest = step.split()
        if verb == "opens":
            trace.add(unit, "Open")
        elif verb == "reads":
            seen = {rest[0]: int(rest[1])} if rest[1:] else None
            trace.add(unit, "Read", reads=[] if seen else rest, seen=seen)
        elif verb == "writes":
            trace.add(unit, "Write", writes=rest)
        else:
            trace.add(unit, "Close", outcome=ENDS[verb])
    return trace


def test_every_name_has_a_vector_and_every_vector_a_sibling() -> None:
    """The eight names of the formal model are all there, and nothing passes for want of files."""
    named = {vector["anomaly"] for vector in VECTORS.values()} - {None}
    assert named == set(NAMES)
    harmful = {name for name in VECTORS if not name.endswith("-harmless")}
    assert len(harmful) >= 8
    assert set(VECTORS) == harmful | {f"{name}-harmless" for name in harmful}


def test_every_name_has_a_level_a_rank_and_a_search() -> None:
    """A name that one of the tables forgets would be told last, or with too weak a level."""
    words = {word: name for word, name in vars(anomalies).items() if isinstance(name, str)}
    named = {words[word] for word in words if word.isupper() and word not in ("RW", "WR", "WW")}
    of_calls, of_values = {G1A, G1B}, {STALE, GARBAGE, DUPLICATE, INCOMPATIBLE}
    assert named == set(FORBIDDEN_FROM) == set(NAMES) | of_values
    searched = {name for name, *_ in _GRADES} | {LOST_UPDATE}
    assert searched == set(NAMES) - of_calls


def told(findings: list[dict[str, Any]]) -> list[str]:
    """What fell, for sure or not, under which name, and where."""
    return [
        f"{'' if found['sure'] else 'perhaps '}{found['property']} at line {found['line']}"
        + (f": {found['anomaly']}" if found["anomaly"] else "")
        for found in findings
    ]


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The findings are the expected ones, and so is the exit code; the anomaly is named in the
    report for people as well."""
    vector = VECTORS[name]
    path = tmp_path / "trace"
    path.write_bytes(trace_of(vector).data())
    verdict = judge_bytes(path.read_bytes())
    expected = vector["expected"]
    assert told(to_fields(verdict)["findings"]) == expected
    assert verdict.level(sure=True) == vector["level"]
    assert main(["validate", "--json", str(path)]) == int(bool(expected))
    assert told(json.loads(capsys.readouterr().out)[0]["findings"]) == expected
    assert bool(expected) != name.endswith("-harmless")
    if vector["anomaly"] is not None:
        assert any(vector["anomaly"] in finding for finding in expected)
        assert vector["anomaly"] in " ".join("\n".join(to_lines(verdict)).split())
