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
from leo.disciplines import get_discipline
from leo.drivers.tasks import Driver
from leo.errors import (
    CallerError,
    DisciplineError,
    ObserveWhileRecordingError,
    SessionBusyError,
    StepError,
    UndeclaredError,
)
from leo.field.tables import BigramChange, TrigramChange
from leo.field.view import Layer, View
from leo.reply.program import PROGRAM, Given, ReplyState, Step, Writes
from leo.reply.turn import Instance
from leo.store.checkup import check_field
from leo.trace.events import Event, Happened, NoTrace
from leo_model.disciplines import _rules
from tests.leo.support import (
    ASYNC,
    PROMPTS,
    REPLY,
    actions,
    async_field,
    dump,
    picture,
    read_trace,
    recorder,
    reloaded,
    sync_field,
)

IDS = (
    "sequential bare gil threading-lock asyncio-lock unit-of-work shielded-unit-of-work actor "
    "threading-lock-in-async reentrant shared-store shared-store-unit-of-work "
    "shared-store-immediate optimistic"
)


def talk(path: Path, discipline: str, prompts: list[str], trace: Path | None = None) -> list[str]:
    """One session's replies under a discipline, recorded when a trace is named."""
    if trace is not None:
        with recorder(trace) as tracer:
            return _talk(path, discipline, prompts, tracer)
    return _talk(path, discipline, prompts, None)


def _talk(path: Path, discipline: str, prompts: list[str], tracer: object) -> list[str]:
    extra = {} if tracer is None else {"tracer": tracer}
    if DISCIPLINES[discipline].runtime != "asyncio":
        with sync_field(path, discipline=discipline, **extra) as field:  # type: ignore[arg-type]
            return [field.reply(prompt) for prompt in prompts]

    async def scenario() -> list[str]:
        async with await async_field(path, discipline, **extra) as field:  # type: ignore[arg-type]
            return [await field.reply(prompt) for prompt in prompts]

    return asyncio.run(scenario())


@pytest.mark.slow
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
def test_recording_changes_nothing(tmp_path: Path, discipline: str) -> None:
    """With and without a recorder: equal replies, equal store."""
    prompts = list(PROMPTS)
    bare = talk(tmp_path / "bare", discipline, prompts)
    recorded = talk(tmp_path / "recorded", discipline, prompts, tmp_path / "trace")
    assert bare == recorded and dump(tmp_path / "bare") == dump(tmp_path / "recorded")


@pytest.mark.parametrize("discipline", ["sequential", *ASYNC])
def test_a_sequential_trace_has_every_action_in_order_with_true_versions(
    tmp_path: Path, discipline: str
) -> None:
    """Two replies: header, then the contract's eleven actions each; every version accounted for."""
    talk(tmp_path / "field", discipline, ["Hello?", ""], tmp_path / "trace")
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


async def converse(
    path: Path, discipline: str, sessions: int, turns: int, trace: Path
) -> list[Event]:
    """Several sessions at once on one instance."""
    with recorder(trace) as tracer:
        async with await async_field(path, discipline, tracer) as field:

            async def session(name: str) -> None:
                for turn in range(turns):
                    await field.reply(f"{PROMPTS[turn % 3]} says {name}", name)

            await asyncio.gather(*(session(f"s{n}") for n in range(1, sessions + 1)))
            assert picture(field.view)["versions"] == {
                "view.bigrams": 1 + sessions * turns,
                "view.trigrams": 1 + sessions * turns,
            }
    return read_trace(trace)[1]


def test_under_the_lock_replies_come_one_after_the_other(tmp_path: Path) -> None:
    """Between Acquire and Release nobody else acts but to call; and calls are served in order."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    events = asyncio.run(converse(path, "asyncio-lock", 3, 3, trace))
    holder = ""
    for event in events:
        if event.action is Action.Acquire:
            assert holder == ""
            holder = event.session
        elif event.action not in (Action.Call, Action.Return):
            assert holder == event.session
        if event.action is Action.Release:
            holder = ""
    order = {
        action: [event.reply for event in events if event.action is action]
        for action in (Action.Call, Action.Acquire)
    }
    assert order[Action.Call] == order[Action.Acquire]


def test_without_a_lock_replies_interleave(tmp_path: Path) -> None:
    """`bare` is bare: a reply generates from a view that has moved past its own observation."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    events = asyncio.run(converse(path, "bare", 3, 2, trace))
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


def test_a_session_needs_a_name(tmp_path: Path) -> None:
    """The empty name stands for the process in a trace."""
    with sync_field(tmp_path / "field") as field, pytest.raises(CallerError, match="needs a name"):
        field.reply("hello", session="")


async def test_every_driver_runs_the_same_program_objects(tmp_path: Path) -> None:
    """One program: its steps are the same objects under every discipline."""
    with sync_field(tmp_path / "field") as field:
        assert field._instance.program is PROGRAM
    for discipline in ASYNC:
        async with await async_field(tmp_path / "field", discipline) as field:
            assert field._instance.program is PROGRAM
    core = [action.value for step in PROGRAM for action in step.actions]
    assert ["Call", "Acquire", *core, "Release", "Return"] == REPLY


def test_a_failing_step_raises_and_the_next_reply_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raise is recorded, the lock is free, what was committed stays, the error names the step."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("no voice")

    async def scenario(discipline: str) -> list[Event]:
        trace = tmp_path / f"{discipline}.ndjson"
        with recorder(trace) as tracer:
            async with await async_field(tmp_path / discipline, discipline, tracer) as field:
                with monkeypatch.context() as patch:
                    patch.setattr("leo.reply.program.generate_walk", broken)
                    wanted = r"^the step 'generate' of reply s1\.1 failed: ZeroDivisionError: no v"
                    with pytest.raises(StepError, match=wanted) as caught:
                        await field.reply("hello")
                assert isinstance(caught.value.__cause__, ZeroDivisionError)
                await field.reply("hello")
        return read_trace(trace)[1]

    for discipline in ASYNC:
        events = asyncio.run(scenario(discipline))
        assert actions(events) == [*REPLY[:7], "Raise", *REPLY]
        assert events[7].outcome == "raised"


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


def test_an_interrupted_synchronous_reply_leaves_view_and_store_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of an assignment: the view is made anew from the store."""
    assign = View.assign
    interrupts = [KeyboardInterrupt]

    def interrupted(view: View, two: Layer[BigramChange], three: Layer[TrigramChange]) -> None:
        if interrupts:
            view.bigrams.assign(two)
            raise interrupts.pop()
        assign(view, two, three)

    with sync_field(tmp_path / "field") as field:
        monkeypatch.setattr(View, "assign", interrupted)
        with pytest.raises(KeyboardInterrupt):
            field.reply("Here is something new")
        assert field.view.versions() == {"view.bigrams": 2, "view.trigrams": 2}
        assert picture(field.view) == field._store.perform(reloaded)
        assert field.reply("and on")


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


def test_the_table_has_the_disciplines_of_the_formal_model() -> None:
    """All of them, in order; the published programs have a table of their own."""
    assert list(DISCIPLINES) == IDS.split()
    assert [d.number for d in DISCIPLINES.values()] == [f"D{n}" for n in range(14)]
    assert [d.id for d in DISCIPLINES.values() if d.mistake] == IDS.split()[8:10]
    assert get_discipline("bare", "asyncio") is DISCIPLINES["bare"]


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
