"""What `leo experiment` does: arguments to configurations, one experiment or all, what is said."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from random import Random
from textwrap import fill
from typing import Any

from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Experiment, Option
from paper.experiments.registry import APART, EXPERIMENTS, load
from paper.experiments.report import write_report
from paper.experiments.results import (
    Result,
    changed,
    is_kept,
    keep,
    make_again,
    read,
    share_of,
    tell_kept,
)
from paper.experiments.runner import Outcome, run_experiment

BUILD = Path("build/experiments")
SEED = 7
WIDTH = 80


def main(name: str, arguments: Sequence[str]) -> int:
    """Run an experiment, `all` of them, or make the `report` on what has been run."""
    if name == "report":
        given = _common(name, "Make the report on what has been run.").parse_args(arguments)
        print(f"report: {write_report(given.build)}")
        return 0
    if name == "all":
        return run_all(arguments)
    experiment = load(name)
    return carry_out(experiment, _parser(experiment).parse_args(arguments))


def run_all(arguments: Sequence[str]) -> int:
    """Every experiment that is not apart, then the report. With --kept or --recompute those that
    have a kept result; what is apart is never made again here.
    """
    given = _common("all", "Run every experiment, and write one report.").parse_args(arguments)
    code = 0
    for name in EXPERIMENTS:
        kept = is_kept(name) or not (given.kept or given.recompute is not None)
        if kept and (given.kept or name not in APART):
            code = max(code, carry_out(load(name), given))
    if given.recompute is None:
        print(f"report: {write_report(given.build)}")
    return code


def carry_out(experiment: Experiment, given: argparse.Namespace) -> int:
    """Run an experiment with what the command line gave, and say what came out."""
    if given.recompute is not None:
        return recompute(experiment, given)
    if given.kept:
        outcome = tell_kept(experiment, given.build)
        show(outcome)
        return 1 if outcome.summary.unexpected else 0
    # Where nothing is smaller in a quick run, there is none.
    quick = given.quick and any(option.quick is not None for option in experiment.options)
    values: dict[str, Any] = {"seed": given.seed, "quick": quick}
    for option in experiment.options:
        values[option.key] = _value(option, getattr(given, option.key, None), quick)
    files = [Path(name) for name in getattr(given, "files", [])]
    config = experiment.prepare(values, files) if experiment.prepare else values
    outcome = run_experiment(
        experiment,
        config,
        given.build,
        command=_command(experiment, given, values),
        clock=time.perf_counter,
        jobs=given.jobs,
        fresh=given.fresh,
    )
    show(outcome)
    if given.keep:
        print(f"kept: {keep(experiment, given.build, date.today().isoformat())}\n")
    return 1 if outcome.summary.unexpected else 0


def recompute(experiment: Experiment, given: argparse.Namespace) -> int:
    """Make a share of the kept rows again, and say whether they are the same. Exit code 1: not."""
    result = read(experiment)
    cells = share_of(experiment, result, given.recompute, Random())
    jobs = given.jobs if experiment.parallel else 1
    again = make_again(experiment, result, cells, time.perf_counter, jobs)
    same = len(cells) - len(again.differing)
    print(f"{experiment.name}: {same} of {len(cells)} cells made again have the same rows")
    for cell, (then, now) in again.differing.items():
        print(f"- {'/'.join(map(str, cell))}\n  kept: {then}\n  now:  {now}")
    if files := changed(experiment, result):
        if again.differing:
            said = f"Changed since they were kept: {', '.join(files)}; one of these did it."
        else:
            said = f"{len(files)} files changed since they were kept, and these rows are the same."
        print(fill(said, WIDTH))
    elif again.differing:
        print(fill(f"Nothing that made them was changed; kept on {_where(result)}.", WIDTH))
    return 1 if again.differing else 0


def _where(result: Result) -> str:
    libraries = ", ".join(f"{name} {number}" for name, number in result.kept["libraries"].items())
    return f"{result.kept['machine']}, {libraries}"


def show(outcome: Outcome) -> None:
    """Say what came out, for 80 columns."""
    summary = outcome.summary
    print(
        f"{outcome.stamp['experiment']}: {outcome.measured} of {outcome.cells} cells measured now"
    )
    print(fill(summary.answer, WIDTH))
    for text in (*(f"NOT AS EXPECTED: {text}" for text in summary.unexpected), *summary.findings):
        print(fill(text, WIDTH, initial_indent="- ", subsequent_indent="  "))
    print(f"files: {outcome.folder}\n")


def _common(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"leo experiment {name}",
        description=description,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=WIDTH),
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"of everything (default: {SEED})")
    parser.add_argument("--quick", action="store_true", help="smaller, within a minute")
    parser.add_argument("--build", type=Path, default=BUILD, help=f"folder (default: {BUILD})")
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time (default: 2)")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured")
    results = parser.add_mutually_exclusive_group()
    results.add_argument("--keep", action="store_true", help="as the result, in paper/results")
    results.add_argument("--kept", action="store_true", help="only tell the kept result")
    results.add_argument(
        "--recompute", type=_share, metavar="SHARE", help="compare so many of the kept rows, 0 to 1"
    )
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a share between 0 and 1")
    return value


def _parser(experiment: Experiment) -> argparse.ArgumentParser:
    parser = _common(experiment.name, EXPERIMENTS[experiment.name].capitalize() + ".")
    for option in experiment.options:
        several = _several(option.default)
        parser.add_argument(
            f"--{option.name}",
            type=type(several[0]),
            nargs="+" if isinstance(option.default, tuple) else None,
            choices=option.choices or None,
            default=None,
            metavar=type(several[0]).__name__.upper(),
            help=f"{option.help} (default: {' '.join(map(str, several))})",
        )
    if experiment.files:
        parser.add_argument("files", nargs="+", metavar="FILE", help=experiment.files)
    return parser


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _value(option: Option, given: Any, quick: bool) -> Any:
    """The value of an option. Raises ExperimentError for a number that is too small."""
    value = given
    if value is None:
        value = option.quick if quick and option.quick is not None else option.default
    several = _several(value)
    if option.least is not None and any(number < option.least for number in several):
        raise ExperimentError(
            f"--{option.name} {' '.join(map(str, several))}: expected at least {option.least:g}"
        )
    return several if isinstance(option.default, tuple) else value


def _command(experiment: Experiment, given: argparse.Namespace, values: dict[str, Any]) -> str:
    """The shortest command line that does the same."""
    words = ["leo experiment", experiment.name]
    words += ["--quick"] if values["quick"] else []
    words += [f"--seed {given.seed}"] if given.seed != SEED else []
    for option in experiment.options:
        value = values[option.key]
        if value != _value(option, None, values["quick"]):
            words.append(f"--{option.name} {' '.join(map(str, _several(value)))}")
    words += [str(name) for name in getattr(given, "files", [])]
    return " ".join(words)
