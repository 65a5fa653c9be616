"""Inner replies: who waits for them, who cancels them, and what is kept of them."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.errors import StepError
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
def test_a_cancelled_waiter_cancels_nobody_else(tmp_path: Path, discipline: str) -> None:
    """Two wait for the same inner replies and one is cancelled: the ring ends, the other is not
    handed a cancellation that nobody sent it; it goes on, and is answered.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
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

    asyncio.run(main())
    events = read_trace(trace)[1]
    assert [e.reply for e in events if e.session == "s1" and e.action is Action.Return] == [
        *("s1.1", "s1.2")
    ]
    assert "Cancel" in actions(events, RING)
    assert judge(trace).open == 0


def test_what_went_wrong_while_a_waiter_was_cancelled_is_for_the_next(tmp_path: Path) -> None:
    """The ring fails in the same moment in which its waiter is cancelled: the waiter is told of the
    cancellation, and the session's next call of the failure.
    """

    async def main() -> None:
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

    asyncio.run(main())


@pytest.mark.parametrize("discipline", ["actor", D6])
def test_nothing_is_begun_on_a_field_that_closes(
    tmp_path: Path, discipline: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A reply that returns while the field closes: what it wishes to follow is dropped, and no task
    is left to fail on a closed field with nobody to see it.
    """

    async def main() -> None:
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

    asyncio.run(main())
    gc.collect()
    assert caplog.records == []


def test_closing_finishes_the_inner_replies_that_have_begun(tmp_path: Path) -> None:
    """All that a reply wished for is carried out, also what only its rings wish for."""
    trace = tmp_path / "trace"

    async def main() -> None:
        gate = AtRing()
        with recorder(trace) as tracer:
            field = await async_field(tmp_path / "field", "actor", tracer, gate, modules=MODULES)
            await field.reply("hello there")
            await gate.there.wait()
            closing = asyncio.ensure_future(field.close())
            await asyncio.sleep(0)
            gate.go_on.set()
            await closing

    asyncio.run(main())
    returned = [e.session for e in read_trace(trace)[1] if e.action is Action.Return]
    assert returned == ["s1", "s1~ring0", "s1~ring1", "s1~ring2"]


def test_inner_replies_that_were_cancelled_do_not_cancel_who_closes(tmp_path: Path) -> None:
    """A task that somebody cancelled is no error, and no cancellation of `close`."""

    async def main() -> None:
        gate = AtRing()
        field = await async_field(tmp_path / "field", D6, gate=gate, modules=MODULES)
        await field.reply("hello there")
        await gate.there.wait()
        field._afterthoughts._tasks["s1"].cancel()
        await field.close()

    asyncio.run(main())


def test_what_has_ended_well_is_not_kept(tmp_path: Path) -> None:
    """Sessions that come once leave no task behind and nothing that waits; an error stays until
    somebody is told.
    """

    gate = AtRing(ZeroDivisionError("no thought"))

    async def follow(field: AsyncLeoField, session: str) -> asyncio.Task[None]:
        await field.reply("hello there", session)
        task = field._afterthoughts._tasks[session]
        if session == "s1":
            await gate.there.wait()
            gate.go_on.set()
        await asyncio.wait((task,))
        return task

    async def main() -> None:
        field = await async_field(tmp_path / "field", D6, gate=gate, modules=MODULES)
        for session in ("a", "b", "c"):
            await follow(field, session)
        assert not field._afterthoughts._tasks
        failed = await follow(field, "s1")
        assert not field._afterthoughts._tasks
        assert field._afterthoughts._failed == {"s1": failed.exception()}
        assert not field._instance._waiting
        with pytest.raises(StepError, match="no thought"):
            await field.close()

    asyncio.run(main())
