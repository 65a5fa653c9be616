"""Theorems 24 and 25: every call ends (the spec's Answered).

``InFlight(s) ~> ~InFlight(s)`` by the rule of a ranking and a helpful action (the well-founded
rules for justice and for compassion: Z. Manna and A. Pnueli, *Completing the temporal picture*,
Theoretical Computer Science 83, 1991). One session asks. Under a lock that serves in order those
that come before its end are it and, while it is in the queue, the sessions ahead of it and the
holder; otherwise it alone. The rank gives each of them the steps that its reply has left, everybody
else zero; ranks are compared session by session. While the asker is in flight:

1. no action raises the rank, of any session;
2. there is a helpful session: the asker once it has started, until then the holder, and while the
   lock is free the first in the queue; without an order the asker;
3. the step of the helpful session is enabled, or waits for what is given away in no order;
4. that step lowers the rank, or ends the asker's reply;
5. an action that leaves the rank as it is leaves the helpful session helpful;
6. who has what is given away in no order can step, keeps it until nobody has it, and each of its
   steps comes nearer to that.

All are obligations, action by action, with all faults. The last sentences are by hand: README.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import cache

import z3

from proofs.invariants.execution import LIMIT, Schedule, begun, executions, some
from proofs.invariants.invariants import labels_of
from proofs.invariants.unbounded import (
    CASES,
    Case,
    Mutant,
    attempted,
    explain,
    failing_step,
    inductive_obligations,
)
from proofs.progress.deadlock import (
    can_step,
    hypotheses,
    inductive_with_queue,
    is_first,
    is_free,
    known_of,
    occasions_met,
    occasions_of,
    queue_obligations,
    steps_of,
)  # fmt: skip
from proofs.relation.endings import relation
from proofs.relation.relation import S, World, in_stretch
from proofs.relation.tie import Facts, Relation
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
from proofs.tools.discharge import Obligation, discharge
from proofs.tools.errors import NotProvedError
from proofs.tools.theorem import Discharged

ASKER = z3.Const("asker", SESSION)

# Where a reply stands, the farthest from its end first. The programs share it.
WAY = (
    "called", "begin", "recall", "count", "ingest", "load", "ingestAgain", "loadAgain",
    "loadBigrams", "loadTrigrams", "assign", "generate", "generateEnd", "statement",
    "statementAgain", "snapshot", "commit", "refreshBigrams", "refreshTrigrams", "reload", "swap",
    "release", "return", "idle",
)  # fmt: skip
LOADS = ("loadBigrams", "loadTrigrams", "assign")


@cache
def way(w: World) -> tuple[str, ...]:
    """The labels in the order of the discipline: a unit of work loads before it recalls."""
    known = set(labels_of(w))
    loads = [label for label in LOADS if label in known and w.rules.whole_reply]
    rest = [label for label in WAY if label in known - set(loads)]
    return (*rest[:2], *loads, *rest[2:])


def comes_before(w: World, z: State, t: Term) -> Term:
    """The session comes before the end of the asker's reply, or is the asker."""
    if w.rules.lock != "fifo":
        return t == ASKER
    here = instance_of(ASKER)
    in_front = z3.Or(z.ahead(t, ASKER), z.holder(here, t))
    waits = at(z, ASKER, ("called",))
    return z3.Or(t == ASKER, z3.And(waits, instance_of(t) == here, in_front))


def _nearer(w: World, old: State, new: State, t: Term, strictly: bool) -> Term:
    """The session's reply stands at a later label, or at the same one with no less loaded."""
    order = way(w)
    later = z3.Or(*(
        z3.And(old.pc(t) == LABELS[label], at(new, t, order[k + 1:]))
        for k, label in enumerate(order)
    ))  # fmt: skip
    kept = [old.pc(t) == new.pc(t)]
    if w.rules.published:
        flags = ((old.has_b, new.has_b), (old.has_t, new.has_t))
        kept += [z3.Implies(before(t), after(t)) for before, after in flags]
        gained = z3.Or(*(z3.And(z3.Not(before(t)), after(t)) for before, after in flags))
        kept += [gained] if strictly else []
    return later if strictly and not w.rules.published else z3.Or(later, z3.And(*kept))


def not_raised(w: World, old: State, new: State, t: Term) -> Term:
    """The session's part of the rank is not larger than before."""
    return z3.Or(
        z3.Not(comes_before(w, new, t)),
        z3.Not(in_flight(new, t)),
        z3.And(comes_before(w, old, t), _nearer(w, old, new, t, False)),
    )


