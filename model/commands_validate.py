"""``leo validate``: are recorded traces behaviours of the specification?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from leo.cli import Command
from model.claims import Claims, load_claims
from model.trace_report import to_builtins, to_text
from model.validate import Report, expected_to_break, validate


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a trace, also gzipped; - for standard input"
    )
    parser.add_argument(
        "--engine",
        choices=("native", "tlc", "both"),
        default="native",
        help="native is fast, tlc is the reference, both compares them (default: native)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit 1 for any property that is broken, also one that the discipline never promised",
    )
    parser.add_argument("--claims", type=Path, help="another claims file")


def run(options: argparse.Namespace) -> int:
    claims = load_claims(options.claims)
    return show(validate(options.files, options.engine), options, claims)


def show(reports: list[Report], options: argparse.Namespace, claims: Claims) -> int:
    """Print the reports; return 2 when a file is no trace, 1 when there is a finding, else 0."""
    if options.json:
        print(json.dumps([to_builtins(report) for report in reports], indent=1, ensure_ascii=False))
    else:
        print("\n\n".join(map(to_text, reports)))
    for report in reports:
        if report.error is not None:
            print(f"leo: error: {report.error}", file=sys.stderr)
    if any(report.error is not None for report in reports):
        return 2
    return int(
        any(
            report.finding(frozenset() if options.strict else expected_to_break(claims, report))
            for report in reports
        )
    )


VALIDATE = Command(
    name="validate",
    help="check recorded traces against the specification",
    example="leo validate run.ndjson --engine both",
    configure=configure,
    run=run,
)
