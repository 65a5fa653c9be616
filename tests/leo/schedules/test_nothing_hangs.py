"""Random programs with cancellations, timeouts, threads and background tasks: each one ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Iterable
from random import Random
from time import process_time
from typing import Any

import anyio
import pytest

from leo import explore
from leo.errors import LeoError

WORDS = (
    "pause", "nap", "lock", "put", "get", "set", "wait", "timeout", "scope", "group", "gather",
    "shield", "thread", "background", "beat", "poll", "fail", "swallow", "cancel", "condition",
    "generator", "later", "semaphore",
)  # fmt: skip


class Room:
    """What the programs share."""

    def __init__(self) -> None:
        self.lock, self.event = asyncio.Lock(), asyncio.Event()
        self.queue: asyncio.Queue[int] = asyncio.Queue(1)
        self.semaphore, self.condition = asyncio.Semaphore(1), asyncio.Condition()
        self.tasks: list[asyncio.Task[Any]] = []
        self.count = 0


class Program:
    """A random program, two levels deep."""

    def __init__(self, chance: Random, deep: int = 2) -> None:
        self.words = chance.choices(WORDS, k=chance.randint(1, 3))
        self.inner = Program(chance, deep - 1) if deep else None

    def __repr__(self) -> str:
        return f"{' '.join(self.words)} [{self.inner or ''}]"

    async def inside(self, room: Room) -> None:
        if self.inner is None:
            await asyncio.sleep(0)
        else:
            await self.inner(room)

    async def __call__(self, room: Room) -> None:
        for word in self.words:
            await getattr(self, word)(room)
            room.count += 1

    async def pause(self, room: Room) -> None:
        await asyncio.sleep(0)

    async def nap(self, room: Room) -> None:
        await asyncio.sleep(2)

    async def lock(self, room: Room) -> None:
        async with room.lock:
            await asyncio.sleep(0)

    async def semaphore(self, room: Room) -> None:
        async with room.semaphore:
            await self.inside(room)

    async def condition(self, room: Room) -> None:
        async with room.condition:
            room.condition.notify_all()
            await room.condition.wait()

    async def put(self, room: Room) -> None:
        await room.queue.put(1)

    async def get(self, room: Room) -> None:
        await room.queue.get()

    async def set(self, room: Room) -> None:
        room.event.set()

    async def wait(self, room: Room) -> None:
        await room.event.wait()

    async def timeout(self, room: Room) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self.inside(room)

    async def scope(self, room: Room) -> None:
        with anyio.move_on_after(1):
            await self.inside(room)

    async def group(self, room: Room) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.inside(room))
            group.create_task(asyncio.sleep(0))

    async def gather(self, room: Room) -> None:
        await asyncio.gather(self.inside(room), asyncio.sleep(0), return_exceptions=True)

    async def shield(self, room: Room) -> None:
        await asyncio.shield(self.inside(room))

    async def thread(self, room: Room) -> None:
        await asyncio.to_thread(lambda: None)

    async def background(self, room: Room) -> None:
        room.tasks.append(asyncio.create_task(self.inside(room)))

    async def beat(self, room: Room) -> None:
        async def beats() -> None:
            while True:
                await asyncio.sleep(1)
                room.count += 1

        room.tasks.append(asyncio.create_task(beats()))

    async def poll(self, room: Room) -> None:
        while room.lock.locked():
            room.count += 1
            await asyncio.sleep(0)

    async def fail(self, room: Room) -> None:
        if room.count > 1:
            raise ValueError(room.count)

    async def swallow(self, room: Room) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self.inside(room)

    async def cancel(self, room: Room) -> None:
        for task in room.tasks:
            task.cancel()

    async def generator(self, room: Room) -> None:
        async def numbers() -> Any:
            try:
                yield 1
                await asyncio.sleep(0)
                yield 2
            finally:
                room.count += 1

        async for _ in numbers():
            break

    async def later(self, room: Room) -> None:
        asyncio.get_running_loop().call_later(1, room.event.set)


def explored(seed: int) -> float:
    """Explore a random scenario; how long it took."""
    chance = Random(seed)
    programs = [Program(chance) for _ in range(chance.choice((1, 2, 2, 3)))]
    begun = process_time()
    try:
        found = explore(
            Room,
            programs,
            cancellations=chance.choice((0, 1, 2)),
            clock=chance.choice(("idle", "any")),
            strategy=chance.choice(("every", "every", "preemptions", "random", "pct")),
            bound=chance.choice((1, 2)),
            raises=(ValueError,),
            limit=60,
            seconds=0.1,
            progress=lambda line: None,
        )
    except LeoError as error:
        # A loop over calls that only go round may be no program that ends.
        assert "not over after" in str(error) or "cannot be followed" in str(error), (seed, error)
    else:
        str(found)
    return process_time() - begun


def check(seeds: Iterable[int]) -> None:
    before = threading.active_count()
    slowest = max((explored(seed), seed) for seed in seeds)
    gc.collect()
    assert slowest[0] < 20, slowest
    assert threading.active_count() == before


def test_random_programs_end() -> None:
    """Each within its limit; no warning, no task left, no thread left.

    In the last one a task that polls went on for ever, and kept the others from ending.
    """
    check([*range(25), 15_837])


def test_an_exploration_keeps_nothing() -> None:
    """What it was done with is gone at once: there is no circle that waits for a collection."""
    calls = [lambda it: it.lock.acquire(), lambda it: it.queue.put(1)]
    for _ in range(2):
        gc.collect()
        found = explore(Room, calls, cancellations=0, limit=5)
    assert str(found) and gc.collect() == 0


@pytest.mark.long
def test_ten_thousand_random_programs_end() -> None:
    """The same for ten thousand."""
    check(range(10_000, 20_000))
