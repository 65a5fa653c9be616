"""The program of 31 December 2025, which was measured: a connection for each operation.

All of reply() is under the lock, and each operation commits by itself. `refresh` takes no lock and
may be called at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from leo.actions import Action
from leo.errors import LeoError
from leo.field.counts import compute_delta
from leo.field.recall import Memory
from leo.published.call import Call, Published, texts_of
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection, transaction
from leo.store.ngrams import bump, load_bigrams, load_trigrams
from leo.store.operations import get_memories, process_delta

T = TypeVar("T")

# How many texts come to mind: two stand for the "up to five" of the program.
TEXTS = 2


class December(Published):
    """The program; made by `await December.open(path)`."""

    carried_out = frozenset({Action.Count, Action.Ingest})

    @classmethod
    async def open(cls, path: str | Path, *, refreshes: bool = False, **options: Any) -> Self:
        """Open the field at `path`; `options` are those of `Published`.

        A recording in which somebody will call `refresh` `refreshes`: it claims another discipline.
        """
        discipline = "published-december-refresh" if refreshes else "published-december"
        async with _connection(Path(path)) as store:
            opened = await store.perform(cls.open_work)
        return cls(discipline, Path(path), opened, **options)

    async def reply(self, prompt: str, session: str = "s1", *, recalls: bool = True) -> str:
        """Answer; without `recalls` nothing comes to mind. Raises what generate raises.

        An exception of observe is swallowed, and the reply goes on without the rest. The program
        swallowed one of recall as well; here it is raised.
        """
        with Call(self, session if recalls else f"{session}~blank") as call:
            await call.acquire()
            if recalls:
                memories = await self._operate(
                    call, Action.Recall, lambda conn: self.recall(call, TEXTS, conn)
                )
                await self._count(call, memories)
                await self._observe_all(call, memories)
            else:
                # Generate follows without an await, so this is recorded when the program goes on:
                # until then others may act, but only the holder of the lock writes snapshots.
                version, _ = await self._operate(call, Action.Recall, get_memories)
                call.record(Action.Recall, reads={"snapshots": version})
            text = self.generate(call)
            call.release()
        return text

    async def refresh(self, session: str = "s1") -> None:
        """Load the view, without the lock. Raises StoreError."""
        with Call(self, f"{session}~refresh") as call:
            call.record(Action.Refresh)
            await self._load(call)
            call.returned()

    async def _count(self, call: Call, memories: list[Memory]) -> None:
        """Mark what was recalled as used, by a connection and a commit of its own."""

        def count(conn: Connection) -> None:
            with transaction(conn):
                version = bump(conn, "snapshots")
                conn.executemany(
                    "UPDATE snapshots SET use_count = use_count + 1 WHERE id = ?",
                    [(memory.id,) for memory in memories[:1]],
                )
            call.record(Action.Count, writes={"snapshots": version})

        try:
            await self._operate(call, Action.Count, count)
        except LeoError:
            call.record(Action.Swallow)

    async def _observe_all(self, call: Call, memories: list[Memory]) -> None:
        """Ingest each recalled text and load the view after it."""
        try:
            for text in texts_of(memories, TEXTS):
                await self._ingest(call, text)
                await self._load(call)
        except LeoError:
            call.record(Action.Swallow)

    async def _ingest(self, call: Call, text: str) -> None:
        delta = compute_delta((text,))

        def ingest(conn: Connection) -> None:
            version = process_delta(conn, delta)
            call.record(Action.Ingest, writes={"ngrams": version})

        await self._operate(call, Action.Ingest, ingest)

    async def _load(self, call: Call) -> None:
        """Each table by a connection of its own, in any order; then both at once."""
        base2, base3 = self.view.bigrams.now, self.view.trigrams.now

        def load_two(conn: Connection) -> Any:
            version, change = load_bigrams(conn, base2.version)
            call.record(Action.LoadBigrams, reads={"bigrams": version})
            return self.view.bigrams.loaded(base2, version, change)

        def load_three(conn: Connection) -> Any:
            version, change = load_trigrams(conn, base3.version)
            call.record(Action.LoadTrigrams, reads={"trigrams": version})
            return self.view.trigrams.loaded(base3, version, change)

        self.fail(call.session, Action.LoadBigrams)
        two, three = await asyncio.gather(
            self._operate(call, Action.LoadBigrams, load_two),
            self._operate(call, Action.LoadTrigrams, load_three),
        )
        await self.pass_gate(call, Action.AssignView)
        self.view.assign(two, three)
        call.record(Action.AssignView, writes=self.view.versions())

    async def _operate(self, call: Call, action: Action, work: Callable[[Connection], T]) -> T:
        """One operation, on a connection of its own."""
        await self.pass_gate(call, action)
        if action not in (Action.LoadBigrams, Action.LoadTrigrams):
            self.fail(call.session, action)

        def told(conn: Connection) -> T:
            # Every operation has a thread of its own: what it does and what it tells are one.
            with self.tracer.moment():
                return work(conn)

        async with _connection(self.path) as store:
            return await store.perform(told)


@asynccontextmanager
async def _connection(path: Path) -> AsyncIterator[AsyncStore]:
    store = await AsyncStore.open(path)
    try:
        yield store
    finally:
        await store.close()
