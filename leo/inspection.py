"""A field that is looked at and not touched: not folded, not moved on to a newer schema, not even
made.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from leo.connection import Connection, explain, foreign, transaction
from leo.ddl import SCHEMA_VERSION, move_on
from leo.decay import faded
from leo.errors import StoreError, StoreUnwritableError
from leo.schema import BUSY_TIMEOUT, EFFECTIVE, check_place, identify

__all__ = ["copied", "inspected"]


@contextmanager
def inspected(path: Path) -> Iterator[tuple[Connection, int]]:
    """A connection that reads the field at `path`, and the schema of its file.

    A field of an older schema is read in a copy, which was moved on. Raises StoreUnwritableError
    when there is no such file, otherwise what `leo.schema.connect` raises.
    """
    if not path.exists():
        raise StoreUnwritableError(f"{path}: there is no such file; name a field that exists")
    check_place(path)
    conn, schema = _opened(path)
    with closing(conn):
        if not schema:
            raise foreign(path, "it is empty")
        if schema == SCHEMA_VERSION:
            yield conn, schema
            return
        with closing(copied(conn)) as copy:
            with transaction(copy):
                move_on(copy, schema)
            yield copy, schema


def copied(conn: Connection) -> Connection:
    """One state of a field, in a temporary database that goes when it is closed. Its errors name
    the file of the field.
    """
    copy = sqlite3.connect("", isolation_level=None, factory=Connection, check_same_thread=False)
    _know(copy, conn.path)
    try:
        conn.backup(copy)
    except sqlite3.Error as error:
        copy.close()
        raise explain(error, conn.path) from error
    return copy


def _opened(path: Path) -> tuple[Connection, int]:
    """A connection that does not write, and the schema."""
    *first, last = _modes(path)
    for mode in first:
        try:
            return _connected(path, mode)
        except StoreUnwritableError:
            continue
    return _connected(path, last)


def _modes(path: Path) -> tuple[str, ...]:
    """How SQLite may open a file so that nothing is written, and nothing is left beside it."""
    if os.path.exists(f"{path}-wal"):
        # Closed as one that may write, it would copy this log into the file.
        return ("mode=ro",)
    if os.access(path, os.W_OK, effective_ids=EFFECTIVE):
        # Only who may write takes the files away again that reading needs.
        return ("mode=rw",)
    # In a folder that takes no file, what has no log can be read as it is.
    return ("mode=ro", "mode=ro&immutable=1")


def _connected(path: Path, mode: str) -> tuple[Connection, int]:
    address = f"{path.absolute().as_uri()}?{mode}"
    with ExitStack() as undo:
        try:
            conn = sqlite3.connect(
                address,
                uri=True,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                factory=Connection,
                check_same_thread=False,
            )
            undo.callback(conn.close)
            _know(conn, path)
            conn.execute("PRAGMA query_only = ON")
            schema = identify(conn)
        except sqlite3.Error as error:
            raise _unreadable(error, path) from error
        undo.pop_all()
    return conn, schema


def _unreadable(error: sqlite3.Error, path: Path) -> StoreError:
    found = explain(error, path)
    if not isinstance(found, StoreUnwritableError):
        return found
    return StoreUnwritableError(
        f"{path}: the field cannot be opened for reading ({error}); correct the permissions of the "
        "file and of its folder, or name a copy"
    )


def _know(conn: Connection, path: Path) -> None:
    conn.path = path
    conn.timeout = BUSY_TIMEOUT
    conn.create_function("faded", 2, faded, deterministic=True)
