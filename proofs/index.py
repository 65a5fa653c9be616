"""The index and the LaTeX, written from the certificates: no line here that was not checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from leo_model.checking.check import spec_hash
from leo_model.files import made_from
from proofs.tools.theorem import Certificate

__all__ = ["README", "latex", "readme", "row", "write_results"]

README = Path(__file__).resolve().parent / "README.md"

_ABOUT = """\
# proofs

Theorems that no bounded search gives: safety and progress of a discipline for any number of
sessions (inductive invariants and a ranking, z3), and the algebra of the field (sympy). This file
is written by `leo prove --index`.

## What belongs here

One theorem per row of the index: a claim, a function that proves it (all obligations discharged, or
an error with the counter-model; *unknown* and *timeout* are failures), and a mutant, the same with
a weakened hypothesis, that must not prove. An invariant theorem also has an execution to a state of
which it speaks; one without is refused as vacuous.

| file | what it is |
|---|---|
| `vocabulary.py` `relation.py` | the spec's state in z3, and what an action is |
| `entering.py` `steps.py` `endings.py` | the spec's actions in z3 |
| `memory.py` | a relation for arbitrary programs |
| `tie.py` | runs the z3 relation on concrete states, to compare it with `leo_model.machine.machine`
| | `invariants.py` `contents.py` `safety.py` `simulation.py` | invariants, properties, refinement |
| `unbounded.py` `noop.py` `program.py` | theorems 1 to 14 |
| `occasions.py` | that each of them speaks of states that are reached |
| `waiting.py` `deadlock.py` `answered.py` `lasso.py` | theorems 23 and 24 |
| `decay.py` `sensitivity.py` `counting.py` `load.py` `chance.py` | theorems 15 to 22 |
| `discharge.py` `epr.py` `countermodel.py` `execution.py` `crosscheck.py` | the tools |

## How to run it

    leo prove                 # all theorems and their mutants
    leo prove 2 11 --mutants  # two of them, with the mutants' counter-models
    leo prove --latex         # the statements for the paper, with what was checked
    leo prove --cvc5          # also give every z3 query to cvc5

The induction, the safety and the simulation are in EPR (uninterpreted sorts, no existential under a
universal, no cycle of functions), where z3 decides; only "a session in flight has a reply" is not.
Every z3 query is dumped as SMT-LIB into `build/proofs/`; its answer must be `unsat`.

## What a pass does not mean

Theorems 1 to 12 speak of the transition system. A test shows that the z3 relation makes exactly the
moves of the Python machine on every state of the bounded graphs, and the machine's graph is TLC's.
That the organism behaves like it is what trace validation is for. Theorems 13 and 14 speak of a
relation of their own. In theorems 15 to 22 the general step is an identity or in the sketch;
enumerations and simulations are named as such.

DeadlockFree (23) is a safety property. It is asked of the actions that are no faults, as TLC is
asked, but of every state that faults lead to. Answered (24) is liveness: z3 discharges the premises
of a proof rule, and the rule is by hand. It is proved where the lock serves in order; that every
call ends under D12, and under D3, by strong fairness, is TLC's word alone, within its bound.

## Index
"""


def row(certificate: Certificate) -> str:
    """One line of the index."""
    t = certificate.theorem
    fragment = f", {certificate.fragment}" if certificate.fragment else ""
    cells = (
        str(t.number),
        f"**{t.title}.** {t.claim}",
        f"`{t.place}`",
        "; ".join(t.assumptions),
        f"{t.tool} {certificate.version}: {len(certificate.obligations)} obligations{fragment}",
        f"{certificate.tool_seconds:.1f}",
        t.mutant,
    )
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def readme(certificates: Iterable[Certificate]) -> str:
    """The whole README."""
    lines = [
        _ABOUT,
        "| no. | claim | file and function | assumptions | tool | seconds | mutant "
        "that must not prove |",
        "|---|---|---|---|---|---|---|",
        *map(row, certificates),
        "",
        "Seconds are those of one run, for all obligations of the theorem; theorems "
        "1 to 11, 23 and 24 share most of theirs.",
    ]
    return "\n".join(lines) + "\n"


def latex(certificates: Sequence[Certificate]) -> str:
    """Every statement with its proof sketch and what the machine has checked."""
    parts = []
    for c in certificates:
        t = c.theorem
        title = t.title.replace("_", r"\_")
        fragment = f" ({c.fragment})" if c.fragment else ""
        mutant = t.mutant.replace("_", r"\_").replace("'", "")
        parts.append(
            f"\\begin{{theorem}}[{title}]\\label{{thm:leo-{t.number}}}\n{t.latex}\n\\end{{theorem}}\n"
            f"\\begin{{proof}}[Proof sketch]\n{t.sketch} Machine-checked by {t.tool} {c.version}: "
            f"{len(c.obligations)} obligations discharged{fragment}; the mutant "
            f"({mutant}) does not prove.\n"
            "\\end{proof}\n"
        )
    return "\n".join(parts)


def write_results(certificates: Sequence[Certificate], path: Path) -> None:
    """Write what was proved as JSON: statements, sketches, tools, obligations, mutants."""
    theorems = [
        {
            "number": c.theorem.number,
            "title": c.theorem.title,
            "claim": c.theorem.claim,
            "latex": c.theorem.latex,
            "sketch": c.theorem.sketch,
            "assumptions": list(c.theorem.assumptions),
            "place": c.theorem.place,
            "tool": f"{c.theorem.tool} {c.version}",
            "obligations": len(c.obligations),
            "fragment": c.fragment,
            "mutant": c.theorem.mutant,
            "counter_model": c.counter_model,
            "cells": [cell._asdict() for cell in c.theorem.cells],
        }
        for c in certificates
    ]
    made = made_from("theorems.json")
    data = {"spec": spec_hash(), "made_from": made, "theorems": theorems}
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
