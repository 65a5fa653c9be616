"""Calls of async methods of one object as a system to explore.

Each call is a task.  A choice lets one task run to its next suspension (an `await` that really
suspends: a lock that is free does not), asks for its cancellation, or lets the clock go on.  Every
suspension is taken to last as long as the scheduler likes, as one that waits for the network does.

Without declared sets every step depends on every other.  With them, only what the named methods
read and write is shared; the methods are instrumented through `leo.units.instrument`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from leo.errors import LeoError
from leo.schedules.loop import CLOCK, ChoosingLoop
from leo.schedules.system import Choice, Outcome, Step
from leo.units import Naming, Recording, instrument

T = TypeVar("T")
Invariant = Callable[[T], object]
Calls = Mapping[str, Callable[[T], Awaitable[object]]]
INVARIANT, AT_END, RAISES, DEADLOCK = "invariant", "at the end", "raises", "deadlock"
_ALL = frozenset({"*"})
_NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scenario(Generic[T]):
    """An object, the calls that meet on it, and what must hold.

    `invariant` is looked at between any two steps, `at_end` when all calls are over: each gets the
    object, and is broken when it returns False or a text, or raises AssertionError.  `raises` are
    exceptions that a call may end with.  `cancellations` bounds how many strike in one schedule.
    `reads` and `writes` are those of `leo.instrument`.  `most` cuts runs off after
    so many steps: a longer one is of no interest any more.
    """

    make: Callable[[], T]
    calls: Calls[T]
    invariant: Invariant[T] | None = None
    at_end: Invariant[T] | None = None
    raises: tuple[type[Exception], ...] = ()
    cancellations: int = 0
    reads: Mapping[str, Naming] = field(default_factory=dict)
    writes: Mapping[str, Naming] = field(default_factory=dict)
    most: int | None = None

    @property
    def declared(self) -> bool:
        """Are there sets by which steps can be told to be independent?"""
        return bool(self.reads or self.writes)

    def start(self) -> CoroutineRun[T]:
        return CoroutineRun(self)


class CoroutineRun(Generic[T]):
    """One execution of a scenario; unless steps are declared it ends when something is broken."""

    def __init__(self, scenario: Scenario[T]) -> None:
        self.scenario = scenario
        # Most of an event loop (sockets, processes) is left out on purpose.
        self.loop = ChoosingLoop()  # type: ignore[abstract]
        self.left = scenario.cancellations
        self.steps = 0
        self.broken: dict[str, str] = {}
        self.broken_at = 0
        # The methods that each task is in, by name: what it may touch until it is out of them.
        self._inside: dict[str, list[str]] = {}
        self._touched: tuple[set[str], set[str]] = (set(), set())
        self._running = ""
        self.target: T = self.loop.perform(scenario.make)
        self._recording = self._instrumented() if scenario.declared else None
        for name, call in scenario.calls.items():
            self.loop.begin(name, _awaited(call, self.target))
        if scenario.declared:
            # Up to its first instrumented call a task touches nothing that is shared.
            for name in scenario.calls:
                self._go_on(name)
        self._look()

    # What can be chosen.

    def enabled(self) -> tuple[Choice, ...]:
        if not self.scenario.declared and (self.broken or self.steps == self.scenario.most):
            return ()
        found = [Choice(name) for name in self.loop.names()]
        if self.left:
            found += [Choice(name, "cancel") for name in self.scenario.calls if self._goes(name)]
        return tuple(found)

    def pending(self, choice: Choice) -> Step:
        """What a choice may touch: everything, unless the task is in a method that says what."""
        if choice.what == "cancel":
            return Step(choice, "cancel", _NONE, _ALL)
        if self._recording is None or choice.who == CLOCK:
            return Step(choice, "step", _NONE, _ALL)
        inside = self._inside.get(choice.who, [])
        reads = _names(self.scenario.reads, inside)
        writes = _names(self.scenario.writes, inside)
        if "*" in reads | writes:
            return Step(choice, "step", _NONE, _ALL)
        if writes and self.scenario.invariant is not None:
            # The invariant sees every state in between, so the order of all writes matters.
            writes |= {INVARIANT}
        return Step(choice, "step", reads, writes)

    def waiting(self) -> tuple[Step, ...]:
        """Tasks that wait for something that another task, or nobody, will bring about."""
        able = set(self.loop.names())
        steps = [
            self.pending(Choice(name))
            for name, task in self.loop.tasks.items()
            if name not in able and not task.done()
        ]
        if self.scenario.cancellations and not self.left:
            steps += [
                self.pending(Choice(name, "cancel"))
                for name in self.scenario.calls
                if self._goes(name)
            ]
        return tuple(steps)

    def _goes(self, name: str) -> bool:
        return not self.loop.tasks[name].done()

    # What happens.

    def take(self, choice: Choice) -> Step:
        self.steps += 1
        self._touched = (set(), set())
        if choice.what == "cancel":
            self.left -= 1
            self.loop.tasks[choice.who].cancel()
            self.loop.stand_still()
        else:
            if choice.who not in self.loop.names():
                raise LeoError(f"{choice.who} cannot go on here: it is over, or waits")
            self._go_on(choice.who)
        self._look()
        reads, writes = self._touched
        return Step(choice, choice.what, frozenset(reads - writes), frozenset(writes))

    def _go_on(self, name: str) -> None:
        self._running = name
        self.loop.go_on(name)

    def _look(self) -> None:
        """See whether anything is broken now that was not before."""
        if self.broken:
            return
        self.broken_at = self.steps
        for name in self.scenario.calls:
            task = self.loop.tasks[name]
            if task.done() and not task.cancelled():
                error = task.exception()
                if error is not None and not isinstance(error, self.scenario.raises):
                    self.broken[RAISES] = f"{name} raises {type(error).__name__}: {error}"
                    return
        self._judge(INVARIANT, self.scenario.invariant)
        if self.broken:
            return
        if self.finished():
            self._judge(AT_END, self.scenario.at_end)
        elif not self.loop.names():
            # A cancellation may still help, but nobody has to ask for one.
            going = [name for name, task in self.loop.tasks.items() if not task.done()]
            self.broken[DEADLOCK] = f"{', '.join(going)} can never go on"

    def _judge(self, title: str, rule: Invariant[T] | None) -> None:
        if rule is None:
            return
        try:
            verdict = self.loop.perform(lambda: rule(self.target))
        except AssertionError as error:
            # pytest explains an assertion in several lines; the table has room for the first.
            verdict = str(error).partition("\n")[0] or "an assertion fails"
        if verdict is False or isinstance(verdict, str):
            name = getattr(rule, "__name__", "<lambda>")
            self.broken[title] = verdict or f"{'it' if name == '<lambda>' else name} is false"

    def finished(self) -> bool:
        return all(task.done() for task in self.loop.tasks.values())

    def close(self) -> Outcome:
        """End what is not over, and say what was broken."""
        answers = {name: _answer(self.loop.tasks[name]) for name in self.scenario.calls}
        self._running = ""
        self.loop.end()
        if self._recording is not None:
            self._recording.close()
        return Outcome((), answers, {"steps": self.broken_at}, dict(self.broken))

    # What the methods of the object say of themselves.

    def _instrumented(self) -> Recording:
        scenario = self.scenario
        return instrument(
            self.target,
            reads={m: self._noting(naming, 0) for m, naming in scenario.reads.items()},
            writes={m: self._noting(naming, 1) for m, naming in scenario.writes.items()},
            gate=self._gate,
            clock=self.loop.time,
        )

    def _noting(self, naming: Naming, kind: int) -> Callable[..., Iterable[str]]:
        def names(*args: Any, **kwargs: Any) -> Iterable[str]:
            found = naming if isinstance(naming, str) else naming(*args, **kwargs)
            each = (found,) if isinstance(found, str) else tuple(found)
            self._touched[kind].update(each)
            return each

        return names

    async def _gate(self, unit: str, method: str, when: str) -> None:
        """Hold a task before each instrumented call; what comes after it is the task's own."""
        inside = self._inside.setdefault(self._running, [])
        if when == "before":
            inside.append(method)
            await asyncio.sleep(0)
        elif method in inside:
            inside.remove(method)


async def _awaited(call: Callable[[T], Awaitable[object]], target: T) -> object:
    return await call(target)


def _names(declared: Mapping[str, Naming], methods: Iterable[str]) -> frozenset[str]:
    """What methods read or write; `*` when that depends on their arguments."""
    found = [declared[method] for method in methods if method in declared]
    return frozenset(naming if isinstance(naming, str) else "*" for naming in found)


def _answer(task: asyncio.Task[Any]) -> str:
    """What a call came to, for people."""
    if not task.done():
        return "(not over)"
    if task.cancelled():
        return "(cancelled)"
    error = task.exception()
    return f"({type(error).__name__}: {error})" if error is not None else repr(task.result())
