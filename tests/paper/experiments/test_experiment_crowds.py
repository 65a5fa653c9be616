"""The long run and the concurrent observers: rows, checks that can fail, what is said of them."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from leo.actions import Action
from leo.field.view import View
from leo.trace.events import Beginning, Event, Happened
from leo_model.traces.events import PROGRAM
from leo_model.traces.native import CONCERNED
from paper.experiments.concurrent import experiment as concurrent
from paper.experiments.concurrent.processes import account
from paper.experiments.concurrent.runs import Crew, run_here, waiting_of
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Key, Lab, Row
from paper.experiments.judging import Judge
from paper.experiments.lock_isolation import experiment as lock_isolation
from paper.experiments.long_run import experiment as long_run
from paper.experiments.long_run.parts import Half, Ledger, carry_out, inspect
from tests.leo.support import counting_clock
from tests.paper.experiments.experiment_cells import CONFIG, measured, told

BEGINNING = Beginning("i1", "main", "bare", "asyncio", PROGRAM, {"ngrams": 0, "snapshots": 0}, 1)


@pytest.mark.slow
def test_a_long_run_survives_its_crash(tmp_path: Path) -> None:
    """Eight turns, killed in the fifth: whole replies only, the turn is taken again, the counts are
    those of the texts observed; a failed check would be unexpected.
    """
    config = {**CONFIG, "turns": 8, "snapshots": 2, "seeds": 1}
    rows = measured(long_run.EXPERIMENT, (0,), tmp_path, config)
    assert [row["turn"] for row in rows if row["kind"] == "turn"] == list(range(8))
    [crash] = [row for row in rows if row["kind"] == "crash"]
    assert crash["whole"] and crash["turn"] == 4 and crash["commits"] > 4
    assert not crash["findings"]
    snapshots = [row for row in rows if row["kind"] == "snapshot"]
    assert [row["turn"] for row in snapshots] == [0, 4, 4, 8]
    # Killed before its commit: the reply of the fifth turn has left nothing.
    assert snapshots[1]["commits"] == snapshots[2]["commits"] == crash["commits"]
    summary = long_run.EXPERIMENT.summarise(config, rows, [])
    assert summary.unexpected == () and summary.facts["snapshots"] == 4
    assert told(summary)
    for name in ("versions", "bigrams", "trigrams", "view"):
        wrong = [{**row, name: False} if row["kind"] == "snapshot" else row for row in rows]
        assert len(long_run.EXPERIMENT.summarise(config, wrong, []).unexpected) == 4
    torn = [{**row, "whole": False} if row["kind"] == "crash" else row for row in rows]
    assert "the crash in turn 4" in long_run.EXPERIMENT.summarise(config, torn, []).unexpected[0]


def test_a_snapshot_compares_with_what_was_observed(tmp_path: Path) -> None:
    """A ledger that counted something else, and a view that is not the store's, are seen."""
    half = Half(tmp_path / "field", 3, 19, "s1", 0, 2, 1)
    rows: list[dict[str, Any]] = []
    totals = carry_out(half, lambda kind, row: rows.append(row), lambda: 0.0)
    last = [row for row in rows if row.get("kind") == "snapshot"][-1]
    assert last["versions"] and last["bigrams"] and last["trigrams"] and last["view"]
    judge = Judge()
    judge.begin(BEGINNING)
    commits, bigrams, trigrams = totals
    empty = inspect(2, View(), half.path, judge, Ledger(*totals))
    assert not (empty["versions"] or empty["view"] or empty["bigrams"] or empty["reachable"])
    other = inspect(2, View(), half.path, judge, Ledger(commits + 1, bigrams, trigrams))
    assert not other["versions"]


def test_a_first_half_that_lives_is_an_error(tmp_path: Path) -> None:
    """The crash has to happen: a process that ends otherwise makes no rows."""
    lab = Lab(tmp_path, monotonic)
    with pytest.raises(ExperimentError, match="should have been killed"):
        long_run._first_half(Half(tmp_path / "f", 3, 19, "s1", 0, 1, 1), lab)


# Concurrent observers.


def event(action: str, reply: str, outcome: str = "ok") -> Event:
    """An event of which only the action and the reply matter."""
    session = reply.partition(".")[0]
    return Event(1, "w1", "r", 0.0, "i1", "main", session, reply, Action(action), {}, {}, outcome)


def test_waiting_is_counted_in_replies() -> None:
    """s2 calls first and is served after s1, which called later: overtaken by one, having waited
    for its end.
    """
    events = [
        event("Call", "s2.1"),
        event("Call", "s1.1"),
        event("Acquire", "s1.1"),
        event("Return", "s1.1", "returned"),
        event("Acquire", "s2.1"),
        event("Return", "s2.1", "returned"),
    ]
    assert waiting_of(events) == ([0, 1], [0, 1])


def test_versions_of_processes_are_accounted_for() -> None:
    """A version written twice or never, a reply in between, a torn view: each is seen."""
    one = {"read snapshots": 0, "wrote snapshots": 1, "wrote ngrams": 2, "returned": 1}
    two = {"read snapshots": 1, "wrote snapshots": 2, "wrote ngrams": 3, "returned": 1}
    assert account([two, one], [{"refused": 0}]) == (2, 0, True, 0, 0)
    assert not account([one, {**two, "wrote ngrams": 2}], []).accounted
    assert not account([one, {**two, "wrote snapshots": 3}], []).accounted
    assert account([one, {**two, "read snapshots": 0}], []).intruded == 1
    torn = {**two, "read view.bigrams": 2, "read view.trigrams": 3}
    assert account([one, torn], []).torn == 1


