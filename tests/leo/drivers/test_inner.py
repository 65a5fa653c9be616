"""Inner replies in tasks of their own; callers go before them."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.drivers.inner import PRESSURE
from leo.errors import CallerError, OverloadError, StepError
from leo.reply.program import ReplyState
from tests.leo.judge import judge
from tests.leo.support import actions, async_field, read_trace, recorder

D6 = "shielded-unit-of-work"
RING = "s1~ring0"


class AtRing:
    """A gate that stands before the first ring's Generate until `go_on`, and may then raise."""

    def __init__(self, error: Exception | None = None) -> None:
        self.there, self.go_on = asyncio.Event(), asyncio.Event()
        self.error = error

    async def __call__(self, session: str, action: Action) -> None:
        if session == RING and action is Action.Generate and not self.go_on.is_set():
            self.there.set()
            await self.go_on.wait()
            if self.error is not None:
                raise self.error


@pytest.mark.parametrize("discipline", [D6, "actor"])
async def test_a_cancelled_waiter_cancels_nobody_else(tmp_path: Path, discipline: str) -> None:
    """Two wait for the same inner replies and one is cancelled."""
    trace = tmp_path / "trace"
    gate = AtRing()
    with recorder(trace) as tracer:
        opening = async_field(tmp_path / "field", discipline, tracer, gate, modules=MODULES)
        async with await opening as field:
            await field.reply("hello there")
            await gate.there.wait()
            cancelled = asyncio.ensure_future(field.settle("s1"))
            settling = asyncio.ensure_future(field.settle("s1"))
            replying = asyncio.ensure_future(field.reply("and now?"))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.sleep(0)
            gate.go_on.set()
            await asyncio.wait((cancelled, settling, replying))
            assert cancelled.cancelled()
            assert settling.done() and settling.exception() is None
            assert replying.result()
    events = read_trace(trace)[1]
    assert [e.reply for e in events if e.session == "s1" and e.action is Action.Return] == [
        *("s1.1", "s1.2")
    ]
    assert "Cancel" in actions(events, RING)
    assert judge(trace).open == 0


async def test_what_went_wrong_while_a_waiter_was_cancelled_is_for_the_next(tmp_path: Path) -> None:
    """The ring fails in the same moment in which its waiter is cancelled."""
    gate = AtRing(ZeroDivisionError("no thought"))
    opening = async_field(tmp_path / "field", "actor", gate=gate, modules=MODULES)
    async with await opening as field:
        await field.reply("hello there")
        await gate.there.wait()
        waiting = asyncio.ensure_future(field.settle("s1"))
        task = field._afterthoughts._tasks["s1"]
        task.add_done_callback(lambda _: waiting.cancel())
        gate.go_on.set()
        await asyncio.wait((waiting,))
        assert waiting.cancelled()
        with pytest.raises(StepError, match="no thought"):
            await field.reply("and now?")
        assert await field.reply("and now?")


