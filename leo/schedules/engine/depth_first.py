"""The search: depth first, each schedule executed from a new start.

By itself it executes every schedule.  Three things make them fewer:

declared sets  (`events`) One complete schedule of each class of equivalent ones.  A step that was
               taken *sleeps* in the branches beside it until a step is taken that depends on it
               (sleep sets: Godefroid, Partial-Order Methods for the Verification of Concurrent
               Systems, 1996, chapter 5).  A run in which all that is possible sleeps belongs to a
               class that was executed, and ends `redundant`.  Those that went last go on last, and
               faults come first: in this order such runs are few (`optimal.py` has none).
states         (`states`) A state that any schedule reached before is not explored again: the same
               steps and outcomes can follow it.  A run tells its state (`fingerprint`), or None.
               With declared sets, what slept there and is awake now is explored all the same.
a bound        (`price`, `most`) Each choice has a cost, and a schedule no more than `most`.

preemptions    one for taking the turn from somebody who could go on (Musuvathi and Qadeer,
               Iterative context bounding, PLDI 2007)
delays         one for each session that a round-robin scheduler would have chosen first (Emmi,
               Qadeer and Rakamaric, Delay-bounded scheduling, POPL 2011)
switches       one for any choice that is not the first in the search's order

A fault costs nothing: faults have a bound of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leo.schedules.engine.system import (
    MOST_STEPS,
    Choice,
    Events,
    Step,
    check_again,
    check_declared,
    check_length,
    check_still,
    unknown,
)

Price = Callable[[Sequence[Choice], str, Choice], int]
# After so many states in a row that cannot be told apart, the search stops asking for them.
_BLIND = 30
# A state with one choice is told now and then only: to see whether a run goes round.
_NOW_AND_THEN = 50


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


def switches(enabled: Sequence[Choice], last: str, choice: Choice) -> int:
    """One when it is not the first."""
    return int(choice != enabled[0])


class Node:
    """A state on the path: what could be chosen, and what has not been yet (the next one last).

    A choice comes with the number of its step.  `number` is that of the one taken here, `sleep` has
    the bits of those that sleep, `mover` went last, `spent` is what the schedule has cost so far.
    """

    __slots__ = ("enabled", "left", "mover", "number", "sleep", "spent", "state")

    def __init__(self, enabled: Sequence[Choice], mover: str, sleep: int, spent: int) -> None:
        self.enabled, self.mover, self.sleep, self.spent = enabled, mover, sleep, spent
        self.left: list[tuple[Choice, int]] = []
        self.number = 0
        self.state: object = None


class DepthFirst:
    """The search; `next` until it is None.  `start` begins a run.

    `path` and `steps` are those of the last run, and `end` says how it ended: `complete`, in a
    `known` state, or `redundant`.  `endless`: it came back to where it had been, with nothing else
    to choose on the way.  `found` counts the states that were told apart; `cut` says whether the
    bound left anything out.  With `reduce=False` steps have numbers, and none of them sleeps.
    """

    node = Node

    def __init__(
        self,
        start: Callable[[], Any],
        *,
        events: Events | None = None,
        reduce: bool = True,
        states: bool = False,
        price: Price | None = None,
        most: int = 0,
    ) -> None:
        self.start, self.events, self.reduce = start, events, reduce
        self.states, self.price, self.most = states, price, most
        self.path: list[Choice] = []
        self.steps: list[Step] = []
        self.nodes: list[Any] = []
        self.end = ""
        self.runs = self.found = 0
        self.cut = self.endless = False
        self._blind = 0
        self._seen: dict[Any, int] = {}
        # Where nothing sleeps and one thing can be done, states are alike: by the step to take.
        self._only: dict[int, Node] = {}
        self._plain = events is not None and not states and price is None and self.node is Node

    def next(self) -> Any:
        """Carry out one more run and return it, not closed; None when there is no other.

        Raises EngineError when the system is not deterministic or touches what it does not declare.
        """
        if self.runs and not self._backtrack():
            return None
        self.runs += 1
        self.end, self.endless = "complete", False
        run = self.start()
        try:
            path, steps, nodes, events = self.path, self.steps, self.nodes, self.events
            # The choice that is new was made by `_backtrack`.
            choice = path.pop() if path else None
            if steps:
                self._again(run, path, steps)
            take, enabled, arrive = run.take, run.enabled, self._arrive
            if choice is None and (able := enabled()):
                choice = arrive(run, able)
            while choice is not None:
                path.append(choice)
                if len(path) > MOST_STEPS:
                    check_length(len(path))
                step = take(choice)
                steps.append(step)
                if events is not None:
                    declared = events.steps[nodes[-1].number]
                    if step is not declared and step != declared:
                        check_declared(declared, step)
                choice = arrive(run, able) if (able := enabled()) else None
        except BaseException:
            run.close()
            raise
        return run

    def _again(self, run: Any, path: Sequence[Choice], before: Sequence[Step]) -> None:
        """Take choices that were taken before; they must do the same again."""
        again, done = getattr(run, "again", None), list[Step]()
        try:
            done.extend(map(run.take, path) if again is None else again(path))
        finally:
            # A choice that is no longer possible comes after a step that did something else.
            if done != before:
                for position, pair in enumerate(zip(before, done, strict=False), 1):
                    check_again(position, *pair)

    def _arrive(self, run: Any, enabled: Sequence[Choice]) -> Choice | None:
        """What to choose in the state that the run is in; None when it need not be explored."""
        nodes, path, events, parent, last, sleep = self.nodes, self.path, self.events, None, None, 0
        if nodes:
            parent, last = nodes[-1], path[-1]
            if parent.sleep and events is not None:
                sleep = parent.sleep & ~events.conflicts[parent.number]
            if self._plain and not sleep and len(enabled) == 1:
                node = self._only.get(id(run.pending(enabled[0])))
                if node is not None:
                    nodes.append(node)
                    return enabled[0]
        # A cancellation is nobody's turn.
        mover = last[0] if last is not None and last[1] == "step" else ""
        node = self.node(enabled, mover, sleep, parent.spent if parent is not None else 0)
        if events is None:
            node.left = self._in_order(enabled, last, parent)
        elif not self._awake(run, node, parent, events):
            self.end = "redundant"
            return None
        if self.price is not None:
            self._afford(node, parent, last)
        if self.states and (len(enabled) > 1 or len(path) % _NOW_AND_THEN == _NOW_AND_THEN - 1):
            node.state = self._state(run)
            if node.state is not None and self._known(node):
                self.end = "known"
                return None
        nodes.append(node)
        choice, node.number = node.left.pop()
        if self._plain and events is not None and not sleep and len(enabled) == 1:
            self._only[id(events.steps[node.number])] = node
        return choice

    def _awake(self, run: Any, node: Node, parent: Node | None, events: Events) -> bool:
        """Number what can be chosen, and leave out what sleeps; False when all of it does."""
        enabled, pending, known, sleep = node.enabled, run.pending, events.known, node.sleep
        # Those that went last go on last: they come first here.
        mover, asleep, left = node.mover if self.reduce else "", 0, node.left
        for choice in enabled[::-1]:
            step = pending(choice)
            number = known(id(step))
            if number is None:
                number = events.number(step or unknown(choice))
            if sleep >> number & 1:
                asleep |= 1 << number
            elif choice[0] == mover and choice[1] == "step":
                left.insert(0, (choice, number))
            else:
                left.append((choice, number))
        if sleep != asleep and parent is not None:
            check_still(events, parent.number, sleep & ~asleep)
        if self.reduce and enabled[-1][1] != "step":
            left.sort(key=_is_fault)
        return bool(left)

    def _in_order(
        self, enabled: Sequence[Choice], last: Choice | None, parent: Node | None
    ) -> list[tuple[Choice, int]]:
        """The one that went last goes on first; cancellations come last.

        For `switches`, those that the last step has made able come second: a thread, say.
        """
        who = last.who if last is not None else ""
        before = parent.enabled if parent is not None and self.price is switches else ()
        order = list(enabled)
        if len(enabled) > 1:
            order.sort(key=lambda it: (it.what != "step", it.who != who, it in before))
        return [(choice, 0) for choice in reversed(order)]

    def _afford(self, node: Node, parent: Node | None, last: Choice | None) -> None:
        """Leave out what would cost too much; something always costs nothing."""
        price = self.price
        assert price is not None, "the caller has looked"
        if parent is not None and last is not None:
            node.spent += price(parent.enabled, parent.mover, last)
        order = node.enabled = [choice for choice, _ in reversed(node.left)]
        room = self.most - node.spent
        node.left = [it for it in node.left if price(order, node.mover, it[0]) <= room]
        self.cut = self.cut or len(node.left) < len(order)

    def _state(self, run: Any) -> object:
        state = run.fingerprint()
        self._blind = self._blind + 1 if state is None else 0
        if self._blind == _BLIND:
            # Not to try any more saves most of the time.
            self.states = False
        return state

    def _known(self, node: Node) -> bool:
        """Is all explored that can follow a state?  It is noted as one that will be.

        With a bound that is so if it was reached at no higher cost, by the same mover; with
        declared sets, if nothing slept there that is awake now.  Otherwise what slept and is awake
        now is left (Godefroid, chapter 5).  Only where a run can come back to a state would
        anything be missed without that: elsewhere what sleeps leads to states that are known.
        """
        key, worth = node.state, node.sleep
        if self.price is not None:
            # What was affordable with less left is the more the less was spent: as bits.
            key, worth = (node.state, node.mover), (1 << node.spent) - 1
        known = self._seen.get(key)
        if known is not None and not known & ~worth:
            self._find_endless(node.state)
            return True
        if known is None:
            self.found += 1
        else:
            worth &= known
            if self.price is None:
                node.left = [it for it in node.left if known >> it[1] & 1]
                node.sleep = worth
        self._seen[key] = worth
        return False

    def _find_endless(self, state: object) -> None:
        """Has the run come back to where it was, with nothing else to choose on the way?"""
        for node in reversed(self.nodes):
            if sum(choice.what == "step" for choice in node.enabled) != 1:
                return
            if node.state == state:
                self.endless = True
                return

    def _backtrack(self) -> bool:
        """Go back to the last state with another choice, and make it; False when there is none."""
        path, steps, nodes = self.path, self.steps, self.nodes
        while nodes:
            path.pop()
            steps.pop()
            node = nodes[-1]
            if node.left:
                node.sleep |= 1 << node.number if self.reduce and self.events is not None else 0
                choice, node.number = node.left.pop()
                path.append(choice)
                return True
            nodes.pop()
        return False

    def numbers(self) -> tuple[int, ...]:
        """The numbers of the last run's steps, as declared while they were pending."""
        return tuple(node.number for node in self.nodes)

    def planned(self) -> int:
        """How many branches are known and were not explored."""
        return sum(len(node.left) for node in self.nodes)

    def done(self) -> float:
        """How much of the search is done, estimated from the choices that are left on the path."""
        share, total = 1.0, 0.0
        for node in self.nodes:
            width = max(1, len(node.enabled))
            total += share * (width - len(node.left) - 1) / width
            share /= width
        return min(1.0, total)


def _is_fault(pair: tuple[Choice, int]) -> bool:
    return pair[0].what != "step"
