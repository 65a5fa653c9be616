"""The store for a synchronous driver: a connection that performs one operation at a time.

Threads may share it: a guard admits one at a time. An operation is a whole transaction, so the
guard isolates exactly what SQLite would isolate between two connections.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import TypeVar

from leo.errors import StoreClosedError
from leo.store.connection import Connection
from leo.store.rows import Keeper
from leo.store.schema import BUSY_TIMEOUT, connect

T = TypeVar("T")


class Store:
    """An open store. Operations are those of `leo.store.operations`, given as closures over the
    connection."""

    def __init__(
        self,
        path: str | Path,
        timeout: float = BUSY_TIMEOUT,
        full_sync: bool = False,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self.path = Path(path)
        self._guard = Lock()
        self._conn: Connection | None = connect(self.path, timeout, full_sync, keepers)

    def perform(self, work: Callable[[Connection], T]) -> T:
        """Carry out one operation. Raises what it raises, and StoreClosedError after `close`."""
        with self._guard:
            if self._conn is None:
                raise StoreClosedError(f"{self.path}: the field was closed; open it again")
            return work(self._conn)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        with self._guard:
            if self._conn is not None:
                self._conn.close()
                self._conn = None
