"""What the rows of the lock isolation test come to: exactness, effects, rates of defects."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final, NamedTuple

from leo_model.traces.native import CONCERNED
from paper.experiments.arms import ARMS, per_thousand
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.lock_isolation.alone import CHOICES, REORDERED
from paper.experiments.stats import Comparison, bootstrap, compare, holm
from paper.experiments.summary import Estimate

__all__ = [
    "CROWDS",
    "DETECTED",
    "FIRST",
    "METRICS",
    "REFERENCE",
    "Effect",
    "Exact",
    "effects_of",
    "exact_of",
    "fell",
    "has_surplus",
    "means_of",
    "rates_of",
    "reordered_shift",
]  # fmt: skip

FIRST: Final = ARMS[0].name
REFERENCE: Final = "async-lock"
CROWDS: Final = {
    "b3": "3 sessions",
    "b5": "5 sessions",
    "b10": "10 sessions",
    "c": "1 session, 2 background writers",
    "d": "5 sessions, cancellations",
}
METRICS: Final = {"tokens": "token ratio", "types": "type ratio"}
DETECTED: Final = 0.05


class Exact(NamedTuple):
    """One arm in (a), against the first one: replies and stores compared, and how many differ."""

    program: str
    arm: str
    replies: int
    different: int
    stores: int
    stores_different: int


class Effect(NamedTuple):
    """One arm less the reference, over matched seeds; `p` is corrected for all comparisons."""

    workload: str
    arm: str
    metric: str
    compared: Comparison
    p: float


def exact_of(rows: Sequence[Row]) -> list[Exact]:
    """(a): each arm against the first, seed by seed and reply by reply."""
    said: dict[tuple[str, str], dict[tuple[object, ...], str]] = {}
    kept: dict[tuple[str, str], dict[object, str]] = {}
    for row in rows:
        arm = (str(row["program"]), str(row["arm"]))
        if row["kind"] == "reply":
            said.setdefault(arm, {})[row["seed"], row["theme"], row["turn"]] = row["reply"]
        elif row["kind"] == "store":
            kept.setdefault(arm, {})[row["seed"]] = row["store"]
    found = []
    for program in CHOICES:
        first, store = said[program, FIRST], kept[program, FIRST]
        for (name, of), mine in said.items():
            if name == program and of != FIRST:
                stores = kept[name, of]
                assert mine.keys() == first.keys(), "every arm hears the same script"
                different = sum(mine[place] != first[place] for place in first)
                others = sum(stores[seed] != store[seed] for seed in store)
                found.append(Exact(program, of, len(first), different, len(store), others))
    return found


def means_of(rows: Sequence[Row], kind: str) -> dict[tuple[str, str, str], dict[int, float]]:
    """(workload, arm, metric) -> seed -> mean over the themes."""
    values: dict[tuple[str, str, str, int], list[float]] = {}
    for row in rows:
        if row["kind"] == kind and row["program"] == "core":
            for metric in METRICS:
                place = (str(row["workload"]), str(row["arm"]), metric, int(row["seed"]))
                values.setdefault(place, []).append(float(row[metric]))
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for (workload, arm, metric, seed), several in values.items():
        found.setdefault((workload, arm, metric), {})[seed] = fmean(several)
    return found


def effects_of(config: Config, rows: Sequence[Row]) -> list[Effect]:
    means = means_of(rows, "metric")
    compared: dict[str, tuple[tuple[str, str, str], Comparison]] = {}
    for (workload, arm, metric), mine in means.items():
        if arm != REFERENCE:
            reference = means[workload, REFERENCE, metric]
            seeds = sorted(mine.keys() & reference.keys())
            place = (workload, arm, metric)
            one = [mine[seed] for seed in seeds]
            two = [reference[seed] for seed in seeds]
            seed = seed_of(config["seed"], *place)
            compared["/".join(place)] = place, compare(one, two, seed, paired=True)
    corrected = holm({name: found.p for name, (_, found) in compared.items()})
    return [Effect(*place, found, corrected[name]) for name, (place, found) in compared.items()]


def reordered_shift(config: Config, rows: Sequence[Row]) -> Estimate:
    means = means_of(rows, "reply")
    other, first = means["a", REORDERED, "tokens"], means["a", FIRST, "tokens"]
    return bootstrap([other[seed] - first[seed] for seed in first], seed_of(config["seed"], "a"))


def has_surplus(row: Row) -> bool:
    return row["kind"] == "defects" and bool(row["surplus"])


def rates_of(defects: Sequence[Row]) -> dict[tuple[str, str], dict[str, float]]:
    """(workload, arm) -> property -> replies concerned per 1,000."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in defects:
        found.setdefault((str(row["workload"]), str(row["arm"])), []).append(row)
    return {
        place: {
            name: per_thousand((row[name] for row in several), (row["replies"] for row in several))
            for name in CONCERNED
        }
        for place, several in found.items()
    }


def fell(defects: Sequence[Row]) -> list[str]:
    return [name for name in CONCERNED if any(row[name] for row in defects)]
