"""Replay: the same choices give the same bytes, on either store; if they do not, it is noticed."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest

from leo.commands.main import main
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.schedules.system import Choice
from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.organism.case import Case, ScheduleError, to_token
from leo_model.organism.organism import Organism
from leo_model.organism.replay import Replayed, replay, replay_twice, table, verdicts
from leo_model.traces.native import check
from leo_model.traces.reader import open_trace

ASYNC = [d for d in IDEALISED if not Case(d, 1).runs_on_threads]


def case_of(discipline: str) -> Case:
    """Two sessions of two turns, anything may strike."""
    faults = DISCIPLINES[discipline].possible_faults
    return Case(discipline, 1 if discipline == "sequential" else 2, 2, faults)


def by_chance(organism: Organism, seed: int) -> tuple[Choice, ...]:
    """A schedule as a seeded generator makes it, to the end or to a deadlock."""
    chance = Random(seed)
    run = organism.start()
    schedule = []
    while enabled := run.enabled():
        schedule.append(enabled[chance.randrange(len(enabled))])
        run.take(schedule[-1])
    run.close()
    return tuple(schedule)


@pytest.mark.parametrize("discipline", IDEALISED)
def test_the_same_to_the_byte(discipline: str) -> None:
    """Each discipline, schedules by chance with faults: trace, answers, store, views and verdicts
    are the same when the schedule is carried out again by another organism.
    """
    case = case_of(discipline)
    with Organism(case, most=2) as organism:
        schedules = [by_chance(organism, seed) for seed in range(3)]
    for schedule in schedules:
        done, differs = replay_twice(case, schedule)
        assert differs is None
        assert len(done.trace.splitlines()) == len(done.outcome.events) + 1


@pytest.mark.parametrize("discipline", ASYNC)
def test_the_same_on_the_worker_thread(discipline: str) -> None:
    """aiosqlite's own worker thread gives the bytes of the store that is carried out inline."""
    case = case_of(discipline)
    with Organism(case, most=2) as inline, Organism(case, store="aiosqlite", most=2) as worker:
        for seed in range(2):
            schedule = by_chance(inline, seed)
            assert replay(inline, schedule).same_as(replay(worker, schedule)) is None


@pytest.mark.parametrize("discipline", ["bare", "gil", "shielded-unit-of-work", "shared-store"])
def test_a_run_finds_the_field_as_it_was(discipline: str) -> None:
    """Whatever other runs did before: the same bytes of the store for the first and the last run,
    though what is said depends on every count of the view."""
    case = case_of(discipline)
    with Organism(case, most=0) as organism:
        schedule = by_chance(organism, 0)
        runs = []
        for seed in range(1, 4):
            runs.append(replay(organism, schedule))
            replay(organism, by_chance(organism, seed))
    assert [runs[0].same_as(run) for run in runs] == [None] * 3


def test_answers_are_those_of_the_organism() -> None:
    """A schedule of one session is what the organism does by itself: two answers and a field."""
    case = Case("shielded-unit-of-work", 1, 2)
    with Organism(case) as organism:
        done = replay(organism, by_chance(organism, 0))
    assert done.finished
    assert sorted(done.outcome.answers) == ["s1.1", "s1.2"]
    assert all(answer[0].isupper() for answer in done.outcome.answers.values())
    assert done.outcome.final["store"] == {"ngrams": 3, "snapshots": 2}


def restless(calls: itertools.count[int]) -> Organism:
    """An organism that reads a clock of its own, which no scheduler owns."""

    def alter(field: AsyncLeoField | LeoField) -> None:
        instance = field._instance
        state = instance.state
        instance.state = lambda reply, prompt, now, inner: state(  # type: ignore[method-assign]
            reply, prompt, now + next(calls), inner
        )

    return Organism(Case("bare", 1), alter=alter)


def test_what_the_scheduler_does_not_own_is_noticed() -> None:
    """A clock that goes on between two runs of one schedule leaves another store behind."""
    calls = itertools.count()
    runs: list[Replayed] = []
    for _ in range(2):
        with restless(calls) as organism:
            runs.append(replay(organism, [Choice("s1")] * 11))
    assert runs[0].same_as(runs[1]) == "the store"
    assert runs[0].same_as(runs[0]) is None


def test_a_choice_that_cannot_be_made() -> None:
    """A schedule of another organism is refused where it first does not fit."""
    with Organism(Case("asyncio-lock")) as organism:
        waits = [Choice("s1"), Choice("s1"), Choice("s2"), Choice("s2")]
        with pytest.raises(ScheduleError, match="choice 4 of 4 cannot be made: s2 is to step"):
            replay(organism, waits)


def test_a_new_life_does_not_wait_for_a_writer() -> None:
    """An instance opens a field while another holds the write lock, however little patience it has:
    to find that there is a field takes a read.
    """
    begins = [Choice("s1")] * 3
    with Organism(Case("shared-store-immediate", faults=("Crash",))) as organism:
        done = replay(organism, [*begins, Choice("i2", "crash"), Choice("i2", "recover")])
    assert [event.action for event in done.outcome.events[-3:]] == ["Begin", "Crash", "Recover"]
    assert not done.outcome.violations


def test_the_trace_is_a_trace(tmp_path: Path) -> None:
    """`leo replay` writes a trace that the validator reads, and prints lanes and verdicts."""
    schedule = [Choice("s1")] * 5 + [Choice("s2")] * 4 + [Choice("s1")] * 3
    with Organism(Case("bare")) as organism:
        done = replay(organism, schedule)
    path = tmp_path / "trace.ndjson"
    path.write_bytes(done.trace)
    with open_trace(path) as trace:
        outcome = check(trace)
    assert outcome.accepted
    assert set(outcome.violations) == {"MutualExclusion", "Serializable", "ViewNotTorn"}
    assert all(len(line) <= 80 for line in table(done).splitlines())
    assert any(line.startswith("✗ Serializable: dependency cycle") for line in verdicts(done))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 for what is claimed to fall, the trace where it was asked for."""
    token = to_token(Case("bare"), [Choice("s1")] * 5 + [Choice("s2")] * 4 + [Choice("s1")] * 3)
    path = tmp_path / "new" / "trace.ndjson"
    assert main(["replay", token, "--trace", str(path)]) == 0
    out = capsys.readouterr().out
    assert "12 │ Generate" in out and "✗ ViewNotTorn" in out
    assert "carried out twice, the same to the byte" in out
    assert path.read_bytes().count(b"\n") == 13
    assert main(["replay", token + "x"]) == 2
    assert "checksum" in capsys.readouterr().err
    assert main(["replay"]) == 2
    assert "expected one token" in capsys.readouterr().err
