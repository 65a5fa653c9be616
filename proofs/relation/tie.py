"""The tie between the z3 relation and the Python machine: both are run on the same concrete states.

The guard and the effect of an action are z3 terms, the very terms that the theorems are about.
Over a finite universe (the sessions, instances and replies of one machine state) they are
translated into Python expressions and evaluated; a test compares what comes out with what
``leo_model.machine.machine`` does. Since both are deterministic, equal sets of successors say that
the two agree on every transition and on every pair of states that is not one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

import z3

from leo_model.machine.state import UNREAD as UNREAD_CONTENT
from leo_model.machine.state import State as MachineState
from leo_model.machine.steps import World as MachineWorld
from proofs.relation.endings import relation
from proofs.relation.relation import Action, World
from proofs.relation.vocabulary import (
    CALLS,
    INSTANCE,
    REPLY,
    SESSION,
    VARIABLES,
    Term,
    symbols,
)

Facts = dict[str, Any]
NOT_CALLED = next(iter(UNREAD_CONTENT))
_SETS = {"Session": "D_s", "Instance": "D_i", "Reply": "D_r"}
_SPEC_NAME = {spec: name for name, (spec, _, _) in VARIABLES.items()}


def _python(term: Term, bound: tuple[str, ...]) -> str:
    """Write a z3 term as a Python expression over the facts ``Z``."""
    if z3.is_var(term):
        index: int = z3.get_var_index(term)
        return bound[-1 - index]
    if z3.is_quantifier(term):
        names = tuple(f"b{len(bound) + k}" for k in range(term.num_vars()))
        body = _python(term.body(), bound + names)
        loops = " ".join(
            f"for {name} in {_SETS[term.var_sort(k).name()]}" for k, name in enumerate(names)
        )
        return f"{'all' if term.is_forall() else 'any'}({body} {loops})"
    inner = [_python(child, bound) for child in term.children()]
    kind = term.decl().kind()
    match kind:
        case z3.Z3_OP_TRUE:
            return "True"
        case z3.Z3_OP_FALSE:
            return "False"
        case z3.Z3_OP_AND:
            return f"({' and '.join(inner) or 'True'})"
        case z3.Z3_OP_OR:
            return f"({' or '.join(inner) or 'False'})"
        case z3.Z3_OP_NOT:
            return f"(not {inner[0]})"
        case z3.Z3_OP_IMPLIES:
            return f"(not {inner[0]} or {inner[1]})"
        case z3.Z3_OP_EQ:
            return f"({inner[0]} == {inner[1]})"
        case z3.Z3_OP_DISTINCT if len(inner) == 2:
            return f"({inner[0]} != {inner[1]})"
        case z3.Z3_OP_ITE:
            return f"({inner[1]} if {inner[0]} else {inner[2]})"
        case z3.Z3_OP_UNINTERPRETED:
            return _symbol(term, inner)
    raise AssertionError(f"no translation of {term}")


def _symbol(term: Term, inner: list[str]) -> str:
    name = term.decl().name()
    if not inner:
        return repr(name) if term.sort().name() == "Label" else f"P_{name}"
    if name in ("owner", "InstanceOf", "pc"):
        return f"Z[{name!r}][{inner[0]}]"
    return f"(({', '.join(inner)},) in Z[{_SPEC_NAME.get(name, name)!r}])"


class _Compiled:
    """One action as Python code."""

    def __init__(self, action: Action) -> None:
        self.name = action.name
        self.guard = _code(action.enabled)
        self.effects: list[tuple[str, CodeType]] = []
        for name in sorted(action.changed):
            _, sorts, value = VARIABLES[name]
            arguments = [z3.Const(f"x{k}", sort) for k, sort in enumerate(sorts)]
            body = _python(getattr(action.after, name)(*arguments), ())
            names = [f"P_x{k}" for k in range(len(sorts))]
            loops = " ".join(
                f"for {x} in {_SETS[sort.name()]}" for x, sort in zip(names, sorts, strict=True)
            )
            if value == z3.BoolSort():
                text = f"frozenset(({', '.join(names)},) {loops} if {body})"
            else:
                text = f"{{{names[0]}: {body} {loops}}}"
            self.effects.append((name, compile(text, f"<{self.name}.{name}>", "eval")))


def _code(term: Term) -> CodeType:
    return compile(_python(term, ()), "<z3 term>", "eval")


class Relation:
    """The z3 relation of a world, run on concrete facts."""

    def __init__(self, world: World) -> None:
        self.actions = [_Compiled(action) for action in relation(world, symbols())]

    def successors(self, facts: Facts) -> Iterator[tuple[tuple[str, str], Facts]]:
        """Yield (action, actor) and the facts after it, for every action that is enabled."""
        domains = {"Z": facts, **facts["domains"], "P_unread": NOT_CALLED}
        for action in self.actions:
            for actor, parameters in _parameters(action.name, facts):
                scope = domains | parameters
                if eval(action.guard, scope):
                    after = dict(facts)
                    after.update((name, eval(code, scope)) for name, code in action.effects)
                    yield (action.name, actor), after

    def holds(self, formula: Term, facts: Facts, parameters: dict[str, Any] | None = None) -> bool:
        """Evaluate a formula over the relation's symbols; ``parameters`` are its free constants."""
        scope = {"Z": facts, **facts["domains"], "P_unread": NOT_CALLED, **(parameters or {})}
        return bool(eval(_translated(formula), scope))


