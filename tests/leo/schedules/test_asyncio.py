"""Everyday asyncio under `explore`: each kind of program ends, with the right answer."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import importlib
import os
import random
import sys
import threading
import time
import uuid
from asyncio import new_event_loop
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from os import posix_spawn
from pathlib import Path
from typing import Any

import anyio
import pytest

from leo import explore
from leo.errors import LeoError

VARIABLE = contextvars.ContextVar("VARIABLE", default=0)


class Notes:
    """What the programs below meet on."""

    def __init__(self) -> None:
        self.log: list[Any] = []


async def in_a_thread(_: Notes) -> None:
    assert await asyncio.to_thread(lambda: 7) == 7


async def in_an_executor(_: Notes) -> None:
    assert await asyncio.get_running_loop().run_in_executor(None, int, "7") == 7


async def in_a_pool(_: Notes) -> None:
    with ThreadPoolExecutor() as pool:
        assert await asyncio.wrap_future(pool.submit(int, "7")) == 7


async def called_back(_: Notes) -> None:
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def tell() -> None:
        if not answer.cancelled():
            answer.set_result(7)

    threading.Thread(target=lambda: loop.call_soon_threadsafe(tell)).start()
    assert await answer == 7


async def producer_and_consumer(_: Notes) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)

    async def produce() -> None:
        for number in range(2):
            await queue.put(number)

    task = asyncio.create_task(produce())
    assert [await queue.get(), await queue.get()] == [0, 1]
    await task


async def group_of_tasks(_: Notes) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0), name="same")
        group.create_task(asyncio.sleep(0), name="same")


async def with_a_factory(_: Notes) -> None:
    loop, made = asyncio.get_running_loop(), []

    def factory(loop: Any, coroutine: Any, **more: Any) -> Any:
        made.append(1)
        return asyncio.Task(coroutine, loop=loop, **more)

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    await asyncio.create_task(asyncio.sleep(0))
    assert made == [1]


async def in_time(_: Notes) -> None:
    async with asyncio.timeout(1):
        await asyncio.sleep(0.5)
    await asyncio.wait_for(asyncio.sleep(0), 1)


async def wakes_a_condition(_: Notes) -> None:
    condition = asyncio.Condition()

    async def wait() -> None:
        async with condition:
            await condition.wait()

    task = asyncio.create_task(wait())
    while not condition._waiters:
        await asyncio.sleep(0)
    async with condition:
        condition.notify_all()
    await task


async def meets_at_a_barrier(_: Notes) -> None:
    barrier = asyncio.Barrier(2)
    await asyncio.gather(barrier.wait(), barrier.wait())


async def leaves_a_generator_open(notes: Notes) -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            while True:
                await asyncio.sleep(0)
                yield 1
        finally:
            notes.log.append("closed")

    async for _ in numbers():
        break


async def as_they_complete(_: Notes) -> None:
    for next_one in asyncio.as_completed([asyncio.sleep(0, 1), asyncio.sleep(0, 2)]):
        await next_one
    done, _pending = await asyncio.wait([asyncio.create_task(asyncio.sleep(0))], timeout=1)
    assert len(done) == 1


async def shields(_: Notes) -> None:
    await asyncio.shield(asyncio.sleep(0))


async def has_a_context(_: Notes) -> None:
    VARIABLE.set(VARIABLE.get() + 1)
    await asyncio.sleep(0)
    assert VARIABLE.get() == 1


async def asks_the_loop(_: Notes) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(False)
    loop.set_exception_handler(None)
    assert loop.is_running()
    assert loop.time() >= 0


async def leaves_work_behind(notes: Notes) -> None:
    notes.log.append(asyncio.create_task(asyncio.sleep(0)))


async def beats_for_ever(notes: Notes) -> None:
    async def beat() -> None:
        while True:
            await asyncio.sleep(10)

    notes.log.append(asyncio.create_task(beat()))


async def waits_for_work(notes: Notes) -> None:
    notes.log.append(asyncio.create_task(asyncio.Event().wait()))


async def scope_of_anyio(_: Notes) -> None:
    with anyio.move_on_after(1) as scope:
        await anyio.Event().wait()
    assert scope.cancelled_caught


async def group_of_anyio(_: Notes) -> None:
    async def fail() -> None:
        await anyio.sleep(0)
        raise ValueError

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.Event().wait)
            group.start_soon(fail)
    except* ValueError:
        pass


async def streams_of_anyio(_: Notes) -> None:
    send, receive = anyio.create_memory_object_stream[int](1)
    limiter, lock = anyio.CapacityLimiter(1), anyio.Lock()
    async with send, receive, limiter, lock:
        await send.send(7)
        assert await receive.receive() == 7
    assert await anyio.to_thread.run_sync(int, "7") == 7


async def sees_time_and_chance(notes: Notes) -> None:
    """All of these are the same in each run, in every order of the calls."""
    seen = (time.time(), time.monotonic(), datetime.now(), uuid.uuid4())
    await asyncio.sleep(0)
    assert time.time() == seen[0]
    notes.log.append(len(seen))


PROGRAMS = [
    in_a_thread, in_an_executor, in_a_pool, called_back, producer_and_consumer, group_of_tasks,
    with_a_factory, in_time, wakes_a_condition, meets_at_a_barrier, leaves_a_generator_open,
    as_they_complete, shields, has_a_context, asks_the_loop, leaves_work_behind, beats_for_ever,
    waits_for_work, scope_of_anyio, group_of_anyio, streams_of_anyio, sees_time_and_chance,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_it_runs(program: Any) -> None:
    """Alone it holds; no task and no thread is left."""
    before = threading.active_count()
    found = explore(Notes, [program], cancellations=0, limit=3000)

    assert found.holds, str(found)
    assert threading.active_count() == before


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_it_ends_when_it_is_cancelled(program: Any) -> None:
    """With a cancellation at any moment it ends, and nothing is called a deadlock."""
    found = explore(Notes, [program], at_end=lambda notes: True, limit=3000)

    assert found.holds, str(found)


class Total:
    """An actor: one task owns the total, and answers what comes through a queue."""

    def __init__(self, *, suspends: bool = True) -> None:
        self.queue: asyncio.Queue[tuple[int, asyncio.Future[int]]] = asyncio.Queue()
        self.total = 0
        self.worker = asyncio.create_task(self.work())

    async def work(self) -> None:
        while True:
            amount, done = await self.queue.get()
            total = self.total
            await asyncio.sleep(0)
            self.total = total + amount
            done.set_result(self.total)

    async def add(self, amount: int) -> int:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        await self.queue.put((amount, done))
        return await done


def test_an_actor_that_waits_for_work_is_idle() -> None:
    """The owner's task is not over when the calls are, and that is no deadlock."""
    calls: Any = [lambda total: total.add(1), lambda total: total.add(2)]
    assert explore(Total, calls, cancellations=0).holds
    found = explore(Total, calls)
    assert found.broken is not None
    # The cancelled caller's future is cancelled too, and setting its result ends the owner.
    assert "make.1 raises InvalidStateError" in found.broken.witness


