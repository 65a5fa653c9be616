"""Real aiosqlite under `explore`: ten lines find the usual faults, and their repairs hold."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiosqlite
import pytest

from leo import explore
from leo.schedules import rows

SCHEMA = "CREATE TABLE counter (n); INSERT INTO counter VALUES (0); CREATE TABLE lines (text)"


class Store:
    """One connection, shared by all calls."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self.db, self.lock = db, asyncio.Lock()

    async def count(self) -> int:
        async with self.db.execute("SELECT n FROM counter") as found:
            (n,) = await found.fetchone()  # type: ignore[misc]
        await self.db.execute("UPDATE counter SET n = ?", (n + 1,))
        await self.db.commit()
        return int(n)

    async def exchange(self, text: str) -> None:
        await self.db.execute("INSERT INTO lines VALUES (?)", (text,))
        await self.db.execute("INSERT INTO lines VALUES (?)", (f"re: {text}",))
        await self.db.commit()

    async def one_by_one(self, work: Any) -> Any:
        """Under the lock, to its end even if the caller is cancelled."""
        async with self.lock:
            task = asyncio.ensure_future(work)
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                await task
                raise

    async def begin_outside(self, text: str) -> None:
        async with self.lock:
            await self.db.execute("BEGIN IMMEDIATE")
            try:
                await self.db.execute("INSERT INTO lines VALUES (?)", (text,))
                await self.db.commit()
            except BaseException:
                await self.db.rollback()
                raise

    async def begin_inside(self, text: str) -> None:
        async with self.lock:
            try:
                await self.db.execute("BEGIN IMMEDIATE")
                await self.db.execute("INSERT INTO lines VALUES (?)", (text,))
                await self.db.commit()
            except BaseException:
                await self.db.rollback()
                raise


@asynccontextmanager
async def in_memory() -> AsyncIterator[Store]:
    async with aiosqlite.connect(":memory:") as db:
        await db.executescript(SCHEMA)
        yield Store(db)


BROKEN = {
    "lost update": (lambda store: store.count(), 0),
    "half a write": (lambda store: store.exchange("a"), 1),
    "shared connection": (lambda store: store.exchange("a"), 1),
    "BEGIN outside try": (lambda store: store.begin_outside("a"), 1),
}
REPAIRED = {
    "lost update": lambda store: store.one_by_one(store.count()),
    "half a write": lambda store: store.one_by_one(store.exchange("a")),
    "BEGIN inside try": lambda store: store.begin_inside("a"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_found_without_an_invariant(fault: str) -> None:
    """Ten lines of the user's: the calls are not atomic, and the schedule shows it again.

    The table has a lane for each call, and none for the connection's thread.
    """
    call, cancellations = BROKEN[fault]
    number = 1 if fault == "half a write" else 2
    found = explore(in_memory, [call] * number, cancellations=cancellations)

    assert found.broken is not None
    assert found.broken.title == "not atomic"
    assert "thread" in found.broken.schedule
    assert "thread" not in found.broken.table.partition("\n")[0]
    again = explore(
        in_memory, [call] * number, cancellations=cancellations, schedule=found.broken.schedule
    )
    assert again.broken == found.broken


def coroutines() -> list[object]:
    """All that have been begun or made, and not ended."""
    return [it for it in gc.get_objects() if inspect.iscoroutine(it)]


@pytest.mark.parametrize("repair", REPAIRED)
def test_a_repair_holds_completely(repair: str) -> None:
    """Two calls and one cancellation: complete, no state that could not be compared.

    No thread is left, and no coroutine of which a warning would come later.
    """
    before = threading.active_count()
    gc.collect()
    earlier = coroutines()  # of other tests: held, so that none of ours takes the place of one
    found = explore(in_memory, [REPAIRED[repair]] * 2)

    assert found.holds, str(found)
    assert not found.bounded
    assert threading.active_count() == before
    assert not {id(it) for it in coroutines()} - {id(it) for it in earlier}


class File:
    """A connection for each call, on one file."""

    def __init__(self, path: str, begin: str) -> None:
        self.path, self.begin = path, begin

    async def count(self) -> int:
        async with aiosqlite.connect(self.path) as db:
            await db.execute(self.begin)
            async with db.execute("SELECT n FROM counter") as found:
                (n,) = await found.fetchone()  # type: ignore[misc]
            await db.execute("UPDATE counter SET n = ?", (n + 1,))
            await db.commit()
            return int(n)


def on_a_file(begin: str) -> Any:
    @asynccontextmanager
    async def make() -> AsyncIterator[File]:
        with TemporaryDirectory() as folder:
            path = f"{folder}/leo.sqlite3"
            async with aiosqlite.connect(path) as db:
                await db.executescript(SCHEMA)
            yield File(path, begin)

    return make


CALLS: Any = {"ada": lambda file: file.count(), "bob": lambda file: file.count()}


@pytest.mark.parametrize(
    ("begin", "said"),
    [("SELECT 1", "one by one"), ("BEGIN", "database is locked")],
    ids=["none", "deferred"],
)
def test_several_connections_on_a_file(begin: str, said: str) -> None:
    """Without a transaction an update is lost; a deferred one is refused by SQLite."""
    found = explore(on_a_file(begin), CALLS, cancellations=0, strategy="pct", bound=3, limit=200)
    assert found.broken is not None
    assert said in found.broken.witness


def test_waiting_for_a_lock_of_the_database_is_a_choice() -> None:
    """BEGIN IMMEDIATE waits until the other one has committed; nobody waits for the clock."""
    found = explore(
        on_a_file("BEGIN IMMEDIATE"), CALLS, cancellations=0, strategy="pct", bound=3, limit=100
    )
    assert found.broken is None, str(found)


def test_rows_of_a_database(tmp_path: Path) -> None:
    """The rows of a file and of a connection, in the order of their values."""
    path = tmp_path / "rows.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (2), (1)")
    connection.execute("INSERT INTO t VALUES (0)")

    assert rows(path) == {"t": [(1,), (2,)]}
    assert rows(connection) == {"t": [(0,), (1,), (2,)]}
    connection.close()


def test_rows_are_looked_at_as_they_are() -> None:
    """A connection may have rows of its own kind: dictionaries without numbers, say."""

    def row(cursor: sqlite3.Cursor, values: tuple[object, ...]) -> Any:
        return {it[0]: value for it, value in zip(cursor.description, values, strict=True)}

    @asynccontextmanager
    async def of_dictionaries() -> AsyncIterator[Store]:
        async with in_memory() as store:
            store.db.row_factory = row  # type: ignore[assignment]
            yield store

    found = explore(of_dictionaries, [lambda it: it.exchange("a")])
    assert found.broken is not None and "lines" in str(found)


def test_state_says_what_counts() -> None:
    """With `state` only the rows count, and not what else the object remembers."""

    class Remembers:
        def __init__(self) -> None:
            self.db, self.last = sqlite3.connect(":memory:"), 0
            self.db.executescript(SCHEMA)

        async def add(self, text: str, number: int) -> None:
            self.last = number
            await asyncio.sleep(0)
            self.last += 0
            self.db.execute("INSERT INTO lines VALUES (?)", (text,))
            self.db.commit()

    calls: Any = [lambda it: it.add("a", 1), lambda it: it.add("b", 2)]
    assert explore(Remembers, calls, cancellations=0).holds
    assert explore(Remembers, calls, state=lambda it: rows(it.db)).holds
    found = explore(Remembers, calls)
    assert found.broken is not None
