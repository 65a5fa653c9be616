"""Kept results: the rows of full runs in paper/results, with what made them, when and where.

A result is a file of rows (`paper.experiments.rows`), compressed, with the timings of its cells
after them. Its first line also says which files made the rows. When one of these is changed, a
share of the rows is made again: it is still the result if they are the same bytes.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from pathlib import Path
from random import Random
from typing import Any, Final

from leo_model.files import ROOT
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Experiment, Key, Row
from paper.experiments.rows import STAMP, dump, line_of, parse_rows, read_rows
from paper.experiments.runner import Outcome, measure_all, read_timings, tell
from paper.experiments.sources import made_of, sources_of

RESULTS: Final = ROOT / "paper" / "results"
# What else decides a row that is made of floating-point numbers.
LIBRARIES: Final = ("numpy", "scipy", "jax", "jaxlib")


@dataclass(frozen=True)
class Result:
    """A kept result. `kept` has the files that made it (`made`: file -> hash of its code), the
    `date`, the `machine` and the `libraries`; timings are by cell.
    """

    stamp: Mapping[str, Any]
    kept: Mapping[str, Any]
    cells: Mapping[Key, list[Row]]
    timings: list[Row]


@dataclass(frozen=True)
class Again:
    """Cells that were measured again, and the first row that differs of each that differs: as it
    was kept, and as it is now.
    """

    cells: list[Key]
    differing: dict[Key, tuple[str, str]]


def keep(experiment: Experiment, build: Path, date: str, folder: Path = RESULTS) -> Path:
    """Keep the rows of a finished run in build/NAME as the result; return its file.

    Raises ExperimentError for a quick or unfinished run, or when its sources have changed since.
    """
    stored = read_rows(build / experiment.name / "rows.jsonl")
    stamp = stored.stamp or {}
    problem = None
    if not stamp or list(stored.cells) != list(experiment.cells(stamp["config"])):
        problem = "is not finished"
    elif stamp["config"]["quick"]:
        problem = "is a quick one"
    elif stamp["sources"] != sources_of(experiment.measure.__module__):
        problem = "was made by other sources than the ones here"
    if problem:
        raise ExperimentError(
            f"{build / experiment.name}: the run {problem}; a result is a full run of what is "
            f"here: leo experiment {experiment.name}"
        )
    kept = {
        "date": date,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "made": made_of(experiment.measure.__module__),
    }
    lines = [dump({STAMP: stamp, "kept": kept})]
    lines += [line_of(cell, rows) for cell, rows in stored.cells.items()]
    timings = build / experiment.name / "timings.jsonl"
    lines += map(dump, read_timings(timings, stamp["config_hash"], list(stored.cells)))
    path = _path(experiment.name, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a time, so that equal rows are equal files.
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return path


def is_kept(name: str, folder: Path = RESULTS) -> bool:
    """Whether there is a result of that experiment."""
    return _path(name, folder).is_file()


def read(experiment: Experiment, folder: Path = RESULTS) -> Result:
    """The kept result. Raises ExperimentError when there is none, or when it is not whole."""
    path = _path(experiment.name, folder)
    try:
        data = gzip.decompress(path.read_bytes())
        stored = parse_rows(data)
        kept = json.loads(data.splitlines()[0])["kept"]
        timings = [json.loads(line) for line in data[stored.end :].splitlines()]
        assert stored.stamp is not None, "the first line has both"
        whole = list(stored.cells) == list(experiment.cells(stored.stamp["config"]))
    except FileNotFoundError:
        raise ExperimentError(
            f"{path}: no result is kept; make one with leo experiment {experiment.name} --keep"
        ) from None
    except (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError, TypeError) as error:
        raise ExperimentError(f"{path}: no result ({error}); {_RESTORE}") from None
    if not whole or any("cell" not in row or "rows" in row for row in timings):
        raise ExperimentError(f"{path}: not all cells are there in their order; {_RESTORE}")
    return Result(stored.stamp, kept, stored.cells, timings)


_RESTORE: Final = "restore the file from the repository, or make the result again with --keep"


def tell_kept(experiment: Experiment, build: Path, folder: Path = RESULTS) -> Outcome:
    """Write summary and plots of the kept result to build/NAME, without measuring anything."""
    result = read(experiment, folder)
    kept = {name: result.kept[name] for name in ("date", "machine")}
    stamp = {**result.stamp, "kept": {**kept, "changed": changed(experiment, result)}}
    rows = [row for rows in result.cells.values() for row in rows]
    into = build / experiment.name
    config = result.stamp["config"]
    summary, plots = tell(experiment, config, rows, result.timings, stamp, into)
    return Outcome(stamp, summary, plots, into, 0, len(result.cells))


def changed(experiment: Experiment, result: Result) -> list[str]:
    """The files whose code is not that which made the result, also those that came or went."""
    then, now = result.kept["made"], made_of(experiment.measure.__module__)
    return sorted(file for file in then | now if then.get(file) != now.get(file))


def make_again(
    experiment: Experiment,
    result: Result,
    cells: Sequence[Key],
    clock: Callable[[], float],
    jobs: int = 1,
) -> Again:
    """Measure cells again and compare their rows, byte for byte as JSON."""
    differing: dict[Key, tuple[str, str]] = {}
    work = measure_all(experiment, result.stamp["config"], cells, clock, jobs)
    for cell, (measured, _) in zip(cells, work, strict=True):
        then, now = ([*map(dump, rows)] for rows in (result.cells[cell], measured))
        if then != now:
            pairs = zip([*then, ""], [*now, ""], strict=False)
            differing[cell] = next(pair for pair in pairs if pair[0] != pair[1])
    return Again(list(cells), differing)


def share_of(experiment: Experiment, result: Result, share: float, rng: Random) -> list[Key]:
    """A random share of the cells that are not costly, at least one, in their order; all if asked
    for all.
    """
    config = result.stamp["config"]
    cells = [cell for cell in result.cells if share == 1 or not experiment.costly(config, cell)]
    chosen = set(rng.sample(cells, min(len(cells), max(1, ceil(share * len(cells))))))
    return [cell for cell in cells if cell in chosen]


def _path(name: str, folder: Path) -> Path:
    return folder / f"{name}.ndjson.gz"


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
