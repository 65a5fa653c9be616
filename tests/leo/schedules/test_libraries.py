"""What real libraries do, in small: each ends in time, with the right answer at the user's line."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import io
import multiprocessing
import os
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from pickle import PicklingError
from typing import Any

import pytest

from leo import explore
from leo.errors import LeoError

LOCK = asyncio.Lock()
MUTEX = threading.Lock()
POOL = ThreadPoolExecutor(1)
VARIABLE = contextvars.ContextVar("VARIABLE", default="nothing")
NUMBER = contextvars.ContextVar("NUMBER", default=0)
Call = Callable[[Any], Awaitable[Any]]


class Counter:
    """What the calls below meet on."""

    def __init__(self) -> None:
        self.n = 0
        self.mutex = threading.Lock()
        self.again = threading.RLock()

    async def add(self, *_: object) -> None:
        n = self.n
        await asyncio.sleep(0)
        self.n = n + 1


class Shared:
    n = m = 0


SHARED = Shared()


async def sleeps_for_a_while(counter: Counter) -> None:
    n = counter.n
    await asyncio.sleep(1)
    counter.n = n + 1


async def retries(counter: Counter) -> None:
    """As tenacity and stamina do."""
    n = counter.n
    for attempt in range(2):
        try:
            if not attempt:
                raise OSError
            counter.n = n + 1
        except OSError:
            await asyncio.sleep(0.1 * 2**attempt)


async def in_a_thread_without(counter: Counter) -> None:
    def work() -> None:
        n = counter.n
        time.sleep(0.1)  # noqa: TID251 - it is held, and lasts no time
        counter.n = n + 1

    await asyncio.to_thread(work)


@pytest.mark.parametrize("call", [sleeps_for_a_while, retries, in_a_thread_without])
def test_an_update_is_lost(call: Call) -> None:
    """A serial order is known also where a call waits for the clock, and so a lost update is."""
    found = explore(Counter, {"a": call, "b": call}, cancellations=0)

    assert found.broken is not None and found.broken.title == "not atomic"
    assert found.broken.came_out.endswith("n = 1")


async def under_a_lock_made_at_import(counter: Counter) -> None:
    async with LOCK:
        await counter.add()


async def under_a_lock_of_threads(counter: Counter) -> None:
    def work() -> None:
        with counter.again, counter.again, counter.mutex:
            n = counter.n
            time.sleep(0.1)  # noqa: TID251 - it is held, and lasts no time
            counter.n = n + 1

    await asyncio.to_thread(work)


def defaults(timer: Callable[[], float] = time.monotonic) -> float:
    """As cachetools has it: the clock is a default."""
    return timer()


async def looks_at_a_clock(counter: Counter) -> None:
    async with LOCK:
        await asyncio.sleep(0)
        counter.n += int(defaults())


@pytest.mark.parametrize(
    "call", [under_a_lock_made_at_import, under_a_lock_of_threads, looks_at_a_clock]
)
def test_it_holds(call: Call) -> None:
    """Locks made at import and locks of threads are followed, and a clock kept as a default."""
    assert explore(Counter, {"a": call, "b": call}, cancellations=0).holds


async def starts_a_process(_: Counter) -> None:
    await asyncio.to_thread(multiprocessing.Process(target=print).start)


async def runs_a_command(_: Counter) -> None:
    await asyncio.to_thread(subprocess.run, ["true"])


async def connects(_: Counter) -> None:
    with socket.socket() as one:
        await asyncio.to_thread(one.connect, ("127.0.0.1", 9))


async def runs_a_loop(_: Counter) -> None:
    def work() -> None:
        with asyncio.Runner() as runner:
            runner.get_loop()

    await asyncio.to_thread(work)


async def connects_in_a_task(_: Counter) -> None:
    await asyncio.gather(asyncio.open_connection("127.0.0.1", 9))


async def holds_a_lock_of_threads(counter: Counter) -> None:
    with counter.mutex:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (starts_a_process, "process"),
        (runs_a_command, "process"),
        (connects, "socket"),
        (runs_a_loop, "loop"),
        (connects_in_a_task, "socket"),
        (holds_a_lock_of_threads, "for ever"),
    ],
)
def test_refused_by_name_and_line(call: Call, what: str) -> None:
    """What cannot be followed is named at once, with the user's own line, in threads as well."""
    begun = time.perf_counter()
    with pytest.raises(
        LeoError, match=rf"(?s){what}.*test_libraries\.py:\d+ (work|{call.__name__})"
    ):
        explore(Counter, {"a": call, "b": call}, cancellations=0)

    assert time.perf_counter() - begun < 8


