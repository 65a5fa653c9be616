"""`leo paper` and `leo site`: what others quote and step through."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leo.commands.main import Command
from leo.progress import Bar
from leo_model.commands.options import add_build
from paper.artifact.errors import ArtifactError

if TYPE_CHECKING:
    from paper.artifact.results import Results


def _results_options(parser: argparse.ArgumentParser) -> None:
    add_build(parser, jobs=None)
    parser.add_argument(
        "--out", type=Path, help="folder of its own, new or empty (default: below --build)"
    )


def _needs() -> None:
    try:
        import jinja2  # noqa: F401, PLC0415
        import latex2mathml.converter  # noqa: F401, PLC0415
        import matplotlib  # noqa: F401, PLC0415
    except ImportError as error:
        raise ArtifactError(
            f"the package {error.name} is not installed; the paper and the pages need the extras "
            "artifact and experiments: pip install 'leo-field[artifact,experiments]'"
        ) from error


def _say(files: Sequence[Path], out: Path, results: Results) -> None:
    """What was written, and what it calls open because no full result is kept."""
    print(f"{len(files)} files in {out}; {results.stamp}")
    for name in results.missing:
        print(f"no full result of {name}: the section calls it open (leo experiment {name} --keep)")
    for name, found in results.experiments.items():
        for text in found["unexpected"]:
            print(f"{name}, not as expected: {text}")


def _run_paper(args: argparse.Namespace) -> int:
    _needs()
    # Only now: `leo check` and the others must not need what these import.
    from paper.artifact.article import make_paper  # noqa: PLC0415
    from paper.artifact.results import load  # noqa: PLC0415

    results = load(args.build)
    out = args.out or args.build / "paper"
    bar = Bar("paper", len(results.counterexamples) + len(results.experiments))
    files = make_paper(results, args.build, out, bar.step)
    bar.clear()
    _say(files, out, results)
    print(f"to look at all of them: cd {out} && pdflatex article && pdflatex article")
    return 0


def _run_site(args: argparse.Namespace) -> int:
    _needs()
    from paper.artifact.results import load  # noqa: PLC0415
    from paper.artifact.site import make_site  # noqa: PLC0415

    results = load(args.build)
    out = args.out or args.build / "site"
    files = make_site(results, args.build, out)
    _say(files, out, results)
    print(f"open {out / 'index.html'} in a browser; nothing is fetched from anywhere")
    return 0


PAPER = Command(_results_options, _run_paper)
SITE = Command(_results_options, _run_site)