@pytest.mark.parametrize("discipline", ["actor", D6])
async def test_nothing_is_begun_on_a_field_that_closes(
    tmp_path: Path, discipline: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A reply that returns while the field closes: what it wishes to follow is dropped."""
    there, go_on = asyncio.Event(), asyncio.Event()

    async def gate(session: str, action: Action) -> None:
        if action is Action.Return:
            there.set()
            await go_on.wait()

    field = await async_field(tmp_path / "field", discipline, gate=gate, modules=MODULES)
    replying = asyncio.ensure_future(field.reply("hello there"))
    await there.wait()
    closing = asyncio.ensure_future(field.close())
    await asyncio.sleep(0)
    go_on.set()
    assert await replying
    await closing
    assert not field._afterthoughts._tasks and not field._instance._waiting
    gc.collect()
    assert caplog.records == []


async def test_inner_replies_that_were_cancelled_do_not_cancel_who_closes(tmp_path: Path) -> None:
    """A task that somebody cancelled is no error, and no cancellation of `close`."""
    gate = AtRing()
    field = await async_field(tmp_path / "field", D6, gate=gate, modules=MODULES)
    await field.reply("hello there")
    await gate.there.wait()
    field._afterthoughts._tasks["s1"].cancel()
    await field.close()


KINDS = [D6, "actor", "asyncio-lock"]
WAITING = 8


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The field keeps the thoughts and the errors of fewer sessions than it does for others."""
    monkeypatch.setattr("leo.drivers.inner.WAITING", WAITING)


class Order:
    """A gate that notes which sessions call, in their order, and holds one of them back."""

    def __init__(self, held: str = "") -> None:
        self.calls: list[str] = []
        self.held, self.there, self.go_on = held, asyncio.Event(), asyncio.Event()

    async def __call__(self, session: str, action: Action) -> None:
        if action is Action.Call:
            self.calls.append(session)
        if session == self.held and action is Action.Generate and not self.go_on.is_set():
            self.there.set()
            await self.go_on.wait()


async def settled(field: AsyncLeoField) -> None:
    """All inner replies have ended."""
    tasks = [t for t in asyncio.all_tasks() if t.get_name().startswith("the inner replies")]
    if tasks:
        await asyncio.wait(tasks)


@pytest.mark.parametrize("discipline", KINDS)
async def test_inner_replies_begin_when_nobody_calls(tmp_path: Path, discipline: str) -> None:
    """They wait for the call that is under way and for those that wait for it."""
    gate = Order(held="b")
    async with await async_field(
        tmp_path / "field", discipline, gate=gate, modules=MODULES
    ) as field:
        first = asyncio.ensure_future(field.reply("hello there", "a"))
        second = asyncio.ensure_future(field.reply("hello there", "b"))
        third = asyncio.ensure_future(field.reply("hello there", "c"))
        await first
        await gate.there.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not any("~" in call for call in gate.calls)
        gate.go_on.set()
        await asyncio.gather(second, third)
        await settled(field)
        assert field.dropped == 0
    inner = [call for call in gate.calls if "~" in call]
    assert gate.calls == ["a", "b", "c", *inner] and len(inner) >= 9
    # One session's thoughts are not torn apart by another's.
    assert [call[0] for call in inner] == sorted(call[0] for call in inner)


@pytest.mark.parametrize("discipline", [D6, "actor"])
async def test_too_many_callers_are_not_kept_waiting_for_thoughts(
    tmp_path: Path, discipline: str
) -> None:
    """Beyond PRESSURE calls a session is answered without its inner replies; they are counted."""
    async with await async_field(tmp_path / "field", discipline, modules=MODULES) as field:

        async def talk(session: str) -> None:
            for _ in range(2):
                await field.reply("hello there", session)

        await asyncio.gather(*(talk(f"s{n}") for n in range(PRESSURE + 8)))
        assert field.dropped >= 8
        await settled(field)
        before = field.dropped
        # Fewer callers: what a session says and hears has one order again.
        for _ in range(3):
            await field.reply("hello there", "s1")
        assert field.dropped == before


@pytest.mark.usefixtures("few")
async def test_thoughts_that_wait_are_bounded(tmp_path: Path) -> None:
    """Sessions that come once, while somebody calls all the time: the oldest are dropped."""
    gate = Order(held="long")
    async with await async_field(tmp_path / "field", "bare", gate=gate, modules=MODULES) as field:
        long = asyncio.ensure_future(field.reply("hello there", "long"))
        await gate.there.wait()
        for number in range(WAITING + 3):
            await field.reply("hello", f"s{number}")
        for _ in range(20):
            await asyncio.sleep(0)
        held = field._afterthoughts._held
        assert len(held) == WAITING and "s0" not in held and field.dropped == 3
        # What waits is of no use to a field that closes at once.
        for task in list(field._afterthoughts._tasks.values()):
            task.cancel()
        gate.go_on.set()
        await long


@pytest.mark.unjudged("inner replies fail")
@pytest.mark.usefixtures("few")
def test_errors_that_nobody_asks_for_are_bounded(tmp_path: Path) -> None:
    """Sessions whose inner replies fail and that never come back: the last errors are kept, and
    nothing of what the replies had in mind.
    """

    async def gate(session: str, action: Action) -> None:
        if "~" in session and action is Action.Generate:
            raise RuntimeError(session)

    def minds() -> list[ReplyState]:
        gc.collect()
        return [thing for thing in gc.get_objects() if isinstance(thing, ReplyState)]

    async def main() -> None:
        before = minds()  # an earlier test's error may still hold some
        async with await async_field(tmp_path / "field", D6, gate=gate, modules=MODULES) as field:
            for number in range(WAITING + 3):
                await field.reply("hello there", f"s{number}")
                await settled(field)
            kept = field._afterthoughts._failed
            assert not field._afterthoughts._tasks
            assert len(kept) == WAITING and "s2" not in kept and "s3" in kept
            assert len(minds()) - len(before) < 5
            with pytest.raises(StepError, match="s5~"):
                await field.settle("s5")
            kept.clear()

    asyncio.run(main())


@pytest.mark.parametrize("discipline", KINDS)
async def test_more_callers_than_the_field_was_opened_for_are_refused(
    tmp_path: Path, discipline: str
) -> None:
    """Before anything is done; those that wait are answered, and there is room again."""
    async with await AsyncLeoField.open(
        tmp_path / "field", discipline=discipline, max_waiting=2
    ) as field:
        calls = [field.reply("hello", f"s{n}") for n in range(6)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(end, OverloadError) for end in ends] == [False] * 3 + [True] * 3
        assert isinstance(ends[-1], CallerError) and "max_waiting is 2" in str(ends[-1])
        assert await field.reply("hello", "s5")
        assert field.view.versions()["view.bigrams"] == 1 + 4
