"""Theorem 24: under a lock that serves its waiters in order, every call ends (the spec's Answered).

``InFlight(s) ~> ~InFlight(s)`` under weak fairness of every ``Step(s)``, by the rule of a ranking
and a helpful action (the well-founded rule for justice: Z. Manna and A. Pnueli, *Completing the
temporal picture*, Theoretical Computer Science 83, 1991). One session asks. Those that come before
its end are it and, while it is in the queue, the sessions ahead of it and the holder. The rank
gives each of them the steps that its reply has left, everybody else zero; ranks are compared
session by session. While the asker is in flight:

1. no action raises the rank, of any session;
2. there is a helpful session: the asker once it has started, until then the holder, and while the
   lock is free the first in the queue;
3. the step of the helpful session is enabled;
4. that step lowers the rank, or ends the asker's reply;
5. an action that leaves the rank as it is leaves the helpful session helpful.

All five are obligations, action by action, with all faults. The rest is by hand. Those that come
before are finitely many (6: they are the queue, one holder and the asker), so ranks cannot fall for
ever; from the last fall on, the same session would stay helpful (5), its step enabled (3) and never
taken (4), which weak fairness of its step excludes. No fairness of a restart is needed: a reply in
flight has a process that is up.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from proofs.invariants.occasions import some
from proofs.invariants.unbounded import CASES, Case, Mutant, explain, inductive_obligations
from proofs.progress.deadlock import occasions_met
from proofs.progress.lasso import starving
from proofs.progress.waiting import (
    can_step,
    hypotheses,
    inductive_with_queue,
    is_first,
    known_of,
    queue_obligations,
    steps_of,
)  # fmt: skip
from proofs.relation.endings import relation
from proofs.relation.relation import S, World
from proofs.relation.vocabulary import (
    LABELS,
    SESSION,
    State,
    Term,
    at,
    every,
    in_flight,
    instance_of,
)
from proofs.tools.countermodel import render, small_universe
from proofs.tools.discharge import Obligation, counter_example, discharge
from proofs.tools.errors import NotProvedError
from proofs.tools.theorem import Discharged

__all__ = ["helpful", "prove_answered", "ranking_obligations", "refute_answered"]

ASKER = z3.Const("asker", SESSION)

# Where a reply stands, the farthest from its end first. Step commit and unit of work share it.
WAY = (
    "called", "begin", "recall", "ingest", "loadBigrams", "loadTrigrams", "assign", "generate",
    "generateEnd", "snapshot", "commit", "swap", "release", "return", "idle",
)  # fmt: skip


def comes_before(z: State, t: Term) -> Term:
    """The session comes before the end of the asker's reply, or is the asker."""
    here = instance_of(ASKER)
    in_front = z3.Or(z.ahead(t, ASKER), z.holder(here, t))
    waits = at(z, ASKER, ("called",))
    return z3.Or(t == ASKER, z3.And(waits, instance_of(t) == here, in_front))


def _farther(old: State, new: State, t: Term, strictly: int) -> Term:
    """The session's reply stands at a label, and then at the same or a later one."""
    return z3.Or(*(
        z3.And(old.pc(t) == LABELS[label], at(new, t, WAY[k + strictly:]))
        for k, label in enumerate(WAY)
    ))  # fmt: skip


def not_raised(old: State, new: State, t: Term) -> Term:
    """The session's part of the rank is not larger than before."""
    return z3.Or(
        z3.Not(comes_before(new, t)),
        z3.Not(in_flight(new, t)),
        z3.And(comes_before(old, t), _farther(old, new, t, 0)),
    )


def lowered(old: State, new: State, t: Term) -> Term:
    """The session's part of the rank is smaller than before."""
    gone = z3.Not(comes_before(new, t))
    return z3.And(comes_before(old, t), in_flight(old, t), z3.Or(gone, _farther(old, new, t, 1)))