def test_the_judge_refuses_what_is_no_step() -> None:
    """An event that the specification does not allow raises where it happens."""
    judge = Judge()
    judge.begin(BEGINNING)

    def record(action: Action) -> None:
        judge.record(Happened(action, "i1", "main", "s1", "s1.1", {}, {}, "ok"))

    record(Action.Call)
    with pytest.raises(ExperimentError, match=r"event 2, s1\.1 Release"):
        record(Action.Release)


@pytest.mark.slow
def test_concurrent_rows_do_not_depend_on_the_machine(tmp_path: Path) -> None:
    """Rows of a place are equal in two runs, its timings are elsewhere; nothing is unexpected, and
    what should not be is said.
    """
    config = {**CONFIG, "observers": [1, 3], "turns": 1}
    chosen: list[Key] = [
        ("one", "bare", 3),
        ("one", "asyncio-lock", 3),
        ("one", "gil", 1),
        ("each", "asyncio-lock", 3),
        ("shared", "shared-store-unit-of-work", 3),
        ("processes", "shared-store-immediate", 3),
    ]
    assert set(chosen) <= set(concurrent.EXPERIMENT.cells(config))
    rows: list[Row] = []
    for key in chosen:
        rows += measured(concurrent.EXPERIMENT, key, tmp_path, config)
    again = measured(concurrent.EXPERIMENT, chosen[0], tmp_path, config)
    assert again == rows[:1] and not {"seconds", "throughput"} & again[0].keys()
    summary = concurrent.EXPERIMENT.summarise(config, rows, [])
    assert summary.unexpected == () and "asyncio-lock" in told(summary)
    assert len(concurrent.EXPERIMENT.plot(config, rows)) == 2
    for name, value in (("surplus", "Durable"), ("defects", 1), ("accounted", False)):
        wrong = [{**row, name: value} if name in row else row for row in rows]
        assert concurrent.EXPERIMENT.summarise(config, wrong, []).unexpected


def crew(where: str, discipline: str, size: int, **changes: object) -> Row:
    """A row as the concurrent experiment has them, without anything broken."""
    base: dict[str, object] = {"where": where, "discipline": discipline, "observers": size}
    if where == "processes":
        rest: dict[str, object] = {"asked": 8, "ended": 8, "accounted": True, "isolated": None}
    elif where == "each":
        rest = {"replies": 8, "returned": 8, "defects": 0}
    else:
        rest = {"replies": 8, "returned": 8, "surplus": "", "wait_mean": 0.0, "wait_largest": 0,
                "overtaken": 0, "overtaken_largest": 0, **dict.fromkeys(CONCERNED, 0)}  # fmt: skip
    return {**base, **rest, **changes}


def test_what_is_said_of_processes_is_theirs_alone() -> None:
    """A property that falls elsewhere takes nothing from what two processes showed; a crew that is
    not accounted for does; a promise that no crew gave is not said to be kept.
    """

    def facts(*rows: Row) -> dict[str, Any]:
        return dict(concurrent.EXPERIMENT.summarise(CONFIG, rows, []).facts)

    here = [crew("one", "bare", 5), crew("each", "asyncio-lock", 5)]
    kept = crew("processes", "shared-store-immediate", 5, isolated=True)
    free = crew("processes", "shared-store", 5)
    assert facts(*here)["processes"] == 0
    assert facts(*here, kept)["promised"] == ["shared-store-immediate"]
    assert facts(*here, free)["promised"] == [] == facts(*here, free)["unaccounted"]
    fell = crew("one", "bare", 5, surplus="Durable")
    assert facts(fell, here[1], kept)["surplus"] == [fell]
    wrong = {**free, "accounted": False}
    assert facts(*here, kept, wrong)["unaccounted"] == [wrong]
    assert facts(here[0], {**here[1], "defects": 3}, kept)["each_defects"] == 3


def test_a_real_crew_is_validated_too(tmp_path: Path) -> None:
    """The figures of the machine come with the defects of the very run that was timed."""
    found = run_here("bare", Crew(3, 2, 19, 5), tmp_path, counting_clock())
    assert found["returned"] == found["replies"] == 6 and found["throughput"] > 0
    assert {"MutualExclusion", "Serializable"} <= set(found["defects"]) <= {
        "MutualExclusion", "Serializable", "ViewNotTorn", "ReadsOwnObservation",
        "SnapshotProvenance", "NoOvertaking", "Refines", "ViewAgreesWithStore",
    }  # fmt: skip


@pytest.mark.slow
def test_workloads_of_as_many_sessions_have_schedules_of_their_own(tmp_path: Path) -> None:
    """Three talkers, and one with two background writers: not the same defects twice."""
    found = [
        [
            {name: row[name] for name in CONCERNED}
            for seed in range(3)
            for row in measured(lock_isolation.EXPERIMENT, (name, "core", "async", seed), tmp_path)
            if row["kind"] == "defects"
        ]
        for name in ("b3", "c")
    ]
    assert found[0] != found[1]
