"""Theorems for an arbitrary program: any number of reads and writes, of any objects, in any order.

The relation of ``proofs.relation`` is the spec's, with the four steps of the paper. This one is
what is left of a discipline when the steps are not fixed: a reply may read and write any objects,
as often as it likes, and decide as it goes along. Objects and replies are uninterpreted sorts;
there are a lock, a commit and a view.

``step``: every write is committed at once (D4), all faults. ``unit``: writes are buffered and
committed together, and the cached view takes them in a step of its own under a shield (D6), all
faults.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import z3

from proofs.relation.vocabulary import REPLY, Term
from proofs.tools.discharge import TIMEOUT, Obligation, conjoined, counter_example, discharge
from proofs.tools.errors import NotProvedError, UndecidedError, VacuousError
from proofs.tools.theorem import Discharged

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


def invariant(kind: str, m: Memory) -> dict[str, Term]:
    """Inductive, for both kinds; the properties of the theorem are among the conjuncts."""
    found = {
        "MutualExclusion": every("q r", lambda q, r: z3.Implies(
            z3.And(m.inside(q), m.inside(r)), q == r
        )),
        "entering comes first": every("o r", lambda o, r: z3.Implies(
            z3.Or(m.inside(r), m.committed(r), m.swapped(r), m.returned(r), m.intends(o, r),
                  m.store(o, r), m.readers(o, r)),
            m.entered(r),
        )),
        "entrances are in a strict total order": z3.And(
            every("q r", lambda q, r: z3.Implies(
                m.before(q, r), z3.And(m.entered(q), m.entered(r), q != r)
            )),
            every("p2 q r", lambda p, q, r: z3.Implies(
                z3.And(m.before(p, q), m.before(q, r)), m.before(p, r)
            )),
            every("q r", lambda q, r: z3.Implies(
                z3.And(m.entered(q), m.entered(r)), z3.Or(q == r, m.before(q, r), m.before(r, q))
            )),
        ),
        "who is inside entered last": every("q r", lambda q, r: z3.Implies(
            z3.And(m.inside(r), m.entered(q), q != r), m.before(q, r)
        )),
        "Serializable: edges go along the order of entrance": every("q r", lambda q, r: z3.Implies(
            m.dsg(q, r), m.before(q, r)
        )),
        "a dead process runs nothing": every("r", lambda r: z3.Or(m.up, z3.Not(m.inside(r)))),
    }  # fmt: skip
    if kind == "unit":
        found |= {
            "AllOrNothing": every("o r", lambda o, r: m.store(o, r) == z3.And(
                m.committed(r), m.intends(o, r)
            )),
            "Durable": every("r", lambda r: z3.Implies(m.returned(r), m.committed(r))),
            "swap follows commit": every("r", lambda r: z3.Implies(m.swapped(r), m.committed(r))),
            "ViewAgreesWithStore": every("o r", lambda o, r: z3.Implies(
                m.up,
                m.view(o, r) == z3.And(
                    m.store(o, r), z3.Or(m.swapped(r), z3.Not(m.inside(r)))
                ),
            )),
        }  # fmt: skip
    return found


def obligations(kind: str, dropped: str = "") -> Iterator[Obligation]:
    """Initiation and consecution; safety is immediate, the properties are conjuncts."""
    m = symbols()
    title = f"any program, {kind} commit" + (f", without {dropped}" if dropped else "")
    known = invariant(kind, m)
    yield conjoined(f"{title}: initiation", (initially(m),), known, ())
    for step in steps(kind, m, dropped):
        given = (*known.values(), *step.guard.values())
        yield conjoined(f"{title}: consecution {step.name}", given, invariant(kind, step.after), ())


def explain(obligation: Obligation, model: z3.ModelRef) -> Exception:
    return NotProvedError(obligation.name, describe(obligation, model))


def describe(obligation: Obligation, model: z3.ModelRef) -> str:
    """Write a counter-model: who is inside, what is written, which edges there are."""

    def true(term: Term) -> bool:
        return bool(z3.is_true(model.eval(term, model_completion=True)))

    def elements(sort: Term, letter: str) -> dict[str, Term]:
        return {f"{letter}{k}": e for k, e in enumerate(model.get_universe(sort) or [], 1)}

    m, replies, objects = symbols(), elements(REPLY, "r"), elements(OBJECT, "o")
    me = [n for n, r in replies.items() if true(r == R)]
    lines = [
        f"obligation: {obligation.name}",
        f"the step is of {', '.join(me)}; in the state before it:",
    ]
    for name in ("inside", "committed", "swapped", "returned"):
        who = [n for n, r in replies.items() if true(getattr(m, name)(r))]
        lines += [f"  {name}: {', '.join(who)}"] if who else []
    for title, o in objects.items():
        for name in ("intends", "store", "view", "readers"):
            who = [n for n, r in replies.items() if true(getattr(m, name)(o, r))]
            lines += [f"  {title} in {name} of: {', '.join(who)}"] if who else []
    return "\n".join(lines)


def small_universe() -> Iterable[Term]:
    """At most two replies and two objects, for the reader's sake."""
    for sort in (REPLY, OBJECT):
        x, *known = z3.Consts("x known1 known2", sort)
        yield z3.ForAll([x], z3.Or(*(x == k for k in known)))


