"""Theorems for an arbitrary program: any number of reads and writes, of any objects, in any order.

The relation of ``proofs.relation`` is the spec's, with the four steps of the paper. Here it is that
of ``proofs.memory``. The two aims, "the spec's actions" and "any program", do not fit into one
relation, so there are two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import z3

from proofs.discharge import Obligation, counter_example, discharge
from proofs.errors import NotProvedError
from proofs.memory import OBJECT, Memory, R, every, initially, steps, symbols
from proofs.theorem import Discharged
from proofs.vocabulary import REPLY, Term

__all__ = ["prove_program", "refute_program"]


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


def prove_program(kind: str) -> list[Discharged]:
    return list(discharge(obligations(kind), explain))


def refute_program(kind: str, dropped: str) -> str:
    found = counter_example(obligations(kind, dropped), small_universe)
    if found is None:
        raise NotProvedError(f"without {dropped!r} the theorem still proves", "no counter-model")
    return describe(*found)
