"""The inductive invariants: what is true between any two actions, so that the properties follow.

Each conjunct has a name, which is what a failed obligation is reported by. They come in layers:
the names of replies and the order of versions; who holds which lock; what has been written by
whom; what every register and every view contains; and the serialization graph. The layers differ
between the step commit (D3, D4) and the unit of work (D6, D7, D12).
"""

from __future__ import annotations

from functools import cache

import z3

from proofs.invariants.contents import (
    Conjuncts,
    implies,
    many_views_ok,
    one_view_ok,
    step_commit_ok,
    step_commit_whole,
    unit_ok,
    unsaved,
)
from proofs.invariants.safety import PROGRAM
from proofs.relation.relation import World
from proofs.relation.vocabulary import (
    UNREAD,
    State,
    Term,
    at,
    every,
    in_flight,
    instance_of,
    owner,
)  # fmt: skip

__all__ = ["assumptions", "invariant", "locks_ok"]

IN_UNIT = ("begin", "recall", "ingest", "generate", "snapshot", "commit")


def assumptions(w: World) -> list[Term]:
    """What the theorem takes for granted about the world."""
    if w.rules.instances == 1:
        return [every("i j", lambda i, j: i == j)]
    return []


def names_ok(w: World, z: State) -> Conjuncts:
    """Replies and registers."""
    registers = (z.recalled, z.loaded_b, z.loaded_t, z.saw_b, z.saw_t, z.saved)
    return {
        "a reply in flight has a name": every("s r q", lambda s, r, q: z3.And(
            implies(z.current(s, r), z3.And(owner(r) == s, z.called(r), r != UNREAD)),
            implies(z.current(s, r), z.current(s, q), r == q),
        )),
        "nobody calls the unread reply": z3.Not(z.called(UNREAD)),
        "only called replies leave traces": every("r", lambda r: implies(
            z3.Or(z.ngrams(r), z.snapshots(r), z.readers_n(r), z.readers_s(r), z.returned(r)),
            z.called(r),
        )),
        "edges join called replies": every("q r", lambda q, r: implies(
            z.dsg(q, r), z3.And(z.called(q), z.called(r), q != r)
        )),
        "unread registers are exactly unread": every("s q", lambda s, q: z3.And(*(
            implies(register(s, UNREAD), register(s, q), q == UNREAD) for register in registers
        ))),
        "registers hold called replies": every("s q", lambda s, q: z3.And(*(
            implies(register(s, q), q != UNREAD, z.called(q)) for register in registers
        ))),
        "an idle session holds nothing": every("s q", lambda s, q: implies(
            z3.Not(in_flight(z, s)),
            z3.And(*(register(s, q) == (q == UNREAD) for register in registers)),
        )),
    }  # fmt: skip


def order_ok(w: World, z: State) -> Conjuncts:
    """The order of n-gram versions is a strict total order of their writers."""
    return {
        "versions are in a strict total order": z3.And(
            every("q r", lambda q, r: implies(z.nbefore(q, r), z3.And(z.ngrams(q), z.ngrams(r)))),
            every("r", lambda r: z3.Not(z.nbefore(r, r))),
            every("p q r", lambda p, q, r: implies(
                z.nbefore(p, q), z.nbefore(q, r), z.nbefore(p, r)
            )),
            every("q r", lambda q, r: implies(
                z.ngrams(q), z.ngrams(r), z3.Or(z.nbefore(q, r), z.nbefore(r, q), q == r)
            )),
        ),
    }  # fmt: skip


def locks_ok(w: World, z: State) -> Conjuncts:
    """Who is inside holds the lock, and one session holds it."""
    label_set: tuple[str, ...] = ("recall", "ingest", *unsaved(w), "release")
    if w.rules.whole_reply:
        label_set = (*IN_UNIT, "swap", "release")
    if w.rules.transaction == "immediate":
        label_set = (*label_set, "loadBigrams", "loadTrigrams", "assign")
    known = ("idle", "called", "return", *label_set)
    conjuncts = {
        "labels of the discipline": every("s", lambda s: at(z, s, known)),
        "inside is under the lock": every("s", lambda s: implies(
            at(z, s, label_set), z.holder(instance_of(s), s)
        )),
        "one holder": every("i s t", lambda i, s, t: implies(
            z.holder(i, s), z.holder(i, t), s == t
        )),
        "a dead process runs nothing": every("s", lambda s: implies(
            z3.Not(z.up(instance_of(s))), z3.Not(in_flight(z, s))
        )),
        "nobody is overtaken": every("s", lambda s: z3.Not(z.overtaken(s))),
        "nothing moves under a snapshot": every("s", lambda s: z3.Not(z.moved(s))),
    }  # fmt: skip
    if w.rules.lock == "unfair" or w.rules.transaction == "immediate":
        # Whoever wakes up first has it; the busy handler polls, in no order.
        del conjuncts["nobody is overtaken"]
    if w.rules.transaction == "immediate":
        conjuncts["one writer"] = every("s t", lambda s, t: implies(
            z.writing(s), z.writing(t), s == t
        ))  # fmt: skip
        conjuncts["the unit runs under the write lock"] = every("s", lambda s: implies(
            at(z, s, PROGRAM), z.writing(s)
        ))  # fmt: skip
    if not w.rules.detached:
        conjuncts["callers stay"] = every("s", lambda s: z3.Not(z.left(s)))
    return conjuncts


def recall_ok(w: World, z: State) -> Conjuncts:
    unit = ("ingest", "generate", "snapshot", "commit")
    since = unit if w.rules.whole_reply else ("ingest", *unsaved(w))
    return {
        "recall is still right": every("s q", lambda s, q: implies(
            at(z, s, since), z.recalled(s, q) == z.snapshots(q)
        )),
    }  # fmt: skip


def graph_ok(w: World, z: State) -> Conjuncts:
    return {
        "edges go along the order of versions": every("q r", lambda q, r: implies(
            z.dsg(q, r), z3.And(z.ngrams(q), implies(z.ngrams(r), z.nbefore(q, r)))
        )),
    }  # fmt: skip


def durable_ok(w: World, z: State) -> Conjuncts:
    return {
        "who returned has written": every("r", lambda r: implies(
            z.returned(r), z3.And(z.ngrams(r), z.snapshots(r))
        )),
    }  # fmt: skip


@cache
def invariant(w: World, z: State) -> Conjuncts:
    """The inductive invariant of a discipline."""
    layers = [names_ok, order_ok, locks_ok, recall_ok, graph_ok, durable_ok]
    if w.rules.whole_reply:
        layers += [unit_ok, one_view_ok if w.rules.instances == 1 else many_views_ok]
    else:
        layers += [step_commit_ok]
        layers += [step_commit_whole] if not w.faults else []
    conjuncts: Conjuncts = {}
    for layer in layers:
        conjuncts |= layer(w, z)
    return conjuncts
