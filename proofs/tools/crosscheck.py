"""A second opinion: every dumped query is given to cvc5, which must say unsat as well.

cvc5 is among the tools of a checkout; a wheel has neither it nor this package.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofs.tools.errors import ProofError

# Tried one after the other: the second instantiates quantifiers by enumeration, which is
# complete for queries such as these but slower.
STRATEGIES: tuple[dict[str, str], ...] = ({}, {"enum-inst": "true"}, {"finite-model-find": "true"})
MODULE = "cvc5"
TIMEOUT = "60000"  # milliseconds for one query


def load() -> Any:
    """Import cvc5. Raises ProofError with what to do when it is not installed."""
    try:
        return importlib.import_module(MODULE)
    except ImportError:
        raise ProofError(
            "cvc5 is not installed, so there is no second opinion; pip install cvc5, or "
            "leave out --cvc5"
        ) from None


def answer(cvc5: Any, query: Path) -> str:
    """Return what cvc5 says to a query: "unsat", or the last thing it said."""
    said = "nothing"
    for strategy in STRATEGIES:
        solver = cvc5.Solver(cvc5.TermManager())
        solver.setOption("tlimit-per", TIMEOUT)
        for option, value in strategy.items():
            solver.setOption(option, value)
        parser = cvc5.InputParser(solver)
        parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, str(query))
        names = parser.getSymbolManager()
        while not (command := parser.nextCommand()).isNull():
            said = command.invoke(solver, names).strip() or said
        if said in ("unsat", "sat"):
            break
    return said


def crosscheck(queries: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return the queries to which cvc5 does not say unsat, with what it says."""
    cvc5 = load()
    answers = ((query, answer(cvc5, query)) for query in queries)
    return [(query, said) for query, said in answers if said != "unsat"]
