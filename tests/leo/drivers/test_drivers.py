"""The drivers: one program, the same bytes, traces that tell what happened."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leo import DISCIPLINES, AsyncLeoField, LeoField
from leo.actions import Action
from leo.drivers.tasks import Driver
from leo.errors import (
    DisciplineError,
    ObserveWhileRecordingError,
    SessionBusyError,
    StepError,
    UndeclaredError,
)
from leo.reply.program import PROGRAM, Given, ReplyState, Step, Writes
from leo.reply.turn import Instance
from leo.store.checkup import check_field
from leo.trace.events import NO_TRACE, Happened, NoTrace, Tracer
from leo_model.disciplines import _rules
from tests.leo.support import (
    ASYNC,
    PROMPTS,
    REPLY,
    actions,
    any_field,
    async_field,
    dump,
    read_trace,
    recorder,
    sync_field,
)


def talk(path: Path, discipline: str, prompts: list[str], tracer: Tracer = NO_TRACE) -> list[str]:
    """One session's replies under a discipline."""

    async def scenario() -> list[str]:
        async with any_field(path, discipline, tracer) as field:
            return [await field.reply(prompt) for prompt in prompts]

    return asyncio.run(scenario())


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(PROMPTS), st.text(max_size=30)), max_size=5))
def test_one_session_gives_the_same_bytes_under_every_driver(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str]
) -> None:
    """The lock isolation test in its purest form: replies and store contents are equal."""
    folder = tmp_path_factory.mktemp("same")
    results = []
    for discipline in DISCIPLINES:
        if discipline == "reentrant":
            continue  # It never answers.
        path = folder / discipline
        results.append((talk(path, discipline, prompts), dump(path)))
    assert all(result == results[0] for result in results)
    assert len(results[0][0]) == len(prompts) and all(results[0][0])


@pytest.mark.parametrize("discipline", ["sequential", *ASYNC])
def test_a_sequential_trace_has_every_action_in_order_with_true_versions(
    tmp_path: Path, discipline: str
) -> None:
    """Two replies: header, then the contract's eleven actions each; every version accounted for."""
    with recorder(tmp_path / "trace") as tracer:
        talk(tmp_path / "field", discipline, ["Hello?", ""], tracer)
    header, events = read_trace(tmp_path / "trace")
    assert (header.schema, header.kind, header.spec) == (1, "header", "field/1")
    assert (header.discipline, header.seed) == (discipline, 7)
    assert header.runtime == DISCIPLINES[discipline].runtime
    assert header.program == ("recall", "observe", "generate", "snapshot")
    assert header.start == {"ngrams": 1, "snapshots": 0}
    assert actions(events) == REPLY * 2
    assert [event.reply for event in events] == ["s1.1"] * 11 + ["s1.2"] * 11
    assert [event.seq for event in events] == list(range(1, 23))
    for turn in (0, 1):
        snapshots, ngrams = turn, turn + 2
        view = {"view.bigrams": ngrams, "view.trigrams": ngrams}
        touched = [(event.reads, event.writes) for event in events[turn * 11 : turn * 11 + 11]]
        assert touched == [
            ({}, {}),
            ({}, {}),
            ({"snapshots": snapshots}, {}),
            ({}, {"ngrams": ngrams}),
            ({"bigrams": ngrams}, {}),
            ({"trigrams": ngrams}, {}),
            ({}, view),
            (view, {}),
            ({}, {"snapshots": snapshots + 1}),
            ({}, {}),
            ({}, {}),
        ]
    outcomes = [event.outcome for event in events]
    assert outcomes == (["ok"] * 10 + ["returned"]) * 2


