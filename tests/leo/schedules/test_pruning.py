"""Pruning by states leaves nothing out, and atomic is what a naive definition says.

The judges: every schedule without pruning, and serial orders executed by asyncio's own loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations
from random import Random
from typing import Any

import pytest

from leo import explore
from leo.schedules.atomic import Ending
from leo.schedules.calls import CoroutineRun, Scenario
from leo.schedules.engine.depth_first import DepthFirst
from leo.schedules.engine.system import Choice
from leo.schedules.running.shape import Shape
from leo.schedules.running.world import world

OPERATIONS = (
    "read x", "write x", "read y", "write y", "add x", "pause", "pause", "pause", "nap",
    "put", "get", "set", "await", "append", "fail", "spawn",
)  # fmt: skip


@dataclass
class Box:
    """What random calls meet on."""

    x: int = 0
    y: int = 0
    log: list[int] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    queue: asyncio.Queue[int] = field(default_factory=lambda: asyncio.Queue(1))
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def state(self) -> tuple[Any, ...]:
        items = list(self.queue._queue)  # type: ignore[attr-defined]
        return (
            self.x,
            self.y,
            tuple(self.log),
            tuple(items),
            self.event.is_set(),
            self.lock.locked(),
        )


@dataclass(frozen=True)
class Call:
    """A random call: its operations, whether it holds the lock, whether it undoes what it did."""

    number: int
    operations: tuple[str, ...]
    locked: bool
    undoes: bool

    async def __call__(self, box: Box) -> int:
        if self.locked:
            async with box.lock:
                return await self.carried_out(box)
        return await self.carried_out(box)

    async def carried_out(self, box: Box) -> int:
        before = box.x
        try:
            return await self.steps(box)
        except (asyncio.CancelledError, ValueError):
            if self.undoes:
                box.x = before
            raise

    async def steps(self, box: Box) -> int:
        held = self.number
        for operation in self.operations:
            match operation.split():
                case ["read", name]:
                    held = getattr(box, name)
                case ["write", name]:
                    setattr(box, name, held + self.number)
                case ["add", name]:
                    # The value read waits on the stack of the coroutine, and in no local.
                    box.x = box.x + await later(self.number)
                case ["pause"]:
                    await asyncio.sleep(0)
                case ["nap"]:
                    await asyncio.sleep(self.number)
                case ["put"]:
                    await box.queue.put(self.number)
                case ["get"]:
                    held = await box.queue.get()
                case ["set"]:
                    box.event.set()
                case ["await"]:
                    await box.event.wait()
                case ["append"]:
                    box.log.append(held)
                case ["fail"]:
                    if box.x > 2:
                        raise ValueError(box.x)
                case ["spawn"]:
                    await asyncio.gather(later(1), later(2))
        return held


async def later(number: int) -> int:
    await asyncio.sleep(0)
    return number


def random_calls(chance: Random, *, timed: bool) -> dict[str, Call]:
    operations = [it for it in OPERATIONS if timed or it != "nap"]
    if not timed:
        # What is read and written back makes a class racy.
        operations += 2 * ["read x", "write x"]
    number = chance.choice((2, 2, 2, 3))
    return {
        f"t{at}": Call(
            at,
            tuple(chance.choices(operations, k=chance.randint(1, 3 if number == 3 else 4))),
            chance.random() < 0.3,
            chance.random() < 0.3,
        )
        for at in range(1, number + 1)
    }


Came = tuple[Any, ...]


def outcomes(scenario: Scenario[Box], *, prune: bool, most: int) -> set[Came] | None:
    """All that comes out of a scenario; None when there are too many schedules."""
    found: set[Came] = set()
    search = DepthFirst(scenario.start, states=prune)
    while (run := search.next()) is not None:
        if search.end == "complete":
            found.add(came(run))
        run.close()
        if search.runs > most:
            return None
    return found


def came(run: CoroutineRun[Box]) -> Came:
    ending: Ending = run.ending()
    results = {
        name: repr(run.loop.tasks[name].result()) if it.kind == "returned" else ""
        for name, it in ending.answers.items()
    }
    answers = tuple((name, it.kind, results[name]) for name, it in ending.answers.items())
    before = tuple(sorted((name, tuple(sorted(it))) for name, it in ending.began_after.items()))
    return answers, run.target.state(), before, tuple(run.broken)


def scenario_of(chosen: dict[str, Call], cancellations: int, clock: str = "idle") -> Scenario[Box]:
    return Scenario(Box, chosen, raises=(ValueError,), cancellations=cancellations, clock=clock)


def compared(seeds: Iterable[int], most: int = 120) -> int:
    """Compare the outcomes of random scenarios with pruning and without; how many were small."""
    small = 0
    with world():
        for seed in seeds:
            chance = Random(seed)
            chosen = random_calls(chance, timed=True)
            scenario = scenario_of(chosen, chance.choice((0, 1)), chance.choice(("idle", "any")))
            every = outcomes(scenario, prune=False, most=most)
            if every is not None:
                small += 1
                assert outcomes(scenario, prune=True, most=most) == every, (seed, chosen)
    return small


@pytest.mark.parametrize("seeds", [range(0, 30), range(30, 60)], ids=str)
def test_pruning_has_every_outcome(seeds: range) -> None:
    """The same results, final states, orders and deadlocks, with pruning and without."""
    assert compared(seeds) > len(seeds) // 4


@pytest.mark.long
def test_pruning_has_every_outcome_of_two_thousand() -> None:
    """The same on two thousand random classes."""
    assert compared(range(1000, 3000), most=400) > 500


def without_stack(shape: Shape, it: Any, skip: tuple[Any, ...] = ()) -> None:
    """A planted bug: of a coroutine only its locals count, not what is on its stack."""
    for value in getattr(it, "cr_frame", it).f_locals.values() if hasattr(it, "cr_frame") else ():
        shape.add(value)


@pytest.mark.parametrize("bug", ["stack", "order"])
def test_a_bug_in_pruning_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fingerprint that leaves something out changes the outcomes of some class: what waits on
    the stack of a coroutine, or which call had returned before which one began.
    """
    if bug == "stack":
        monkeypatch.setattr("leo.schedules.running.shape._referents", without_stack)
    else:
        whole = CoroutineRun.fingerprint

        def fingerprint(run: CoroutineRun[Box]) -> bytes | None:
            before, run.began_after = run.began_after, {}
            try:
                return whole(run)
            finally:
                run.began_after = before

        monkeypatch.setattr(CoroutineRun, "fingerprint", fingerprint)
    with pytest.raises(AssertionError):
        compared(range(200))


