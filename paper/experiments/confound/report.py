"""The switches' shares of the difference between the two arms; `report.j2` has the words.

The difference between the two ends (every switch on the synchronous side, every switch on the
asynchronous side) is divided among the switches by Shapley's rule: a switch's share is its mean
effect over all orders in which the switches can be thrown. The shares add up to the difference,
seed by seed, so their intervals are those of a mean over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import factorial
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper.experiments.confound.arms import LENGTHS, SWITCHES, TEMPERATURES, Arm
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.plots import Plot, forest
from paper.experiments.stats import bootstrap, detectable, holm, permutation
from paper.experiments.summary import Cell, Estimate, Summary, Table, chance, grouped, tell

Floats = NDArray[np.float64]
LABELS: Final = {
    "metric": "definition of the metric",
    "length": f"observer's messages, {LENGTHS[0]} to {LENGTHS[1]} words",
    "modules": "all modules, or recall alone",
    "temperature": f"temperature, {TEMPERATURES[0]} to {TEMPERATURES[1]}",
    "centres": "centres by weight, or by contexts",
    "lock": "no lock, or asyncio.Lock",
}
LEVEL: Final = 0.05
# The lock is not tested: whether it changes anything is read off the replies.
TESTED: Final = tuple(name for name in SWITCHES if name != "lock")


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    values = values_of(rows, config["seeds"])
    effects, p = effects_of(values, config), chances(values, config)
    shares = {name: effects[f"share {name}"] for name in SWITCHES}
    ranked = sorted(SWITCHES, key=lambda name: -abs(shares[name].value))
    compared, different = lock_pairs(rows)
    total = effects["total"]
    figures: dict[str, Any] = {
        "ends": [float(corner(values, [side] * len(SWITCHES)).mean()) for side in (0, 1)],
        "total": total,
        **{f"share_{name}": share for name, share in shares.items()},
        "largest": ranked[0],
        "smallest_seen": max(
            detectable(shapley(values)[:, SWITCHES.index(name)].tolist(), comparisons=len(TESTED))
            for name in TESTED
        ),
        "lock_pairs": compared,
        "lock_pairs_different": different,
    }
    told = [
        {
            "label": LABELS[name][0].upper() + LABELS[name][1:],
            "share": shares[name],
            "alone": effects[f"alone {name}"],
            "p": p[name],
            "found": p[name] < LEVEL and shares[name].excludes(0.0),
        }
        for name in ranked
        if name in p
    ]
    return tell(
        "confound/report.j2",
        figures,
        (_table(effects, shares, p),),
        seeds=config["seeds"],
        combinations=2 ** len(SWITCHES),
        largest_share=shares[ranked[0]],
        largest_label=LABELS[ranked[0]],
        switches=told,
        few=least_chance(config["seeds"]) >= LEVEL,
    )


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
    runs: dict[tuple[int, ...], list[str]] = grouped(
        ((row["seed"], *(row[name] for name in Arm._fields)), row["reply"])
        for row in rows
        if "seed" in row
    )
    pairs = [(key, (*key[:-1], 1)) for key in runs if key[-1] == 0]
    return len(pairs), sum(runs[one] != runs[other] for one, other in pairs)


def _table(effects: dict[str, Estimate], shares: dict[str, Estimate], p: dict[str, float]) -> Table:
    total = effects["total"]
    rows: list[tuple[Cell, ...]] = [
        (
            LABELS[name],
            effects[f"alone {name}"],
            shares[name],
            # Plus zero: a share of nothing is no negative one.
            f"{shares[name].value / total.value + 0.0:.0%}",
            effects[f"last {name}"],
            chance(p[name]) if name in p else None,
        )
        for name in SWITCHES
    ]
    rows.append(("all together", total, total, "100%", total, None))
    heads = ("switch", "thrown alone", "Shapley share", "of all", "thrown last", "p (Holm)")
    return Table("confound-shares", "What each difference contributes", heads, tuple(rows))


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    effects = effects_of(values_of(rows, config["seeds"]), config)

    def draw(figure: Figure) -> None:
        names = [LABELS[name] for name in SWITCHES]
        both = figure.subplots(1, 2, sharey=True, sharex=True)
        for mark, (axes, kind, title) in enumerate(
            zip(both, ("share", "alone"), ("Shapley share", "thrown alone"), strict=True)
        ):
            forest(axes, names, [effects[f"{kind} {name}"] for name in SWITCHES], mark=mark)
            axes.set_title(title)
            axes.set_xlabel("change of the metric")

    caption = "What each difference contributes to the change of the metric (95 % intervals)"
    return [Plot("confound-shares", caption, draw, (8.0, 3.2))]
