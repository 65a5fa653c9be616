"""Wrong classes that looked right, and right ones that were blamed: each kind has its verdict."""

from __future__ import annotations

import asyncio
import functools
import itertools
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from leo import explore
from leo.errors import LeoError

CLOCKS: dict[str, Callable[[], float]] = {"now": time.monotonic}
READS = itertools.count()
PART = functools.partial(time.monotonic)


def coarse() -> int:
    """Ticks every tenth time that it is read."""
    return next(READS) // 10


COARSE = iter(coarse, None)
STOCK = {"apples": [10]}
NUMBERS = itertools.count(1)


class Total:
    def __init__(self) -> None:
        self.total = 0

    async def add(self) -> None:
        total = self.total
        await asyncio.sleep(0)
        self.total = total + 1

    async def is_two(self) -> bool:
        await asyncio.sleep(0)
        return self.total == 2


async def asserts(it: Total) -> None:
    await asyncio.sleep(0)
    assert it.total == 2


@pytest.mark.parametrize("rule", [asserts, Total.is_two, lambda it: it.total // 2, lambda it: []])
def test_a_rule_at_the_end_may_be_async_and_false_is_false(rule: Any) -> None:
    found = explore(Total, [Total.add] * 2, at_end=rule, cancellations=0)
    assert found.broken is not None and found.broken.title == "at the end"


def test_an_async_invariant_is_refused() -> None:
    with pytest.raises(LeoError, match="between two steps"):
        explore(Total, [Total.add] * 2, invariant=Total.is_two)
    assert explore(Total, [Total.add], invariant=lambda it: None, at_end=lambda it: True).holds


class Wakes(Total):
    """Loses an update when two timers that are due at once both strike."""

    async def add(self) -> None:
        await asyncio.sleep(0.05)
        await super().add()

    async def later(self) -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        loop.call_at(loop.time(), done.set)
        total = self.total
        await done.wait()
        self.total = total + 1


@pytest.mark.parametrize("call", [Wakes.add, Wakes.later])
def test_what_is_due_waits_for_nobody(call: Any) -> None:
    found = explore(Wakes, [call] * 2, cancellations=0)
    assert found.broken is not None and found.broken.title == "not atomic"


def test_a_timeout_that_is_due_at_once_strikes_before_or_after() -> None:
    class Late(Total):
        async def late(self) -> str:
            task = asyncio.create_task(asyncio.sleep(1, "slept"))
            try:
                return await asyncio.wait_for(task, 1)
            except TimeoutError:
                return "late"

    seen = set[str]()

    async def call(it: Late) -> None:
        it.total = await it.late()  # type: ignore[assignment]

    found = explore(Late, [call], at_end=lambda it: seen.add(str(it.total)), cancellations=0)
    assert found.holds and seen == {"slept", "late"}


class Long:
    def __init__(self) -> None:
        self.half, self.count = False, 0

    async def load(self, rows: int) -> None:
        for row in range(rows):
            self.half = row == 15
            self.count += 1
            await asyncio.sleep(0)

    async def peek(self) -> bool:
        return self.half


def test_a_loop_that_ends_by_itself_is_explored_whole() -> None:
    calls: Any = {"load": lambda it: it.load(30), "peek": Long.peek}
    found = explore(Long, calls, cancellations=0)
    assert found.broken is not None and found.broken.schedule == "load*16 peek load*15"
    alone = explore(Long, calls, at_end=lambda it: True, cancellations=0)
    assert alone.holds and not alone.bounded and alone.schedules == 32


def test_what_has_not_ended_is_not_blamed() -> None:
    """Nor does it hold; more steps decide.  Long tables are folded."""
    calls: Any = [lambda it: it.load(300)]
    found = explore(Long, calls, steps=200)
    assert found.broken is None and not found.complete
    assert "has not ended after 200 steps" in found.sentence
    whole = explore(Long, calls, cancellations=0, at_end=lambda it: it.count < 300)
    assert whole.broken is not None and len(whole.broken.table.splitlines()) < 250
    with pytest.raises(LeoError, match="steps=0"):
        explore(Long, calls, steps=0)


class Fails:
    async def task(self) -> None:
        self.left = asyncio.create_task(self.bad())
        await asyncio.sleep(0)

    async def waits(self) -> None:
        done = asyncio.get_running_loop().create_future()
        self.left = asyncio.create_task(self.bad())
        await done

    async def callback(self) -> None:
        asyncio.get_running_loop().call_later(1, self.fail)

    async def bad(self) -> None:
        self.fail()

    def fail(self) -> None:
        raise ValueError("nobody looks")


@pytest.mark.parametrize("call", [Fails.task, Fails.callback, Fails.waits])
def test_what_fails_in_the_background_is_a_finding(call: Any) -> None:
    found = explore(Fails, [call])
    assert found.broken is not None and "ValueError: nobody looks" in found.broken.witness
    found = explore(Fails, [call], raises=[ValueError])
    assert found.broken is None or found.broken.title == "waits for ever"

    async def looks(it: Fails) -> None:
        await asyncio.wait([task := asyncio.create_task(it.bad())])
        assert isinstance(task.exception(), ValueError)

    assert explore(Fails, [looks], cancellations=0).holds


def test_a_call_may_exit() -> None:
    found = explore(Fails, [lambda it: exits()])
    assert found.broken is not None and "SystemExit: 3" in found.broken.witness
    assert explore(Fails, [lambda it: exits()], raises=[SystemExit]).holds


async def exits() -> None:
    sys.exit(3)


def test_work_that_outlives_its_call_is_named() -> None:
    class Outbox(Total):
        async def publish(self) -> None:
            self.left = asyncio.create_task(self.add())

    found = explore(Outbox, [Outbox.publish] * 2, cancellations=0)
    assert any("Total.add" in text for text in found.not_asked)
    found = explore(Outbox, [Outbox.add], cancellations=0)
    assert not any("Total.add" in text for text in found.not_asked)


def test_a_thread_that_waits_with_a_timeout_in_a_serial_order() -> None:
    class Timed(Total):
        async def add(self) -> None:
            total, done = self.total, threading.Event()
            threading.Timer(0.1, done.set).start()
            await asyncio.to_thread(done.wait)
            self.total = total + 1

    found = explore(Timed, [Timed.add] * 2, cancellations=0)
    assert found.broken is not None and found.broken.title == "not atomic"


def test_a_question_that_cannot_be_asked_is_no_pass() -> None:
    class Meets:
        def __init__(self) -> None:
            self.barrier = asyncio.Barrier(2)

        async def meet(self) -> None:
            await self.barrier.wait()

    assert not explore(Meets, [Meets.meet] * 2, cancellations=0).holds
    assert explore(Meets, [Meets.meet] * 2, cancellations=0, atomic=False).holds


class Stock:
    sold: ClassVar[dict[str, set[int]]] = {}

    async def sell(self) -> None:
        left = STOCK["apples"][0]
        number = next(NUMBERS)
        await asyncio.sleep(0)
        STOCK["apples"][0] = left - 1
        self.sold.setdefault("apples", set()).add(number)


def test_what_schedules_change_outside_is_put_back() -> None:
    """A module's dictionary, a list in it, a counter and a class attribute: part of the state."""
    inner = STOCK["apples"]
    found = explore(Stock, [Stock.sell] * 2, cancellations=0)
    assert found.broken is not None and "STOCK['apples'] = [9]" in found.broken.witness
    assert STOCK == {"apples": [10]} and STOCK["apples"] is inner
    assert Stock.sold == {} and next(NUMBERS) == 1


class Stamps:
    held: ClassVar[Any] = staticmethod(time.monotonic)

    def __init__(self, part: Any = PART) -> None:
        self.log: list[float] = []
        self.lock, self.part = asyncio.Lock(), part

    async def write(self, clock: Callable[[Stamps], float]) -> None:
        async with self.lock:
            await asyncio.sleep(0)
            self.log.append(clock(self))


@pytest.mark.parametrize(
    "clock",
    [
        lambda it: it.held(), lambda it: it.part(), lambda it: CLOCKS["now"](),
        lambda it, now=datetime.now: now().isoformat(), lambda it: time.localtime().tm_sec,
        lambda it, *, now=time.time: now(), lambda it: time.strftime("%S"),
    ],
)  # fmt: skip
def test_a_clock_that_is_held_is_that_of_the_run(clock: Any) -> None:
    assert explore(Stamps, [lambda it: it.write(clock)] * 2, cancellations=0).holds
    assert CLOCKS["now"] is time.monotonic is Stamps.held


def test_a_clock_that_nobody_can_replace_is_never_blamed_on_the_class() -> None:
    """It ticks so seldom that a schedule comes out the same twice: the serial orders do not."""

    refused = 0
    for _ in range(20):
        try:
            found = explore(
                Stamps, [lambda it: it.write(lambda _: next(COARSE))] * 2, cancellations=0
            )
        except LeoError:
            refused += 1
        else:
            assert found.broken is None
    assert refused


class Cache:
    def __init__(self) -> None:
        self.kept: dict[str, tuple[float, object]] = {}
        self.hits = 0

    async def put(self, key: str, now: Callable[[], object]) -> None:
        hits = self.hits
        await asyncio.sleep(0.01)
        self.kept[key] = (time.time() + 60, now())
        self.hits = (hits if key == "lost" else self.hits) + 1


@pytest.mark.parametrize(
    "now",
    [time.monotonic, lambda: datetime.now(UTC), lambda: datetime.now().isoformat(), time.time_ns],
)
def test_stored_times_alone_are_undecided(now: Any) -> None:
    """No pass and no blame, until `state` decides. A lost update beside them is found."""
    found = explore(Cache, [lambda it: it.put("a", now), lambda it: it.put("b", now)])
    assert not found.holds and found.broken is None and "stored time" in found.sentence
    assert any("stored time" in text for text in found.not_asked)
    rest = explore(
        Cache, [lambda it: it.put("a", now), lambda it: it.put("b", now)],
        state=lambda it: (sorted(it.kept), it.hits),
    )  # fmt: skip
    assert rest.broken is None
    found = explore(Cache, [lambda it: it.put("lost", now)] * 2)
    assert found.broken is not None and "hits = 1" in found.broken.witness
    kept = explore(
        Cache, [lambda it: it.put("a", now), lambda it: it.put("b", now)],
        state=lambda it: it.kept,
    )  # fmt: skip
    assert kept.broken is not None


class Parts:
    """One call, and a race of two tasks in it."""

    def __init__(self) -> None:
        self.done = 0

    async def part(self) -> None:
        done = self.done
        await asyncio.sleep(0)
        self.done = done + 1

    async def both(self) -> None:
        await asyncio.gather(self.part(), self.part())

    async def one_by_one(self) -> None:
        await self.part()
        await self.part()


def test_a_race_inside_one_call_is_named_and_found_by_a_rule() -> None:
    def told(call: Any) -> bool:
        found = explore(Parts, [call], cancellations=0)
        return any("t1 alone has several" in text for text in found.not_asked)

    async def either(it: Parts) -> int:
        tasks = [asyncio.create_task(asyncio.sleep(0, number)) for number in (1, 2)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return min(task.result() for task in done)

    assert told(either) and told(Parts.both) and not told(Parts.one_by_one)
    found = explore(Parts, [Parts.both], at_end=lambda it: it.done == 2, cancellations=0)
    assert found.broken is not None


class Bucket:
    """A limiter whose level falls when its timer says so; `early` is taken before its turn."""

    def __init__(self) -> None:
        self.level, self.early = 0.0, 0
        self.turn: asyncio.Future[None] | None = None

    def leak(self) -> None:
        self.level -= 1.0
        if self.turn is not None and not self.turn.done():
            self.turn.set_result(None)

    async def take(self, early: int = 0) -> None:
        self.early += early
        if self.level >= 1.0:
            self.turn = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1.0, self.leak)
            try:
                await self.turn
            finally:
                self.turn = None
        self.level += 1.0
        self.early -= early


def test_what_a_timer_left_before_a_cancellation_is_undecided() -> None:
    """The bucket leaks without the one that waited, too. What a call left itself is found."""
    calls: list[Any] = [Bucket.take, Bucket.take]
    found = explore(Bucket, calls)
    assert not found.holds and found.broken is None and "a timer" in found.sentence
    assert explore(Bucket, calls, cancellations=0).holds
    assert explore(Bucket, calls, state=lambda it: it.level).broken is not None
    found = explore(Bucket, [Bucket.take, lambda it: it.take(1)])
    assert found.broken is not None and "early = 1" in found.broken.witness


class Leaky:
    """A limiter whose level is counted from the times at which it was asked."""

    def __init__(self) -> None:
        self.level, self.checked, self.taken = 0.0, 0.0, 0
        self.tickets = itertools.count()

    async def take(self, *, racy: bool = False) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.level = max(0.0, self.level - (loop.time() - self.checked))
            self.checked = loop.time()
            if self.level <= 1.0:
                break
            next(self.tickets)
            await asyncio.sleep(0.3)
        self.level += 1.0
        taken = self.taken
        await asyncio.sleep(0.25)
        self.taken = (taken if racy else self.taken) + 1


def test_what_is_counted_from_times_is_undecided() -> None:
    """So is the position of a counter of tickets. A lost update beside them is found."""
    found = explore(Leaky, [Leaky.take] * 3, cancellations=0)
    assert not found.holds and found.broken is None
    assert "counted from times" in found.sentence and "counter" in found.sentence
    assert explore(Leaky, [Leaky.take] * 3, state=lambda it: it.taken).holds
    found = explore(Leaky, [lambda it: it.take(racy=True)] * 3, cancellations=0)
    assert found.broken is not None and "taken" in found.broken.witness


class Turns:
    """A counter says who had to wait; only its method is kept."""

    def __init__(self) -> None:
        self.turn, self.lock = itertools.count().__next__, asyncio.Lock()

    async def add(self) -> None:
        if self.lock.locked():
            self.turn()
        async with self.lock:
            await asyncio.sleep(0)


def test_a_counter_whose_method_is_kept_is_seen() -> None:
    found = explore(Turns, [Turns.add] * 2, cancellations=0)
    assert found.broken is None and "counter" in found.sentence


class Ticket:
    """What it was given and why it gave up: never both, one by one."""

    def __init__(self) -> None:
        self.given = self.error = 0
        self.asked = self.used = 0

    async def wait(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        self.error = 0 if self.given else 1
        return 1

    async def give(self) -> int:
        self.used += 1
        mistaken = self.error
        await asyncio.sleep(0)
        self.given = 1 - mistaken
        return 1


def test_what_is_said_of_no_serial_order_is_true() -> None:
    """Of both values together: each of them alone, and the results, are in some serial order."""
    found = explore(Ticket, [Ticket.wait, Ticket.give], cancellations=0)
    assert found.broken is not None
    told = found.broken.witness
    assert "given = 1" in told and "error = 1" in told and "asked" not in told


class Tagged:
    async def add(self, tag: int) -> None:
        await asyncio.sleep(0, tag)


def test_who_draws_when_he_is_called_is_named() -> None:
    """The argument is drawn before there is a coroutine."""
    with pytest.raises(LeoError, match="by first"):
        explore(Tagged, {"first": lambda it: it.add(random.getrandbits(8))})


class Feed:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[int] = asyncio.Queue()
        self.one, self.two = asyncio.Lock(), asyncio.Lock()

    async def follow(self) -> None:
        while True:
            await self.queue.get()

    async def locks(self, first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass


def test_who_waits_alone_as_well_is_in_no_deadlock() -> None:
    calls: Any = {"reader": Feed.follow, "writer": lambda it: it.queue.put(1)}
    found = explore(Feed, calls, cancellations=0)
    assert found.broken is not None and found.broken.title == "waits for ever"
    locks: Any = [lambda it: it.locks(it.one, it.two), lambda it: it.locks(it.two, it.one)]
    found = explore(Feed, locks, cancellations=0)
    assert found.broken is not None and found.broken.title == "deadlock"


def test_the_workers_of_a_pool_end_in_silence(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Pool(Total):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.lock = ThreadPoolExecutor(2), asyncio.Lock()

        async def add(self) -> None:
            async with self.lock:
                loop = asyncio.get_running_loop()
                self.total = 1 + await loop.run_in_executor(self.pool, lambda: self.total)

    assert explore(Pool, [Pool.add] * 2, cancellations=0).holds
    assert not caplog.text and not capfd.readouterr().err


def test_a_source_of_chance_of_the_system_may_be_a_field() -> None:
    class Draws(Total):
        def __init__(self) -> None:
            super().__init__()
            self.source = random.SystemRandom()

        async def add(self) -> None:
            self.total += self.source.randrange(1, 2)
            await asyncio.sleep(0)

    assert explore(Draws, [Draws.add] * 2).holds
