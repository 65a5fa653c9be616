"""Another process is writing when a unit of work begins or commits: the wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import leo.reply.commit
from leo.errors import StepError, StoreLockedError, StoreMovedError
from leo.store.connection import Connection, begin_writing, transaction
from leo.store.schema import connect
from leo.trace.events import Happened, NoTrace
from tests.leo.support import async_field, picture, reloaded

DEFERRED = "shared-store-unit-of-work"
BUSY = (DEFERRED, "shared-store-immediate")
TIMEOUT = 0.5


class Told(NoTrace):
    """A tracer that keeps the names of the actions, and knows whether somebody is in a moment."""

    enabled = True  # type: ignore[misc]

    def __init__(self) -> None:
        self.actions: list[str] = []
        self.inside = 0

    def record(self, happened: Happened) -> None:
        self.actions.append(happened.action.value)

    @contextmanager
    def moment(self) -> Iterator[None]:
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class Pauses:
    """Stands for the pauses between two looks at the lock: takes none of the time, and does
    something in the third.
    """

    def __init__(self, tracer: Told, act: Callable[[], object]) -> None:
        self.tracer, self.act = tracer, act
        self.waited: list[float] = []

    def __call__(self) -> Pauses:
        return self

    def wait(self, seconds: float) -> None:
        assert not self.tracer.inside, "nobody else can act in this moment"
        self.waited.append(seconds)
        if len(self.waited) == 3:
            self.act()


def meet(
    path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str, act: str
) -> tuple[str | BaseException, Told, Pauses, bool]:
    """A reply that meets a busy writer, who ends with the statement `act` in the third pause."""
    tracer = Told()

    async def main() -> tuple[str | BaseException, Told, Pauses, bool]:
        field = await async_field(path, discipline, tracer, timeout=TIMEOUT)
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            pauses = Pauses(tracer, lambda: other.execute(act))
            monkeypatch.setattr(leo.reply.commit, "Event", pauses)
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE objects SET version = version + 1 WHERE name = 'ngrams'")
            async with field:
                [end] = await asyncio.gather(field.reply("hello"), return_exceptions=True)
                same = picture(field.view) == await field._store.perform(reloaded)
        return end, tracer, pauses, same

    return asyncio.run(main())


@pytest.mark.parametrize("discipline", BUSY)
def test_a_writer_that_gives_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """The other rolls back within the busy timeout: the reply goes on as if there had been nobody.
    Nobody's moment is held while it waits.
    """
    end, tracer, pauses, same = meet(tmp_path / "field", monkeypatch, discipline, "ROLLBACK")
    assert isinstance(end, str) and len(pauses.waited) == 3 and same
    assert tracer.actions[-4:] == ["Commit", "SwapView", "Release", "Return"]


def test_a_writer_that_commits_first_makes_a_deferred_commit_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D11: the other commits within the busy timeout: BusySnapshot, and the error says that the
    field has moved, not that it was locked.
    """
    end, tracer, pauses, _ = meet(tmp_path / "field", monkeypatch, DEFERRED, "COMMIT")
    assert isinstance(end, StepError) and isinstance(end.__cause__, StoreMovedError)
    assert tracer.actions[-2:] == ["SaveSnapshot", "BusySnapshot"] and len(pauses.waited) == 3


@pytest.mark.parametrize(("discipline", "event"), [(DEFERRED, "Raise"), (BUSY[1], "Busy")])
def test_a_writer_that_does_not_end_is_waited_for_until_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str, event: str
) -> None:
    """Refused only when the busy timeout is over, as the error says: nothing was written."""
    end, tracer, pauses, same = meet(tmp_path / "field", monkeypatch, discipline, "SELECT 1")
    assert isinstance(end, StepError) and isinstance(end.__cause__, StoreLockedError)
    assert "beyond the busy timeout; nothing was written" in str(end)
    assert sum(pauses.waited) == pytest.approx(TIMEOUT, abs=0.01)
    assert tracer.actions[-1] == event and same


def test_the_write_lock_is_taken_or_not_at_once(tmp_path: Path) -> None:
    """Before a transaction or in a deferred one: False while another writes, True when nobody does;
    a snapshot that has become old can never be written to.
    """
    path = tmp_path / "field"

    def look(conn: Connection) -> None:
        conn.execute("BEGIN DEFERRED")
        conn.execute("SELECT count(*) FROM objects").fetchone()

    with closing(connect(path)) as one, closing(connect(path)) as two:
        assert begin_writing(two)
        assert not begin_writing(one)
        look(one)
        assert not begin_writing(one)
        two.execute("ROLLBACK")
        assert begin_writing(one)
        assert not begin_writing(two)
        one.execute("ROLLBACK")
        look(one)
        with transaction(two):
            two.execute("INSERT INTO meta (key, value) VALUES ('a', 'b')")
        with pytest.raises(StoreMovedError, match="ask again"):
            begin_writing(one)
        one.execute("ROLLBACK")
        assert one.execute("PRAGMA busy_timeout").fetchone() == (5000,)
