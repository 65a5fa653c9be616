"""The long run and the concurrent observers: rows, checks that can fail, what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from leo.actions import Action
from leo.field.view import View
from leo.trace.events import Beginning, Event, Happened
from leo_model.traces.events import PROGRAM
from leo_model.traces.native import CONCERNED
from paper.experiments.concurrent import experiment as concurrent
from paper.experiments.concurrent.processes import account
from paper.experiments.concurrent.runs import Crew, run_here, taken_in, waiting_of
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Key, Lab, Row
from paper.experiments.judging import Judge
from paper.experiments.lock_isolation import experiment as lock_isolation
from paper.experiments.long_run import experiment as long_run
from paper.experiments.long_run.experiment import EXPERIMENT
from paper.experiments.long_run.parts import START, Ledger, Leg, carry_out, inspect
from paper.experiments.long_run.report import changes, cost
from paper.experiments.stats import block_of, change_point
from tests.leo.support import counting_clock
from tests.paper.experiments.experiment_cells import CONFIG, measured, told

BEGINNING = Beginning("i1", "main", "bare", "asyncio", PROGRAM, {"ngrams": 0, "snapshots": 0}, 1)


def test_a_long_run_survives_its_stops(tmp_path: Path) -> None:
    """Two days of eight turns: killed at noon, without power in the evening. Whole replies only,
    the turn of a kill is taken again, the counts are those of the texts that are still there.
    """
    config = {**CONFIG, "turns": 16, "days": 2, "snapshots": 4, "seeds": 1, "long": 0}
    rows = measured(long_run.EXPERIMENT, (0,), tmp_path, config)
    assert [row["turns"] for row in rows if row["kind"] == "cycle"] == [16]
    stops = [row for row in rows if row["kind"] == "stop"]
    assert [(row["how"], row["turn"]) for row in stops] == [
        ("killed", 4), ("power cut", 7), ("killed", 12), ("power cut", 15)
    ]  # fmt: skip
    assert all(row["whole"] and not row["findings"] for row in stops)
    lost = [row["commits"] - row["snapshots"] for row in stops]
    # Killed before its commit: that reply has left nothing, and no other is gone.
    assert lost[0] == lost[2] == 0 < lost[1] + lost[3]
    snapshots = [row for row in rows if row["kind"] == "snapshot"]
    assert [row["turn"] for row in snapshots] == [0, 4, 4, 8, 8, 12, 12, 16]
    # In the evening of the first day, and in the morning after it.
    assert snapshots[3]["commits"] - snapshots[4]["commits"] == lost[1]
    summary = long_run.EXPERIMENT.summarise(config, rows, [])
    assert summary.unexpected == () and "every one of 8 snapshots was whole" in told(summary)
    for name in ("versions", "bigrams", "trigrams", "view"):
        wrong = [{**row, name: False} if row["kind"] == "snapshot" else row for row in rows]
        assert len(long_run.EXPERIMENT.summarise(config, wrong, []).unexpected) == 8
    torn = [{**row, "whole": False} if row["kind"] == "stop" else row for row in rows]
    assert "(killed) in turn 4" in long_run.EXPERIMENT.summarise(config, torn, []).unexpected[0]


def test_the_clock_has_days_and_nights() -> None:
    """Seven days: the turns of a day lie within 16 hours, and eight hours lie between two days."""
    leg = Leg(Path("f"), 3, 19, "s1", 0, 70, 10, 70, 7)
    moments = [(leg.moment(turn) - START) / 3600 for turn in range(70)]
    assert moments == sorted(moments) and moments[-1] < 7 * 24
    assert {int(moment // 24) for moment in moments} == set(range(7))
    assert max(moment % 24 for moment in moments) < 16


def test_a_snapshot_compares_with_what_was_observed(tmp_path: Path) -> None:
    """A ledger that counted something else, and a view that is not the store's, are seen."""
    leg = Leg(tmp_path / "field", 3, 19, "s1", 0, 2, 1, 2, 1)
    rows: list[dict[str, Any]] = []
    totals = carry_out(leg, lambda kind, row: rows.append(row), lambda: 0.0)
    last = [row for row in rows if row.get("kind") == "snapshot"][-1]
    assert last["versions"] and last["bigrams"] and last["trigrams"] and last["view"]
    judge = Judge()
    judge.begin(BEGINNING)
    commits, bigrams, trigrams = totals
    empty = inspect(2, View(), leg.path, judge, Ledger(*totals))
    assert not (empty["versions"] or empty["view"] or empty["bigrams"] or empty["reachable"])
    other = inspect(2, View(), leg.path, judge, Ledger(commits + 1, bigrams, trigrams))
    assert not other["versions"]


def test_a_leg_that_lives_is_an_error(tmp_path: Path) -> None:
    """The stop has to happen: a process that ends otherwise makes no rows."""
    lab = Lab(tmp_path, monotonic)
    with pytest.raises(ExperimentError, match="should have been killed"):
        long_run._run(Leg(tmp_path / "f", 3, 19, "s1", 0, 1, 1, 1, 1), 1, 0, lab)


# Concurrent observers.


