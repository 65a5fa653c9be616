"""Cancellation at every action, and the shield between commit and swap."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from leo.actions import Action
from leo.errors import StepError
from leo.front.tasks import AsyncLeoField
from leo.reply.turn import Contents, Instance
from leo.store.connection import Connection
from leo.trace.events import Event, Happened, NoTrace
from tests.leo.judge import judge
from tests.leo.support import (
    ASYNC,
    REPLY,
    UNITS,
    WRITES,
    actions,
    async_field,
    picture,
    read_trace,
    recorder,
    reloaded,
)

OPERATIONS = ("Recall", "Ingest", "LoadBigrams", "LoadTrigrams", "SaveSnapshot")
Scenario = Callable[[AsyncLeoField], Awaitable[None]]


class CancelBefore:
    """A gate that cancels the reply before one action: at once, or when the action is under way."""

    def __init__(self, action: str, under_way: bool = False) -> None:
        self.action = action
        self.under_way = under_way
        self.armed = True

    async def __call__(self, session: str, action: Action) -> None:
        if session != "s1" or action != self.action or not self.armed:
            return
        self.armed = False
        task = asyncio.current_task()
        assert task is not None
        if self.under_way:
            # Delivered at the next await, which is that of the operation.
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            task.cancel()
            await asyncio.sleep(0)


def run(path: Path, discipline: str, gate: CancelBefore | None, scenario: Scenario) -> list[Event]:
    """Run a scenario on a recorded field; afterwards everything must be whole and free."""
    trace = path.with_suffix(".ndjson")

    async def main() -> None:
        with recorder(trace) as tracer:
            async with await async_field(path, discipline, tracer, gate) as field:
                await scenario(field)
                assert field._driver.lock is None or not field._driver.lock.locked()
                # The next reply works, and after it the view is what the store is.
                assert await field.reply("and now?", "s2")
                whole = await field._store.perform(reloaded)
                assert picture(field.view) == whole

    asyncio.run(main())
    judge(trace)
    return read_trace(trace)[1]


async def cancelled_reply(field: AsyncLeoField) -> None:
    with pytest.raises(asyncio.CancelledError):
        await field.reply("hello")


@pytest.mark.parametrize("discipline", ASYNC)
@pytest.mark.parametrize("action", REPLY[1:-1])
def test_cancelled_before_an_action(tmp_path: Path, discipline: str, action: str) -> None:
    """The action does not happen; after a write of the store it is CancelApplied, else Cancel."""
    events = run(tmp_path / "field", discipline, CancelBefore(action), cancelled_reply)
    done = REPLY[: REPLY.index(action)]
    end = "CancelApplied" if done[-1] in WRITES else "Cancel"
    assert actions(events) == [*done, end]
    assert [event.outcome for event in events if event.session == "s1"][-1] == "cancelled"
    assert actions(events, "s2") == REPLY


@pytest.mark.parametrize("discipline", ASYNC)
@pytest.mark.parametrize("action", OPERATIONS)
def test_cancelled_during_an_operation(tmp_path: Path, discipline: str, action: str) -> None:
    """An operation that was issued happens, is recorded, and only then the reply ends."""
    gate = CancelBefore(action, under_way=True)
    events = run(tmp_path / "field", discipline, gate, cancelled_reply)
    end = "CancelApplied" if action in WRITES else "Cancel"
    assert actions(events) == [*REPLY[: REPLY.index(action) + 1], end]
    assert actions(events, "s2") == REPLY


@pytest.mark.parametrize("discipline", ASYNC)
@pytest.mark.parametrize("action", REPLY[1:-1])
def test_raised_before_an_action(tmp_path: Path, discipline: str, action: str) -> None:
    """Raise, before every action; what was committed before stays, and the next reply works."""

    async def scenario(field: AsyncLeoField) -> None:
        async def gate(session: str, asked: Action) -> None:
            if session == "s1" and asked == action:
                raise ZeroDivisionError("struck")

        field._driver.gate = gate
        with pytest.raises(StepError, match="struck"):
            await field.reply("hello")

    events = run(tmp_path / "field", discipline, None, scenario)
    assert actions(events) == [*REPLY[: REPLY.index(action)], "Raise"]
    assert actions(events, "s2") == REPLY


@pytest.mark.parametrize("discipline", ASYNC)
def test_cancelled_before_the_call_leaves_no_event(tmp_path: Path, discipline: str) -> None:
    """Nothing was called, so nothing ended; and the session may call again."""

    async def scenario(field: AsyncLeoField) -> None:
        await cancelled_reply(field)
        assert await field.reply("hello")

    events = run(tmp_path / "field", discipline, CancelBefore("Call"), scenario)
    assert actions(events) == REPLY


def test_cancelled_while_waiting_for_the_lock(tmp_path: Path) -> None:
    """Cancel, and the reply that holds the lock goes on; the one behind is served."""

    async def scenario(field: AsyncLeoField) -> None:
        first, second, third = (
            asyncio.ensure_future(field.reply("hello", name)) for name in ("a", "b", "c")
        )
        await asyncio.sleep(0)
        second.cancel()
        results = await asyncio.gather(first, second, third, return_exceptions=True)
        assert isinstance(results[1], asyncio.CancelledError)

    events = run(tmp_path / "field", "asyncio-lock", None, scenario)
    assert actions(events, "b") == ["Call", "Cancel"]
    assert actions(events, "a") == actions(events, "c") == REPLY


def test_who_was_cancelled_in_the_queue_leaves_it_first(tmp_path: Path) -> None:
    """asyncio.Lock passes over a cancelled waiter before the waiter's task has run and said so."""
    late: list[asyncio.Task[str]] = []

    async def scenario(field: AsyncLeoField) -> None:
        async def gate(session: str, action: Action) -> None:
            if session == "a" and action is Action.Release:
                # It calls when the lock is free, and before the cancelled one runs.
                late.append(asyncio.create_task(field.reply("hello", "c")))
                waiting.cancel()

        field._driver.gate = gate
        holder = asyncio.create_task(field.reply("hello", "a"))
        waiting = asyncio.create_task(field.reply("hello", "b"))
        results = await asyncio.gather(holder, waiting, return_exceptions=True)
        assert isinstance(results[1], asyncio.CancelledError)
        assert await late[0]

    events = run(tmp_path / "field", "asyncio-lock", None, scenario)
    assert actions(events, "b") == ["Call", "Cancel"]
    assert actions(events, "a") == actions(events, "c") == REPLY


