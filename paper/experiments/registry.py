"""The experiments by name, each loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from leo.errors import unknown
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Experiment

__all__ = ["APART", "EXPERIMENTS", "WITH_FILES", "Entry", "load"]


class Entry(NamedTuple):
    """Where an experiment is, and what it asks, in one line: enough for the help."""

    module: str
    help: str


# In the order in which `leo experiment all` runs them.
EXPERIMENTS: dict[str, Entry] = {
    "published": Entry(
        "paper.experiments.published.experiment", "what the published figures say, and cannot"
    ),
    "confound": Entry(
        "paper.experiments.confound.experiment", "which difference moved the published metric"
    ),
    "lock-isolation": Entry(
        "paper.experiments.lock_isolation.experiment",
        "does the lock change the replies, and what breaks",
    ),
    "concurrent": Entry(
        "paper.experiments.concurrent.experiment",
        "observers at the same time: waiting, fairness, defects",
    ),
    "long-run": Entry(
        "paper.experiments.long_run.experiment", "does the field stay whole for long"
    ),
    "perturbation": Entry(
        "paper.experiments.perturbation.experiment", "how far one wrong observation reaches"
    ),
    "ocean": Entry(
        "paper.experiments.ocean.experiment", "do transformers tolerate what a field does not"
    ),
    "reanalyse": Entry(
        "paper.experiments.reanalyse.experiment", "transcripts, by both definitions"
    ),
}
# These are no part of `all`: they need files, or a library that nothing else needs.
WITH_FILES = frozenset({"reanalyse"})
APART = WITH_FILES | {"ocean"}


def load(name: str) -> Experiment:
    """The experiment of a name. Raises ExperimentError for an unknown one."""
    if name not in EXPERIMENTS:
        raise ExperimentError(
            f"there is no experiment {unknown(name, [*EXPERIMENTS, 'all', 'report'])}\n"
            "see leo experiment --help"
        )
    experiment = importlib.import_module(EXPERIMENTS[name].module).EXPERIMENT
    if not isinstance(experiment, Experiment):
        raise ExperimentError(
            f"{EXPERIMENTS[name].module}: EXPERIMENT is a {type(experiment).__name__}, expected an "
            "Experiment"
        )
    return experiment
