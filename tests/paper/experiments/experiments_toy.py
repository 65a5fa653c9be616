"""A small experiment for the tests of the framework: no organism, rows from the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.plots import Plot, bars, forest, lines
from paper.experiments.runner import Outcome, run_experiment
from paper.experiments.summary import Estimate, Summary, Table


def cells(config: Config) -> list[Key]:
    return [(arm, n) for arm in ("left", "right") for n in range(config["size"])]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    arm, n = key
    assert not list(lab.folder.iterdir())
    (lab.folder / "used").write_text("so that the next cell would see it")
    lab.time(seconds=lab.clock())
    chance = seed_of(config["seed"], n) % 1000 / 1000
    return [{"arm": arm, "n": n, "part": part, "value": chance + part} for part in range(2)]


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    values = [row["value"] for row in rows]
    assert [tuple(row["cell"]) for row in timings] == cells(config)
    return Summary(
        title="Toy",
        question="Is it small?",
        answer=f"It has {len(rows)} rows.",
        findings=("One & only: 100 % <toy>_x.",),
        tables=(
            Table(
                "toy",
                "A table of 50 % & more",
                ("arm", "n", "mean", "p"),
                (("left|right", len(rows), Estimate(sum(values), -0.0001, 2.0), None),),
            ),
        ),
        facts={"mean": Estimate(1.0, 0.5, 1.5)},
        limits=("It is a toy.",),
        unexpected=("it broke",) if config.get("broken") else (),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    def draw(figure: Figure) -> None:
        one, two, three = figure.subplots(1, 3)
        some = [Estimate(row["value"], row["value"] - 1, row["value"] + 1) for row in rows[:2]]
        forest(one, ["a", "b"], some)
        lines(two, [0, 1], {"x": [0, 1], "y": [1, 0]})
        bars(three, ["a", "b"], {"x": some, "y": some})

    return [Plot("toy-plot", "A toy", draw)]


TOY = Experiment(
    name="toy",
    options=(
        Option("size", "cells in an arm", 3, quick=1, least=1),
        Option("broken", "break it", 0),
    ),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)

# Without its plot, which takes longest.
PLAIN = replace(TOY, plot=lambda config, rows: [])


def run_toy(build: Path, experiment: Experiment = TOY, *, seed: int = 7, size: int = 3) -> Outcome:
    """Run it with a clock that stands still."""
    config = {"seed": seed, "quick": False, "size": size}
    return run_experiment(experiment, config, build, command="toy", clock=lambda: 1.0)
