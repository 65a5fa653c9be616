"""What the rows of the ocean come to: for each fault and setting, who is moved more.

`report.j2` has the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leo.observers import THEMES, TURNS
from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.plots import DASHES, GREYS, MARKERS, Plot, around
from paper.experiments.stats import bootstrap, bootstrap_difference, detectable, holm, permutation
from paper.experiments.summary import Estimate, Summary, Table, grouped, number, tell

FIELD: Final = "field"
LABELS: Final = {
    "stale": "read before it was there",
    "lost": "never learned",
    "doubled": "learned twice",
    "reordered": "learned after the next one",
    "torn": "learned by half of the parts",
}
LESS: Final = "less"
MORE: Final = "more"
OPEN: Final = "undecided"
# The script says the struck observation again, word for word, after so many: what follows tells of
# learning it anew, not of the fault.
AGAIN: Final = len(THEMES) * TURNS
LEVEL: Final = 0.05
# Enough for a small p-value to outlast the correction for all comparisons.
PERMUTATIONS: Final = 20_000

# The last class of counts, by its bit length: 32 or more.
MOST_SEEN: Final = 6

# Of a learner in a setting. And of an arm, a fault and a measure: a value per seed.
Arm = tuple[str, str]
Values = Mapping[tuple[Arm, str, str], list[float]]
BASE: Final[Arm] = (FIELD, "counts")
# The setting in which transformers gain from an observation what the field gains.
EVEN: Final = "matched"
SETTINGS: Final = ("one step", EVEN)


class Compared(NamedTuple):
    """A transformer less the field by seed; p, corrected for the number of comparisons; and the
    smallest difference that would have been found.
    """

    difference: Estimate
    p: float
    least: float

    @property
    def way(self) -> str:
        """Whether the transformer moves reliably more or less."""
        if self.p >= LEVEL:
            return OPEN
        return MORE if self.difference.value > 0 else LESS


def verdict_of(sizes: Iterable[Iterable[str]]) -> str:
    """The verdict on one fault in one setting, from the ways of the measures of each size.

    A size is moved less when one measure says so and none says more. The verdict is that of all
    sizes where they agree, and undecided where they do not.
    """
    found = set()
    for ways in sizes:
        decided = set(ways) - {OPEN}
        found.add(decided.pop() if len(decided) == 1 else OPEN)
    return found.pop() if len(found) == 1 else OPEN


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    rows = [row for row in rows if row.get("lag", 0) < AGAIN]
    values = _values(rows)
    compared = _compared(config, values)
    arms = list(dict.fromkeys(arm for arm, _, _ in values))
    curves = {arm[0]: _curve(config, rows, arm, "gap", "class", "mean") for arm in _even(config)}
    figures: dict[str, Any] = {
        "verdicts": {
            fault: {setting: _judged(values, compared, fault, setting) for setting in SETTINGS}
            for fault in LABELS
        },
        "smallest_seen": max(one.least for one in compared.values()),
        "unseen": {name: curve[0] for name, curve in curves.items()},
        "often": {name: curve[max(curve)] for name, curve in curves.items()},
        "elsewhere": _means(config, values, "lost", "elsewhere"),
        "left": _means(config, values, "lost", "left"),
        "learned": _learned(config, rows),
        "last": max(row["lag"] for row in rows if row["kind"] == "lag"),
    }
    tables = (
        _verdicts(figures["verdicts"]),
        Table(
            "ocean-learned",
            "What was learned: the chance of the token that follows",
            ("learner", "parameters", "steps", "in the corpus", "gain by the observation"),
            tuple((name, *one.values()) for name, one in figures["learned"].items()),
        ),
        _counts(curves),
        *(_table(config, values, compared, arms, fault) for fault in LABELS),
    )
    more = {"seeds": config["seeds"], "sizes": config["sizes"], "labels": LABELS, "again": AGAIN}
    return tell("ocean/report.j2", figures, tables, **more)


def _judged(
    values: Values, compared: Mapping[tuple[Arm, str, str], Compared], fault: str, setting: str
) -> dict[str, Any]:
    """The verdict, the comparisons behind it, and how far the touched contexts are moved."""
    here = [
        (arm[0], one.way)
        for (arm, what, _), one in compared.items()
        if (arm[1], what) == (setting, fault)
    ]
    found = Counter(way for _, way in here)
    moved = [
        fmean(mine)
        for (arm, what, measure), mine in values.items()
        if (arm[1], what, measure) == (setting, fault, "distance")
    ]
    return {
        "verdict": verdict_of(grouped(here).values()),
        **{way: found[way] for way in (LESS, MORE, OPEN)},
        "field": fmean(values[BASE, fault, "distance"]),
        "least": min(moved),
        "most": max(moved),
    }


def _verdicts(verdicts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    return Table(
        "ocean-verdicts",
        "By fault and setting: comparisons in which the transformer is moved less than the field, "
        "or more; and how far the touched contexts are moved at once",
        ("an observation", "setting", "verdict", "less", "more", OPEN, "field", "transformers"),
        tuple(
            (LABELS[fault], setting, one["verdict"], one[LESS], one[MORE], one[OPEN], one["field"],
             f"{number(one['least'])} to {number(one['most'])}")
            for fault, settings in verdicts.items()
            for setting, one in settings.items()
        ),
    )  # fmt: skip


def _values(rows: Sequence[Row]) -> Values:
    """`distance` and `elsewhere` when the fault is done, the words apart of all replies from then
    on, and the distance that is `left` after the last observation.
    """
    found = grouped(
        (((row["learner"], row["setting"]), row["fault"], row["seed"]), row)
        for row in rows
        # Until both are there, a reordered observation is only a lost one.
        if row["kind"] == "lag" and (row["fault"] != "reordered" or row["lag"])
    )
    return grouped(
        ((arm, fault, name), value)
        for (arm, fault, _), mine in found.items()
        for name, value in (
            ("distance", mine[0]["touched"]),
            ("elsewhere", mine[0]["elsewhere"]),
            ("replies", fmean(row["apart"] for row in mine)),
            ("left", mine[-1]["touched"]),
        )
    )


def _compared(config: Config, values: Values) -> dict[tuple[Arm, str, str], Compared]:
    """Every transformer with the field, but where the fault moves neither of them."""
    pairs = {
        (arm, fault, measure): (ours, values[BASE, fault, measure])
        for (arm, fault, measure), ours in values.items()
        if arm != BASE and measure != "elsewhere"
        if any(ours) or any(values[BASE, fault, measure])
    }
    found = {}
    for place, (ours, theirs) in pairs.items():
        seed = seed_of(config["seed"], *place)
        found[place] = Compared(
            bootstrap_difference(ours, theirs, seed, paired=True),
            permutation(ours, theirs, seed, paired=True, resamples=PERMUTATIONS),
            detectable(np.subtract(ours, theirs).tolist(), comparisons=len(pairs)),
        )
    corrected = holm({str(place): one.p for place, one in found.items()})
    return {place: one._replace(p=corrected[str(place)]) for place, one in found.items()}


def _named(arm: Arm) -> str:
    return FIELD if arm == BASE else f"{arm[0]}, {arm[1]}"


def _means(config: Config, values: Values, fault: str, measure: str) -> dict[str, Estimate]:
    return {
        _named(arm): bootstrap(mine, seed_of(config["seed"], arm, fault, measure))
        for (arm, what, name), mine in values.items()
        if (what, name) == (fault, measure)
    }


def _learned(config: Config, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """What an observation gained and in how many steps, in the mean, and what was known before."""
    found: dict[Arm, list[Row]] = grouped(
        ((row["learner"], row["setting"]), row) for row in rows if row["kind"] == "learned"
    )
    return {
        _named(arm): {
            "parameters": mine[0]["parameters"] or None,
            "steps": fmean(row["steps"] for row in mine),
            **{
                name: bootstrap([row[name] for row in mine], seed_of(config["seed"], arm, name))
                for name in ("known", "gain")
            },
        }
        for arm, mine in found.items()
    }


def _table(
    config: Config,
    values: Values,
    compared: Mapping[tuple[Arm, str, str], Compared],
    arms: Sequence[Arm],
    fault: str,
) -> Table:
    def told(arm: Arm, measure: str) -> str:
        mine = values[arm, fault, measure]
        mean = number(bootstrap(mine, seed_of(config["seed"], arm, fault, measure)))
        one = compared.get((arm, fault, measure))
        return mean if one is None else f"{mean} {one.way}"

    return Table(
        f"ocean-{fault}",
        f"An observation {LABELS[fault]}: how far it moves, and whether more than the field",
        ("learner", "touched contexts", "words of replies", "touched, after the last"),
        tuple(
            (_named(arm), *(told(arm, measure) for measure in ("distance", "replies", "left")))
            for arm in arms
        ),
    )


def _even(config: Config) -> list[Arm]:
    """Those that learn equally much from an observation."""
    return [BASE, *((size, EVEN) for size in config["sizes"])]


def _curve(
    config: Config, rows: Sequence[Row], arm: Arm, kind: str, by: str, value: str
) -> dict[int, Estimate]:
    """After a lost observation."""
    found: dict[int, list[float]] = grouped(
        (min(row[by], MOST_SEEN) if by == "class" else row[by], row[value])
        for row in rows
        if ((row["learner"], row["setting"]), row["kind"], row.get("fault")) == (arm, kind, "lost")
    )
    return {x: bootstrap(found[x], seed_of(config["seed"], arm, x)) for x in sorted(found)}


def _counts(curves: Mapping[str, Mapping[int, Estimate]]) -> Table:
    return Table(
        "ocean-counts",
        "A lost observation, where all learn equally much: total variation by how often the "
        "context was seen",
        ("seen", *curves),
        tuple(
            (_tick(x, "class"), *(curve.get(x) for curve in curves.values())) for x in curves[FIELD]
        ),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """A lost observation: by how often a context was seen, and as further observations come."""
    rows = [row for row in rows if row.get("lag", 0) < AGAIN]

    def series(axes: Axes, kind: str, by: str, value: str) -> None:
        for n, arm in enumerate(_even(config)):
            found = _curve(config, rows, arm, kind, by, value)
            # Side by side, so that no interval covers another.
            places = [place + 0.08 * (n - 1.5) for place in range(len(found))]
            axes.errorbar(
                places, *around(list(found.values())), color=GREYS[n], ls=DASHES[n],
                marker=MARKERS[n], ms=4, lw=1.2, capsize=2, label=arm[0],
            )  # fmt: skip
            ticks = [_tick(x, by).replace(" or more", "+") for x in found]
            axes.set_xticks(range(len(found)), ticks)

    def draw(figure: Figure) -> None:
        counts, lags = figure.subplots(1, 2, sharey=True)
        series(counts, "gap", "class", "mean")
        series(lags, "lag", "lag", "touched")
        counts.set_xlabel("how often the context was seen")
        counts.set_ylabel("total variation")
        lags.set_xlabel("observations after the fault")
        lags.legend()

    caption = (
        "One lost observation: how far it moves the field, and transformers that learn as much "
        "from it, by how often a context was seen and as further observations come"
    )
    return [Plot("ocean", caption, draw)]


def _tick(x: int, by: str) -> str:
    """A lag, or the range of a class of counts."""
    if by != "class" or x < 2:
        return str(x)
    return f"{1 << (x - 1)}–{(1 << x) - 1}" if x < MOST_SEEN else f"{1 << (x - 1)} or more"
