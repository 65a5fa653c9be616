"""The switches' shares of a difference: Shapley's rule on the runs of every combination."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import factorial

import numpy as np
from numpy.typing import NDArray

from paper.experiments.confound.arms import SWITCHES, Arm
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.stats import bootstrap, holm, permutation
from paper.experiments.summary import Estimate

__all__ = [
    "LEVEL",
    "chances",
    "corner",
    "effects_of",
    "least_chance",
    "lock_pairs",
    "shapley",
    "values_of",
]

Floats = NDArray[np.float64]
LEVEL = 0.05
# The lock is not tested: whether it changes anything is read off the replies.
TESTED = tuple(name for name in SWITCHES if name != "lock")


def values_of(rows: Sequence[Row], seeds: int) -> Floats:
    """The mean metric of each run: an array of the shape (seeds, 2, 2, 2, 2, 2, 2), the switches in
    the order of SWITCHES.
    """
    sums = np.zeros((seeds, *(2,) * len(SWITCHES)))
    turns = np.zeros(sums.shape[:1] + sums.shape[2:])
    for row in rows:
        if "seed" in row:
            sides = tuple(row[name] for name in Arm._fields)
            sums[(row["seed"], 0, *sides)] += row["tokens"]
            sums[(row["seed"], 1, *sides)] += row["types"]
            turns[(row["seed"], *sides)] += 1
    return np.asarray(sums / turns[:, None])


def shapley(values: Floats) -> Floats:
    """The shares of the switches: shape (seeds, switches) from values of shape (seeds, 2, ..., 2).

    A switch's share is its mean effect over all orders of throwing them (Shapley 1953); the sum of
    the shares is values[:, 1, ..., 1] - values[:, 0, ..., 0].
    """
    players = values.ndim - 1
    shares = np.zeros((len(values), players))
    for player in range(players):
        effect = np.take(values, 1, axis=1 + player) - np.take(values, 0, axis=1 + player)
        for sides in product((0, 1), repeat=players - 1):
            on = sum(sides)
            weight = factorial(on) * factorial(players - 1 - on) / factorial(players)
            shares[:, player] += weight * corner(effect, sides)
    return shares


def corner(values: Floats, sides: Sequence[int]) -> Floats:
    """The value of each seed with the switches on these sides."""
    flat = values.reshape(len(values), -1)
    return flat[:, int(np.ravel_multi_index(tuple(sides), values.shape[1:]))]


def effects_of(values: Floats, config: Config) -> dict[str, Estimate]:
    """`total`, and `share NAME`, `alone NAME`, `last NAME` of each switch, with intervals over the
    seeds: thrown alone from the synchronous side, thrown last on the way to the asynchronous one.
    """
    shares = shapley(values)
    players = range(len(SWITCHES))
    first, last = corner(values, (0,) * len(SWITCHES)), corner(values, (1,) * len(SWITCHES))
    data = {"total": last - first}
    for n, name in enumerate(SWITCHES):
        data[f"share {name}"] = shares[:, n]
        data[f"alone {name}"] = corner(values, [int(k == n) for k in players]) - first
        data[f"last {name}"] = last - corner(values, [int(k != n) for k in players])
    return {
        name: bootstrap(found.tolist(), seed_of(config["seed"], "confound", name))
        for name, found in data.items()
    }


def chances(values: Floats, config: Config) -> dict[str, float]:
    """P-values of the shares of all switches but the lock: the signs are exchanged seed by seed;
    corrected for the number of comparisons.
    """
    shares = shapley(values)
    zero = [0.0] * len(shares)
    found = {}
    for name in TESTED:
        mine = shares[:, SWITCHES.index(name)].tolist()
        seed = seed_of(config["seed"], "confound p", name)
        found[name] = permutation(mine, zero, seed, paired=True)
    return holm(found)


def least_chance(seeds: int) -> float:
    """The smallest corrected p-value that so many seeds can give."""
    return min(1.0, 2.0 * len(TESTED) / (1 << seeds))


def lock_pairs(rows: Sequence[Row]) -> tuple[int, int]:
    """Pairs of runs that differ in the lock alone, and how many of them differ in a reply."""
    runs: dict[tuple[int, ...], list[str]] = {}
    for row in rows:
        if "seed" in row:
            key = (row["seed"], *(row[name] for name in Arm._fields))
            runs.setdefault(key, []).append(row["reply"])
    pairs = [(key, (*key[:-1], 1)) for key in runs if key[-1] == 0]
    return len(pairs), sum(runs[one] != runs[other] for one, other in pairs)
