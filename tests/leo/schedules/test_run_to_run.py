"""What differs from run to run, in real libraries, in small: it is never blamed on the class."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leo import explore
from leo.errors import LeoError


class Owned:
    """Under a lock, with the ids of tasks and of objects in it."""

    def __init__(self) -> None:
        self.n, self.owner, self.lock = 0, 0, asyncio.Lock()
        self.by_id: dict[Any, int] = {}
        self.ids: set[object] = set()
        self.items: list[Owned] = []

    async def add(self, note: Callable[[Owned], object]) -> object:
        async with self.lock:
            n = self.n
            found = note(self)
            await asyncio.sleep(0)
            self.n = n + 1
            return found


def task(it: Owned) -> object:
    it.owner = id(asyncio.current_task())
    return it.owner


def keys(it: Owned) -> object:
    it.items.append(Owned())
    it.by_id[id(it.items[-1])] = it.by_id[it.n, id(it.items[-1])] = it.n
    it.ids |= {id(it.items[-1]), f"worker-{id(it.items[-1])}"}
    return f"{id(it.items[-1])} {hex(id(it.items[-1]))}"


@pytest.mark.parametrize("note", [task, keys])
def test_ids_are_compared_up_to_renaming(note: Callable[[Owned], object]) -> None:
    assert explore(Owned, [lambda it: it.add(note)] * 3, cancellations=0).holds


def test_the_id_of_what_is_gone_is_no_other_objects_later() -> None:
    """Who comes to lie where something was would decide how many ids there are."""

    class Marks:
        def __init__(self) -> None:
            self.ids, self.kept = set[int](), list[object]()

        async def add(self) -> None:
            self.ids.add(id(object()))
            await asyncio.sleep(0)
            self.kept.append(object())

    found = explore(Marks, [Marks.add] * 2, cancellations=0, at_end=lambda it: len(it.ids) == 2)
    assert found.holds


def test_whose_id_it_is_counts() -> None:
    class Owner(Owned):
        async def take(self) -> object:
            self.owner = id(asyncio.current_task())
            await asyncio.sleep(0)
            return self.owner == id(asyncio.current_task())

        async def later(self) -> object:
            self.owner = id(asyncio.current_task())
            await asyncio.sleep(0)
            return self.owner

        async def mixed(self) -> None:
            """The owner is one task, the name that of the other."""
            now: Any = asyncio.current_task()
            self.owner = id(now)
            await asyncio.sleep(0)
            self.by_id = {now.get_name(): 0}

    for call in (Owner.take, Owner.later, Owner.mixed):
        found = explore(Owner, [call] * 2, cancellations=0)
        assert found.broken is not None and found.broken.title == "not atomic"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Any]:
    """A module that lies where libraries do."""
    path = tmp_path / "site-packages" / "library_of_a_test.py"
    path.parent.mkdir()
    path.write_text("import itertools\nsequence = itertools.count(1)\ndef number():\n"
                    "    return next(sequence)\nfurther = itertools.count(1).__next__\n"
                    "def another():\n    return further()\n")  # fmt: skip
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


class Jobs:
    def __init__(self, number: Callable[[], int]) -> None:
        self.number, self.lock, self.last, self.done = number, asyncio.Lock(), 0, 0

    async def run(self) -> None:
        number = self.number()
        await asyncio.sleep(0)
        async with self.lock:
            self.last, self.done = number, self.done + 1

    async def lose(self) -> None:
        self.last, done = self.number(), self.done
        await asyncio.sleep(0)
        self.done = done + 1


def test_a_library_counts_on_from_run_to_run(library: Any) -> None:
    """Which number it gives whom is no update that is lost."""
    calls: Any = [Jobs.run] * 2
    assert explore(lambda: Jobs(library.number), [Jobs.run], cancellations=0).holds
    found = explore(lambda: Jobs(library.number), calls, cancellations=0)
    assert found.broken is None and not found.complete
    assert "which number a library gave" in found.sentence
    found = explore(lambda: Jobs(library.number), [Jobs.lose] * 2, cancellations=0)
    assert found.broken is not None and "done = 1" in found.broken.came_out
    assert explore(lambda: Jobs(library.another), [Jobs.run], cancellations=0).holds
    assert library.number() == library.further() == 1


GENERATED = """
async def resolve(it):
    if not cache:
        cache.append(await made(it))
    return cache[0]