@pytest.mark.parametrize("discipline", ASYNC)
@pytest.mark.parametrize("position", [0, 1, 2, 3, 4])
def test_cancelled_again_and_again_while_the_worker_is_busy(
    tmp_path: Path, discipline: str, position: int
) -> None:
    """Three cancellations while an operation waits for the worker thread."""
    wanted = OPERATIONS[position]

    async def scenario(field: AsyncLeoField) -> None:
        go_on, busy = threading.Event(), asyncio.Event()
        blocker: list[asyncio.Future[None]] = []

        async def gate(session: str, action: Action) -> None:
            if session == "s1" and action == wanted:
                # In the queue before the operation: the worker is busy until `go_on`.
                blocker.append(asyncio.ensure_future(field._store.perform(wait)))
                await asyncio.sleep(0)
                busy.set()

        def wait(conn: Connection) -> None:
            assert go_on.wait(20)

        field._driver.gate = gate
        task = asyncio.ensure_future(field.reply("hello"))
        await busy.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await blocker[0]

    events = run(tmp_path / "field", discipline, None, scenario)
    end = "CancelApplied" if wanted in WRITES else "Cancel"
    assert actions(events) == [*REPLY[: REPLY.index(wanted) + 1], end]


def test_a_timeout_is_a_timeout(tmp_path: Path) -> None:
    """asyncio.timeout sees its own cancellation come back and turns it into TimeoutError."""

    async def scenario(field: AsyncLeoField) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await field.reply("hello")

    events = run(tmp_path / "field", "asyncio-lock", None, scenario)
    assert actions(events)[0] == "Call" and actions(events)[-1] == "Cancel"


