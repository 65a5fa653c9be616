"""The transition relation of ``spec/Field.tla`` in z3: from the call to the first step."""

from __future__ import annotations

import z3

from proofs.relation.relation import (
    Action,
    R,
    S,
    World,
    act,
    alive,
    append,
    goto,
    standing,
    started,
)
from proofs.relation.vocabulary import (
    LABELS,
    SESSION,
    UNREAD,
    State,
    Symbol,
    Term,
    every,
    instance_of,
    owner,
)

__all__ = ["acquire", "begin", "block", "call", "is_my_turn", "lock_is_free"]


def call(w: World, z: State) -> Action:
    guard = {
        "label": z.pc(S) == LABELS["idle"],
        "alive": alive(z, instance_of(S)),
        "new reply": z3.And(z3.Not(z.called(R)), owner(R) == S, R != UNREAD),
    }
    effect: dict[str, Symbol] = {
        "pc": goto(z, "called"),
        "current": lambda t, q: z3.If(t == S, q == R, z.current(t, q)),
        "called": append(z.called),
        "waiting": lambda t: z3.Or(z.waiting(t), t == S),
        "ahead": lambda t, u: z3.Or(z.ahead(t, u), z3.And(z.waiting(t), u == S)),
    }
    return act(w, z, "Call", guard, effect, "Call")


def lock_is_free(z: State) -> Term:
    return every("t", lambda t: z3.Not(z.holder(instance_of(S), t)))


def is_my_turn(z: State) -> Term:
    """Nobody of the instance is ahead in the queue."""
    return every("t", lambda t: z3.Implies(z.ahead(t, S), instance_of(t) != instance_of(S)))


def acquire(w: World, z: State) -> Action:
    instance = instance_of(S)
    guard = standing(z, "called")
    if w.rules.lock != "none":
        guard["lock is free"] = lock_is_free(z)
    if w.rules.lock == "fifo":
        guard["my turn"] = is_my_turn(z)
    effect: dict[str, Symbol] = {"pc": goto(z, "begin" if w.rules.whole_reply else "recall")}
    if w.rules.lock != "none":
        effect["holder"] = lambda i, t: z3.If(i == instance, t == S, z.holder(i, t))
    if w.rules.transaction != "immediate":
        effect |= started(z)
    return act(w, z, "Acquire", guard, effect)


def block(w: World, z: State) -> Action:
    t = z3.Const("t", SESSION)
    guard = standing(z, "called")
    guard["lock is taken"] = z3.Exists([t], z.holder(instance_of(S), t))
    return act(w, z, "Block", guard, {"pc": goto(z, "blocked")})


def is_current(z: State, i: Term) -> Term:
    """The spec's ``ViewIsCurrent(i)``."""
    return every(
        "q", lambda q: z3.And(z.view_b(i, q) == z.ngrams(q), z.view_t(i, q) == z.ngrams(q))
    )


def begin(w: World, z: State) -> list[Action]:
    guard = standing(z, "begin")
    if w.rules.transaction != "immediate":
        return [act(w, z, "Begin", guard, {"pc": goto(z, "recall")})]
    guard["write lock is free"] = every("t", lambda t: z3.Not(z.writing(t)))
    effect: dict[str, Symbol] = {
        "writing": lambda t: t == S,
        **started(z),
    }
    current = is_current(z, instance_of(S))
    return [
        act(w, z, "Begin", guard | {"view": current}, effect | {"pc": goto(z, "recall")}),
        act(
            w, z, "Begin", guard | {"view": z3.Not(current)},
            effect | {"pc": goto(z, "loadBigrams")},
        ),
    ]  # fmt: skip