def test_a_loop_that_polls_is_bounded_and_named() -> None:
    """A loop that polls while others could go on goes round a few times, and that is said."""

    class Flag:
        def __init__(self) -> None:
            self.up, self.tries = False, 0

        async def wait(self) -> None:
            while not self.up:
                self.tries += 1
                await asyncio.sleep(0)

        async def set(self) -> None:
            await asyncio.sleep(0)
            self.up = True

    calls: Any = {"ada": lambda flag: flag.wait(), "bob": lambda flag: flag.set()}
    found = explore(Flag, calls, at_end=lambda flag: flag.up, cancellations=0)
    assert found.broken is None and not found.complete
    assert "test_asyncio.py" in found.sentence and "goes round" in found.sentence
    alone = explore(Flag, {"ada": calls["ada"]}, cancellations=0)
    assert alone.broken is None and "not ended after 1,000 steps" in alone.sentence


def test_a_loop_that_comes_back_to_the_same_state() -> None:
    """A loop that changes nothing goes round for ever when nobody else ends it: that is shown."""

    class Flag:
        up = False

        async def wait(self) -> None:
            while not self.up:
                await asyncio.sleep(0)

        async def set(self) -> None:
            await asyncio.sleep(0)
            self.up = True

    calls: Any = [lambda flag: flag.wait(), lambda flag: flag.set()]
    assert explore(Flag, calls, cancellations=0).holds
    found = explore(Flag, calls[:1], cancellations=0)
    assert found.broken is not None
    assert found.broken.title == "never ends"
    assert "test_asyncio.py" in found.broken.witness
    again = explore(Flag, calls[:1], cancellations=0, schedule=found.broken.schedule)
    assert again.broken == found.broken


