"""What an answer says: short schedules, lanes that fit, values, what was asked, how far it came."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from typing import Any

import pytest

from leo import explore
from leo.errors import LeoError
from leo.schedules.engine.system import Choice
from leo.schedules.report import from_text, tell_steps, to_text
from leo.schedules.values import changes, look
from leo.trace.lanes import LaneStep


class Store:
    """The repair for a cancelled commit: rows and view change in one shielded task."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.view = 0
        self.lock = asyncio.Lock()

    async def commit(self, rows: list[str]) -> None:
        await asyncio.sleep(0)
        self.rows = self.rows + rows
        await asyncio.sleep(0)
        self.view = len(self.rows)

    async def turn(self, question: str) -> int:
        async with self.lock:
            seen = self.view
            await asyncio.sleep(0)
            task = asyncio.ensure_future(self.commit([question, f"answer {seen}"]))
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                await task
                raise
            return seen

    async def trap(self, question: str) -> int:
        """The repair that is none: cancelled inside, it has rows and no view of them."""
        async with self.lock:
            seen = self.view
            await self.commit([question, f"answer {seen}"])
            return seen


@pytest.mark.parametrize("callers", [2, 3])
def test_a_shielded_commit_holds_completely(callers: int) -> None:
    """With a cancellation at any moment: complete, in far fewer schedules than there are."""
    found = explore(Store, [lambda store: store.turn("q")] * callers)

    assert found.holds, str(found)
    assert found.schedules < {2: 500, 3: 10_000}[callers]


def test_the_trap_is_found() -> None:
    """Cancelled between rows and view: what came out, and what would have come out."""
    found = explore(Store, [lambda store: store.trap("q")])

    assert found.broken is not None
    assert found.broken.title == "not atomic"
    assert "t1 → (cancelled)" in found.broken.came_out
    assert "view = 0" in found.broken.came_out
    assert any("view = 2" in told for told in found.broken.possible)
    assert "rows: [] → ['q', 'answer 0']" in " ".join(found.broken.table.split())


def test_calls_that_did_not_overlap_keep_their_order() -> None:
    """A read that began after a write had returned has to see it, though the results alone would
    fit an order in which it came first.
    """

    class Cached:
        def __init__(self) -> None:
            self.value = self.cache = 0

        async def write(self) -> None:
            self.value = self.cache = 1

        async def refresh(self) -> None:
            value = self.value
            await asyncio.sleep(0)
            self.cache = value

        async def read(self) -> int:
            return self.cache

    calls: Any = {
        "ada": lambda it: it.write(),
        "bob": lambda it: it.refresh(),
        "eve": lambda it: it.read(),
    }
    found = explore(Cached, calls, state=lambda it: None, cancellations=0)
    assert found.broken is not None
    assert found.broken.schedule == "bob ada bob eve"
    # The values are those of a serial order: the calls are told.
    assert "ada" in found.broken.witness and "eve" in found.broken.witness


def test_a_finding_has_as_few_switches_as_there_are() -> None:
    """Three callers, of which two lose an update: no schedule with fewer preemptions does."""

    class Counter:
        n = 0

        async def add(self) -> None:
            for _ in range(3):
                n = self.n
                await asyncio.sleep(0)
                self.n = n + 1

    found = explore(Counter, [lambda counter: counter.add()] * 3)
    assert found.broken is not None
    choices = from_text(found.broken.schedule)
    assert all(choice.what == "step" for choice in choices)
    switches = sum(one.who != two.who for one, two in pairwise(choices))
    assert switches <= 4


