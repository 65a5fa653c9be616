"""A field that several close at the same time: it is closed once, and for each of them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.errors import StepError
from leo.trace.events import NO_TRACE, Tracer
from tests.leo.drivers.test_afterthoughts import D6, RING, AtRing
from tests.leo.judge import judge
from tests.leo.support import actions, async_field, read_trace, recorder

RINGS = ["s1", "s1~ring0", "s1~ring1", "s1~ring2"]


async def turns(count: int = 20) -> None:
    """Let whoever can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def thinking(
    gate: AtRing, path: Path, discipline: str = D6, tracer: Tracer = NO_TRACE
) -> AsyncLeoField:
    """A field that has replied, with a ring under way that the gate holds."""
    field = await async_field(path, discipline, tracer, gate, modules=MODULES)
    await field.reply("hello there")
    await gate.there.wait()
    return field


def is_closed(field: AsyncLeoField) -> bool:
    """Whether the file is closed: its thread has ended."""
    return not field._store._thread.is_alive()


@pytest.mark.parametrize("cancelled", [None, 0, 1], ids=["nobody", "first", "second"])
@pytest.mark.parametrize("discipline", [D6, "actor"])
def test_who_closes_as_well_cuts_no_inner_reply_short(
    tmp_path: Path, discipline: str, cancelled: int | None
) -> None:
    """Two close while a ring is under way: all that was begun is finished, although one of them may
    be cancelled meanwhile, and both come back to a closed field.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
        gate = AtRing()
        with recorder(trace) as tracer:
            field = await thinking(gate, tmp_path / "field", discipline, tracer)
            closing = [asyncio.ensure_future(field.close()) for _ in range(2)]
            await turns()
            if cancelled is not None:
                closing[cancelled].cancel()
            await turns()
            assert not any(call.done() for call in closing)
            gate.go_on.set()
            await asyncio.wait(closing)
            for place, call in enumerate(closing):
                assert call.cancelled() if place == cancelled else call.exception() is None
            assert is_closed(field)
            await field.close()

    asyncio.run(main())
    returned = [e.session for e in read_trace(trace)[1] if e.action is Action.Return]
    assert returned == RINGS
    assert judge(trace).open == 0


@pytest.mark.parametrize("closers", [1, 2])
def test_inner_replies_end_with_the_patience_of_all_who_close(tmp_path: Path, closers: int) -> None:
    """Everybody who closes is cancelled, one after the other: the ring under way ends as any reply
    that is cancelled, nothing follows, and the file is closed.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
        with recorder(trace) as tracer:
            field = await thinking(AtRing(), tmp_path / "field", D6, tracer)
            closing = [asyncio.ensure_future(field.close()) for _ in range(closers)]
            for call in closing:
                await turns()
                assert not any(other.done() for other in closing)
                call.cancel()
            await asyncio.wait(closing)
            assert all(call.cancelled() for call in closing)
            assert is_closed(field)

    asyncio.run(main())
    events = read_trace(trace)[1]
    assert actions(events, RING)[-1] == "Cancel"
    assert [e.session for e in events if e.action is Action.Return] == ["s1"]
    assert judge(trace).open == 0


def test_who_closes_as_well_comes_back_when_the_file_is_closed(tmp_path: Path) -> None:
    """The thread of the store is at work when two close: neither is told that it is done."""

    async def main() -> None:
        go_on = threading.Event()
        field = await async_field(tmp_path / "field", D6)
        work = asyncio.ensure_future(field._store.perform(lambda conn: go_on.wait(10)))
        await turns()
        closing = [asyncio.ensure_future(field.close()) for _ in range(3)]
        await turns()
        closing[2].cancel()
        await turns()
        assert not any(call.done() for call in closing)
        go_on.set()
        await asyncio.wait((work, *closing))
        assert [call.cancelled() for call in closing] == [False, False, True]
        assert is_closed(field)

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", [False, True], ids=["nobody", "first"])
def test_what_went_wrong_is_told_once(tmp_path: Path, cancelled: bool) -> None:
    """To the first who closes, or to the next when that one is cancelled; no later call has it."""

    async def main() -> None:
        gate = AtRing(ZeroDivisionError("no thought"))
        field = await thinking(gate, tmp_path / "field")
        closing = [asyncio.ensure_future(field.close()) for _ in range(3)]
        await turns()
        if cancelled:
            closing[0].cancel()
            await turns()
        gate.go_on.set()
        await asyncio.wait(closing)
        assert closing[0].cancelled() == cancelled
        told, *others = closing[cancelled:]
        with pytest.raises(StepError, match="no thought"):
            told.result()
        assert [call.exception() for call in others] == [None] * len(others)
        await field.close()

    asyncio.run(main())


def test_what_went_wrong_while_the_only_closer_was_cancelled_is_for_the_next(
    tmp_path: Path,
) -> None:
    """The ring fails in the moment of the cancellation: the next call has the error, once."""

    async def main() -> None:
        gate = AtRing(ZeroDivisionError("no thought"))
        field = await thinking(gate, tmp_path / "field")
        ring = field._afterthoughts._tasks["s1"]
        closing = asyncio.ensure_future(field.close())
        await turns()
        ring.add_done_callback(lambda _: closing.cancel())
        gate.go_on.set()
        await asyncio.wait((closing,))
        assert closing.cancelled()
        with pytest.raises(StepError, match="no thought"):
            await field.close()
        await field.close()

    asyncio.run(main())
