"""The file of a field, and how it is opened.

Rules:
1. A file that is not ours is recognised before anything is written to it.
2. An error names the file and what to do; the transaction that it ended is rolled back.
3. The journal holds what the last observations added, so that a view loads what changed and no
   more. A view that is further behind is told by the version that last touched each row.

WAL with synchronous=NORMAL: a commit survives the death of the process; a power cut may lose the
last commits but leaves whole transactions. With synchronous=FULL each commit waits for the disk,
and survives that too.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from leo.errors import NewerSchemaError, StoreDamagedError, StoreUnwritableError
from leo.field.decay import faded
from leo.store.connection import REFUSALS, Connection, explain, foreign, transaction, unwritable
from leo.store.ddl import APPLICATION_ID, SCHEMA_VERSION, move_on

__all__ = [
    "APPLICATION_ID",
    "BUSY_TIMEOUT",
    "MEMORY",
    "SCHEMA_VERSION",
    "check_kept",
    "check_place",
    "connect",
    "identify",
]

BUSY_TIMEOUT: Final = 5.0
PAGE_CACHE_KIB: Final = 65536
# How often a switch to WAL is tried again; each time somebody else has finished in between.
SWITCHES: Final = 100
# Pages in the WAL before they are copied into the file. A fold touches thousands of pages, mostly
# the same ones as the fold before it: copying them seldom copies them once.
CHECKPOINT: Final = 8000
# Ask about the user that we act as, where the system can tell.
EFFECTIVE: Final = os.access in os.supports_effective_ids
# The smallest page of a database, in bytes.
SHORTEST: Final = 512
# What SQLite calls a database that is gone when it is closed.
MEMORY: Final = ":memory:"


def connect(path: str | Path, timeout: float = BUSY_TIMEOUT, full_sync: bool = False) -> Connection:
    """Open the field at `path`, or make an empty one there. `timeout` is the busy timeout in
    seconds; with `full_sync` a commit survives a power cut. MEMORY is a store of this connection
    alone (`check_kept`).

    Raises NotAFieldError, NewerSchemaError, StoreUnwritableError, StoreLockedError, StoreFullError
    or StoreDamagedError; the file is then as it was.
    """
    path = Path(path)
    if str(path) != MEMORY:
        check_place(path)
    try:
        # isolation_level=None: every transaction is begun by us, none by the driver.
        # Threads may share it: whoever does, lets one of them in at a time.
        conn = sqlite3.connect(
            path,
            timeout=timeout,
            isolation_level=None,
            factory=Connection,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise explain(error, path) from error
    conn.path = path
    conn.timeout = timeout
    conn.create_function("faded", 2, faded, deterministic=True)
    with ExitStack() as undo:
        undo.callback(conn.close)
        _prepare(conn, full_sync)
        undo.pop_all()
    return conn


def check_kept(path: str | Path) -> None:
    """Raise StoreUnwritableError for a store that a conversation would vanish with."""
    if str(path) == MEMORY:
        raise StoreUnwritableError(
            f"{path}: this is no file, and the field would be gone when it is closed; name a file, "
            "in a folder for temporary ones if it need not stay"
        )


def check_place(path: Path) -> None:
    """Raise StoreUnwritableError or NotAFieldError for what cannot be the file of a field."""
    # os.path, not pathlib: a folder that may not be entered is a "no", not an exception.
    if os.path.isdir(path):
        raise StoreUnwritableError(f"{path}: this is a folder, not a field; name a file in it")
    if not os.path.isdir(path.parent):
        raise StoreUnwritableError(
            f"{path}: the folder {path.parent} does not exist or may not be entered; "
            "make it, or name another place"
        )
    # A pipe would be waited for, and a device forgets: only a file keeps what is said.
    if os.path.exists(path) and not os.path.isfile(path):
        raise StoreUnwritableError(
            f"{path}: this is no regular file, and nothing else keeps a field; name a file, or a "
            "place where there is none yet"
        )
    # SQLite takes a file that is shorter than its header for an empty one, and would write over it.
    if os.path.isfile(path) and 0 < os.path.getsize(path) < SHORTEST:
        raise foreign(path, "it is not a SQLite database")


def _prepare(conn: Connection, full_sync: bool) -> None:
    try:
        version = identify(conn)
        if version and not os.access(conn.path, os.W_OK, effective_ids=EFFECTIVE):
            # WAL would let us read for a while and refuse the first reply.
            raise unwritable(conn.path, "the file is read-only")
        # Journal first: a page cache of another mode need never be written back.
        write_ahead(conn, conn.path)
        conn.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
        conn.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        conn.execute("PRAGMA foreign_keys = ON")
        conn.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
    except REFUSALS as error:
        raise explain(error, conn.path) from error
    if version < SCHEMA_VERSION:
        with transaction(conn):
            # Another process may have made the field, or moved it on, while we were opening it.
            move_on(conn, identify(conn))


def write_ahead(conn: sqlite3.Connection, path: Path) -> None:
    """Switch the file to WAL, waiting for others as long as the busy timeout says.

    SQLite wants the file for itself here and does not wait for it: of two processes that make one
    field at the same moment, one would be refused. BEGIN IMMEDIATE does wait; then it asks again.
    Raises StoreUnwritableError where SQLite answers with another mode: not every place has WAL.
    """
    for left in range(SWITCHES, -1, -1):
        try:
            [mode] = conn.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("ROLLBACK")
    # A database without a file has no other reader, and no log.
    if mode != "wal" and conn.execute("PRAGMA database_list").fetchone()[2]:
        raise StoreUnwritableError(
            f"{path}: the journal of the file is {mode!r} here, and a field needs WAL, so that who "
            "reads does not wait for who writes; name another place, on a disk of this machine"
        )


def identify(conn: Connection) -> int:
    """The schema of a field, 0 for an empty database; anything else is refused."""
    application = _pragma(conn, "application_id")
    version = _pragma(conn, "user_version")
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise NewerSchemaError(
                f"{conn.path}: the field has schema {version}, and this program knows schemas "
                f"up to {SCHEMA_VERSION}; use the newer leo-field that wrote it"
            )
        if version < 1:
            # Both numbers are written in one transaction.
            raise StoreDamagedError(
                f"{conn.path}: the file says that the field has schema {version}, which no field "
                "has: restore the file from a copy"
            )
        return version
    with closing(conn.execute("SELECT count(*) FROM sqlite_master")) as cursor:
        tables: int = cursor.fetchone()[0]
    if application or version or tables:
        raise foreign(conn.path, "it is a SQLite database of another program")
    return 0


def _pragma(conn: Connection, name: str) -> int:
    with closing(conn.execute(f"PRAGMA {name}")) as cursor:
        value: int = cursor.fetchone()[0]
    return value
