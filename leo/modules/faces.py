"""Asynchronous access to the modules outside a reply, for callers on an event loop.

Each class calls `perform` to run a closure on the store's thread, and then the functions of the
synchronous class on the rows that it found. Writes are one transaction. Every method raises what
`perform` raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from leo.field.recall import Recalled
from leo.modules.mathbrain import Brain, MathBrain
from leo.modules.mathstate import MathState
from leo.modules.mlp import Network
from leo.modules.ragbrain import Episode, RAGBrain
from leo.modules.santaklaus import SantaKlaus
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
    """The rows of one module, all of one state of the store."""
    given = rows.parameters(session, tokens, now)

    def work(conn: Connection) -> Rows:
        with reading(conn):
            return rows.read(conn, [module], given)[module.name]

    return await perform(work)


async def store(perform: Perform, puts: Sequence[Put]) -> None:
    """Write rows of a module in one transaction; none of them when one fails."""

    def work(conn: Connection) -> None:
        with transaction(conn):
            rows.write(conn, puts)

    await perform(work)


class AsyncMathBrain(MathBrain):
    """The network."""

    def __init__(self, perform: Perform, seed: int = 0) -> None:
        super().__init__(seed)
        self._perform = perform

    async def recollect(self, now: float) -> Brain:
        """What the store has of it."""
        return self.load(await fetch(self._perform, self, "", (), now))

    async def save(self, network: Network) -> None:
        """Keep a network."""
        await store(self._perform, self.puts(network))


class AsyncRAGBrain(RAGBrain):
    """The log of episodes."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    async def query_stored(
        self, state: MathState, now: float, top: int = 5, min_quality: float = 0.0
    ) -> list[tuple[float, Episode]]:
        """`query_similar` over what the store has."""
        episodes = self.load(await fetch(self._perform, self, "", (), now))
        return self.query_similar(episodes, state, top, min_quality)

    async def observe_episode(
        self, prompt: str, reply: str, session: str, episode: Episode
    ) -> None:
        """Log one episode."""
        await store(self._perform, self.puts(prompt, reply, session, episode))


class AsyncSantaKlaus(SantaKlaus):
    """The recall."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    async def recall_stored(
        self, session: str, tokens: Sequence[str], arousal: float, now: float
    ) -> Recalled:
        """What comes to mind of what the store has."""
        memories = self.load(await fetch(self._perform, self, session, tokens, now))
        return self.recall(memories, tokens, arousal, now)
