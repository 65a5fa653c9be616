"""Closing a field while replies are under way, once or several times."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.errors import StepError, StoreClosedError
from leo.trace.events import NO_TRACE, Tracer
from tests.leo.drivers.test_inner import D6, RING, AtRing
from tests.leo.judge import judge
from tests.leo.support import UNIT, UNITS, actions, async_field, read_trace, recorder


class Held:
    """A gate that holds a session before an action until `go_on` is set."""

    def __init__(self, session: str, action: Action) -> None:
        self.session, self.action = session, action
        self.there, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, session: str, action: Action) -> None:
        if session == self.session and action is self.action:
            self.there.set()
            await self.go_on.wait()


async def test_requests_made_while_an_actor_closes_are_refused(tmp_path: Path) -> None:
    """`close` waits for a reply that is under way."""
    trace = tmp_path / "trace"
    gate = Held("s1", Action.Generate)
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", "actor", tracer, gate)
        first = asyncio.ensure_future(field.reply("hello", "s1"))
        await gate.there.wait()
        closing = asyncio.ensure_future(field.close())
        await asyncio.sleep(0)
        calls: tuple[Coroutine[None, None, object], ...]
        calls = (field.reply("late", "s2"), field.observe("late"))
        late = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)
        gate.go_on.set()
        assert await first
        await closing
        for refused in late:
            with pytest.raises(StoreClosedError, match="was closed; open it again"):
                await refused
        with pytest.raises(StoreClosedError):
            await field.reply("later", "s2")
    events = read_trace(trace)[1]
    assert actions(events) == UNIT and actions(events, "s2") == []
    assert judge(trace).open == 0


@pytest.mark.unjudged("nothing is called, so the trace has no event to judge")
async def test_a_call_that_is_held_until_an_actor_has_closed_is_refused(tmp_path: Path) -> None:
    """Before Call nothing was asked for yet, so `close` does not wait."""
    trace = tmp_path / "trace"
    gate = Held("s1", Action.Call)
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", "actor", tracer, gate)
        call = asyncio.ensure_future(field.reply("hello", "s1"))
        await gate.there.wait()
        await field.close()
        gate.go_on.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert call.done(), "the call waits for ever"
        with pytest.raises(StoreClosedError, match="was closed; open it again"):
            await call
    assert read_trace(trace)[1] == []


CALLERS_OWN = [id for id in ("asyncio-lock", *UNITS) if id != "actor"]


@pytest.mark.parametrize("discipline", CALLERS_OWN)
@pytest.mark.parametrize("action", [Action.Acquire, Action.Recall, Action.Generate])
async def test_closing_while_replies_are_under_way(
    tmp_path: Path, discipline: str, action: Action
) -> None:
    """One reply is held somewhere in its program, two wait."""
    trace = tmp_path / "trace"
    gate = Held("s1", action)
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", discipline, tracer, gate)
        calls = [asyncio.ensure_future(field.reply("hello", f"s{n}")) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        await field.close()
        gate.go_on.set()
        for call in calls:
            with pytest.raises(StepError) as caught:
                await call
            assert isinstance(caught.value.__cause__, StoreClosedError)
    assert judge(trace).outcomes == {"raised": 3}


@pytest.mark.parametrize("discipline", [id for id in CALLERS_OWN if id in UNITS])
async def test_closing_cuts_no_swap(tmp_path: Path, discipline: str) -> None:
    """A reply is held between its commit and the swap of the view."""
    trace = tmp_path / "trace"
    gate = Held("s1", Action.SwapView)
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", discipline, tracer, gate)
        call = asyncio.ensure_future(field.reply("grey herons wait", "s1"))
        await gate.there.wait()
        await field.close()
        gate.go_on.set()
        assert await call
        assert field.view.trigram_count("grey", "herons", "wait") == 1
    assert actions(read_trace(trace)[1]) == UNIT
    assert judge(trace).outcomes == {"returned": 1}


async def test_the_write_lock_of_a_field_that_closes_is_free_when_its_reply_has_ended(
    tmp_path: Path,
) -> None:
    """The held reply ends when its field closes, and only then the other instance begins."""
    trace = tmp_path / "trace"
    gate = Held("s1", Action.Generate)
    with recorder(trace, ("i1", "i2")) as tracer:
        path, discipline = tmp_path / "field", "shared-store-immediate"
        one = await async_field(path, discipline, tracer, gate, instance="i1")
        two = await async_field(path, discipline, tracer, instance="i2")
        held = asyncio.ensure_future(one.reply("hello", "s1"))
        await gate.there.wait()
        waits = asyncio.ensure_future(two.reply("hello", "s2"))
        await asyncio.sleep(0)
        await one.close()
        assert await waits
        gate.go_on.set()
        with pytest.raises(StepError) as caught:
            await held
        assert isinstance(caught.value.__cause__, StoreClosedError)
        await two.close()
    assert actions(read_trace(trace)[1])[-1] == "Raise"
    assert judge(trace).outcomes == {"raised": 1, "returned": 1}


RINGS = ["s1", "s1~ring0", "s1~ring1", "s1~ring2"]


async def turns(count: int = 20) -> None:
    """Let other tasks go on."""
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
async def test_who_closes_as_well_cuts_no_inner_reply_short(
    tmp_path: Path, discipline: str, cancelled: int | None
) -> None:
    """Two close while a ring is under way."""
    trace = tmp_path / "trace"
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
    returned = [e.session for e in read_trace(trace)[1] if e.action is Action.Return]
    assert returned == RINGS
    assert judge(trace).open == 0


@pytest.mark.parametrize("closers", [1, 2])
async def test_inner_replies_end_with_the_patience_of_all_who_close(
    tmp_path: Path, closers: int
) -> None:
    """Everybody who closes is cancelled, one after the other."""
    trace = tmp_path / "trace"
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
    events = read_trace(trace)[1]
    assert actions(events, RING)[-1] == "Cancel"
    assert [e.session for e in events if e.action is Action.Return] == ["s1"]
    assert judge(trace).open == 0


@pytest.mark.parametrize("cancelled", [False, True], ids=["nobody", "first"])
async def test_what_went_wrong_is_told_once(tmp_path: Path, cancelled: bool) -> None:
    """To the first who closes, or to the next when that one is cancelled; no later call has it."""
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
