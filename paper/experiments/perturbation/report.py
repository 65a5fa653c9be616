"""What the rows of the perturbation experiment say: distances against bounds, diverging replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Final

from matplotlib.figure import Figure

from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.plots import GREYS, MARKERS, Plot, lines
from paper.experiments.stats import bootstrap, reach
from paper.experiments.summary import Estimate, Summary, Table, number

__all__ = ["bucket", "plot", "summarise"]

LABELS: Final = {
    "stale": "read before it was there",
    "lost": "never written",
    "doubled": "written twice",
    "reordered": "written after the next one",
}
# From this count on, one observation moves a distribution by little: the ocean.
DEEP: Final = 64


def bucket(counts: int) -> str:
    """0, 1, 2-3, 4-7, ...: doubling classes of a context's count."""
    if counts < 2:
        return str(counts)
    low = 1 << (counts.bit_length() - 1)
    return f"{low}-{2 * low - 1}"


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    gaps = [row for row in rows if row["kind"] == "gap"]
    replies = [row for row in rows if row["kind"] == "reply"]
    crossed = [row for row in gaps if not row["kept"]]
    early = [row for row in replies if row["lag"] < 0 and not row["same"]]
    missed = [row for row in gaps if row["defect"] in ("stale", "lost") and row["counts"]]
    shallow = [row["distance"] for row in missed if row["counts"] <= 3]
    deep = [row["distance"] for row in missed if row["counts"] >= DEEP]
    reached = sum(bool(row["reached"]) for row in missed)
    unexpected = []
    if crossed:
        unexpected.append(
            f"{len(crossed)} of {len(gaps)} contexts moved further than the closed form allows"
        )
    if early:
        unexpected.append(f"{len(early)} replies from before the defect differ: it is not matched")
    depth = f", and by {_reach(deep)} where there were {DEEP} or more" if deep else ""
    return Summary(
        title="How far a defect reaches",
        question=(
            "One observation is read too late, lost, written twice or in another order: how far "
            "are the next-token distributions from the right ones, and how do the replies that "
            "follow differ?"
        ),
        answer=(
            f"In {len(gaps):,} contexts that the observation touched, the distance was never above "
            "the closed form of the theorems (m / (n + m) for m stale or lost tokens on n counts)"
            if not crossed
            else f"In {len(crossed):,} of {len(gaps):,} contexts the closed form was crossed"
        )
        + (
            f". A stale or lost observation moves a context by {_reach(shallow)} where one to "
            f"three tokens were counted{depth}: the defect fades as a context fills. "
            f"{_divergence_answer(replies)}"
        ),
        findings=(
            f"The bound was reached exactly in {reached:,} of {len(missed):,} contexts: where all "
            "tokens that were missed are new to the context, it is tight.",
            *_kind_findings(config, replies),
        ),
        tables=(_gap_table(gaps), _reply_table(config, replies)),
        facts={
            "contexts": len(gaps),
            "crossed": len(crossed),
            "reached": reached,
            "shallow mean": fmean(shallow),
            "shallow largest": max(shallow),
            "deep mean": fmean(deep) if deep else None,
            "deep largest": max(deep, default=None),
        },
        limits=(
            "A distance of distributions is not a distance of replies: a walk takes up to 80 "
            "steps, and one step that differs leads elsewhere.",
            "The bounds are on shares of counts (temperature 1), where a walk uses trigrams or "
            "bigrams; boosts, company and temperature are applied to them afterwards.",
            "New contexts have no distribution without the observation; where the defect leaves "
            "them out, their distance is set to 1, which is also their bound.",
        ),
        unexpected=tuple(unexpected),
    )


def _reach(distances: Sequence[float]) -> str:
    return f"up to {number(max(distances))} (mean {number(fmean(distances))})"


def _divergence_answer(replies: Sequence[Row]) -> str:
    last = max(row["lag"] for row in replies)
    first = [not row["same"] for row in replies if row["lag"] == 0]
    final = [not row["same"] for row in replies if row["lag"] == last]
    return (
        f"Of the replies of the defect's own moment {fmean(first):.0%} differ, {last} replies "
        f"later {fmean(final):.0%}: what was said is remembered, and recalled."
    )


def _kind_findings(config: Config, replies: Sequence[Row]) -> list[str]:
    found, ratios = [], []
    for defect, label in LABELS.items():
        after = [row for row in replies if row["defect"] == defect and row["lag"] >= 0]
        if after:
            ratio = _by_seed(config, after, "ratio", defect)
            ratios.append(ratio)
            found.append(
                f"An observation {label}: {fmean(not row['same'] for row in after):.0%} of the "
                f"replies from then on differ; the token ratio by {number(ratio)}."
            )
    return [
        *found,
        "The smallest change of the token ratio that would have been seen of every kind is "
        f"{number(reach(ratios))}: half of the widest interval.",
    ]


