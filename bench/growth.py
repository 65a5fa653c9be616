"""How the state space grows with the sessions: with and without VIEW, with and without symmetry.

The baseline keeps the whole history in the state (no VIEW), as a specification does that records
who read and wrote what.  A search that takes longer than the limit is told as such, and
larger ones of the same column are not tried.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from leo_model.checking.check import spec_hash
from leo_model.checking.claims import HOLDS, load_claims
from leo_model.checking.plan import Bound, Run, job
from leo_model.disciplines import DISCIPLINES
from leo_model.tlc.driver import run
from leo_model.tlc.job import TlcResult, Verdict

ROWS = ("bare", "asyncio-lock", "shielded-unit-of-work", "shared-store-immediate")
RESULTS = Path("build/bench/growth.json")
COLUMNS = {"history": (), "view": ("VIEW",), "view, symmetry": ("VIEW", "SYMMETRY")}


def search(row: str, sessions: int, keep: tuple[str, ...], faults: bool, limit: float) -> TlcResult:
    """Run one search: as the claims do, but for what is left in of VIEW and symmetry."""
    titles = load_claims().titles(row, HOLDS)
    checked = tuple(t for t in titles if t not in {"Answered", "DeadlockFree"})
    strikes = DISCIPLINES[row].possible_faults if faults else ()
    made = job(Run(row, "holds", Bound(sessions, 1), strikes, checked))
    lines = [
        line
        for line in made.config.splitlines()
        if not line.startswith(("VIEW", "SYMMETRY")) or line.split()[0] in keep
    ]
    name = f"growth.{row}.{sessions}.{'-'.join(keep) or 'history'}"
    return run(
        replace(
            made,
            name=name,
            config="\n".join(lines) + "\n",
            timeout=limit,
            workers=2,
            long=True,
            heap_mb=6144,
        ),
        work=Path("build/growth"),
    )


def cell(result: TlcResult, limit: float) -> str:
    """Distinct states and seconds, or how far a search came."""
    if result.verdict is Verdict.OK:
        return f"{result.distinct:,} ({result.seconds:.0f} s)"
    if "timed out" in result.reason:
        return f"over {limit:.0f} s"
    return f"{result.verdict}: {result.property or result.reason}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", action="store_true", help="with every fault that can strike")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one search")
    parser.add_argument("--most", type=int, default=6, help="sessions, 2 to this many")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="disciplines")
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    print(f"| discipline | sessions | {' | '.join(COLUMNS)} |")
    print("|---|---:|" + "---:|" * len(COLUMNS))
    for row in args.rows:
        late: set[str] = set()
        for sessions in range(2, args.most + 1):
            cells = []
            for column, keep in COLUMNS.items():
                if column in late:
                    cells.append("-")
                    continue
                result = search(row, sessions, keep, args.faults, args.limit)
                done = result.verdict is Verdict.OK
                if not done:
                    late.add(column)
                cells.append(cell(result, args.limit))
                measured = {"states": result.distinct if done else None, "seconds": result.seconds}
                place = {"discipline": row, "sessions": sessions, "search": column}
                rows.append({**place, **measured})
            print(f"| {row} | {sessions} | {' | '.join(cells)} |", flush=True)
    # What the paper quotes: `leo paper` reads it if it is there.
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    data = {"spec": spec_hash(), "faults": args.faults, "rows": rows}
    RESULTS.write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