def lowered(w: World, old: State, new: State, t: Term) -> Term:
    """The session's part of the rank is smaller than before."""
    gone = z3.Not(comes_before(w, new, t))
    nearer = z3.Or(gone, _nearer(w, old, new, t, True))
    return z3.And(comes_before(w, old, t), in_flight(old, t), nearer)


def helpful(w: World, z: State, h: Term) -> Term:
    """Whose step brings the asker nearer to its end."""
    if w.rules.lock != "fifo":
        return h == ASKER
    here = instance_of(ASKER)
    served = z3.Or(z.holder(here, h), z3.And(is_free(z, here), is_first(z, here, h)))
    waits = at(z, ASKER, ("called",))
    # No if-then-else over quantifiers: so the obligations stay in EPR.
    return z3.Or(z3.And(waits, served), z3.And(z3.Not(waits), h == ASKER))


def owns(w: World, z: State, u: Term) -> Term:
    """The session has what is given away in no order: SQLite's write lock, a threading.Lock, or the
    event loop of a published program.
    """
    if w.rules.published:
        return in_stretch(w, z, u)
    if w.rules.transaction == "immediate":
        return z.writing(u)
    return z.holder(instance_of(u), u) if w.rules.lock == "unfair" else z3.BoolVal(False)


def waits_for(w: World, z: State, h: Term, u: Term) -> Term:
    """The step of h waits until u has it no longer."""
    if w.rules.published:
        return z3.And(h != u, owns(w, z, u))
    place = "begin" if w.rules.transaction == "immediate" else "called"
    return z3.And(at(z, h, (place,)), owns(w, z, u))


def needs_strong_fairness(w: World) -> bool:
    """Weak fairness is not enough: something is given away in no order."""
    return w.rules.published or w.rules.transaction == "immediate" or w.rules.lock == "unfair"


def strong_obligations(of: Case, judge: World) -> Iterator[Obligation]:
    """Who has what is given away in no order has it no longer after finitely many of its steps."""
    z, known = of.state, known_of(judge)
    u, own_steps = z3.Const("u", SESSION), {action.name for action in steps_of(of.world, z)}
    for k, action in enumerate(relation(of.world, z)):
        name, after = f"{of.name}: {k} {action.name}", action.after
        given = (*known, action.enabled, owns(judge, z, u))
        free = every("t", lambda t, after=after: z3.Not(owns(judge, after, t)))
        kept = z3.And(owns(judge, after, u), _nearer(judge, z, after, u, False))
        yield Obligation(f"{name} frees it or keeps its owner", given, z3.Or(free, kept))
        if action.name in own_steps:
            nearer = z3.Or(z3.Not(owns(judge, after, S)), _nearer(judge, z, after, S, True))
            mine = (*known, action.enabled, owns(judge, z, S))
            yield Obligation(f"{name} of its owner comes nearer to freeing it", mine, nearer)
    whole = (*hypotheses(judge, z), owns(judge, z, u))
    yield Obligation(f"{of.name}: its owner can step", whole, can_step(of.world, z, u))


def ranking_obligations(
    of: Case, invariant_of: World | None = None, strong: bool = True
) -> Iterator[Obligation]:
    """The premises of the rule. ``invariant_of`` is the world whose invariant is tried; without
    ``strong`` those of weak fairness alone.
    """
    judge, z = invariant_of or of.world, of.state
    known = (*known_of(judge), in_flight(z, ASKER))
    own_steps = {action.name for action in steps_of(of.world, z)}
    h = z3.Const("h", SESSION)
    for k, action in enumerate(relation(of.world, z)):
        name, given, after = f"{of.name}: {k} {action.name}", (*known, action.enabled), action.after
        answered = z3.Not(in_flight(after, ASKER))
        kept = every("t", lambda t, after=after: not_raised(judge, z, after, t))
        yield Obligation(f"{name} does not raise the rank", given, z3.Or(answered, kept))
        if action.name in own_steps:
            yield Obligation(
                f"{name} of a helpful session lowers it", (*given, helpful(judge, z, S)),
                z3.Or(answered, lowered(judge, z, after, S)),
            )  # fmt: skip
        falls = some("t", lambda t, after=after: lowered(judge, z, after, t))
        yield Obligation(
            f"{name} lowers it or leaves who is helpful", (*given, helpful(judge, z, h)),
            z3.Or(answered, falls, helpful(judge, after, h)),
        )  # fmt: skip
    yield Obligation(
        f"{of.name}: who comes before is in the queue or holds the lock",
        (*known, comes_before(judge, z, h), h != ASKER),
        z3.Or(z.waiting(h), z.holder(instance_of(ASKER), h)),
    )
    whole = (*hypotheses(judge, z), in_flight(z, ASKER))
    yield Obligation(f"{of.name}: somebody is helpful", whole, z3.Exists([h], helpful(judge, z, h)))
    helps = (*whole, helpful(judge, z, h))
    if strong and needs_strong_fairness(judge):
        helps = (*helps, every("u", lambda u: z3.Not(waits_for(judge, z, h, u))))
        yield from strong_obligations(of, judge)
    yield Obligation(f"{of.name}: a helpful session can step", helps, can_step(of.world, z, h))


