"""The command ``leo prove``: prove the theorems, show that the mutants do not prove, write the
index.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from textwrap import fill

from leo import screen
from leo.commands.main import Command
from leo_model.checking.claims import load_claims
from proofs.catalogue import THEOREMS, choose, undecided
from proofs.index import INDEX, index, latex, write_results
from proofs.index import results as results_of
from proofs.tools.crosscheck import crosscheck, load
from proofs.tools.discharge import QUERIES
from proofs.tools.errors import NoQueriesError, ProofError
from proofs.tools.theorem import Certificate, Theorem, certify


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("numbers", nargs="*", type=int, metavar="N", help="only these theorems")
    parser.add_argument("--list", action="store_true", help="list the theorems and prove nothing")
    parser.add_argument(
        "--undecided", action="store_true",
        help="list the positive cells of the table that no theorem decides, and why",
    )  # fmt: skip
    parser.add_argument("--mutants", action="store_true", help="show the mutants' counter-models")
    parser.add_argument("--latex", action="store_true", help="print the statements as LaTeX")
    parser.add_argument("--index", action="store_true", help="write proofs/INDEX.md (all theorems)")
    parser.add_argument("--json", action="store_true", help="print what was proved as JSON")
    parser.add_argument("--cvc5", action="store_true", help="give every z3 query to cvc5 as well")


def run(arguments: argparse.Namespace) -> int:
    theorems = choose(list(dict.fromkeys(arguments.numbers)))
    if arguments.list:
        for theorem in theorems:
            print(f"{theorem.number:>2}  {theorem.title}: {theorem.claim}")
        return 0
    if arguments.undecided:
        return _print_undecided()
    if arguments.cvc5:
        load()  # Better to say that it is missing before the work than after.
    QUERIES.mkdir(parents=True, exist_ok=True)
    for stale in QUERIES.glob("*.smt2"):
        stale.unlink()
    whole = {theorem.number for theorem in theorems} == {theorem.number for theorem in THEOREMS}
    # What later pages and tables quote; there only while it says what the last whole run said.
    results = QUERIES / "theorems.json"
    if whole:
        results.unlink(missing_ok=True)
    certificates = _certify(theorems, arguments.mutants)
    failed = len(theorems) - len(certificates)
    seconds = sum(c.seconds + c.mutant_seconds for c in certificates)
    summary = f"{len(certificates)} of {len(theorems)} theorems proved in {seconds:.0f} s"
    print(summary + (f"; {failed} FAILED" if failed else ""), file=sys.stderr)
    if whole and not failed:
        write_results(certificates, results)
    if arguments.json:
        screen.show_json(results_of(certificates))
    if arguments.latex:
        print(latex(certificates))
    if arguments.index and not failed and whole:
        INDEX.write_text(index(certificates), encoding="utf-8")
        print(f"wrote {INDEX}", file=sys.stderr)
    if arguments.cvc5:
        failed += _second_opinion()
    return 1 if failed else 0


def _print_undecided() -> int:
    reasons: dict[str, list[str]] = {}
    for cell, reason in undecided(load_claims()):
        faults = "" if cell.faults else ", without faults"
        reasons.setdefault(reason, []).append(f"{cell.discipline} / {cell.property}{faults}")
    for reason, cells in reasons.items():
        print(fill(f"{len(cells)} positive cells without a theorem: {reason}", screen.width()))
        print("".join(f"  {cell}\n" for cell in cells), end="")
    return 0


def _certify(theorems: Sequence[Theorem], mutants: bool) -> list[Certificate]:
    """Prove one theorem after the other and say so; a failure does not stop the others."""
    certificates = []
    for theorem in theorems:
        begun = f"{theorem.number:>2}  {theorem.title:<38} "
        if sys.stderr.isatty():
            print(begun, end="", file=sys.stderr, flush=True)
            begun = ""
        try:
            certificate = certify(theorem)
        except ProofError as error:
            print(f"{begun}FAILED\n{error}", file=sys.stderr)
            continue
        certificates.append(certificate)
        print(
            f"{begun}proved: {len(certificate.obligations):>3} obligations, "
            f"{certificate.seconds:5.1f} s; mutant falls, {certificate.mutant_seconds:4.1f} s",
            file=sys.stderr,
        )
        if mutants:
            print(f"    mutant: {theorem.mutant}")
            print("\n".join(f"    {line}" for line in certificate.counter_model.splitlines()))
    return certificates


def _second_opinion() -> int:
    queries = sorted(QUERIES.glob("*.smt2"))
    if not queries:
        raise NoQueriesError(
            "--cvc5: these theorems ask z3 nothing, so there is nothing to ask cvc5; name one that "
            "is proved by z3 (1 to 14, 23 to 26), or none for all"
        )
    doubted = crosscheck(queries)
    for query, said in doubted:
        print(f"cvc5 says {said} to {query}", file=sys.stderr)
    agreed = len(queries) - len(doubted)
    print(f"cvc5 says unsat to {agreed} of {len(queries)} queries", file=sys.stderr)
    return len(doubted)


PROVE = Command(configure, run)
