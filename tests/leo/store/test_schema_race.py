"""Two processes that make, open or close one field at the same moment."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from leo.errors import StoreUnwritableError
from leo.store import schema
from leo.store.connection import Connection, size_of
from leo.store.inspection import inspected
from leo.store.schema import SCHEMA_VERSION, SWITCHES, connect, write_ahead

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
