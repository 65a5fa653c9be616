"""Lane diagrams and stories: what happened around a line, who read and wrote what; 80 columns."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from leo.units import NAMES
from leo_model.disciplines import DISCIPLINES
from leo_model.traces.native import check
from leo_model.traces.reader import open_trace, trace_of
from leo_model.traces.report import to_text
from leo_model.traces.story import lanes_of, tell
from leo_model.traces.validate import validate
from tests.model.traces.synth import moves, random_trace, scripted_trace, trace_world
from tests.model.traces.test_trace_reader import encode

FAULTY = [name for name in DISCIPLINES if name != "sequential"]


def scripted(path: Path, discipline: str, script: str) -> Path:
    """Write the trace of a schedule given as `session action action; session action; ...`."""
    header, events = scripted_trace(trace_world(discipline, 2), moves(*script.split(";")))
    path.write_bytes(encode([header, *events]))
    return path


def told(path: Path) -> dict[str, tuple[list[str], str]]:
    """The stories of a trace: the sentences and the diagram of each property that fell."""
    with open_trace(path) as trace:
        outcome = check(trace)
    stories = tell(path, outcome.violations.values())
    return {story.violation.property: (story.sentences, story.diagram) for story in stories}


def named(path: Path) -> str:
    """The name of the cycle of a trace, as its story and the report have it."""
    with open_trace(path) as trace:
        outcome = check(trace)
    (story,) = tell(path, [outcome.violations["Serializable"]])
    (report,) = validate([path])
    line = story.violation.line
    assert f"  story     Serializable at line {line}: {story.anomaly}\n" in to_text(report, [story])
    return story.anomaly


OBSERVE = "Ingest LoadBigrams LoadTrigrams AssignView"


BEGIN = "Call Acquire Recall"
SAVE = "Generate SaveSnapshot"
WHOLE = "Call Acquire Begin Recall Ingest Generate SaveSnapshot Commit"


@pytest.mark.parametrize(
    ("discipline", "script", "told_of"),
    [
        ("bare",
         f"s1 {BEGIN}; s2 {BEGIN} {OBSERVE} {SAVE}; s1 {OBSERVE} {SAVE}",
         ["s1.1 precedes s2.1: s1.1 read snapshots v0 (line 4), and s2.1 wrote snapshots v1 after "
          "that (line 13)",
          "s2.1 precedes s1.1: s2.1 read the view v1 (line 12), and s1.1 wrote ngrams v2 after "
          "that (line 14)"]),
        # A unit of work that sees the other's snapshot, and generates from a view without its
        # observation.
        ("shared-store-unit-of-work", f"s2 {WHOLE}; s1 {WHOLE}",
         ["s1.1 precedes s2.1: s1.1 read the view v0 (line 15) without s2.1's write of ngrams v1 "
          "(line 9)",
          "s2.1 precedes s1.1: s1.1 read snapshots v1 (line 13) with s2.1's write of snapshots v1 "
          "(line 9)"]),
        # Two writes of one object.
        ("shared-store",
         f"s1 {BEGIN} {OBSERVE}; s2 {BEGIN} {OBSERVE} Generate; s1 Generate SaveSnapshot; s2 "
         "SaveSnapshot",
         ["s1.1 precedes s2.1: s2.1 wrote ngrams v2 (line 12) over s1.1's write of ngrams v1 "
          "(line 5)"]),
    ],
)  # fmt: skip
def test_a_cycle_is_told_edge_by_edge(
    discipline: str, script: str, told_of: list[str], tmp_path: Path
) -> None:
    """Who read which version, who wrote it, and in which lines."""
    sentences, diagram = told(scripted(tmp_path / "t", discipline, script))["Serializable"]
    assert set(told_of) <= set(sentences)
    assert " │ Ingest" in diagram and "✗ Serializable: dependency cycle s1.1 -> s2.1" in diagram


UNIT = "Begin Recall Ingest Generate SaveSnapshot Commit"


@pytest.mark.parametrize(
    ("discipline", "script", "anomaly"),
    [
        # Each wrote over the other: s2 the n-grams, s1 the snapshots.
        (
            "bare",
            f"s1 Call Acquire Recall {OBSERVE} Generate;"
            f"s2 Call Acquire Recall {OBSERVE} Generate SaveSnapshot; s1 SaveSnapshot",
            "G0 dirty write",
        ),
        # s1 recalled before s2 saved, and wrote over the n-grams of s2.
        (
            "bare",
            f"s1 Call Acquire Recall; s2 Call Acquire Recall {OBSERVE} Generate SaveSnapshot;"
            "s1 Ingest",
            "G-single read skew",
        ),
        # s1 saw the snapshot of s2 and, in its own view, not its observation.
        (
            "shared-store-unit-of-work",
            f"s2 Call Acquire {UNIT}; s1 Call Acquire {UNIT}",
            "G-single read skew",
        ),
        # s2 generated from what s1 wrote, and s1 from what s2 wrote.
        (
            "bare",
            f"s1 Call Acquire Recall Ingest; s2 Call Acquire Recall {OBSERVE} Generate;"
            "s1 LoadBigrams LoadTrigrams AssignView Generate",
            "G1c circular information flow",
        ),
    ],
)
def test_a_cycle_has_adyas_name(discipline: str, script: str, anomaly: str, tmp_path: Path) -> None:
    """A cycle of replies is called what a cycle of units is called."""
    assert named(scripted(tmp_path / "t", discipline, script)) == anomaly


@pytest.mark.parametrize("discipline", FAULTY)
def test_every_story_can_be_told(discipline: str, tmp_path: Path) -> None:
    """Random schedules with faults: every violation has a story, each edge of a cycle a reason,
    and nothing is wider than the screen."""
    for seed in range(2):
        header, events = random_trace(trace_world(discipline, 4), Random(seed), 0.1, 90)
        path = tmp_path / str(seed)
        path.write_bytes(encode([header, *events]))
        (report,) = validate([path])
        assert report.native is not None
        violations = report.native.violations
        stories = tell(path, violations.values())
        assert {story.violation.property for story in stories} == set(violations)
        for story in stories:
            assert story.diagram
            assert bool(story.anomaly) == (story.violation.property == "Serializable")
            if story.violation.property == "Serializable":
                assert story.anomaly in NAMES
                edges = story.violation.witness.count("->")
                assert len(story.sentences) == edges
                assert all(re.search(r"\(line \d+\)", said) for said in story.sentences)
        lines = to_text(report, stories).splitlines()
        assert all(len(line) <= 80 for line in lines[1:])


@pytest.mark.parametrize("discipline", ["asyncio-lock", "bare", "actor", "shared-store"])
def test_the_lines_around_a_refused_one_are_drawn(discipline: str, tmp_path: Path) -> None:
    """The refused line is the last of the diagram; the screen is wide enough for any number of
    sessions."""
    header, events = random_trace(trace_world(discipline, 9), Random(1), 0.02, 60)
    place = 50
    events[place] = {**events[place], "reply": f"{events[place]['session']}.77"}
    path = tmp_path / "trace"
    path.write_bytes(encode([header, *events]))
    (report,) = validate([path])
    text = to_text(report)
    assert f"✗ line {place + 2} is no step" in text
    assert all(len(line) <= 80 for line in text.splitlines()[1:])
    drawn = [line for line in text.splitlines() if line.lstrip().startswith(f"{place + 2} │")]
    assert len(drawn) == 1


def test_sessions_that_do_not_fit_are_counted() -> None:
    """Four lanes; what is left out is told."""
    header, events = random_trace(trace_world("bare", 9), Random(1), 0.0, 30)
    text = lanes_of(list(trace_of("t", header, events)), first=["s7"])
    assert "s7" in text.splitlines()[0]
    assert re.search(r"^\(\d+ events of 5 other sessions are left out\)$", text, re.MULTILINE)
