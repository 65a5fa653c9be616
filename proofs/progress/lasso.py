"""A real behaviour in which a call never ends: a schedule, and another that is repeated for ever.

The relation is run on a few sessions without faults, one call each. After the repeated part the
state is as before it, up to contents and the names of replies; in the disciplines with a lock and
no transaction no guard looks at these, so the part can be repeated with new calls. The behaviour is
weakly fair when, in the repeated part, each session takes a step of its own or cannot take one at
some moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import replace

from leo_model.machine.reachable import bounded_world, initial_state
from leo_model.machine.steps import World as MachineWorld
from proofs.relation.relation import World
from proofs.relation.tie import Facts, Relation, encode

# What guards look at when contents do not matter; histories are left out as well.
CONTROL = ("holder", "waiting", "ahead", "writing", "moved", "up", "left")
LIMIT = 20_000
STARVED = "s1"
Move = tuple[str, str]


def control(facts: Facts) -> Hashable:
    return (frozenset(facts["pc"].items()), *(facts[name] for name in CONTROL))


class _Graph:
    """The moves from a state, and where they lead, computed once."""

    def __init__(self, world: World, sessions: int) -> None:
        quiet = replace(world, faults=frozenset())
        bounded = bounded_world(world.rules.name, sessions, 1)
        machine = MachineWorld(world.rules, bounded.instance_of, turns=1)
        self.start = encode(machine, initial_state(bounded))
        self.sessions = frozenset(bounded.instance_of)
        self._relation = Relation(quiet)

    def moves(self, facts: Facts) -> list[tuple[Move, Facts]]:
        return list(self._relation.successors(facts))


def _treated_fairly(graph: _Graph, moves: list[tuple[Move, Facts]], taken: Move) -> frozenset[str]:
    """The sessions to which weak fairness owes nothing after this move: who steps, who cannot."""
    can = {actor for (action, actor), _ in moves if action not in ("Call", "Recover")}
    return (graph.sessions - can) | ({taken[1]} & can)


def _loop(graph: _Graph, start: Facts) -> list[Move] | None:
    """A shortest fair way from a state back to one with the same control; the starved stays."""
    home = control(start)
    Node = tuple[Facts, frozenset[str], tuple[Move, ...]]
    queue: deque[Node] = deque([(start, frozenset(), ())])
    seen: set[Hashable] = set()
    while queue and len(seen) < LIMIT:
        facts, fair, path = queue.popleft()
        moves = graph.moves(facts)
        for move, after in moves:
            if after["pc"][STARVED] == "idle":
                continue
            following = fair | _treated_fairly(graph, moves, move)
            way = (*path, move)
            if control(after) == home and following == graph.sessions:
                return list(way)
            key = (control(after), after["called"], following)
            if key not in seen:
                seen.add(key)
                queue.append((after, following, way))
    return None


def _states(graph: _Graph) -> Iterator[tuple[Facts, tuple[Move, ...]]]:
    """The reachable states in which the starved session is in flight, breadth first."""
    queue: deque[tuple[Facts, tuple[Move, ...]]] = deque([(graph.start, ())])
    seen: set[Hashable] = set()
    while queue and len(seen) < LIMIT:
        facts, path = queue.popleft()
        if facts["pc"][STARVED] != "idle":
            yield facts, path
        for move, after in graph.moves(facts):
            key = (control(after), after["called"])
            if key not in seen:
                seen.add(key)
                queue.append((after, (*path, move)))


def starving(world: World, sessions: int = 2) -> tuple[list[str], list[str]] | None:
    """Return a schedule and one to repeat for ever, through which the first session waits; None
    when there is none in the bound.
    """
    assert world.rules.transaction == "none", "a guard looks at contents"
    graph = _Graph(world, sessions)
    for facts, path in _states(graph):
        loop = _loop(graph, facts)
        if loop is not None:
            return [" ".join(move) for move in path], [" ".join(move) for move in loop]
    return None
