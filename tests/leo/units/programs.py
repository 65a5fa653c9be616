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


class Counter(Store):
    async def add(self) -> None:
        value = await self.load("count")
        await step()
        await self.save("count", value + 1)


class LockedCounter(Counter):
    def __init__(self) -> None:
        super().__init__(count=0)
        self.lock = asyncio.Lock()

    async def add(self) -> None:
        async with self.lock:
            await super().add()


async def two_adds(store: Any) -> None:
    await asyncio.gather(store.add(), store.add())


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


class Lazy(Store):
    """What is computed once and kept: with a lock, or without."""

    def __init__(self, *, locked: bool) -> None:
        super().__init__()
        self.lock: Any = asyncio.Lock() if locked else NoLock()

    async def get(self) -> Any:
        async with self.lock:
            if await self.load("made") is None:
                await step()
                await self.save("made", object())
            return await self.load("made")


class NoLock:
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *error: object) -> None:
        return None


async def two_gets(store: Any) -> None:
    await asyncio.gather(store.get(), store.get())


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


class Outbox(Store):
    """An order, and the message that tells of it: in one write, or in two."""

    async def order(self) -> None:
        await self.save("order", 1)
        await step()
        await self.save("message", 1)

    async def report(self) -> None:
        await self.load("order")
        await self.load("message")

    async def save_both(self) -> None:
        self.values |= {"order": 1, "message": 1}

    async def load_both(self) -> Any:
        return self.values.get("order"), self.values.get("message")

    async def order_at_once(self) -> None:
        await step()
        await self.save_both()

    async def report_at_once(self) -> None:
        await self.load_both()


class Optimistic(Store):
    """A write that is carried out if nobody wrote meanwhile, and else tried again."""

    def __init__(self) -> None:
        super().__init__(x=0)
        self.version = 0

    async def look(self) -> tuple[int, Any]:
        return self.version, self.values["x"]

    async def swap(self, version: int, value: Any, *, check: bool) -> bool:
        if check and version != self.version:
            return False
        await self.put(value)
        return True

    async def put(self, value: Any) -> None:
        self.version += 1
        self.values["x"] = value

    async def attempt(self, *, check: bool) -> bool:
        version, value = await self.look()
        await step()
        return await self.swap(version, value + 1, check=check)

    async def careless(self) -> None:
        await self.attempt(check=False)

    async def careful(self) -> None:
        while not await self.attempt(check=True):
            await step()


def both(name: str) -> Callable[[Any], Awaitable[None]]:
    async def run(store: Any) -> None:
        await asyncio.gather(getattr(store, name)(), getattr(store, name)())

    return run


class Saga(Store):
    """Steps of their own, each undone by another when a later one fails."""

    async def book(self, item: str) -> None:
        await self.save(item, "booked")

    async def cancel(self, item: str) -> None:
        await self.save(item, "free")

    async def trip(self) -> None:
        """As one unit: it fails and leaves the flight behind."""
        await self.book("flight")
        await step()
        raise ValueError("no hotel")

    async def saga(self) -> None:
        await self.book("flight")
        await step()
        await self.cancel("flight")


class Accounts(Store):
    """Two balances that a transfer changes and a report adds up."""

    def __init__(self, *, locked: bool) -> None:
        super().__init__(a=1, b=1)
        self.lock: Any = asyncio.Lock() if locked else NoLock()

    async def transfer(self) -> None:
        async with self.lock:
            await self.save("a", 0)
            await step()
            await self.save("b", 2)

    async def report(self) -> None:
        async with self.lock:
            await self.load("a")
            await self.load("b")


async def report_during_transfer(store: Any) -> None:
    await asyncio.gather(store.transfer(), store.report())


async def order_and_report(store: Any) -> None:
    await asyncio.gather(store.order(), store.report())


async def order_and_report_at_once(store: Any) -> None:
    await asyncio.gather(store.order_at_once(), store.report_at_once())


STRONGEST = "strict-serializable"
UNIT = ["rewriting_turn", "appending_turn"]
SAVE: dict[str, Any] = {"writes": {"save": "rows"}, "exact": True}
WRONG = {
    "counter": Program(
        lambda: Counter(count=0), two_adds, "read-atomic",
        "add.2 overwrote add.1's count v1 without having seen it", declared("add"),
    ),
    "stale cache": Program(
        lambda: Cached(refreshed=False), write_and_read, "serializable",
        "load.2 read x and got 0, which is v0: at v1 it was 1", declared(values=True),
    ),
    "check then act": Program(
        lambda: Lazy(locked=False), two_gets, "read-committed",
        "get.2 read made twice, and get.1 wrote it in between", declared("get"),
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
    "outbox in two writes": Program(
        Outbox, order_and_report, "read-committed",
        "report.1 saw order.1's order and not its message", declared(["order", "report"]),
    ),
    "retry without a check": Program(
        Optimistic, both("careless"), "read-atomic",
        "careless.2 overwrote careless.1's x v1 without having seen it",
        {"reads": {"look": "x"}, "writes": {"put": "x"}, "unit": "careless", "exact": True},
    ),
    "saga as one unit": Program(
        Saga, failing("trip"), "",
        "trip.1 failed (ValueError) and left flight behind", declared("trip"),
    ),
    "report during a transfer": Program(
        lambda: Accounts(locked=False), report_during_transfer, "read-committed",
        "report.1 saw transfer.1's a and not its b", declared(["transfer", "report"]),
    ),
}  # fmt: skip
RIGHT = {
    "counter": Program(LockedCounter, two_adds, STRONGEST, how=declared("add")),
    "fresh cache": Program(
        lambda: Cached(refreshed=True), write_and_read, STRONGEST, how=declared(values=True)
    ),
    "check then act": Program(lambda: Lazy(locked=True), two_gets, STRONGEST, how=declared("get")),
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
    "outbox in one write": Program(
        Outbox, order_and_report_at_once, STRONGEST,
        how={"reads": {"load_both": lambda: ["order", "message"]},
             "writes": {"save_both": lambda: ["order", "message"]},
             "unit": ["order_at_once", "report_at_once"], "exact": True},
    ),
    "optimistic retry": Program(
        Optimistic, both("careful"), STRONGEST,
        how={"reads": {"look": "x"}, "writes": {"put": "x"}, "unit": "attempt", "exact": True},
    ),
    "saga with compensation": Program(Saga, failing("saga"), STRONGEST, how=declared("saga")),
    "report under a lock": Program(
        lambda: Accounts(locked=True), report_during_transfer, STRONGEST,
        how=declared(["transfer", "report"]),
    ),
}  # fmt: skip
