"""The asynchronous faces: the same modules where the store is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from leo.errors import StoreError
from leo.field.text import tokenize
from leo.modules import MODULES, AsyncMathBrain, AsyncRAGBrain, AsyncSantaKlaus, SantaKlaus
from leo.modules.faces import Perform, store
from leo.modules.mathbrain import Brain
from leo.modules.mathstate import SCALARS, MathState
from leo.modules.mlp import fresh_network
from leo.modules.ragbrain import Episode, RAGBrain
from leo.store import operations as sql
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.operations import NewSnapshot
from leo.store.rows import Put

T = TypeVar("T")
TEXTS = ("The river rose.", "Bread is good.", "Poor words.")


def state(novelty: float) -> MathState:
    """A state of halves with a novelty."""
    return MathState(**({name: 0.5 for name in SCALARS} | {"novelty": novelty}), expert="precise")


def with_store(path: Path, test: Callable[[Perform], Awaitable[T]]) -> T:
    """Run a test on a real store that has the modules' tables."""

    async def run() -> T:
        opened = await AsyncStore.open(path / "field.db", 5.0, keepers=MODULES)
        try:
            return await test(opened.perform)
        finally:
            await opened.close()

    return asyncio.run(run())


def test_santa_recalls_what_the_plain_one_does(tmp_path: Path) -> None:
    """The memories of the store, awaited, come to mind as they do when they are given."""
    tokens = tokenize("the river")

    async def test(perform: Perform) -> None:
        for quality, text in zip((0.8, 0.9, 0.1), TEXTS, strict=True):
            new = NewSnapshot(text, "leo", quality, 0.0, 10.0, ())
            await perform(partial(sql.process_snapshot, new=new))
        _, memories = await perform(sql.get_memories)
        found = await AsyncSantaKlaus(perform).recall_stored("s1", tokens, 0.0, 1000.0)
        assert found == SantaKlaus().recall(memories, tokens, 0.0, 1000.0)
        assert len(found.ids) == 2

    with_store(tmp_path, test)


def test_mathbrain_keeps_its_network(tmp_path: Path) -> None:
    """What was saved is recollected; before that there is a fresh network."""

    async def test(perform: Perform) -> None:
        brain = AsyncMathBrain(perform, seed=4)
        assert await brain.recollect(5.0) == Brain(fresh_network(4), {})
        await brain.save(fresh_network(9))
        assert await brain.recollect(5.0) == Brain(fresh_network(9), {})

    with_store(tmp_path, test)


def test_ragbrain_finds_what_the_plain_one_does(tmp_path: Path) -> None:
    """Episodes that were logged are found in the order of their distance."""
    episodes = [Episode(state(novelty), novelty, 5.0) for novelty in (0.1, 0.5, 0.9)]

    async def test(perform: Perform) -> None:
        rag = AsyncRAGBrain(perform)
        for episode in episodes:
            await rag.observe_episode("p", "r", "s1", episode)
        found = await rag.query_stored(state(0.5), now=9.0, top=2)
        assert found == RAGBrain().query_similar(episodes[::-1], state(0.5), top=2)
        assert found[0][1] == episodes[1]

    with_store(tmp_path, test)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """When one of several writes fails, none is kept, and the error is the store's."""
    insert = "INSERT INTO metaleo (tag, text, at) VALUES (?, ?, ?)"

    async def test(perform: Perform) -> None:
        puts = (Put(insert, (("meta", "kept?", 1.0),)), Put(insert, (("meta", None, 1.0),)))
        with pytest.raises(StoreError):
            await store(perform, puts)

        def count(conn: Connection) -> int:
            number: int = conn.execute("SELECT count(*) FROM metaleo").fetchone()[0]
            return number

        assert await perform(count) == 0

    with_store(tmp_path, test)
