"""How an algebraic obligation is discharged: exactly, by sympy, or by complete enumeration.

An identity holds when sympy reduces the difference of its sides to zero. An enumeration is a finite
claim ("for every k and s within reach") that is gone through; where it compares with a seeded
simulation, its name says so and within what margin.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp

from proofs.tools.errors import NotProvedError, UndecidedError
from proofs.tools.theorem import Discharged

# sympy carries no type information.
Expr = Any


def identity(name: str, difference: Expr) -> Discharged:
    """Discharge "this expression is zero". Raises UndecidedError when sympy cannot tell."""
    start = time.perf_counter()
    reduced = sp.simplify(sp.expand(difference))
    if reduced != 0:
        if reduced.is_number:
            raise NotProvedError(name, f"the two sides differ by {reduced}")
        raise UndecidedError(name, f"sympy is left with {reduced}", "no file")
    return Discharged(name, time.perf_counter() - start)


def enumerated(name: str, cases: Iterable[tuple[str, Expr, Expr]]) -> Discharged:
    """Discharge a finite claim: for each (description, left, right), left equals right."""
    start, count = time.perf_counter(), 0
    for description, left, right in cases:
        count += 1
        if left != right:
            raise NotProvedError(name, f"{description}: {left} is not {right}")
    if count == 0:
        raise UndecidedError(name, "there is no case", "no file")
    return Discharged(f"{name} ({count} cases)", time.perf_counter() - start)


def refuted(attempt: Callable[[], object], mutant: str) -> str:
    """Run the mutant's proof; return what goes wrong. Raises NotProvedError when nothing does."""
    try:
        attempt()
    except NotProvedError as failure:
        return f"{failure.obligation}\n{failure.counter_model}"
    raise NotProvedError(f"the mutant ({mutant}) proves", "the theorem does not need it")
