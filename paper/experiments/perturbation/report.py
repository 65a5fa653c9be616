"""What the rows of the perturbation experiment come to; `report.j2` has the words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Final

from matplotlib.figure import Figure

from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.plots import GREYS, MARKERS, Plot, lines
from paper.experiments.stats import bootstrap, detectable
from paper.experiments.summary import Cell, Estimate, Summary, Table, grouped, tell

LABELS: Final = {
    "stale": "read before it was there",
    "lost": "never written",
    "doubled": "written twice",
    "reordered": "written after the next one",
}
TOKENS: Final = {1: "one token", 2: "two tokens"}
# From this count on, one observation moves a distribution by little.
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
    missed = [row for row in gaps if row["defect"] in ("stale", "lost") and row["counts"]]
    last = max(row["lag"] for row in replies)
    figures: dict[str, Any] = {
        "contexts": len(gaps),
        "crossed": sum(not row["kept"] for row in gaps),
        "early": sum(row["lag"] < 0 and not row["same"] for row in replies),
        "missed": len(missed),
        "reached": sum(bool(row["reached"]) for row in missed),
        "shallow": _reach(row["distance"] for row in missed if row["counts"] <= 3),
        "deep": _reach(row["distance"] for row in missed if row["counts"] >= DEEP),
        "last": last,
        "differ_at_once": _different(row for row in replies if row["lag"] == 0),
        "smallest_seen": max(
            detectable(
                _means([r for r in replies if r["defect"] == defect and r["lag"] >= 0], "ratio")
            )
            for defect in LABELS
        ),
        "differ_later": _different(row for row in replies if row["lag"] == last),
        "kinds": [
            {
                "label": label,
                "different": _different(after),
                "ratio": _by_seed(config, after, "ratio", defect),
            }
            for defect, label in LABELS.items()
            if (after := [r for r in replies if r["defect"] == defect and r["lag"] >= 0])
        ],
    }
    tables = (_gap_table(gaps), _reply_table(config, replies))
    return tell("perturbation/report.j2", figures, tables, least=DEEP, config=config)


def _reach(distances: Any) -> dict[str, float] | None:
    found = list(distances)
    return {"mean": fmean(found), "largest": max(found)} if found else None


def _different(replies: Any) -> float:
    return fmean(not row["same"] for row in replies)


def _by_seed(config: Config, rows: Sequence[Row], name: str, *parts: object) -> Estimate:
    """The mean over conversations, each of them a mean over its rows."""
    return bootstrap(_means(rows, name), seed_of(config["seed"], name, *parts))


def _means(rows: Sequence[Row], name: str) -> list[float]:
    """The mean over its rows of each conversation."""
    values = grouped((int(row["seed"]), float(row[name])) for row in rows)
    return [fmean(several) for several in values.values()]


def _gap_table(gaps: Sequence[Row]) -> Table:
    order = list(LABELS)
    found = grouped(
        ((order.index(row["defect"]), int(row["order"]), int(row["counts"]).bit_length()), row)
        for row in gaps
    )
    heads = ("observation", "after", "counts", "contexts", "mean", "mean bound", "largest",
             "its bound", "reached")  # fmt: skip
    told: list[tuple[Cell, ...]] = []
    for (defect, tokens, _), rows in sorted(found.items()):
        most = max(rows, key=lambda row: float(row["distance"]))
        means = [fmean(row[name] for row in rows) for name in ("distance", "bound")]
        reached = sum(bool(row["reached"]) for row in rows)
        named = (LABELS[order[defect]], TOKENS[tokens], bucket(rows[0]["counts"]))
        told.append((*named, len(rows), *means, most["distance"], most["bound"], reached))
    caption = "Total variation of the next-token distribution, by the count of the context"
    return Table("perturbation-contexts", caption, heads, tuple(told))


def _reply_table(config: Config, replies: Sequence[Row]) -> Table:
    last = max(row["lag"] for row in replies)
    moments: dict[str, Callable[[int], bool]] = {
        "of the moment": lambda lag: lag == 0,
        "the next": lambda lag: lag == 1,
        f"2 to {last} later": lambda lag: lag > 1,
    }
    rows = []
    for defect, label in LABELS.items():
        for growth in sorted({int(row["growth"]) for row in replies}):
            here = [r for r in replies if (r["defect"], r["growth"]) == (defect, growth)]
            for moment, chosen in moments.items():
                if mine := [row for row in here if chosen(row["lag"])]:
                    apart = _by_seed(config, mine, "apart", defect, growth, moment)
                    rows.append((label, growth, moment, len(mine), _different(mine), apart))
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
        for n, (tokens, label) in enumerate(TOKENS.items()):
            mine = [row for row in missed if row["order"] == tokens]
            axes.plot(
                [row["counts"] / row["added"] for row in mine],
                [row["distance"] for row in mine],
                MARKERS[n], ms=3, mfc="none" if n else GREYS[1], mec=GREYS[1 - n], mew=0.7, ls="",
                label=f"after {label}",
            )  # fmt: skip
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
        apart = grouped(((row["defect"], row["lag"]), row["apart"]) for row in replies)
        lines(
            axes,
            lags,
            {label: [fmean(apart[kind, lag]) for lag in lags] for kind, label in LABELS.items()},
        )
        # The last may lie on it.
        axes.lines[0].set(lw=4, color=GREYS[4], markersize=8, markerfacecolor="none")
        axes.set_xticks([lag for lag in lags if lag % 3 == 0])
        axes.set_xlabel("replies after the defect")
        axes.set_ylabel("share of words apart")
        axes.legend(title="an observation")

    bound = "One lost observation: how far each context moves, and the bound m / (n + m)"
    return [
        Plot("distance", bound, draw_distance),
        Plot("divergence", "How far the following replies are apart, by lag", draw_divergence),
    ]
