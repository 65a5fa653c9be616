"""`leo cover`: take the organism along every edge of the specification's graph."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo_model.checking.check import spec_hash
from leo_model.checking.claims import Claims, load_claims
from leo_model.commands.options import add_build, add_disciplines, add_json, add_store
from leo_model.disciplines import DISCIPLINES, IDEALISED, chosen
from leo_model.errors import CheckError
from leo_model.files import make_folder, write_json
from leo_model.organism.case import Case
from leo_model.organism.cover import Coverage, cover, differences
from leo_model.organism.organism import Organism

BUILD = Path("build/schedules")
# Where nothing holds the sessions apart, three of them make hundreds of thousands of states. Up to
# their names it is a sixth.
UNLOCKED = ("bare", "gil")


def configure(parser: argparse.ArgumentParser) -> None:
    add_disciplines(parser)
    parser.add_argument("--sessions", type=int, help="this bound only (with --turns, --faults)")
    parser.add_argument("--turns", type=int, default=1, help="calls of each session (default: 1)")
    parser.add_argument("--faults", choices=("none", "all"), default="none", help="default: none")
    add_store(parser)
    parser.add_argument(
        "--renamed", action="store_true", help="count states that differ in session names as one"
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help="three sessions without a lock as well (bare, gil): minutes",
    )
    add_build(parser, jobs=None, build=BUILD)
    add_json(parser)


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
    good, told = True, list[dict[str, Any]]()
    for case, renamed in cases:
        with (
            Bar(f"{case.discipline} {case.bound}: edges") as bar,
            Organism(case, store=args.store, spin=True) as organism,
        ):
            found = cover(
                organism, renamed=renamed, progress=lambda taken, edges: bar.show(taken / edges)
            )
        wrong = surplus(claims, found)
        if not args.json:
            _print(found, wrong)
        told.append(_write(args.build, found, wrong))
        good = good and found.complete and not wrong
    if args.json:
        screen.show_json(told)
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
    claimed = claims.may_fall(found.case.discipline, faults=bool(found.case.faults))
    return {title: token for title, token in found.broken.items() if title not in claimed}


def _print(found: Coverage, wrong: dict[str, str]) -> None:
    case = found.case
    faults = "all" if case.faults else "none"
    share = "all" if found.complete else f"{found.taken:,}, NOT ALL,"
    names = ", up to names" if found.renamed else ""
    said = (
        f"{case.bound} (sessions x turns), faults: {faults}; {found.states:,} states{names}; "
        f"{share} of {found.edges:,} edges taken in {found.runs:,} runs"
    )
    print("\n".join(screen.labelled(case.discipline, said, label_width=26)))
    for line in differences(found):
        print(f"  {line}")
    for line in found.unowned:
        print(f"  an error that nobody retrieved: {line}")
    for title, token in wrong.items():
        print(f"  ✗ {title}, NOT CLAIMED: leo replay {token}")


def _write(folder: Path, found: Coverage, wrong: dict[str, str]) -> dict[str, Any]:
    faults = "faults" if found.case.faults else "quiet"
    path = folder / f"cover-{found.case.discipline}-{found.case.bound}-{faults}-{found.store}.json"
    data: dict[str, Any] = {
        "spec": spec_hash(),
        "complete": found.complete,
        "holds_but_broke": wrong,
        **asdict(found),
    }
    write_json(path, data)
    return data


COVER = Command(configure, run)
