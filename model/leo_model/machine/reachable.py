"""Breadth-first search: the reachable graph of a world, and shortest schedules."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move, is_finished, successors
from leo_model.machine.state import State
from leo_model.machine.steps import World


@dataclass(slots=True)
class Graph:
    """The reachable graph: states by number, edges with their moves."""

    states: list[State] = field(default_factory=list)
    edges: list[tuple[int, Move, int]] = field(default_factory=list)
    parents: list[tuple[int, Move] | None] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)
    deadlocks: list[int] = field(default_factory=list)

    def path(self, target: int) -> list[Move]:
        """Return a shortest schedule from the initial state."""
        moves: list[Move] = []
        parent = self.parents[target]
        while parent is not None:
            target, move = parent
            moves.append(move)
            parent = self.parents[target]
        return moves[::-1]


def bounded_world(
    discipline: str, sessions: int, turns: int, faults: tuple[str, ...] | None = None
) -> World:
    """Return the bounded model that the claims use: half of the sessions on a second instance.

    ``faults`` None means every fault that can strike under the discipline.
    """
    rules = DISCIPLINES[discipline]
    names = [f"s{k + 1}" for k in range(sessions)]
    first = (sessions + rules.instances - 1) // rules.instances
    instance_of = {s: "i1" if k < first else "i2" for k, s in enumerate(names)}
    strikes = rules.possible_faults if faults is None else faults
    asks = {s: rules.asks[k % len(rules.asks)] for k, s in enumerate(names)}
    return World(rules, instance_of, turns=turns, faults=frozenset(strikes), asks=asks)


def initial_state(world: World) -> State:
    instances = [f"i{k + 1}" for k in range(world.rules.instances)]
    return State.initial(world.instance_of, instances)


def explore(world: World) -> Graph:
    """Return the whole reachable graph of a bounded world."""
    graph = Graph()
    numbers: dict[Hashable, int] = {}

    def number(state: State, parent: tuple[int, Move] | None) -> int:
        key = state.key()
        known = numbers.get(key)
        if known is None:
            known = numbers[key] = len(graph.states)
            graph.states.append(state)
            graph.parents.append(parent)
            queue.append(known)
        return known

    queue: deque[int] = deque()
    number(initial_state(world), None)
    while queue:
        source = queue.popleft()
        state, dead = graph.states[source], True
        for move, following in successors(world, state):
            dead = False
            graph.edges.append((source, move, number(following, (source, move))))
        if is_finished(world, state):
            graph.finished.add(source)
        elif dead:
            graph.deadlocks.append(source)
    return graph
