"""Are the calls atomic?  What came out must be what some serial order of the calls gives.

A run is explained by an order of calls in which each one that returned ran whole, with the same
result, in which each one that was cancelled or failed ran whole or not at all, and which keeps the
order of calls that returned one before the other began.  (Linearizability: Herlihy and Wing, 1990;
with the aborted ones as in strict serializability.)  The serial orders are executed, with all
schedules of what happens inside one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from leo.schedules.answers import Ending
from leo.schedules.calls import Scenario
from leo.schedules.depth_first import DepthFirst

# With more calls there are too many serial orders to execute.
MOST_CALLS = 6
Order = tuple[str, ...]
Serial = dict[Any, "Outcome"]


@dataclass(slots=True)
class Outcome:
    """One outcome of serial executions: what each call came to, in which orders, and the state."""

    ending: Ending
    told: str
    orders: set[Order] = field(default_factory=set)


@dataclass(slots=True)
class Atomicity:
    """Decides for endings of a scenario whether a serial order explains them.

    `tell` puts the final state of a run into words, `runs` counts serial executions.
    """

    scenario: Scenario[Any]
    tell: Callable[[Any], str]
    pace: Callable[[], None] = lambda: None
    runs: int = 0
    _left: int = 0
    _serial: dict[frozenset[str], Serial] = field(default_factory=dict)
    _known: dict[Any, bool] = field(default_factory=dict)

    def serial(self, names: frozenset[str]) -> Serial:
        """The outcomes of these calls alone, one after the other."""
        left = len(self.scenario.around.left)
        known = self._serial.get(names)
        if known is not None and left == self._left:
            return known
        if left != self._left:
            # What the state is has changed.
            self._left = left
            self._serial.clear()
            self._known.clear()
        calls = {name: call for name, call in self.scenario.calls.items() if name in names}
        alone = replace(
            self.scenario, calls=calls, cancellations=0, serial=True, most=None,
            invariant=None, at_end=None, raises=(BaseException,), bounded={},
        )  # fmt: skip
        found: Serial = {}
        search = DepthFirst(alone.start, states=True)
        while (run := search.next()) is not None:
            try:
                if search.end == "complete" and run.finished():
                    self._add(found, run)
            finally:
                run.close()
            self.runs += 1
            self.pace()
        if left != len(self.scenario.around.left):
            return self.serial(names)
        self._serial[names] = found
        return found

    def _add(self, found: Serial, run: Any) -> None:
        ending = run.ending()
        key = _key(ending)[:-1]
        if key not in found:
            found[key] = Outcome(ending, self.tell(run))
        found[key].orders.add(tuple(ending.began_after))

    def explains(self, ending: Ending) -> bool:
        """Is there a serial order with these results and this final state?"""
        explained = self._explained(ending)
        self._known[_key(ending)] = explained
        return explained

    def known(self, ending: Ending) -> bool:
        """Has an ending like this one been explained before?"""
        return self._known.get(_key(ending), False)

    def _explained(self, ending: Ending) -> bool:
        whole = frozenset(n for n, it in ending.answers.items() if it.kind == "returned")
        maybe = [name for name in ending.answers if name not in whole]
        for size in range(len(maybe), -1, -1):
            for some in combinations(maybe, size):
                for outcome in self.serial(whole.union(some)).values():
                    if _alike(outcome.ending, ending, whole) and any(
                        _keeps(order, whole, ending) for order in outcome.orders
                    ):
                        return True
        return False

    def possible(self) -> list[Outcome]:
        """The serial outcomes of all calls."""
        return list(self.serial(frozenset(self.scenario.calls)).values())

    def can_end(self, names: frozenset[str]) -> bool:
        """Can these calls end without the others?"""
        return bool(self.serial(names))


def _alike(one: Ending, other: Ending, whole: frozenset[str]) -> bool:
    """Have some calls returned the same, with the same state?"""
    return (
        one.state == other.state
        and all(one.answers[name][:2] == other.answers[name][:2] for name in whole)
        and one.pattern(whole) == other.pattern(whole)
    )


def _key(ending: Ending) -> Any:
    return (
        tuple((name, *it[:2]) for name, it in ending.answers.items()),
        ending.state,
        ending.pattern(ending.answers),
        tuple((name, tuple(sorted(it))) for name, it in sorted(ending.began_after.items())),
    )


def _keeps(order: Order, whole: frozenset[str], ending: Ending) -> bool:
    """Does an order keep the order of calls that did not overlap?"""
    at = {name: number for number, name in enumerate(order)}
    return all(
        at[before] < at[name] for name in whole for before in ending.began_after.get(name, ())
    )