def test_a_wait_on_the_clock_that_polls() -> None:
    """A loop that looks every 50 ms is woken when nobody else can go on, and ends."""

    class Flag:
        up = False

        async def wait(self) -> None:
            while not self.up:
                await asyncio.sleep(0.05)

        async def set(self) -> None:
            await asyncio.sleep(0)
            self.up = True

    calls: Any = [lambda flag: flag.wait(), lambda flag: flag.set()]
    for clock in ("idle", "any"):
        assert explore(Flag, calls, cancellations=0, clock=clock, limit=5000).holds


def test_time_that_may_pass_at_any_moment() -> None:
    """With clock='any' a timeout strikes while the call could go on."""

    class Slow:
        async def call(self) -> None:
            async with asyncio.timeout(1):
                await asyncio.sleep(0)

    calls: Any = [lambda slow: slow.call()]
    assert explore(Slow, calls, cancellations=0).holds
    found = explore(Slow, calls, cancellations=0, clock="any")
    assert found.broken is not None
    assert "TimeoutError" in found.broken.witness


def test_a_call_that_is_cancelled_by_another_ones_cancellation() -> None:
    """Two calls share a task; who is cancelled takes the other one along."""

    class Shared:
        def __init__(self) -> None:
            self.task: asyncio.Task[None] | None = None

        async def get(self, shield: bool) -> None:
            if self.task is None:
                self.task = asyncio.create_task(asyncio.sleep(0))
            await (asyncio.shield(self.task) if shield else self.task)

    found = explore(Shared, [lambda shared: shared.get(False)] * 2)
    assert found.broken is not None
    assert found.broken.title == "cancelled"
    assert explore(Shared, [lambda shared: shared.get(True)] * 2).holds


def test_leaves_of_a_group_are_shown_and_matched() -> None:
    """An exception group shows what is in it, and `raises` looks into it."""

    async def fail() -> None:
        raise KeyError("the reason")

    async def call(_: Notes) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    found = explore(Notes, [call], cancellations=0)
    assert found.broken is not None
    assert "KeyError: 'the reason' (at test_asyncio.py:" in found.broken.witness
    assert explore(Notes, [call], raises=[KeyError], cancellations=0).holds


def test_where_each_call_stands_in_a_deadlock() -> None:
    """A lock taken twice: each call that waits is named with its line."""

    class Memory:
        def __init__(self) -> None:
            self.lock = asyncio.Lock()

        async def add(self) -> None:
            async with self.lock:
                pass

        async def learn(self) -> None:
            async with self.lock:
                await self.add()

    calls: Any = {"ada": lambda memory: memory.learn(), "bob": lambda memory: memory.add()}
    found = explore(Memory, calls, cancellations=0)
    assert found.broken is not None
    assert found.broken.title == "deadlock"
    assert found.broken.witness.count("(async with self.lock:)") == 2


def test_a_partner_that_was_cancelled_is_waited_for_without_blame() -> None:
    """Who waits for a call that was cancelled would wait without it as well: no deadlock."""

    class Pair:
        def __init__(self) -> None:
            self.event = asyncio.Event()

        async def wait(self) -> None:
            await self.event.wait()

        async def set(self) -> None:
            await asyncio.sleep(0)
            self.event.set()

    assert explore(Pair, [lambda pair: pair.wait(), lambda pair: pair.set()]).holds


# What cannot be followed is refused, by name and with the user's line.


async def opens_a_socket(_: Notes) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def starts_a_process(_: Notes) -> None:
    await asyncio.create_subprocess_exec("true")


async def starts_one_by_a_name_of_its_own(_: Notes) -> None:
    os.waitpid(posix_spawn("/bin/true", ["true"], {}), 0)


async def makes_a_loop_by_a_name_of_its_own(_: Notes) -> None:
    new_event_loop().close()


async def draws_by_chance(notes: Notes) -> None:
    for _ in range(random.randrange(3)):  # noqa: TID251 - the code that is explored
        await asyncio.sleep(0)


class Swallowing:
    """It goes on when it is cancelled, and hides what was refused."""

    async def run(self) -> None:
        with contextlib.suppress(Exception):
            await asyncio.open_connection("127.0.0.1", 9)
        await asyncio.sleep(0)


