"""The reachable graph up to the names of the sessions.

Sessions of one instance are alike but for their names.  Of the states that differ in names only,
one is kept; an edge says how the sessions of its source are called in its target.  Every edge of
the whole graph is an edge of this one under other names (a test puts them all back and compares).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby, permutations, product
from typing import NamedTuple

from leo_model.machine.machine import Move, successors
from leo_model.machine.reachable import explore, initial_state
from leo_model.machine.state import Content, Local, Objects, Reply, State, Store, Tables
from leo_model.machine.steps import World

Names = Mapping[str, str]


class Way(NamedTuple):
    """An edge: the move, the state that it leads to, and the names that the sessions have there."""

    move: Move
    target: int
    names: Names


@dataclass(slots=True)
class NamedGraph:
    """States, and the ways out of each."""

    states: list[State] = field(default_factory=list)
    out: list[list[Way]] = field(default_factory=list)

    @property
    def edges(self) -> int:
        return sum(map(len, self.out))


def whole_graph(world: World) -> NamedGraph:
    """The reachable graph as it is."""
    graph = explore(world)
    same = {session: session for session in world.instance_of}
    found = NamedGraph(graph.states, [[] for _ in graph.states])
    for source, move, target in graph.edges:
        found.out[source].append(Way(move, target, same))
    return found


def renamed_graph(world: World) -> NamedGraph:
    """The reachable graph up to the names of the sessions of each instance."""
    found = NamedGraph()
    numbers: dict[Hashable, int] = {}
    queue: deque[int] = deque()

    def number(state: State) -> int:
        known = numbers.setdefault(state.key(), len(found.states))
        if known == len(found.states):
            found.states.append(state)
            found.out.append([])
            queue.append(known)
        return known

    number(initial_state(world))
    while queue:
        source = queue.popleft()
        for move, following in successors(world, found.states[source]):
            names = canonical_names(world, following)
            found.out[source].append(Way(move, number(rename(following, names)), names))
    return found


def canonical_names(world: World, state: State) -> dict[str, str]:
    """How the sessions are called in the state that is kept: in the order of where they stand."""
    groups: list[list[tuple[str, ...]]] = []
    homes: list[str] = []
    for instance in state.up:
        peers = world.peers(instance)
        homes += peers
        ordered = sorted((_standing(state, s), s) for s in peers)
        for _, alike in groupby(ordered, key=lambda pair: pair[0]):
            groups.append(list(permutations(s for _, s in alike)))
    candidates = (
        dict(zip((s for group in order for s in group), homes, strict=True))
        for order in product(*groups)
    )
    if all(len(group) == 1 for group in groups):
        return next(candidates)
    return min(candidates, key=lambda names: _written(rename(state, names)))


def _standing(state: State, s: str) -> tuple[object, ...]:
    """What can be said of a session without naming another."""
    local, reply = state.local[s], state.reply(s)
    return (
        state.pc[s],
        state.calls[s],
        state.moved[s],
        state.arrivals.index(s) if s in state.arrivals else -1,
        s in state.overtaken,
        s in state.left,
        tuple((len(content), reply in content) for content in local),
        reply in state.returned,
        state.store.ngrams.index(reply) if reply in state.store.ngrams else -1,
        state.store.snapshots.index(reply) if reply in state.store.snapshots else -1,
    )


def _written(state: State) -> str:
    """A state as text in one order, to be compared."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return sorted((key, plain(item)) for key, item in value.items())
        if isinstance(value, frozenset):
            return sorted(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return [plain(item) for item in value]
        return value

    return repr([plain(getattr(state, name)) for name in State.__slots__])


def rename(state: State, names: Names) -> State:
    """The same state under other names."""
    if all(old == new for old, new in names.items()):
        return state

    def write(old: Reply) -> Reply:
        return (names.get(old[0], old[0]), *old[1:])

    def content(old: Content) -> Content:
        return frozenset(map(write, old))

    return replace(
        state,
        pc={names[s]: label for s, label in state.pc.items()},
        calls={names[s]: count for s, count in state.calls.items()},
        local={names[s]: Local(*map(content, held)) for s, held in state.local.items()},
        moved={names[s]: moved for s, moved in state.moved.items()},
        store=Store(*(tuple(map(write, written)) for written in state.store)),
        view={i: Tables(*map(content, tables)) for i, tables in state.view.items()},
        holder={i: names.get(s, s) for i, s in state.holder.items()},
        arrivals=tuple(names[s] for s in state.arrivals),
        overtaken=frozenset(names[s] for s in state.overtaken),
        writing=names.get(state.writing, state.writing),
        left=frozenset(names[s] for s in state.left),
        returned=content(state.returned),
        readers=Objects(*map(content, state.readers)),
        dsg=frozenset((write(a), write(b)) for a, b in state.dsg),
    )


def every_naming(world: World) -> Iterator[dict[str, str]]:
    """Every way to rename sessions within their instances."""
    groups = [world.peers(i) for i in dict.fromkeys(world.instance_of.values())]
    for orders in product(*(permutations(group) for group in groups)):
        yield {
            old: new
            for group, order in zip(groups, orders, strict=True)
            for old, new in zip(group, order, strict=True)
        }