# One execution of each kind: the first reply writes and returns, the second reads what it wrote.
FIRST = {"step": ("Enter", "Write", "Return"),
         "unit": ("Enter", "Write", "Commit", "SwapView", "Return")}  # fmt: skip
SECOND = {"step": ("Enter", "ReadStore"), "unit": ("Enter", "ReadView")}


def occasion(kind: str, said: Callable[[Memory, Term, Term, Term], Term] | None = None) -> Term:
    """The formula "the execution of the kind is one, and ends in a state of which every conjunct
    speaks": it must be satisfiable. ``said`` is another thing to ask of that state.
    """
    first, second = z3.Consts("first second", REPLY)
    thing = z3.Const("thing", OBJECT)
    moves = [(name, first) for name in FIRST[kind]] + [(name, second) for name in SECOND[kind]]
    formulas = [first != second, initially(symbols("0"))]
    for k, (name, reply) in enumerate(moves):
        before, after = symbols(str(k)), symbols(str(k + 1))
        (step,) = (step for step in steps(kind, before) if step.name == name)
        formulas += [
            z3.substitute(term, (R, reply), (O, thing))
            for term in (*step.guard.values(), *_becomes(step.after, after))
        ]
    end = symbols(str(len(moves)))
    return z3.And(*formulas, (said or _speaks)(end, first, second, thing))


def _speaks(m: Memory, first: Term, second: Term, thing: Term) -> Term:
    return z3.And(
        m.inside(second), m.dsg(first, second), m.store(thing, first), m.returned(first), m.up
    )


def _becomes(made: Memory, after: Memory) -> Iterator[Term]:
    """Every part of the state is what a step makes of it."""
    for name, symbol in vars(after).items():
        if name == "up":
            yield symbol == made.up
            continue
        bound = [z3.Const(f"x{k}", symbol.domain(k)) for k in range(symbol.arity())]
        yield z3.ForAll(bound, symbol(*bound) == getattr(made, name)(*bound))


def discharge_occasion(kind: str, formula: Term) -> Discharged:
    """Raises VacuousError when the formula of a witness is not satisfiable, UndecidedError when
    z3 gives up.
    """
    name = f"any program, {kind} commit: witness"
    start = time.perf_counter()
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT)
    solver.add(formula)
    answer = solver.check()
    if answer == z3.unsat:
        raise VacuousError(name, f"the execution {', '.join((*FIRST[kind], *SECOND[kind]))}")
    if answer != z3.sat:
        raise UndecidedError(name, solver.reason_unknown(), "no file")
    return Discharged(name, time.perf_counter() - start)


def prove_program(kind: str) -> list[Discharged]:
    """Discharge the induction, and an execution to what the properties speak of."""
    return [*discharge(obligations(kind), explain), discharge_occasion(kind, occasion(kind))]


def refute_program(kind: str, dropped: str) -> str:
    found = counter_example(obligations(kind, dropped), small_universe)
    if found is None:
        raise NotProvedError(f"without {dropped!r} the theorem still proves", "no counter-model")
    return describe(*found)