async def test_without_a_lock_replies_interleave(tmp_path: Path) -> None:
    """`bare` is bare: a reply generates from a view that has moved past its own observation."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    with recorder(trace) as tracer:
        async with await async_field(path, "bare", tracer) as field:

            async def talking(name: str) -> None:
                for prompt in PROMPTS[:2]:
                    await field.reply(f"{prompt} says {name}", name)

            await asyncio.gather(*(talking(f"s{n}") for n in (1, 2, 3)))
            assert field.view.versions() == {"view.bigrams": 7, "view.trigrams": 7}
    events = read_trace(trace)[1]
    for session in ("s1", "s2", "s3"):
        assert actions(events, session) == REPLY * 2
    wrote = {e.reply: e.writes["ngrams"] for e in events if e.action is Action.Ingest}
    assert sorted(wrote.values()) == list(range(2, 8))
    read = {e.reply: e.reads["view.bigrams"] for e in events if e.action is Action.Generate}
    assert any(read[reply] != wrote[reply] for reply in wrote)


async def test_a_session_has_one_reply_at_a_time(tmp_path: Path) -> None:
    """A second call is refused before anything happens; the first goes on, and then so may it."""
    async with await async_field(tmp_path / "field", "bare") as field:
        first = asyncio.ensure_future(field.reply("one", "me"))
        await asyncio.sleep(0)
        with pytest.raises(SessionBusyError, match="'me' called again before its reply"):
            await field.reply("two", "me")
        assert await first
        assert await field.reply("two", "me")


async def test_a_recorder_that_fails_does_not_keep_the_lock(tmp_path: Path) -> None:
    """Even at Release: the error goes to the caller, and the lock is free."""

    class Failing(NoTrace):
        enabled = True  # type: ignore[misc]

        def record(self, happened: Happened) -> None:
            if happened.action is Action.Release:
                raise OSError("no room for a trace")

    async with await async_field(tmp_path / "field", "asyncio-lock", Failing()) as field:
        with pytest.raises(OSError, match="no room for a trace"):
            await field.reply("hello")
        assert field._driver.lock is not None and not field._driver.lock.locked()


@pytest.mark.unjudged("nothing is called, so the trace has no event to judge")
async def test_observation_moves_store_and_view_but_not_while_recording(tmp_path: Path) -> None:
    """`observe` is outside every reply: the trace has no event for it, so it is refused."""
    path = tmp_path / "field"
    for count, discipline in enumerate(ASYNC):
        async with await async_field(path, discipline) as field:
            await field.observe("grey herons wait")
            assert field.view.trigram_count("grey", "herons", "wait") == count + 1
        with recorder(tmp_path / discipline) as tracer:
            async with await async_field(path, discipline, tracer) as field:
                with pytest.raises(ObserveWhileRecordingError, match="not recorded"):
                    await field.observe("grey herons wait")
                assert field._driver.lock is None or not field._driver.lock.locked()
    with sync_field(path) as field:
        field.observe("grey herons wait")
        assert field.view.trigram_count("grey", "herons", "wait") == len(ASYNC) + 1
        version = len(ASYNC) + 2
        assert field.view.versions() == {"view.bigrams": version, "view.trigrams": version}


@pytest.mark.parametrize("prompt", ["", "\0\0", "🌱🌱", "ÿ×÷", "\ud800", "\n \t", "." * 500])
def test_any_prompt_gets_a_reply(tmp_path: Path, prompt: str) -> None:
    """Also where the tokenizer finds nothing: a reply comes, and the store stays sound."""
    with sync_field(tmp_path / "field") as field:
        assert field.reply(prompt)
        assert field.reply("and then?")
        assert field._store.perform(check_field) == []


def test_a_step_cannot_touch_what_it_does_not_declare(tmp_path: Path) -> None:
    """Reads are only given, and writes only taken, when the step declares them."""
    nothing = frozenset[str]()
    with pytest.raises(UndeclaredError, match="reads 'view'"):
        _ = Given(memories=[]).view
    with pytest.raises(UndeclaredError, match="reads 'snapshots'"):
        _ = Given().memories

    def write(state: ReplyState, given: Given) -> Writes:
        return PROGRAM[1].function(state, given)

    with sync_field(tmp_path / "field") as field:
        # The instance is the driver's business; here one of its own stands in, with a step that
        # lies.
        object.__setattr__(field._instance, "program", (Step("sly", (), nothing, nothing, write),))
        with pytest.raises(StepError, match=r"'sly' .* writes 'ngrams' without declaring it"):
            field.reply("hello")


def test_a_lock_that_nobody_knows_is_no_lock_silently() -> None:
    """A new word in the table without a lock for it raises, in both fronts and in the model."""
    discipline = replace(DISCIPLINES["bare"], lock="semaphore")  # type: ignore[arg-type]
    instance = Instance(
        discipline=discipline, seed=0, tracer=NoTrace(), clock=float, name="i1", store="main"
    )
    for made in (Driver, LeoField):
        with pytest.raises((AssertionError, KeyError), match="semaphore"):
            made(None, instance, None)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="semaphore"):
        _rules(discipline)


def test_a_discipline_that_cannot_run_is_refused(tmp_path: Path) -> None:
    """Unknown, or on another runtime: the error says which can be run."""
    path = tmp_path / "field"
    with pytest.raises(
        DisciplineError, match=r"no discipline 'x'; runnable here are seq.* threading-lock$"
    ):
        LeoField.open(path, discipline="x")
    with pytest.raises(DisciplineError, match=r"'gil' runs on threads, not on asyncio"):
        asyncio.run(AsyncLeoField.open(path, discipline="gil"))
    with pytest.raises(DisciplineError, match=r"runs on asyncio, not on sync or threads"):
        LeoField.open(path, discipline="bare")
    assert not path.exists()