# What guards look at when contents do not matter; histories are left out as well.
CONTROL = ("holder", "waiting", "ahead", "writing", "moved", "up", "left")
STARVED = "s1"


def control(facts: Facts) -> Hashable:
    return (frozenset(facts["pc"].items()), *(facts[name] for name in CONTROL))


def _treated_fairly(
    sessions: frozenset[str], moves: list[tuple[tuple[str, str], Facts]], taken: tuple[str, str]
) -> frozenset[str]:
    """The sessions to which weak fairness owes nothing after this move: who steps, who cannot."""
    can = {actor for (action, actor), _ in moves if action not in ("Call", "Recover")}
    return (sessions - can) | ({taken[1]} & can)


def _loop(relation: Relation, start: Facts) -> Schedule | None:
    """A shortest fair way from a state back to one with the same control; the starved stays."""
    home, sessions = control(start), frozenset(start["pc"])
    Node = tuple[Facts, frozenset[str], Schedule]
    queue: deque[Node] = deque([(start, frozenset(), ())])
    seen: set[Hashable] = set()
    while queue and len(seen) < LIMIT:
        facts, fair, path = queue.popleft()
        moves = list(relation.successors(facts))
        for move, after in moves:
            if after["pc"][STARVED] == "idle":
                continue
            following = fair | _treated_fairly(sessions, moves, move)
            way = (*path, move)
            if control(after) == home and following == sessions:
                return way
            key = (control(after), after["called"], following)
            if key not in seen:
                seen.add(key)
                queue.append((after, following, way))
    return None


def starving(world: World, sessions: int = 2) -> tuple[list[str], list[str]] | None:
    """Return a schedule and one to repeat for ever, through which the first session waits; None
    when there is none in the bound.

    The relation is run without faults, one call each. After the repeated part the state is as
    before it, up to contents and the names of replies; with a lock and no transaction no guard
    looks at these, so the part can be repeated with new calls. It is weakly fair when in it each
    session takes a step of its own or cannot take one at some moment.
    """
    assert world.rules.transaction == "none", "a guard looks at contents"
    relation, start = begun(replace(world, faults=frozenset()), sessions, 1)
    states = executions(relation, start, lambda facts: (control(facts), facts["called"]))
    for facts, path in states:
        # Only where the first session is in flight.
        loop = _loop(relation, facts) if facts["pc"][STARVED] != "idle" else None
        if loop is not None:
            return [" ".join(move) for move in path], [" ".join(move) for move in loop]
    return None


def _occasion(of: Case) -> Discharged:
    """The rule is not about nothing: somebody has to wait for another one."""
    title = occasions_of(of.world)[0]
    (found,) = occasions_met(of.name, of.world, "Answered", (title,))
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


def _starved(mutant: str, world: World, step: str) -> str:
    """A schedule that can be repeated for ever, in which every session is treated fairly."""
    loop = starving(world)
    if loop is None:
        raise NotProvedError(f"the mutant ({mutant}) starves nobody", step)
    before, again = map(", ".join, loop)
    return f"{step}\na real behaviour that starves s1: {before}; then for ever: {again}"


def refute_answered(mutant: Mutant) -> str:
    """Show that the rule does not go through for the mutant, and a real behaviour in which a call
    never ends. Raises NotProvedError when the rule goes through, or when the bound has none.
    """
    step = attempted(mutant, ranking_obligations, queue_obligations, inductive_obligations)
    return _starved(mutant.text, mutant.world, step)


def refute_under_weak() -> str:
    """Show that weak fairness is not enough for D3: the premise that fails, and who starves."""
    of, weaker = CASES["D3"], "D3 under weak fairness"
    return _starved(weaker, of.world, failing_step(weaker, ranking_obligations(of, strong=False)))
