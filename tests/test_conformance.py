"""The organism does what the specification says: recorded runs, judged by both engines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest

from leo_model.checking.claims import load_claims
from leo_model.disciplines import IDEALISED
from leo_model.traces.report import to_text
from leo_model.traces.validate import Report, expected_to_break, validate
from leo_model.traces.workload import Workload, record
from tests.model.traces.agreement import Case, compare, mutated

RUNS = [20, pytest.param(100, marks=pytest.mark.long)]


def runs(folder: Path, discipline: str, count: int, **more: Any) -> list[Report]:
    """So many small runs, each on a new field with its own seed, judged by the native engine."""
    workloads = (Workload(discipline, 2, 2, seed=seed, **more) for seed in range(count))
    return validate([record(workload, folder) for workload in workloads])


def case(path: Path) -> Case:
    header, *events, _ = (json.loads(line) for line in path.read_text().splitlines())
    return Case(path.name, header, events)


@pytest.mark.parametrize("count", RUNS)
def test_locked_runs_break_nothing(tmp_path: Path, count: int) -> None:
    """Recorded runs under asyncio-lock without faults show no violation."""
    for report in runs(tmp_path, "asyncio-lock", count):
        assert report.accepted, to_text(report)
        assert not report.broken, to_text(report)


@pytest.mark.parametrize("count", RUNS)
def test_unlocked_runs_show_cycles(tmp_path: Path, count: int) -> None:
    """At least one in ten runs without a lock has a cycle, and the report names its replies."""
    reports = runs(tmp_path, "bare", count)
    for report in reports:
        assert report.accepted, to_text(report)
    for ten in range(0, len(reports), 10):
        cyclic = [r for r in reports[ten : ten + 10] if "Serializable" in r.broken]
        assert cyclic
        assert "dependency cycle s" in to_text(cyclic[0])


@pytest.mark.parametrize(
    ("seeds", "count"), [(2, 50), pytest.param(5, 400, marks=pytest.mark.long)]
)
def test_engines_agree_on_runs_and_on_mutations(tmp_path: Path, seeds: int, count: int) -> None:
    """Both engines say the same of recorded runs and of what is made of them: an event dropped,
    repeated, swapped, given another version, action or session.
    """
    disciplines = ("bare", "asyncio-lock")
    bases = [
        case(record(Workload(d, 3, 2, seed=seed, cancel=0.03), tmp_path))
        for d in disciplines
        for seed in range(seeds)
    ]
    found = compare([*bases, *mutated(bases, count, Random(1))], work=tmp_path / "tlc")
    assert found.disagreements == []
    assert found.traces == count + len(bases)
    assert found.accepted[""] == len(bases)
    # A mutation can also be a behaviour; most are not.
    assert sum(found.accepted.values()) < found.traces / 2


@pytest.mark.unjudged("the driver is broken on purpose, and the test says how it is found")
def test_a_driver_without_its_lock_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropping the lock shows as a line that is no step, with what should have held there."""
    monkeypatch.setattr("leo.drivers.tasks.Lock", NoLock)
    report = next(r for r in runs(tmp_path, "asyncio-lock", 3) if not r.accepted)
    assert report.native is not None and report.native.rejection is not None
    told = to_text(report)
    assert report.native.rejection.event.action == "Acquire"
    assert "it is not so that the lock is free (held by s" in told
    assert "REJECTED at line" in told


class NoLock(asyncio.Lock):
    """A lock that lets everybody in."""

    async def acquire(self) -> Literal[True]:
        return True

    def release(self) -> None:
        return None


@pytest.mark.parametrize("discipline", sorted(IDEALISED))
def test_every_discipline_is_what_the_specification_says(tmp_path: Path, discipline: str) -> None:
    """Under each discipline a run with cancellations is a behaviour, and loses what is claimed."""
    claims, broken = load_claims(), set[str]()
    sessions = 1 if discipline == "sequential" else 3
    workloads = (Workload(discipline, sessions, 3, seed=seed, cancel=0.05) for seed in range(3))
    for report in validate([record(workload, tmp_path) for workload in workloads]):
        assert report.accepted, to_text(report)
        assert report.broken <= expected_to_break(claims, report), to_text(report)
        broken |= report.broken
    # Cancellations strike where they can be seen.
    assert discipline not in ("bare", "asyncio-lock", "shared-store") or "AllOrNothing" in broken
