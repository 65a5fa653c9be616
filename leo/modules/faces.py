"""The asynchronous faces of modules: who awaits the store, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from leo.reply.module import Module
from leo.store import rows
from leo.store.connection import Connection, reading, transaction
from leo.store.rows import Put, Rows

T = TypeVar("T")


class Perform(Protocol):
    """Runs a closure over the store's connection and awaits its result: `AsyncStore.perform`."""

    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]: ...


async def fetch(
    perform: Perform, module: Module[Any], session: str, tokens: Sequence[str], now: float
) -> Rows:
    """The rows of one module, all of one state of the store. Raises StoreError."""
    given = rows.parameters(session, tokens, now)

    def work(conn: Connection) -> Rows:
        with reading(conn):
            return rows.read(conn, [module], given)[module.name]

    return await perform(work)


async def store(perform: Perform, puts: Sequence[Put]) -> None:
    """Write rows of a module in one transaction; none of them when one fails. Raises StoreError."""

    def work(conn: Connection) -> None:
        with transaction(conn):
            rows.write(conn, puts)

    await perform(work)
