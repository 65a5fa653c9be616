"""Which queries lie in the effectively propositional fragment, where z3's search ends.

A set of formulas is in EPR when no existential is in the scope of a universal (after negations
have been pushed inwards) and the functions between sorts have no cycle: then there are finitely
many ground terms, and every formula is as good as its ground instances. Here reply -> session ->
instance and session -> label are the only functions, so only the quantifiers have to be looked
at.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import z3

from proofs.relation.vocabulary import Term

__all__ = ["fragment"]


def fragment(formulas: Iterable[Term]) -> str:
    """Return "EPR" or "UF" (uninterpreted functions, not known to be decidable)."""
    return "EPR" if all(map(_stands, formulas)) else "UF"


@cache
def _stands(formula: Term) -> bool:
    # The hypotheses of one query are those of the next: each formula is looked at once.
    return _fits(formula, True, False)


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


def _has_quantifier(term: Term) -> bool:
    return z3.is_quantifier(term) or any(_has_quantifier(child) for child in term.children())
