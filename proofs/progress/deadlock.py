"""Who waits for whom, and theorem 23: nobody waits for ever because nobody can move.

Safety needs "who is inside holds the lock"; that somebody can always go on needs the converse, "who
holds the lock is inside", and the order of the queue. These conjuncts are inductive together with
the invariant of ``proofs.invariants.invariants``.

One fact is not first-order: a queue that is not empty has a first. It follows from two that are,
both obligations: the queue is a strict order, and an action adds at most the session that acts (it
is empty at first). Only the last step is by hand (README).

DeadlockFree is asked as ``spec/claims.json`` asks it, of the actions that are no faults
(``leo_model.checking.plan``: out of a deadlock a fault could always help), but in every state that
is reached with all faults; so it holds of the executions without them as well. The replies of the
relation are the calls that will ever be made, any number of them, so "finished" is the spec's
``Finished`` with any number of turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

import z3

from proofs.invariants import unbounded
from proofs.invariants.execution import reach, some, witnessed
from proofs.invariants.invariants import Conjuncts, assumptions, invariant, locks_ok
from proofs.invariants.unbounded import (
    CASES,
    Case,
    Mutant,
    attempted,
    explain,
    inductive,
    inductive_obligations,
)
from proofs.relation.endings import initially, relation
from proofs.relation.relation import Action, I, R, S, World, in_stretch
from proofs.relation.vocabulary import (
    SESSION,
    UNREAD,
    State,
    Term,
    at,
    every,
    has_reply,
    in_flight,
    instance_of,
    symbols,
)  # fmt: skip
from proofs.tools.discharge import Obligation, conjoined, discharge
from proofs.tools.errors import NotProvedError
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
    """A finite queue has a first (the sentence by hand): for each waiter, somebody of the same
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
def known_of(w: World) -> tuple[Term, ...]:
    """The assumptions, and the invariant with the conjuncts of the queue."""
    return (*unbounded.known_of(w), *queue_ok(w, symbols()).values())


def queue_obligations(of: Case, invariant_of: World | None = None) -> Iterator[Obligation]:
    """Initiation and consecution of the queue's conjuncts, and that it grows by one at most.

    ``invariant_of`` is the world whose invariant is tried: for a mutant, that of the original.
    """
    judge, z = invariant_of or of.world, of.state
    start = (*assumptions(judge), initially(z))
    empty = {"the queue is empty": every("s", lambda s: z3.Not(z.waiting(s)))}
    yield conjoined(f"{of.name}: queue, initiation", start, queue_ok(judge, z) | empty)
    for k, action in enumerate(relation(of.world, z)):
        grown = action.after.waiting
        grows = {
            "the queue grows by one at most": every("t", lambda t, grown=grown: z3.Implies(
                grown(t), z3.Or(z.waiting(t), t == S)
            )),
        }  # fmt: skip
        name, known = f"{of.name}: queue, {k} {action.name}", (*known_of(judge), action.enabled)
        yield conjoined(name, known, queue_ok(judge, action.after) | grows)


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


def finished(z: State) -> Term:
    """The spec's ``Finished``: everyone has made all calls, and every process is up."""
    return z3.And(
        every("s", lambda s: z3.Not(in_flight(z, s))),
        every("r", lambda r: z3.Or(z.called(r), r == UNREAD)),
        every("i", z.up),
    )


def deadlock_free(w: World, z: State) -> Term:
    """The run is finished, or an action that is no fault is enabled.

    Follows from ``goes_on`` and ``calls_go_on``, which speak of the same actions in two parts: so
    the queries stay small enough for a second solver.
    """
    enabled = z3.Or(*(action.enabled for action in relation(quiet(w), z)))
    return z3.Or(finished(z), z3.Exists([S, R, I], enabled))


def goes_on(w: World, z: State) -> Term:
    """While a reply is in flight, some reply in flight can take a step of its own: no new call and
    no restart of a process is needed.
    """
    # A name of its own: the guards bind t, and a query is dumped by names.
    mover = z3.Const("mover", SESSION)
    goes = z3.Exists([mover], z3.And(in_flight(z, mover), can_step(w, z, mover)))
    return every("s", lambda s: z3.Implies(in_flight(z, s), goes))


def calls_go_on(w: World, z: State) -> Term:
    """While no reply is in flight, the run is finished, or a call or a restart is enabled."""
    rest = z3.Or(*(a.enabled for a in relation(quiet(w), z) if a.name in BEGINS))
    over = z3.Or(finished(z), z3.Exists([S, R, I], rest))
    return z3.Implies(every("s", lambda s: z3.Not(in_flight(z, s))), over)


def unhindered(w: World, z: State, s: Term) -> Term:
    """Nothing that another session has keeps this one from its next step."""
    i = instance_of(s)
    called, begins = at(z, s, ("called",)), at(z, s, ("begin",))
    inside = z3.And(in_flight(z, s), z3.Not(called), z3.Not(begins))
    if w.rules.lock == "none":
        return in_flight(z, s)
    turn = is_free(z, i)
    if w.rules.lock == "fifo":
        turn = z3.And(turn, is_first(z, i, s))
    if w.rules.transaction == "immediate":
        begins = z3.And(begins, every("t", lambda t: z3.Not(z.writing(t))))
    somehow = z3.Or(inside, begins, z3.And(called, turn))
    return z3.And(somehow, loop_is_free(w, z, s)) if w.rules.published else somehow


