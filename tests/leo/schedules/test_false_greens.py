"""Classes that are broken where a comparison of fields alone does not look: each is found."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from leo import explore
from leo.errors import LeoError
from leo.schedules.running import threads
from tests.leo.schedules import elsewhere

TOTAL = 0
NAME = "nobody"
TABLE: dict[str, int] = {}
NUMBERS = iter(range(10**6))
VALUE: contextvars.ContextVar[dict[str, int]] = contextvars.ContextVar("VALUE")
MUTEX = threading.Lock()
HASH = hashlib.sha256()


class Registry:
    items: ClassVar[dict[str, int]] = {}


def peek(box: dict[str, int] = {}) -> dict[str, int]:  # noqa: B006 - the fault is the subject
    return box


class Base:
    """Loses an update, in a value that is no field."""

    def read(self) -> Any: ...

    def write(self, value: Any) -> None: ...

    def __init__(self) -> None:
        self.write(0)

    async def add(self) -> None:
        value = self.read()
        await asyncio.sleep(0)
        self.write(value + 1)


class Global(Base):
    def read(self) -> int:
        return TOTAL

    def write(self, value: int) -> None:
        global TOTAL  # noqa: PLW0603 - the fault is the subject
        TOTAL = value


class Text(Base):
    def read(self) -> int:
        return len(NAME)

    def write(self, value: int) -> None:
        global NAME  # noqa: PLW0603 - the fault is the subject
        NAME = "x" * value


class OfAnotherModule(Base):
    def read(self) -> int:
        return elsewhere.get()

    def write(self, value: int) -> None:
        elsewhere.put(value)


class OfAnotherClass(Base):
    def read(self) -> int:
        return Registry.items["n"]

    def write(self, value: int) -> None:
        Registry.items["n"] = value


class OfItsClass(Base):
    late: ClassVar[int]

    def read(self) -> int:
        return type(self).late

    def write(self, value: int) -> None:
        type(self).late = value


class Default(Base):
    def read(self) -> int:
        return peek()["n"]

    def write(self, value: int) -> None:
        peek()["n"] = value


class InAFunction(Base):
    def read(self) -> Any:
        return vars(peek)["n"]

    def write(self, value: int) -> None:
        vars(peek)["n"] = value


class Environment(Base):
    def read(self) -> int:
        return int(os.environ["LEO_EXPLORED"])

    def write(self, value: int) -> None:
        os.environ["LEO_EXPLORED"] = str(value)


class InAContext(Base):
    def __init__(self) -> None:
        VALUE.set({"n": 0})

    def read(self) -> int:
        return VALUE.get()["n"]

    def write(self, value: int) -> None:
        VALUE.get()["n"] = value


class Waiters(Base):
    """A field that has the name of one of asyncio's."""

    def read(self) -> int:
        return self._waiters

    def write(self, value: int) -> None:
        self._waiters = value


def closed_over() -> type[Base]:
    box = {"n": 0}

    class Closed(Base):
        def read(self) -> int:
            return box["n"]

        def write(self, value: int) -> None:
            box["n"] = value

    return Closed