@pytest.mark.parametrize("discipline", [*ASYNC, *UNITS])
async def test_a_cancelled_observation_is_whole(tmp_path: Path, discipline: str) -> None:
    """The text is in the store, the lock is free, and the view has it too."""
    async with await async_field(tmp_path / "field", discipline) as field:
        task = asyncio.ensure_future(field.observe("grey herons wait"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert field._driver.lock is None or not field._driver.lock.locked()
        await field.reply("and now?")
        assert field.view.trigram_count("grey", "herons", "wait") >= 1
        assert picture(field.view) == await field._store.perform(reloaded)


def test_opening_and_closing_survive_cancellation(tmp_path: Path) -> None:
    """A cancelled open ends its thread and closes its file; a cancelled close closes."""

    async def main() -> None:
        opening = asyncio.ensure_future(async_field(tmp_path / "field", "bare"))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        field = await async_field(tmp_path / "field", "bare")
        closing = asyncio.ensure_future(field.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert field._store._connection is None

    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() == before


def test_a_field_that_is_cancelled_while_it_is_read_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is open already when the cancellation comes: its thread ends all the same."""
    read = Instance.open_work

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def cancelled(conn: Connection) -> Contents:
            loop.call_soon_threadsafe(opening.cancel)
            return read(conn)

        monkeypatch.setattr(Instance, "open_work", cancelled)
        opening = asyncio.ensure_future(async_field(tmp_path / "field", "bare"))
        with pytest.raises(asyncio.CancelledError):
            await opening

    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() == before


SHIELDED = [id for id in UNITS if id != "unit-of-work"]


class FailsOnce(NoTrace):
    """A tracer that fails at the first commit, and then has room again."""

    enabled = True  # type: ignore[misc]

    def __init__(self) -> None:
        self.left = [OSError("no room for a trace")]
        self.actions: list[str] = []

    def record(self, happened: Happened) -> None:
        self.actions.append(happened.action.value)
        if happened.action is Action.Commit and self.left:
            raise self.left.pop()


async def whole(field: AsyncLeoField) -> bool:
    return picture(field.view) == await field._store.perform(reloaded)


@pytest.mark.parametrize("discipline", SHIELDED)
async def test_an_error_between_commit_and_swap_waits_for_the_swap(
    tmp_path: Path, discipline: str
) -> None:
    """The recorder fails when the commit is carried out."""
    tracer = FailsOnce()
    async with await async_field(tmp_path / "field", discipline, tracer) as field:
        with pytest.raises(StepError, match=r"'commit' .*no room for a trace"):
            await field.reply("grey herons wait")
        assert tracer.actions[-3:] == ["Commit", "SwapView", "Raise"]
        assert field.view.trigram_count("grey", "herons", "wait") == 1
        assert await whole(field)
        assert await field.reply("and now?")
        assert await whole(field)


@pytest.mark.parametrize("discipline", [id for id in SHIELDED if id != "actor"])
async def test_a_cancellation_comes_before_an_error_that_was_held_back(
    tmp_path: Path, discipline: str
) -> None:
    """Both strike between commit and swap: the view is swapped."""
    tracer = FailsOnce()
    calls: list[asyncio.Task[str]] = []

    async def gate(session: str, action: Action) -> None:
        if action is Action.SwapView and calls:
            calls.pop().cancel()
            await asyncio.sleep(0)

    async with await async_field(tmp_path / "field", discipline, tracer, gate) as field:
        call = asyncio.ensure_future(field.reply("grey herons wait"))
        calls.append(call)
        await asyncio.wait((call,))
        assert call.cancelled()
        assert tracer.actions[-2:] == ["SwapView", "CancelApplied"]
        assert await whole(field)