async def swallows(_: Notes) -> None:
    await Swallowing().run()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (opens_a_socket, r"a socket .* cannot be followed \(test_asyncio.py:\d+ opens_a_socket\)"),
        (swallows, r"a socket .* cannot be followed \(test_asyncio.py:\d+ run\)"),
        (starts_a_process, r"a process .* cannot be followed"),
        (lambda _: asyncio.to_thread(os.system, "true"), r"a process .* cannot be followed"),
        (starts_one_by_a_name_of_its_own, r"a process .* cannot be followed"),
        (makes_a_loop_by_a_name_of_its_own, r"a loop that .* cannot be followed"),
        (draws_by_chance, r"`random` is drawn from by t1,.*seed=1"),
    ],
)
def test_what_cannot_be_followed_is_refused(program: Any, said: str) -> None:
    """Sockets, processes and chance: refused, with what to do, and never called a deadlock."""
    with pytest.raises(LeoError, match=said):
        explore(Notes, [program, program], cancellations=0)


def test_a_seed_fixes_what_is_drawn() -> None:
    """With a seed the draws are the same each time, and the answer says that others were not."""
    found = explore(Notes, [draws_by_chance] * 2, seed=3, cancellations=0)

    assert found.holds
    assert any("seed 3" in text for text in found.not_asked)


def test_names_drawn_by_a_call_are_its_own() -> None:
    """What `uuid4` gives a call depends on nothing that another call draws."""

    async def draws(_: Notes) -> tuple[uuid.UUID, uuid.UUID]:
        first = uuid.uuid4()
        await asyncio.sleep(0)
        return first, uuid.uuid4()

    assert explore(Notes, [draws] * 2).holds


# What no schedule can put back.
COUNT = iter(range(10**6))


async def counts_in_a_global(notes: Notes) -> None:
    for _ in range(next(COUNT) % 3):
        await asyncio.sleep(0)
    notes.log.append(1)


def test_an_object_that_behaves_differently_is_refused() -> None:
    """What an earlier run left in a global decides: the step that differs is named."""
    with pytest.raises(LeoError, match="behaves differently when the same schedule is executed"):
        explore(Notes, [counts_in_a_global] * 2, cancellations=0)


TICKS = iter(time.time_ns, 0)


def test_a_clock_that_nobody_can_replace_is_refused() -> None:
    """An iterator keeps the real clock; so each run differs: said."""

    @dataclass
    class Stamped:
        made: int = field(default_factory=lambda: next(TICKS))

        async def touch(self) -> None:
            await asyncio.sleep(0)

    with pytest.raises(LeoError, match="behaves differently when the same schedule is executed"):
        explore(Stamped, [lambda stamped: stamped.touch()])


@pytest.mark.parametrize(
    ("calls", "options", "said"),
    [
        ([lambda notes: 1], {}, "t1 returns int, which cannot be awaited"),
        ([7], {}, "t1 is int: expected a function"),
        ([shields], {"cancellations": -1}, "cancellations=-1"),
        ([shields], {"clock": "fast"}, "clock='fast'"),
        ([shields], {"strategy": "luck"}, "strategy='luck'"),
        ([shields], {"seconds": 0}, "seconds=0"),
        ([shields], {"raises": [1]}, "raises=1"),
        ([shields], {"strategy": "pct", "bound": 0}, "bound=0"),
        ([shields], {"schedule": "t1*x"}, r"'t1\*x' in the schedule"),
    ],
)
def test_refused_before_anything_runs(calls: Any, options: dict[str, Any], said: str) -> None:
    """A question that has no answer: what was wrong and what was expected."""
    with pytest.raises(LeoError, match=said):
        explore(Notes, calls, **options)


def test_make_that_fails_is_named() -> None:
    """`make` has to make the object; where it failed is said."""
    with pytest.raises(LeoError, match=r"make raises ZeroDivisionError.*at test_asyncio.py:\d+"):
        explore(lambda: 1 / 0, [shields])


def test_trio_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library with a loop of its own is not blamed on the class."""
    package = tmp_path / "trio"
    package.mkdir()
    (package / "__init__.py").write_text(
        "async def sleep(seconds):\n    raise RuntimeError('must be called from async context')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    trio = importlib.import_module("trio")

    async def call(_: Notes) -> None:
        await trio.sleep(0)

    with pytest.raises(LeoError, match="t1 uses trio, which has a loop of its own"):
        explore(Notes, [call])
    del sys.modules["trio"]
