"""Theorems for an arbitrary program: any number of reads and writes, of any objects, in any order.

The relation of ``proofs.relation.relation`` is the spec's, with the four steps of the paper. Here
it is that of ``proofs.invariants.memory``. The two aims, "the spec's actions" and "any program", do
not fit into one relation, so there are two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import z3

from proofs.invariants.memory import OBJECT, Memory, O, R, every, initially, steps, symbols
from proofs.relation.discharge import TIMEOUT, Obligation, counter_example, discharge
from proofs.relation.vocabulary import REPLY, Term
from proofs.tools.errors import NotProvedError, UndecidedError, VacuousError
from proofs.tools.theorem import Discharged

__all__ = ["discharge_occasion", "occasion", "prove_program", "refute_program"]


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
    parts = tuple(invariant(kind, m).items())
    known = tuple(term for _, term in parts)
    yield Obligation(f"{title}: initiation", (initially(m),), z3.And(*known), parts, ())
    for step in steps(kind, m, dropped):
        after = tuple(invariant(kind, step.after).items())
        goal = z3.And(*(term for _, term in after))
        yield Obligation(
            f"{title}: consecution {step.name}", (*known, *step.guard.values()), goal, after, ()
        )


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
    """Raises VacuousError when the formula of an occasion is not satisfiable, UndecidedError when
    z3 gives up.
    """
    name = f"any program, {kind} commit: occasion"
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
