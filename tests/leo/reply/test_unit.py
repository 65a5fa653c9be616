"""Unit of work: one commit per reply; Ctrl-C, a caller that leaves, a step or disk that fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

import leo.field.tables
from leo import AsyncLeoField
from leo.actions import Action
from leo.errors import StepError, StoreFullError, StoreLockedError
from leo.front.threads import LeoField
from leo.reply.turn import Instance
from leo.store.connection import Connection
from leo.trace.events import Event
from leo_model.traces.native import Outcome
from tests.leo.judge import judge
from tests.leo.support import (
    UNIT,
    UNITS,
    actions,
    async_field,
    picture,
    read_trace,
    recorder,
    reloaded,
    sync_field,
)

ON_STORE = ("Recall", "Commit")
# The other ones are like these; `make test-long` takes them too.
QUICK = ("unit-of-work", "shielded-unit-of-work", "actor", "shared-store-unit-of-work")
KINDS = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in UNITS]
CARRIED_OUT = {"Commit", "SwapView"}
Scenario = Callable[[AsyncLeoField], Awaitable[None]]


class Strike:
    """A gate that strikes the reply of s1 before one action: cancels its task, or raises.

    The task is that of the caller, also where another one carries the reply out.
    """

    def __init__(self, action: str, how: str) -> None:
        self.action = action
        self.how = how
        self.task: asyncio.Task[str] | None = None

    async def __call__(self, session: str, action: Action) -> None:
        if session != "s1" or action != self.action or self.task is None:
            return
        task, self.task = self.task, None
        if self.how == "raise":
            raise ZeroDivisionError("struck")
        if self.how == "under way":
            # Delivered at the next await, which is that of the operation.
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            task.cancel()
            await asyncio.sleep(0)


def run(
    path: Path, discipline: str, scenario: Scenario, gate: Strike | None = None, timeout: float = 5
) -> tuple[list[Event], Outcome]:
    """Run a scenario on a recorded field; afterwards the lock is free and the next reply works.

    The trace must be a behaviour of the specification that breaks nothing that is claimed.
    """
    trace = path.with_suffix(".ndjson")

    async def main() -> None:
        with recorder(trace) as tracer:
            async with await async_field(path, discipline, tracer, gate, timeout) as field:
                await scenario(field)
                lock = field._driver.lock
                assert lock is None or not lock.locked()
                assert await field.reply("and now?", "s2")
                if discipline != "unit-of-work":
                    assert picture(field.view) == await field._store.perform(reloaded)

    asyncio.run(main())
    return read_trace(trace)[1], judge(trace)


async def struck(field: AsyncLeoField, gate: Strike) -> BaseException | None:
    """A reply of s1 that the gate strikes; returns what came of it."""
    task = asyncio.ensure_future(field.reply("hello there", "s1"))
    gate.task = task
    await asyncio.wait((task,))
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception()


def cancelled_at(discipline: str, action: str, under_way: bool) -> list[str]:
    """The events of a reply of s1 that is cancelled before an action, or while it is under way."""
    done = UNIT[: UNIT.index(action) + under_way]
    if discipline == "actor":
        return [*done, "Cancel", *UNIT[len(done) :]]
    if done[-1] == "Commit" and discipline != "unit-of-work":
        done.append("SwapView")
    return [*done, "CancelApplied" if done[-1] in CARRIED_OUT else "Cancel"]


@pytest.mark.parametrize("discipline", KINDS)
@pytest.mark.parametrize(
    ("action", "how"),
    [*((action, "before") for action in UNIT[1:-1]), *((on, "under way") for on in ON_STORE)],
)
def test_cancelled(tmp_path: Path, discipline: str, action: str, how: str) -> None:
    """Before the commit nothing is left; after it everything, and behind a shield in the view too.
    An operation that was issued is carried out; a commit under way is a commit.

    An actor's caller goes away, and the reply goes on to its Return; where the cancellation falls
    among the program's actions is chance.
    """
    gate = Strike(action, how)

    async def scenario(field: AsyncLeoField) -> None:
        assert isinstance(await struck(field, gate), asyncio.CancelledError)

    events, outcome = run(tmp_path / "field", discipline, scenario, gate)
    wanted, found = cancelled_at(discipline, action, how == "under way"), actions(events)
    assert sorted(found) == sorted(wanted) if discipline == "actor" else found == wanted
    assert outcome.replies == 2 and outcome.open == 0


@pytest.mark.parametrize("discipline", KINDS)
@pytest.mark.parametrize("action", UNIT[1 : UNIT.index("SwapView")])
def test_a_step_that_raises_leaves_nothing(tmp_path: Path, discipline: str, action: str) -> None:
    """Raise; the store has not moved, the transaction is rolled back, the lock is free."""
    gate = Strike(action, "raise")

    async def scenario(field: AsyncLeoField) -> None:
        error = await struck(field, gate)
        assert isinstance(error, StepError) and isinstance(error.__cause__, ZeroDivisionError)
        assert field.view.versions() == {"view.bigrams": 1, "view.trigrams": 1}

    events, _ = run(tmp_path / "field", discipline, scenario, gate)
    assert actions(events) == [*UNIT[: UNIT.index(action)], "Raise"]
    versions = {**next(e for e in events if e.session == "s2" and e.action == "Commit").writes}
    assert versions == {"ngrams": 2, "snapshots": 1}


@pytest.mark.parametrize("discipline", KINDS)
@pytest.mark.parametrize("action", ["SwapView", "Release"])
def test_what_raises_after_the_commit_leaves_a_whole_reply(
    tmp_path: Path, discipline: str, action: str
) -> None:
    """Raise, with the reply in the store; behind a shield the view has taken it first."""
    gate = Strike(action, "raise")
    trapped = discipline == "unit-of-work" and action == "SwapView"

    async def scenario(field: AsyncLeoField) -> None:
        error = await struck(field, gate)
        assert isinstance(error, StepError) and isinstance(error.__cause__, ZeroDivisionError)
        assert field.view.versions()["view.bigrams"] == (1 if trapped else 2)

    events, outcome = run(tmp_path / "field", discipline, scenario, gate)
    done = UNIT[: UNIT.index("SwapView" if trapped else "Release")]
    assert actions(events) == [*done, "Raise"]
    assert ("ViewAgreesWithStore" in outcome.violations) == trapped


def test_a_full_disk_leaves_nothing_half_applied(tmp_path: Path) -> None:
    """The commit is refused, the error names the file, nothing of the reply is there."""

    def shrink(conn: Connection) -> None:
        pages = conn.execute("PRAGMA page_count").fetchone()[0]
        conn.execute(f"PRAGMA max_page_count = {pages}")

    def grow(conn: Connection) -> None:
        conn.execute("PRAGMA max_page_count = 1000000")

    async def scenario(field: AsyncLeoField) -> None:
        before = await field._store.perform(reloaded)
        await field._store.perform(shrink)
        with pytest.raises(StepError, match=r"'commit' .*there is no room") as caught:
            await field.reply(" ".join(f"w{'abcdefghij'[n % 10] * (n // 10)}" for n in range(900)))
        assert isinstance(caught.value.__cause__, StoreFullError)
        assert await field._store.perform(reloaded) == before == picture(field.view)
        await field._store.perform(grow)

    events, _ = run(tmp_path / "field", "shielded-unit-of-work", scenario)
    assert actions(events) == [*UNIT[:7], "Raise"]


@pytest.mark.parametrize("discipline", ["shielded-unit-of-work", "actor"])
def test_a_locked_file_leaves_nothing_half_applied(tmp_path: Path, discipline: str) -> None:
    """Another connection holds the write lock beyond the timeout: the commit is refused, whole."""

    async def scenario(field: AsyncLeoField) -> None:
        with closing(sqlite3.connect(tmp_path / "field", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StepError, match=r"'commit' .*kept the field locked") as caught:
                await field.reply("hello")
            assert isinstance(caught.value.__cause__, StoreLockedError)
        assert picture(field.view) == await field._store.perform(reloaded)

    events, _ = run(tmp_path / "field", discipline, scenario, timeout=0.05)
    assert actions(events) == [*UNIT[:7], "Raise"]


def test_an_actor_serves_a_session_after_the_request_that_it_left(tmp_path: Path) -> None:
    """The second call waits for the abandoned reply, and is then served like any other."""
    gate = Strike("Recall", "cancel")

    async def scenario(field: AsyncLeoField) -> None:
        assert isinstance(await struck(field, gate), asyncio.CancelledError)
        assert await field.reply("again", "s1")

    events, _ = run(tmp_path / "field", "actor", scenario, gate)
    mine = [e.reply for e in events if e.session == "s1" and e.action == "Return"]
    assert mine == ["s1.1", "s1.2"]


def test_a_failure_that_nobody_waits_for_does_not_stop_the_actor(tmp_path: Path) -> None:
    """The caller has left, the step raises: it is in the trace, and the owner goes on."""
    gate = Strike("Recall", "cancel")

    async def scenario(field: AsyncLeoField) -> None:
        async def both(session: str, action: Action) -> None:
            await gate(session, action)
            if session == "s1" and action == "Generate":
                raise ZeroDivisionError("no voice")

        field._driver.gate = both
        assert isinstance(await struck(field, gate), asyncio.CancelledError)

    events, _ = run(tmp_path / "field", "actor", scenario, gate)
    assert [a for a in actions(events) if a != "Cancel"] == [*UNIT[:5], "Raise"]


TEXT = "a field in the morning is mostly silence then a voice crosses it"
Act = Callable[[LeoField], object]
ACTS: list[Act] = [lambda field: field.observe(TEXT), lambda field: field.reply(TEXT)]


def interrupt_the(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ctrl-C comes once, in the middle of an assignment: before the row of this number is added."""
    grow, calls = leo.field.tables._grow, iter(range(1, number + 1))

    def cut(rows: Iterable[object]) -> Iterator[object]:
        for row in rows:
            if next(calls, 0) == number:
                raise KeyboardInterrupt
            yield row

    def interrupted(table: Any, rankings: Any, rows: Iterable[object], sign: int) -> None:
        grow(table, rankings, cast(Any, cut(rows)), sign)

    monkeypatch.setattr(leo.field.tables, "_grow", interrupted)


