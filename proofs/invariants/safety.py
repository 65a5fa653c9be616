"""The properties of ``spec/Properties.tla`` as formulas, for any number of sessions.

A register is unread in the spec when it *equals* ``Unread``; here it is unread when it *contains*
the reply that nobody calls. The invariant "unread registers are exactly unread" (``names_ok`` in
``proofs.invariants.invariants``) makes the two the same, and the formulas stay free of an
existential.
"""

from __future__ import annotations

from collections.abc import Callable

import z3

from proofs.relation.relation import World
from proofs.relation.vocabulary import (
    LABELS,
    UNREAD,
    State,
    Term,
    at,
    every,
    in_flight,
    instance_of,
    is_over,
)  # fmt: skip

PROGRAM = (
    "recall", "ingest", "reenter", "loadBigrams", "loadTrigrams", "assign",
    "generate", "generateEnd", "snapshot", "commit", "count", "load", "ingestAgain", "loadAgain",
    "statement", "statementAgain", "refreshBigrams", "refreshTrigrams",
)  # fmt: skip


def inside(w: World, z: State, s: Term) -> Term:
    """The spec's ``Inside(s)``."""
    immediate = w.rules.transaction == "immediate"
    return at(z, s, PROGRAM if immediate else (*PROGRAM, "begin", "swap", "release"))


def mutual_exclusion(w: World, z: State) -> Term:
    return every("s t", lambda s, t: z3.Implies(z3.And(inside(w, z, s), inside(w, z, t)), s == t))


def serializable(w: World, z: State) -> Term:
    """Every edge between replies that have written goes along the order of the n-gram versions.

    That order is strict (``order_ok``), so a cycle would bring a reply before itself. It is an
    induction over the length of a path; its step, an edge after a path, is the second half.
    """

    def wrote(r: Term) -> Term:
        return z3.Or(z.ngrams(r), z.snapshots(r))

    def along(a: Term, b: Term) -> Term:
        return z3.Implies(z3.And(z.dsg(a, b), wrote(a), wrote(b)), z.nbefore(a, b))

    def longer(a: Term, b: Term, c: Term) -> Term:
        path = z3.And(z.nbefore(a, b), z.dsg(b, c), wrote(b), wrote(c))
        return z3.Implies(path, z.nbefore(a, c))

    no_loop = every("r", lambda r: z3.Not(z.nbefore(r, r)))
    return z3.And(every("q r", along), every("p q r", longer), no_loop)


def stable_read(w: World, z: State) -> Term:
    return every("s r", lambda s, r: z3.Implies(
        z.pc(s) == LABELS["generateEnd"],
        z3.And(
            z.view_b(instance_of(s), r) == z.saw_b(s, r),
            z.view_t(instance_of(s), r) == z.saw_t(s, r),
        ),
    ))  # fmt: skip


def has_generated(z: State, s: Term) -> Term:
    return z3.And(z3.Not(z.saw_b(s, UNREAD)), z.pc(s) != LABELS["generateEnd"])


def view_not_torn(w: World, z: State) -> Term:
    return every(
        "s r", lambda s, r: z3.Implies(has_generated(z, s), z.saw_b(s, r) == z.saw_t(s, r))
    )


def reads_own_observation(w: World, z: State) -> Term:
    return every("s r", lambda s, r: z3.Implies(
        z3.And(has_generated(z, s), z.current(s, r)), z3.And(z.saw_b(s, r), z.saw_t(s, r))
    ))  # fmt: skip


def snapshot_provenance(w: World, z: State) -> Term:
    return every("s r", lambda s, r: z3.Implies(
        z3.Not(z.saved(s, UNREAD)),
        z3.And(z.saved(s, r) == z.saw_b(s, r), z.saved(s, r) == z.saw_t(s, r)),
    ))  # fmt: skip


def all_or_nothing(w: World, z: State) -> Term:
    return every("r", lambda r: z3.Implies(is_over(z, r), z.ngrams(r) == z.snapshots(r)))


def durable(w: World, z: State) -> Term:
    return every("r", lambda r: z3.Implies(z.returned(r), z3.And(z.ngrams(r), z.snapshots(r))))


def view_agrees_with_store(w: World, z: State) -> Term:
    """One instance: the view is the store. Several: it is a version that the store had.

    A version is a set of writers that is closed under "wrote before".
    """

    def agrees(i: Term, q: Term, r: Term) -> Term:
        if w.rules.instances == 1:
            return z3.And(z.view_b(i, r) == z.ngrams(r), z.view_t(i, r) == z.ngrams(r))
        return z3.And(
            z.view_b(i, r) == z.view_t(i, r),
            z3.Implies(z.view_b(i, r), z.ngrams(r)),
            z3.Implies(z3.And(z.view_b(i, r), z.nbefore(q, r)), z.view_b(i, q)),
        )

    def quiet(i: Term) -> Term:
        return every("s", lambda s: z3.Implies(instance_of(s) == i, z3.Not(in_flight(z, s))))

    return every("i q r", lambda i, q, r: z3.Implies(z3.And(z.up(i), quiet(i)), agrees(i, q, r)))


def no_double_delta(w: World, z: State) -> Term:
    return every("s r", lambda s, r: z3.Implies(
        z3.And(z.pc(s) == LABELS["swap"], z.current(s, r)),
        z3.Not(z3.Or(z.view_b(instance_of(s), r), z.view_t(instance_of(s), r))),
    ))  # fmt: skip


def no_overtaking(w: World, z: State) -> Term:
    return every("s", lambda s: z3.Not(z.overtaken(s)))


PROPERTIES: dict[str, Callable[[World, State], Term]] = {
    "MutualExclusion": mutual_exclusion,
    "Serializable": serializable,
    "StableRead": stable_read,
    "ViewNotTorn": view_not_torn,
    "ReadsOwnObservation": reads_own_observation,
    "SnapshotProvenance": snapshot_provenance,
    "AllOrNothing": all_or_nothing,
    "Durable": durable,
    "ViewAgreesWithStore": view_agrees_with_store,
    "NoOvertaking": no_overtaking,
    "NoDoubleDelta": no_double_delta,
}
