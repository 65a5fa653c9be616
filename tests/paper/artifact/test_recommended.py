"""The class that section 8.6.6 prints keeps what it is printed for, in every schedule."""

from __future__ import annotations

import asyncio
import importlib.util
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import aiosqlite
import pytest

import leo
from paper.artifact.revision import listing


class Sqlite:
    """A connection whose statements are carried out at once, an await before and after each."""

    def __init__(self) -> None:
        self.real = sqlite3.connect(":memory:", isolation_level=None)
        self.real.execute("CREATE TABLE ngrams (word)")
        self.real.execute("CREATE TABLE snapshots (text)")

    async def execute(self, sql: str, *values: Any) -> list[Any]:
        await asyncio.sleep(0)
        found = self.real.execute(sql, *values).fetchall()
        await asyncio.sleep(0)
        return found

    async def commit(self) -> None:
        await self.execute("COMMIT")

    async def rollback(self) -> None:
        await asyncio.sleep(0)
        self.real.rollback()


class Words:
    """A field of single words."""

    async def recall(self, db: Any, prompt: str) -> list[str]:
        return [text for (text,) in await rows(db, "SELECT text FROM snapshots")]

    async def observe(self, db: Any, prompt: str) -> Counter[str]:
        await db.execute("INSERT INTO ngrams VALUES (?)", (prompt,))
        return Counter([prompt])

    def generate(self, ngrams: Counter[str], memories: list[str]) -> str:
        return " ".join(sorted(ngrams.elements()))

    async def save_snapshot(self, db: Any, output: str) -> None:
        await db.execute("INSERT INTO snapshots VALUES (?)", (output,))


async def rows(db: Any, sql: str) -> list[Any]:
    found = await db.execute(sql)
    return found if isinstance(found, list) else list(await found.fetchall())


@pytest.fixture
def printed(tmp_path: Path) -> ModuleType:
    """The listing as a module, as somebody would paste it."""
    path = tmp_path / "printed_listing.py"
    path.write_text(listing(), "utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def observed(printed: ModuleType) -> Callable[[], Any]:
    """Make the printed class, with its database at hand."""

    def make() -> Any:
        db = Sqlite()
        made = printed.AsyncLeoField(db, Words(), Counter())
        made.db = db
        return made

    return make


def ngrams(field: Any) -> list[str]:
    return [word for (word,) in field.db.real.execute("SELECT word FROM ngrams ORDER BY word")]


def snapshots(field: Any) -> int:
    (found,) = field.db.real.execute("SELECT count(*) FROM snapshots").fetchone()
    return int(found)


def whole(field: Any) -> str | None:
    """No half reply is left in the store, and the view is what the store has."""
    if len(ngrams(field)) != snapshots(field):
        return "half a reply is in the store"
    if sorted(field._view.elements()) != ngrams(field):
        return "the view is not the store"
    return None


CALLS = {"ada": lambda field: field.reply("a"), "bob": lambda field: field.reply("b")}


def test_every_schedule_keeps_replies_whole(printed: ModuleType) -> None:
    """Two replies, two cancellations at any await: nothing is half done, view and store agree."""
    found = leo.explore(observed(printed), CALLS, at_end=whole, cancellations=2)
    assert found.holds, str(found)


async def unshielded(work: Coroutine[Any, Any, None]) -> None:
    await work


class Free:
    """A lock that lets everybody in."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(("part", "instead"), [("to_its_end", unshielded), ("asyncio.Lock", Free)])
def test_neither_the_shield_nor_the_lock_can_go(
    printed: ModuleType, monkeypatch: pytest.MonkeyPatch, part: str, instead: Callable[..., Any]
) -> None:
    """Without either of them some schedule breaks the class."""
    where, _, name = part.rpartition(".")
    monkeypatch.setattr(getattr(printed, where) if where else printed, name, instead)
    assert leo.explore(observed(printed), CALLS, at_end=whole).broken is not None


def test_it_runs_on_aiosqlite(printed: ModuleType, tmp_path: Path) -> None:
    """As it is pasted: replies come back and are stored, a cancelled one leaves nothing half."""

    async def main() -> None:
        path = tmp_path / "field.sqlite3"
        async with aiosqlite.connect(path) as db:
            await db.execute("CREATE TABLE ngrams (word)")
            await db.execute("CREATE TABLE snapshots (text)")
            field = printed.AsyncLeoField(db, Words(), Counter())
            assert await field.reply("one") == "one"
            for waits in range(40):
                task = asyncio.create_task(field.reply("two"))
                for _ in range(waits):
                    await asyncio.sleep(0)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            assert (await field.reply("zero")).startswith("one")
            stored = [word for (word,) in await rows(db, "SELECT word FROM ngrams")]
            ((replies,),) = await rows(db, "SELECT count(*) FROM snapshots")
            assert len(stored) == replies and Counter(stored) == field._view

    asyncio.run(main())
