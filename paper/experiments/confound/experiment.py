"""Which of the published comparison's differences moved its metric? Each is a switch of the
reference organism, thrown alone and together with the others; the lock is one of them.
"""

from __future__ import annotations

from itertools import product

from paper.experiments.confound.arms import Arm, converse
from paper.experiments.confound.report import plot, summarise
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
<<<<<<< HEAD
from paper.experiments.plots import Plot, forest
from paper.experiments.published.data import ARMS, conversations, read_pairings, read_turns, turn_of
from paper.experiments.stats import bootstrap, reach
from paper.experiments.summary import Cell, Estimate, Summary, Table, chance, number
=======
from paper.experiments.published.data import read_pairings, read_turns
>>>>>>> paper

__all__ = ["EXPERIMENT"]

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
    rows = converse(arm, chance_of, chance_of % 1_000_003, lab.folder)
    return [{"seed": seed, **row} for row in rows]


<<<<<<< HEAD
def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    values = values_of(rows, config["seeds"])
    effects = effects_of(values, config)
    ends = _ends(values)
    total, shares = effects["total"], {name: effects[f"share {name}"] for name in SWITCHES}
    compared, different = lock_pairs(rows)
    ranked = sorted(SWITCHES, key=lambda name: -abs(shares[name].value))
    largest = ranked[0]
    p = chances(values, config)
    return Summary(
        title="What moved the metric: the published differences one by one",
        question=(
            "The published arms differed in the metric's definition, the observer's messages, the "
            "modules, the temperature, the centres and the lock. How much of a difference does "
            "each of them make?"
        ),
        answer=(
            f"Of the difference of {number(total.value)}, the largest share is "
            f"{number(shares[largest])} ({LABELS[largest]}); all other differences together have "
            f"{number(total.value - shares[largest].value)}, the lock has "
            f"{number(shares['lock'].value)}. All switches together "
            f"move the metric from {ends[0]:.3f} to {ends[1]:.3f} ({total.value / ends[0]:+.0%}). "
            "Of the lock: "
            + (
                f"in all {compared:,} pairs of runs that differ in the lock alone every reply is "
                "byte for byte the same, as the theorem for one session says."
                if not different
                else f"but {different:,} of {compared:,} pairs of runs differ, which the theorem "
                "for one session rules out."
            )
        ),
        done=(
            f"On the reference organism, {config['seeds']} seeds with all {2 ** len(SWITCHES)} "
            "combinations of the six switches, each a session of five themes of four turns; equal "
            "seeds have equal chance and equal messages. The difference between the two ends is "
            "divided by Shapley's rule; intervals are over seeds."
        ),
        findings=(
            *(_finding(name, effects, p, config["seeds"]) for name in ranked if name in p),
            "The smallest share that would have been seen of every switch but the lock is "
            f"{number(reach(shares[name] for name in SWITCHES))}: half of the widest interval.",
        ),
        tables=(_table(effects, shares, p), _corners(values, config), _published(rows)),
        facts={
            "ends": ends,
            "total": total,
            **{f"share_{name}": shares[name] for name in SWITCHES},
            "lock_pairs": compared,
            "lock_pairs_different": different,
        },
        limits=(
            "The organism is a reference with the published program's roles, not that program: "
            "its field begins with a short text of its own and it observes each prompt, so the "
            "size of an effect may differ from the published program's. That the lock's share is "
            "zero does not depend on this: it is proved for one session.",
            "The observer is scripted, with fixed lengths; the published ones were a language "
            "model with lengths that varied.",
            "The switches interact; a share is an average over orders, not what throwing that "
            "switch alone does (both are in the table).",
        ),
        unexpected=(f"the lock changed {different} of {compared} single sessions",)
        if different
        else (),
    )


def _ends(values: Floats) -> tuple[float, float]:
    first, last = (corner(values, [side] * len(SWITCHES)) for side in (0, 1))
    return float(first.mean()), float(last.mean())


