"""What callers give, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from leo import LeoField
from leo.drivers.tasks import Watchdog
from leo.errors import CallerError, DeadlockError, SessionBusyError
from leo.reply.given import LONGEST
from leo.reply.turn import Instance
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.operations import get_versions
from tests.leo.judge import judge
from tests.leo.support import (
    REPLY,
    actions,
    any_field,
    async_field,
    picture,
    read_trace,
    recorder,
    sync_field,
)

NO_TEXTS: list[Any] = [None, 3, b"hello", ["hello"]]
NO_SESSIONS: list[Any] = [
    None, 3, b"s1", ["s1"], "\ud800", "s\udfff1",
    "", "a\nb", "\x1b[31m", "nobody", "s" * 201, "s1~x",
]  # fmt: skip
KINDS = ["sequential", "gil", "threading-lock"]
ASYNC_KINDS = ["bare", "asyncio-lock", "shielded-unit-of-work", "actor"]


@pytest.mark.parametrize("discipline", [*KINDS, *ASYNC_KINDS])
async def test_what_is_no_text_is_refused_and_locks_nothing(
    tmp_path: Path, discipline: str
) -> None:
    """Prompt, session or observation: a CallerError that shows the type."""
    async with any_field(tmp_path / "field", discipline) as field:
        before = picture(field.view)
        for given in NO_TEXTS:
            with pytest.raises(CallerError, match=f"type {type(given).__name__}"):
                await field.reply(given)
            with pytest.raises(CallerError, match=f"type {type(given).__name__}"):
                await field.observe(given)
        for session in NO_SESSIONS:
            with pytest.raises(CallerError, match="session"):
                await field.reply("hello", session)
        assert picture(field.view) == before
        assert await field.reply("hello")


@pytest.mark.parametrize("discipline", KINDS)
def test_ctrl_c_before_the_turn_is_there_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """The session was made busy, and the interrupt comes before anybody has the turn."""
    admit, presses = Instance.admit, [KeyboardInterrupt()]

    def pressed(instance: Instance, *given: Any) -> None:
        admit(instance, *given)
        if presses:
            raise presses.pop()

    monkeypatch.setattr(Instance, "admit", pressed)
    with sync_field(tmp_path / "field", discipline=discipline) as field:
        with pytest.raises(KeyboardInterrupt):
            field.reply("hello")
        assert field.reply("hello")


def test_a_refused_call_does_not_free_the_session_of_the_one_under_way(tmp_path: Path) -> None:
    """Only who made the session busy frees it: a second refusal follows the first."""
    seen: list[str] = []

    def gate(session: str, action: object) -> None:
        for _ in range(2 - len(seen)):
            with pytest.raises(SessionBusyError) as caught:
                field.reply("and?", session)
            seen.append(str(caught.value))

    with sync_field(tmp_path / "field", gate=gate) as field:
        assert field.reply("hello")
    assert len(seen) == 2


def test_every_session_that_is_answered_can_be_recorded(tmp_path: Path) -> None:
    """What a trace cannot hold is refused, and the rest is a trace."""
    with recorder(tmp_path / "trace") as tracer, sync_field(tmp_path / "field", tracer) as field:
        for name in ("a.b", "a b", "\N{SEEDLING}", "main", "i1", "s" * 200, "..", '"', "1"):
            assert field.reply("hello", name)
    assert judge(tmp_path / "trace").outcomes == {"returned": 9}


@pytest.mark.parametrize("discipline", ["sequential", "shielded-unit-of-work"])
async def test_a_text_that_would_keep_everybody_waiting_is_refused(
    tmp_path: Path, discipline: str
) -> None:
    """At once; one of the length that is allowed is taken in."""
    longest, longer = "ab " * (LONGEST // 3), "ab " * LONGEST
    async with any_field(tmp_path / "field", discipline) as field:
        for call in (field.reply, field.observe):
            with pytest.raises(CallerError, match="300,000 characters is too long"):
                await call(longer)
        await field.observe(longest)
        assert await field.reply("hello")


@pytest.mark.parametrize("now", [float("inf"), float("-inf"), float("nan"), 1e13])
def test_a_clock_that_no_row_can_hold_is_refused(tmp_path: Path, now: float) -> None:
    """Nothing is written, and the session is free again."""
    times = [now, 5.0]
    with LeoField.open(tmp_path / "field", clock=lambda: times.pop(0)) as field:
        with pytest.raises(CallerError, match="the clock of the field says"):
            field.reply("hello")
        assert field.reply("hello") and field.view.versions()["view.bigrams"] == 2


def test_a_threading_lock_held_across_an_await_stops_the_loop(tmp_path: Path) -> None:
    """The second caller blocks the loop on which the first should go on: Block, then nothing."""
    trace = tmp_path / "trace"

    async def main() -> list[str | BaseException]:
        with recorder(trace) as tracer:
            name = "threading-lock-in-async"
            async with await async_field(tmp_path / "field", name, tracer) as field:
                assert await field.reply("alone it works", "s1")
                calls = (field.reply("hello", "s1"), field.reply("hello", "s2"))
                results = await asyncio.gather(*calls, return_exceptions=True)
                with pytest.raises(DeadlockError):
                    await field.reply("too late", "s3")
                return list(results)

    for error in asyncio.run(main()):
        assert isinstance(error, DeadlockError)
        assert error.chain == (
            "s2.1 waits for the lock of i1, held by s1.2",
            "s1.2 waits for the event loop, held by s2.1",
        )
        assert "hold an asyncio.Lock across an await" in str(error)
    events = read_trace(trace)[1]
    assert actions(events)[:11] == REPLY
    assert events[-1].action == "Block" and actions(events, "s2") == ["Call", "Block"]
    outcome = judge(trace)
    assert outcome.open == 2 and outcome.violations == {}


async def test_a_stopped_loop_takes_in_nothing(tmp_path: Path) -> None:
    """After the stop an observation is told of the deadlock too; neither store nor view move."""
    name = "threading-lock-in-async"
    async with await async_field(tmp_path / "field", name) as field:
        calls = (field.reply("a b c", "s1"), field.reply("d e f", "s2"))
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, DeadlockError)
        before = field.view.versions(), await field._store.perform(get_versions)
        with pytest.raises(DeadlockError, match=r"held by s1\.1"):
            await field.observe("after the stop")
        assert (field.view.versions(), await field._store.perform(get_versions)) == before
    async with await async_field(tmp_path / "other", name) as field:
        acts = (field.observe("grey herons wait"), field.reply("hello", "s2"))
        for end in await asyncio.gather(*acts, return_exceptions=True):
            assert isinstance(end, DeadlockError)


async def test_what_the_worker_had_begun_comes_before_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker thread needs no loop."""
    trace = tmp_path / "trace"
    go_on, settle = threading.Event(), AsyncStore.settle

    def stands_still(store: AsyncStore) -> None:
        go_on.set()
        settle(store)

    def busy(conn: Connection) -> None:
        assert go_on.wait(20)

    monkeypatch.setattr(AsyncStore, "settle", stands_still)
    with recorder(trace) as tracer:
        name = "threading-lock-in-async"
        async with await async_field(tmp_path / "field", name, tracer) as field:
            blocker = asyncio.ensure_future(field._store.perform(busy))
            first = asyncio.ensure_future(field.reply("hello", "s1"))
            await asyncio.sleep(0)
            with pytest.raises(DeadlockError):
                await field.reply("hello", "s2")
            with pytest.raises(DeadlockError):
                await first
            await blocker
    events = read_trace(trace)[1]
    assert [event.action.value for event in events] == [
        *("Call", "Acquire", "Call", "Recall", "Block")
    ]
    assert judge(trace).open == 2


