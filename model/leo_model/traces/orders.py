"""In which orders can the lines of several writers have happened?

Each writer's lines are in order; between writers only versions and guards tell.  The search takes
one line after the other and keeps, after each, every state that some order of the lines so far
leads to: orders that lead to the same state are one.  So it needs no luck and no going back, and
its time is the number of lines times the states kept, which is bounded: when more are needed, the
answer is "undecided".

The order of calls in different processes is in no version.  It decides about ``NoOvertaking`` only,
so states that differ in it alone count as one, and that property is not decided here.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from leo.trace.events import Header
from leo_model.errors import Refused
from leo_model.machine.machine import Move, apply
from leo_model.traces.events import Line
from leo_model.traces.explain import Rejection, explain
from leo_model.traces.native import Checker
from leo_model.traces.versions import expected_versions
from leo_model.traces.watch import Watch

UNDECIDABLE: Final = "NoOvertaking"
MOST_STATES: Final = 2_000

# The lines of an order, the last first.
Chain = tuple[Line, "Chain"] | None


@dataclass(slots=True)
class Node:
    """One way to have come so far: how many lines of each writer, and what they led to."""

    taken: tuple[int, ...]
    checker: Checker
    chain: Chain

    @property
    def broken(self) -> frozenset[str]:
        return frozenset(self.checker.watch.violations) - {UNDECIDABLE}

    def key(self) -> Hashable:
        return self.taken, self.broken, self.checker.state.key()

    def lines(self) -> list[Line]:
        """The lines in the order of this node."""
        found, chain = [], self.chain
        while chain is not None:
            line, chain = chain
            found.append(line)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Orders:
    """What the search found.

    ``order`` is an order that is a behaviour and breaks the fewest properties, None when there is
    none or it is ``undecided`` (then the reason).  ``always`` are the properties that fall in every
    order, ``sometimes`` those that fall in some.  ``stuck`` says, when no order goes on, why the
    next line of each writer is no step; ``width`` is the largest number of states kept.
    """

    order: list[Line] | None = None
    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()
    undecided: str | None = None
    stuck: tuple[Rejection, ...] = ()
    width: int = 1


def find_orders(
    header: Header,
    writers: Sequence[Sequence[Line]],
    *,
    down: Iterable[str] = (),
    opened: Sequence[tuple[int, int] | None] = (),
    most: int = MOST_STATES,
) -> Orders:
    """Search the orders of the writers' lines.

    ``down`` are instances that are not there at the beginning; for each writer ``opened`` has the
    versions that the store must have when its first line, a Recover, is taken, or None.
    """
    checker = Checker(header)
    for lines in writers:
        for line in lines:
            if line.turn and line.actor not in checker.state.pc:
                checker.world.instance_of[line.actor] = line.event.instance
                checker.state.add_session(line.actor)
    for instance in down:
        apply(checker.world, checker.state, Move("Crash", instance))
    layer = [Node((0,) * len(writers), checker, None)]
    total, width = sum(map(len, writers)), 1
    for depth in range(total):
        found: dict[Hashable, Node] = {}
        for node in layer:
            for following in _successors(node, writers, opened):
                found.setdefault(following.key(), following)
        if not found:
            return Orders(stuck=_stuck(layer[0], writers, depth), width=width)
        width = max(width, len(found))
        if len(found) > most:
            return Orders(
                undecided=(
                    f"after {depth + 1:,} of {total:,} events there are more than {most:,} states "
                    "that the lines could have led to"
                ),
                width=width,
            )
        layer = list(found.values())
    best = min(layer, key=lambda node: len(node.broken))
    always = frozenset.intersection(*(node.broken for node in layer))
    some = frozenset[str]().union(*(node.broken for node in layer))
    return Orders(best.lines(), always, some - always, width=width)


def _successors(
    node: Node, writers: Sequence[Sequence[Line]], opened: Sequence[tuple[int, int] | None]
) -> Iterator[Node]:
    for writer, lines in enumerate(writers):
        place = node.taken[writer]
        if place == len(lines):
            continue
        line = lines[place]
        if place == 0 and opened and opened[writer] not in (None, _versions(node.checker)):
            continue
        if not _fits(node.checker, line):
            continue
        checker = _fork(node.checker)
        refused = checker.feed(line)
        assert refused is None, "the line fitted a moment ago"
        _forget_the_order_of_calls(checker)
        taken = (*node.taken[:writer], place + 1, *node.taken[writer + 1 :])
        yield Node(taken, checker, (line, node.chain))


def _versions(checker: Checker) -> tuple[int, int]:
    z = checker.state
    return z.base.ngrams + len(z.store.ngrams), z.base.snapshots + len(z.store.snapshots)


def _fits(checker: Checker, line: Line) -> bool:
    """Tell whether a line is a step of the state, which stays as it is."""
    w, z, action = checker.world, checker.state, line.event.action.value
    if line.turn and z.calls[line.actor] + (action == "Call") != line.turn:
        return False
    if expected_versions(w, z, line) != line.versions:
        return False
    try:
        apply(w, z.copy(), Move(action, line.actor))
    except Refused:
        return False
    return True


def _fork(checker: Checker) -> Checker:
    """A checker that goes on by itself from where this one is; the world is the same."""
    twin = copy.copy(checker)
    twin.state = checker.state.copy()
    twin.watch = _fork_watch(checker.watch)
    twin.outcomes = checker.outcomes.copy()
    return twin


def _fork_watch(watch: Watch) -> Watch:
    twin = copy.copy(watch)
    for name, value in vars(watch).items():
        if isinstance(value, set):
            setattr(twin, name, set(value))
    twin.violations = {name: replace(found) for name, found in watch.violations.items()}
    return twin


def _forget_the_order_of_calls(checker: Checker) -> None:
    """Keep the order of the calls at each instance, which its lock goes by, and no other."""
    z, home = checker.state, checker.world.instance_of
    z.arrivals = tuple(sorted(z.arrivals, key=lambda s: home[s]))
    z.overtaken = frozenset()


def _stuck(node: Node, writers: Sequence[Sequence[Line]], depth: int) -> tuple[Rejection, ...]:
    w, z = node.checker.world, node.checker.state
    return tuple(
        explain(w, z, lines[place])
        for place, lines in zip(node.taken, writers, strict=True)
        if place < len(lines)
    )
