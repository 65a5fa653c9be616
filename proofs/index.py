"""The index and the LaTeX, written from the certificates: no line here that was not checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from leo_model.checking.check import spec_hash
from leo_model.files import made_from, sealed, write_json
from proofs.tools.theorem import Certificate

INDEX = Path(__file__).resolve().parent / "INDEX.md"

_ABOUT = """\
# The theorems

Written by `leo prove --index`. [README](README.md) says what a theorem here is, and what a pass
does not mean.
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


def index(certificates: Iterable[Certificate]) -> str:
    """The whole index."""
    lines = [
        _ABOUT,
        "| no. | claim | file and function | assumptions | tool | seconds | mutant "
        "that must not prove |",
        "|---|---|---|---|---|---|---|",
        *map(row, certificates),
        "",
        "Seconds are those of one run, for all obligations of the theorem; theorems "
        "1 to 11 and 23 to 26 share most of theirs.",
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
            f"\\begin{{theorem}}[{title}]\\label{{thm:leo-{t.number}}}\n{t.statement}\n\\end{{theorem}}\n"
            f"\\begin{{proof}}[Proof sketch]\n{t.sketch} Machine-checked by {t.tool} {c.version}: "
            f"{len(c.obligations)} obligations discharged{fragment}; the mutant "
            f"({mutant}) does not prove.\n"
            "\\end{proof}\n"
        )
    return "\n".join(parts)


def results(certificates: Sequence[Certificate]) -> dict[str, object]:
    """What was proved, for programs: statements, sketches, tools, obligations, mutants."""
    theorems = [
        {
            "number": c.theorem.number,
            "title": c.theorem.title,
            "claim": c.theorem.claim,
            "latex": c.theorem.statement,
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
    return sealed({"spec": spec_hash(), "made_from": made, "theorems": theorems})


def write_results(certificates: Sequence[Certificate], path: Path) -> None:
    """Write what was proved, whole or not at all."""
    write_json(path, results(certificates))
