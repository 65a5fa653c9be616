"""What a theorem is here: an object with a claim, a proof that is carried out, and a mutant.

``prove`` discharges every obligation and returns their names, or raises: ``NotProvedError`` with
the counter-model, ``UndecidedError`` when the tool gives up. ``refute`` tries the same with a
weakened hypothesis, the mutant, and returns the counter-model; it raises when the mutant proves,
because then the theorem does not say what it seems to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

from leo_model.disciplines import DISCIPLINES
from proofs.tools.errors import VacuousError

Clock = Callable[[], float]


@dataclass(frozen=True)
class Discharged:
    """One obligation that the tool has discharged, how long it took, and in which fragment it
    is.
    """

    name: str
    seconds: float
    fragment: str = ""


class Cell(NamedTuple):
    """A cell of the table of verdicts that a theorem decides for any number of sessions: with all
    faults, or without any.
    """

    discipline: str
    property: str
    faults: bool


@dataclass(frozen=True)
class Theorem:
    """A statement, how it is proved, and the weakened statement that must not be provable."""

    number: int
    title: str
    claim: str
    assumptions: tuple[str, ...]
    prove: Callable[[], list[Discharged]]
    mutant: str
    refute: Callable[[], str]
    sketch: str
    latex: str = ""
    cells: tuple[Cell, ...] = ()
    tool: str = "z3"

    @property
    def place(self) -> str:
        """The file and the function of the proof, with the names that it is called with."""
        proof = self.prove if isinstance(self.prove, partial) else partial(self.prove)
        given = ", ".join(repr(argument) for argument in proof.args if isinstance(argument, str))
        file = f"{proof.func.__module__.replace('.', '/')}.py"
        return f"{file} {proof.func.__name__}{f'({given})' if given else ''}"

    @property
    def statement(self) -> str:
        """The claim as LaTeX: in formulas where it has some."""
        return self.latex or self.claim


@dataclass(frozen=True)
class Certificate:
    """What was established, by what, and how long it took."""

    theorem: Theorem
    obligations: tuple[Discharged, ...]
    counter_model: str
    version: str
    seconds: float
    mutant_seconds: float

    @property
    def tool_seconds(self) -> float:
        """The time for all obligations, those included that other theorems share."""
        return sum(o.seconds for o in self.obligations)

    @property
    def fragment(self) -> str:
        """Say how many obligations lie in a decidable fragment; empty when that does not apply."""
        marked = [o.fragment for o in self.obligations if o.fragment]
        inside = sum(fragment == "EPR" for fragment in marked)
        return f"{inside} of {len(marked)} in EPR" if marked else ""


def tool_version(tool: str) -> str:
    """Return the installed version of "z3" or "sympy"."""
    return version({"z3": "z3-solver"}.get(tool, tool))


def certify(theorem: Theorem, clock: Clock = time.perf_counter) -> Certificate:
    """Prove a theorem and refute its mutant. Raises ProofError when either does not succeed, or
    when a case of a theorem about executions (z3's) has none to a state that it speaks of.
    """
    start = clock()
    obligations = tuple(theorem.prove())
    witnesses = [o.name for o in obligations if ": witness" in o.name]
    numbers = (DISCIPLINES[cell.discipline].number for cell in theorem.cells)
    for case in {f"{number} ".replace("D0", "one session") for number in numbers} or {""}:
        if theorem.tool == "z3" and not any(name.startswith(case) for name in witnesses):
            raise VacuousError(f"{theorem.title} {case}".strip(), f"{len(obligations)} obligations")
    middle = clock()
    counter_model = theorem.refute()
    end = clock()
    return Certificate(
        theorem,
        obligations,
        counter_model,
        tool_version(theorem.tool),
        middle - start,
        end - middle,
    )
