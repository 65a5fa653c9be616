"""SQLite in a run: the scheduler decides how long a connection waits for a lock, and rows are
state.

A connection that finds the database locked would wait in C, for seconds, while the scheduler could
run nobody else.  Here it gives its turn back and tries again after another step.  If no other step
is possible, it gets SQLite's error for a timeout.
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from leo.schedules.running.shape import Shape
from leo.schedules.running.threads import Threads

if TYPE_CHECKING:
    from leo.schedules.running.choosing import ChoosingLoop

T = TypeVar("T")
_connect: Callable[..., sqlite3.Connection] = sqlite3.connect


def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
    """In place of sqlite3.connect."""
    active = Threads.active
    if active is None or not active.mine():
        return _connect(*args, **kwargs)
    kind = kwargs.get("factory", sqlite3.Connection)
    patient = kwargs.get("timeout", args[1] if len(args) > 1 else 5.0) > 0
    kwargs["factory"] = _held(kind)
    kwargs["check_same_thread"] = False
    if len(args) > 1:
        args = (args[0], 0.0, *args[2:])
    else:
        kwargs["timeout"] = 0.0
    found: Any = _connect(*args, **kwargs)
    loop = active.loop
    opened = sum(other.leo_name.partition("#")[0] == loop.running for other in loop.connections)
    found.leo_loop, found.leo_patient = loop, patient
    found.leo_name = f"{loop.running}#{opened}" if opened else loop.running
    found.leo_settings, found.leo_since = [], []
    loop.connections.append(found)
    # No schedule cuts the power: what is written need not be on the disk.
    _plain(found, "PRAGMA synchronous=OFF")
    found.leo_file = _plain(found, "PRAGMA database_list").fetchone()[2]
    found.leo_shared = str(args[0]) if args and "cache=shared" in str(args[0]) else ""
    for name, text in _CLOCKS.items():
        found.create_function(name, 0, partial(_told, loop, text))
    _see(found)
    return found  # type: ignore[no-any-return]


# SQLite's words for the present time, and their texts.
_CLOCKS = {
    "current_time": "%H:%M:%S", "current_date": "%Y-%m-%d", "current_timestamp": "%Y-%m-%d %H:%M:%S"
}  # fmt: skip
_EPOCH = datetime.datetime(2023, 11, 14, 22, 13, 20)


def _told(loop: ChoosingLoop, text: str) -> str:
    return (_EPOCH + datetime.timedelta(seconds=loop.time())).strftime(text)


_KINDS: dict[type, type] = {}


def _held(kind: type) -> type:
    """A class of connections like `kind` whose calls wait for a lock as a schedule says."""
    if kind in _KINDS:
        return _KINDS[kind]

    class Held(kind):  # type: ignore[misc]
        leo_loop: ChoosingLoop
        leo_patient = False
        leo_fresh = False
        # Its label, its file (empty: in memory), its PRAGMAs, and what it did in its transaction.
        leo_name = leo_file = leo_shared = ""
        leo_settings: list[str]
        leo_since: list[Any]

        def execute(self, sql: str, *args: Any) -> Any:
            return self.cursor().execute(sql, *args)

        def executemany(self, sql: str, *args: Any) -> Any:
            return self.cursor().executemany(sql, *args)

        def cursor(self, *args: Any, **kwargs: Any) -> Any:
            if not args and "factory" not in kwargs:
                args = (HeldCursor,)
            return super().cursor(*args, **kwargs)

        def commit(self) -> None:
            _patiently(self, "commit", (), super().commit)

        def rollback(self) -> None:
            _patiently(self, "rollback", (), super().rollback)

        def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
            if kind is None:
                self.commit()
            else:
                self.rollback()
            return False

    Held.__name__, Held.__qualname__ = kind.__name__, kind.__qualname__
    _KINDS[kind] = Held
    return Held


class HeldCursor(sqlite3.Cursor):
    """A cursor whose statements wait for a lock as a schedule says.

    `leo_fetched` counts what was fetched: rows, and all that were left.
    """

    leo_fetched = 0
    # The statement, and what its connection and the database were when it was executed.
    leo_origin: tuple[Any, ...] = ()

    def leo_begin(self, sql: str, values: Any) -> None:
        connection: Any = self.connection
        contents = connection.leo_loop.contents[_key(connection)]
        self.leo_fetched = 0
        self.leo_origin = (sql, repr(values), contents, *connection.leo_since)

    def fetchone(self) -> Any:
        self.leo_fetched += 1
        return super().fetchone()

    def fetchmany(self, size: int | None = None) -> Any:
        found = super().fetchmany(self.arraysize if size is None else size)
        self.leo_fetched += max(1, len(found))
        return found

    def fetchall(self) -> Any:
        found = super().fetchall()
        self.leo_fetched += len(found) + 1
        return found

    def __next__(self) -> Any:
        self.leo_fetched += 1
        return super().__next__()

    def execute(self, sql: str, *args: Any) -> Any:
        self.leo_begin(sql, args)
        run = partial(sqlite3.Cursor.execute, self, sql, *args)
        return _patiently(self.connection, sql, args, run)

    def executemany(self, sql: str, *args: Any) -> Any:
        # A generator of rows can be gone through once.
        args = tuple(list(rows) for rows in args)
        self.leo_begin(sql, args)
        run = partial(sqlite3.Cursor.executemany, self, sql, *args)
        return _patiently(self.connection, sql, args, run)


def _patiently(connection: Any, sql: str, values: Any, carry_out: Callable[[], T]) -> T:
    """Carry out a statement; where SQLite would wait for a lock, let others go on first."""
    loop = connection.leo_loop
    words = sql.split(None, 1)
    verb = words[0].upper() if words else ""
    waits = connection.leo_patient and (
        not connection.in_transaction or connection.leo_fresh or verb in ("COMMIT", "END")
    )
    while True:
        before = loop.steps
        try:
            found = carry_out()
        except sqlite3.OperationalError as error:
            if not waits or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            if loop.threads.here() is None:
                raise
            job = (sql, repr(values))
            loop.threads.wait(lambda at=before: loop.steps > at, gives_up=True, stands=job)
            if loop.steps == before + 1:
                # Nobody else could go on: its time is over.
                raise
            continue
        # A deferred transaction that has done nothing yet may still wait for its first lock.
        connection.leo_fresh = verb == "BEGIN" and connection.in_transaction
        _note(connection, verb, sql, values)
        return found


def _note(connection: Any, verb: str, sql: str, values: Any) -> None:
    """Keep what the state of a connection depends on."""
    if verb == "PRAGMA":
        connection.leo_settings.append(sql)
    if connection.in_transaction:
        contents = connection.leo_loop.contents
        connection.leo_since.append((sql, repr(values), contents[_key(connection)]))
    elif connection.leo_since or verb != "SELECT":
        connection.leo_since.clear()
        _see(connection)


def _key(connection: Any) -> str:
    return connection.leo_file or connection.leo_shared or f"memory of {connection.leo_name}"


def _see(connection: Any) -> None:
    """Look at what is committed: tables and indexes, and all rows with their numbers."""
    shape = Shape(data=True)
    own = _connect(connection.leo_file, timeout=0) if connection.leo_file else connection
    try:
        for kind, name, sql in list(_plain(own, "SELECT type, name, sql FROM sqlite_master")):
            shape.add((kind, name, sql))
            if kind == "table":
                rowid = "" if "WITHOUT ROWID" in str(sql).upper() else "rowid, "
                shape.add(list(map(tuple, _plain(own, f'SELECT {rowid}* FROM "{name}"'))))
    except sqlite3.OperationalError as error:
        shape.add(str(error))
    finally:
        if own is not connection:
            own.close()
    connection.leo_loop.contents[_key(connection)] = shape.digest()


def state(connection: Any) -> tuple[Any, ...]:
    """What the next statement of a connection depends on, beside what is committed."""
    try:
        within = connection.in_transaction
    except sqlite3.ProgrammingError:
        return (connection.leo_name, "closed")
    more = connection.isolation_level, connection.total_changes, connection.leo_fresh
    return (connection.leo_name, within, *more, *connection.leo_settings, *connection.leo_since)


def _plain(connection: Any, sql: str) -> sqlite3.Cursor:
    """Execute a statement of our own; its rows are tuples, as the user has them or not."""
    cursor = sqlite3.Connection.cursor(connection)
    cursor.row_factory = None
    return sqlite3.Cursor.execute(cursor, sql)


def rows(database: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table: of a connection (sqlite3's or aiosqlite's), or of a file by its path.

    For `explore(..., state=lambda store: rows(store.path))`.  Rows come in the order of their
    values.  Raises sqlite3.Error for a file that is no database.
    """
    own = isinstance(database, str | bytes) or hasattr(database, "__fspath__")
    connection: Any = _connect(database, timeout=0) if own else database
    connection = getattr(connection, "_connection", connection)
    try:
        tables = _plain(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(map(tuple, _plain(connection, f'SELECT * FROM "{name}"')), key=repr)
            for name in sorted(name for (name,) in tables)
            if not name.startswith("sqlite_")
        }
    finally:
        if own:
            connection.close()


def content(loop: ChoosingLoop) -> dict[str, Any]:
    """What a run leaves in databases: the committed rows of each file, and what is still open."""
    found: dict[str, Any] = {}
    for file in dict.fromkeys(connection.leo_file for connection in loop.connections):
        if file:
            found[file] = _or_why(rows, file)
    for connection in loop.connections:
        held = _or_why(_open_state, connection)
        if held is not None:
            found[f"connection opened by {connection.leo_name.partition('.')[0]}"] = held
    return found


def _open_state(connection: sqlite3.Connection) -> Any:
    """Of a connection that is open: is a transaction open, and the rows if no file has them.

    One without a transaction may be that of a pool: to keep it open is no difference.
    """
    if _plain(connection, "PRAGMA database_list").fetchone()[2]:
        return "a transaction is open" if connection.in_transaction else None
    return {"in a transaction": connection.in_transaction, **rows(connection)}


def _or_why(read: Callable[[Any], T], what: Any) -> T | str | None:
    try:
        return read(what)
    except sqlite3.ProgrammingError:
        return None
    except sqlite3.Error as error:
        return str(error)
