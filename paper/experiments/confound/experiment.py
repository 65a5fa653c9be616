"""Which of the published comparison's differences moved its metric? Each is a switch of the
reference organism, thrown alone and together with the others; the lock is one of them.
"""

from __future__ import annotations

from itertools import product

from paper.experiments.confound.arms import Arm, run_arm
from paper.experiments.confound.report import plot, summarise
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.published.data import read_pairings, read_turns

FIGURES = ("published",)


def cells(config: Config) -> list[Key]:
    """The published figures, then each seed with each of the 32 kinds of runs."""
    kinds = list(product((0, 1), repeat=len(Arm._fields)))
    return [FIGURES, *((seed, *kind) for seed in range(config["seeds"]) for kind in kinds)]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    if key == FIGURES:
        return [*read_turns(), *read_pairings()]
    seed, *sides = key
    arm = Arm(*map(bool, sides))
    # The arm is no part of the seed: what chance decides is the same for all arms.
    chance_of = seed_of(config["seed"], "confound", seed)
    rows = run_arm(arm, chance_of, chance_of % 1_000_003, lab.folder)
    return [{"seed": seed, **row} for row in rows]


EXPERIMENT = Experiment(
    name="confound",
    options=(Option("seeds", "seeds, each with all 32 kinds of runs", 30, quick=3, least=2),),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
