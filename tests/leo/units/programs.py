"""Small programs as people write them, each wrong and right: what their recordings must say.

Every program is a store, whose methods are instrumented, and a `run` that drives it. Nothing is
declared beyond what is read, written, appended, committed and rolled back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from leo import instrument
from leo.units import UnitsVerdict, judge_bytes


async def step() -> None:
    """Let the others go on."""
    await asyncio.sleep(0)


class Store:
    """Named values, read and written at one moment each."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    async def load(self, key: str) -> Any:
        return self.values.get(key)

    async def save(self, key: str, value: Any) -> None:
        self.values[key] = value


def by_key(key: str, *_: object) -> str:
    return key


@dataclass
class Program:
    """`run` drives a store made by `make`; `says` is what the first line of a finding begins with,
    nothing for a right program, and `level` the strongest level that holds.
    """

    make: Callable[[], Any]
    run: Callable[[Any], Awaitable[Any]]
    level: str
    says: str = ""
    how: dict[str, Any] = field(default_factory=dict)

    def judge(self) -> UnitsVerdict:
        async def main() -> bytes:
            store = self.make()
            with instrument(store, **self.how) as recording:
                await self.run(store)
            return recording.ndjson()

        return judge_bytes(asyncio.run(main()))


def declared(unit: str | list[str] = (), **more: Any) -> dict[str, Any]:  # type: ignore[assignment]
    """How a `Store` is instrumented."""
    how = {"reads": {"load": by_key}, "writes": {"save": by_key}, "unit": unit, "exact": True}
    return how | more


class Cached(Store):
    """A store in front of which a cache stands."""

    def __init__(self, *, refreshed: bool) -> None:
        super().__init__(x=0)
        self.cache: dict[str, Any] = {}
        self.refreshed = refreshed

    async def load(self, key: str) -> Any:
        return self.cache.setdefault(key, await super().load(key))

    async def save(self, key: str, value: Any) -> None:
        await super().save(key, value)
        if self.refreshed:
            self.cache.pop(key, None)


async def write_and_read(store: Any) -> None:
    await store.load("x")
    await store.save("x", 1)
    await store.load("x")


class Chat:
    """A history that turns read, and then write back whole or append to."""

    def __init__(self) -> None:
        self.items: list[str] = []

    async def history(self) -> list[str]:
        return list(self.items)

    async def replace(self, items: list[str]) -> None:
        self.items = items

    async def append(self, item: str) -> None:
        self.items.append(item)

    async def rewriting_turn(self, question: str) -> None:
        items = await self.history()
        await step()
        await self.replace([*items, question])

    async def appending_turn(self, question: str) -> None:
        await self.history()
        await step()
        await self.append(question)


class Ledger:
    """Rows that become durable when they are committed."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.saved: list[int] = []

    async def insert(self, row: int) -> None:
        self.rows.append(row)

    async def read(self) -> list[int]:
        return list(self.rows)

    async def commit(self) -> None:
        self.saved = list(self.rows)

    async def rollback(self) -> None:
        self.rows = list(self.saved)

    async def careless(self, *rows: int) -> None:
        for row in rows:
            if row < 0:
                raise ValueError(row)
            await self.insert(row)
            await step()

    async def careful(self, *rows: int) -> None:
        try:
            await self.careless(*rows)
            await self.commit()
        except ValueError:
            await self.rollback()
            raise

    async def save(self, rows: list[int]) -> None:
        await step()
        self.rows += rows

    async def cut(self, rows: list[int]) -> None:
        """The caller may be cancelled between the two halves."""
        for row in rows:
            await self.save([row])

    async def shielded(self, rows: list[int]) -> None:
        task = asyncio.ensure_future(self.save(rows))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise

    async def background(self, rows: list[int]) -> None:
        self.task = asyncio.get_running_loop().create_task(self.save(rows))
        await step()

    async def waiting(self, rows: list[int]) -> None:
        await asyncio.get_running_loop().create_task(self.save(rows))


def failing(name: str, *rows: int) -> Callable[[Any], Awaitable[None]]:
    async def run(store: Any) -> None:
        with suppress(ValueError):
            await getattr(store, name)(*rows)

    return run


def seen_meanwhile(name: str) -> Callable[[Any], Awaitable[None]]:
    """Another reads while the unit is about to fail."""

    async def run(store: Any) -> None:
        await asyncio.gather(getattr(store, name)(1, -1), store.read(), return_exceptions=True)

    return run


def cancelled(name: str, steps: int) -> Callable[[Any], Awaitable[None]]:
    async def run(store: Any) -> None:
        task = asyncio.ensure_future(getattr(store, name)([1, 2]))
        for _ in range(steps):
            await step()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.001)

    return run


async def in_background(store: Any, name: str) -> None:
    await getattr(store, name)([1])
    await asyncio.sleep(0.001)


LEDGER: dict[str, Any] = {"reads": {"read": "rows"}, "writes": {"insert": "rows"}}


STRONGEST = "strict-serializable"
UNIT = ["rewriting_turn", "appending_turn"]
SAVE: dict[str, Any] = {"writes": {"save": "rows"}, "exact": True}
WRONG = {
    "stale cache": Program(
        lambda: Cached(refreshed=False), write_and_read, "serializable",
        "load.2 read x and got 0, which is v0: at v1 it was 1", declared(values=True),
    ),
    "memory written back": Program(
        Chat, lambda chat: asyncio.gather(*map(chat.rewriting_turn, "ab")), "read-atomic",
        "rewriting_turn.2 overwrote rewriting_turn.1's items v1 without having seen it",
        {"reads": {"history": "items"}, "writes": {"replace": "items"}, "unit": UNIT,
         "exact": True},
    ),
    "not rolled back": Program(
        Ledger, failing("careless", 1, -1), "",
        "careless.1 failed (ValueError) and left rows behind", LEDGER | {"unit": "careless"},
    ),
    "rolled back, but seen": Program(
        Ledger, seen_meanwhile("careful"), "read-uncommitted",
        "read.1 read what careful.1 wrote to rows, and careful.1 took it back",
        LEDGER | {"unit": "careful", "commits": "commit", "rolls_back": "rollback",
                  "exact": True},
    ),
    "commit cut in two": Program(
        Ledger, cancelled("cut", 2), "",
        "cut.1 failed and left rows behind", SAVE | {"unit": "cut"},
    ),
    "fire and forget": Program(
        Ledger, lambda store: in_background(store, "background"), "",
        "background.1 had ended, and then rows was still written for it",
        SAVE | {"unit": "background"},
    ),
}  # fmt: skip
RIGHT = {
    "fresh cache": Program(
        lambda: Cached(refreshed=True), write_and_read, STRONGEST, how=declared(values=True)
    ),
    "memory appended to": Program(
        Chat, lambda chat: asyncio.gather(*map(chat.appending_turn, "ab")), "snapshot-isolation",
        how={"reads": {"history": "items"}, "appends": {"append": "items"}, "unit": UNIT,
             "exact": True},
    ),
    "rolled back": Program(
        Ledger, failing("careful", 1, -1), STRONGEST,
        how=LEDGER | {"unit": "careful", "commits": "commit", "rolls_back": "rollback"},
    ),
    "shielded commit": Program(
        Ledger, cancelled("shielded", 2), STRONGEST,
        how=SAVE | {"unit": "shielded", "commits": "save"},
    ),
    "waited for": Program(
        Ledger, lambda store: in_background(store, "waiting"), STRONGEST,
        how=SAVE | {"unit": "waiting"},
    ),
}  # fmt: skip
