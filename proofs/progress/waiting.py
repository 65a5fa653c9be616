"""Who waits for whom: the queue and the locks, as far as progress needs them (theorems 23 and 24).

Safety needs "who is inside holds the lock"; that somebody can always go on needs the converse, "who
holds the lock is inside", and the order of the queue. These conjuncts are inductive together with
the invariant of ``proofs.invariants.invariants``.

One fact is not first-order: a queue that is not empty has a first. It follows from two that are,
both obligations: the queue is a strict order, and an action adds at most the session that acts (it
is empty at first). So in every execution the queue is a finite strict order at any moment, and such
an order has a least element. Only this last sentence is by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import z3

from proofs.invariants.invariants import Conjuncts, assumptions, invariant, locks_ok
from proofs.invariants.unbounded import CASES, Case, explain, inductive
from proofs.relation.endings import initially, relation
from proofs.relation.relation import Action, R, S, World
from proofs.relation.vocabulary import SESSION, State, Term, at, every, has_reply, instance_of
from proofs.tools.discharge import Obligation, discharge
from proofs.tools.theorem import Discharged

OUTSIDE = ("idle", "called", "return", "blocked", "reload")


@cache
def queue_ok(w: World, z: State) -> Conjuncts:
    """The queue is the sessions that have called and not started, in a strict total order; locks
    are held from inside.
    """
    immediate = w.rules.transaction == "immediate"
    # Under BEGIN IMMEDIATE a reply starts with Begin, otherwise with Acquire.
    before_start = ("called", "begin") if immediate else ("called",)
    conjuncts = {
        "who has not started waits": every("s", lambda s: z.waiting(s) == at(z, s, before_start)),
        "the queue is in a strict total order": z3.And(
            every("s t", lambda s, t: z3.Implies(
                z.ahead(s, t), z3.And(z.waiting(s), z.waiting(t), s != t)
            )),
            every("s t u", lambda s, t, u: z3.Implies(
                z3.And(z.ahead(s, t), z.ahead(t, u)), z.ahead(s, u)
            )),
            every("s t", lambda s, t: z3.Implies(
                z3.And(z.waiting(s), z.waiting(t)), z3.Or(z.ahead(s, t), z.ahead(t, s), s == t)
            )),
        ),
        "the lock is held from inside": every("i s", lambda i, s: z3.Implies(
            z.holder(i, s), z3.And(instance_of(s) == i, z3.Not(at(z, s, OUTSIDE)))
        )),
    }  # fmt: skip
    if immediate:
        waits_or_done = (*OUTSIDE, "begin", "swap", "release")
        conjuncts["the write lock is held from inside"] = every("s", lambda s: z3.Implies(
            z.writing(s), z3.Not(at(z, s, waits_or_done))
        ))  # fmt: skip
    return conjuncts


def is_first(z: State, i: Term, s: Term) -> Term:
    """The session waits for the instance, and nobody of it is ahead."""
    return z3.And(
        z.waiting(s),
        instance_of(s) == i,
        every("t", lambda t: z3.Implies(instance_of(t) == i, z3.Not(z.ahead(t, s)))),
    )


def queue_has_a_first(z: State) -> Term:
    """A finite queue has a first (the sentence by hand): for whoever waits, somebody of the same
    instance waits behind nobody of it.
    """
    h = z3.Const("h", SESSION)
    return every("s", lambda s: z3.Implies(
        z.waiting(s), z3.Exists([h], is_first(z, instance_of(s), h))
    ))  # fmt: skip


# No step of a reply: a new call, or a process that starts anew.
BEGINS = ("Call", "Refresh", "Recover")


def quiet(w: World) -> World:
    """The world without faults: a fault may free who waits, so it is not counted on."""
    return replace(w, faults=frozenset())


def steps_of(w: World, z: State) -> list[Action]:
    """The spec's ``Step(s)`` as a list: what a session's reply does itself once it is called."""
    return [a for a in relation(quiet(w), z) if a.name not in BEGINS]


def can_step(w: World, z: State, s: Term) -> Term:
    """``ENABLED Step(s)``."""
    some_step = z3.Or(*(action.enabled for action in steps_of(w, z)))
    return z3.Exists([R], z3.substitute(some_step, (S, s)))


@cache
def known_of(w: World, z: State) -> tuple[Term, ...]:
    """The assumptions, and the invariant with the conjuncts of the queue."""
    return (*assumptions(w), *invariant(w, z).values(), *queue_ok(w, z).values())


def queue_obligations(of: Case, invariant_of: World | None = None) -> Iterator[Obligation]:
    """Initiation and consecution of the queue's conjuncts, and that it grows by one at most.

    ``invariant_of`` is the world whose invariant is tried: for a mutant, that of the original.
    """
    judge, z = invariant_of or of.world, of.state
    parts = tuple(queue_ok(judge, z).items())
    start = (*assumptions(judge), initially(z))
    begins = (*parts, ("the queue is empty", every("s", lambda s: z3.Not(z.waiting(s)))))
    goal = z3.And(*(term for _, term in begins))
    yield Obligation(f"{of.name}: queue, initiation", start, goal, begins)
    for k, action in enumerate(relation(of.world, z)):
        grown = action.after.waiting
        after = (
            *queue_ok(judge, action.after).items(),
            ("the queue grows by one at most", every("t", lambda t, grown=grown: z3.Implies(
                grown(t), z3.Or(z.waiting(t), t == S)
            ))),
        )  # fmt: skip
        known = (*known_of(judge, z), action.enabled)
        goal = z3.And(*(term for _, term in after))
        yield Obligation(f"{of.name}: queue, {k} {action.name}", known, goal, after)


@cache
def inductive_with_queue(key: str) -> tuple[Discharged, ...]:
    """Discharge the induction of a case, the queue's conjuncts included, once."""
    return (*inductive(key), *discharge(queue_obligations(CASES[key]), explain))


def hypotheses(w: World, z: State) -> tuple[Term, ...]:
    """What "somebody can step" follows from: where locks and the queue are, that a reply in flight
    has a name, and that a queue has a first.

    The last two lie outside EPR, so the conjuncts about contents, which do not matter here, are
    left out: with them a second solver finds no end.
    """
    where = (*locks_ok(w, z).values(), *queue_ok(w, z).values())
    return (*assumptions(w), *where, has_reply(z), queue_has_a_first(z))
