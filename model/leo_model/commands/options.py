"""Arguments that several commands have."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from leo_model.disciplines import DISCIPLINES

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


def add_store(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--store", choices=("memory", "aiosqlite"), default="memory", help="default: memory"
    )
