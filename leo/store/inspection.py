"""A field that is looked at and not touched: not folded, not moved on to a newer schema, not even
made.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from leo.errors import (
    NotAFieldError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreMovedError,
    StoreUnwritableError,
)
from leo.field.decay import faded
from leo.store.connection import REFUSALS, Connection, explain, foreign, is_misfit, transaction
from leo.store.ddl import APPLICATION_ID, SCHEMA_VERSION, move_on
from leo.store.schema import BUSY_TIMEOUT, EFFECTIVE, check_place, identify

__all__ = ["copied", "inspected", "is_marked"]

# Without SQLite's locks and without its files beside the field: whoever reads so sees no log, and
# is not told when somebody else writes.
ALONE: Final = "mode=ro&immutable=1"
# Of SQLite's file format: the header of a database, what it begins with, where the application id
# is, and where the number that a program has to know to write the file. There are none beyond 2.
HEADER: Final = 100
MAGIC: Final = b"SQLite format 3\0"
MARK: Final = slice(68, 72)
FORMAT: Final = 18
NEWEST: Final = 2


@contextmanager
def inspected(path: Path) -> Iterator[tuple[Connection, int]]:
    """A connection that reads the field at `path`, and the schema of its file.

    A field of an older schema is read in a copy, which was moved on. Raises StoreUnwritableError
    when there is no such file, otherwise what `leo.store.schema.connect` raises.
    """
    _check_there(path)
    check_place(path)
    _check_format(path)
    conn, schema = _opened(path)
    with closing(conn):
        if not schema:
            raise foreign(path, "it is empty")
        if schema == SCHEMA_VERSION:
            yield conn, schema
            return
        with closing(copied(conn)) as copy:
            _move_on(copy, schema)
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
        found = explain(error, conn.path)
        if isinstance(found, StoreFullError):
            # The field is only read here.
            found = StoreFullError(
                f"{conn.path}: there is no room for a copy of the field among the temporary files "
                f"({error}); the field is as it was: make room there, or name another folder in "
                "the environment variable TMPDIR"
            )
        raise found from error
    return copy


def _move_on(copy: Connection, schema: int) -> None:
    with transaction(copy):
        try:
            move_on(copy, schema)
        except sqlite3.Error as error:
            if not is_misfit(error):
                raise
            raise StoreDamagedError(
                f"{copy.path}: the file says that the field has schema {schema}, and its tables "
                f"are not those ({error}): restore the file from a copy"
            ) from error


def is_marked(path: Path) -> bool:
    """Does the first page say that this is a field, whatever has become of the rest?"""
    return _marks(_header(path))


def _marks(header: bytes) -> bool:
    return header.startswith(MAGIC) and header[MARK] == APPLICATION_ID.to_bytes(4, "big")


def _header(path: Path) -> bytes:
    # To be asked while this process has locked nothing of the file: to close it once, whoever has
    # it open besides, ends all the locks that the process has on it.
    with path.open("rb") as file:
        return file.read(HEADER)


def _check_there(path: Path) -> None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreUnwritableError(
            f"{path}: there is no such file; name a field that exists"
        ) from error
    except OSError as error:
        raise StoreUnwritableError(
            f"{path}: whether there is a field cannot be told ({error.strerror}); correct the "
            "permissions of its folder, or name a copy"
        ) from error


def _check_format(path: Path) -> None:
    """SQLite reads a file that a later program of its own would know how to write, and never
    writes it. It does not say so, and would not write to a copy of it either.
    """
    if not os.access(path, os.R_OK, effective_ids=EFFECTIVE):
        # Whoever opens it says what is wrong.
        return
    header = _header(path)
    if _marks(header) and header[FORMAT] > NEWEST:
        raise StoreDamagedError(
            f"{path}: the header names the format {header[FORMAT]} of SQLite's files, and there is "
            f"none beyond {NEWEST}, so the field can never be written: restore the file from a copy"
        )


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
    if _logged(path):
        # Closed as one that may write, it would copy this log into the file.
        return ("mode=ro",)
    if os.path.exists(f"{path}-shm"):
        if not os.path.exists(f"{path}-wal"):
            # Left behind, for who has a field open has both. SQLite would make the other one, and
            # leave it as well.
            return (ALONE,)
        # Somebody has the field open, and has made what reading needs.
        return ("mode=ro", ALONE)
    if os.access(path, os.W_OK, effective_ids=EFFECTIVE):
        # Only who may write takes the files away again that reading needs. The folder may refuse
        # them.
        return ("mode=rw", ALONE)
    return (ALONE,)


def _logged(path: Path) -> bool:
    """Is there a log with content, which a reader must know?"""
    log = f"{path}-wal"
    return os.path.exists(log) and os.path.getsize(log) > 0


def _connected(path: Path, mode: str) -> tuple[Connection, int]:
    before = _state(path)
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
        except REFUSALS as error:
            raise _unreadable(error, path) from error
        if mode == ALONE:
            return _kept(conn, before), schema
        undo.pop_all()
    return conn, schema


def _kept(conn: Connection, before: tuple[object, ...]) -> Connection:
    """A copy of what is read alone, if nobody has written to it since it was in the state
    `before`.
    """
    with ExitStack() as undo:
        copy = copied(conn)
        undo.callback(copy.close)
        if _state(conn.path) != before:
            raise StoreMovedError(
                f"{conn.path}: another process has written to the field while it was read; try "
                "again when it has finished"
            )
        copy.execute("PRAGMA query_only = ON")
        undo.pop_all()
    return copy


def _state(path: Path) -> tuple[object, ...]:
    """What is different after somebody has written to a field."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, _logged(path)


def _unreadable(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> StoreError:
    found = explain(error, path)
    if isinstance(found, NotAFieldError) and is_marked(path):
        # All the rest that SQLite knows a database by is in the header as well.
        return StoreDamagedError(
            f"{path}: the header of the file is damaged, and no part of the field can be read "
            f"({error}): restore the file from a copy"
        )
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
