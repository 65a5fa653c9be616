"""What the rows of the lock isolation test say: exactness, defects, effects on the metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from model.experiments.arms import ARMS, LABELS, per_thousand
from model.experiments.experiment import Config, Row, seed_of
from model.experiments.lock_isolation_alone import MODULES, REORDERED
from model.experiments.plots import Plot, bars, forest
from model.experiments.stats import Comparison, bootstrap, compare, holm
from model.experiments.summary import Cell, Estimate, Summary, Table, chance, number
from model.trace_watch import CONCERNED

__all__ = ["plot", "summarise"]

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


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    exact, effects = _exact(rows), _effects(config, rows)
    same = [one for one in exact if one.arm != REORDERED]
    [other] = [one for one in exact if one.arm == REORDERED]
    compared = sum(one.replies for one in same)
    different = sum(one.different + one.stores_different for one in same)
    shift = _reordered_shift(config, rows)
    found = [effect for effect in effects if effect.p < DETECTED]
    surplus = sorted(
        {f"{row['arm']} in ({row['workload']}): {row['surplus']}" for row in rows if _surplus(row)}
    )
    defects = [row for row in rows if row["kind"] == "defects"]
    validated = sum(row["replies"] for row in defects)
    unexpected = []
    if different:
        unexpected.append(
            f"in (a), {different} replies or stores differ from those of the arm {FIRST!r}: "
            "the arms do not execute one program, or the theorem lock no-op does not hold of it"
        )
    if not other.different:
        unexpected.append(
            "in (a), the reordered program gives the same replies: the comparison cannot see a "
            "difference that is there"
        )
    if surplus:
        unexpected.append(f"properties fell that the claims hold: {'; '.join(surplus)}")
    exactly = "every one of them has the same bytes" if not different else f"{different} differ"
    return Summary(
        title="The lock isolation test",
        question=(
            "Executed with and without a lock, does the same program say the same, and where "
            "replies overlap, what breaks, and does external_vocab notice?"
        ),
        answer=(
            f"In a sequential session the lock changes nothing: {compared:,} replies of "
            f"{len(ARMS) - 1} arms, with all modules and without, were compared with those of the "
            f"synchronous arm, and {exactly}, and so have the stores. "
            "That is the theorem lock no-op (leo prove, leo check --noop), not luck. "
            + _crowd_answer(defects)
            + f" On external_vocab this has {_effect_answer(config, found, len(effects))}."
        ),
        findings=(
            f"The comparison can see a difference: with generate before observe, "
            f"{other.different:,} of {other.replies:,} replies differ, and the token ratio by "
            f"{number(shift)}.",
            f"{validated:,} replies of overlapping sessions were validated against the "
            "specification, event by event; all of their traces are behaviours of it.",
            *_defect_findings(defects),
            *(_effect_sentence(effect) for effect in found),
        ),
        tables=(
            _exact_table(exact),
            _defect_table(defects),
            _effect_table(effects),
            _level_table(config, rows),
        ),
        facts={
            "sequential replies": compared,
            "sequential differences": different,
            "reordered replies": other.replies,
            "reordered differences": other.different,
            "reordered shift": shift,
            "validated replies": validated,
            "comparisons": len(effects),
            "effects detected": len(found),
        },
        limits=(
            "The schedules of (b) to (d) are random, every session equally likely to go on: more "
            "overlap than an event loop with idle clients has. How often a defect happens in a "
            "service depends on its load; that it happens does not.",
            "No detectable effect means none in so many seeds with this metric, which compares "
            "words and cannot tell a torn field from a whole one.",
            "(d) leaves out the synchronous arms: a call on a thread cannot be cancelled.",
            "The synchronous arm without a lock runs its sessions in threads, under the GIL.",
        ),
        unexpected=tuple(unexpected),
    )


def _exact(rows: Sequence[Row]) -> list[Exact]:
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
    for program in MODULES:
        first, store = said[program, FIRST], kept[program, FIRST]
        for (name, of), mine in said.items():
            if name == program and of != FIRST:
                stores = kept[name, of]
                assert mine.keys() == first.keys(), "every arm hears the same script"
                different = sum(mine[place] != first[place] for place in first)
                others = sum(stores[seed] != store[seed] for seed in store)
                found.append(Exact(program, of, len(first), different, len(store), others))
    return found


def _means(rows: Sequence[Row], kind: str) -> dict[tuple[str, str, str], dict[int, float]]:
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


def _effects(config: Config, rows: Sequence[Row]) -> list[Effect]:
    means = _means(rows, "metric")
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


def _reordered_shift(config: Config, rows: Sequence[Row]) -> Estimate:
    means = _means(rows, "reply")
    other, first = means["a", REORDERED, "tokens"], means["a", FIRST, "tokens"]
    return bootstrap([other[seed] - first[seed] for seed in first], seed_of(config["seed"], "a"))


def _surplus(row: Row) -> bool:
    return row["kind"] == "defects" and bool(row["surplus"])


def _rates(defects: Sequence[Row]) -> dict[tuple[str, str], dict[str, float]]:
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


def _fell(defects: Sequence[Row]) -> list[str]:
    return [name for name in CONCERNED if any(row[name] for row in defects)]


def _crowd_answer(defects: Sequence[Row]) -> str:
    rates = {place: rate["Serializable"] for place, rate in _rates(defects).items()}
    free = [rate for (_, arm), rate in rates.items() if arm in ("sync", "async")]
    locked = [rate for (_, arm), rate in rates.items() if arm not in ("sync", "async")]
    return (
        f"Where replies overlap, {min(free):.0f} to {max(free):.0f} of 1,000 replies without a "
        f"lock are on a cycle of dependencies, with a lock {max(locked):.0f}."
    )


def _effect_answer(config: Config, found: Sequence[Effect], comparisons: int) -> str:
    # All differences of one sign: no permutation of the signs is rarer than that.
    least = min(1.0, comparisons * 2.0 ** (1 - config["seeds"]))
    if least > DETECTED:
        return (
            f"an effect that {config['seeds']} seeds cannot tell from none, whatever its size: the "
            f"smallest corrected p of {comparisons} comparisons is {chance(least)}; run it in full"
        )
    if not found:
        return f"no detectable effect in any of {comparisons} comparisons (Holm, 5 %)"
    largest = max(abs(effect.compared.difference.value) for effect in found)
    return (
        f"a detectable effect in {len(found)} of {comparisons} comparisons (Holm, 5 %), at most "
        f"{largest:.3f}"
    )


def _effect_sentence(effect: Effect) -> str:
    return (
        f"In {CROWDS[effect.workload]}, {LABELS[effect.arm]}: the {METRICS[effect.metric]} differs "
        f"from that under asyncio.Lock by {number(effect.compared.difference)}, "
        f"p {chance(effect.p)} corrected, Cliff's delta {effect.compared.cliff:.2f}."
    )


def _defect_findings(defects: Sequence[Row]) -> list[str]:
    rates = _rates(defects)
    half = {place: rate["AllOrNothing"] for place, rate in rates.items() if place[0] == "d"}
    return [
        f"With cancellations, {rate:.0f} of 1,000 replies under {LABELS[arm]} end half-applied."
        for (_, arm), rate in half.items()
    ]


def _exact_table(exact: Sequence[Exact]) -> Table:
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


def _defect_table(defects: Sequence[Row]) -> Table:
    fell = _fell(defects)
    rates = _rates(defects)
    return Table(
        "lock-isolation-defects",
        "Replies concerned by each broken property, per 1,000",
        ("workload", "arm", "replies", *fell),
        tuple(
            (
                CROWDS[workload],
                LABELS[arm],
                sum(r["replies"] for r in defects if (r["workload"], r["arm"]) == (workload, arm)),
                *(rate[name] for name in fell),
            )
            for (workload, arm), rate in rates.items()
        ),
        digits=0,
    )


def _effect_table(effects: Sequence[Effect]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for workload, arm, metric, compared, p in effects:
        hedges = compared.hedges if math.isfinite(compared.hedges) else None
        label = (CROWDS[workload], LABELS[arm], METRICS[metric])
        rows.append((*label, compared.difference, chance(compared.p), chance(p),
                     compared.cliff, hedges))  # fmt: skip
    return Table(
        "lock-isolation-effects",
        "external_vocab, each arm less asyncio.Lock over matched seeds",
        ("workload", "arm", "metric", "difference", "p", "p (Holm)", "Cliff's delta", "Hedges' g"),
        tuple(rows),
    )


def _level_table(config: Config, rows: Sequence[Row]) -> Table:
    levels: dict[tuple[str, str], dict[str, Estimate]] = {}
    for kind in ("reply", "metric"):
        for (workload, arm, metric), seeds in _means(rows, kind).items():
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
    effects = _effects(config, rows)

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
