"""`leo cover`: take the organism along every edge of the specification's graph."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from leo.commands.main import Command
from leo_model.checking.check import spec_hash
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, Claims, load_claims
from leo_model.disciplines import DISCIPLINES, IDEALISED, chosen
from leo_model.errors import CheckError
from leo_model.folders import make_folder, write_file
from leo_model.organism.case import Case
from leo_model.organism.cover import Coverage, cover, differences
from leo_model.organism.organism import Organism

BUILD = Path("build/schedules")
# Where nothing holds the sessions apart, three of them make hundreds of thousands of states. Up to
# their names it is a sixth.
UNLOCKED = ("bare", "gil")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("discipline", nargs="*", help="by name or number (default: all)")
    parser.add_argument("--sessions", type=int, help="this bound only (with --turns, --faults)")
    parser.add_argument("--turns", type=int, default=1, help="calls of each session (default: 1)")
    parser.add_argument("--faults", choices=("none", "all"), default="none", help="default: none")
    parser.add_argument(
        "--store", choices=("memory", "aiosqlite"), default="memory", help="default: memory"
    )
    parser.add_argument(
        "--renamed", action="store_true", help="count states that differ in session names as one"
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help="three sessions without a lock as well (bare, gil): minutes",
    )
    parser.add_argument("--build", type=Path, default=BUILD, help="folder of the results")


def run(args: argparse.Namespace) -> int:
    """Exit code 0: both differences are empty, and nothing broke that is claimed to hold.  1: not
    so.
    """
    if (args.sessions is not None and args.sessions < 1) or args.turns < 1:
        raise CheckError(
            f"--sessions {args.sessions} --turns {args.turns}: expected at least one of each"
        )
    claims = load_claims()
    cases = list(_cases(args))
    make_folder(args.build)
    good = True
    print(f"{'discipline':<26}{'bound':<6}{'faults':<7}{'states':>8}{'edges':>9}{'runs':>7}  taken")
    for case, renamed in cases:
        bar = Share(case)
        with Organism(case, store=args.store, spin=True) as organism:
            found = cover(organism, renamed=renamed, progress=bar.show)
        bar.finish()
        wrong = surplus(claims, found)
        _print(found, wrong)
        _write(args.build, found, wrong)
        good = good and found.complete and not wrong
    return 0 if good else 1


def _cases(args: argparse.Namespace) -> Iterator[tuple[Case, bool]]:
    """The bounds: two sessions with every fault, three without, or the one that was asked for."""
    for name in chosen(args.discipline or IDEALISED):
        possible = DISCIPLINES[name].possible_faults
        if args.sessions is not None:
            faults = possible if args.faults == "all" else ()
            yield Case(name, args.sessions, args.turns, faults), args.renamed
        elif name == "sequential":
            yield Case(name, 1, 3), args.renamed
        else:
            yield Case(name, 2, 1, possible), args.renamed
            if name not in UNLOCKED or args.long:
                yield Case(name, 3, 1), args.renamed or name in UNLOCKED


def surplus(claims: Claims, found: Coverage) -> dict[str, str]:
    """What broke although it is claimed to hold at this bound: the title, and a schedule."""
    verdicts = [FALLS, *([FALLS_WITH_FAULTS] if found.case.faults else [])]
    claimed = claims.titles(found.case.discipline, *verdicts)
    return {title: token for title, token in found.broken.items() if title not in claimed}


class Share:
    """Progress on standard error: how much of the edges has been taken."""

    def __init__(self, case: Case, stream: TextIO | None = None) -> None:
        self._name = f"{case.discipline} {case.bound}"
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._shown = 0

    def show(self, taken: int, edges: int) -> None:
        """So many edges so far."""
        percent = 100 * taken // max(edges, 1)
        # A line for each quarter of what takes long, where there is no terminal.
        if self._live and percent != self._shown:
            self._stream.write(f"\r{self._name}: {percent} % of {edges:,} edges".ljust(78))
        elif edges > 20_000 and percent // 25 != self._shown // 25:
            self._stream.write(f"{self._name}: {percent} % of {edges:,} edges\n")
        self._shown = percent
        self._stream.flush()

    def finish(self) -> None:
        """Take the line away."""
        if self._live:
            self._stream.write("\r" + " " * 78 + "\r")
            self._stream.flush()


def _print(found: Coverage, wrong: dict[str, str]) -> None:
    case = found.case
    faults = "all" if case.faults else "none"
    share = "all" if found.complete else f"{found.taken:,}, NOT ALL"
    names = ", up to names" if found.renamed else ""
    print(
        f"{case.discipline:<26}{case.bound:<6}{faults:<7}{found.states:>8,}{found.edges:>9,}"
        f"{found.runs:>7,}  {share}{names}"
    )
    for line in differences(found):
        print(f"  {line}")
    for line in found.unowned:
        print(f"  an error that nobody retrieved: {line}")
    for title, token in wrong.items():
        print(f"  ✗ {title}, NOT CLAIMED: leo replay {token}")


def _write(folder: Path, found: Coverage, wrong: dict[str, str]) -> None:
    faults = "faults" if found.case.faults else "quiet"
    path = folder / f"cover-{found.case.discipline}-{found.case.bound}-{faults}-{found.store}.json"
    data: dict[str, Any] = {
        "spec": spec_hash(),
        "complete": found.complete,
        "holds_but_broke": wrong,
        **asdict(found),
    }
    write_file(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


COVER = Command(
    name="cover",
    help="take the organism along every edge of the specification's graph",
    example="leo cover D6",
    configure=configure,
    run=run,
)
