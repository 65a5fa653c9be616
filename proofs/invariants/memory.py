"""A relation for arbitrary programs: what is left of a discipline when the steps are not fixed.

A reply may read and write whatever it likes, as often as it likes, and decide as it goes along;
objects and replies are uninterpreted sorts. There are a lock, a commit and a view.

``step``: every write is committed at once (D4), all faults. ``unit``: writes are buffered and
committed together, and the cached view takes them in a step of its own under a shield (D6), all
faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import z3

from proofs.relation.vocabulary import REPLY, Term

__all__ = ["OBJECT", "Memory", "O", "R", "Step", "every", "initially", "steps", "symbols"]

OBJECT = z3.DeclareSort("Object")
R = z3.Const("reply", REPLY)
O = z3.Const("object", OBJECT)  # noqa: E741 - an object

Symbol = Callable[..., Term]


@dataclass(frozen=True)
class Memory:
    """The state: where replies are, what they want to write, what is written, who has read what."""

    entered: Symbol
    inside: Symbol
    committed: Symbol
    swapped: Symbol
    returned: Symbol
    before: Symbol
    intends: Symbol
    store: Symbol
    view: Symbol
    readers: Symbol
    dsg: Symbol
    up: Term


def symbols(mark: str = "") -> Memory:
    """A state of uninterpreted symbols; ``mark`` tells several states in one formula apart."""
    b = z3.BoolSort()
    one = {
        n: z3.Function(n + mark, REPLY, b)
        for n in ("entered", "inside", "committed", "swapped", "returned")
    }
    two = {n: z3.Function(n + mark, REPLY, REPLY, b) for n in ("before", "dsg")}
    objects = {
        n: z3.Function(n + mark, OBJECT, REPLY, b) for n in ("intends", "store", "view", "readers")
    }
    return Memory(**one, **two, **objects, up=z3.Bool("up" + mark))


@dataclass(frozen=True)
class Step:
    name: str
    guard: dict[str, Term]
    after: Memory


def every(names: str, body: Callable[..., Term]) -> Term:
    """As in the vocabulary; ``o`` and ``p`` are objects, everything else a reply."""
    bound = [z3.Const(n, OBJECT if n in ("o", "p") else REPLY) for n in names.split()]
    return z3.ForAll(bound, body(*bound))


def initially(m: Memory) -> Term:
    return z3.And(
        m.up,
        every("r", lambda r: z3.Not(z3.Or(
            m.entered(r), m.inside(r), m.committed(r), m.swapped(r), m.returned(r)
        ))),
        every("q r", lambda q, r: z3.Not(z3.Or(m.before(q, r), m.dsg(q, r)))),
        every("o r", lambda o, r: z3.Not(z3.Or(
            m.intends(o, r), m.store(o, r), m.view(o, r), m.readers(o, r)
        ))),
    )  # fmt: skip


def add(relation: Symbol, extra: Symbol) -> Symbol:
    return lambda *xs: z3.Or(relation(*xs), extra(*xs))


def read_edges(m: Memory, content: Symbol) -> Symbol:
    return lambda a, b: z3.Or(
        m.dsg(a, b),
        z3.And(b == R, a != R, content(O, a)),
        z3.And(a == R, b != R, m.store(O, b), z3.Not(content(O, b))),
    )


def at_once(m: Memory) -> Symbol:
    """Writing O at once: edges from everyone who wrote or read it."""
    return lambda a, b: z3.Or(
        m.dsg(a, b), z3.And(b == R, a != R, z3.Or(m.store(O, a), m.readers(O, a)))
    )


def together(m: Memory) -> Symbol:
    """Committing everything intended: edges from everyone who wrote or read any of it."""
    o = z3.Const("o", OBJECT)
    return lambda a, b: z3.Or(m.dsg(a, b), z3.And(b == R, a != R, z3.Exists([o], z3.And(
        m.intends(o, R), z3.Or(m.store(o, a), m.readers(o, a))
    ))))  # fmt: skip


def end_early(m: Memory, gone: Callable[[Term], Term]) -> Memory:
    """The lock is released; a reply that has written nothing leaves no trace in the graph."""

    def void(q: Term) -> Term:
        return z3.And(gone(q), z3.Not(m.committed(q)))

    return replace(
        m,
        inside=lambda q: z3.And(m.inside(q), z3.Not(gone(q))),
        readers=lambda o, q: z3.And(m.readers(o, q), z3.Not(void(q))),
        dsg=lambda a, b: z3.And(m.dsg(a, b), z3.Not(void(a)), z3.Not(void(b))),
    )


def steps(kind: str, m: Memory, dropped: str = "") -> Iterator[Step]:
    """The relation. ``committed`` means: has at least one write in the store."""
    unit = kind == "unit"
    running = {"up": m.up, "inside": m.inside(R)}
    open_ = running | ({"not committed": z3.Not(m.committed(R))} if unit else {})
    enter = {
        "up": m.up,
        "new": z3.Not(m.entered(R)),
        "lock is free": every("q", lambda q: z3.Not(m.inside(q))),
    }
    just_me: Symbol = lambda q: q == R  # noqa: E731 - one of many small functions
    mine: Symbol = lambda o, q: z3.And(o == O, q == R)  # noqa: E731
    found = [
        Step("Enter", enter, replace(
            m, entered=add(m.entered, just_me), inside=add(m.inside, just_me),
            before=add(m.before, lambda a, b: z3.And(m.entered(a), b == R)),
        )),
        Step("ReadStore", open_, replace(
            m, readers=add(m.readers, mine), dsg=read_edges(m, m.store)
        )),
    ]  # fmt: skip
    if unit:
        found += [
            Step("ReadView", open_, replace(
                m, readers=add(m.readers, mine), dsg=read_edges(m, m.view)
            )),
            Step("Write", open_, replace(m, intends=add(m.intends, mine))),
            Step("Commit", open_, replace(
                m, committed=add(m.committed, just_me),
                store=add(m.store, lambda o, q: z3.And(q == R, m.intends(o, q))),
                dsg=together(m),
            )),
            Step("SwapView", running | {"committed": m.committed(R)}, replace(
                m, swapped=add(m.swapped, just_me),
                view=add(m.view, lambda o, q: z3.And(q == R, m.intends(o, q))),
            )),
        ]  # fmt: skip
        shield = {"shield": z3.Or(z3.Not(m.committed(R)), m.swapped(R))}
        whole = {"swapped": m.swapped(R)}
    else:
        found.append(Step("Write", open_, replace(
            m, intends=add(m.intends, mine), committed=add(m.committed, just_me),
            store=add(m.store, mine), dsg=at_once(m),
        )))  # fmt: skip
        shield, whole = {}, {}
    over = replace(
        m, inside=lambda q: z3.And(m.inside(q), q != R), returned=add(m.returned, just_me)
    )
    found += [
        Step("Return", running | whole, over),
        Step("Cancel", running | shield, end_early(m, just_me)),
        Step("Crash", {"up": m.up}, replace(
            end_early(m, m.inside), up=z3.BoolVal(False), view=lambda o, q: z3.BoolVal(False)
        )),
        Step("Recover", {"down": z3.Not(m.up)}, replace(m, up=z3.BoolVal(True), view=m.store)),
    ]  # fmt: skip
    for step in found:
        guard = {t: g for t, g in step.guard.items() if f"{step.name}: {t}" != dropped}
        yield Step(step.name, guard, step.after)