async def in_a_pool_made_at_import(counter: Counter) -> None:
    """As asgiref has it."""
    n = await asyncio.get_running_loop().run_in_executor(POOL, lambda: counter.n)
    counter.n = await asyncio.wrap_future(POOL.submit(int, n + 1))


def test_a_pool_made_at_import_has_threads_of_the_run() -> None:
    """Its own have run before, and do so afterwards."""
    threads = {POOL.submit(threading.get_ident).result()}
    found = explore(Counter, [in_a_pool_made_at_import] * 2, cancellations=0)
    assert found.broken is not None and found.broken.came_out.endswith("n = 1")
    assert {POOL.submit(threading.get_ident).result()} == threads


@dataclasses.dataclass
class Stamp:
    at: float = dataclasses.field(default_factory=time.monotonic)


async def stamps(counter: Counter, kinds: tuple[Any, ...] = (Stamp,)) -> None:
    counter.n += kinds[0]().at == 0.0


def test_a_clock_that_makes_a_default_is_that_of_the_run() -> None:
    assert explore(Counter, [stamps], cancellations=0, at_end=lambda it: it.n == 1).holds


def test_calls_see_what_make_has_set() -> None:
    """Context variables of the set-up are seen by the calls, and by no later run."""

    async def make() -> Counter:
        assert VARIABLE.get() == "nothing"
        VARIABLE.set("connected")
        return Counter()

    async def reads(counter: Counter) -> str:
        await asyncio.sleep(0)
        return VARIABLE.get()

    def connected(counter: Counter) -> bool:
        return VARIABLE.get() == "connected"

    found = explore(make, {"a": reads}, invariant=connected, cancellations=0, atomic=True)
    assert found.holds
    assert VARIABLE.get() == "nothing"


class Switch:
    """A call that saw the flag on and acts late is wrong."""

    def __init__(self) -> None:
        self.on = SHARED.n = 1
        self.late = False

    async def turn(self) -> None:
        self.on = SHARED.n = 0
        await asyncio.sleep(0)
        self.late = True
        await asyncio.sleep(0)

    async def in_a_variable(self) -> None:
        NUMBER.set(self.on)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not (NUMBER.get() and self.late)

    async def in_a_global(self) -> None:
        SHARED.m = SHARED.n
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not (SHARED.m and self.late)


@pytest.mark.parametrize("call", [Switch.in_a_variable, Switch.in_a_global])
def test_states_differ_by_contexts_and_by_globals(call: Call) -> None:
    """A value in a context variable or in a global object is part of a state: nothing is missed."""
    found = explore(Switch, {"turn": Switch.turn, "a": call}, cancellations=0)

    assert found.broken is not None and found.broken.title == "raises"


class Lazy:
    """As SQLAlchemy's objects are: an attribute that is missing is made, or refused oddly."""

    __slots__ = ("made", "n")

    def __init__(self) -> None:
        self.n = 0

    def __getattr__(self, name: str) -> Any:
        raise NameError(name)

    async def add(self) -> None:
        n = self.n
        await asyncio.sleep(0)
        self.n = n + 1