"""


@pytest.mark.parametrize("name", ["<string>", "container_of_a_test"])
def test_code_that_a_container_generates(name: str) -> None:
    """It has globals of its own in each run."""

    async def made(it: Any) -> int:
        await asyncio.sleep(0)
        it.n += 1
        return int(it.n)

    def make() -> Owned:
        it: Any = Owned()
        names: dict[str, Any] = {"made": made, "cache": []}
        exec(compile(GENERATED, name, "exec"), names)
        it.resolve = names["resolve"]
        return it  # type: ignore[no-any-return]

    async def get(it: Any) -> object:
        async with it.lock:
            await asyncio.sleep(0)
            return await it.resolve(it)

    assert explore(make, [get, get]).holds


def test_what_make_has_functions_close_over_is_made_anew() -> None:
    def make() -> Owned:
        it: Any = Owned()

        it.first = asyncio.get_running_loop().create_future()

        async def on(value: int) -> None:
            it.n += value
            await asyncio.sleep(0)
            if not it.first.done():
                it.first.set_result(None)

        it.on = on
        return it  # type: ignore[no-any-return]

    calls: Any = [lambda it: it.on(1), lambda it: it.on(2)]
    assert explore(make, calls, cancellations=0).holds


class Spins:
    """Goes round until the clock moves."""

    def __init__(self) -> None:
        self.n, self.over = 0, False

    async def until(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            await asyncio.sleep(0)
        self.n += 1

    async def timer(self) -> None:
        asyncio.get_running_loop().call_later(1, setattr, self, "over", True)
        while not self.over:
            await asyncio.sleep(0)
        self.n += 1

    async def in_one_step(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            pass
        await asyncio.sleep(0)
        self.n += 1

    async def tasks(self) -> None:
        begun = time.monotonic()
        while time.monotonic() - begun <= 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.0)
            await asyncio.ensure_future(asyncio.sleep(0))
        self.n += 1


@pytest.mark.parametrize("call", [Spins.until, Spins.timer, Spins.in_one_step, Spins.tasks])
@pytest.mark.parametrize("number", [1, 2])
def test_who_goes_round_until_the_clock_moves_ends(call: Any, number: int) -> None:
    found = explore(Spins, [call] * number, at_end=lambda it: it.n == number, seconds=3,
                    cancellations=0)  # fmt: skip
    assert found.broken is None
    # Each task is another one: two calls that make them come to ever new states.
    assert found.complete or (call is Spins.tasks and number == 2)


class Pool:
    """A connection that a cancelled call has is never given back: the pool cannot be closed."""

    def __init__(self) -> None:
        self.used = 0

    async def use(self) -> None:
        self.used += 1
        await asyncio.sleep(0)
        self.used -= 1

    async def close(self) -> None:
        while self.used:
            await asyncio.sleep(0)

    async def guarded(self) -> None:
        """Goes on without a step when what it guards is cancelled."""
        inner = asyncio.ensure_future(self.close())
        while not inner.done() or inner.cancelled():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(inner)


@contextlib.asynccontextmanager
async def pool() -> AsyncIterator[Pool]:
    it = Pool()
    yield it
    await it.guarded()


def test_an_end_of_make_that_never_comes_is_named_with_its_schedule() -> None:
    with pytest.raises(LeoError, match=r"tear-down: .* after `a ~a a`"):
        explore(pool, {"a": Pool.use})


def test_what_does_not_end_after_a_finding_is_dropped() -> None:
    found = explore(pool, [Pool.use] * 2, invariant=lambda it: it.used < 2, cancellations=0)
    assert found.broken is not None and found.broken.title == "invariant"


class Topic:
    """A message goes to those that have subscribed when its turn comes."""

    def __init__(self) -> None:
        self.messages, self.queues = asyncio.Queue[int](), list[asyncio.Queue[int]]()
        self.deliverer = asyncio.create_task(self.deliver())

    async def deliver(self) -> None:
        while True:
            message = await self.messages.get()
            for queue in self.queues:
                queue.put_nowait(message)

    async def subscribe(self) -> int:
        self.queues.append(asyncio.Queue())
        return await self.queues[-1].get()

    async def publish(self) -> None:
        self.messages.put_nowait(1)


def test_a_message_that_came_before_is_no_deadlock() -> None:
    found = explore(Topic, [Topic.subscribe, Topic.publish], cancellations=0)
    assert found.broken is not None and found.broken.title == "waits for ever"


def test_threads_that_wait_for_a_locked_file(tmp_path: Path) -> None:
    class Counts:
        def __init__(self) -> None:
            self.n = 0

        async def add(self) -> None:
            with (tmp_path / "lock").open("w") as file:
                await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
                n = self.n
                await asyncio.sleep(0)
                self.n = n + 1

    assert explore(Counts, [Counts.add] * 2, cancellations=0).holds
    assert fcntl.flock.__module__ == "fcntl"


def test_the_time_in_a_database_is_that_of_the_run() -> None:
    class Table:
        def __init__(self) -> None:
            self.rows = sqlite3.connect(":memory:")
            self.rows.execute("CREATE TABLE t (at DEFAULT CURRENT_TIMESTAMP, n)")

        async def add(self) -> object:
            await asyncio.sleep(60)
            self.rows.execute("INSERT INTO t (n) VALUES (1)")
            return list(self.rows.execute("SELECT max(at) FROM t"))

    found = explore(Table, [Table.add], cancellations=0, at_end=lambda it: "2023-11-14 22:14:20"
                    in str(list(it.rows.execute("SELECT at FROM t"))))  # fmt: skip
    assert found.holds


class Leaves:
    """What it leaves makes a task when it is collected."""

    def __init__(self) -> None:
        self.n, self.itself = 0, self

    def __del__(self) -> None:
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().create_task(asyncio.sleep(0))

    async def add(self) -> None:
        self.n += 1
        await asyncio.sleep(0)


def test_what_a_run_leaves_is_not_collected_in_another() -> None:
    calls: Any = [Leaves.add] * 3
    found = explore(Leaves, calls, cancellations=0, prune=False)
    assert found.holds and found.schedules == 90


def test_what_a_queue_counts_for_nobody_is_undecided() -> None:
    class Scheduler:
        def __init__(self) -> None:
            self.running, self.waiting = False, asyncio.Queue[asyncio.Event]()

        async def run(self) -> None:
            if self.running:
                turn = asyncio.Event()
                self.waiting.put_nowait(turn)
                await turn.wait()
            self.running = True
            await asyncio.sleep(0)
            self.running = False
            if not self.waiting.empty():
                self.waiting.get_nowait().set()

    found = explore(Scheduler, [Scheduler.run] * 2, cancellations=0)
    assert found.broken is None and "what a queue counts" in found.sentence


def test_who_is_told_how_far_it_is_may_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leo.schedules.exploration._SILENT", 0.0)
    told: list[float] = []
    found = explore(Spins, [Spins.until] * 2, cancellations=0,
                    progress=lambda _: told.append(random.random()))  # noqa: TID251  # fmt: skip
    assert found.holds and told
