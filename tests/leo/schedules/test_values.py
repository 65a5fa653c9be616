"""What people see: both sides of a finding differ, one name for each object, specific refusals."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections import deque
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from leo import explore
from leo.errors import LeoError
from leo.schedules.running.shape import Shape
from leo.schedules.values import Part, changes, differing, look

TWICE: Any = [lambda it: it.add(), lambda it: it.add()]


class Box:
    def __init__(self) -> None:
        self.n: Any = 0

    async def add(self) -> None:
        n = self.n
        await asyncio.sleep(0)
        self.n = n + 1


class Long(Box):
    """Twenty lines, and what differs is the last one."""

    def __init__(self) -> None:
        self.lines: list[Any] = [f"line {number}" for number in range(20)]

    async def add(self) -> None:
        size = len(self.lines)
        await asyncio.sleep(0)
        self.lines.append(size)


class Named(Box):
    """Its own text is long, and ends before what differs."""

    def __repr__(self) -> str:
        return f"Named({'x' * 80}, {self.n})"


class Hidden(Box):
    """Its own text does not say what differs."""

    def __repr__(self) -> str:
        return "Hidden()"


class Raises(Box):
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Kept(dict[str, int]):
    """A dictionary with an attribute."""

    def __init__(self) -> None:
        super().__init__(a=1)
        self.n = 0

    add = Box.add


class Gives(Box):
    """What it returns is long, and differs at its end."""

    async def add(self) -> Any:
        await super().add()
        return ["-" * 100, self.n]


@pytest.mark.parametrize("kind", [Box, Long, Named, Hidden, Raises, Kept, Gives])
def test_both_sides_differ(kind: Any) -> None:
    """What came out is not told as what comes out one by one."""
    found = explore(kind, TWICE, cancellations=0)

    assert found.broken is not None and found.broken.possible
    for told in found.broken.possible:
        assert not told.startswith(found.broken.came_out)
    assert ("lines[21]" if kind is Long else "n") in found.broken.came_out


def test_a_cancelled_call_is_compared_with_its_absence() -> None:
    """Half of a call: not what all of it gives, and not what nothing of it gives."""

    class Half:
        def __init__(self) -> None:
            self.one = self.two = 0

        async def both(self) -> None:
            self.one += 1
            await asyncio.sleep(0)
            self.two += 1

    found = explore(Half, [lambda it: it.both()])
    assert found.broken is not None
    whole, absent = found.broken.possible
    assert "one = 1" in whole and "two = 1" in whole
    assert "one = 0" in absent and "two = 0" in absent


def test_when_the_clock_struck_tells_outcomes_apart() -> None:
    """Six outcomes of the same order of calls have six ways there."""

    class Late(Box):
        async def add(self) -> None:
            try:
                async with asyncio.timeout(1):
                    await super().add()
                    await super().add()
                    await super().add()
            except TimeoutError:
                self.n += 100

    found = explore(Late, TWICE, cancellations=0, clock="any", raises=TimeoutError)
    assert found.broken is not None
    told = found.broken.possible
    assert len(told) > 3 and len({text.rpartition("(")[2] for text in told}) == len(told)


def test_values_alone_may_not_tell_the_difference() -> None:
    """The same results, of one object in place of two: what is wrong then is told, and not the
    values.
    """

    class Cell:
        held: Any = None

        async def hold(self) -> Any:
            if self.held is None:
                made = Holder(0)
                await asyncio.sleep(0)
                self.held = made
                return made
            return self.held

    two = explore(Cell, [Cell.hold, Cell.hold], state=lambda it: None, cancellations=0)
    assert two.broken is not None and "object" in two.broken.witness


def test_an_object_has_one_name() -> None:
    """Of an object that is reached in several ways a change is told once, by the shortest one."""
    it: Any = Box()
    it.deep, it.me, it.weak = [[it]], it, weakref.ref(it)
    before = look(it)
    it.n = 1
    assert list(differing([before, look(it)])) == [("n", ("0", "1"))]


def test_a_large_graph_is_told_in_a_line() -> None:
    """Many fields changed: a few are told, and how many there are more."""
    before = look({number: [0] * number for number in range(500)})
    after = look({number: [1] * number for number in range(500)})
    assert len(changes(before, after)) < 800


@pytest.mark.parametrize(
    ("one", "two", "where"),
    [
        ([1, 2], [1, 3], ""),
        (list(range(100)), [*range(99), 0], "[99]"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "['a']['b']"),
        (deque([1] * 90), deque([1] * 89 + [2]), "[89]"),
        ("-" * 100 + "a", "-" * 100 + "b", ""),
        ("-" * 100, "-" * 101, ""),
        ("a" + "-" * 100, "b" + "-" * 100, ""),
        (set(range(100)), set(range(99)), "{99}"),
        (None, {"a": 1}, ""),
        (bytes(200), bytes(199) + b"x", ""),
    ],
)
def test_the_place_that_differs(one: Any, two: Any, where: str) -> None:
    """Its name, and two texts that are not the same."""
    ((name, (before, after)),) = differing([look(one), look(two)])
    assert name == where
    assert before != after and max(len(before), len(after)) <= 60


def test_a_task_and_an_address_are_no_state() -> None:
    """The text of a task changes with what it waits for, and an address from run to run."""

    async def main() -> tuple[Part, Part]:
        task = asyncio.ensure_future(asyncio.sleep(0))
        held = {"tasks": {task}, "name": f"<it at 0x{id(task):x}>", "place": f"x@{id(task)}"}
        before = look(held)
        await task
        return before, look(held)

    before, after = asyncio.run(main())
    assert before == after
    assert not any(char.isdigit() for char in str(before.parts["['name']"].text))


def test_to_look_changes_nothing() -> None:
    """The shape of what was looked at is as before."""
    it: Any = Box()
    it.call, it.items = partial(print, 1, end=""), deque([partial(print)])
    before, after = Shape(), Shape()
    before.add(it)
    assert ".call" in look(it).parts
    after.add(it)
    assert before.digest() == after.digest()


COUNT = iter(range(10**6))
MADE = Box()


class Holder:
    def __init__(self, it: Any) -> None:
        self.it = it


class Numbered(Box):
    """Numbers that go on from one schedule to the next."""

    def __init__(self) -> None:
        self.jobs: dict[int, str] = {}

    async def add(self) -> None:
        number = next(COUNT)
        await asyncio.sleep(0)
        self.jobs[number] = "x"


class Called(Box):
    def __init__(self) -> None:
        super().__init__()
        self.name = f"it-{next(COUNT)}"


@pytest.mark.parametrize(("kind", "field"), [(Numbered, "jobs["), (Called, "name")])
def test_what_differs_from_run_to_run_is_named(kind: Any, field: str) -> None:
    """The first place that differs, and both values: before anything else."""
    with pytest.raises(LeoError) as caught:
        explore(kind, TWICE, cancellations=0)
    assert str(caught.value).startswith(f"`{field}")


def test_an_object_that_is_not_new_is_refused() -> None:
    """Before anything runs; what cannot change may be the same."""
    with pytest.raises(LeoError, match="the same Box twice"):
        explore(lambda: MADE, TWICE)
    assert MADE.n == 0

    async def call(_: Any) -> None:
        await asyncio.sleep(0)

    for shared in (None, 7, (), json):
        assert explore(partial(getattr, Holder(shared), "it"), [call]).holds


def test_a_wakeup_that_is_lost_is_told() -> None:
    """Who was woken, by whom, and was cancelled before it went on."""

    class Pool:
        def __init__(self) -> None:
            self.free, self.condition = 1, asyncio.Condition()

        async def use(self) -> None:
            async with self.condition:
                while not self.free:
                    await self.condition.wait()
                self.free -= 1
            try:
                await asyncio.sleep(0)
            finally:
                self.free += 1
                async with self.condition:
                    self.condition.notify()

    found = explore(Pool, dict.fromkeys("abc", Pool.use))
    assert found.broken is not None and found.broken.title == "deadlock"
    (struck,) = (word[1:] for word in found.broken.schedule.split() if word.startswith("~"))
    assert f"{struck} had been woken" in found.broken.witness
    assert f"wakes {struck}" in " ".join(found.broken.table.split())


def test_many_steps_of_one_call_are_one_line() -> None:
    """A cancellation in a long loop: the steps before it are folded."""

    class Slow(Box):
        async def add(self) -> None:
            for _ in range(30):
                self.n += 1
                await asyncio.sleep(0)

    found = explore(Slow, {"a": Slow.add, "b": Slow.add}, seconds=20, strategy="preemptions")
    assert found.broken is not None
    steps = sum(int(word.partition("*")[2] or 1) for word in found.broken.schedule.split())
    rows = [line for line in found.broken.table.splitlines() if line[:3].strip().isdigit()]
    assert steps > 30 and len(rows) < steps / 2


async def missing(it: Any) -> Any:
    return it.missing


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"raises": 7}, "7"),
        ({"raises": (ValueError, "x")}, "'x'"),
        ({"cancellations": "x"}, "cancellations"),
        ({"limit": 1.5}, "limit"),
        ({"seconds": "1"}, "seconds"),
        ({"state": "rows"}, "state"),
        ({"state": lambda it: it.missing}, "state"),
        ({"state": missing}, "state"),
        ({"at_end": lambda it: it.missing}, "at_end"),
        ({"invariant": lambda it, more: True}, "invariant"),
        ({"show": lambda it: it.missing}, "show"),
    ],
)
def test_a_wrong_option_is_named(options: Any, named: str) -> None:
    """One paragraph, which says which option it is."""
    with pytest.raises(LeoError) as caught:
        explore(Box, TWICE, **options)
    assert named in str(caught.value) and "\n" not in str(caught.value)


def test_raises_takes_a_class_or_several() -> None:
    """One class is as good as a tuple with it."""

    async def fails(_: Any) -> None:
        raise ValueError

    for raises in (ValueError, [ValueError], (KeyError, ValueError)):
        assert explore(Box, [fails], raises=raises).holds


def test_what_is_no_call_is_explained() -> None:
    """An async generator is gone through, and a class with arguments needs a lambda."""

    class Feed(Box):
        async def stream(self) -> Any:
            yield self.n

    with pytest.raises(LeoError, match="async for"):
        explore(Feed, [lambda it: it.stream()])

    class Sized(Box):
        def __init__(self, size: int, *, unit: str, scale: int = 1) -> None:
            super().__init__()

    with pytest.raises(LeoError, match="make needs size, unit"):
        explore(Sized, TWICE)  # type: ignore[arg-type]


def test_a_time_is_an_instance_of_datetime() -> None:
    """Under the name that a run sees; other things are none."""

    class Dated(Box):
        def __init__(self) -> None:
            super().__init__()
            self.made, self.given = datetime.now(), BEFORE

        async def add(self) -> None:
            await asyncio.sleep(0)
            times: list[Any] = [self.made, self.given, 5]
            assert [isinstance(it, datetime) for it in times] == [True, True, False]

    assert explore(Dated, TWICE).holds


BEFORE = datetime(2020, 1, 1)


def test_a_field_and_a_global_of_one_name_are_both_told() -> None:
    class Tank:
        def __init__(self) -> None:
            self.BESIDE = 0

        async def fill(self) -> None:
            found = self.BESIDE
            await asyncio.sleep(0)
            self.BESIDE = found + len(BESIDE)

    found = explore(Tank, [Tank.fill] * 2, cancellations=0)
    assert found.broken is not None and "BESIDE = 1" in found.broken.witness


BESIDE = {"by": 1}


class Gate:
    """A lock of the user's own, whose queue is made when somebody has to wait."""

    __slots__ = ("_waiters", "held", "total")

    def __init__(self) -> None:
        self.held, self.total = False, 0
        self._waiters: list[asyncio.Future[None]] | None = None

    async def add(self) -> None:
        while self.held:
            self._waiters = self._waiters or []
            self._waiters.append(asyncio.get_running_loop().create_future())
            await self._waiters[-1]
        self.held, total = True, self.total
        await asyncio.sleep(0)
        self.held, self.total = False, total + 1
        while self._waiters:
            self._waiters.pop().set_result(None)


def test_who_has_waited_is_no_state_in_slots_either() -> None:
    assert explore(Gate, [Gate.add] * 2, cancellations=0).holds
