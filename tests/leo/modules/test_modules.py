"""The modules in real replies: inner replies, faults, cancellations."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import pytest

from leo import DISCIPLINES, MODULES
from leo.actions import Action
from leo.disciplines import get_discipline
from leo.drivers.tasks import Gate
from leo.errors import StepError, StoreMovedError
from leo.field.recall import MIN_QUALITY
from leo.modules import Emotion, Module, Overthinking
from leo.modules.santaklaus import SantaKlaus
from leo.reply.context import After, Before, Changes, Hints, Moment
from leo.reply.program import PROGRAM, program_for, step_objects
from leo.store.operations import CAP, newest
from leo.store.rows import Put
from leo.store.schema import connect
from leo.trace.events import NO_TRACE, Tracer
from tests.leo.judge import judge
from tests.leo.modules.test_registry import OWNERS
from tests.leo.support import (
    REPLY,
    UNIT,
    actions,
    any_field,
    async_field,
    dump,
    picture,
    read_trace,
    recorder,
    reloaded,
    sync_field,
)

SAID = (
    "What is a field?",
    "I am AFRAID of the dark, and of the night!",
    "A path is not a path.",
    "",
    "42 🌱 \0",
    "Tell me about the river that you remember.",
)
# Under `reentrant` nothing is ever answered.
WORKING = [id for id in DISCIPLINES if id not in ("reentrant", "sequential")]
# One of each kind; `make test-long` takes all.
QUICK = ("threading-lock", "asyncio-lock", "shielded-unit-of-work", "actor", "optimistic")
KINDS = [pytest.param(id, marks=[] if id in QUICK else pytest.mark.long) for id in WORKING]
MANY = [kind for kind in KINDS if kind.values != ("threading-lock-in-async",)]


def talk(path: Path, discipline: str, tracer: Tracer = NO_TRACE) -> list[str]:
    """One session that says everything, with all modules."""

    async def scenario() -> list[str]:
        async with any_field(path, discipline, tracer, MODULES) as field:
            return [await field.reply(prompt) for prompt in SAID]

    return asyncio.run(scenario())


def rows_of(path: Path, select: str) -> list[tuple[Any, ...]]:
    """The rows of a query on a closed field."""
    with closing(connect(path)) as conn:
        return conn.execute(select).fetchall()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    """What the sequential driver gives: replies and store."""
    path = tmp_path_factory.mktemp("expected") / "field"
    return talk(path, "sequential"), dump(path)


@pytest.mark.parametrize("discipline", KINDS)
def test_one_session_gives_the_same_bytes_and_a_true_trace(
    tmp_path: Path, discipline: str, expected: tuple[list[str], str]
) -> None:
    """Equal replies, equal store, modules' rows included; the trace is a behaviour."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    with recorder(trace) as tracer:
        assert (talk(path, discipline, tracer), dump(path)) == expected
    outcome = judge(trace)
    _, events = read_trace(trace)
    whole = UNIT if get_discipline(discipline).commit == "reply" else REPLY
    if DISCIPLINES[discipline].runtime == "threads":
        place = whole.index("Generate")
        whole = [*whole[:place], "GenerateBegin", "GenerateEnd", *whole[place + 1 :]]
    by_session = Counter(event.session for event in events)
    assert by_session["s1"] == len(SAID) * len(whole)
    assert {f"s1~ring{n}" for n in range(3)} < set(by_session)
    for session in by_session:
        turns = by_session[session] // len(whole)
        assert actions(events, session) == whole * turns
    assert outcome.replies == sum(by_session.values()) // len(whole)