def loop_is_free(w: World, z: State, s: Term) -> Term:
    """No other reply runs on where no await lets this one run."""
    i = instance_of(s)
    return every("t", lambda t: z3.Not(z3.And(instance_of(t) == i, t != s, in_stretch(w, z, t))))


def last_obligations(of: Case, invariant_of: World | None = None) -> Iterator[Obligation]:
    """The invariant implies that the state is no deadlock: ``goes_on``, in two halves that a second
    solver decides too, and ``calls_go_on``.

    ``invariant_of`` is the world whose invariant is tried: for a mutant, that of the original.
    """
    judge, z = invariant_of or of.world, of.state
    known = hypotheses(judge, z)
    one = z3.Const("one", SESSION)
    mine = unhindered(judge, z, one)
    somebody = z3.Exists([one], mine)
    anybody = every("s", lambda s: z3.Implies(in_flight(z, s), somebody))
    can = z3.And(in_flight(z, one), can_step(of.world, z, one))
    # Without replies in flight it is enough that nobody blocks a loop.
    loops = (invariant(judge, z)["labels of the discipline"],)
    for title, given, goal in (
        ("somebody is unhindered", known, anybody),
        ("the unhindered can step", (*known, mine), can),
        ("calls go on", loops, calls_go_on(of.world, z)),
    ):
        yield Obligation(f"{of.name}: safety {title}", given, goal, ((title, goal),))


def is_free(z: State, i: Term) -> Term:
    """Nobody holds the lock of the instance."""
    return every("t", lambda t: z3.Not(z.holder(i, t)))


# Where somebody stands who cannot step: the lock is held, or free and somebody is ahead; another
# one has the write lock; no await of another reply lets this one run.
WAITING: dict[str, Callable[[World, State, Term], tuple[Term, ...]]] = {
    "waits for the loop": lambda w, z, s: (in_flight(z, s), z3.Not(loop_is_free(w, z, s))),
    "waits for the lock": lambda w, z, s: (
        at(z, s, ("called",)), z3.Not(is_free(z, instance_of(s)))
    ),
    "waits behind others": lambda w, z, s: (at(z, s, ("called",)), is_free(z, instance_of(s))),
    "waits for the store": lambda w, z, s: (at(z, s, ("begin",)),),
}  # fmt: skip


def occasions_of(w: World) -> tuple[str, ...]:
    """In what ways a session can be in flight and unable to step under the discipline."""
    if w.rules.lock == "none":
        return ("is in flight",)
    found = ["waits for the lock"]
    found += ["waits behind others"] if w.rules.lock == "fifo" else []
    found += ["waits for the store"] if w.rules.transaction == "immediate" else []
    return (*found, "waits for the loop") if w.rules.published else tuple(found)


def occasions_met(name: str, w: World, of: str, titles: tuple[str, ...]) -> list[Discharged]:
    """Discharge "there is an execution to a state in which somebody waits in this way".

    Three sessions, so that with two instances two share one. Raises VacuousError.
    """
    start, z, sessions = time.perf_counter(), symbols(), 1 if w.alone else 3

    def waits(title: str, s: Term) -> Term:
        if title not in WAITING:
            return in_flight(z, s)
        return z3.And(*WAITING[title](w, z, s), z3.Not(can_step(w, z, s)))

    wanted = {title: some("s", partial(waits, title)) for title in titles}
    found, states = reach(quiet(w), wanted, sessions)
    each = (time.perf_counter() - start) / len(titles)
    return [witnessed(name, t, found, states, sessions, each, f"{of}, {t}") for t in titles]


def prove_deadlock(cases: tuple[str, ...]) -> list[Discharged]:
    """Discharge the induction, the safety obligations and the witnesses of every case."""
    found: list[Discharged] = []
    for key in cases:
        of = CASES[key]
        found += inductive_with_queue(key)
        found += discharge(last_obligations(of), explain)
        found += occasions_met(of.name, of.world, "DeadlockFree", occasions_of(of.world))
    return found


# Sessions and calls of each: enough to wait for another, and for oneself.
BOUNDS = ((2, 1), (1, 2))


def refute_deadlock(mutant: Mutant) -> str:
    """Show that the mutant does not prove: the step that fails, and a real execution into a
    deadlock of the mutant.

    Raises NotProvedError when the mutant proves or has no deadlock in the bounds.
    """
    # First what this theorem adds: the reader is to see the lock or the queue that fails.
    step = attempted(mutant, queue_obligations, inductive_obligations, last_obligations)
    stuck = {"deadlock": z3.Not(deadlock_free(mutant.world, symbols()))}
    for sessions, turns in BOUNDS:
        found, _ = reach(mutant.world, stuck, sessions, turns)
        if found:
            schedule = ", ".join(found["deadlock"])
            return f"{step}\na real execution into a deadlock: {schedule}"
    raise NotProvedError(f"the mutant ({mutant.text}) has no deadlock in the bounds", step)
