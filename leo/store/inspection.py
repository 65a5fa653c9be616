"""Opens a field for reading only: it is neither folded nor created."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from leo.errors import StoreFullError, StoreMovedError, StoreUnwritableError
from leo.store.connection import REFUSALS, Connection, beside, explain, foreign, size_of
from leo.store.schema import EFFECTIVE, alone, check_place, identify, opened

# Without SQLite's locks and without its files beside the field: a reader of this kind sees no log,
# and is not told when somebody else writes.
ALONE: Final = "mode=ro&immutable=1"


@contextmanager
def inspected(path: Path) -> Iterator[Connection]:
    """A connection that reads the field at `path`.

    Raises StoreUnwritableError when there is no such file, otherwise what `connect` raises.
    """
    try:
        path.stat()
    except OSError as error:
        raise StoreUnwritableError(
            f"{path}: there is no field to look at ({error.strerror}); name a file that exists, in "
            "a folder that may be entered"
        ) from error
    check_place(path)
    with ExitStack() as stack:
        *first, last = _modes(path)
        for mode in first:
            try:
                conn = stack.enter_context(closing(_connected(path, mode)))
                break
            except StoreUnwritableError:
                continue
        else:
            conn = stack.enter_context(closing(_connected(path, last)))
        yield conn


def copied(conn: Connection) -> Connection:
    """One state of a field, in a temporary database that goes when it is closed. Its errors name
    the file of the field.
    """
    copy = opened(conn.path, place="")
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


def _modes(path: Path) -> tuple[str, ...]:
    """How SQLite may open a file so that nothing is written, and nothing is left beside it."""
    if _logged(path):
        # Closed as one that may write, it would copy this log into the file.
        return ("mode=ro",)
    shared, log = (os.path.exists(beside(path, end)) for end in ("-shm", "-wal"))
    if shared and log:
        # Somebody has the field open, and has made what reading needs.
        return ("mode=ro", ALONE)
    if not shared and os.access(path, os.W_OK, effective_ids=EFFECTIVE):
        # Only a connection that may write takes the files away again that reading needs. The folder
        # may refuse them.
        return ("mode=rw", ALONE)
    return (ALONE,)


def _logged(path: Path) -> bool:
    """Is there a log with content, which a reader must know?"""
    return bool(size_of(beside(path, "-wal")))


def _connected(path: Path, mode: str) -> Connection:
    before = _state(path)
    with ExitStack() as undo:
        try:
            conn = opened(path, place=f"{path.absolute().as_uri()}?{mode}")
            undo.callback(conn.close)
            conn.execute("PRAGMA query_only = ON")
            if not identify(conn):
                raise alone(path) if before[1] else foreign(path, "it is empty")
        except REFUSALS as error:
            found = explain(error, path)
            if isinstance(found, StoreUnwritableError):
                found = StoreUnwritableError(
                    f"{path}: the field cannot be opened for reading ({error}); correct the "
                    "permissions of the file and of its folder, or name a copy"
                )
            raise found from error
        if mode != ALONE:
            undo.pop_all()
            return conn
        # Read alone it is read once, and must not have been written to meanwhile.
        copy = copied(conn)
    if _state(path) != before:
        copy.close()
        raise StoreMovedError(
            f"{path}: another process has written to the field while it was read; try again when "
            "it has finished"
        )
    copy.execute("PRAGMA query_only = ON")
    return copy


def _state(path: Path) -> tuple[object, ...]:
    """What is different after somebody has written to a field."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, _logged(path)