@pytest.mark.parametrize(
    "kind",
    [Global, Text, OfAnotherModule, OfAnotherClass, OfItsClass, Default, InAFunction, Environment,
     InAContext, Waiters, closed_over()],
)  # fmt: skip
def test_what_is_lost_outside_the_fields_is_found(
    kind: type[Base], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an invariant; and under a lock each holds completely."""
    monkeypatch.setenv("LEO_EXPLORED", "0")
    found = explore(kind, [lambda it: it.add()] * 2, cancellations=0)
    assert found.broken is not None and found.broken.title == "not atomic"

    class Repaired(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.lock = asyncio.Lock()

        async def add(self) -> None:
            async with self.lock:
                await super().add()

    assert explore(Repaired, [lambda it: it.add()] * 2, cancellations=0).holds


def test_files_are_state(tmp_path: Path) -> None:
    class InAFile(Base):
        path = tmp_path / "total"

        def read(self) -> int:
            return int(self.path.read_text())

        def write(self, value: int) -> None:
            self.path.write_text(str(value))

    found = explore(InAFile, [lambda it: it.add()] * 2, cancellations=0)
    assert found.broken is not None and "total = b'1'" in found.broken.witness


@pytest.mark.parametrize("view", [dict.values, dict.items, lambda it: (v for v in it.values())])
def test_views_and_generators_are_looked_into(view: Callable[[Any], Any]) -> None:
    class Kept(Base):
        def __init__(self) -> None:
            self.kept = {"n": 0}

        def read(self) -> int:
            return self.kept["n"]

        def write(self, value: int) -> None:
            self.kept["n"] = value

    def shown(it: Any) -> Any:
        return view(it.kept)

    found = explore(Kept, [Kept.add] * 2, state=shown, cancellations=0)
    assert found.broken is not None


class Connection:
    """Equal to itself only."""


class Lazy:
    def __init__(self) -> None:
        self.made: Connection | None = None

    async def get(self) -> Connection:
        if self.made is None:
            await asyncio.sleep(0)
            self.made = Connection()
        return self.made


def test_two_objects_are_not_one() -> None:
    """One by one both callers get the same connection; here each gets its own."""
    found = explore(Lazy, [Lazy.get] * 2, cancellations=0)
    assert found.broken is not None and found.broken.title == "not atomic"


class Left:
    """A cancelled call leaves a lock of threads behind; a task in the background fails unseen."""

    def __init__(self) -> None:
        self.lock, self.n = threading.Lock(), 0

    async def leaves_a_lock(self) -> None:
        self.lock.acquire(blocking=False)
        await asyncio.sleep(0)
        self.lock.release()

    async def loses_a_task(self) -> None:
        async def check(before: int) -> None:
            await asyncio.sleep(0)
            if self.n != before:
                raise ValueError("changed")

        self.n += 1
        task = asyncio.create_task(check(self.n))
        await asyncio.wait([task])
        self.n -= 1


@pytest.mark.parametrize(
    ("call", "times", "title"),
    [(Left.leaves_a_lock, 1, "not atomic"), (Left.loses_a_task, 2, "raises")],
)
def test_what_is_left_behind(call: Any, times: int, title: str) -> None:
    found = explore(Left, [call] * times)
    assert found.broken is not None and found.broken.title == title
    found = explore(Left, [call] * times, raises=[ValueError], cancellations=2 - times)
    assert found.broken is not None and found.broken.title == "not atomic"


def test_the_order_of_keys_is_no_difference() -> None:
    class Kept:
        def __init__(self) -> None:
            self.counts = defaultdict[str, int](int)
            self.pairs: dict[tuple[int, str], int] = {}

        async def put(self, key: str) -> None:
            await asyncio.sleep(0)
            self.counts[key] += 1
            self.pairs[1, key] = 1

    assert explore(Kept, [lambda it: it.put("a"), lambda it: it.put("b")]).holds


def test_what_cannot_be_put_back_is_no_pass() -> None:
    """An iterator goes on from schedule to schedule: it is named, with what to do."""

    class Numbered:
        async def take(self) -> None:
            next(NUMBERS)
            await asyncio.sleep(0)

    found = explore(Numbered, [Numbered.take] * 2, cancellations=0)
    assert found.broken is None and not found.holds
    assert "NUMBERS: set it in `make`" in found.sentence


def test_what_cannot_be_looked_into_is_said() -> None:
    class Gives:
        async def give(self) -> object:
            await asyncio.sleep(0)
            return (it for it in [1])

    assert "generator" in " ".join(explore(Gives, [Gives.give] * 2).bounded)


def test_an_object_of_a_library_in_a_global_is_said() -> None:
    class Hashes:
        async def add(self) -> None:
            await asyncio.sleep(0)
            HASH.update(b"a")

    found = explore(Hashes, [Hashes.add] * 2)
    assert found.holds and any("HASH" in text for text in found.bounded)


class Barrier:
    def __init__(self) -> None:
        self.barrier = asyncio.Barrier(2)

    async def meet(self) -> None:
        await self.barrier.wait()


@pytest.mark.parametrize(
    ("make", "call", "number", "options"),
    [
        (Barrier, Barrier.meet, 2, {"cancellations": 0}),
        (Lazy, Lazy.get, 7, {"limit": 20, "cancellations": 0}),
        (Lazy, Lazy.get, 2, {"invariant": lambda _: True}),
        (Lazy, Lazy.get, 2, {"atomic": False}),
    ],
)
def test_that_atomicity_is_not_asked_is_in_the_sentence(
    make: Any, call: Any, number: int, options: Any
) -> None:
    found = explore(make, [call] * number, **options)
    assert found.broken is None and found.unasked and found.unasked in found.sentence
    assert not any("atomic" in text for text in found.asked)


class Blocking:
    async def mutex(self) -> None:
        with MUTEX:
            await asyncio.sleep(0)

    async def loop(self) -> None:
        while True:
            pass


@pytest.mark.parametrize("call", [Blocking.mutex, Blocking.loop])
def test_a_step_that_never_ends_is_refused(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real lock that another call holds, made at import; a loop without an await."""
    monkeypatch.setattr(threads, "PATIENCE", 0.3)
    with pytest.raises(LeoError, match=r"neither ends nor suspends .* at test_false_greens"):
        explore(Blocking, [call] * 2, cancellations=0)
    assert not MUTEX.locked()


class Overspent(Exception):
    """The budget is spent."""


class Budget:
    """Ten tokens for all."""

    def __init__(self) -> None:
        self.used = 0

    async def reserve(self, tokens: int) -> None:
        """Takes eight, and gives back what is left over."""
        if self.used + 8 > 10:
            raise Overspent
        self.used += 8
        await asyncio.sleep(0)
        self.used += tokens - 8

    async def spend(self, tokens: int) -> None:
        if self.used + tokens > 10:
            raise Overspent
        self.used += tokens
        await asyncio.sleep(0)

    async def at_once(self, tokens: int) -> None:
        self.used += tokens


@pytest.mark.parametrize("method, tokens, told", [("reserve", 2, True), ("spend", 7, False)])
def test_a_refusal_that_no_serial_order_has_is_told(method: str, tokens: int, told: bool) -> None:
    """A call that may raise counts as not run; that it would have raised alone is not asked."""
    calls = [lambda it: getattr(it, method)(tokens)] * 2
    found = explore(Budget, calls, raises=Overspent, cancellations=0)
    assert found.holds
    assert any("raise one by one" in text for text in found.not_asked) == told


@pytest.mark.parametrize("method, waits", [("at_once", False), ("spend", True)])
def test_that_no_call_waits_is_in_the_sentence(method: str, waits: bool) -> None:
    """A fake that answers at once: nothing was interleaved, and the pass says so."""
    found = explore(Budget, [lambda it: getattr(it, method)(1)] * 2)
    assert found.holds
    assert ("no call ever waited" in found.sentence) != waits
