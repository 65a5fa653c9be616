"""Runs an experiment: measures the cells that have no rows yet, then writes what they say.

Cells are measured in their order, or by several processes and kept in their order, so that a file
of rows has the same bytes however often the run was stopped, and however many processes there were.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from leo import __version__
from leo.commands.ending import deaf, follow
from leo.progress import Bar
from leo_model.checking.check import spec_hash
from leo_model.files import write_file
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Config, Experiment, Key, Lab, Row
from paper.experiments.plots import save
from paper.experiments.registry import load
from paper.experiments.rows import RowFile, append, dump, trim
from paper.experiments.sources import sources_of
from paper.experiments.summary import Summary, as_json, as_markdown

Clock = Callable[[], float]
Measured = tuple[list[Row], list[dict[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """A finished experiment: its stamp, what it says, the names of its plots, where its files are,
    and how many of the cells were measured now and not before.
    """

    stamp: Mapping[str, Any]
    summary: Summary
    plots: tuple[tuple[str, str], ...]
    folder: Path
    measured: int
    cells: int


def run_experiment(
    experiment: Experiment,
    config: Config,
    build: Path,
    *,
    command: str,
    clock: Clock,
    jobs: int = 1,
    fresh: bool = False,
) -> Outcome:
    """Measure what is missing and write rows, summary and plots to build/NAME.

    `clock` gives seconds for the timings; `jobs` is how many cells are measured at a time, where
    the experiment allows it; `fresh` measures all of them again. Raises ExperimentError, or what
    the organism raises.
    """
    folder = build / experiment.name
    stamp = stamp_of(experiment, config, command)
    file = RowFile(folder / "rows.jsonl", stamp, fresh=fresh)
    cells = list(experiment.cells(config))
    if len(set(cells)) != len(cells):
        raise ExperimentError(f"{experiment.name}: two cells have the same key")
    missing = [cell for cell in cells if cell not in file.stored.cells]
    timings = folder / "timings.jsonl"
    trim(timings)
    bar = Bar(f"{experiment.name}: cells measured", len(missing))
    work = measure_all(experiment, config, missing, clock, jobs if experiment.parallel else 1)
    try:
        with closing(work):
            for cell, (measured, times) in zip(missing, work, strict=True):
                if times:
                    line = {"config": stamp["config_hash"], "cell": list(cell), "timings": times}
                    append(timings, [dump(line)])
                file.put(cell, measured)
                bar.step("/".join(map(str, cell)))
    finally:
        bar.clear()
    rows = file.ordered(cells)
    timed = read_timings(timings, stamp["config_hash"], cells)
    summary, named = tell(experiment, config, rows, timed, stamp, folder)
    return Outcome(stamp, summary, named, folder, len(missing), len(cells))


def tell(
    experiment: Experiment,
    config: Config,
    rows: Sequence[Row],
    timed: Sequence[Row],
    stamp: Mapping[str, Any],
    folder: Path,
) -> tuple[Summary, tuple[tuple[str, str], ...]]:
    """Write summary and plots of rows into a folder; the plots by name and caption."""
    summary = experiment.summarise(config, rows, timed)
    plots = experiment.plot(config, rows)
    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        save(plot, folder, stamp)
    named = tuple((plot.name, plot.caption) for plot in plots)
    write_file(folder / "summary.json", as_json(summary, stamp, named).encode())
    write_file(folder / "summary.md", as_markdown(summary, stamp, named).encode())
    return summary, named


def stamp_of(experiment: Experiment, config: Config, command: str) -> dict[str, Any]:
    """What every output carries: version, specification, sources, seed and configuration."""
    plain = json.loads(dump(dict(config)))
    stamp = {
        "experiment": experiment.name,
        "version": __version__,
        "spec": spec_hash(),
        "sources": sources_of(experiment.measure.__module__),
        "seed": plain["seed"],
        "config": plain,
    }
    return {
        **stamp,
        "config_hash": sha256(dump(stamp).encode()).hexdigest()[:12],
        "command": command,
    }


def measure_all(
    experiment: Experiment, config: Config, cells: Sequence[Key], clock: Clock, jobs: int
) -> Generator[Measured]:
    """The rows and timings of the cells, in their order, several measured at a time."""
    if jobs <= 1 or len(cells) < 2:
        for cell in cells:
            yield _measure(experiment, config, clock, cell)
        return
    # A new interpreter for each process: nothing of a thread or a loop is carried over.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=follow) as pool:
        try:
            with deaf():
                found = pool.map(partial(_measure_named, experiment.name, config, clock), cells)
            yield from found
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _measure_named(name: str, config: Config, clock: Clock, cell: Key) -> Measured:
    return _measure(load(name), config, clock, cell)


def _measure(experiment: Experiment, config: Config, clock: Clock, cell: Key) -> Measured:
    with tempfile.TemporaryDirectory(prefix="leo-experiment-") as folder:
        lab = Lab(Path(folder), clock)
        rows = list(experiment.measure(config, cell, lab))
    return rows, lab.timings


def read_timings(path: Path, config_hash: str, cells: Sequence[Key]) -> list[Row]:
    """The timings of the cells, those measured last, each with its cell."""
    found: dict[Key, list[Row]] = {}
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            value = json.loads(line)
            if value["config"] == config_hash:
                found[tuple(value["cell"])] = value["timings"]
    return [{"cell": list(cell), **row} for cell in cells for row in found.get(cell, [])]
