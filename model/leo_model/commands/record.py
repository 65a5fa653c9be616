"""`leo record`: run a workload on the real organism and record its trace."""

from __future__ import annotations

import argparse
from pathlib import Path

from leo.commands.main import Command
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError
from leo_model.traces.workload import SYNC, Workload, record


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--discipline",
        default="asyncio-lock",
        choices=sorted(DISCIPLINES),
        metavar="NAME",
        help="how replies are executed (default: asyncio-lock)",
    )
    parser.add_argument("--sessions", type=int, default=5, help="clients at a time (default: 5)")
    parser.add_argument("--turns", type=int, default=20, help="calls per client (default: 20)")
    parser.add_argument("--seed", type=int, default=7, help="of chance and of the replies")
    parser.add_argument(
        "--cancel", type=float, default=0.0, help="chance of a cancellation at each action"
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of field and trace")


def run(args: argparse.Namespace) -> int:
    """Print the path of the trace."""
    if args.sessions < 1 or args.turns < 1 or not 0 <= args.cancel < 1:
        raise CheckError(
            f"--sessions {args.sessions} --turns {args.turns} --cancel {args.cancel}: expected at "
            "least one session and one turn, and a chance from 0 up to 1"
        )
    if args.discipline == SYNC and args.sessions != 1:
        raise CheckError(
            f"--sessions {args.sessions}: the sequential discipline has one session; say "
            "--sessions 1, or choose another discipline"
        )
    print(
        record(
            Workload(args.discipline, args.sessions, args.turns, args.seed, args.cancel), args.out
        )
    )
    return 0


RECORD = Command(configure, run)