def event(action: str, reply: str, outcome: str = "ok", **versions: dict[str, int]) -> Event:
    """An event of which only the action, the reply and the versions (reads, writes) matter."""
    session, reads, writes = reply.partition(".")[0], *map(versions.get, ("reads", "writes"))
    return Event(1, "w1", "r", 0.0, "i1", "main", session, reply, Action(action), reads or {},
                 writes or {}, outcome)  # fmt: skip


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


def test_what_a_reply_takes_in_is_counted_from_the_view() -> None:
    """Two that load side by side take in both observations, each of them; one after the other, one
    each.
    """

    def load(reply: str, version: int) -> Event:
        return event("LoadBigrams", reply, reads={"bigrams": version})

    def assign(reply: str, version: int) -> Event:
        return event("AssignView", reply, writes={"view.bigrams": version})

    assert taken_in([load("s1.1", 3), load("s2.1", 3), assign("s1.1", 3), assign("s2.1", 3)]) == 2
    assert taken_in([load("s1.1", 2), assign("s1.1", 2), load("s2.1", 3), assign("s2.1", 3)]) == 1
    assert taken_in([]) == 0


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
    assert len(concurrent.EXPERIMENT.plot(config, rows)) == 1
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
        rest = {"replies": 8, "returned": 8, "surplus": "", "taken_in": 1.0, "wait_mean": 0.0,
                "wait_largest": 0,
                "overtaken": 0, "overtaken_largest": 0, **dict.fromkeys(CONCERNED, 0)}  # fmt: skip
    return {**base, **rest, **changes}


def test_what_is_said_of_processes_is_theirs_alone() -> None:
    """A property that falls elsewhere takes nothing from what two processes showed; a crew that is
    not accounted for does; a promise that no crew gave is not said to be kept.
    """

    def facts(*rows: Row) -> dict[str, Any]:
        config = {**CONFIG, "observers": [5], "turns": 1}
        return dict(concurrent.EXPERIMENT.summarise(config, rows, []).facts)

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


SERIES = ("tokens", "types", "words")


def test_the_long_conversation_is_one_more_and_costly() -> None:
    """It has a cell of its own, which a share of the result leaves out."""
    config = {"seeds": 2, "long": 100_000}
    assert EXPERIMENT.cells(config) == [(0,), (1,), (2,)]
    assert [EXPERIMENT.costly(config, key) for key in EXPERIMENT.cells(config)] == [
        False,
        False,
        True,
    ]
    assert EXPERIMENT.cells({**config, "long": 0}) == [(0,), (1,)]


def timings(conversations: int, early: float, late: float) -> list[Row]:
    """Conversations whose turns take `early`, then `late` seconds."""
    return [
        {"seed": seed, "turn": turn, "seconds": early if turn < 10 else late,
         "peak_kib": 1024 * (100 + turn)}
        for seed in range(conversations)
        for turn in range(20)
    ]  # fmt: skip


@pytest.mark.parametrize("conversations", [1, 3, 4])
def test_cost_is_compared_within_each_conversation(conversations: int) -> None:
    """Turns that take twice as long at the end are said to, however many conversations there are:
    early turns of one are never compared with late turns of another.
    """
    found = cost(timings(conversations, 0.010, 0.020))
    assert found is not None
    assert [found["first"], found["second"]] == pytest.approx([10.0, 20.0])
    assert (found["conversations"], found["least"], found["most"]) == (conversations, 100, 119)


def test_nothing_is_said_of_cost_without_timings() -> None:
    """Without timings, or with too few to have two halves, there is no sentence."""
    assert cost([]) is None and cost(timings(1, 0.01, 0.01)[:1]) is None


def alike(seed: int, n: int, neighbour: float) -> list[float]:
    """A series without a change in which neighbours are alike (autoregression)."""
    noise = np.random.default_rng(seed).normal(size=n + 50)
    for k in range(1, n + 50):
        noise[k] += neighbour * noise[k - 1]
    return [float(x) for x in noise[50:]]


@pytest.mark.parametrize(("neighbour", "most"), [(0.3, 0.1), (0.6, 0.16)])
def test_the_drift_test_rarely_raises_a_false_alarm(neighbour: float, most: float) -> None:
    """On 50 cycles without a change, of 100 series about 5 are called changed, and not 40, although
    neighbouring cycles are alike.
    """
    block = block_of(50)
    alarms = [
        change_point(alike(n, 50, neighbour), n, block=block, resamples=99).p <= 0.05
        for n in range(100)
    ]
    assert sum(alarms) / 100 <= most


def conversation(level: Sequence[float], seed: int = 0) -> list[Row]:
    """Cycles that have these means in every series, and a little noise."""
    rng = np.random.default_rng(seed)
    return [
        {"seed": seed, "turns": 20, **{name: mean + 0.002 * rng.normal() for name in SERIES}}
        for mean in level
    ]


def test_a_drift_is_found_by_blocks() -> None:
    """A level that moves in the middle of 50 cycles is found in all series, and said with the
    blocks by which it was tested.
    """
    found = changes({"seed": 7}, conversation([0.2] * 25 + [0.4] * 25))
    assert len(found) == 3
    assert all(p < 0.05 for _, p in found.values())


def test_a_run_without_enough_blocks_says_so() -> None:
    """Where not even the clearest drift could be told from chance, no drift is not an answer."""
    assert changes({"seed": 7}, conversation([0.2] * 4 + [0.9] * 4)) == {}
