"""What becomes of calls that meet a field that is being closed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from leo.actions import Action
from leo.errors import StepError, StoreClosedError
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


def test_requests_made_while_an_actor_closes_are_refused(tmp_path: Path) -> None:
    """`close` waits for a reply that is under way; a reply or an observation that comes then is
    told that the field was closed, leaves no event, and the reply under way is answered.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
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

    asyncio.run(main())
    events = read_trace(trace)[1]
    assert actions(events) == UNIT and actions(events, "s2") == []
    assert judge(trace).open == 0


@pytest.mark.unjudged("nothing is called, so the trace has no event to judge")
def test_a_call_that_is_held_until_an_actor_has_closed_is_refused(tmp_path: Path) -> None:
    """Before Call nothing was asked for yet, so `close` does not wait; afterwards nobody would ever
    read the request, and the caller is told so instead of waiting for ever.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
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

    asyncio.run(main())
    assert read_trace(trace)[1] == []


CALLERS_OWN = [id for id in ("asyncio-lock", *UNITS) if id != "actor"]


@pytest.mark.parametrize("discipline", CALLERS_OWN)
@pytest.mark.parametrize("action", [Action.Acquire, Action.Recall, Action.Generate])
def test_closing_while_replies_are_under_way(
    tmp_path: Path, discipline: str, action: Action
) -> None:
    """One reply is held somewhere in its program, two wait: the first finds the field closed at its
    next operation, and so do the others in their turn; nothing of them is kept.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
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

    asyncio.run(main())
    assert judge(trace).outcomes == {"raised": 3}


def test_requests_that_the_owner_leaves_behind_are_refused(tmp_path: Path) -> None:
    """The owner is cancelled, as a loop does that ends: who still waits in the queue is told that
    the field was closed, and is not handed a cancellation that nobody asked for.
    """

    async def main() -> None:
        gate = Held("s1", Action.Generate)
        field = await async_field(tmp_path / "field", "actor", gate=gate)
        first = asyncio.ensure_future(field.reply("hello", "s1"))
        await gate.there.wait()
        waiting = asyncio.ensure_future(field.reply("hello", "s2"))
        await asyncio.sleep(0)
        field._driver._owner.cancel()  # type: ignore[attr-defined]
        await asyncio.wait((first, waiting))
        with pytest.raises(StoreClosedError, match="was closed; open it again"):
            waiting.result()
        await field.close()

    asyncio.run(main())


def test_the_write_lock_of_a_field_that_closes_is_free_when_its_reply_has_ended(
    tmp_path: Path,
) -> None:
    """Two instances on one store, the first held inside its transaction, the second waiting for the
    write lock. The first is closed: its reply ends there and then, and only after that the second
    begins, although the first one's caller learns of it later.
    """
    trace = tmp_path / "trace"

    async def main() -> None:
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

    asyncio.run(main())
    assert actions(read_trace(trace)[1])[-1] == "Raise"
    assert judge(trace).outcomes == {"raised": 1, "returned": 1}
