"""What the rows of the lock isolation test come to: exactness, defects, effects on the metric.

`report.j2` has the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure

from leo_model.traces.native import CONCERNED
from paper.experiments.arms import ARMS, LABELS, per_thousand
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.lock_isolation.alone import CHOICES, REORDERED
from paper.experiments.lock_isolation.published import PUBLISHED, UNLOCKED
from paper.experiments.plots import Plot, bars
from paper.experiments.stats import Comparison, bootstrap, compare, holm, rarest
from paper.experiments.summary import Estimate, Summary, Table, chance, grouped, tell

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
# The published programs, by the ids of their rows in the claims.
PROGRAMS: Final = {
    "published-december": "December 2025 as published (P1)",
    "published-december-refresh": "December 2025, refresh() called (P2)",
    "published-february": "February 2026 as published (P3)",
}
NAMES: Final = {
    **LABELS,
    **PROGRAMS,
    REORDERED: "synchronous, generate before observe",
    UNLOCKED: "the lock taken away",
}
DETECTED: Final = 0.05
FREE: Final = ("sync", "async")


class Exact(NamedTuple):
    """One arm in (a), against the first of its program: what was compared, how much differs."""

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


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    exact, effects = _exact(rows), _effects(config, rows)
    same = [one for one in exact if one.arm != REORDERED and one.program in CHOICES]
    published = [one for one in exact if one.program in PUBLISHED]
    [other] = [one for one in exact if one.arm == REORDERED]
    found = [effect for effect in effects if effect.p < DETECTED]
    defects = [row for row in rows if row["kind"] == "defects"]
    rates = _rates(defects)
    cycles = {place: rate["Serializable"] for place, rate in rates.items()}
    figures: dict[str, Any] = {
        "published_replies": sum(one.replies for one in published),
        "published_differences": sum(one.different + one.stores_different for one in published),
        "published_alone": _published_alone(rows),
        "published": [
            {"label": label, "workload": CROWDS[workload], **rates[workload, arm]}
            for arm, label in PROGRAMS.items()
            for workload in ("b5", "d")
            if (workload, arm) in rates
        ],
        "sequential_replies": sum(one.replies for one in same),
        "sequential_stores": sum(one.stores for one in same),
        "replies_different": sum(one.different for one in same),
        "stores_different": sum(one.stores_different for one in same),
        "sequential_differences": sum(one.different + one.stores_different for one in same),
        "arms_compared": len(ARMS) - 1,
        "first": FIRST,
        "reordered_replies": other.replies,
        "reordered_differences": other.different,
        "reordered_shift": _reordered_shift(config, rows),
        "validated": sum(row["replies"] for row in defects),
        "cycles_free": [rate for (_, arm), rate in cycles.items() if arm in FREE],
        "cycles_locked": [
            rate for (_, arm), rate in cycles.items() if arm in LABELS and arm not in FREE
        ],
        "half": {NAMES[arm]: rate["AllOrNothing"] for (w, arm), rate in rates.items() if w == "d"},
        "smallest_seen": max(effect.compared.least for effect in effects),
        "rarest_rate": 1000 * max(rarest(int(rate["replies"])) for rate in rates.values()),
        "comparisons": len(effects),
        "detected": len(found),
        "largest_effect": max((abs(one.compared.difference.value) for one in found), default=None),
        # All differences of one sign: no permutation of the signs is rarer than that.
        "least_p": min(1.0, len(effects) * 2.0 ** (1 - config["seeds"])),
        "surplus": sorted(
            {
                f"{row['arm']} in ({row['workload']}): {row['surplus']}"
                for row in defects
                if row["surplus"]
            }
        ),
    }
    tables = (
        _exact_table(exact),
        _defect_table(defects),
        _effect_table(effects),
    )
    shown = [
        {
            "crowd": CROWDS[one.workload],
            "arm": LABELS[one.arm],
            "metric": METRICS[one.metric],
            "compared": one.compared,
            "p": one.p,
        }
        for one in found
    ]
    return tell(
        "lock_isolation/report.j2",
        figures,
        tables,
        effects=shown,
        themes=config["themes"],
        seeds=config["seeds"],
        detectable=DETECTED,
    )


def _exact(rows: Sequence[Row]) -> list[Exact]:
    """(a): each arm against the first of its program, seed by seed and reply by reply."""
    said: dict[tuple[str, str], dict[tuple[object, ...], str]] = {}
    kept: dict[tuple[str, str], dict[object, str]] = {}
    for row in rows:
        arm = (str(row["program"]), str(row["arm"]))
        if row["kind"] == "reply":
            said.setdefault(arm, {})[row["seed"], row["theme"], row["turn"]] = row["reply"]
        elif row["kind"] == "store":
            kept.setdefault(arm, {})[row["seed"]] = row["store"]
    found = []
    for program in dict.fromkeys(program for program, _ in said):
        base = FIRST if program in CHOICES else UNLOCKED
        first, store = said[program, base], kept[program, base]
        for (name, of), mine in said.items():
            if name == program and of != base:
                stores = kept[name, of]
                assert mine.keys() == first.keys(), "every arm hears the same script"
                different = sum(mine[place] != first[place] for place in first)
                others = sum(stores[seed] != store[seed] for seed in store)
                found.append(Exact(program, of, len(first), different, len(store), others))
    return found


def _published_alone(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """What the published programs lose with one session and no fault, per 1,000 replies."""
    found = {}
    for program in PUBLISHED:
        mine = [row for row in rows if (row["program"], row["arm"]) == (program, REFERENCE)]
        stores = [row for row in mine if row["kind"] == "store"]
        replies = [len(mine) - len(stores)]
        rates = {name: per_thousand((row[name] for row in stores), replies) for name in CONCERNED}
        found[program] = {name: rate for name, rate in rates.items() if rate}
    return found


def _means(rows: Sequence[Row], kind: str) -> dict[tuple[str, str, str], dict[int, float]]:
    """(workload, arm, metric) -> seed -> mean over the themes."""
    values = grouped(
        ((str(row["workload"]), str(row["arm"]), metric, int(row["seed"])), float(row[metric]))
        for row in rows
        if row["kind"] == kind and row["program"] == "core"
        for metric in METRICS
    )
    means = grouped(((*place,), (seed, fmean(found))) for (*place, seed), found in values.items())
    return {(w, arm, metric): dict(found) for (w, arm, metric), found in means.items()}


def _effects(config: Config, rows: Sequence[Row]) -> list[Effect]:
    means = _means(rows, "metric")
    comparisons = sum(arm != REFERENCE for _, arm, _ in means)
    compared: dict[str, tuple[tuple[str, str, str], Comparison]] = {}
    for place, mine in means.items():
        workload, arm, metric = place
        if arm != REFERENCE:
            reference = means[workload, REFERENCE, metric]
            seeds = sorted(mine.keys() & reference.keys())
            one, two = ([values[seed] for seed in seeds] for values in (mine, reference))
            seed = seed_of(config["seed"], *place)
            compared["/".join(place)] = (
                place,
                compare(one, two, seed, paired=True, comparisons=comparisons),
            )
    corrected = holm({name: found.p for name, (_, found) in compared.items()})
    return [Effect(*place, found, corrected[name]) for name, (place, found) in compared.items()]


def _reordered_shift(config: Config, rows: Sequence[Row]) -> Estimate:
    means = _means(rows, "reply")
    other, first = means["a", REORDERED, "tokens"], means["a", FIRST, "tokens"]
    return bootstrap([other[seed] - first[seed] for seed in first], seed_of(config["seed"], "a"))


def _rates(defects: Sequence[Row]) -> dict[tuple[str, str], dict[str, float]]:
    """(workload, arm) -> property -> replies concerned per 1,000; `replies` has their number."""
    found = grouped(((str(row["workload"]), str(row["arm"])), row) for row in defects)
    rates = {}
    for place, several in found.items():
        replies = [row["replies"] for row in several]
        rates[place] = {
            name: per_thousand((row[name] for row in several), replies) for name in CONCERNED
        } | {"replies": sum(replies)}
    return rates


def _exact_table(exact: Sequence[Exact]) -> Table:
    programs = {"modules": "with all modules", "core": "core", "december": "December 2025",
                "february": "February 2026"}  # fmt: skip
    return Table(
        "lock-isolation-exact",
        "One sequential session: replies and stores against those of the synchronous arm, or of "
        "the published program without its lock",
        ("program", "arm", "replies", "replies differ", "stores", "stores differ"),
        tuple((programs[one.program], NAMES[one.arm], *one[2:]) for one in exact),
    )


def _defect_table(defects: Sequence[Row]) -> Table:
    broken = [name for name in CONCERNED if any(row[name] for row in defects)]
    return Table(
        "lock-isolation-defects",
        "Replies concerned by each broken property, per 1,000",
        ("workload", "arm", "replies", *broken),
        tuple(
            (CROWDS[workload], NAMES[arm], rate["replies"], *(rate[name] for name in broken))
            for (workload, arm), rate in _rates(defects).items()
        ),
        digits=0,
    )


def _effect_table(effects: Sequence[Effect]) -> Table:
    return Table(
        "lock-isolation-effects",
        "external_vocab, each arm less asyncio.Lock over matched seeds",
        ("workload", "arm", "metric", "difference", "p", "p (Holm)", "Cliff's delta (pairs)"),
        tuple(
            (CROWDS[workload], LABELS[arm], METRICS[metric], compared.difference,
             chance(compared.p), chance(p), compared.cliff)
            for workload, arm, metric, compared, p in effects
        ),
    )  # fmt: skip


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """Defects by arm; effects are in a table."""
    defects = [row for row in rows if row["kind"] == "defects"]

    def draw_defects(figure: Figure) -> None:
        axes = figure.add_subplot()
        crowds = list(CROWDS)
        series = {
            label: [_rate(config, defects, crowd, arm) for crowd in crowds]
            for arm, label in LABELS.items()
        }
        bars(axes, [CROWDS[crowd].replace(", ", ",\n") for crowd in crowds], series)
        axes.set_ylabel("replies on a cycle, per 1,000")
        figure.legend(loc="outside upper center", ncols=2)

    caption = "Replies on a cycle of dependencies, per 1,000, by workload and arm"
    return [Plot("defects", caption, draw_defects, (7.5, 4.2))]


def _rate(config: Config, defects: Sequence[Row], workload: str, arm: str) -> Estimate:
    mine = [row for row in defects if (row["workload"], row["arm"]) == (workload, arm)]
    if not mine:
        return Estimate(0.0, 0.0, 0.0)
    seed = seed_of(config["seed"], workload, arm, "rate")
    return bootstrap([1000 * row["Serializable"] / row["replies"] for row in mine], seed)
