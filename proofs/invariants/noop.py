"""Theorem: with one session the lock does nothing (formal model, section 6.1).

The bisimulation relates a state of the discipline with the state of the same discipline without
its lock that differs from it in ``holder`` only. So one symbol per variable is enough: the
unlocked side is the locked side with a ``holder`` that holds of nobody. Related states enable the
same actions and go to related states, which is what the obligations say, action by action, in
both directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import z3

from leo_model.disciplines import DISCIPLINES
from proofs.invariants.execution import occasion
from proofs.invariants.unbounded import explain
from proofs.relation.endings import initially, relation
from proofs.relation.relation import World
from proofs.relation.vocabulary import State, Term, at, equal, every, symbols
from proofs.tools.countermodel import render, small_universe
from proofs.tools.discharge import Obligation, counter_example, discharge
from proofs.tools.errors import NotProvedError
from proofs.tools.theorem import Discharged

LOCKED = (
    "asyncio-lock", "threading-lock", "unit-of-work", "shielded-unit-of-work", "actor",
    "published-december", "published-december-refresh", "published-february",
)  # fmt: skip


def one_session() -> Term:
    return every("s t", lambda s, t: s == t)


def lock_invariant(z: State) -> Term:
    """Who is outside the program, or in refresh(), holds no lock; nobody queues behind anybody."""
    outside = ("idle", "called", "reload", "return")
    return z3.And(
        every("i s", lambda i, s: z3.Implies(z.holder(i, s), z3.Not(at(z, s, outside)))),
        every("s", lambda s: z3.Implies(z.waiting(s), at(z, s, ("called",)))),
        every("s t", lambda s, t: z3.Not(z.ahead(s, t))),
    )


def without_lock(z: State) -> State:
    return replace(z, holder=lambda i, s: z3.BoolVal(False))


def obligations(discipline: str, sessions: tuple[Term, ...]) -> Iterator[Obligation]:
    """``sessions`` is the assumption about their number."""
    rules = DISCIPLINES[discipline]
    faults = frozenset(rules.possible_faults)
    z = symbols()
    locked = relation(World(rules, faults), z)
    free = relation(World(replace(rules, lock="none"), faults), without_lock(z))
    assert [a.name for a in locked] == [b.name for b in free], "the same actions on both sides"
    title, known = f"no-op {rules.number}", (*sessions, lock_invariant(z))
    pairs = list(enumerate(zip(locked, free, strict=True)))
    for k, (one, other) in pairs:
        name = f"{title}: {k} {one.name}"
        with_lock, without = (*known, one.enabled), (*known, other.enabled)
        yield Obligation(
            f"{name} is enabled without the lock when with it", with_lock, other.enabled
        )
        yield Obligation(f"{name} is enabled with the lock when without it", without, one.enabled)
    for k, (one, other) in pairs:
        yield Obligation(
            f"{title}: {k} {one.name} does the same", (*known, one.enabled),
            equal(one.after, other.after, but=("holder",)),
        )  # fmt: skip
    start = (*sessions, initially(z))
    yield Obligation(f"{title}: initiation", start, lock_invariant(z))
    for k, (one, _) in pairs:
        yield Obligation(
            f"{title}: {k} {one.name} keeps the invariant", (*known, one.enabled),
            lock_invariant(one.after),
        )  # fmt: skip


def prove_noop() -> list[Discharged]:
    """Discharge the bisimulation for every discipline that has one lock per instance, in each of
    which one session does take the lock. Of the published programs the relation has no contents.
    """
    found: list[Discharged] = []
    for discipline in LOCKED:
        found += discharge(obligations(discipline, (one_session(),)), explain)
        rules = DISCIPLINES[discipline]
        world = World(rules, frozenset(rules.possible_faults))
        found.append(occasion(f"no-op {rules.number}", world, "Lock no-op", sessions=1))
    return found


def refute_noop() -> str:
    """With two sessions the lock does something."""
    found = counter_example(obligations("asyncio-lock", ()), small_universe)
    if found is None:
        raise NotProvedError("the lock is a no-op for two sessions", "no counter-model")
    return render(*found)