def _finding(name: str, effects: dict[str, Estimate], p: dict[str, float], seeds: int) -> str:
    share, alone = effects[f"share {name}"], effects[f"alone {name}"]
    label = LABELS[name][0].upper() + LABELS[name][1:]
    shown = f"share {number(share)}, thrown alone {number(alone)}"
    if least_chance(seeds) >= LEVEL:
        return f"{label}: {shown}; {seeds} seeds are too few for a test."
    found = p[name] < LEVEL and share.excludes(0.0)
    return f"{label}: {'' if found else 'no '}detectable effect; {shown}; p = {chance(p[name])}."


def _table(effects: dict[str, Estimate], shares: dict[str, Estimate], p: dict[str, float]) -> Table:
    total = effects["total"].value
    rows: list[tuple[Cell, ...]] = [
        (
            LABELS[name],
            effects[f"alone {name}"],
            shares[name],
            # Plus zero: a share of nothing is no negative one.
            f"{shares[name].value / total + 0.0:.0%}",
            effects[f"last {name}"],
            chance(p[name]) if name in p else None,
        )
        for name in SWITCHES
    ]
    rows.append(
        ("all together", effects["total"], effects["total"], "100%", effects["total"], None)
    )
    heads = ("switch", "thrown alone", "Shapley share", "of all", "thrown last", "p (Holm)")
    return Table("confound-shares", "What each difference contributes", heads, tuple(rows))


def _corners(values: Floats, config: Config) -> Table:
    """The metric by its two definitions at the ends, and with only the length changed."""
    none, every = (0,) * 5, (1,) * 5
    corners = {
        "synchronous side": none,
        "synchronous side, short messages": (1, 0, 0, 0, 0),
        "asynchronous side, long messages": (0, 1, 1, 1, 1),
        "asynchronous side": every,
    }
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            *(
                bootstrap(
                    corner(values, (metric, *sides)).tolist(),
                    seed_of(config["seed"], "corner", name, metric),
                )
                for metric in (0, 1)
            ),
        )
        for name, sides in corners.items()
    )
    heads = ("switches", "tokens, current message", "types, current and 3 before")
    return Table("confound-corners", "The metric at four corners", heads, rows)


def _published(rows: Sequence[Row]) -> Table:
    """What the published figures say of the same causes, as far as they can."""
    turns = [turn_of(row) for row in rows if "arm" in row]
    pairs = {
        (row["replies"], row["messages"]): row["token_ratio_current"]
        for row in rows
        if "replies" in row
    }
    by_arm = {arm: [turn for turn in turns if turn.arm == arm] for arm in ARMS}
    printed = {arm: fmean(turn.published for turn in by_arm[arm]) for arm in ARMS}
    tokens = {arm: fmean(turn.tokens_current for turn in by_arm[arm]) for arm in ARMS}
    talks = len(conversations(turns))
    found = (
        ("as printed, two definitions", printed["sync"], printed["async"]),
        ("one definition (tokens, current)", tokens["sync"], tokens["async"]),
        (
            "synchronous replies: long, short messages",
            pairs["sync", "sync"],
            pairs["sync", "async"],
        ),
        ("long messages: replies of either arm", pairs["sync", "sync"], pairs["async", "sync"]),
    )
    return Table(
        "confound-published",
        f"The published figures ({len(turns)} turns, {talks} conversations)",
        ("compared", "synchronous side", "asynchronous side", "difference", "relative"),
        tuple((name, a, b, b - a, f"{b / a - 1:+.0%}") for name, a, b in found),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    effects = effects_of(values_of(rows, config["seeds"]), config)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True, sharex=True)
        names = [LABELS[name] for name in SWITCHES]
        forest(left, names, [effects[f"share {name}"] for name in SWITCHES])
        left.set_title("Shapley share")
        forest(right, names, [effects[f"alone {name}"] for name in SWITCHES], mark=1)
        right.set_title("thrown alone")
        for axes in (left, right):
            axes.set_xlabel("change of the metric")

    return [
        Plot(
            "confound-shares",
            "What each difference contributes to the change of the metric (95 % intervals)",
            draw,
            (8.0, 3.2),
        )
    ]


=======
>>>>>>> paper
EXPERIMENT = Experiment(
    name="confound",
    help="which of the published comparison's differences moved its metric",
    options=(Option("seeds", "seeds, each with all 32 kinds of runs", 30, quick=3, least=2),),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
