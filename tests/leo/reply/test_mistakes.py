"""D8 and D9: disciplines that cannot work, and a watchdog that says so instead of hanging."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from leo.drivers.tasks import Watchdog
from leo.errors import DeadlockError
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.operations import get_versions
from tests.leo.judge import judge
from tests.leo.support import REPLY, actions, async_field, read_trace, recorder


def test_a_threading_lock_held_across_an_await_stops_the_loop(tmp_path: Path) -> None:
    """The second caller blocks the loop on which the first should go on: Block, then nothing, and
    everybody is told the chain.
    """
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


def test_a_stopped_loop_takes_in_nothing(tmp_path: Path) -> None:
    """After the stop an observation is told of the deadlock too; neither store nor view move. The
    same for one that was under way.
    """

    async def main() -> None:
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

    asyncio.run(main())


def test_what_the_worker_had_begun_comes_before_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker thread needs no loop: what was issued is carried out and recorded first, although
    the worker is busy until the loop stands still.
    """
    trace = tmp_path / "trace"
    go_on, settle = threading.Event(), AsyncStore.settle

    def stands_still(store: AsyncStore) -> None:
        go_on.set()
        settle(store)

    def busy(conn: Connection) -> None:
        assert go_on.wait(20)

    monkeypatch.setattr(AsyncStore, "settle", stands_still)

    async def main() -> None:
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

    asyncio.run(main())
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
    for resource, reply in (("x", "a"), ("y", "b"), ("z", "c")):
        dog.took(resource, reply)
    dog.waits("a", "y")
    dog.waits("b", "z")
    dog.check("a", "")
    dog.waits("c", "y")
    dog.check("a", "")
    with pytest.raises(DeadlockError) as caught:
        dog.check("b", "advice")
    assert caught.value.chain == ("b waits for z, held by c", "c waits for y, held by b")
    dog.gave_up("c")
    dog.check("b", "")
