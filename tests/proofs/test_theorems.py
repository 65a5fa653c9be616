"""What is no theorem is refused: the false, the vacuous, the undecided, what needs no hypothesis.

`leo prove`, which `.ci/run` has, proves every theorem and refutes every mutant.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import z3

from leo_model.checking.claims import load_claims
from leo_model.disciplines import DISCIPLINES
from proofs.catalogue import CONTENTS, THEOREMS, UNKNOWN, choose, undecided
from proofs.invariants import unbounded
from proofs.invariants.execution import shortest_violation
from proofs.invariants.program import discharge_occasion, occasion, prove_program, refute_program
from proofs.invariants.safety import PROPERTIES
from proofs.invariants.unbounded import (
    CASES,
    Mutant,
    explain,
    inductive_obligations,
    name_obligations,
    prove_property,
)  # fmt: skip
from proofs.relation.vocabulary import REPLY, SESSION, every, owner, symbols
from proofs.tools.countermodel import failing_parts, holds_in
from proofs.tools.discharge import Obligation, discharge, fragment
from proofs.tools.errors import NoSuchTheoremError, NotProvedError, UndecidedError, VacuousError
from proofs.tools.theorem import Cell, certify
from tests.proofs.test_tie import KEYS, rest_long


@pytest.mark.parametrize("number", [13, 19])
def test_theorem_is_proved_and_its_mutant_is_not(number: int) -> None:
    """All obligations are discharged; the mutant has a counter-model that can be read. One by
    z3, one by sympy.
    """
    (theorem,) = choose([number])
    certificate = certify(theorem)
    assert certificate.obligations and certificate.counter_model.strip() and certificate.version


def test_a_theorem_without_a_witness_is_refused() -> None:
    """A theorem about executions (those are z3's) has, in every case, one to a state that it speaks
    of: what is proved without is vacuous."""
    (theorem,) = choose([3])
    proved = theorem.prove()
    without = [o for o in proved if ": witness" not in o.name]
    with pytest.raises(VacuousError, match="StableRead"):
        certify(replace(theorem, prove=lambda: without))
    with pytest.raises(VacuousError, match="D6"):
        cells = (*theorem.cells, Cell("shielded-unit-of-work", "StableRead", True))
        certify(replace(theorem, prove=lambda: proved, cells=cells))


def test_numbers_are_the_index() -> None:
    """The theorems are numbered from 1 without gaps."""
    assert [t.number for t in THEOREMS] == list(range(1, len(THEOREMS) + 1))
    assert [t.number for t in choose([3, 1])] == [3, 1]
    with pytest.raises(NoSuchTheoremError, match=r"^there is no theorem 99; the theorems are 1 to"):
        choose([99])


def test_breaking_the_lock_breaks_the_theorems() -> None:
    """Without Acquire's guard at least three theorems about D4 fall, each with a real execution."""
    world = Mutant("D4q", "Acquire: lock is free").world
    titles = ("Serializable", "ViewNotTorn", "ReadsOwnObservation", "SnapshotProvenance")
    for title in titles:
        assert shortest_violation(world, PROPERTIES[title](world, symbols())), title
    excluded = PROPERTIES["MutualExclusion"](world, symbols())
    schedule = ["Call s1", "Call s2", "Acquire s1", "Acquire s2"]
    assert shortest_violation(world, excluded) == schedule


@pytest.mark.parametrize(
    "dropped",
    rest_long(
        ["Enter: lock is free", "Commit: not committed"],
        ["Enter: lock is free", "Cancel: shield", "Return: swapped", "Commit: not committed"],
    ),
)
def test_program_guards(dropped: str) -> None:
    """Of the arbitrary program's guards all but the last are needed."""
    if dropped == "Commit: not committed":
        # Committing twice writes nothing new: the theorem is honest about what it does not need.
        with pytest.raises(NotProvedError, match="still proves"):
            refute_program("unit", dropped)
    else:
        assert "obligation" in refute_program("unit", dropped)


def test_unknown_guard_is_refused() -> None:
    """A mutant that drops a guard which does not exist would prove for the wrong reason."""
    with pytest.raises(AssertionError, match="Acquire has no guard"):
        list(inductive_obligations(type(CASES["D4q"])("typo", Mutant("D4q", "Acquire: lok").world)))


def test_false_obligation_raises_with_its_counter_model() -> None:
    """A claim that is false is not a theorem: the error carries the counter-model."""
    claim = every("s t", lambda s, t: s == t)
    obligation = Obligation("there is one session", (), claim, (("one session", claim),))
    with pytest.raises(NotProvedError) as failure:
        list(discharge([obligation], explain))
    assert failure.value.obligation == "one session"
    assert "in the state before it" in failure.value.counter_model


def test_undecided_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown is a failure: a query that z3 cannot finish in a millisecond is no theorem."""
    monkeypatch.setattr("proofs.tools.discharge.TIMEOUT", 1)
    hardest = [o for o in inductive_obligations(CASES["D4q"]) if "Generate" in o.name]
    with pytest.raises(UndecidedError, match=r"^undecided: D4 no faults: consecution \d+ Generate"):
        list(discharge(hardest, explain))


def test_a_vacuous_theorem_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one event loop nobody is ever between the two reads of generate: StableRead says nothing
    there, and is not called a theorem, although every obligation is discharged.
    """
    monkeypatch.setattr(unbounded, "inductive", lambda key: ())
    with pytest.raises(VacuousError, match=r"StableRead: no non-vacuity witness in \d+ states"):
        prove_property("StableRead", ("D4q",))


def test_cells_without_a_theorem_are_few_and_have_reasons() -> None:
    """At most twenty positive cells of the table are left to TLC alone, each with its reason; a
    theorem less, and a cell is without one.
    """
    claims = load_claims()
    left = list(undecided(claims))
    assert len(left) <= 20
    assert {reason for _, reason in left} == {CONTENTS}
    assert all(DISCIPLINES[cell.discipline].published for cell, _ in left)
    cell = Cell("optimistic", "Refines", True)
    assert cell in {c for theorem in THEOREMS for c in theorem.cells}
    fewer = [replace(t, cells=tuple(c for c in t.cells if c != cell)) for t in THEOREMS]
    assert (cell, UNKNOWN) in list(undecided(claims, fewer))


def test_fragment_is_computed() -> None:
    """EPR: no existential under a universal; an alternation is told."""
    r, s = z3.Const("r", REPLY), z3.Const("s", SESSION)
    fine = z3.ForAll([r], owner(r) == owner(r))
    alternating = z3.ForAll([s], z3.Exists([r], owner(r) == s))
    assert fragment([fine, z3.Not(fine)]) == "EPR"
    assert fragment([z3.Exists([r], owner(r) == s)]) == "EPR"
    assert fragment([alternating]) == "UF"


@pytest.mark.parametrize("key", rest_long(KEYS[1:4], CASES))
def test_induction_is_in_epr(key: str) -> None:
    """Initiation and consecution are decidable; only "a reply exists" is outside the fragment."""
    asked = [*inductive_obligations(CASES[key]), *name_obligations(CASES[key])]
    outside = {o.name for o in asked if fragment([*o.hypotheses, z3.Not(o.goal)]) != "EPR"}
    assert all(": reply exists, " in name for name in outside)


def test_finite_models_are_evaluated_in_full() -> None:
    """The parts of a goal that fail are found although they are quantified."""
    claim = every("s t", lambda s, t: s == t)
    obligation = Obligation(
        "two", (), claim, (("same", claim), ("true", every("s", lambda s: s == s)))
    )
    solver = obligation.solver()
    assert solver.check() == z3.sat
    assert failing_parts(obligation, solver.model()) == ["same"]
    assert not holds_in(solver.model(), claim)


def test_any_program_theorems_are_in_epr() -> None:
    """The generic theorems are decidable throughout."""
    found = [o for kind in ("step", "unit") for o in prove_program(kind)]
    assert {o.fragment for o in found if ": witness" not in o.name} == {"EPR"}


def test_an_occasion_of_any_program_can_be_missing() -> None:
    """The execution that shows that the theorems about any program say something is a real one: it
    does not lead to a state that they rule out.
    """
    impossible = occasion("unit", lambda m, first, second, thing: m.dsg(second, first))
    with pytest.raises(VacuousError, match="commit: witness"):
        discharge_occasion("unit", impossible)
