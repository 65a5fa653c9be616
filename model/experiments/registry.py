"""The experiments by name, each loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from model.experiments.errors import ExperimentError
from model.experiments.experiment import Experiment

__all__ = ["EXPERIMENTS", "WITH_FILES", "Entry", "load"]


class Entry(NamedTuple):
    """Where an experiment is, and what it asks, in one line: enough for the help."""

    module: str
    help: str


# In the order in which `leo experiment all` runs them.
EXPERIMENTS: dict[str, Entry] = {
    "published": Entry("model.experiments.published", "what the published figures say, and cannot"),
    "confound": Entry("model.experiments.confound", "which difference moved the published metric"),
    "lock-isolation": Entry(
        "model.experiments.lock_isolation", "does the lock change the replies, and what breaks"
    ),
    "concurrent": Entry(
        "model.experiments.concurrent", "observers at the same time: waiting, fairness, defects"
    ),
    "long-run": Entry("model.experiments.long_run", "does the field stay whole for long"),
    "perturbation": Entry(
        "model.experiments.perturbation", "how far one wrong observation reaches"
    ),
    "reanalyse": Entry("model.experiments.reanalyse", "transcripts, by both definitions"),
}
# These need files, and are no part of `all`.
WITH_FILES = frozenset({"reanalyse"})


def load(name: str) -> Experiment:
    """The experiment of a name. Raises ExperimentError for an unknown one."""
    if name not in EXPERIMENTS:
        raise ExperimentError(
            f"there is no experiment {name!r}; the experiments are {', '.join(EXPERIMENTS)}, and "
            "all: see leo experiment --help"
        )
    experiment = importlib.import_module(EXPERIMENTS[name].module).EXPERIMENT
    if not isinstance(experiment, Experiment):
        raise ExperimentError(
            f"{EXPERIMENTS[name].module}: EXPERIMENT is a {type(experiment).__name__}, expected an "
            "Experiment"
        )
    return experiment
