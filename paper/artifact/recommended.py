"""The class that the revised section 8.6.6 recommends; `revision.py` prints it from `class` on.

`Field` stands for the author's own functions. `tests/paper/artifact/test_recommended.py` executes
every schedule of two replies of what is printed, with cancellations at any await.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Protocol


class Database(Protocol):
    """What is used of a connection of aiosqlite."""

    def execute(self, sql: str, /) -> Coroutine[Any, Any, Any]: ...
    def commit(self) -> Coroutine[Any, Any, None]: ...
    def rollback(self) -> Coroutine[Any, Any, None]: ...


class Field(Protocol):
    """Recall, observe and save on the open transaction; generate from the view and the delta."""

    async def recall(self, db: Database, prompt: str) -> list[str]: ...
    async def observe(self, db: Database, prompt: str) -> Counter[str]: ...
    def generate(self, ngrams: Counter[str], memories: list[str]) -> str: ...
    async def save_snapshot(self, db: Database, output: str) -> None: ...


class AsyncLeoField:
    def __init__(self, db: Database, field: Field, view: Counter[str]) -> None:
        self._db, self._field = db, field
        self._view = view  # what generate reads: never changed, only exchanged
        self._field_lock = asyncio.Lock()

    async def reply(self, prompt: str) -> str:
        async with self._field_lock:  # isolation: one reply at a time
            try:
                # Before the first read. On a shared store, bring the view up to date here.
                await self._db.execute("BEGIN IMMEDIATE")
                memories = await self._field.recall(self._db, prompt)
                delta = await self._field.observe(self._db, prompt)
                output = self._field.generate(self._view + delta, memories)
                await self._field.save_snapshot(self._db, output)
                await to_its_end(self._commit(delta))
            except BaseException:
                await to_its_end(self._db.rollback())  # after a commit: nothing to undo
                raise
            return output

    async def _commit(self, delta: Counter[str]) -> None:
        await self._db.commit()  # all writes of the reply, or none
        self._view = self._view + delta


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """The shield: a cancelled caller hears of it when the work is done, not before."""
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
