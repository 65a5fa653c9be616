"""A real execution of a mutant: the same relation, run from the initial state on a few sessions.

A counter-model of an inductive step need not be reachable. So each mutant is also executed, breadth
first and bounded, until the property itself is broken: that is what a person can replay. In the
same way a theorem's own relation is executed until it meets what the theorem speaks of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import fields

import z3

from leo_model.machine.reachable import bounded_world, initial_state
from leo_model.machine.steps import World as MachineWorld
from proofs.relation.relation import World
from proofs.relation.tie import Facts, Relation, encode
from proofs.relation.vocabulary import State, Term

__all__ = ["reach", "shortest_violation"]

LIMIT = 20_000
_FIELDS = tuple(f.name for f in fields(State))


def shortest_violation(
    world: World, holds: Term, sessions: int = 2, turns: int = 1
) -> list[str] | None:
    """Return a shortest schedule after which ``holds`` is false; None when there is none in the
    bound.
    """
    found, _ = reach(world, {"violation": z3.Not(holds)}, sessions, turns)
    return found.get("violation")


def reach(
    world: World, wanted: Mapping[str, Term], sessions: int = 2, turns: int = 1
) -> tuple[dict[str, list[str]], int]:
    """Return for every formula that becomes true in the bound a shortest schedule to where it is,
    and how many states were looked at; the search ends when all have been met.
    """
    bounded = bounded_world(world.rules.name, sessions, turns)
    machine = MachineWorld(
        world.rules, bounded.instance_of, turns=turns, faults=world.faults, asks=bounded.asks
    )
    start = encode(machine, initial_state(bounded))
    relation = Relation(world)
    parents: dict[Hashable, tuple[Hashable, str] | None] = {_key(start): None}
    queue = deque([start])
    found: dict[str, list[str]] = {}
    looked_at = 0
    while queue and len(parents) < LIMIT:
        facts = queue.popleft()
        looked_at += 1
        key = _key(facts)
        for name in wanted.keys() - found.keys():
            if relation.holds(wanted[name], facts):
                found[name] = _path(parents, key)
        if found.keys() == wanted.keys():
            break
        for (action, actor), after in relation.successors(facts):
            following = _key(after)
            if following not in parents:
                parents[following] = (key, f"{action} {actor}")
                queue.append(after)
    return found, looked_at


def _key(facts: Facts) -> Hashable:
    return tuple(
        frozenset(facts[name].items()) if name == "pc" else facts[name] for name in _FIELDS
    )


def _path(parents: dict[Hashable, tuple[Hashable, str] | None], key: Hashable) -> list[str]:
    moves: list[str] = []
    parent = parents[key]
    while parent is not None:
        key, move = parent
        moves.append(move)
        parent = parents[key]
    return moves[::-1]