@pytest.mark.parametrize("discipline", ["sequential", "threading-lock", "gil"])
@pytest.mark.parametrize("act", ACTS, ids=["observe", "reply"])
@pytest.mark.parametrize("number", [1, 5])
def test_an_interrupt_in_an_assignment_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str, act: Act, number: int
) -> None:
    """Interrupted inside the rows of an observation or of a reply."""
    with sync_field(tmp_path / "field", discipline=discipline) as field:
        interrupt_the(monkeypatch, number)
        with pytest.raises(KeyboardInterrupt):
            act(field)
        assert picture(field.view) == field._store.perform(reloaded)
        assert field.reply("hello")
        assert picture(field.view) == field._store.perform(reloaded)


@pytest.mark.parametrize("act", ACTS, ids=["observe", "reply"])
def test_the_lock_is_held_until_the_view_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    """Nobody can reply from the half of an assignment: lock and latch are freed afterwards."""
    with sync_field(tmp_path / "field", discipline="threading-lock") as field:
        lock, latch = field._lock, field._latch
        assert lock is not None
        take, held = Instance.take, []

        def watched(instance: Instance, opened: object) -> None:
            held.append((lock.locked(), latch.locked()))  # type: ignore[attr-defined]
            take(instance, opened)  # type: ignore[arg-type]

        monkeypatch.setattr(Instance, "take", watched)
        interrupt_the(monkeypatch, 5)
        with pytest.raises(KeyboardInterrupt):
            act(field)
        assert held == [(True, True)]
        assert not lock.locked() and not latch.locked()  # type: ignore[attr-defined]


@pytest.mark.parametrize("act", ACTS, ids=["observe", "reply"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), StoreLockedError("not now")])
def test_a_view_that_could_not_be_mended_is_mended_by_whoever_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act, error: BaseException
) -> None:
    """A second Ctrl-C, or a store that is locked just then: the caller gets the interrupt."""
    take, failures = Instance.take, [error]

    def failing(instance: Instance, opened: object) -> None:
        if failures:
            raise failures.pop()
        take(instance, opened)  # type: ignore[arg-type]

    with sync_field(tmp_path / "field") as field:
        monkeypatch.setattr(Instance, "take", failing)
        interrupt_the(monkeypatch, 5)
        with pytest.raises(KeyboardInterrupt):
            act(field)
        assert not failures
        act(field)
        assert picture(field.view) == field._store.perform(reloaded)
