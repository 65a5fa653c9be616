"""Tables and plots of the lock isolation test."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from paper.experiments.arms import LABELS
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.lock_isolation.alone import REORDERED
from paper.experiments.lock_isolation.measures import (
    CROWDS,
    METRICS,
    Effect,
    Exact,
    effects_of,
    fell,
    means_of,
    rates_of,
)
from paper.experiments.plots import Plot, bars, forest
from paper.experiments.stats import bootstrap
from paper.experiments.summary import Cell, Estimate, Table, chance

__all__ = ["defect_table", "effect_table", "exact_table", "level_table", "plot"]


def exact_table(exact: Sequence[Exact]) -> Table:
    names = {**LABELS, REORDERED: "synchronous, generate before observe"}
    return Table(
        "lock-isolation-exact",
        "One sequential session: replies and stores against those of the synchronous arm",
        ("program", "arm", "replies", "different", "stores", "different "),
        tuple(
            (
                "with all modules" if one.program == "modules" else "core",
                names[one.arm],
                one.replies,
                one.different,
                one.stores,
                one.stores_different,
            )
            for one in exact
        ),
    )


def defect_table(defects: Sequence[Row]) -> Table:
    broken = fell(defects)
    rates = rates_of(defects)
    return Table(
        "lock-isolation-defects",
        "Replies concerned by each broken property, per 1,000",
        ("workload", "arm", "replies", *broken),
        tuple(
            (
                CROWDS[workload],
                LABELS[arm],
                sum(r["replies"] for r in defects if (r["workload"], r["arm"]) == (workload, arm)),
                *(rate[name] for name in broken),
            )
            for (workload, arm), rate in rates.items()
        ),
        digits=0,
    )


def effect_table(effects: Sequence[Effect]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for workload, arm, metric, compared, p in effects:
        hedges = compared.hedges if math.isfinite(compared.hedges) else None
        label = (CROWDS[workload], LABELS[arm], METRICS[metric])
        rows.append((*label, compared.difference, chance(compared.p), chance(p),
                     compared.cliff, hedges))  # fmt: skip
    return Table(
        "lock-isolation-effects",
        "external_vocab, each arm less asyncio.Lock over matched seeds",
        (
            "workload",
            "arm",
            "metric",
            "difference",
            "p",
            "p (Holm)",
            "Cliff's delta (pairs)",
            "Hedges' g (pairs)",
        ),
        tuple(rows),
    )


def level_table(config: Config, rows: Sequence[Row]) -> Table:
    levels: dict[tuple[str, str], dict[str, Estimate]] = {}
    for kind in ("reply", "metric"):
        for (workload, arm, metric), seeds in means_of(rows, kind).items():
            seed = seed_of(config["seed"], workload, arm, metric, "level")
            found = bootstrap(list(seeds.values()), seed)
            levels.setdefault((workload, arm), {})[metric] = found
    names = {"a": "1 session", **CROWDS}
    return Table(
        "lock-isolation-levels",
        "external_vocab by workload and arm, mean over seeds",
        ("workload", "arm", *METRICS.values()),
        tuple(
            (names[workload], LABELS.get(arm, arm), *(found[metric] for metric in METRICS))
            for (workload, arm), found in levels.items()
        ),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """Defects by arm, and effects with their intervals."""
    defects = [row for row in rows if row["kind"] == "defects"]
    effects = effects_of(config, rows)

    def draw_defects(figure: Figure) -> None:
        axes = figure.add_subplot()
        crowds = list(dict.fromkeys(str(row["workload"]) for row in defects))
        series: dict[str, list[Estimate]] = {}
        for arm in LABELS:
            series[LABELS[arm]] = [_rate(config, defects, crowd, arm) for crowd in crowds]
        bars(axes, [CROWDS[crowd].replace(", ", ",\n") for crowd in crowds], series)
        axes.set_ylabel("replies on a cycle, per 1,000")
        figure.legend(loc="outside upper center", ncols=2)

    def draw_effects(figure: Figure) -> None:
        for place, (metric, label) in enumerate(METRICS.items(), start=1):
            axes = figure.add_subplot(1, 2, place)
            shown = [effect for effect in effects if effect.metric == metric]
            labels = [f"{effect.workload}, {effect.arm}" for effect in shown]
            forest(axes, labels, [effect.compared.difference for effect in shown])
            axes.set_title(label)
            axes.set_xlabel("less asyncio.Lock")
            if place == 2:
                axes.set_yticklabels([])

    return [
        Plot(
            "defects",
            "Replies on a cycle of dependencies, per 1,000, by workload and arm",
            draw_defects,
            (7.5, 4.2),
        ),
        Plot(
            "effects",
            "external_vocab less that under asyncio.Lock, 95 % intervals over matched seeds",
            draw_effects,
            (7.5, 5.0),
        ),
    ]


def _rate(config: Config, defects: Sequence[Row], workload: str, arm: str) -> Estimate:
    mine = [row for row in defects if (row["workload"], row["arm"]) == (workload, arm)]
    if not mine:
        return Estimate(0.0, 0.0, 0.0)
    seed = seed_of(config["seed"], workload, arm, "rate")
    return bootstrap([1000 * row["Serializable"] / row["replies"] for row in mine], seed)