class Buffered:
    """Its state is in a buffer, and what it remembers of its tasks is weak and keyed by them."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()
        self.tasks: dict[Any, int] = {}
        self.weak: weakref.WeakSet[Any] = weakref.WeakSet()

    async def add(self) -> None:
        self.tasks[asyncio.current_task()] = 1
        self.weak.add(asyncio.current_task())
        at = self.buffer.tell()
        await asyncio.sleep(0)
        self.buffer.seek(at)
        self.buffer.write(b"x")


@pytest.mark.parametrize("make", [Lazy, Buffered])
def test_told_to_the_byte_again(make: Any) -> None:
    """Slots, buffers, tasks as keys: found, and told the same when it is executed again."""
    calls = {"a": make.add, "b": make.add}
    found = explore(make, calls, cancellations=0)
    assert found.broken is not None

    again = explore(make, calls, cancellations=0, schedule=found.broken.schedule)
    assert again.broken == found.broken
    assert "0x" not in str(found)


def test_a_lock_that_is_kept_weakly() -> None:
    """What only the frames of a cancelled call keep alive is no part of the final state."""

    class Locks:
        def __init__(self) -> None:
            self.locks: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
            self.n = 0

        async def add(self) -> None:
            lock = self.locks.setdefault("x", asyncio.Lock())
            async with lock:
                n = self.n
                await asyncio.sleep(0)
                self.n = n + 1

    assert explore(Locks, {"a": Locks.add, "b": Locks.add}).holds


def test_a_background_task_is_there_until_the_end_of_make() -> None:
    """As aiojobs has it: the end of `make` awaits a task that waits for work."""

    @contextlib.asynccontextmanager
    async def make() -> AsyncIterator[Counter]:
        stop = asyncio.Event()
        task = asyncio.create_task(stop.wait())
        yield Counter()
        stop.set()
        await task

    async def locked(counter: Counter) -> None:
        async with LOCK:
            await counter.add()

    assert explore(make, {"a": locked, "b": locked}).holds


def test_the_end_of_make_raises() -> None:
    """It is said, with its line."""

    @contextlib.contextmanager
    def make() -> Any:
        yield Counter()
        raise OSError("the disk is full")

    with pytest.raises(LeoError, match=r"OSError: the disk is full \(at test_libraries\.py:"):
        explore(make, {"a": Counter.add})


def test_a_state_that_is_awaited() -> None:
    """As that of an asynchronous cache: it is awaited at the end, and lets nobody go on before."""

    async def state(counter: Counter) -> int:
        await asyncio.sleep(0)
        return counter.n

    found = explore(Counter, {"a": Counter.add, "b": Counter.add}, state=state, cancellations=0)
    assert found.broken is not None and found.broken.came_out.endswith("1")


def test_a_connection_that_a_pool_keeps(tmp_path: Path) -> None:
    """A connection without a transaction that stays open is no difference; an open one is."""
    file = tmp_path / "pool.db"

    class Pool:
        def __init__(self) -> None:
            file.unlink(missing_ok=True)
            self.lock = asyncio.Lock()
            with contextlib.closing(sqlite3.connect(file)) as one, one:
                one.execute("CREATE TABLE t (n)")

        async def add(self) -> None:
            one = sqlite3.connect(file)
            SET_ASIDE.append(one)
            await asyncio.sleep(0)
            async with self.lock:
                one.execute("INSERT INTO t VALUES (1)")
                await asyncio.sleep(0)
                one.commit()

    found = explore(Pool, {"a": Pool.add, "b": Pool.add}, cancellations=0)
    SET_ASIDE.clear()
    assert found.holds


SET_ASIDE: list[Any] = []


class Spooled(Counter):
    """As queues on a disk are: it has a folder that nobody removes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        opened, self.file = tempfile.mkstemp()
        os.close(opened)

    async def write(self) -> None:
        await self.add()
        (self.folder / "n").write_text(str(self.n))


def test_a_temporary_folder_that_stays_has_the_same_name_in_each_schedule() -> None:
    before = set(Path("/dev/shm").glob("tmpleo-*"))
    found = explore(Spooled, [Spooled.write] * 2, cancellations=0)
    assert found.broken is not None and found.broken.title == "not atomic"
    assert set(Path("/dev/shm").glob("tmpleo-*")) == before


def test_one_switch_is_found_in_a_long_program() -> None:
    """A hundred steps and states that cannot be compared: depth first would come to it late."""

    class Long(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.opaque = (n for n in memoryview(b"x"))

        async def walk(self) -> None:
            for _ in range(20):
                await asyncio.sleep(0)
            await self.add()
            for _ in range(60):
                await asyncio.sleep(0)

    found = explore(Long, {"a": Long.walk, "b": Long.walk}, cancellations=0, limit=2000)
    assert found.broken is not None and found.broken.title == "not atomic"


@pytest.mark.parametrize(
    "error", [TypeError, ValueError, PicklingError, NotImplementedError, AttributeError]
)
def test_what_cannot_be_taken_apart_is_named(error: type[Exception]) -> None:
    """By its type, among what was not compared: the search goes on without states."""

    class Number(Decimal):
        def __reduce_ex__(self, protocol: object) -> Any:
            raise error

    class Kept(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.number = Number(1)

    found = explore(Kept, {"a": Kept.add, "b": Kept.add}, cancellations=0)
    assert found.broken is not None and found.broken.title == "not atomic"
    assert any("Number" in line for line in found.bounded)
