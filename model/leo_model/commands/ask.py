"""`leo ask`: a question that is not a claim (`leo_model.checking.questions`)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from leo.commands.main import Command
from leo_model.checking.questions import ask
from leo_model.commands.options import add_build, add_json


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "question",
        nargs="+",
        metavar="KEY=VALUE",
        help="discipline=NAME, and if wanted sessions=N turns=N (0: for ever) property=NAME "
        "faults=Cancel,Raise,Crash,Busy (or none) seconds=N (of one search)",
    )
    add_build(parser)
    add_json(parser)


def run(args: Namespace) -> int:
    """Print the answers; 2 when one could not be decided."""
    return ask(" ".join(args.question), args.build, args.jobs, as_json=args.json)


ASK = Command(configure, run)
