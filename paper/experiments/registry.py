"""The experiments by name, each loaded when it is asked for."""

from __future__ import annotations

import importlib

from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Experiment

# What each asks, in one line, in the order in which `leo experiment all` runs them.
EXPERIMENTS = {
    "published": "what the published figures say, and cannot",
    "confound": "which difference moved the published metric",
    "lock-isolation": "does the lock change the replies, and what breaks",
    "concurrent": "observers at the same time: waiting, fairness, defects",
    "long-run": "does the field stay whole for long",
    "perturbation": "how far one wrong observation reaches",
    "ocean": "do transformers tolerate what a field does not",
    "reanalyse": "transcripts, by both definitions",
}
# These are no part of `all`: they need files, or a library that nothing else needs.
WITH_FILES = frozenset({"reanalyse"})
APART = WITH_FILES | {"ocean"}


def module_of(name: str) -> str:
    """The module that measures: its EXPERIMENT is the experiment of that name."""
    return f"paper.experiments.{name.replace('-', '_')}.experiment"


def load(name: str) -> Experiment:
    """The experiment of a name. Raises ExperimentError for an unknown one."""
    if name not in EXPERIMENTS:
        raise ExperimentError(
            f"there is no experiment {name!r}; the experiments are {', '.join(EXPERIMENTS)}, and "
            "all: see leo experiment --help"
        )
    experiment = importlib.import_module(module_of(name)).EXPERIMENT
    assert isinstance(experiment, Experiment), name
    return experiment
