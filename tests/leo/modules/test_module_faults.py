"""Modules that fail, inner replies that fail or are cancelled, and files of before the modules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.errors import StepError
from leo.front.tasks import Gate
from leo.modules import Emotion, Module, Overthinking
from leo.reply.context import After, Before, Changes, Hints, Moment
from leo.store.rows import Put
from leo.store.schema import connect
from tests.leo.judge import judge
from tests.leo.modules.test_registry import OWNERS
from tests.leo.support import actions, async_field, dump, picture, read_trace, recorder, reloaded

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


@pytest.mark.parametrize("discipline", [D6, "actor", "optimistic", "shared-store-immediate"])
@pytest.mark.parametrize(
    ("mood", "step"),
    [("hear", "recall"), ("before", "generate"), ("after", "generate"), ("row", "commit")],
)
def test_a_module_that_raises_leaves_nothing(
    tmp_path: Path, discipline: str, mood: str, step: str
) -> None:
    """Store and view are what they were, not a row of any module moved, and the next reply works;
    also when the database refuses a row of a module in the middle of the commit.
    """
    path, trace = tmp_path / "field", tmp_path / "trace"
    moody, modules = with_moody()

    async def main() -> None:
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

    asyncio.run(main())
    assert judge(trace).open == 0
    assert actions(read_trace(trace)[1]).count("Raise") == 1


def test_a_module_that_raises_under_step_commit_leaves_the_observation(tmp_path: Path) -> None:
    """What D4 does not promise: the n-grams were committed before the module raised, its rows and
    the snapshot were not; and the specification says so of the trace.
    """
    path, trace = tmp_path / "field", tmp_path / "trace"
    moody, modules = with_moody()
    moody.mood = "after"

    async def main() -> None:
        with recorder(trace) as tracer:
            async with await async_field(path, "asyncio-lock", tracer, modules=modules) as field:
                with pytest.raises(StepError, match="ZeroDivisionError: moody"):
                    await field.reply("hello there")

    asyncio.run(main())
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


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("discipline", [D6, "actor", "asyncio-lock"])
def test_an_inner_reply_that_fails_is_not_hidden(
    tmp_path: Path, discipline: str, closed: bool
) -> None:
    """The reply was answered; the session's next call, or else `close`, says what went wrong with
    the ring; the call after that is answered.
    """
    trace = tmp_path / "trace"

    async def talk(field: AsyncLeoField) -> None:
        assert await field.reply("hello there")
        if closed:
            return
        with pytest.raises(
            StepError, match=r"'generate' of reply s1~ring1\.1 failed: .*no thought"
        ):
            await field.reply("and now?")
        assert await field.reply("and now?")

    async def main() -> None:
        with recorder(trace) as tracer:
            field = await async_field(
                tmp_path / "field", discipline, tracer, at_ring(fail), modules=MODULES
            )
            await talk(field)
            if closed:
                with pytest.raises(StepError, match=r"s1~ring1\.1 failed"):
                    await field.close()
            await field.close()

    asyncio.run(main())
    _, events = read_trace(trace)
    assert actions(events, "s1~ring1")[-1 if closed else 0] == ("Raise" if closed else "Call")
    # What the failed ring would have wished for is gone; the next reply wishes anew.
    assert ("s1~ring2" in {event.session for event in events}) != closed
    judge(trace)


@pytest.mark.parametrize("discipline", [D6, "asyncio-lock", "optimistic"])
def test_a_cancelled_caller_drops_the_inner_replies_that_are_left(
    tmp_path: Path, discipline: str
) -> None:
    """Cancelled while it waits for the rings: the one under way ends as any cancelled reply does,
    the others never begin, nothing new was called, and the next call is answered.
    """
    path, trace = tmp_path / "field", tmp_path / "trace"
    callers: list[asyncio.Task[str]] = []
    gate = at_ring(lambda: cancel(callers[0]))

    async def main() -> None:
        with recorder(trace) as tracer:
            async with await async_field(path, discipline, tracer, gate, modules=MODULES) as field:
                await field.reply("hello there")
                callers.append(asyncio.ensure_future(field.reply("and now?")))
                await asyncio.wait(callers)
                assert callers[0].cancelled()
                assert picture(field.view) == await field._store.perform(reloaded)
                assert await field.reply("and now?")

    asyncio.run(main())
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


def test_what_a_reply_wished_for_ends_with_the_next_one(tmp_path: Path) -> None:
    """The first of two wishes fails: the second is dropped, and is not carried out later."""
    trace = tmp_path / "trace"

    async def main() -> None:
        gate = at_ring(fail, "s1~ring0")
        with recorder(trace) as tracer:
            opening = async_field(tmp_path / "field", D6, tracer, gate, modules=[Twice()])
            async with await opening as field:
                await field.reply("hello there")
                with pytest.raises(StepError, match=r"s1~ring0\.1 failed"):
                    await field.reply("and now?")
                await field.reply("and now?")

    asyncio.run(main())
    _, events = read_trace(trace)
    assert [event.reply for event in events if event.action == "Call"] == [
        *("s1.1", "s1~ring0.1"),
        *("s1.2", "s1~ring0.2", "s1~more.1"),
    ]
