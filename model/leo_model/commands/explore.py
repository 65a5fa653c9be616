"""`leo explore`: execute the schedules of the organism, or of anybody's scenario.

It says what breaks, and how far the search came.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import Any

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo.schedules.engine.search import PRICES, STRATEGIES, Found, Plan, Report, explore
from leo.schedules.exploration import STRATEGIES as OF_ANYBODY
from leo.schedules.named import load
from leo_model.checking.claims import load_claims
from leo_model.commands.options import add_build, add_json, add_store
from leo_model.disciplines import DISCIPLINES, chosen
from leo_model.errors import CheckError
from leo_model.files import make_folder, write_json
from leo_model.organism.case import Case, to_token
from leo_model.organism.organism import Organism
from leo_model.organism.replay import replay, table


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        metavar="DISCIPLINE | module:scenario",
        help="whose replies, by name or number; or a scenario of yours",
    )
    parser.add_argument("--sessions", type=int, default=2, help="how many call (default: 2)")
    parser.add_argument("--turns", type=int, default=1, help="calls of each (default: 1)")
    parser.add_argument(
        "--faults", default="none", help="Cancel,Raise,Crash,Busy, or all, or none (default: none)"
    )
    parser.add_argument(
        "--most", type=int, default=1, help="faults in one schedule, 0: any number (default: 1)"
    )
    add_store(parser)
    parser.add_argument(
        "--strategy",
        choices=dict.fromkeys((*STRATEGIES, *OF_ANYBODY)),
        metavar="HOW",
        help=f"one of {', '.join(STRATEGIES)} (default: optimal); of a scenario one of "
        f"{', '.join(OF_ANYBODY)} (default: its own)",
    )
    parser.add_argument("--limit", type=int, help="stop after so many schedules")
    parser.add_argument("--first", action="store_true", help="stop at the first violation")
    parser.add_argument(
        "--bound", type=int, help="bounded: the most that a schedule may cost (default: 2)"
    )
    parser.add_argument(
        "--price",
        choices=sorted(PRICES),
        metavar="WHAT",
        default="preemptions",
        help=f"bounded: what costs one, {' or '.join(sorted(PRICES))} (default: preemptions)",
    )
    parser.add_argument("--depth", type=int, default=3, help="pct: the depth of the bug looked for")
    parser.add_argument("--seed", type=int, help="random, pct, and the organism's own (default: 7)")
    of_anybody = parser.add_argument_group("of a scenario (module:scenario) only")
    of_anybody.add_argument("--schedule", help="execute this schedule only, as a result gives it")
    of_anybody.add_argument("--seconds", type=float, help="stop after so many seconds")
    of_anybody.add_argument("--cancellations", type=int, help="so many may strike in a schedule")
    of_anybody.add_argument("--clock", choices=("idle", "any"), help="when time may pass")
    add_build(parser, jobs=None, below="schedules")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0: nothing is broken, but what is claimed to fall.  1: something is.  2: it could
    not be decided, because a search that was to be complete was cut off.
    """
    if ":" in args.what:
        return _anybodys(args)
    case, plan, most = _asked(args)
    make_folder(args.build)
    with (
        Bar("schedules", None) as bar,
        Organism(case, store=args.store, most=most) as organism,
    ):
        report = explore(organism, plan, lambda walk: bar.step())
    told = _write(args.build / f"explore-{_name(case, args)}.json", case, plan, report)
    claimed = load_claims().may_fall(case.discipline, faults=bool(case.faults))
    if args.json:
        screen.show_json(told)
    else:
        _print(case, args, report, claimed)
    if set(report.found).difference(claimed):
        return 1
    asked = report.complete or plan.strategy not in ("optimal", "reduced", "brute")
    return 0 if asked or (args.first and report.found) else 2


def _anybodys(args: argparse.Namespace) -> int:
    """Explore somebody's scenario; what the command line does not say, the scenario does."""
    names = ("strategy", "bound", "limit", "seed", "schedule", "seconds", "cancellations", "clock")
    options = {name: value for name in names if (value := getattr(args, name)) is not None}
    found = load(args.what).explore(**options)
    if args.json:
        screen.show_json({"sentence": found.sentence, "holds": found.holds, **asdict(found)})
    else:
        print(found)
    if found.broken is not None:
        return 1
    return 0 if found.complete or args.schedule is not None else 2


def _asked(args: argparse.Namespace) -> tuple[Case, Plan, int | None]:
    """The question, checked.  Raises CheckError or ModelError for one that has no answer."""
    try:
        (discipline,) = chosen([args.what])
    except CheckError as error:
        raise CheckError(f"{error}; or module:scenario, for a scenario of yours") from None
    possible = DISCIPLINES[discipline].possible_faults
    words = {"none": (), "all": possible}.get(args.faults, tuple(args.faults.split(",")))
    unknown = [word for word in words if word not in possible]
    if unknown:
        raise CheckError(
            f"--faults {args.faults}: under {discipline} these can strike: "
            f"{', '.join(possible) or 'none'}; expected some of them with commas, all, or none"
        )
    if args.most < 0:
        raise CheckError(f"--most {args.most}: expected a number of faults, or 0 for any number")
    faults = tuple(fault for fault in possible if fault in words)
    seed = 7 if args.seed is None else args.seed
    bound = 2 if args.bound is None else args.bound
    case = Case(discipline, args.sessions, args.turns, faults, seed)
    plan = Plan(
        args.strategy or "optimal", args.limit, bound, args.price, seed, args.depth, args.first
    )
    return case, plan, (args.most or None) if faults else None


def _name(case: Case, args: argparse.Namespace) -> str:
    faults = "".join(fault.lower() for fault in case.faults) or "quiet"
    return f"{case.discipline}-{case.bound}-{faults}-{args.store}-{args.strategy or 'optimal'}"


def _print(case: Case, args: argparse.Namespace, report: Report, claimed: Collection[str]) -> None:
    print(case)
    print(f"{report.strategy}: {report}")
    if report.redundant:
        print(f"{report.redundant:,} runs were given up: their classes had been executed")
    if report.probes:
        print(f"{report.probes:,} beginnings of schedules were executed to see what is possible")
    if not report.found:
        print("nothing is broken in them" if report.runs > 1 else "nothing is broken in it")
        return
    first = min(report.found.values(), key=lambda found: (len(found.steps), found.run))
    with Organism(case, store=args.store, spin=True) as organism:
        shown = table(replay(organism, first.choices), screen.columns())
    fall = fill(f"✗ {first.title}: {first.witness}", screen.width(), subsequent_indent="  ")
    print(f"\n{shown}{fall}\n")
    width = max(map(len, report.found))
    for found in sorted(report.found.values(), key=lambda found: found.run):
        said = "as claimed" if found.title in claimed else "NOT CLAIMED"
        print(f"✗ {found.title:<{width}}  {said}; schedule {found.run:,}")
        print(f"    leo replay {to_token(case, found.choices)}")


def _write(path: Path, case: Case, plan: Plan, report: Report) -> dict[str, Any]:
    """Write the result as JSON, and return it."""

    def told(found: Found) -> dict[str, Any]:
        token = to_token(case, found.choices)
        return {"witness": found.witness, "token": token, "run": found.run}

    data = {
        "discipline": case.discipline,
        "sessions": case.sessions,
        "turns": case.turns,
        "faults": list(case.faults),
        "strategy": plan.strategy,
        "complete": report.complete,
        "runs": report.runs,
        "classes": report.classes,
        "how_far": str(report),
        "violations": {title: told(found) for title, found in report.found.items()},
    }
    write_json(path, data)
    return data


EXPLORE = Command(configure, run)
