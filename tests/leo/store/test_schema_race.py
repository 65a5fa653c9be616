"""Processes that make, open, close or write one field at the same moment."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import leo.reply.commit
from leo.errors import StepError, StoreLockedError, StoreMovedError, StoreUnwritableError
from leo.store import schema
from leo.store.connection import Connection, begin_writing, size_of, transaction
from leo.store.inspection import inspected
from leo.store.schema import SCHEMA_VERSION, SWITCHES, connect, write_ahead
from leo.trace.events import Happened, NoTrace
from tests.leo.support import async_field, picture, reloaded

FIELD = Path("field")


class Refusing(sqlite3.Connection):
    """A connection whose switch to WAL is refused a number of times, as when another one opens."""

    refusals = 0
    code = sqlite3.SQLITE_BUSY

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql.startswith("PRAGMA journal_mode") and self.refusals:
            self.refusals -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.code
            raise error
        return super().execute(sql, *rest)


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Refusing]:
    opened = sqlite3.connect(tmp_path / "field", isolation_level=None, factory=Refusing)
    yield opened
    opened.close()


@pytest.mark.parametrize("refusals", [0, 1, SWITCHES])
def test_a_refused_switch_is_tried_again(conn: Refusing, refusals: int) -> None:
    """The file ends in WAL, and no transaction is left open."""
    conn.refusals = refusals
    write_ahead(conn, FIELD)

    assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert not conn.in_transaction


@pytest.mark.parametrize(
    ("refusals", "code"), [(SWITCHES + 1, sqlite3.SQLITE_BUSY), (1, sqlite3.SQLITE_IOERR)]
)
def test_it_does_not_try_for_ever(conn: Refusing, refusals: int, code: int) -> None:
    """One refusal too many is an error; only a busy file is worth another attempt."""
    conn.refusals, conn.code = refusals, code
    with pytest.raises(sqlite3.OperationalError):
        write_ahead(conn, FIELD)
    assert conn.refusals == 0


def test_a_database_without_a_file_needs_no_wal() -> None:
    """SQLite answers `memory`: nobody else reads it."""
    with closing(connect(":memory:")) as conn:
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("memory",)


def test_a_field_where_wal_is_not_possible_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its file's name, with what to do, and without tables in it."""
    opening = sqlite3.connect

    class Without(Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("journal_mode = WAL", "journal_mode"), *rest)

    def connected(path: Path, **given: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = opening(path, **{**given, "factory": Without})
        return made

    monkeypatch.setattr(sqlite3, "connect", connected)
    with pytest.raises(StoreUnwritableError, match=f"^{tmp_path}/field: .*'delete'.*name another"):
        connect(tmp_path / "field")
    assert (tmp_path / "field").stat().st_size == 0


def test_a_field_that_is_made_between_two_looks_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process makes the file and its log after we have looked for the first of them."""
    path = tmp_path / "field"
    with ExitStack() as others, monkeypatch.context() as patch:

        def meanwhile(asked: str | Path) -> int | None:
            patch.setattr(schema, "size_of", size_of)
            found = size_of(asked)
            others.enter_context(closing(connect(path)))
            return found

        patch.setattr(schema, "size_of", meanwhile)
        with closing(connect(path)) as conn:
            assert conn.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_log_that_another_connection_takes_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last connection that closes removes the log: here whenever somebody has looked at it."""
    connect(tmp_path / "field").close()
    log, look = f"{tmp_path / 'field'}-wal", os.stat

    def vanishing(path: Any, *rest: Any, **options: Any) -> os.stat_result:
        found = look(path, *rest, **options)
        if os.fspath(path) == log:
            os.unlink(log)
        return found

    for opened in (lambda path: closing(connect(path)), inspected):
        Path(log).touch()
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", vanishing)
            with opened(tmp_path / "field") as conn:
                assert conn.execute("PRAGMA user_version").fetchone()[0]


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
