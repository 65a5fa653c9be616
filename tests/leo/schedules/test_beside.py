"""What calls change beside their object: part of the state in a schedule, and put back after it."""

from __future__ import annotations

import asyncio
import functools
import sys
import time
from typing import Any, ClassVar

import pytest

from leo import explore


@functools.lru_cache
def registry() -> dict[str, int]:
    return {}


@functools.cache
def channel(name: str, size: int) -> list[int]:
    return []


@functools.lru_cache(typed=True)
def labelled(name: str, *, size: int) -> list[int]:
    return []


class Settings:
    number = 0


SETTINGS = Settings()


class Once(type):
    made: ClassVar[dict[str, int]] = {}


class Counts(metaclass=Once):
    """Each method loses an update; with a lock around it none does."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    async def cached(self) -> None:
        number = registry().get("n", 0)
        await asyncio.sleep(0)
        registry()["n"] = number + 1

    async def cached_by_name(self) -> None:
        number = len(channel("a", 1))
        await asyncio.sleep(0)
        channel("a", 1)[number:] = [number]

    async def cached_by_keyword(self) -> None:
        number = len(labelled("a", size=1))
        await asyncio.sleep(0)
        labelled("a", size=1)[number:] = [number]

    async def by_setattr(self) -> None:
        number = getattr(Counts, "later", 0)
        await asyncio.sleep(0)
        setattr(Counts, "later", number + 1)  # noqa: B010 - the code must not mention it

    async def by_globals(self) -> None:
        number = globals().get("later", 0)
        await asyncio.sleep(0)
        globals()["later"] = number + 1

    async def default_of_a_class(self) -> None:
        number = SETTINGS.number
        await asyncio.sleep(0)
        SETTINGS.number = number + 1

    async def of_metaclass(self) -> None:
        number = Once.made.get("n", 0)
        await asyncio.sleep(0)
        Once.made["n"] = number + 1


METHODS: list[Any] = [it for name, it in vars(Counts).items() if not name.startswith("__")]


def left() -> Any:
    here = vars(sys.modules[__name__])
    caches = [it.cache_info().currsize for it in (registry, channel, labelled)]
    return caches, dict(Once.made), vars(SETTINGS), [
        it for names in (vars(Counts), here) for it in names if it == "later"
    ]  # fmt: skip


@pytest.mark.parametrize("call", METHODS)
def test_what_is_made_beside_the_object_is_compared_and_put_back(call: Any) -> None:
    async def repaired(it: Counts) -> None:
        async with it.lock:
            await call(it)

    for atomic in (True, False):
        found = explore(Counts, [call] * 2, cancellations=0, atomic=atomic)
        assert (found.broken is not None) is atomic
        assert explore(Counts, [repaired] * 2, cancellations=0, atomic=atomic).holds
        assert left() == ([0, 0, 0], {}, {}, [])


class Pages:
    """Its method keeps lists in a cache, by object."""

    @functools.cache  # noqa: B019 - many do
    def page(self, number: int) -> list[int]:
        return []

    async def write(self) -> None:
        number = len(self.page(1))
        await asyncio.sleep(0)
        self.page(1)[number:] = [number]


def test_a_cache_that_cannot_be_compared_is_named() -> None:
    found = explore(Pages, [Pages.write] * 2, cancellations=0)
    assert found.broken is None and not found.holds and "page keeps" in found.sentence
    found = explore(Pages, [Pages.write] * 2, cancellations=0, state=lambda it: it.page(1))
    assert found.broken is not None


def test_a_cache_of_before_keeps_its_value_and_one_filled_by_a_cancelled_call_breaks_nothing() -> (
    None
):
    async def looks(it: Counts) -> int:
        await asyncio.sleep(0)
        found = len(registry())
        await asyncio.sleep(0)
        return found

    assert explore(Counts, [looks] * 2).holds and not registry.cache_info().currsize
    registry()["n"] = 5
    kept = registry()
    assert explore(Counts, [Counts.cached] * 2, cancellations=0).broken is not None
    assert registry() is kept and kept == {"n": 5}
    registry.cache_clear()


def test_a_class_that_make_makes_shares_what_its_methods_close_over() -> None:
    def make() -> Any:
        number, lock = 0, asyncio.Lock()

        class Closes:
            async def add(self) -> None:
                nonlocal number
                before = number
                await asyncio.sleep(0)
                number = before + 1

            async def repaired(self) -> None:
                async with lock:
                    await self.add()

        return Closes()

    found = explore(make, [lambda it: it.add()] * 2, cancellations=0)
    assert found.broken is not None and "number of Closes = 1" in found.broken.witness
    assert explore(make, [lambda it: it.repaired()] * 2, cancellations=0).holds


@pytest.mark.parametrize("amount", [2_900_000.0, 2_900_000_000.0, 1_702_800_000])
def test_an_amount_that_looks_like_a_time_is_none(amount: float) -> None:
    class Account:
        def __init__(self) -> None:
            self.lock, self.balance, self.paid = asyncio.Lock(), amount, [time.time()]

        async def pay(self) -> None:
            balance = self.balance
            await asyncio.sleep(0)
            self.balance = balance - 1

        async def repaired(self) -> None:
            async with self.lock:
                await self.pay()

    found = explore(Account, [Account.pay] * 2, cancellations=0)
    assert found.broken is not None and "balance" in found.broken.witness
    assert explore(Account, [Account.repaired] * 2, cancellations=0).holds