@dataclass
class Left(Box):
    """Its calls leave tasks behind, which know nothing of it."""

    tasks: set[asyncio.Task[int]] = field(default_factory=set)

    async def write(self, number: int) -> None:
        self.tasks.add(asyncio.create_task(later(number)))
        await asyncio.sleep(0)
        self.x = number


def test_the_object_counts_when_the_calls_are_over() -> None:
    """No coroutine that is left has it among its locals; who wrote last is a difference."""
    calls = {name: partial(Left.write, number=at) for at, name in enumerate(("a", "b"))}
    scenario, states = Scenario(Left, calls), list[bytes | None]()
    with world():
        for last in ("a", "b"), ("b", "a"):
            run = scenario.start()
            for name in ("a", "b", *last):
                run.take(Choice(name))
            assert len(run.enabled()) == 2
            states.append(run.fingerprint())
            run.close()

    assert None not in states and states[0] != states[1]


# What atomic means, once more and from scratch.


def serially(chosen: dict[str, Call], order: tuple[str, ...]) -> tuple[dict[str, Any], Any] | None:
    """Results and state of calls one after the other, on asyncio's own loop; None: one waits."""

    async def main() -> tuple[dict[str, Any], Any] | None:
        box, results = Box(), dict[str, Any]()
        for name in order:
            task = asyncio.ensure_future(chosen[name](box))
            for _ in range(60):
                await asyncio.sleep(0)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
                return None
            error = task.exception()
            results[name] = ("raised", repr(error)) if error else ("returned", repr(task.result()))
        return results, box.state()

    return asyncio.run(main())


def naive_verdict(chosen: dict[str, Call], every: set[Came]) -> bool | None:
    """Are all outcomes of some serial order?  None when there is nothing to compare with."""
    orders = [
        order for size in range(len(chosen) + 1) for order in permutations(sorted(chosen), size)
    ]
    serial = {order: serially(chosen, order) for order in orders}
    if all(serial[order] is None for order in orders if len(order) == len(chosen)):
        return None
    return all(explained(it, serial) for it in every)


def explained(it: Came, serial: dict[tuple[str, ...], Any]) -> bool:
    answers, state, began, _ = it
    returned = {name: told for name, kind, told in answers if kind == "returned"}
    before = dict(began)
    for order, result in serial.items():
        if result is None or result[1] != state or not set(returned) <= set(order):
            continue
        if any(result[0][name] != ("returned", told) for name, told in returned.items()):
            continue
        if all(
            order.index(one) < order.index(name)
            for name in returned
            for one in before.get(name, ())
            if one in returned
        ):
            return True
    return False


def verdicts(seeds: Iterable[int], most: int = 120) -> list[str]:
    """Compare the answers of `explore` with the naive ones; what the answers are."""
    asked, seen = [], list[str]()
    with world():
        for seed in seeds:
            chance = Random(seed)
            chosen, cancellations = random_calls(chance, timed=False), chance.choice((0, 1))
            scenario = scenario_of(chosen, cancellations)
            every = outcomes(scenario, prune=False, most=most)
            if every is not None and not any(it[3] for it in every):
                asked.append((seed, chosen, cancellations, every))
    for seed, chosen, number, every in asked:
        expected = naive_verdict(chosen, every)
        if expected is not None:
            found = explore(
                Box, chosen, raises=(ValueError,), cancellations=number, state=Box.state
            )
            assert found.holds == expected, (seed, chosen, str(found))
            seen.append(found.broken.title if found.broken else "holds")
    return seen


def test_atomic_is_what_a_naive_definition_says() -> None:
    """Random classes: `explore` holds if and only if every outcome is explained."""
    seen = verdicts(range(60))

    assert seen.count("holds") > 5
    assert seen.count("not atomic") > 2


@pytest.mark.long
def test_atomic_is_what_a_naive_definition_says_of_two_thousand() -> None:
    """The same on two thousand random classes."""
    seen = verdicts(range(5000, 7000), most=400)

    assert seen.count("holds") > 100
    assert seen.count("not atomic") > 100
