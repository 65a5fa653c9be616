"""The stores that schedules run on: created once, and reset for every run.

memory      the organism's SQL on a connection of this thread, carried out at once.  Where two
            instances share a store it is a file with two connections, because SQLite decides what
            each sees of the other.
aiosqlite   the organism's own store: a file, and a worker thread for each instance.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from leo.field.counts import compute_delta
from leo.reply.turn import Contents, Instance
from leo.schedules.running.loop import SteppedLoop
from leo.store import operations
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.schema import connect
from leo.store.synchronous import Store

T = TypeVar("T")

# Few words, so that a run costs its schedule and not its speech.
FIRST_WORDS = "A field is a path. A path is not a wall."
# SQLite's busy timeout: nothing waits, the scheduler decides when somebody has waited too long.
NO_PATIENCE = 0.0
MEMORY = ":memory:"
SHARED_MEMORY = Path("/dev/shm")  # a file system in memory, where the machine has one


class Template:
    """A small field that has observed `text`, and what an instance finds when it opens it."""

    def __init__(self, text: str = FIRST_WORDS) -> None:
        self.conn = connect(MEMORY)
        operations.process_text(self.conn, compute_delta((text,)))
        self._opened = pickle.dumps(Instance.open_work(self.conn))
        self.image = self.conn.serialize()

    @property
    def opened(self) -> Contents:
        """As new each time: it then belongs to a view, which changes it.  Reading it back from the
        database would take as long as a third of a run.
        """
        contents: Contents = pickle.loads(self._opened)
        return contents

    def copy(self, conn: Connection) -> None:
        """Make another database the same as this one."""
        self.conn.backup(conn)


class InlineStore(AsyncStore):
    """An asynchronous store that carries an operation out at once, in the task that asks."""

    def __init__(self, conn: Connection) -> None:
        self._connection = None
        self.path = conn.path
        self.conn = conn

    async def perform(self, work: Callable[[Connection], T]) -> T:
        return work(self.conn)

    def settle(self) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """The shelf closes its connections."""


class ExpectedStore(AsyncStore):
    """The organism's store: a stepped loop is told of every operation that the worker has to do."""

    loop: SteppedLoop

    async def _issue(self, work: Callable[[], T]) -> T:
        self.loop.expected += 1
        return await super()._issue(work)

    def settle(self) -> None:
        """A stepped loop only goes on when everything issued has been done."""

    async def close(self) -> None:
        if self._running:
            self.loop.expected += 1
        await super().close()


class PlainStore(Store):
    """A synchronous store on a connection of the shelf."""

    def __init__(self, conn: Connection) -> None:
        super().__init__(MEMORY, NO_PATIENCE)
        super().close()
        self.path = conn.path
        self._conn = conn

    def close(self) -> None:
        """The shelf closes its connections."""


class Shelf(Protocol):
    """The store of a run, with one connection for each instance.

    ``place`` is its file, empty when it has none.
    """

    place: str

    def reset(self) -> None:
        """Make the store as it was in the beginning."""

    def store(self, instance: str) -> AsyncStore:
        """The store as an asynchronous instance sees it."""

    def perform(self, instance: str, work: Callable[[Connection], T]) -> T:
        """Carry out one operation now."""

    def lose(self, instance: str) -> None:
        """The process of an instance has died, with its connection."""

    def close(self) -> None:
        """Close every connection and remove what was made."""


class MemoryShelf:
    """One connection to a database in memory."""

    def __init__(self, template: Template) -> None:
        self.place = ""
        self._template = template
        self._conn = connect(MEMORY, NO_PATIENCE)
        self._store = InlineStore(self._conn)
        # As a synchronous instance sees it.
        self.plain: Store = PlainStore(self._conn)
        self.reset()

    def reset(self) -> None:
        _roll_back(self._conn)
        self._conn.deserialize(self._template.image)

    def store(self, instance: str) -> AsyncStore:
        return self._store

    def perform(self, instance: str, work: Callable[[Connection], T]) -> T:
        return work(self._conn)

    def lose(self, instance: str) -> None:
        # What is only in memory would go with its connection; SQLite would roll back.
        _roll_back(self._conn)

    def close(self) -> None:
        self._conn.close()


class _FolderShelf:
    """A store in a file of a folder of its own."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._folder = TemporaryDirectory(
            prefix="leo-schedules-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        )
        self._path = Path(self._folder.name) / "field.sqlite3"
        self.place = str(self._path)


class FileShelf(_FolderShelf):
    """A file, with a connection for each instance."""

    def __init__(self, template: Template, instances: tuple[str, ...]) -> None:
        super().__init__(template)
        self._conns = {i: connect(self._path, NO_PATIENCE) for i in instances}
        self.reset()

    def reset(self) -> None:
        for conn in self._conns.values():
            _roll_back(conn)
        self._template.copy(next(iter(self._conns.values())))

    def store(self, instance: str) -> AsyncStore:
        return InlineStore(self._conns[instance])

    def perform(self, instance: str, work: Callable[[Connection], T]) -> T:
        return work(self._conns[instance])

    def lose(self, instance: str) -> None:
        self._conns[instance].close()
        self._conns[instance] = connect(self._path, NO_PATIENCE)

    def close(self) -> None:
        for conn in self._conns.values():
            conn.close()
        self._folder.cleanup()


class WorkerShelf(_FolderShelf):
    """A file, with aiosqlite's worker thread and connection for each instance."""

    def __init__(self, template: Template, instances: tuple[str, ...], loop: SteppedLoop) -> None:
        super().__init__(template)
        self._loop = loop
        ExpectedStore.loop = loop
        self._stores = {i: self._open() for i in instances}
        self.reset()

    def reset(self) -> None:
        for instance in self._stores:
            self.perform(instance, _roll_back)
        self.perform(next(iter(self._stores)), self._template.copy)

    def store(self, instance: str) -> AsyncStore:
        return self._stores[instance]

    def perform(self, instance: str, work: Callable[[Connection], T]) -> T:
        return self._loop.complete(self._stores[instance].perform(work))

    def lose(self, instance: str) -> None:
        self._loop.complete(self._stores[instance].close())
        self._stores[instance] = self._open()

    def close(self) -> None:
        for store in self._stores.values():
            self._loop.complete(store.close())
        self._folder.cleanup()

    def _open(self) -> ExpectedStore:
        return self._loop.complete(ExpectedStore.open(self._path, NO_PATIENCE))


def content(conn: Connection) -> str:
    """Everything that is in the store, as SQL."""
    return "\n".join(conn.iterdump())


def _roll_back(conn: Connection) -> None:
    if conn.in_transaction:
        conn.execute("ROLLBACK")
