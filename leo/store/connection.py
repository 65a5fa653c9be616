"""A connection to the file of a field: its transactions, and our errors for SQLite's errors.

An error names the file and what to do; the transaction in which it happened is rolled back.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from leo.errors import (
    NotAFieldError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreGoneError,
    StoreLockedError,
    StoreMovedError,
    StoreUnwritableError,
)
from leo.screen import visible

# What is raised when SQLite refuses. Its words may quote a name in the file that is damaged, and
# where that is no UTF-8 Python cannot even make the error.
REFUSALS: Final = (sqlite3.Error, UnicodeDecodeError)

# What SQLite says of a write that the system refused: a disk, a quota or a limit on the size of
# files. Its plain code is that of a page that cannot be read.
UNWRITTEN: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)


DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_INTERRUPT)

# SQLite's steps, for the smallest file and for each byte: what the schema takes, and what a look at
# all pages may take: 1.2 of a field with a million trigrams (SQLite 3.40). Counted every EVERY.
FIRST_STEPS: Final = 100_000
SCHEMA_STEPS: Final = 1
CHECK_STEPS: Final = 50
EVERY: Final = 1000


class Connection(sqlite3.Connection):
    """A connection that knows its file, so that its errors can name it, and its busy timeout in
    seconds.
    """

    path: Path
    timeout: float
    # Of a file that is watched: what it was when this connection last looked.
    _seen: tuple[int, ...] | None = None
    _alone = False

    def bound(self, steps: int = SCHEMA_STEPS) -> None:
        """Until `unbound`, let a statement end with an error when SQLite has taken more steps than
        the size of the file accounts for: the pages of a file that somebody made may lead to each
        other in such a way that reading a table takes years.
        """
        kept = size_of(self.path)
        if kept is None:
            return  # A store of this connection alone: nobody else has made its pages.
        size = kept + (size_of(beside(self.path, "-wal")) or 0)
        left = iter(range((FIRST_STEPS + steps * size) // EVERY))
        self.set_progress_handler(lambda: next(left, None) is None, EVERY)

    def unbound(self) -> None:
        """The pages are those of a tree: what reads them comes to an end."""
        self.set_progress_handler(None, 0)

    def watch(self, *, alone: bool) -> None:
        """From now on a write finds out whether the file is still there, the same one, and, where
        nobody else has it, not written by others.
        """
        self._alone = alone
        self._seen = self._look()

    def check_there(self, *, own: bool = False) -> None:
        """Raise StoreGoneError when a file that is watched is not what it was. With `own` this
        connection has just written to it.
        """
        before = self._seen
        if before is None:
            return
        now = self._look()
        # A device and a number make the file; its size and time change with our checkpoints.
        parts = 2 if own else len(before)
        if now[:parts] != before[:parts]:
            raise StoreGoneError(
                f"{self.path}: the file of the field was moved, replaced, written over or deleted "
                "while it was open, and nothing that is said now would be kept: close the field, "
                "put the file back or `leo field restore` it from a backup, and open it again"
            )
        self._seen = now

    def _look(self) -> tuple[int, ...]:
        try:
            found = os.stat(self.path)
        except OSError:
            return ()
        same = (found.st_dev, found.st_ino)
        return (*same, found.st_size, found.st_mtime_ns) if self._alone else same


@contextmanager
def transaction(conn: Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE ... COMMIT, rolled back on every exception; SQLite's errors become
    StoreErrors.

    A transaction that is open already is taken over, and ends here as well. Raises StoreGoneError
    where the file is watched and is not what it was: before the COMMIT nothing is written, after it
    nobody is told that it was.
    """
    with _transaction(conn, "BEGIN IMMEDIATE"):
        yield
        conn.check_there()
    conn.check_there(own=True)


@contextmanager
def _transaction(conn: Connection, begin: str) -> Iterator[None]:
    try:
        if not conn.in_transaction:
            conn.execute(begin)
        try:
            yield
            conn.execute("COMMIT")
        finally:
            # After a commit there is none; nor where SQLite has rolled back by itself (a full
            # disk).
            if conn.in_transaction:
                conn.execute("ROLLBACK")
    except REFUSALS as error:
        raise explain(error, conn.path) from error


@contextmanager
def reading(conn: Connection) -> Iterator[None]:
    """A read: all of it sees one state of the store. It joins an open transaction."""
    if not conn.in_transaction:
        with _transaction(conn, "BEGIN DEFERRED"):
            yield
        return
    try:
        yield
    except REFUSALS as error:
        raise explain(error, conn.path) from error


