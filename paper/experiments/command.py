"""`leo experiment NAME`: the command itself, which needs no library.

The libraries of the extra `experiments` are imported after it is known that they are there: the
other commands, and the help of this one, work without them.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util

from leo.commands.main import Command
from paper.experiments.errors import MissingLibraryError
from paper.experiments.registry import EXPERIMENTS

LIBRARIES = ("numpy", "scipy", "matplotlib")


def configure(parser: argparse.ArgumentParser) -> None:
    listed = "; ".join(f"{name}: {help}" for name, help in EXPERIMENTS.items())
    parser.add_argument(
        "name",
        metavar="NAME",
        help=f"{listed}; all: each that needs no files, then the report; report: the report alone",
    )
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="of the experiment: see leo experiment NAME --help",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0: done. 1: an experiment found what should not be. 2: it could not run."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingLibraryError(
            f"experiments need {', '.join(missing)}, not installed here; install them with "
            "pip install 'leo-field[experiments]', or run make setup in a checkout"
        )
    code = importlib.import_module("paper.experiments.main").main(args.name, args.arguments)
    assert isinstance(code, int)
    return code


EXPERIMENT = Command(configure, run)
