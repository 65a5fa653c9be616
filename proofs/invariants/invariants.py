"""The inductive invariants: what is true between any two actions, so that the properties follow.

Each conjunct has a name, which is what a failed obligation is reported by. They come in layers:
what the store, the registers and the views contain, by a step commit and by a unit of work; the
names of replies and the order of versions; who holds which lock; the serialization graph.
"""

from __future__ import annotations

from functools import cache

import z3

from proofs.invariants.safety import PROGRAM
from proofs.relation.relation import World, in_stretch
from proofs.relation.vocabulary import (
    CALLS,
    UNREAD,
    State,
    Term,
    asks,
    at,
    every,
    in_flight,
    instance_of,
    owner,
)  # fmt: skip

Conjuncts = dict[str, Term]
LOADING = ("loadBigrams", "loadTrigrams", "assign")


def unsaved(w: World) -> tuple[str, ...]:
    """Where a reply of a step commit stands between its observation and its snapshot."""
    between = ("generateEnd",) if w.rules.threads else ()
    return (*LOADING, "generate", *between, "snapshot")


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
    """What a reply of a step commit has written at its label, with any reply beside it."""
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
    """A view and what is loaded for it hold committed replies, with any writer meanwhile."""
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


def loads_ok(z: State) -> Conjuncts:
    """What is loaded is the store, when nobody else writes meanwhile."""
    return {
        "loaded bigrams": every("s q", lambda s, q: implies(
            at(z, s, ("loadTrigrams", "assign")), z.loaded_b(s, q) == z.ngrams(q)
        )),
        "loaded trigrams": every("s q", lambda s, q: implies(
            at(z, s, ("assign",)), z.loaded_t(s, q) == z.ngrams(q)
        )),
    }  # fmt: skip