@pytest.mark.parametrize("discipline", MANY)
def test_sessions_at_once_leave_a_true_trace_and_every_row(tmp_path: Path, discipline: str) -> None:
    """Three sessions, on threads or on a loop."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    names = ("s1", "s2", "s3")
    with recorder(trace) as tracer:
        if DISCIPLINES[discipline].runtime == "threads":
            with sync_field(path, tracer, discipline, modules=MODULES) as field:

                def thread(name: str) -> None:
                    for prompt in SAID[:2]:
                        field.reply(f"{prompt} says {name}", name)

                with ThreadPoolExecutor(3) as pool:
                    list(pool.map(thread, names))
        else:

            async def main() -> None:
                async with await async_field(path, discipline, tracer, modules=MODULES) as field:

                    async def session(name: str) -> None:
                        for prompt in SAID[:2]:
                            await field.reply(f"{prompt} says {name}", name)

                    await asyncio.gather(*map(session, names))

            asyncio.run(main())
    judge(trace)
    assert rows_of(path, "SELECT count(*) FROM snapshots WHERE origin = 'leo'") == [(6,)]
    assert rows_of(path, "SELECT count(*) FROM snapshots WHERE origin = 'ring'") == [(18,)]
    assert rows_of(path, "SELECT count(*) FROM episodes") == [(6,)]
    assert rows_of(path, "SELECT count(*) FROM flow_turns") == [(6,)]


@pytest.mark.parametrize(
    "discipline", ["shared-store", "shared-store-unit-of-work", "shared-store-immediate"]
)
async def test_two_instances_on_one_store_leave_a_true_trace(
    tmp_path: Path, discipline: str
) -> None:
    """With modules too, what two instances do to one store is a behaviour that breaks no claim."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    ends: list[object] = []
    with recorder(trace, ("i1", "i2")) as tracer:
        one = await async_field(path, discipline, tracer, instance="i1", modules=MODULES)
        two = await async_field(path, discipline, tracer, instance="i2", modules=MODULES)
        async with one, two:
            for prompt in SAID[:3]:
                replies = (one.reply(prompt, "s1"), two.reply(prompt, "s2"))
                ends.extend(await asyncio.gather(*replies, return_exceptions=True))
                # A commit that is refused may be one of an inner reply.
                rings = (one._afterthoughts.settle("s1"), two._afterthoughts.settle("s2"))
                ends.extend(await asyncio.gather(*rings, return_exceptions=True))
    judge(trace)
    refused = [end.__cause__ for end in ends if isinstance(end, BaseException)]
    assert all(isinstance(cause, StoreMovedError) for cause in refused)
    assert discipline == "shared-store-unit-of-work" or not refused
    assert sum(isinstance(end, str) for end in ends) > 1


def test_the_steps_follow_from_the_declarations() -> None:
    """Equal modules give the same steps; the actions are the core's, the objects the modules'."""
    program = program_for(MODULES)
    assert program_for(tuple(MODULES)) is program and program_for(()) is PROGRAM
    assert [step.actions for step in program] == [step.actions for step in PROGRAM]
    assert {step.name: (step.reads, step.writes) for step in program} == step_objects(MODULES)


@pytest.mark.parametrize("closed", [False, True])
def test_a_synchronous_inner_reply_that_fails_is_raised_afterwards(
    tmp_path: Path, closed: bool
) -> None:
    """The reply has returned, so its text is not lost."""

    def gate(session: str, action: Action) -> None:
        if session == "s1~ring1" and action is Action.Generate and failures:
            raise failures.pop()

    failures = [ZeroDivisionError("no thought")]
    field = sync_field(tmp_path / "field", gate=gate, modules=MODULES)
    assert field.reply("hello there") and not failures
    assert field.reply("hello there", "s2")
    if closed:
        with pytest.raises(StepError, match=r"s1~ring1\.1 failed"):
            field.close()
    else:
        with pytest.raises(StepError, match=r"s1~ring1\.1 failed"):
            field.reply("and now?")
        assert field.reply("and now?")
    field.close()


def test_as_many_memories_are_read_as_the_cap_lets_live() -> None:
    """The module's query is the core's, without the memories that come to nobody's mind."""
    query = SantaKlaus.QUERIES["memories"]
    assert query.replace(f"quality >= {MIN_QUALITY}", "1") == newest()
    assert query.endswith(f" LIMIT {CAP}")


def test_half_a_sign_in_a_prompt_is_replaced(tmp_path: Path) -> None:
    """A lone surrogate cannot be written into a row of a module; the prompt is taken without it."""
    with sync_field(tmp_path / "field", modules=MODULES) as field:
        assert field.reply("hello \udc80 there")
        [kept] = field._store.perform(
            lambda conn: conn.execute("SELECT prompt FROM episodes ORDER BY id LIMIT 1").fetchone()
        )
    assert kept == "hello \ufffd there"


D6 = "shielded-unit-of-work"


class Moody(Emotion):
    """Emotion, and a mood: the hook that it names raises once, or its row is refused."""

    mood = ""

    def _mind(self, hook: str, context: Moment) -> None:
        if self.mood == hook and context.inner is None:
            self.mood = ""
            raise ZeroDivisionError("moody")

    def hear(self, state: Any, moment: Moment) -> Any:
        self._mind("hear", moment)
        return super().hear(state, moment)

    def before(self, state: Any, context: Before, rng: Random) -> Hints:
        self._mind("before", context)
        return super().before(state, context, rng)

    def after(self, state: Any, context: After, rng: Random) -> Changes:
        self._mind("after", context)
        changes = super().after(state, context, rng)
        if self.mood == "row":
            self.mood = ""
            bad = Put("INSERT INTO metaleo (tag, text, at) VALUES (?, ?, ?)", (("x", None, 1.0),))
            return Changes(puts=(*changes.puts, bad))
        return changes


def with_moody() -> tuple[Moody, list[Module[Any]]]:
    """All modules, the emotion being moody."""
    moody = Moody()
    return moody, [moody, *MODULES[1:]]