def test_a_step_that_asks_for_its_own_lock_waits_for_itself(tmp_path: Path) -> None:
    """Reenter, the watchdog cancels the reply, and the next one in the queue does the same."""
    trace = tmp_path / "trace"

    async def main() -> list[str | BaseException]:
        with recorder(trace) as tracer:
            async with await async_field(tmp_path / "field", "reentrant", tracer) as field:
                calls = (field.reply("hello", "s1"), field.reply("hello", "s2"))
                results = await asyncio.gather(*calls, return_exceptions=True)
                assert field._driver.lock is not None and not field._driver.lock.locked()
                return list(results)

    for error, reply in zip(asyncio.run(main()), ("s1.1", "s2.1"), strict=True):
        assert isinstance(error, DeadlockError)
        assert error.chain == (f"{reply} waits for the lock of i1, held by {reply}",)
    events = read_trace(trace)[1]
    assert actions(events) == [*REPLY[:3], "Reenter", "Cancel"]
    assert judge(trace).outcomes == {"cancelled": 2}


def test_the_watchdog_finds_circles_and_nothing_else() -> None:
    """A chain that ends is no deadlock; a circle that somebody else is in is theirs."""
    dog = Watchdog()
    dog.holders |= {"x": "a", "y": "b", "z": "c"}
    dog.waits |= {"a": "y", "b": "z"}
    dog.check("a", "")
    dog.waits["c"] = "y"
    dog.check("a", "")
    with pytest.raises(DeadlockError) as caught:
        dog.check("b", "advice")
    assert caught.value.chain == ("b waits for z, held by c", "c waits for y, held by b")
    del dog.holders["y"]
    dog.check("b", "")
    dog.holders["y"] = "b"
    del dog.waits["c"]
    dog.check("b", "")