@cache
def _translated(formula: Term) -> CodeType:
    return _code(formula)


def _parameters(action: str, facts: Facts) -> Iterator[tuple[str, dict[str, Any]]]:
    """The values of the action's parameters that are worth trying: the guard still decides."""
    if action in ("Crash", "Recover"):
        for instance in facts["domains"]["D_i"]:
            yield instance, {"P_instance": instance}
        return
    current = dict(facts["current"])
    for session in facts["domains"]["D_s"]:
        # A call may take any reply that is new; the machine numbers them, so the next one is taken.
        calls = action in ("Call", "Refresh")
        reply = facts["next"](facts, session) if calls else current.get(session)
        if reply is not None:
            yield session, {"P_session": session, "P_reply": reply}


def _next_reply(facts: Facts, session: str) -> tuple[str, int] | None:
    ours = sorted(
        r for r in facts["domains"]["D_r"] if r[0] == session and (r,) not in facts["called"]
    )
    return ours[0] if ours else None


def _sequence(order: tuple[Any, ...]) -> frozenset[Any]:
    return frozenset((a, b) for k, b in enumerate(order) for a in order[:k])


def _content(content: frozenset[Any]) -> frozenset[Any]:
    return frozenset((reply,) for reply in content)


def encode(world: MachineWorld, z: MachineState) -> Facts:
    """Write a state of the machine as relations; two states are equal exactly when these are."""
    assert world.turns is not None, "a finite universe needs a bounded world"
    sessions = tuple(z.pc)
    replies = (
        NOT_CALLED,
        *((s, n) for s in sessions for n in range(1, world.turns + 1)),
    )
    locals_ = {
        name: frozenset((s, r) for s in sessions for r in getattr(z.local[s], register))
        for name, register in (
            ("recalled", "recalled"), ("loaded_b", "bigrams"), ("loaded_t", "trigrams"),
            ("saw_b", "sawBigrams"), ("saw_t", "sawTrigrams"), ("saved", "saved"),
        )
    }  # fmt: skip
    facts: Facts = {
        "domains": {"D_s": sessions, "D_i": tuple(z.up), "D_r": replies},
        "next": _next_reply,
        "InstanceOf": dict(world.instance_of),
        # Nobody's reply has to belong to somebody; no action looks.
        "owner": {r: r[0] if r != NOT_CALLED else sessions[0] for r in replies},
        "pc": dict(z.pc),
        "current": frozenset((s, z.reply(s)) for s in sessions if z.calls[s]),
        "called": frozenset(((s, n),) for s in sessions for n in range(1, z.calls[s] + 1)),
        "ngrams": _content(z.ngrams),
        "snapshots": _content(z.snapshots),
        "nbefore": _sequence(z.store.ngrams),
        "sbefore": _sequence(z.store.snapshots),
        "view_b": frozenset((i, r) for i in z.view for r in z.view[i].bigrams),
        "view_t": frozenset((i, r) for i in z.view for r in z.view[i].trigrams),
        **locals_,
        "holder": frozenset((i, s) for i, s in z.holder.items() if s in z.pc),
        "waiting": frozenset((s,) for s in z.arrivals),
        "ahead": _sequence(z.arrivals),
        "overtaken": frozenset((s,) for s in z.overtaken),
        "writing": frozenset((s,) for s in z.pc if s == z.writing),
        "moved": frozenset((s,) for s in z.pc if z.moved[s]),
        "up": frozenset((i,) for i in z.up if z.up[i]),
        "left": frozenset((s,) for s in z.left),
        "returned": _content(z.returned),
        "readers_n": _content(z.readers.ngrams),
        "readers_s": _content(z.readers.snapshots),
        "dsg": z.dsg,
        "has_b": frozenset((s,) for s in sessions if z.local[s].bigrams != UNREAD_CONTENT),
        "has_t": frozenset((s,) for s in sessions if z.local[s].trigrams != UNREAD_CONTENT),
        "counted": frozenset((s,) for s in sessions if z.reply(s) in z.snapshots),
        "opened": frozenset((i,) for i in z.up if z.open.open),
    }
    for call in CALLS:
        asking = frozenset((s,) for s in sessions if world.call_of(s) == call)
        facts[f"asks.{call}"] = asking
    return facts


assert {SESSION.name(), INSTANCE.name(), REPLY.name()} == set(_SETS)
