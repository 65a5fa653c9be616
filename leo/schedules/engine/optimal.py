"""Exactly one run for each class of equivalent schedules: none is given up.

Sleep sets alone give up a run when all that is possible sleeps.  Here a branch is explored only
when a run that was executed shows what is new behind it (Optimal-DPOR: Abdulla, Aronis, Jonsson and
Sagonas, Optimal dynamic partial order reduction, POPL 2014; Source sets, JACM 64(4), 2017): each
race of the run is reversed, and the sequence that reverses it becomes a branch of a *wakeup tree*
at the state before the race, unless what sleeps there, or another branch, covers it.

A step may be impossible for a while (a lock) or for good (a fault that may strike once).  A step
that waits is reversed against what it waits for, and one that was possible and is lost becomes a
branch before what took it.  A branch that cannot be followed would hide others: where it is not
known that its last step is possible, the steps that this depends on are executed first (`probes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from leo.schedules.engine.depth_first import DepthFirst, Node
from leo.schedules.engine.system import EngineError, Events, check_still, said, unknown

# The branches in a state, by the numbers of their steps and in the order of the search.  After a
# branch without branches the search goes on freely.
Tree = dict[int, "Tree"]


def find_place(
    tree: Tree, sequence: list[int], conflicts: Sequence[int]
) -> tuple[Tree, list[int]] | None:
    """Where a sequence is to be planted, and what of it; None when a leaf covers it.

    The place is below the first branches that can come before the sequence or in it (POPL 2014,
    definition 6.1 and lemma 6.2).
    """
    while True:
        for number, following in tree.items():
            rest = _without(sequence, number, conflicts[number])
            if rest is not None:
                if not following:
                    return None
                tree, sequence = following, rest
                break
        else:
            return tree, sequence


def _without(sequence: list[int], number: int, depends: int) -> list[int] | None:
    """A sequence without a step that can come first; whole when none of it depends on the step, and
    None when the step has to come later.
    """
    for position, other in enumerate(sequence):
        if other == number:
            return sequence[:position] + sequence[position + 1 :]
        if depends >> other & 1:
            return None
    return sequence


class Possible(NamedTuple):
    """The numbers of what can be chosen in a state, and of what somebody waits for."""

    now: frozenset[int]
    waiting: frozenset[int]


class Place(Node):
    """A state on the path, and the branches that follow it.

    `lost`: what was possible or waited here, and is neither after the step taken here.  `asked`:
    the sequences that were to be planted.  `tried`: what is possible after some more steps.
    """

    __slots__ = ("asked", "lost", "possible", "tree", "tried")
    asked: set[tuple[int, ...]]
    lost: Sequence[int]
    possible: Possible
    tree: Tree
    tried: dict[tuple[int, ...], Possible]


class Optimal(DepthFirst):
    """The search; `next` until it is None, each run closed before the next one.

    Its runs say what is `waiting`.  `probes` counts the beginnings of runs that were executed to
    see what is possible.
    """

    node = Place
    nodes: list[Place]
    events: Events

    def __init__(self, start: Callable[[], Any], *, events: Events | None = None) -> None:
        super().__init__(start, events=events or Events())
        self.probes = 0
        # Of the last run: the numbers of its steps, the positions that each depends on, as bits,
        # and what is possible at its end.
        self._numbers: tuple[int, ...] = ()
        self._past: list[int] = []
        self._end = Possible(frozenset(), frozenset())

    def next(self) -> Any:
        """Carry out one more run, as `DepthFirst.next` does."""
        run = super().next()
        if run is not None:
            self._end = self._look(run)
        return run

    def _look(self, run: Any) -> Possible:
        """The numbers of what is possible where a run stands."""
        number, pending = self.events.number, run.pending
        now, waiting = (
            frozenset([number(pending(it) or unknown(it)) for it in choices])
            for choices in (run.enabled(), run.waiting())
        )
        return Possible(now, waiting)

    def _awake(self, run: Any, node: Any, parent: Any, events: Events) -> bool:
        """Choose as planned, else the first of what does not sleep."""
        awake = super()._awake(run, node, parent, events)
        node.possible, node.lost, node.asked, node.tried = self._look(run), (), set(), {}
        node.tree = parent.tree.pop(parent.number, {}) if parent is not None else {}
        if not node.tree:
            del node.left[:-1]
            return awake
        steps, node.left = events.steps, []
        for number in reversed(node.tree):
            if number not in node.possible.now:
                raise EngineError(
                    f"{said(steps[number])} was possible and is not under the same schedule, or an "
                    "object that it depends on is not declared"
                )
            node.left.append((steps[number].choice, number))
        return True

    def _backtrack(self) -> bool:
        self._numbers = self.numbers()
        self._analyse()
        found = super()._backtrack()
        del self._past[max(0, len(self.path) - 1) :]
        return found

    def _analyse(self) -> None:
        """Plan what the new steps of the last run show to be new."""
        numbers, past, nodes = self._numbers, self._past, self.nodes
        first, length = len(past), len(numbers)
        for at in range(first, length):
            past.append(self._reverse(numbers[at], at) | 1 << at)
            after = nodes[at + 1].possible if at + 1 < length else self._end
            nodes[at].lost = self._lost(numbers[at], nodes[at].possible, after)
        for at, node in enumerate(nodes):
            if node.lost:
                kept = [later for later in range(at + 1, length) if not past[later] >> at & 1]
                # For an old step only where something new comes before what was lost.
                if at >= first or (kept and kept[-1] >= first):
                    for number in node.lost:
                        self._plan(at, kept, number)
        for number in self._end.waiting:
            self._reverse(number, length)

    def _lost(self, number: int, before: Possible, after: Possible) -> list[int]:
        """What a step took away: from others, and what its own session could have done instead."""
        steps = self.events.steps
        check_still(self.events, number, sum(1 << it for it in before.now - after.now))
        still, who = after.now | after.waiting, steps[number].choice.who
        return [
            it
            for it in before.now | before.waiting
            if it != number and (it not in still or steps[it].choice.who == who)
        ]

    def _reverse(self, number: int, depth: int, kept: Sequence[int] = ()) -> int:
        """Plan the reversal of each race of a step that comes, or waits, after the first `depth`
        steps and those at the positions `kept`; return what it depends on, as bits.
        """
        numbers, past, path, seen = self._numbers, self._past, self.path, 0
        depends, who = self.events.conflicts[number], self.events.steps[number].choice.who
        positions = [*range(depth), *kept]
        for earlier in reversed(positions):
            if depends >> numbers[earlier] & 1 and not seen >> earlier & 1:
                seen |= past[earlier]
                if path[earlier].who != who:
                    # A position among `kept` has no state of its own without the step at `depth`.
                    at = min(earlier, depth)
                    others = [it for it in positions[at:] if not past[it] >> earlier & 1]
                    self._plan(at, others, number)
        return seen

    def _plan(self, depth: int, kept: Sequence[int], number: int) -> None:
        """Plant the steps at some positions and then a step, in the state before the step at
        `depth`, unless that is covered there or cannot be carried out.
        """
        node, conflicts = self.nodes[depth], self.events.conflicts
        sequence = [*(self._numbers[at] for at in kept), number]
        if tuple(sequence) in node.asked:
            return
        node.asked.add(tuple(sequence))
        if _is_covered(sequence, node.sleep, conflicts) or not find_place(
            node.tree, sequence, conflicts
        ):
            return
        if not self._is_possible(depth, kept, number):
            return
        # To look may have planted something: the place is looked up again.
        place = find_place(node.tree, sequence, conflicts)
        if place is not None:
            tree, (begin, *rest) = place
            tree[begin] = {}
            if tree is node.tree:
                node.left.insert(0, (self.events.steps[begin].choice, begin))
            tree = tree[begin]
            for each in rest:
                tree[each] = tree = {}

    def _is_possible(self, depth: int, kept: Sequence[int], number: int) -> bool:
        """Is a step possible after the steps at some positions?  Its races count if it waits."""
        node, conflicts, numbers = self.nodes[depth], self.events.conflicts, self._numbers
        # Steps that it does not depend on are left out, so one probe answers for many sequences.
        needed, depends = list[int](), conflicts[number]
        for at in reversed(kept):
            if depends >> numbers[at] & 1:
                needed.append(numbers[at])
                depends |= conflicts[numbers[at]]
        if not needed:
            found, kept = node.possible, ()
        elif tuple(needed) in node.tried:
            found = node.tried[tuple(needed)]
        else:
            found = node.tried[tuple(needed)] = self._probe(depth, reversed(needed))
        if number in found.waiting:
            self._reverse(number, depth, kept)
        return number in found.now

    def _probe(self, depth: int, then: Iterable[int]) -> Possible:
        """Execute the first `depth` steps and then some others, and see what is possible."""
        self.probes += 1
        run = self.start()
        try:
            for choice in self.path[:depth]:
                run.take(choice)
            for number in then:
                run.take(self.events.steps[number].choice)
            return self._look(run)
        finally:
            run.close()


def _is_covered(sequence: Iterable[int], asleep: int, conflicts: Sequence[int]) -> bool:
    """Can something that sleeps come first in a sequence, or before it?"""
    for number in sequence:
        if asleep >> number & 1:
            return True
        asleep &= ~conflicts[number]
    return asleep > 0
