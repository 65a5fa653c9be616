"""The actor's owner task is cancelled, as at the end of a loop that cancels every task."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.errors import StepError, StoreClosedError, StoreLockedError
from tests.leo.drivers.test_inner import RING, AtRing
from tests.leo.judge import judge
from tests.leo.support import UNIT, actions, async_field, picture, read_trace, recorder, reloaded

CLOSED = "was closed; open it again"


def owner(field: AsyncLeoField) -> asyncio.Task[None]:
    """The task of the actor."""
    task = field._driver._owner  # type: ignore[attr-defined]
    assert isinstance(task, asyncio.Task)
    return task


class CancelsOwner:
    """A gate that cancels the owner before one action of s1: at once, or when what follows is under
    way; `callers` are cancelled as well.
    """

    def __init__(self, action: str, under_way: bool) -> None:
        self.action, self.under_way = action, under_way
        self.field: AsyncLeoField | None = None
        self.callers: list[asyncio.Task[str]] = []

    def strike(self) -> None:
        assert self.field is not None
        for task in (owner(self.field), *self.callers):
            task.cancel()

    async def __call__(self, session: str, action: Action) -> None:
        if session != "s1" or action != self.action:
            return
        if self.under_way:
            asyncio.get_running_loop().call_soon(self.strike)
        else:
            self.strike()
            await asyncio.sleep(0)


@pytest.mark.parametrize("callers", [False, True], ids=["owner", "all"])
@pytest.mark.parametrize("under_way", [False, True], ids=["before", "under way"])
@pytest.mark.parametrize("action", UNIT[1:])
async def test_a_cancelled_owner_finishes_the_reply_under_way(
    tmp_path: Path, action: str, under_way: bool, callers: bool
) -> None:
    """At every action the reply under way is carried to its Return; those that are called and not
    begun end by Raise.
    """
    trace = tmp_path / "trace"
    gate = CancelsOwner(action, under_way)
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", "actor", tracer, gate)
        gate.field = field
        calls = [asyncio.ensure_future(field.reply("hello", f"s{n}")) for n in (1, 2, 3)]
        gate.callers = calls if callers else []
        await asyncio.wait(calls, timeout=10)
        if not callers:
            assert calls[0].result()
        for call in calls[callers ^ 1 :]:
            if not call.cancelled() or not callers:
                # Where the owner was done before the cancellation came, it was an answer.
                assert call.exception() is None or isinstance(call.exception(), StoreClosedError)
        with pytest.raises(StoreClosedError, match=CLOSED):
            await field.reply("later", "s4")
        await asyncio.wait((owner(field),), timeout=10)
        assert picture(field.view) == await field._store.perform(reloaded)
        await field.close()
        await field.close()
    events = read_trace(trace)[1]
    assert [name for name in actions(events) if name != "Cancel"] == UNIT
    assert actions(events, "s4") == []
    if action == "Generate" and not callers:
        assert actions(events, "s2") == actions(events, "s3") == ["Call", "Raise"]
    outcome = judge(trace)
    assert outcome.open == 0 and outcome.replies == 3


def test_the_end_of_a_loop_leaves_a_whole_field(tmp_path: Path) -> None:
    """`asyncio.run` cancels every task while replies are under way, and nobody closes the field."""
    trace = tmp_path / "trace"
    fields: list[AsyncLeoField] = []
    calls: list[asyncio.Task[str]] = []

    async def main() -> None:
        field = await async_field(tmp_path / "field", "actor", tracer)
        fields.append(field)
        calls.extend(asyncio.ensure_future(field.reply("hello", f"s{n}")) for n in range(3))
        while field._instance._counts.get("s2") is None:
            await asyncio.sleep(0)

    with recorder(trace) as tracer:
        asyncio.run(main())
        asyncio.run(fields[0]._store.close())
    assert judge(trace).open == 0


async def test_an_owner_that_never_began_leaves_nobody_waiting(tmp_path: Path) -> None:
    """Cancelled before its first step, with a request in the queue: the request is refused."""
    field = await async_field(tmp_path / "field", "actor")

    async def never(answer: asyncio.Future[str]) -> None:
        raise AssertionError("nobody carries this out")

    answer = field._driver._request(never)  # type: ignore[attr-defined]
    owner(field).cancel()
    with pytest.raises(StoreClosedError, match=CLOSED):
        await asyncio.wait_for(answer, 10)
    await field.close()


async def test_inner_replies_that_a_cancelled_owner_leaves_behind_are_no_error_of_closing(
    tmp_path: Path,
) -> None:
    """A ring is under way, after those of another session: it is finished, and nothing follows."""
    trace = tmp_path / "trace"
    gate = AtRing()
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", "actor", tracer, gate, modules=MODULES)
        calls = [asyncio.ensure_future(field.reply("hello there", f"s{n}")) for n in (2, 1)]
        await asyncio.wait((*calls, asyncio.ensure_future(gate.there.wait())), timeout=10)
        owner(field).cancel()
        await field.close()
        await field.close()
    events = read_trace(trace)[1]
    assert actions(events, RING)[-1] == "Return" and actions(events, "s1~ring1") == []
    assert actions(events, "s2~ring1")[-1] == "Return"
    assert judge(trace).open == 0


async def test_an_observation_under_way_is_finished(tmp_path: Path) -> None:
    """The owner is cancelled while the store is at work: the text is taken in."""
    field = await async_field(tmp_path / "field", "actor")
    observed = asyncio.ensure_future(field.observe("grey herons wait"))
    while not field._store._tx.qsize():
        await asyncio.sleep(0)
    owner(field).cancel()
    await asyncio.wait_for(observed, 10)
    assert field.view.trigram_count("grey", "herons", "wait") == 1
    await field.close()


async def test_an_operation_that_fails_meanwhile_is_told(tmp_path: Path) -> None:
    """The owner is cancelled while an operation fails: the caller is told of the failure."""
    trace = tmp_path / "trace"
    gate = CancelsOwner("Recall", under_way=True)
    with recorder(trace) as tracer:
        field = await async_field(tmp_path / "field", "actor", tracer, gate)
        gate.field = field
        perform = field._store.perform

        async def refused(work: object) -> None:
            def fail(conn: object) -> None:
                raise StoreLockedError("not now")

            await perform(fail)

        field._store.perform = refused  # type: ignore[method-assign, assignment]
        with pytest.raises(StepError, match="not now"):
            await asyncio.wait_for(field.reply("hello"), 10)
        await field.close()
    assert actions(read_trace(trace)[1]) == ["Call", "Acquire", "Begin", "Raise"]
