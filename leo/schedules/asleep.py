"""One schedule of each class, for systems that can tell their states apart.

Sleep sets alone give one complete schedule of each class (Godefroid, Partial-Order Methods for the
Verification of Concurrent Systems, 1996, chapter 5), but waste time on schedules that end blocked
by the sleep set.  What can follow depends only on the state and its sleep set, so each such pair is
explored once: a blocked schedule is not executed again, and neither is a step in a known state.
Every schedule is a path through these pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leo.schedules.optimal import check_declared
from leo.schedules.system import (
    Choice,
    Events,
    Outcome,
    Step,
    System,
    Walk,
    check_again,
    check_length,
    look,
)


class State:
    """What is possible in a state, what each step leads to, and how it was first reached."""

    __slots__ = ("after", "before", "by", "end", "offers", "paired")

    def __init__(self, before: State | None, by: Any, offers: dict[Choice, int]) -> None:
        self.before, self.by, self.offers = before, by, offers
        self.after: dict[int, tuple[Step, State]] = {}
        self.paired: dict[int, Pair] = {}
        self.end: tuple[bool, Outcome] | None = None


class Pair:
    """A state with a sleep set; `ways` are the steps that are not asleep, `None` before a look.

    A way is a step's number, the sleep set before it, the step taken and the pair that it leads to.
    """

    __slots__ = ("live", "state", "ways")

    def __init__(self, state: State, sleep: int) -> None:
        self.state = state
        # Does a schedule end below? It is taken to until all ways have been gone.
        self.live = True
        self.ways: list[list[Any]] = []
        for number in sorted(state.offers.values()):
            if not sleep >> number & 1:
                self.ways.append([number, sleep, None, None])
                sleep |= 1 << number


class Asleep:
    """A search that can be stopped after any run, of a system whose runs have a `fingerprint`.

    It has to say all that what follows and the outcome depend on.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.events = Events()
        self.states: dict[object, State] = {}
        self._run: Any = None
        self._at: State | None = None
        self._guarded = set[str]()
        self._ways: list[Any] = []
        self._walks = self._all()

    def next(self) -> Walk | None:
        """One more schedule; None when there is none.  Raises EngineError as `Optimal` does."""
        return next(self._walks, None)

    def planned(self) -> int:
        """How many ways are known and were not gone."""
        return sum(ways.__length_hint__() for ways in self._ways)

    def _all(self) -> Iterator[Walk]:
        try:
            yield from self._from(self._execute(None, -1)[1])
        finally:
            self._leave()

    def _from(self, first: State) -> Iterator[Walk]:
        pairs = [Pair(first, 0)]
        ways = self._ways = [iter(pairs[0].ways)]
        numbers: list[int] = []
        taken: list[Step] = []
        if not first.offers:
            yield Walk((), (), "complete", *self._end(first))
        while pairs:
            for way in ways[-1]:
                pair = way[3]
                if pair is None:
                    pair = self._go(pairs[-1].state, way)
                if pair.live:
                    numbers.append(way[0])
                    taken.append(way[2])
                    pairs.append(pair)
                    ways.append(iter(pair.ways))
                    state = pair.state
                    check_length(len(numbers))
                    if not state.offers:
                        end = state.end or self._end(state)
                        yield Walk(tuple(numbers), tuple(taken), "complete", *end)
                    break
            else:
                pair = pairs.pop()
                ways.pop()
                if numbers:
                    numbers.pop()
                    taken.pop()
                pair.ways = [way for way in pair.ways if way[3].live]
                pair.live = bool(pair.ways) or not pair.state.offers

    def _go(self, state: State, way: list[Any]) -> Pair:
        """Where a way leads."""
        number, sleep = way[0], way[1]
        known = state.after.get(number)
        if known is None:
            known = self._execute(state, number)
        way[2], after = known
        sleep &= ~self.events.conflicts[number]
        pair = after.paired.get(sleep)
        if pair is None:
            pair = after.paired[sleep] = Pair(after, sleep)
        way[3] = pair
        return pair

    def _execute(self, before: State | None, number: int) -> tuple[Any, State]:
        """Take a step that has not been taken in this state, or begin."""
        self._be_at(before)
        run = self._run
        step: Any = None
        if before is not None:
            declared = self.events.steps[number]
            step = run.take(declared.choice)
            if step is not declared and step != declared:
                check_declared(declared, step)
        key = run.fingerprint()
        state = self.states.get(key)
        if state is None:
            offers = look(self.events, run, self._guarded)[0]
            state = self.states[key] = State(before, step, offers)
        if before is not None:
            before.after[number] = (step, state)
        self._at = state
        return step, state

    def _be_at(self, state: State | None) -> None:
        """Have a run that is in this state."""
        if self._run is None or self._at is not state:
            self._leave()
            self._run, path = self.system.start(), list[Step]()
            while state is not None and state.by is not None:
                path.append(state.by)
                state = state.before
            for position, step in enumerate(reversed(path), 1):
                check_again(position, step, self._run.take(step.choice))

    def _end(self, state: State) -> tuple[bool, Outcome]:
        self._be_at(state)
        run, self._run = self._run, None
        state.end = run.finished(), run.close()
        return state.end

    def _leave(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None