@pytest.mark.parametrize("lanes", [3, 6, 12])
def test_lanes_fit_the_terminal(lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three, six and twelve lanes: every step is there, and no line is longer than the terminal."""
    names = [f"caller{number}" for number in range(lanes)]
    steps = [
        LaneStep(at, name, "inventory.py:42 reserve", "await self.stock(item); stock: 1 → 0")
        for at, name in enumerate(names, 1)
    ]
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = tell_steps(steps, names, "not atomic: no serial order").splitlines()
        assert max(map(len, lines)) <= width
        assert sum("inventory.py:42" in line for line in lines) >= lanes
        assert all(any(name in line for line in lines) for name in names)


def test_schedules_are_words() -> None:
    """A schedule is a text: cancellations and repetitions come back."""
    choices = (Choice("ada"), Choice("ada"), Choice("bob", "cancel"), Choice("clock"))
    assert to_text(choices) == "ada*2 ~bob clock"
    assert from_text("ada*2 ~bob clock") == choices


def test_values_for_people() -> None:
    """The fields of an object by their names, and what is different between two states."""
    store = Store()
    before = look(store)
    store.view = 3
    assert [(key, it.text) for key, it in before.parts.items()] == [
        (".rows", "[]"), (".view", "0"), (".lock", "free"),
    ]  # fmt: skip
    assert changes(before, look(store)) == "view: 0 → 3"


def test_show_says_what_is_shown() -> None:
    """With `show` the table has that, and nothing else of the object."""
    found = explore(
        Store,
        [lambda store: store.trap("q")],
        show=lambda store: f"{len(store.rows)} rows",
    )
    assert found.broken is not None
    assert "0 rows → 2 rows" in " ".join(found.broken.table.split())


def test_every_answer_says_what_was_asked() -> None:
    """Atomic or not, cancellations, time: asked or not asked, in every answer."""
    calls = [lambda store: store.turn("q")]
    first = explore(Store, calls, at_end=lambda store: True, cancellations=0)
    assert "cancellations" in first.not_asked
    assert any("atomic" in text for text in first.not_asked)
    second = explore(Store, calls, clock="any")
    assert any("atomic" in text for text in second.asked)
    assert not any("time" in text for text in second.not_asked)
    seven = explore(Store, calls * 7, limit=5)
    assert any("more than 6 calls" in text for text in seven.not_asked)


def test_how_far_a_search_came() -> None:
    """A limit of schedules, of seconds, of preemptions: said, and never a pass."""
    calls: Any = [lambda store: store.turn("q")] * 3
    told: list[str] = []
    by_time = explore(Store, calls, seconds=0.05, progress=told.append)
    assert not by_time.holds
    assert "stopped after 0.05 s" in str(by_time)
    bounded = explore(Store, calls[:2], strategy="preemptions", bound=0, cancellations=0)
    assert bounded.broken is None
    assert bounded.holds == bounded.complete
    for strategy in ("random", "pct"):
        found = explore(Store, calls, strategy=strategy, limit=5)
        assert (found.schedules, found.holds) == (5, False)


# What schedules do not put back.
SET_UP = io.StringIO()


@asynccontextmanager
async def opened() -> AsyncIterator[Store]:
    await asyncio.sleep(0)
    SET_UP.write("open")
    yield Store()
    await asyncio.sleep(0)
    SET_UP.write("closed")


@contextmanager
def opened_at_once() -> Iterator[Store]:
    SET_UP.write("open")
    yield Store()
    SET_UP.write("closed")


async def opened_by_a_coroutine() -> Store:
    await asyncio.sleep(0)
    return Store()


def test_make_may_be_asynchronous_and_is_torn_down() -> None:
    """A coroutine function, and context managers, whose end runs after a broken schedule too."""
    for make in (opened, opened_at_once):
        SET_UP.truncate(0)
        found = explore(make, [lambda store: store.trap("q")])
        assert found.broken is not None
        said = SET_UP.getvalue()
        assert said.count("open") == said.count("closed") > 3
    assert explore(opened_by_a_coroutine, [lambda store: store.turn("q")]).holds


def test_a_make_that_never_ends_is_refused() -> None:
    """It waits for nobody: said of `make`, and not of the calls."""

    async def make() -> Store:
        await asyncio.Event().wait()
        return Store()

    with pytest.raises(LeoError, match="make: it waits for nobody"):
        explore(make, [lambda store: store.turn("q")])


def test_inside_a_running_loop() -> None:
    """An asynchronous test can ask as well: its own loop is untouched."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        assert explore(Store, [lambda store: store.turn("q")]).holds
        assert asyncio.get_running_loop() is loop
        await asyncio.sleep(0)

    asyncio.run(test())


def test_an_interrupted_exploration_leaves_nothing_behind() -> None:
    """Ctrl-C in the middle of a step: no running loop, no replaced function is left."""

    async def interrupted(_: Store) -> None:
        raise KeyboardInterrupt

    sleep = vars(time)["sleep"]
    with pytest.raises(KeyboardInterrupt):
        explore(Store, [interrupted])
    assert vars(time)["sleep"] is sleep
    asyncio.run(asyncio.sleep(0))


def test_calls_that_only_go_round_do_not_hold() -> None:
    """Two that wait for what neither does: each schedule comes back, none ends."""

    class Two:
        done = False

        async def spin(self) -> None:
            while not self.done:
                await asyncio.sleep(0)

    found = explore(Two, {"a": Two.spin, "b": Two.spin}, cancellations=0)
    assert not found.holds and not found.complete
