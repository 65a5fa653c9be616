"""Replay: the same choices give the same bytes, on either store; if they do not, it is noticed."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.commands.main import main
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.schedules.engine.system import Choice
from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.organism.case import FAULTS, Case, ScheduleError, _checksum, from_token, to_token
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
    """The store has the same bytes after the first and the last run, in spite of the runs between,
    although a reply depends on every count of the view."""
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


# Tokens: a schedule as one word, and every way of getting it wrong.


SESSION_KINDS = ("step", "cancel", "raise", "timeout")
INSTANCE_KINDS = ("crash", "recover")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case that can be executed."""
    discipline = draw(st.sampled_from(sorted(IDEALISED)))
    possible = DISCIPLINES[discipline].possible_faults
    faults = draw(st.sets(st.sampled_from(possible))) if possible else set()
    return Case(
        discipline,
        1 if discipline == "sequential" else draw(st.integers(1, 26)),
        draw(st.integers(1, 40)),
        tuple(fault for fault in FAULTS if fault in faults),
        draw(st.integers(0, 2**40)),
    )


def choices(case: Case) -> st.SearchStrategy[list[Choice]]:
    """Choices by sessions and instances of a case, whether or not they can be made."""
    sessions = st.sampled_from([f"s{k + 1}" for k in range(case.sessions)])
    of_sessions = st.builds(Choice, sessions, st.sampled_from(SESSION_KINDS))
    instances = st.sampled_from(["i1", "i2"])
    of_instances = st.builds(Choice, instances, st.sampled_from(INSTANCE_KINDS))
    return st.lists(of_sessions | of_instances, max_size=60)


@given(st.data())
def test_a_token_says_all_of_a_schedule(data: st.DataObject) -> None:
    """What is written is read again, and needs no quoting in a shell or in an address."""
    case = data.draw(cases())
    schedule = data.draw(choices(case))
    token = to_token(case, schedule)
    assert from_token(token) == (case, tuple(schedule))
    assert re.fullmatch(r"[A-Za-z0-9.-]+", token)


TOKEN = to_token(Case("asyncio-lock", faults=("Cancel",)), [Choice("s1")] * 4)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("abcdefgxyzABCRX0123456789.-"))
def test_a_mistyped_token_is_refused(place: int, character: str) -> None:
    """Any one character that is another than it was is noticed."""
    mistyped = TOKEN[:place] + character + TOKEN[place + 1 :]
    if mistyped == TOKEN:
        return
    with pytest.raises(ScheduleError):
        from_token(mistyped)


def signed(body: str) -> str:
    """A body with the checksum that belongs to it."""
    return f"{body}.{_checksum(body)}"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "is not a schedule"),
        (TOKEN[:-3], "does not agree with its own checksum"),
        (signed("leo2.bare.2x1.7.0.a"), "version 'leo2'"),
        (signed("leo1.bare.two.7.0.a"), "'two'"),
        (signed("leo1.bare.2x1.7.Q.a"), "'Q'"),
        (signed("leo1.fair.2x1.7.0.a"), "no discipline 'fair'"),
        (signed("leo1.gil.2x1.7.C.a"), "Cancel cannot strike under gil"),
        (signed("leo1.bare.2x1.7.0.a!"), "cannot be read from '!'"),
        (signed("leo1.bare.0x1.7.0.a"), "0 sessions"),
        (signed("leo1.bare.2x1.7.0." + "a9999" * 12), "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_token_is_said(token: str, said: str) -> None:
    """The refusal names what was found, and what to do about it."""
    with pytest.raises(ScheduleError, match=re.escape(said)):
        from_token(token)


def test_a_session_without_a_letter() -> None:
    """A schedule of more sessions than letters is refused when it is written."""
    with pytest.raises(ScheduleError, match="s27"):
        to_token(Case("bare", 30), [Choice("s27")])
