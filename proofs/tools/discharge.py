"""Obligations, and how z3 discharges them.

An obligation is "the hypotheses imply the goal", for all structures. Each is a query of its own
in a fresh solver, so that it can be dumped as SMT-LIB and given to another solver. Only ``unsat``
of the negation counts; ``unknown`` and a timeout raise.

A query is effectively propositional (EPR) when no existential is in the scope of a universal (after
negations have been pushed inwards) and the functions between sorts have no cycle: then there are
finitely many ground terms, and z3's search ends. Here reply -> session -> instance and session ->
label are the only functions, so only the quantifiers have to be looked at.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import z3

from leo_model.files import build_folder, make_folder
from proofs.relation.vocabulary import BACKGROUND, Term
from proofs.tools.errors import UndecidedError
from proofs.tools.theorem import Discharged


def fragment(formulas: Iterable[Term]) -> str:
    """Return "EPR" or "UF" (uninterpreted functions, not known to be decidable)."""
    return "EPR" if all(_fits(formula, True, False) for formula in formulas) else "UF"


@cache  # The hypotheses of one query are those of the next.
def _fits(term: Term, positive: bool, under_universal: bool) -> bool:
    if z3.is_quantifier(term):
        universal = term.is_forall() == positive
        if under_universal and not universal:
            return False
        return _fits(term.body(), positive, under_universal or universal)
    inner = term.children()
    if z3.is_not(term):
        return _fits(inner[0], not positive, under_universal)
    if z3.is_implies(term):
        return _fits(inner[0], not positive, under_universal) and _fits(
            inner[1], positive, under_universal
        )
    if z3.is_and(term) or z3.is_or(term):
        return all(_fits(child, positive, under_universal) for child in inner)
    # Below anything else (an equivalence, an if-then-else) a quantifier occurs with both signs.
    return not _has_quantifier(term)


@cache
def _has_quantifier(term: Term) -> bool:
    return z3.is_quantifier(term) or any(_has_quantifier(child) for child in term.children())


QUERIES = build_folder().absolute() / "proofs"
TIMEOUT = 30_000  # milliseconds for one query; the slowest takes about two seconds


@dataclass(frozen=True)
class Obligation:
    """``hypotheses`` imply ``goal``; ``parts`` names the goal's conjuncts, to report which one
    fails.
    """

    name: str
    hypotheses: tuple[Term, ...]
    goal: Term
    parts: tuple[tuple[str, Term], ...] = ()
    background: tuple[Term, ...] = BACKGROUND

    def solver(self) -> z3.Solver:
        """Return a solver that holds the hypotheses and the negated goal."""
        solver = z3.Solver()
        solver.set("timeout", TIMEOUT)
        # Ctrl-C ends the command; z3 would take it for the end of one query.
        solver.set("ctrl_c", False)
        solver.set("random_seed", 1)
        solver.add(*self.background, *self.hypotheses, z3.Not(self.goal))
        return solver


def conjoined(
    name: str,
    hypotheses: Iterable[Term],
    parts: Mapping[str, Term],
    background: tuple[Term, ...] = BACKGROUND,
) -> Obligation:
    """The obligation whose goal is that all of the named parts hold."""
    goal = z3.And(*parts.values())
    return Obligation(name, tuple(hypotheses), goal, tuple(parts.items()), background)


def query_path(obligation: Obligation) -> Path:
    """Where the query is dumped; the name is the obligation's."""
    return QUERIES / (re.sub(r"[^A-Za-z0-9]+", "-", obligation.name).strip("-") + ".smt2")


def dump(obligation: Obligation, solver: z3.Solver) -> Path:
    """Write the query for another solver to check; its answer must be unsat."""
    path = query_path(obligation)
    make_folder(path.parent)
    text = re.sub(r"\A(;[^\n]*\n)*", "", solver.to_smt2())
    path.write_text(
        f"; {obligation.name}: the hypotheses and the negation of the goal\n"
        f"(set-logic UF)\n(set-info :status unsat)\n{text}",
        encoding="utf-8",
    )
    return path


def discharge(
    obligations: Iterable[Obligation], explain: Callable[[Obligation, z3.ModelRef], Exception]
) -> Iterator[Discharged]:
    """Discharge the obligations one after the other.

    ``explain`` makes the error out of a counter-model. Raises it, or UndecidedError.
    """
    for obligation in obligations:
        solver = obligation.solver()
        path = dump(obligation, solver)
        start = time.perf_counter()
        answer = solver.check()
        seconds = time.perf_counter() - start
        if answer == z3.sat:
            raise explain(obligation, solver.model())
        if answer != z3.unsat:
            raise UndecidedError(obligation.name, solver.reason_unknown(), str(path))
        yield Discharged(obligation.name, seconds, fragment(solver.assertions()))


def counter_example(
    obligations: Iterable[Obligation], small: Callable[[], Iterable[Term]]
) -> tuple[Obligation, z3.ModelRef] | None:
    """Return the first obligation that is not discharged, with a counter-model; None when all are.

    ``small`` gives formulas that keep the universe small enough to read. They are only for the sake
    of the reader: the first answer comes without them, and is kept when they rule everything out.
    """
    for obligation in obligations:
        solver = obligation.solver()
        answer = solver.check()
        if answer == z3.unsat:
            continue
        if answer != z3.sat:
            raise UndecidedError(obligation.name, solver.reason_unknown(), "no file")
        model = solver.model()
        solver.add(*small())
        return obligation, solver.model() if solver.check() == z3.sat else model
    return None
