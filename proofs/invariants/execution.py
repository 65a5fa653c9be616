"""Real executions: the relation itself, run from the initial state on a few sessions.

A counter-model of an inductive step need not be reachable. So each mutant is also executed, breadth
first and bounded, until the property itself is broken: that is what a person can replay.

A theorem must not hold vacuously. "What generate reads does not change" follows from any invariant
under which nobody ever reads. So each property has a non-vacuity witness: a kind of state in which
it could fail (an *occasion*, as in ``spec/MCOccasions.tla``). For each theorem and each of its
relations there is an execution without faults to such a state.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, replace
from functools import cache

import z3

from leo_model.machine.reachable import bounded_world, initial_state
from leo_model.machine.steps import World as MachineWorld
from proofs.invariants.safety import has_generated, inside
from proofs.relation.relation import World
from proofs.relation.tie import Facts, Relation, encode
from proofs.relation.vocabulary import (
    LABELS,
    UNREAD,
    State,
    Symbol,
    Term,
    at,
    every,
    in_flight,
    instance_of,
    is_over,
    owner,
    symbols,
)  # fmt: skip
from proofs.tools.errors import VacuousError
from proofs.tools.theorem import Discharged


def some(names: str, body: Callable[..., Term]) -> Term:
    """As ``every``, for one that exists."""
    return z3.Not(every(names, lambda *xs: z3.Not(body(*xs))))


def _quiet_and_filled(z: State, i: Term, r: Term) -> Term:
    quiet = every("s", lambda s: z3.Implies(instance_of(s) == i, z3.Not(in_flight(z, s))))
    return z3.And(z.up(i), z.view_b(i, r), quiet)


def _taken_effect(z: State, r: Term) -> Term:
    return z3.And(z.current(owner(r), r), in_flight(z, owner(r)), z.snapshots(r))


def _wrote(z: State) -> Symbol:
    return lambda r: z3.Or(z.ngrams(r), z.snapshots(r))


OCCASIONS: dict[str, Callable[[World, State], Term]] = {
    "MutualExclusion": lambda w, z: some("s t", lambda s, t: z3.And(
        inside(w, z, s), z3.Not(inside(w, z, t)), at(z, t, ("called", "begin", "blocked"))
    )),
    "Serializable": lambda w, z: some("q r", lambda q, r: z3.And(
        z.dsg(q, r), _wrote(z)(q), _wrote(z)(r)
    )),
    "StableRead": lambda w, z: some("s", lambda s: z.pc(s) == LABELS["generateEnd"]),
    "ViewNotTorn": lambda w, z: some("s", lambda s: has_generated(z, s)),
    "ReadsOwnObservation": lambda w, z: some("s r", lambda s, r: z3.And(
        has_generated(z, s), z.current(s, r)
    )),
    "SnapshotProvenance": lambda w, z: some("s", lambda s: z3.Not(z.saved(s, UNREAD))),
    "AllOrNothing": lambda w, z: some("r", lambda r: z3.And(_wrote(z)(r), is_over(z, r))),
    "Durable": lambda w, z: some("r", z.returned),
    "ViewAgreesWithStore": lambda w, z: some("i r", lambda i, r: _quiet_and_filled(z, i, r)),
    "NoOvertaking": lambda w, z: some("s t", z.ahead),
    "NoDoubleDelta": lambda w, z: some("s", lambda s: z.pc(s) == LABELS["swap"]),
    "Refines": lambda w, z: some("r", lambda r: _taken_effect(z, r)),
    "Lock no-op": lambda w, z: some("i s", z.holder),
}  # fmt: skip


@cache
def _reached(world: World, sessions: int) -> tuple[Mapping[str, list[str]], int]:
    """A shortest schedule to each witness that is reached, and the number of states seen."""
    wanted = {title: formula(world, symbols()) for title, formula in OCCASIONS.items()}
    turns = 2 if sessions == 1 else 1
    return reach(replace(world, faults=frozenset()), wanted, sessions, turns)


def occasion(name: str, world: World, title: str, sessions: int = 2) -> Discharged:
    """Discharge "the property `title` has a non-vacuity witness" for the case `name`.

    Raises VacuousError when no execution of the bound leads to one.
    """
    start = time.perf_counter()
    sessions = 1 if world.alone else 3 if world.rules.published else sessions
    found, states = _reached(world, sessions)
    if title not in found:
        raise VacuousError(f"{name}: {title}", f"{states} states of {sessions} sessions")
    schedule = ", ".join(found[title])
    return Discharged(f"{name}: witness of {title}: {schedule}", time.perf_counter() - start)


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
