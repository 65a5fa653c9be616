"""The file of a field: its tables, and how it is opened.

Rules:
1. A file that is not ours is recognised before anything is written to it.
2. An error names the file and what to do; the transaction in which it happened is rolled back.
3. The tables are those of one schema; a module's tables are created when the field is first opened
   with it.
4. The journal holds the increments of the last observations, so that a view loads only what
   changed. A view that is further behind finds the changed rows by the version that last changed
   each row.

WAL with synchronous=NORMAL: a commit survives the death of the process; a power cut may lose the
last commits but leaves whole transactions. With synchronous=FULL each commit waits for the disk,
and survives that too.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Event
from typing import Final

from leo.errors import OtherSchemaError, StoreDamagedError, StoreUnwritableError
from leo.field.decay import faded
from leo.screen import visible
from leo.store import rows
from leo.store.connection import (
    CHECK_STEPS,
    REFUSALS,
    Connection,
    beside,
    explain,
    foreign,
    reading,
    size_of,
    transaction,
    unwritable,
)
from leo.store.rows import Keeper

APPLICATION_ID: Final = 0x4C454F46  # "LEOF"
SCHEMA_VERSION: Final = 4
BUSY_TIMEOUT: Final = 5.0
PAGE_CACHE_KIB: Final = 65536
# Seconds that the making of a field may take between its first page and its log, and between two
# looks.
PATIENCE: Final = 1.0
PAUSE: Final = 0.01
# How often a switch to WAL is tried again; each time somebody else has finished in between.
SWITCHES: Final = 100
# Pages in the WAL before they are copied into the file: half as many as the file has, within these
# bounds. A fold of a large field touches thousands of pages, mostly the same ones as the fold
# before it: copying them seldom copies them once.
CHECKPOINT: Final = (950, 8000)
# A fold goes into the WAL whole, and takes up to ROOM pages beyond: of a file of so many pages,
# or of more rows than a conversation's has, in a field that many talk to.
LARGE: Final = 350
SCATTERED: Final = 4100
ROOM: Final = 250
# Ask about the user that we act as, where the system can tell.
EFFECTIVE: Final = os.access in os.supports_effective_ids
# The smallest page of a database, in bytes.
SHORTEST: Final = 512
# What SQLite calls a database that is gone when it is closed.
MEMORY: Final = ":memory:"
# Tables of SQLite's own, which some files have.
STATISTICS: Final = frozenset(
    ("table", f"sqlite_{what}") for what in ("sequence", "stat1", "stat4")
)
# What the names of the files end in that SQLite keeps beside a field.
BESIDE: Final = ("-wal", "-shm", "-journal")
# What a journal ends in that names another file, which SQLite deletes after a rollback.
NAMING: Final = bytes.fromhex("d9d505f920a163d7")

# co_occurrence holds word_id <= context_id only: the count is the same in both directions. `decays`
# is the number of decays that a count has been through.
DDL: Final = (
    """CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE objects (
        name TEXT PRIMARY KEY,
        version INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        token TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL
    )""",
    """CREATE TABLE bigrams (
        src_id INTEGER NOT NULL REFERENCES tokens(id),
        dst_id INTEGER NOT NULL REFERENCES tokens(id),
        count INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (src_id, dst_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE trigrams (
        first_id INTEGER NOT NULL REFERENCES tokens(id),
        second_id INTEGER NOT NULL REFERENCES tokens(id),
        third_id INTEGER NOT NULL REFERENCES tokens(id),
        count INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (first_id, second_id, third_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE co_occurrence (
        word_id INTEGER NOT NULL REFERENCES tokens(id),
        context_id INTEGER NOT NULL REFERENCES tokens(id),
        count INTEGER NOT NULL,
        decays INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (word_id, context_id),
        CHECK (word_id <= context_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        text TEXT NOT NULL,
        origin TEXT NOT NULL,
        quality REAL NOT NULL,
        emotional REAL NOT NULL,
        created_at REAL NOT NULL,
        last_used_at REAL NOT NULL,
        use_count INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE journal (
        version INTEGER PRIMARY KEY,
        decays INTEGER NOT NULL,
        words BLOB NOT NULL,
        chains BLOB NOT NULL
    )""",
    # The last observation that the tables have taken in, the pairs that wait in the journal, and
    # where the last sweep ended (`leo.store.fold`). One row.
    """CREATE TABLE folding (
        version INTEGER NOT NULL,
        pairs INTEGER NOT NULL,
        word_id INTEGER NOT NULL,
        context_id INTEGER NOT NULL
    )""",
    "INSERT INTO objects (name, version) VALUES ('ngrams', 0), ('snapshots', 0)",
    "INSERT INTO folding (version, pairs, word_id, context_id) VALUES (0, 0, 0, 0)",
)


def connect(
    path: str | Path,
    timeout: float = BUSY_TIMEOUT,
    full_sync: bool = False,
    keepers: Sequence[Keeper] = (),
) -> Connection:
    """Open the field at `path`, or make an empty one there, with tables for the `keepers`.

    `timeout` is the busy timeout in seconds; with `full_sync` a commit survives a power cut. MEMORY
    is a store of this connection alone (`check_kept`). Raises NotAFieldError, OtherSchemaError,
    StoreUnwritableError, StoreLockedError, StoreFullError or StoreDamagedError; the file is then as
    it was.
    """
    path = Path(path)
    left = None
    try:
        if str(path) != MEMORY:
            check_place(path)
            left = _left(path)
            # What is said to a field is for its owner's eyes. SQLite gives its own files the same
            # mode.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise unwritable(path, str(error.strerror)) from error
    try:
        conn = opened(path, timeout)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    with ExitStack() as undo:
        undo.callback(conn.close)
        _prepare(conn, full_sync, keepers, left)
        undo.pop_all()
    return conn


def opened(path: Path, timeout: float = BUSY_TIMEOUT, place: str | None = None) -> Connection:
    """A connection as all of ours are: to `path`, or to another place of SQLite's in its name.
    Raises StoreDamagedError for files beside it that lead elsewhere.
    """
    _check_beside(path)
    # isolation_level=None: every transaction is begun by us, none by the driver.
    # Threads may share it, one of them at a time (`leo.store.synchronous`).
    conn = sqlite3.connect(
        path if place is None else place,
        uri=place is not None,
        timeout=timeout,
        isolation_level=None,
        factory=Connection,
        check_same_thread=False,
    )
    conn.path = path
    conn.timeout = timeout
    conn.bound()
    # A file is data: what it defines may call no function that could do more than compute.
    conn.execute("PRAGMA trusted_schema = OFF")
    if sys.version_info >= (3, 12):
        conn.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    conn.create_function("faded", 2, faded, deterministic=True)
    return conn


def _check_beside(path: Path) -> None:
    """Raise StoreDamagedError when SQLite would be led from the file to another file: it writes to
    where a link leads, and takes away what a journal names. A field has no such journal: each of
    its transactions is of one file.
    """
    led = [name for end in BESIDE if os.path.islink(name := beside(path, end))]
    with suppress(OSError), open(beside(path, BESIDE[-1]), "rb") as journal:
        # Refused where it is shorter.
        journal.seek(-len(NAMING), os.SEEK_END)
        if not led and journal.read() == NAMING:
            led.append(beside(path, BESIDE[-1]))
    for name in led:
        raise StoreDamagedError(
            f"{path}: the file {name} beside it leads to another file, which SQLite would "
            "change or delete, and no field has one like it: do not trust this field; remove that "
            "file, or restore the field from a backup (leo field restore)"
        )


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
    if os.path.isfile(path) and 0 < (size_of(path) or 0) < SHORTEST:
        raise foreign(path, "it is not a SQLite database")


def _prepare(
    conn: Connection,
    full_sync: bool,
    keepers: Sequence[Keeper],
    left: tuple[int, int | None] | None,
) -> None:
    try:
        version = identify(conn)
        if not version and left is not None and left[0] and left[1] is None:
            version = _made_meanwhile(conn)
        if version and not os.access(conn.path, os.W_OK, effective_ids=EFFECTIVE):
            # WAL would let us read for a while and refuse the first reply.
            raise unwritable(conn.path, "the file is read-only")
        # Journal first: a page cache of another mode need never be written back.
        write_ahead(conn, conn.path)
        conn.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
        set_checkpoint(conn)
        conn.execute("PRAGMA foreign_keys = ON")
        conn.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
    except REFUSALS as error:
        raise explain(error, conn.path) from error
    with reading(conn):
        for finding in faults(conn, keepers) if version else ():
            raise StoreDamagedError(
                f"{conn.path}: {finding}, and nothing is written to such a file: restore it "
                "from a backup (leo field restore); "
                f"`leo field check {conn.path}` says what else is wrong"
            )
        complete = version and rows.are_there(conn, keepers)
    conn.unbound()
    if not complete:
        with transaction(conn):
            # Another process may have made the field while we were opening it.
            if not identify(conn):
                make(conn)
            rows.create(conn, keepers)
            rows.note(conn, keepers)


def _left(path: Path) -> tuple[int, int | None]:
    """The size of the file and that of its log, None where there is none; to be asked before SQLite
    opens the file, because it takes a log away that it finds beside an empty one.
    """
    log = beside(path, "-wal")
    # The log first: a process that makes the field meanwhile writes the file before the log.
    logged, size = size_of(log), size_of(path) or 0
    if not size and logged:
        raise StoreDamagedError(
            f"{path}: the field is gone, and its log, {log}, is still there; put the file back, "
            "restore it from a backup (leo field restore), or remove the log to begin anew"
        )
    return size, logged


def _made_meanwhile(conn: Connection) -> int:
    """The schema of a field of which another process has just written the first page, before it
    made the log. Raises what `alone` gives when nobody has.
    """
    for _ in range(int(min(conn.timeout, PATIENCE) / PAUSE)):
        if version := identify(conn):
            return version
        Event().wait(PAUSE)
    raise alone(conn.path)


def alone(path: Path) -> StoreDamagedError:
    """The error of a file that only looks as if nothing had ever been in it: a field's first page
    is in its file when the rest is still in the log beside it.
    """
    return StoreDamagedError(
        f"{path}: this is an empty database and no new file: a copy of a field without the log "
        "that was beside it is like that; make a copy with `leo field backup`, restore it with "
        "`leo field restore`, or remove the file to begin anew"
    )


def set_checkpoint(conn: sqlite3.Connection, rows: int = 0) -> None:
    """Let the log become half as long as the file, within bounds; one that was longer is cut.
    `rows` are those of the last fold.
    """
    least, most = CHECKPOINT
    [pages] = conn.execute("PRAGMA page_count").fetchone()
    [size] = conn.execute("PRAGMA page_size").fetchone()
    room = ROOM if pages > LARGE or (rows > SCATTERED and pages > LARGE // 3) else 0
    length = min(most, max(least - room, pages // 2))
    conn.execute(f"PRAGMA wal_autocheckpoint = {length}")
    conn.execute(f"PRAGMA journal_size_limit = {length * size}")


def make(conn: sqlite3.Connection) -> None:
    """Inside a transaction: make an empty database a field."""
    for statement in DDL:
        conn.execute(statement)
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


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


def faults(
    conn: Connection, keepers: Sequence[Keeper], check: str = "quick_check(1)"
) -> Iterator[str]:
    """What makes a file no field of ours, before anything else is asked of it: its tables, and then
    how its pages hang together, by one of SQLite's checks. Where there is nothing, every later
    question comes to an end.

    Not the other way round: a look at all pages computes what the file says of an index, for every
    row. SQLite's look at the pages goes to each of them once, by any number of ways.
    """
    sound = True
    for finding in strangers(conn, keepers):
        sound = False
        yield finding
    if sound:
        conn.bound(CHECK_STEPS)
        for (text,) in conn.execute(f"PRAGMA {check}"):
            # One row may be a paragraph, headed by the name that SQLite has for the file.
            for line in text.splitlines():
                if line != "ok" and not line.startswith("***"):
                    sound = False
                    yield f"SQLite: {line}"
    if sound:
        conn.unbound()
        for name in rows.gone(conn):
            yield f"{visible(name)}, a table or index of a module, is missing"


def strangers(conn: Connection, keepers: Sequence[Keeper]) -> Iterator[str]:
    """Tables, views and triggers that the file has and a field has not, and the other way round.

    SQLite keeps the statement that made each, so a table whose columns, checks or computed values
    are others is found as well. Views, triggers and virtual tables would run what they say in the
    middle of a reply: no field has any. A table of a module that is not among the `keepers` may be
    there, and one of a module that is may not be there yet: opening the field makes it.
    """
    found: dict[str, tuple[str, str, str]] = {
        name: (kind, sql, table)
        for kind, name, sql, table in conn.execute(
            "SELECT type, name, sql, tbl_name FROM sqlite_master"
        )
        # SQLite's own: the index of a key has no statement.
        if (kind, name) not in STATISTICS and not (kind == "index" and sql is None)
    }
    known = rows.named((*DDL, *(sql for keeper in keepers for sql in keeper.DDL))).keys()
    for statements in (DDL, *(keeper.DDL for keeper in keepers)):
        for name, statement in rows.named(statements).items():
            kind, sql, _ = found.pop(name, ("", statement, ""))
            if sql != statement:
                yield f"the {kind} {name} is not made as that of a field"
            elif not kind and statements is DDL:
                yield f"the table {name} is missing"
    for name, (kind, sql, table) in found.items():
        plain = str(sql).startswith(("CREATE TABLE", "CREATE INDEX"))
        # An index computes something for every row that is written.
        if not plain or (kind == "index" and table in known):
            yield f"no field has the {kind} {visible(name)}"


def identify(conn: Connection) -> int:
    """The schema of a field, 0 for an empty database; anything else is refused."""
    application = _pragma(conn, "application_id")
    version = _pragma(conn, "user_version")
    if application == APPLICATION_ID:
        if version != SCHEMA_VERSION:
            raise OtherSchemaError(
                f"{conn.path}: the field has schema {version}, and this program knows schema "
                f"{SCHEMA_VERSION} alone; use the leo-field that wrote it, or restore it from "
                "a backup (leo field restore) if nothing but this program did"
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
