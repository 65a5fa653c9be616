"""What the transcripts come to; `report.j2` has the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import expm1
from statistics import fmean
from typing import Any, Final

from matplotlib.figure import Figure

from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.plots import Plot, scatter
from paper.experiments.reanalyse.pairs import (
    ARMS,
    Corpus,
    Null,
    difference,
    mean_of,
    pair,
    share_of_messages,
    shuffled,
    truncated,
)
from paper.experiments.stats import holm
from paper.experiments.summary import Cell, Summary, Table, chance, tell

LABELS: Final = {"tokens": "tokens, current message", "types": "types, current and 3 before"}
# Three decimals, and a little for the binary fractions.
PRINTED: Final = 0.0005 + 1e-9
LEVEL: Final = 0.05


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    turns = [row for row in rows if "arm" in row]
    corpus = Corpus.of(turns)
    present = [arm for arm in ARMS if corpus.turns(arm)]
    nulls = {
        arm: shuffled(corpus, arm, seed_of(config["seed"], "null", arm))
        for arm in ARMS
        if len(corpus.turns(arm)) > 1
    }
    figures: dict[str, Any] = {
        "turns": {arm: len(corpus.turns(arm)) for arm in ARMS},
        "reproduced": {arm: _reproduced(corpus.turns(arm)) for arm in present},
        "means": {arm: fmean(row["tokens"] for row in corpus.turns(arm)) for arm in present},
        "flagged": {arm: _flagged(corpus.turns(arm)) for arm in present},
        "nulls": {arm: null._asdict() for arm, null in nulls.items()},
        "both": corpus.both,
    }
    tables = [_files(config, turns), _definitions(figures["reproduced"]), _means(corpus, config)]
    if corpus.both:
        compared, both_tables = _compared(turns, config)
        figures |= compared
        tables += both_tables
    return tell(
        "reanalyse/report.j2",
        figures,
        (*tables, _nulls(nulls)),
        files=len(config["files"]),
        problems=[row["problem"] for row in rows if "problem" in row],
        labels=LABELS,
        names={"sync": "synchronous", "async": "asynchronous"},
        level=LEVEL,
    )


def _compared(turns: Sequence[Row], config: Config) -> tuple[dict[str, Any], list[Table]]:
    """What needs turns of both arms, as figures and tables; p is corrected for all comparisons."""
    corpus, whole = Corpus.of(turns), Corpus.of(turns, flagged=False)
    if not whole.both:
        whole = corpus

    def seed(*parts: str) -> int:
        return seed_of(config["seed"], "reanalyse", *parts)

    cut = {name: truncated(whole, name, seed("cut", name)) for name in LABELS}
    most = cut["tokens"][0]
    found = {
        ("plain", "as they are"): {n: difference(corpus, n, seed("plain", n)) for n in LABELS},
        ("without", "without flagged"): {n: difference(whole, n, seed("whole", n)) for n in LABELS},
        ("cut", f"messages cut to {most} words"): {name: one for name, (_, one) in cut.items()},
    }
    least = max(one.least for each in found.values() for one in each.values())
    p = holm({f"{key} {n}": one.p for (key, _), each in found.items() for n, one in each.items()})
    by_key = {key: each["tokens"] for (key, _), each in found.items()}
    pairing = pair(corpus, seed("pair"))
    figures = {
        "share_of_messages": share_of_messages(pairing),
        "by_messages": expm1(pairing.messages.value),
        "by_replies": expm1(pairing.replies.value),
        "cut_to": most,
        "smallest_seen": least,
        **{f"{key}_difference": one.difference for key, one in by_key.items()},
        **{f"{key}_p": p[f"{key} tokens"] for key in by_key},
        "without_cliff": by_key["without"].cliff,
        "cut_remains": p["cut tokens"] < LEVEL and by_key["cut"].difference.excludes(0.0),
    }
    comparisons = Table(
        "reanalyse-comparisons",
        "Asynchronous less synchronous arm",
        ("turns", "definition", "async less sync", "p (Holm)", "Cliff's delta"),
        tuple(
            (part, LABELS[name], one.difference, chance(p[f"{key} {name}"]), one.cliff)
            for (key, part), each in found.items()
            for name, one in each.items()
        ),
    )
    pairings = Table(
        "reanalyse-pairings",
        "Every reply with every message (tokens)",
        ("", *(f"{arm} messages" for arm in ARMS)),
        tuple((f"{mine} replies", *(pairing.means[mine, t] for t in ARMS)) for mine in ARMS),
    )
    return figures, [comparisons, pairings]


def _reproduced(turns: Sequence[Row]) -> dict[str, Any]:
    """Turns with a printed value, how many of the values each definition gives, and the definition
    that gives every one of them, when there is exactly one.
    """
    printed = [row for row in turns if row["printed"] is not None]
    hits = {
        name: sum(abs(row["printed"] - row[name]) <= PRINTED for row in printed) for name in LABELS
    }
    whole = [name for name in LABELS if printed and hits[name] == len(printed)]
    return {"printed": len(printed), **hits, "used": whole[0] if len(whole) == 1 else None}


def _flagged(turns: Sequence[Row]) -> dict[str, int]:
    scores = [row["tokens"] for row in turns if row["flag"]]
    return {
        "fallback": sum(row["flag"] == "fallback" for row in turns),
        "substitute": sum(row["flag"] == "substitute" for row in turns),
        "zero": sum(score == 0 for score in scores),
    }


def _files(config: Config, turns: Sequence[Row]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for number_of, file in enumerate(config["files"]):
        mine = [row for row in turns if row["file"] == number_of]
        found = _flagged(mine)
        arm = mine[0]["arm"] if mine else "not a transcript"
        talks = len({row["talk"] for row in mine})
        flags = (found["fallback"], found["substitute"])
        rows.append((file["path"], arm, talks, len(mine), *flags))
    heads = ("file", "format", "conversations", "turns", "one word", '"..."')
    return Table("reanalyse-files", "The files", heads, tuple(rows))


def _definitions(reproduced: Mapping[str, Mapping[str, Any]]) -> Table:
    names = ("printed", *LABELS)
    return Table(
        "reanalyse-definitions",
        "Printed values that a definition gives",
        ("arm", "printed values", *LABELS.values()),
        tuple((arm, *(found[name] for name in names)) for arm, found in reproduced.items()),
    )


def _means(corpus: Corpus, config: Config) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for arm in ARMS:
        if turns := corpus.turns(arm):
            seed = seed_of(config["seed"], "means", arm)
            printed = [row["printed"] for row in turns if row["printed"] is not None]
            means = [mean_of(corpus, arm, name, seed) for name in LABELS]
            words = [fmean(row[n] for row in turns) for n in ("message_words", "reply_words")]
            rows.append((arm, fmean(printed) if printed else None, *means, *words))
    heads = ("arm", "printed", *LABELS.values(), "message words", "reply words")
    return Table("reanalyse-means", "The arms by both definitions", heads, tuple(rows))


def _nulls(nulls: Mapping[str, Null]) -> Table:
    rows = tuple((arm, n.actual, n.null, chance(n.p)) for arm, n in nulls.items())
    heads = ("arm", "own message", "a message at random", "p")
    return Table("reanalyse-null", "The shuffled null (tokens)", heads, rows)


def plot(config: Config, rows: Sequence[Row]) -> list[Plot]:
    turns = [row for row in rows if "arm" in row]

    def draw(figure: Figure) -> None:
        scatter(figure.subplots(), turns, ARMS, "message_words", "tokens")

    caption = "Tokens of the reply found in the current message, by the message's length"
    return [Plot("reanalyse-length", caption, draw)]