def helpful(z: State, h: Term) -> Term:
    """Whose step brings the asker nearer to its end."""
    here = instance_of(ASKER)
    free = every("t", lambda t: z3.Not(z.holder(here, t)))
    served = z3.Or(z.holder(here, h), z3.And(free, is_first(z, here, h)))
    waits = at(z, ASKER, ("called",))
    # No if-then-else over quantifiers: so the obligations stay in EPR.
    return z3.Or(z3.And(waits, served), z3.And(z3.Not(waits), h == ASKER))


def ranking_obligations(of: Case, invariant_of: World | None = None) -> Iterator[Obligation]:
    """The premises of the rule. ``invariant_of`` is the world whose invariant is tried."""
    judge, z = invariant_of or of.world, of.state
    known = (*known_of(judge, z), in_flight(z, ASKER))
    own_steps = {action.name for action in steps_of(of.world, z)}
    h = z3.Const("h", SESSION)
    for k, action in enumerate(relation(of.world, z)):
        name, given, after = f"{of.name}: {k} {action.name}", (*known, action.enabled), action.after
        answered = z3.Not(in_flight(after, ASKER))
        kept = every("t", lambda t, after=after: not_raised(z, after, t))
        yield Obligation(f"{name} does not raise the rank", given, z3.Or(answered, kept))
        if action.name in own_steps:
            yield Obligation(
                f"{name} of a helpful session lowers it", (*given, helpful(z, S)),
                z3.Or(answered, lowered(z, after, S)),
            )  # fmt: skip
        falls = some("t", lambda t, after=after: lowered(z, after, t))
        yield Obligation(
            f"{name} lowers it or leaves who is helpful", (*given, helpful(z, h)),
            z3.Or(answered, falls, helpful(after, h)),
        )  # fmt: skip
    yield Obligation(
        f"{of.name}: who comes before is in the queue or holds the lock",
        (*known, comes_before(z, h), h != ASKER),
        z3.Or(z.waiting(h), z.holder(instance_of(ASKER), h)),
    )
    whole = (*hypotheses(judge, z), in_flight(z, ASKER))
    somebody = z3.Exists([h], helpful(z, h))
    yield Obligation(f"{of.name}: somebody is helpful", whole, somebody)
    yield Obligation(
        f"{of.name}: a helpful session can step", (*whole, helpful(z, h)), can_step(of.world, z, h)
    )


def _occasion(of: Case) -> Discharged:
    """The rule is not about nothing: somebody has to wait for another one."""
    (found,) = occasions_met(of.name, of.world, "Answered", ("waits for the lock",))
    return found


def prove_answered(cases: tuple[str, ...]) -> list[Discharged]:
    """Discharge the induction and the premises of the rule, and find who has to wait."""
    found: list[Discharged] = []
    for key in cases:
        of = CASES[key]
        found += inductive_with_queue(key)
        found += discharge(ranking_obligations(of), explain)
        found.append(_occasion(of))
    return found


def refute_answered(mutant: Mutant) -> str:
    """Show that the rule does not go through for the mutant, and a real behaviour in which a call
    never ends although every session is treated fairly: a schedule that can be repeated for ever.

    Raises NotProvedError when the rule goes through, or when the bound has no such behaviour.
    """
    original = CASES[mutant.of].world
    changed = Case(f"mutant {mutant.text}", mutant.world)

    def attempt() -> Iterator[Obligation]:
        yield from ranking_obligations(changed, original)
        yield from queue_obligations(changed, original)
        yield from inductive_obligations(changed, original)

    step = counter_example(attempt(), small_universe)
    if step is None:
        raise NotProvedError(f"the mutant ({mutant.text}) proves", "the theorem does not need it")
    loop = starving(mutant.world)
    if loop is None:
        raise NotProvedError(f"the mutant ({mutant.text}) starves nobody", render(*step))
    before, again = map(", ".join, loop)
    return f"{render(*step)}\na real behaviour that starves s1: {before}; then for ever: {again}"
