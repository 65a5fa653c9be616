"""A counter-model as a person reads it: sessions and replies by name, labels as in the spec."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import z3

from proofs.relation.relation import I, R, S
from proofs.relation.vocabulary import (
    INSTANCE,
    LABEL,
    LABELS,
    REPLY,
    SESSION,
    UNREAD,
    VARIABLES,
    State,
    Term,
    every,
    has_reply,
    instance_of,
    owner,
    symbols,
)  # fmt: skip
from proofs.tools.discharge import Obligation

REGISTERS = ("recalled", "loaded_b", "loaded_t", "saw_b", "saw_t", "saved")


def small_universe() -> Iterable[Term]:
    """At most two sessions, two instances and three replies besides the unread one; no strange
    label.
    """
    z = symbols()
    yield has_reply(z)
    yield every("s r q", lambda s, r, q: z3.Implies(
        z.current(s, r),
        z3.And(owner(r) == s, r != UNREAD, z3.Implies(z.current(s, q), q == r)),
    ))  # fmt: skip
    label = z3.Const("label", LABEL)
    yield z3.ForAll([label], z3.Or(*(label == known for known in LABELS.values())))
    for sort, size in ((SESSION, 2), (INSTANCE, 2), (REPLY, 3)):
        known = [z3.Const(f"{sort.name().lower()}{k}", sort) for k in range(size)]
        known += [UNREAD] if sort == REPLY else []
        x = z3.Const("x", sort)
        yield z3.ForAll([x], z3.Or(*(x == k for k in known)))


class _Names:
    """The elements of a model's universe, by the names that the spec would give them."""

    def __init__(self, model: z3.ModelRef) -> None:
        self.model = model
        self.sessions = self._universe(SESSION)
        self.instances = self._universe(INSTANCE)
        self.replies = self._universe(REPLY)
        self.names: dict[str, str] = {}
        self._number(self.sessions, "s")
        self._number(self.instances, "i")
        counts: dict[str, int] = {}
        unread = self.value(UNREAD)
        for reply in self.replies:
            if reply.eq(unread):
                self.names[str(reply)] = "unread"
                continue
            whose = self.name(owner(reply))
            counts[whose] = counts.get(whose, 0) + 1
            self.names[str(reply)] = f"{whose}.{counts[whose]}"
        for label, constant in LABELS.items():
            self.names[str(self.value(constant))] = label

    def _universe(self, sort: Term) -> list[Any]:
        found = self.model.get_universe(sort)
        return list(found) if found else [self.value(z3.Const("x", sort))]

    def _number(self, elements: list[Any], letter: str) -> None:
        for k, element in enumerate(elements, 1):
            self.names[str(element)] = f"{letter}{k}"

    def value(self, term: Term) -> Any:
        return self.model.eval(term, model_completion=True)

    def name(self, term: Term) -> str:
        value = self.value(term)
        return self.names.get(str(value), str(value))

    def true(self, term: Term) -> bool:
        return bool(z3.is_true(self.value(term)))

    def content(self, relation: Any, *first: Any) -> str:
        members = [self.name(r) for r in self.replies if self.true(relation(*first, r))]
        return "nothing read" if members == ["unread"] else "{" + ", ".join(sorted(members)) + "}"


def holds_in(model: z3.ModelRef, term: Term) -> bool:
    """Evaluate a formula in a finite model, quantifier by quantifier.

    z3's own evaluation leaves a quantifier as it is when it sees no reason to expand it.
    """
    if z3.is_quantifier(term):
        ranges = [model.get_universe(term.var_sort(k)) or [] for k in range(term.num_vars())]
        # De Bruijn: the last variable has the index 0.
        instances = (
            holds_in(model, z3.substitute_vars(term.body(), *reversed(values)))
            for values in product(*ranges)
        )
        return all(instances) if term.is_forall() else any(instances)
    inner = term.children()
    if z3.is_and(term):
        return all(holds_in(model, child) for child in inner)
    if z3.is_or(term):
        return any(holds_in(model, child) for child in inner)
    if z3.is_not(term):
        return not holds_in(model, inner[0])
    if z3.is_implies(term):
        return not holds_in(model, inner[0]) or holds_in(model, inner[1])
    return bool(z3.is_true(model.eval(term, model_completion=True)))


def failing_parts(obligation: Obligation, model: z3.ModelRef) -> list[str]:
    """The names of the goal's conjuncts that are false in the model."""
    false = [name for name, part in obligation.parts if not holds_in(model, part)]
    return false or [obligation.name]


def render(obligation: Obligation, model: z3.ModelRef) -> str:
    """Describe the state in which the obligation fails, and the step that makes it fail."""
    n, z = _Names(model), symbols()
    lines = [
        f"obligation: {obligation.name}",
        "fails:      " + "; ".join(failing_parts(obligation, model)),
    ]
    lines.append(
        f"the step's session is {n.name(S)}, its reply {n.name(R)}, its instance "
        f"{n.name(instance_of(S))}" + (f", the process {n.name(I)}" if len(n.instances) > 1 else "")
    )
    lines.append("in the state before it:")
    lines += [f"  {line}" for line in _sessions(n, z)]
    lines += [f"  {line}" for line in _instances(n, z)]
    lines += [f"  {line}" for line in _store(n, z)]
    return "\n".join(lines)


def _sessions(n: _Names, z: State) -> Iterable[str]:
    for s in n.sessions:
        current = [n.name(r) for r in n.replies if n.true(z.current(s, r))]
        reply = f" with reply {', '.join(current)}" if current else ""
        extra = [w for w, v in (("writes", z.writing), ("has left", z.left)) if n.true(v(s))]
        note = f" ({', '.join(extra)})" if extra else ""
        yield f"{n.name(s)} of {n.name(instance_of(s))} is at {n.name(z.pc(s))}{reply}{note}"
        read = [
            f"{VARIABLES[register][0].removeprefix('local.')} {text}"
            for register in REGISTERS
            if (text := n.content(getattr(z, register), s)) not in ("nothing read", "{}")
        ]
        if read:
            yield f"  has read: {'; '.join(read)}"


def _instances(n: _Names, z: State) -> Iterable[str]:
    for i in n.instances:
        holders = [n.name(s) for s in n.sessions if n.true(z.holder(i, s))]
        state = "up" if n.true(z.up(i)) else "down"
        yield (
            f"{n.name(i)} is {state}, its lock held by {', '.join(holders) or 'nobody'}; view: "
            f"bigrams {n.content(z.view_b, i)}, trigrams {n.content(z.view_t, i)}"
        )


def _store(n: _Names, z: State) -> Iterable[str]:
    yield f"store: ngrams {n.content(z.ngrams)}, snapshots {n.content(z.snapshots)}"
    edges = [
        f"{n.name(a)} -> {n.name(b)}" for a in n.replies for b in n.replies if n.true(z.dsg(a, b))
    ]
    if edges:
        yield "dependencies: " + ", ".join(edges)
    returned = n.content(z.returned)
    if returned != "{}":
        yield f"returned: {returned}"