def unseen(z: State, seen: tuple[str, ...], done: tuple[str, ...]) -> Conjuncts:
    """Registers are unread before the labels at which a reply has seen the view, and saved."""
    return {
        "not yet seen": every("s q", lambda s, q: z3.And(
            implies(z3.Not(at(z, s, seen)), z3.And(
                z.saw_b(s, q) == (q == UNREAD), z.saw_t(s, q) == (q == UNREAD)
            )),
            implies(z3.Not(at(z, s, done)), z.saved(s, q) == (q == UNREAD)),
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
        **loads_ok(z),
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
        **unseen(z, saw_all, ("release", "return")),
        "readers of snapshots": every("r", lambda r: implies(
            z.readers_s(r), z3.Or(z.ngrams(r), _stands(z, r, ("ingest",)))
        )),
        "readers of n-grams": every("r", lambda r: implies(z.readers_n(r), z.ngrams(r))),
    }  # fmt: skip


def _stands(z: State, r: Term, labels: tuple[str, ...]) -> Term:
    """The reply is in flight and stands at one of the labels."""
    return z3.And(z.current(owner(r), r), at(z, owner(r), labels))


def one_view_ok(w: World, z: State) -> Conjuncts:
    """The view of the one instance lacks exactly the commit that has not been swapped in; of a step
    commit without faults, what is being loaded.
    """
    lacks = ("swap",) if w.rules.whole_reply else LOADING

    def in_view(q: Term) -> Term:
        return z3.And(z.ngrams(q), z3.Not(_stands(z, q, lacks)))

    return {
        "the view lacks only what comes next": every("i q", lambda i, q: implies(
            z.up(i), z3.And(z.view_b(i, q) == in_view(q), z.view_t(i, q) == in_view(q))
        )),
    }  # fmt: skip


def unit_writes_ok(w: World, z: State) -> Conjuncts:
    """The unit of work: what a reply has written and seen, with any reply beside it."""
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
        **unseen(z, seen, done),
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
        **loads_ok(z),
    }  # fmt: skip


PUBLISHED = {
    "december": ("recall", "count", "ingest", "load", "ingestAgain", "loadAgain", "generate",
                 "release"),
    "february": ("recall", "ingest", "generate", "snapshot", "statement", "statementAgain",
                 "commit", "refreshBigrams", "refreshTrigrams", "release"),
}  # fmt: skip
IN_UNIT = ("begin", "recall", "ingest", "generate", "snapshot", "commit")


def assumptions(w: World) -> list[Term]:
    """What the theorem takes for granted about the world."""
    found = [every("i j", lambda i, j: i == j)] if w.rules.instances == 1 else []
    if w.alone:
        found.append(every("s t", lambda s, t: s == t))
    if w.rules.published:
        calls = ("reply", *CALLS)
        found += [
            every("s", lambda s: z3.Or(*(asks(call, s) for call in w.rules.asks))),
            *(every("s", lambda s, a=a, b=b: z3.Not(z3.And(asks(a, s), asks(b, s))))
              for k, a in enumerate(calls) for b in calls[:k]),
        ]  # fmt: skip
    return found


def is_isolated(w: World) -> bool:
    """Replies do not meet: one at a time, or what met another one does not commit."""
    if w.rules.transaction in ("immediate", "checked") or w.alone:
        return True
    behind = w.rules.whole_reply and not w.rules.shielded and bool(w.faults)
    return w.rules.lock != "none" and w.rules.instances == 1 and not behind


def current_ok(w: World, z: State) -> Conjuncts:
    """A reply in flight has one name, its session's."""
    return {
        "a reply in flight has a name": every("s r q", lambda s, r, q: z3.And(
            implies(z.current(s, r), z3.And(owner(r) == s, z.called(r), r != UNREAD)),
            implies(z.current(s, r), z.current(s, q), r == q),
        )),
    }  # fmt: skip


def names_ok(w: World, z: State) -> Conjuncts:
    """Replies and registers."""
    registers = (z.recalled, z.loaded_b, z.loaded_t, z.saw_b, z.saw_t, z.saved)
    return current_ok(w, z) | {
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


def inside_labels(w: World) -> tuple[str, ...]:
    """Where a reply stands that has started and not released its lock."""
    rules = w.rules
    if rules.published:
        return PUBLISHED[rules.program]
    if rules.reentrant:
        return ("recall", "ingest", "reenter")
    if not rules.whole_reply:
        return ("recall", "ingest", *unsaved(w), "release")
    loads = LOADING if rules.transaction == "immediate" else ()
    return (*IN_UNIT, *loads, "swap", "release")


def labels_of(w: World) -> tuple[str, ...]:
    """Where a reply can stand under the discipline."""
    refresh = ("reload",) if "refresh" in w.rules.asks else ()
    return ("idle", "called", "return", *inside_labels(w), *stuck(w), *refresh)


def locks_ok(w: World, z: State) -> Conjuncts:
    """Who is inside holds the lock, and one session holds it."""
    rules, immediate = w.rules, w.rules.transaction == "immediate"
    snapshot = {"deferred": ("recall", *IN_UNIT[2:]), "checked": IN_UNIT[1:]}
    inside = inside_labels(w)
    known = labels_of(w)
    conjuncts = {
        "labels of the discipline": every("s", lambda s: at(z, s, known)),
        "a dead process runs nothing": every("s", lambda s: implies(
            z3.Not(z.up(instance_of(s))), z3.Not(in_flight(z, s))
        )),
        "moved under a snapshot": every("s", lambda s: implies(
            z.moved(s), at(z, s, snapshot.get(rules.transaction, ()))
        )),
    }  # fmt: skip
    if rules.lock != "none":
        conjuncts |= {
            "inside is under the lock": every("s", lambda s: implies(
                at(z, s, inside), z.holder(instance_of(s), s)
            )),
            "one holder": every("i s t", lambda i, s, t: implies(
                z.holder(i, s), z.holder(i, t), s == t
            )),
        }  # fmt: skip
    if rules.lock == "fifo" and rules.instances == 1:
        conjuncts["nobody is overtaken"] = every("s", lambda s: z3.Not(z.overtaken(s)))
    if immediate:
        conjuncts["one writer"] = every("s t", lambda s, t: implies(
            z.writing(s), z.writing(t), s == t
        ))  # fmt: skip
        conjuncts["the unit runs under the write lock"] = every("s", lambda s: implies(
            at(z, s, PROGRAM), z.writing(s)
        ))  # fmt: skip
    if not rules.detached:
        conjuncts["callers stay"] = every("s", lambda s: z3.Not(z.left(s)))
    if rules.published:
        conjuncts["one runs on"] = every("s t", lambda s, t: implies(
            in_stretch(w, z, s), in_stretch(w, z, t), s == t
        ))  # fmt: skip
        if rules.program == "december":
            conjuncts["nothing stays open"] = every("i", lambda i: z3.Not(z.opened(i)))
        conjuncts["who refreshes takes no lock"] = every("s", lambda s: z3.And(
            implies(in_flight(z, s), asks("refresh", s), at(z, s, ("reload", "return"))),
            implies(at(z, s, ("reload",)), asks("refresh", s)),
        ))  # fmt: skip
    return conjuncts


def recall_ok(w: World, z: State) -> Conjuncts:
    unit = ("ingest", "generate", "snapshot", "commit")
    since = unit if w.rules.whole_reply else ("ingest", *unsaved(w))
    return {
        "recall is still right": every("s q", lambda s, q: implies(
            at(z, s, since), z3.Not(z.moved(s)), z.recalled(s, q) == z.snapshots(q)
        )),
    }  # fmt: skip


def graph_ok(w: World, z: State) -> Conjuncts:
    """Edges go along the order of versions, but for those of an attempt that will be retried."""

    def doomed(q: Term) -> Term:
        attempt = z3.And(z.current(owner(q), q), z.moved(owner(q)))
        return attempt if w.rules.transaction == "checked" else z3.BoolVal(False)

    return {
        "edges go along the order of versions": every("q r", lambda q, r: implies(
            z.dsg(q, r), z3.Or(
                z3.And(z.ngrams(q), implies(z.ngrams(r), z.nbefore(q, r))),
                z3.And(z3.Not(z.ngrams(q)), doomed(q)),
            )
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
    layers = [locks_ok] if w.rules.published or w.rules.reentrant else [
        names_ok, order_ok, locks_ok, durable_ok,
        unit_writes_ok if w.rules.whole_reply else step_writes_ok,
    ]  # fmt: skip
    if w.rules.published or w.rules.reentrant:
        layers.append(current_ok)
    elif is_isolated(w):
        layers += [recall_ok, graph_ok]
        if w.rules.whole_reply:
            layers += [unit_ok, one_view_ok if w.rules.instances == 1 else many_views_ok]
        else:
            layers += [step_commit_ok, *([] if w.faults else [one_view_ok])]
    else:
        layers.append(views_ok)
        if w.rules.lock != "none" and not w.rules.whole_reply:
            layers.append(own_view_ok)
    conjuncts: Conjuncts = {}
    for layer in layers:
        conjuncts |= layer(w, z)
    return conjuncts