@pytest.mark.parametrize("discipline", [D6, "optimistic"])
@pytest.mark.parametrize(
    ("mood", "step"),
    [("hear", "recall"), ("before", "generate"), ("after", "generate"), ("row", "commit")],
)
async def test_a_module_that_raises_leaves_nothing(
    tmp_path: Path, discipline: str, mood: str, step: str
) -> None:
    """Store and view are what they were, not a row of any module moved."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    moody, modules = with_moody()
    with recorder(trace) as tracer:
        async with await async_field(path, discipline, tracer, modules=modules) as field:
            await field.reply("hello there")
            await field._afterthoughts.settle("s1")
            before, seen = dump(path), picture(field.view)
            moody.mood = mood
            with pytest.raises(StepError, match=f"^the step '{step}' of reply s1.2 failed"):
                await field.reply("and now?")
            assert dump(path) == before and picture(field.view) == seen
            assert await field.reply("and now?")
    assert judge(trace).open == 0
    assert actions(read_trace(trace)[1]).count("Raise") == 1


async def test_a_module_that_raises_under_step_commit_leaves_the_observation(
    tmp_path: Path,
) -> None:
    """What D4 does not promise: the n-grams were committed before the module raised, its rows and
    the snapshot were not; and the specification says so of the trace.
    """
    path, trace = tmp_path / "field", tmp_path / "trace"
    moody, modules = with_moody()
    moody.mood = "after"
    with recorder(trace) as tracer:
        async with await async_field(path, "asyncio-lock", tracer, modules=modules) as field:
            with pytest.raises(StepError, match="ZeroDivisionError: moody"):
                await field.reply("hello there")
    assert "AllOrNothing" in judge(trace).violations
    with closing(connect(path)) as conn:
        versions = dict(conn.execute("SELECT name, version FROM objects"))
        assert versions == {"ngrams": 2, "snapshots": 0}
        for table in OWNERS:
            assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def at_ring(act: Callable[[], None], ring: str = "s1~ring1") -> Gate:
    """A gate at which something happens once, before a ring speaks."""
    acts = [act]

    async def gate(session: str, action: Action) -> None:
        if session == ring and action is Action.Generate and acts:
            acts.pop()()
            await asyncio.sleep(0)

    return gate


def fail() -> NoReturn:
    raise ZeroDivisionError("no thought")


def cancel(task: asyncio.Task[str]) -> None:
    task.cancel()


@pytest.mark.parametrize("discipline", [D6, "asyncio-lock", "optimistic"])
async def test_a_cancelled_caller_drops_the_inner_replies_that_are_left(
    tmp_path: Path, discipline: str
) -> None:
    """Cancelled while it waits for the rings."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    callers: list[asyncio.Task[str]] = []
    gate = at_ring(lambda: cancel(callers[0]))
    with recorder(trace) as tracer:
        async with await async_field(path, discipline, tracer, gate, modules=MODULES) as field:
            await field.reply("hello there")
            callers.append(asyncio.ensure_future(field.reply("and now?")))
            await asyncio.wait(callers)
            assert callers[0].cancelled()
            assert picture(field.view) == await field._store.perform(reloaded)
            assert await field.reply("and now?")
    _, events = read_trace(trace)
    assert [e.reply for e in events if e.session == "s1" and e.action == "Call"] == ["s1.1", "s1.2"]
    first = [e.action.value for e in events if e.reply == "s1~ring1.1"]
    assert first[-1] == "Cancel" and judge(trace).open == 0
    assert [e.reply for e in events if e.session == "s1~ring2" and e.action == "Call"] == [
        "s1~ring2.1"
    ]


class Twice(Overthinking):
    """Wishes for two inner replies at once, and for none after them."""

    def after(self, state: None, context: After, rng: Random) -> Changes:
        if context.inner is not None:
            return Changes()
        [ring] = super().after(state, context, rng).inner
        return Changes(inner=(ring, ring._replace(session=f"{context.session}~more")))


async def test_what_a_reply_wished_for_ends_with_the_next_one(tmp_path: Path) -> None:
    """The first of two wishes fails: the second is dropped, and is not carried out later."""
    trace = tmp_path / "trace"
    gate = at_ring(fail, "s1~ring0")
    with recorder(trace) as tracer:
        opening = async_field(tmp_path / "field", D6, tracer, gate, modules=[Twice()])
        async with await opening as field:
            await field.reply("hello there")
            with pytest.raises(StepError, match=r"s1~ring0\.1 failed"):
                await field.reply("and now?")
            await field.reply("and now?")
    _, events = read_trace(trace)
    assert [event.reply for event in events if event.action == "Call"] == [
        *("s1.1", "s1~ring0.1"),
        *("s1.2", "s1~ring0.2", "s1~more.1"),
    ]
