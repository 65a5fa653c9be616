"""The transition relation of ``spec/Field.tla`` in z3: what an action is, and what actions share.

One function per action (``proofs.relation.steps``, ``proofs.relation.endings``), with the
action's name; its guard is a list of named conjuncts, and its effect says for each variable that
changes what it becomes. A mutant is a relation in which one conjunct is dropped, or in which one
variable stays. Nothing here knows a discipline by its name: like the spec, the actions ask for the
seven answers (``leo_model.disciplines.Rules``). ``proofs.relation.tie`` compares every transition
with the Python machine's, which in turn has the same graph as the spec under TLC.

Every action has the reply of its session as a parameter, bound by ``current(s, r)``: that is what
keeps "the reply of s" from becoming a function from sessions to replies (see
``proofs.relation.vocabulary``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import z3

from leo_model.disciplines import Rules
from proofs.relation.vocabulary import (
    INSTANCE,
    LABELS,
    REPLY,
    SESSION,
    UNREAD,
    State,
    Symbol,
    Term,
    asks,
    at,
    every,
    instance_of,
)  # fmt: skip

S = z3.Const("session", SESSION)
R = z3.Const("reply", REPLY)
I = z3.Const("instance", INSTANCE)  # noqa: E741 - the spec's letter

Guard = dict[str, Term]


@dataclass(frozen=True)
class World:
    """What is fixed: the discipline's answers, the faults that strike, the guards and effects that
    a mutant drops, and whether there is one session only.
    """

    rules: Rules
    faults: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    alone: bool = False


@dataclass(frozen=True)
class Action:
    """One action of the relation: its guard, what it makes of the state, what it is in AtomicReply.

    ``atomic`` is "Call", "Do", "Return", "End" or "stutter"; ``gone`` tells who ends.
    """

    name: str
    guard: Guard
    after: State
    changed: frozenset[str]
    atomic: str = "stutter"
    gone: Callable[[Term], Term] | None = None

    @property
    def enabled(self) -> Term:
        return z3.And(*self.guard.values())


def act(
    w: World,
    z: State,
    name: str,
    guard: Guard,
    effect: dict[str, Symbol],
    atomic: str = "stutter",
    gone: Callable[[Term], Term] | None = None,
) -> Action:
    """Assemble an action, leaving out what the world's mutant drops: a conjunct of the guard, or
    what becomes of a variable ("Release: holder stays").
    """
    kept = {text: term for text, term in guard.items() if f"{name}: {text}" not in w.dropped}
    known = {f"{name}: {text}" for text in (*guard, *(f"{v} stays" for v in effect))}
    unknown = {d for d in w.dropped if d.startswith(f"{name}: ")} - known
    assert not unknown, f"{name} has no guard or effect {unknown}"
    effect = {v: made for v, made in effect.items() if f"{name}: {v} stays" not in w.dropped}
    return Action(name, kept, replace(z, **effect), frozenset(effect), atomic, gone)


def alive(z: State, i: Term) -> Term:
    return z3.And(
        z.up(i),
        every("t", lambda t: z3.Implies(instance_of(t) == i, z.pc(t) != LABELS["blocked"])),
    )


def may_run(w: World, z: State) -> Guard:
    """The spec's ``MayRun(s)``."""
    guard = {"alive": alive(z, instance_of(S))}
    if w.rules.published:
        guard["nobody runs on"] = every("t", lambda t: z3.Not(z3.And(
            instance_of(t) == instance_of(S), t != S, in_stretch(w, z, t)
        )))  # fmt: skip
    return guard


def in_stretch(w: World, z: State, s: Term) -> Term:
    """The spec's ``InStretch(s)``: no await lets another task run."""
    calls = sorted(set(w.rules.asks))
    return z3.Or(*(
        z3.And(asks(call, s), at(z, s, sorted(w.rules.stretch(call)))) for call in calls
    ))  # fmt: skip


def standing(w: World, z: State, *labels: str) -> Guard:
    """The spec's ``At(s, label)``, for one of the labels, and the name of the reply in flight."""
    return {"label": at(z, S, labels), **may_run(w, z), "reply": z.current(S, R)}


def goto(z: State, label: Term | str) -> Symbol:
    there = LABELS[label] if isinstance(label, str) else label
    return lambda t: z3.If(t == S, there, z.pc(t))


def learn(register: Symbol, content: Callable[[Term], Term]) -> Symbol:
    """``Learn(s, [register |-> content])``."""
    return lambda t, q: z3.If(t == S, content(q), register(t, q))


def unread(q: Term) -> Term:
    return q == UNREAD


def add_read(z: State, content: Callable[[Term], Term], written: Symbol) -> Symbol:
    """``dsg \\cup ReadEdges(Reply(s), content, written)``."""
    return lambda a, b: z3.Or(
        z.dsg(a, b),
        z3.And(b == R, a != R, content(a)),
        z3.And(a == R, b != R, written(b), z3.Not(content(b))),
    )


def add_write(z: State, before: Callable[[Term], Term]) -> Symbol:
    """``dsg \\cup WriteEdges(Reply(s), ...)``; ``before`` are the writers and readers so far."""
    return lambda a, b: z3.Or(z.dsg(a, b), z3.And(b == R, a != R, before(a)))


def append(content: Symbol) -> Symbol:
    return lambda q: z3.Or(content(q), q == R)


def append_order(content: Symbol, order: Symbol) -> Symbol:
    return lambda a, b: z3.Or(order(a, b), z3.And(content(a), b == R))


def started(z: State) -> dict[str, Symbol]:
    """``Start(s)``: s leaves the queue, and overtakes everyone who was ahead of it."""
    return {
        "waiting": lambda t: z3.And(z.waiting(t), t != S),
        "ahead": lambda t, u: z3.And(z.ahead(t, u), t != S, u != S),
        "overtaken": lambda t: z3.And(z3.Or(z.overtaken(t), z.ahead(t, S)), t != S),
    }


def blank(z: State, gone: Callable[[Term], Term]) -> dict[str, Symbol]:
    """``local' = [... Blank]`` for the sessions that are gone."""
    registers = ("recalled", "loaded_b", "loaded_t", "saw_b", "saw_t", "saved")

    def blanked(register: Symbol) -> Symbol:
        return lambda t, q: z3.If(gone(t), unread(q), register(t, q))

    flags = {
        "has_b": lambda t: z3.And(z.has_b(t), z3.Not(gone(t))),
        "has_t": lambda t: z3.And(z.has_t(t), z3.Not(gone(t))),
    }
    return {name: blanked(getattr(z, name)) for name in registers} | flags


def is_me(t: Term) -> Term:
    return t == S
