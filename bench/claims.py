"""How long all claims take, warm, against a single short run of TLC in the same minute."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from leo_model.checking.check import check
from leo_model.checking.claims import load_claims
from leo_model.checking.plan import plan


def main() -> int:
    claims = load_claims()
    runs = plan(claims)
    shortest = min(runs, key=lambda run: claims.numbers[run.name].distinct)
    work = Path("build/bench-claims")
    # The first pass warms the file cache and the runtime's own.
    check(claims, runs[-12:], work=work, parallel=3)
    began = perf_counter()
    check(claims, [shortest], work=work, parallel=1)
    one = perf_counter() - began
    began = perf_counter()
    report = check(claims, runs, work=work, parallel=3)
    whole = perf_counter() - began
    print("| runs | seconds | one short run | ratio | findings |")
    print("|---:|---:|---:|---:|---:|")
    print(f"| {len(runs)} | {whole:.0f} | {one:.2f} | {whole / one:.0f} | {len(report.findings)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
