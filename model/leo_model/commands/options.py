"""Arguments that several commands have."""

from __future__ import annotations

from argparse import ArgumentParser
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


def add_disciplines(parser: ArgumentParser) -> None:
    parser.add_argument(
        "discipline",
        nargs="*",
        help=f"by name or number (default: all): {', '.join(DISCIPLINES)}",
    )


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")


def one_discipline(name: str) -> str:
    """The discipline of this name or number. Raises CheckError when there is none."""
    (found,) = chosen([name])
    return found


def known_property(title: str) -> str:
    """The property of this name. Raises CheckError when there is none."""
    if title not in PROPERTIES:
        raise CheckError(f"there is no property {unknown(title, PROPERTIES)}")
    return title
