"""What traces have exercised: counted as it says, and what is missing can be reached as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest

from leo.errors import TraceError
from leo_model.commands.validate import VALIDATE
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.machine.machine import Move, apply, candidates, successors
from leo_model.machine.reachable import bounded_world
from leo_model.machine.state import State
from leo_model.traces import coverage
from leo_model.traces.coverage import Coverage, measure, shape, to_builtins, to_lines
from leo_model.traces.reader import trace_of
from tests.model.traces.synth import moves, random_trace, scripted_trace, trace_world
from tests.model.validating import options, write


def told(found: Coverage) -> str:
    return "\n".join(to_lines(found))


def covered(discipline: str, schedules: list[list[Move]]) -> Coverage:
    """The coverage of these schedules, as traces."""
    found = Coverage(measure(discipline, 2, 1))
    for schedule in schedules:
        world = bounded_world(discipline, 1 if discipline == "sequential" else 2, 1)
        found.add(trace_of("t", *scripted_trace(world, schedule)))
    return found


@pytest.mark.parametrize("discipline", ["sequential", "asyncio-lock", "reentrant"])
def test_schedules_that_are_missing_complete_the_coverage(discipline: str) -> None:
    """A trace of each schedule that the report names visits everything, and nothing is outside."""
    empty = Coverage(measure(discipline, 2, 1))
    found = covered(discipline, [*empty.missing_steps(), *empty.missing_states()])
    assert len(found.steps) == len(found.measure.steps) > 10
    assert len(found.states) == len(found.measure.states)
    assert list(found.missing_actions()) == []
    assert list(found.missing_states()) == []
    assert found.outside == found.refused == 0
    assert "never" not in told(found)


@pytest.mark.long
@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_schedules_that_are_missing_complete_every_discipline(discipline: str) -> None:
    """The same for all of them."""
    empty = Coverage(measure(discipline, 2, 1))
    found = covered(discipline, list(empty.missing_steps()))
    assert len(found.steps) == len(found.measure.steps)
    assert found.outside == 0


@pytest.mark.parametrize("discipline", ["asyncio-lock", "shared-store-immediate", "optimistic"])
def test_states_of_one_shape_have_the_same_future(discipline: str) -> None:
    """In random runs of two sessions with many calls, a state that has a shape of the bounded graph
    has the very transitions of that shape (but for calls, which the bound limits)."""
    known = measure(discipline, 2, 1)
    steps: dict[object, set[object]] = {}
    for source, action, target in known.steps:
        if action != "Call":
            steps.setdefault(source, set()).add((action, target))
    world, rng = trace_world(discipline, 2), Random(discipline)
    state = State.initial(world.instance_of, sorted(set(world.instance_of.values())))
    checked = 0
    for _ in range(160):
        here = shape(world, state, 2)
        if here in known.states:
            checked += 1
            there = {
                (move.action, shape(world, following, 2))
                for move, following in successors(world, state)
                if move.action != "Call"
            }
            assert there == steps.get(here, set())
        moves = list(candidates(world, state))
        rng.shuffle(moves)
        for move in moves:
            try:
                apply(world, state, move)
            except Refused:
                continue
            break
    assert checked > 10


def test_names_and_numbers_do_not_matter() -> None:
    """The same schedule by other sessions, later, has the same coverage."""
    schedule, other = ([*moves(f"{s} Call Acquire Recall Cancel")] for s in ("s1", "s2"))
    one, two = covered("bare", [schedule]), covered("bare", [other])
    both = covered("bare", [schedule + other])
    assert one.states == two.states == both.states
    assert one.steps == two.steps == both.steps
    assert both.traces == 1 and both.events == 8 and both.outside == 0


def test_what_is_outside_is_said() -> None:
    """More replies at once than the bound: the lines count for their actions only."""
    header, events = random_trace(trace_world("bare", 6), Random(1), 0.0, 300)
    found = Coverage(measure("bare", 2, 1))
    found.add(trace_of("t", header, events))
    assert found.events == 300
    assert found.outside > 200
    assert re.search(rf"lines outside of the bound +{found.outside} +of 300", told(found))
    assert sum(found.actions.values()) == 300


def test_refused_trace_counts_up_to_its_refusal() -> None:
    """A line that is no step, and what follows it, exercises nothing."""
    header, events = random_trace(trace_world("asyncio-lock", 2), Random(1), 0.0, 40)
    events[20] = {**events[20], "action": "Retry", "reads": {}, "writes": {}, "outcome": "ok"}
    found = Coverage(measure("asyncio-lock", 2, 1))
    found.add(trace_of("t", header, events))
    assert (found.refused, found.events) == (1, 20)
    assert re.search(r"traces refused +1 +of 1", told(found))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    kinds = enumerate(("bare", "bare", "asyncio-lock"))
    return [
        write(tmp_path / f"{k}.ndjson", kind, faults=0.05, sessions=2, length=60, seed=k)
        for k, kind in kinds
    ]


def test_report_merges_runs_by_discipline_and_fits(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One block for each discipline, at most 80 columns; what two runs visit together is no less
    than what one visits."""
    assert coverage.run(options(*files)) == 0
    said = capsys.readouterr().out
    assert said.startswith("bare: 2 traces, 120 events; measured by 2 sessions x 1 call")
    assert "\n\nasyncio-lock: 1 trace, 60 events" in said
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "never taken; the nearest:" in said
    assert coverage.run(options(*files, "--json")) == 0
    both, lock = json.loads(capsys.readouterr().out)
    assert coverage.run(options(files[0], "--json")) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["states"]["visited"] <= both["states"]["visited"] < both["states"]["total"]
    missing = both["transitions"]["total"] - both["transitions"]["visited"]
    assert len(both["never"]["transitions"]) == missing
    assert lock["discipline"] == "asyncio-lock"
    assert to_builtins(Coverage(measure("bare", 2, 1)))["never"]["actions"] != []


def test_bad_file_and_bad_bound(
    tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no trace gives exit code 2 beside the report on the others; a bound that is
    none is refused with what was expected."""
    bad = tmp_path / "bad"
    bad.write_text("no trace\n")
    assert coverage.run(options(str(bad), files[0])) == 2
    said = capsys.readouterr()
    assert said.out.startswith("bare: 1 trace")
    assert "line 1: this is not NDJSON" in said.err
    with pytest.raises(TraceError, match="--bound 9x9: expected sessions x calls"):
        coverage.run(options(files[0], "--bound", "9x9"))


def test_reports_are_asked_for_one_at_a_time(files: list[str]) -> None:
    """The command refuses what would be answered in part only."""
    assert VALIDATE.run(options(files[0], "--coverage")) == 0
    for other in ("--strength", "--follow"):
        with pytest.raises(TraceError, match=f"--coverage {other}: coverage and strength are"):
            VALIDATE.run(options(files[0], "--coverage", other))
