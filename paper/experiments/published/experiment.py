"""The published comparison, recomputed from its own figures."""

from __future__ import annotations

from paper.experiments.experiment import Config, Experiment, Key, Lab, Row
from paper.experiments.published.data import read_pairings, read_turns
from paper.experiments.published.report import plot, summarise


def cells(config: Config) -> list[Key]:
    return [("turns",), ("pairings",)]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """The figures themselves are the rows."""
    return read_turns() if key == ("turns",) else read_pairings()


EXPERIMENT = Experiment(
    name="published",
    options=(),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