def _by_seed(config: Config, rows: Sequence[Row], name: str, *parts: object) -> Estimate:
    """The mean over conversations, each of them a mean over its rows."""
    values: dict[int, list[float]] = {}
    for row in rows:
        values.setdefault(int(row["seed"]), []).append(float(row[name]))
    means = [fmean(several) for several in values.values()]
    return bootstrap(means, seed_of(config["seed"], name, *parts))


def _gap_table(gaps: Sequence[Row]) -> Table:
    found: dict[tuple[str, int, int, str], list[Row]] = {}
    for row in gaps:
        counts = int(row["counts"])
        place = (str(row["defect"]), int(row["order"]), counts.bit_length(), bucket(counts))
        found.setdefault(place, []).append(row)
    order = list(LABELS)
    listed = sorted(found.items(), key=lambda item: (order.index(item[0][0]), *item[0][1:3]))
    return Table(
        "perturbation-contexts",
        "Total variation of the next-token distribution, by the count of the context",
        (
            "observation",
            "after",
            "counts",
            "contexts",
            "mean",
            "mean bound",
            "largest",
            "its bound",
            "reached",
        ),
        tuple(
            (
                LABELS[defect],
                "one token" if tokens == 1 else "two tokens",
                name,
                len(rows),
                fmean(row["distance"] for row in rows),
                fmean(row["bound"] for row in rows),
                (most := max(rows, key=lambda row: float(row["distance"])))["distance"],
                most["bound"],
                sum(bool(row["reached"]) for row in rows),
            )
            for (defect, tokens, _, name), rows in listed
        ),
    )


def _reply_table(config: Config, replies: Sequence[Row]) -> Table:
    growths = sorted({int(row["growth"]) for row in replies})
    last = max(row["lag"] for row in replies)
    moments: dict[str, Callable[[Row], bool]] = {
        "of the moment": lambda row: row["lag"] == 0,
        "the next": lambda row: row["lag"] == 1,
        f"2 to {last} later": lambda row: row["lag"] > 1,
    }
    rows = []
    for defect, label in LABELS.items():
        for growth in growths:
            for moment, chosen in moments.items():
                mine = [
                    row
                    for row in replies
                    if (row["defect"], row["growth"]) == (defect, growth) and chosen(row)
                ]
                if mine:
                    different = fmean(not row["same"] for row in mine)
                    apart = _by_seed(config, mine, "apart", defect, growth, moment)
                    rows.append((label, growth, moment, len(mine), different, apart))
    return Table(
        "perturbation-replies",
        "Replies after the defect against those without it",
        ("observation", "growth", "reply", "replies", "share different", "words apart"),
        tuple(rows),
    )


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    """Distance against count with the bound, and divergence by lag."""
    missed = [
        row for row in rows if row["kind"] == "gap" and row["defect"] == "lost" and row["counts"]
    ]
    replies = [row for row in rows if row["kind"] == "reply"]

    def draw_distance(figure: Figure) -> None:
        axes = figure.add_subplot()
        for n, tokens in enumerate((1, 2)):
            mine = [row for row in missed if row["order"] == tokens]
            axes.plot(
                [row["counts"] / row["added"] for row in mine],
                [row["distance"] for row in mine],
                MARKERS[n],
                ms=3,
                mfc="none" if n else GREYS[1],
                mec=GREYS[1 - n],
                mew=0.7,
                ls="",
                label=f"after {'one token' if tokens == 1 else 'two tokens'}",
            )
        most = max((row["counts"] / row["added"] for row in missed), default=1.0)
        x = [0.5 * (2 * most) ** (k / 60) for k in range(61)]
        axes.plot(x, [1 / (1 + ratio) for ratio in x], "-", color=GREYS[0], lw=1.2, label="bound")
        axes.set_xscale("log")
        axes.set_xlabel("counts of the context per token that was lost, n / m")
        axes.set_ylabel("total variation")
        axes.legend()

    def draw_divergence(figure: Figure) -> None:
        axes = figure.add_subplot()
        lags = sorted({int(row["lag"]) for row in replies})
        series = {
            label: [
                fmean(
                    row["apart"] for row in replies if row["defect"] == defect and row["lag"] == lag
                )
                for lag in lags
            ]
            for defect, label in LABELS.items()
        }
        lines(axes, lags, series)
        axes.set_xlabel("replies after the defect")
        axes.set_ylabel("share of words apart")
        axes.legend(title="an observation")

    return [
        Plot(
            "distance",
            "One lost observation: how far each context moves, and the bound m / (n + m)",
            draw_distance,
        ),
        Plot("divergence", "How far the following replies are apart, by lag", draw_divergence),
    ]
