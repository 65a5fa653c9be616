"""A search that remembers visited states, for systems that can tell them apart.

Depth first, each schedule executed from a new start.  A state that any schedule reached before is
not explored again: the same steps and outcomes can follow it.  The run tells its state
(`fingerprint`), or None; then nothing is pruned.

With a bound, only schedules with at most so many preemptions are executed (a preemption takes the
turn from a task that could go on: Musuvathi and Qadeer, Iterative context bounding, PLDI 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from leo.schedules.brute import preemptions
from leo.schedules.system import Choice

# After so many states in a row that cannot be told apart, the search stops asking for them.
_BLIND = 30


@dataclass(slots=True)
class Node:
    """A state on the path: its fingerprint, what could be chosen, and what has not been yet."""

    state: object
    enabled: tuple[Choice, ...]
    first: Choice
    left: list[Choice]
    spent: int
    free: bool


@dataclass(slots=True)
class Pruned:
    """The search; call `next` until `ended`.

    `start` begins a run.  `prune=False` executes every schedule.  `bound` is the most preemptions.
    `switches` is the most choices that are not the first in their order.
    `states` counts those that were told apart, `cut` says whether the bound left anything out.
    """

    start: Any
    prune: bool = True
    bound: int | None = None
    switches: int | None = None
    path: list[Choice] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    states: int = 0
    runs: int = 0
    cut: bool = False
    ended: bool = False
    endless: bool = False
    _blind: int = 0
    _seen: dict[Any, int] = field(default_factory=dict)

    def next(self) -> Any:
        """Carry out one more run, and return it, not closed: to its end, or to a known state.

        The run's `pruned` says which.
        """
        run = self.start()
        self.runs += 1
        self.endless = False
        run.pruned = False
        try:
            if self.path:
                run.again(self.path)
            while True:
                enabled = run.enabled()
                if not enabled:
                    return run
                if not self._arrive(run, enabled):
                    run.pruned = True
                    return run
                choice = self.nodes[-1].left.pop()
                self.path.append(choice)
                run.take(choice)
        except BaseException:
            run.close()
            raise

    def _arrive(self, run: Any, enabled: tuple[Choice, ...]) -> bool:
        """Note the state that the run is in; False when it need not be explored."""
        last = self.path[-1].who if self.path else ""
        spent = self.nodes[-1].spent if self.nodes else 0
        if self.nodes and self.bound is not None:
            spent += preemptions(self.nodes[-1].enabled, self._mover(), self.path[-1])
        order = self._in_order(enabled, last)
        if self.switches is not None:
            spent += bool(self.nodes) and self.path[-1] != self.nodes[-1].first
            if spent >= self.switches:
                order = order[:1]
        if self.bound is not None:
            within = [
                it
                for it in order
                if spent + preemptions(enabled, self._mover(True), it) <= self.bound
            ]
            self.cut = self.cut or len(within) < len(order)
            order = within
        free = sum(choice.what == "step" for choice in enabled) == 1
        state = None
        if self.prune and (len(enabled) > 1 or len(self.path) % 50 == 49):
            state = run.fingerprint()
            self._blind = self._blind + 1 if state is None else 0
            if self._blind == _BLIND:
                # Not to try any more saves most of the time.
                self.prune = False
            if state is not None:
                key: Any = state if self.bound is None else (state, self._mover(True))
                known = self._seen.get(key)
                if known is not None and known <= spent:
                    self._find_endless(state)
                    return False
                self.states += known is None
                self._seen[key] = spent
        self.nodes.append(Node(state, enabled, order[0], order[::-1], spent, free))
        return True

    def _mover(self, after: bool = False) -> str:
        """Who went last, before the last choice or after it; a cancellation is nobody's turn."""
        path = self.path if after else self.path[:-1]
        for choice in reversed(path):
            return choice.who if choice.what == "step" else ""
        return ""

    def _find_endless(self, state: object) -> None:
        """Has the run come back to where it was, with nothing else to choose on the way?"""
        for node in reversed(self.nodes):
            if not node.free:
                return
            if node.state == state:
                self.endless = True
                return

    def _in_order(self, enabled: Sequence[Choice], last: str) -> list[Choice]:
        """The one that went last goes on first; cancellations come last.

        With `switches`, those that the last step has made able come second: a thread, say.
        """
        before = self.nodes[-1].enabled if self.nodes and self.switches is not None else ()
        return sorted(enabled, key=lambda it: (it.what != "step", it.who != last, it in before))

    def backtrack(self) -> None:
        """Go back to the last state with another choice, and make it; ended when there is none."""
        while self.nodes:
            del self.path[len(self.nodes) - 1 :]
            node = self.nodes[-1]
            if node.left:
                self.path.append(node.left.pop())
                return
            self.nodes.pop()
        self.ended = True

    def done(self) -> float:
        """How much of the search is done, estimated from the choices that are left on the path."""
        share, total = 1.0, 0.0
        for node in self.nodes:
            width = max(1, len(node.enabled))
            total += share * (width - len(node.left) - 1) / width
            share /= width
        return min(1.0, total)
