"""The inductive invariants, second half: what the store, the registers and the views contain.

The step commit (D3, D4) and the unit of work (D6, D7, D12) differ here;
``proofs.invariants.invariants`` has what they share and puts the two halves together.
"""

from __future__ import annotations

import z3

from proofs.relation.relation import World
from proofs.relation.vocabulary import UNREAD, State, Term, at, every, in_flight, instance_of, owner

Conjuncts = dict[str, Term]


def unsaved(w: World) -> tuple[str, ...]:
    """Where a reply of a step commit stands between its observation and its snapshot."""
    between = ("generateEnd",) if w.rules.threads else ()
    return ("loadBigrams", "loadTrigrams", "assign", "generate", *between, "snapshot")


def stuck(w: World) -> tuple[str, ...]:
    """Where the wait for the lock stops the event loop."""
    return ("blocked",) if w.rules.lock == "blocking" else ()


def done_labels(w: World) -> tuple[str, ...]:
    """Where a reply stands that has taken effect."""
    return ("swap", "release", "return") if w.rules.whole_reply else ("release", "return")


def implies(*parts: Term) -> Term:
    *given, then = parts
    return z3.Implies(z3.And(*given), then)


def step_writes_ok(w: World, z: State) -> Conjuncts:
    """What a reply of a step commit has written where it stands, whoever runs beside it."""
    late = unsaved(w)
    found = {
        "not yet observed": every("s r", lambda s, r: implies(
            z.current(s, r), at(z, s, ("called", "recall", "ingest", *stuck(w))),
            z3.Not(z.ngrams(r))
        )),
        "observed": every("s r", lambda s, r: implies(
            z.current(s, r), at(z, s, (*late, "release", "return")), z.ngrams(r)
        )),
        "saved": every("s r", lambda s, r: implies(
            z.current(s, r), in_flight(z, s), z.snapshots(r) == at(z, s, ("release", "return"))
        )),
        "a snapshot follows an observation": every("r", lambda r: implies(
            z.snapshots(r), z.ngrams(r)
        )),
    }  # fmt: skip
    if not w.faults:
        found["what is half-way is in flight"] = every("r", lambda r: implies(
            z.ngrams(r), z3.Not(z.snapshots(r)), _stands(z, r, late)
        ))  # fmt: skip
    return found


def views_ok(w: World, z: State) -> Conjuncts:
    """Whoever writes meanwhile, a view and what is loaded for it hold committed replies."""
    early, late = ("loadTrigrams", "assign"), ("assign",)
    return {
        "a view holds what is committed": every("i q", lambda i, q: implies(
            z.up(i), z3.Or(z.view_b(i, q), z.view_t(i, q)), z.ngrams(q)
        )),
        "what is loaded is committed": every("s q", lambda s, q: z3.And(
            implies(at(z, s, early), z.loaded_b(s, q), z.ngrams(q)),
            implies(at(z, s, late), z.loaded_t(s, q), z.ngrams(q)),
        )),
    }  # fmt: skip


def own_view_ok(w: World, z: State) -> Conjuncts:
    """D10: who else uses the instance waits, so what is loaded after an observation has it."""

    def own(s: Term, r: Term, labels: tuple[str, ...], *copies: Term) -> Term:
        return implies(z.current(s, r), at(z, s, labels), z3.And(*copies))

    return {
        "my observation is in what I load": every("s r", lambda s, r: z3.And(
            own(s, r, ("loadTrigrams", "assign"), z.loaded_b(s, r)),
            own(s, r, ("assign",), z.loaded_t(s, r)),
            own(s, r, ("generate",), z.view_b(instance_of(s), r), z.view_t(instance_of(s), r)),
            own(s, r, ("snapshot", "release", "return"), z.saw_b(s, r), z.saw_t(s, r)),
        )),
        "not yet seen": every("s", lambda s: implies(
            z3.Not(at(z, s, ("snapshot", "release", "return"))), z.saw_b(s, UNREAD)
        )),
    }  # fmt: skip


def step_commit_ok(w: World, z: State) -> Conjuncts:
    """One reply at a time: the registers and the view, step by step.

    On threads (D3) generate reads in two steps, and knows at the first what the second will find.
    """
    late = unsaved(w)
    reading = ("generateEnd",) if w.rules.threads else ()
    saw_all = (*reading, "snapshot", "release", "return")
    return {
        "the newest version is mine": every("s q r", lambda s, q, r: implies(
            z.current(s, r), at(z, s, late), z.ngrams(q), q != r, z.nbefore(q, r)
        )),
        "loaded bigrams": every("s q", lambda s, q: implies(
            at(z, s, ("loadTrigrams", "assign")), z.loaded_b(s, q) == z.ngrams(q)
        )),
        "loaded trigrams": every("s q", lambda s, q: implies(
            at(z, s, ("assign",)), z.loaded_t(s, q) == z.ngrams(q)
        )),
        "the view I generate from": every("s q", lambda s, q: implies(
            at(z, s, ("generate", *reading)), z3.And(
                z.view_b(instance_of(s), q) == z.ngrams(q),
                z.view_t(instance_of(s), q) == z.ngrams(q),
            )
        )),
        "seen": every("s q", lambda s, q: z3.And(
            implies(at(z, s, (*reading, "snapshot")), z.saw_b(s, q) == z.ngrams(q)),
            implies(at(z, s, saw_all), z.saw_b(s, q) == z.saw_t(s, q)),
            implies(at(z, s, saw_all), z.current(s, q), z.saw_b(s, q)),
            implies(at(z, s, ("release", "return")), z.saved(s, q) == z.saw_b(s, q)),
        )),
        "not yet seen": every("s q", lambda s, q: z3.And(
            implies(z3.Not(at(z, s, saw_all)), z3.And(
                z.saw_b(s, q) == (q == UNREAD), z.saw_t(s, q) == (q == UNREAD)
            )),
            implies(z3.Not(at(z, s, ("release", "return"))), z.saved(s, q) == (q == UNREAD)),
        )),
        "readers of snapshots": every("r", lambda r: implies(
            z.readers_s(r), z3.Or(z.ngrams(r), _stands(z, r, ("ingest",)))
        )),
        "readers of n-grams": every("r", lambda r: implies(z.readers_n(r), z.ngrams(r))),
    }  # fmt: skip


