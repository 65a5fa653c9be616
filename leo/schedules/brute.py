"""Executes every interleaving, or every one within a bound. It needs no declared sets.

Depth first, each schedule executed from a new start.  A bound is a cost for each choice and a
maximal cost of a schedule:

preemptions  one for taking the turn from somebody who could go on (Musuvathi and Qadeer, Iterative
             context bounding, PLDI 2007)
delays       one for each session that a round-robin scheduler would have chosen first (Emmi, Qadeer
             and Rakamaric, Delay-bounded scheduling, POPL 2011)

A fault costs nothing: faults have a bound of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leo.schedules.system import (
    Choice,
    Events,
    Step,
    System,
    Walk,
    check_again,
    check_length,
    look,
)

Price = Callable[[Sequence[Choice], str, Choice], int]


def preemptions(enabled: Sequence[Choice], last: str, choice: Choice) -> int:
    """One when somebody else goes on although `last` could."""
    if choice.what != "step" or choice.who == last:
        return 0
    return int(any(other.who == last and other.what == "step" for other in enabled))


def delays(enabled: Sequence[Choice], last: str, choice: Choice) -> int:
    """How many are passed over, in the order of the names, from the one that went last."""
    if choice.what != "step":
        return 0
    ready = sorted({other.who for other in enabled if other.what == "step"})
    first = next((at for at, who in enumerate(ready) if who >= last), 0)
    return (ready.index(choice.who) - first) % len(ready)


class Brute:
    """A search that can be stopped after any run; `cut` tells whether the bound left anything out.

    With `count` the walks have numbers, so that classes can be counted.
    """

    def __init__(
        self,
        system: System,
        events: Events | None = None,
        *,
        price: Price | None = None,
        most: int = 0,
        count: bool = True,
    ) -> None:
        self.system = system
        self.events = Events() if events is None else events
        self.price = price
        self.most = most
        self.count = count
        self.cut = False
        self.path: list[Choice] = []
        self.spent: list[int] = []
        self.others: list[list[tuple[Choice, int]]] = []
        self._taken: list[Step] = []
        self._begun = False

    def next(self) -> Walk | None:
        """Carry out one more run; None when there is no other.  Raises EngineError as `Optimal`."""
        if self._begun and not self._backtrack():
            return None
        self._begun = True
        run = self.system.start()
        try:
            for position, choice in enumerate(self.path):
                again = run.take(choice)
                if position == len(self._taken):
                    self._taken.append(again)
                else:
                    check_again(position + 1, self._taken[position], again)
            while enabled := run.enabled():
                (first, spent), *others = self._affordable(enabled)
                self.others.append(others[::-1])
                self.path.append(first)
                self.spent.append(spent)
                self._taken.append(run.take(first))
                check_length(len(self._taken))
            finished = run.finished()
        finally:
            outcome = run.close()
        numbers = numbers_of(self.system, self.events, self.path) if self.count else ()
        return Walk(numbers, tuple(self._taken), "complete", finished, outcome)

    def _affordable(self, enabled: Sequence[Choice]) -> list[tuple[Choice, int]]:
        """The choices with what the schedule has cost after them; the cheapest always is there."""
        spent = self.spent[-1] if self.spent else 0
        last = self.path[-1].who if self.path else ""
        price = self.price
        if price is None:
            return [(choice, 0) for choice in enabled]
        costs = [(choice, spent + price(enabled, last, choice)) for choice in enabled]
        costs.sort(key=lambda pair: pair[1])
        found = [pair for pair in costs if pair[1] <= self.most]
        self.cut = self.cut or len(found) < len(costs)
        return found

    def _backtrack(self) -> bool:
        """Go back to the last state with another choice, and make it; False when there is none."""
        while self.path:
            self.path.pop()
            self.spent.pop()
            self._taken.pop()
            if self.others[-1]:
                choice, spent = self.others[-1].pop()
                self.path.append(choice)
                self.spent.append(spent)
                return True
            self.others.pop()
        return False


def numbers_of(system: System, events: Events, path: Sequence[Choice]) -> tuple[int, ...]:
    """The numbers of a schedule's steps, as declared while they were pending."""
    numbers, guarded = [], set[str]()
    run = system.start()
    try:
        for choice in path:
            numbers.append(look(events, run, guarded)[0][choice])
            run.take(choice)
    finally:
        run.close()
    return tuple(numbers)
