"""Theorem 23: nobody waits for ever because nobody can move (the spec's DeadlockFree).

The rule is that of an invariant: every reachable state satisfies the induction's hypotheses, and
these imply that an action is enabled. It is asked as ``spec/claims.json`` asks it, of the actions
that are no faults (``leo_model.checking.plan``: out of a deadlock a fault could always help), but
in every state that is reached with all faults; so it holds of the executions without them as well.

The replies of the relation are the calls that will ever be made, any number of them, so "finished"
is the spec's ``Finished`` with any number of turns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import z3

from proofs.invariants.execution import reach
from proofs.invariants.invariants import invariant
from proofs.invariants.unbounded import CASES, Case, Mutant, explain, inductive_obligations
from proofs.progress.waiting import (
    BEGINS,
    can_step,
    hypotheses,
    inductive_with_queue,
    is_first,
    queue_obligations,
    quiet,
)  # fmt: skip
from proofs.relation.endings import relation
from proofs.relation.relation import I, R, S, World, in_stretch
from proofs.relation.vocabulary import (
    SESSION,
    UNREAD,
    State,
    Term,
    at,
    every,
    in_flight,
    instance_of,
    symbols,
)  # fmt: skip
from proofs.tools.countermodel import render, small_universe
from proofs.tools.discharge import Obligation, counter_example, discharge
from proofs.tools.errors import NotProvedError, VacuousError
from proofs.tools.theorem import Discharged


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
    turn = every("t", lambda t: z3.Not(z.holder(i, t)))
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


def waits_for_lock(w: World, z: State, s: Term) -> Term:
    """The session has called, and another one holds the lock of its instance."""
    free = every("t", lambda t: z3.Not(z.holder(instance_of(s), t)))
    return z3.And(at(z, s, ("called",)), z3.Not(free), z3.Not(can_step(w, z, s)))


def waits_behind(w: World, z: State, s: Term) -> Term:
    """The lock is free, and the session cannot take it because somebody else is ahead."""
    free = every("t", lambda t: z3.Not(z.holder(instance_of(s), t)))
    return z3.And(at(z, s, ("called",)), free, z3.Not(can_step(w, z, s)))


def waits_for_store(w: World, z: State, s: Term) -> Term:
    """The session stands before its unit of work, and another one holds the write lock."""
    return z3.And(at(z, s, ("begin",)), z3.Not(can_step(w, z, s)))


def waits_for_loop(w: World, z: State, s: Term) -> Term:
    """Another reply runs on, and no await of it lets this one run."""
    return z3.And(in_flight(z, s), z3.Not(loop_is_free(w, z, s)), z3.Not(can_step(w, z, s)))


OCCASIONS = {
    "is in flight": lambda w, z, s: in_flight(z, s),
    "waits for the loop": waits_for_loop,
    "waits for the lock": waits_for_lock,
    "waits behind others": waits_behind,
    "waits for the store": waits_for_store,
}


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
    start, sessions = time.perf_counter(), 1 if w.alone else 3
    z = symbols()

    def somebody(title: str) -> Term:
        return z3.Not(every("s", lambda s: z3.Not(OCCASIONS[title](w, z, s))))

    found, states = reach(quiet(w), {title: somebody(title) for title in titles}, sessions)
    for title in titles:
        if title not in found:
            raise VacuousError(f"{name}: {title}", f"{states} states of {sessions} sessions")
    seconds = (time.perf_counter() - start) / len(titles)
    return [
        Discharged(f"{name}: occasion of {of}, {title}: {', '.join(found[title])}", seconds)
        for title in titles
    ]


def prove_deadlock(cases: tuple[str, ...]) -> list[Discharged]:
    """Discharge the induction, the safety obligations and the occasions for every case."""
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
    original = CASES[mutant.of].world
    changed = Case(f"mutant {mutant.text}", mutant.world)

    def attempt() -> Iterator[Obligation]:
        # First what this theorem adds: the reader is to see the lock or the queue that fails.
        yield from queue_obligations(changed, original)
        yield from inductive_obligations(changed, original)
        yield from last_obligations(changed, original)

    step = counter_example(attempt(), small_universe)
    if step is None:
        raise NotProvedError(f"the mutant ({mutant.text}) proves", "the theorem does not need it")
    stuck = {"deadlock": z3.Not(deadlock_free(mutant.world, symbols()))}
    for sessions, turns in BOUNDS:
        found, _ = reach(mutant.world, stuck, sessions, turns)
        if found:
            schedule = ", ".join(found["deadlock"])
            return f"{render(*step)}\na real execution into a deadlock: {schedule}"
    raise NotProvedError(f"the mutant ({mutant.text}) has no deadlock in the bounds", render(*step))