def begin_writing(conn: Connection) -> bool:
    """Take SQLite's write lock, if nobody has it: this does not wait.

    A deferred transaction that is open goes on as a writing one. SQLite's own busy handler is not
    asked there. Raises StoreMovedError when its snapshot has become old.
    """
    # Any statement that could write takes the lock, also one that finds no row.
    begin = "DELETE FROM meta WHERE 0" if conn.in_transaction else "BEGIN IMMEDIATE"
    try:
        conn.execute("PRAGMA busy_timeout = 0")
        try:
            conn.execute(begin)
        finally:
            conn.execute(f"PRAGMA busy_timeout = {int(conn.timeout * 1000)}")
    except REFUSALS as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT:
            return False
        raise explain(error, conn.path) from error
    return True


def explain(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> StoreError:
    """The StoreError of one of the REFUSALS."""
    why = wording(error)
    # Errors of the Python module itself (a closed connection, say) have no code.
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return StoreMovedError(
            f"{path}: another writer has changed the field since this reply first read it; "
            "nothing was written: ask again"
        )
    if code in UNWRITTEN:
        return StoreFullError(
            f"{path}: the field cannot be written ({why}): the disk is full or fails, or a quota "
            "or a limit on the size of files is reached; nothing was written, and what the field "
            "has can still be read: make room or raise the limit, and try again"
        )
    code &= 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        why = "reading it would not end"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLockedError(
            f"{path}: another process has kept the field locked beyond the busy timeout ({why}); "
            "nothing was written: try again when it has finished"
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(
            f"{path}: there is no room for the field to grow ({why}); "
            "nothing was written: make room on the disk and try again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return unwritable(path, why)
    if code == sqlite3.SQLITE_NOTADB:
        return foreign(path, "it is not a SQLite database")
    # A table or a column that every field has is a part of it as well.
    lost = is_misfit(error) and why.startswith("no such ")
    if lost or is_undecoded(error) or code in DAMAGED:
        return StoreDamagedError(
            f"{path}: a part of the field cannot be read ({why}); nothing was written: "
            "restore it from a backup (leo field restore), or check the disk"
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreError(
            f"{path}: a row does not fit into its table ({why}); nothing was written: a "
            "module of this reply is at fault, if there are any: correct it, or leave it out; "
            f"otherwise see what `leo field check {path}` says of the file"
        )
    return StoreError(
        f"{path}: the store refused ({why}); nothing was written: try again, and if it refuses "
        f"again, see what `leo field check {path}` says of the file"
    )


def beside(path: str | Path, end: str) -> str:
    """The name of a file that is kept beside a field. Two names of one file are one field: SQLite
    follows a link, and so do we.
    """
    return f"{os.path.realpath(path)}{end}"


def size_of(path: str | Path) -> int | None:
    """The bytes of a file, None where there is none. It is asked for once: the last connection
    that closes removes the log, and may do so between two questions.
    """
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def wording(error: BaseException | None) -> str:
    """SQLite's words, or others where its own have bytes in them that are no text.

    They may quote the file: lines become one.
    """
    if isinstance(error, UnicodeDecodeError):
        return "a name in the schema is no UTF-8"
    if is_undecoded(error):
        # They end with the bytes.
        return "a text is no UTF-8"
    return visible(re.sub(r"[ \t\r\n]+", " ", str(error)))


def is_undecoded(error: BaseException | None) -> bool:
    """Was a text refused by Python, which SQLite would take as it is?"""
    return isinstance(error, UnicodeDecodeError) or str(error).startswith(
        "Could not decode to UTF-8"
    )


def is_misfit(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Does a statement not fit the tables? Ours fit those of every field, so these are others."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_ERROR


def unwritable(path: Path, why: str) -> StoreUnwritableError:
    """The error of a file that cannot be opened for writing."""
    return StoreUnwritableError(
        f"{path}: the field cannot be opened for writing ({why}); a field needs a file "
        "and a folder that may be written: correct the permissions, or name another place; if they "
        f"are right, see what `leo field check {path}` says of the file"
    )


def foreign(path: Path, why: str) -> NotAFieldError:
    """The error of a file that belongs to somebody else."""
    return NotAFieldError(
        f"{path}: this is not a field: {why}; it was left as it is: name a field, or a new file"
    )