def _stands(z: State, r: Term, labels: tuple[str, ...]) -> Term:
    """The reply is in flight and stands at one of the labels."""
    return z3.And(z.current(owner(r), r), at(z, owner(r), labels))


def step_view_ok(w: World, z: State) -> Conjuncts:
    """Without faults the view lacks only what is being loaded."""
    loading = ("loadBigrams", "loadTrigrams", "assign")

    def in_view(q: Term) -> Term:
        return z3.And(z.ngrams(q), z3.Not(_stands(z, q, loading)))

    return {
        "the view lacks only what is being loaded": every("i q", lambda i, q: implies(
            z.up(i), z3.And(z.view_b(i, q) == in_view(q), z.view_t(i, q) == in_view(q))
        )),
    }  # fmt: skip


def unit_writes_ok(w: World, z: State) -> Conjuncts:
    """The unit of work: what a reply has written and seen, whoever runs beside it."""
    done, seen = done_labels(w), ("snapshot", "commit", "swap", "release", "return")
    found = {
        "both writes or none": every("r", lambda r: z.ngrams(r) == z.snapshots(r)),
        "committed": every("s r", lambda s, r: implies(
            z.current(s, r), in_flight(z, s), z.ngrams(r) == at(z, s, done)
        )),
        "seen": every("s q", lambda s, q: z3.And(
            implies(at(z, s, seen), z.saw_b(s, q) == z.saw_t(s, q)),
            implies(at(z, s, seen), z.current(s, q), z.saw_b(s, q)),
        )),
        "not yet seen": every("s q", lambda s, q: z3.And(
            implies(z3.Not(at(z, s, seen)), z3.And(
                z.saw_b(s, q) == (q == UNREAD), z.saw_t(s, q) == (q == UNREAD)
            )),
            implies(z3.Not(at(z, s, done)), z.saved(s, q) == (q == UNREAD)),
        )),
    }  # fmt: skip
    if w.rules.transaction != "immediate":
        early = ("called", "begin", "recall", "ingest", "generate", "snapshot", "commit", "swap")
        found |= {
            "the tables of a view agree": every(
                "i q", lambda i, q: z.view_b(i, q) == z.view_t(i, q)
            ),
            "my delta is not yet in the view": every("s r", lambda s, r: implies(
                z.current(s, r), at(z, s, early), z3.Not(z.view_b(instance_of(s), r))
            )),
        }  # fmt: skip
    return found


def unit_ok(w: World, z: State) -> Conjuncts:
    """What a unit of work has read is the store, as long as nothing has moved under it."""
    done, reading = done_labels(w), ("ingest", "generate", "snapshot", "commit")
    return {
        "seen is the store": every("s q", lambda s, q: z3.And(
            implies(
                at(z, s, ("snapshot", "commit")), z3.Not(z.moved(s)),
                z.saw_b(s, q) == z3.Or(z.ngrams(q), z.current(s, q)),
            ),
            implies(at(z, s, done), z.saved(s, q) == z.saw_b(s, q)),
        )),
        "readers of snapshots": every("r", lambda r: implies(
            z.readers_s(r), z3.Or(z.ngrams(r), _stands(z, r, reading))
        )),
        "readers of n-grams": every("r", lambda r: implies(
            z.readers_n(r), z3.Or(z.ngrams(r), _stands(z, r, ("snapshot", "commit")))
        )),
    }  # fmt: skip


def one_view_ok(w: World, z: State) -> Conjuncts:
    """The view lacks exactly the commit that has not been swapped in."""

    def in_view(q: Term) -> Term:
        return z3.And(z.ngrams(q), z3.Not(_stands(z, q, ("swap",))))

    return {
        "the view lacks only what is being swapped in": every("i q", lambda i, q: implies(
            z.up(i), z3.And(z.view_b(i, q) == in_view(q), z.view_t(i, q) == in_view(q))
        )),
    }  # fmt: skip


def many_views_ok(w: World, z: State) -> Conjuncts:
    """D12: every view is a version of the store, the one of a running unit the newest."""
    unit = ("recall", "ingest", "generate", "snapshot", "commit")
    return {
        "a view is a version": every("i q r", lambda i, q, r: implies(z.up(i), z3.And(
            z.view_b(i, r) == z.view_t(i, r),
            implies(z.view_b(i, r), z.ngrams(r)),
            implies(z.view_b(i, r), z.nbefore(q, r), z.view_b(i, q)),
        ))),
        "a unit runs on the newest version": every("s q", lambda s, q: implies(
            at(z, s, unit), z.view_b(instance_of(s), q) == z.ngrams(q)
        )),
        "a swap adds the next version": every("s q r", lambda s, q, r: implies(
            at(z, s, ("swap",)), z.current(s, r), z.view_b(instance_of(s), q) == z.nbefore(q, r)
        )),
        "loaded bigrams": every("s q", lambda s, q: implies(
            at(z, s, ("loadTrigrams", "assign")), z.loaded_b(s, q) == z.ngrams(q)
        )),
        "loaded trigrams": every("s q", lambda s, q: implies(
            at(z, s, ("assign",)), z.loaded_t(s, q) == z.ngrams(q)
        )),
    }  # fmt: skip
