"""Arguments that several commands have."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from leo.errors import unknown
from leo_model.disciplines import DISCIPLINES, chosen
from leo_model.errors import CheckError
from leo_model.machine.properties import PROPERTIES

BUILD = Path("build")


def add_build(parser: ArgumentParser, *, jobs: int | None = 3, build: Path = BUILD) -> None:
    """Where results and runs go and, if TLC runs, how many of it at a time."""
    parser.add_argument(
        "--build", type=Path, default=build, help=f"folder of results and runs (default: {build})"
    )
    if jobs is not None:
        parser.add_argument(
            "--jobs", type=int, default=jobs, help=f"runs of TLC at a time (default: {jobs})"
        )


def a_discipline(name: str) -> str:
    """The discipline of this name or number, for argparse."""
    try:
        (found,) = chosen([name])
    except CheckError as error:
        raise ArgumentTypeError(str(error)) from None
    return found


def add_disciplines(parser: ArgumentParser) -> None:
    parser.add_argument(
        "discipline",
        nargs="*",
        type=a_discipline,
        help=f"by name or number (default: all): {', '.join(DISCIPLINES)}",
    )


def a_property(title: str) -> str:
    """The property of this name, for argparse."""
    if title not in PROPERTIES:
        raise ArgumentTypeError(f"there is no property {unknown(title, PROPERTIES)}")
    return title
