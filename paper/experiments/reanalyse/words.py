"""What the transcripts say, in tables and in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from math import expm1
from statistics import fmean
from typing import Final, NamedTuple

from paper.experiments.experiment import Config, Row, seed_of
from paper.experiments.reanalyse.pairs import (
    ARMS,
    Corpus,
    Null,
    Pairing,
    difference,
    mean_of,
    pair,
    share_of_messages,
    shuffled,
    truncated,
)
from paper.experiments.stats import Comparison, holm
from paper.experiments.summary import Cell, Summary, Table, chance, number

__all__ = ["summarise"]

LABELS: Final = {
    "tokens": "tokens, current message",
    "types": "types, current and 3 before",
}
NAMES: Final = {"sync": "synchronous", "async": "asynchronous"}
# Three decimals, and a little for the binary fractions.
PRINTED: Final = 0.0005 + 1e-9
LEVEL: Final = 0.05


class Both(NamedTuple):
    """What needs turns of both arms. `p` are corrected for the number of comparisons."""

    plain: dict[str, Comparison]
    without: dict[str, Comparison]
    cut: dict[str, Comparison]
    most: int
    pairing: Pairing
    p: dict[str, float]


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    turns = [row for row in rows if "arm" in row]
    problems = [row["problem"] for row in rows if "problem" in row]
    corpus = Corpus.of(turns)
    nulls = {
        arm: shuffled(corpus, arm, seed_of(config["seed"], "null", arm))
        for arm in ARMS
        if len(corpus.turns(arm)) > 1
    }
    both = _compare(turns, config) if corpus.both else None
    tables = [_files(config, turns), _definitions(corpus), _means(corpus, config)]
    if both is not None:
        tables += [_comparisons(both), _pairings(both)]
    tables += [_nulls(nulls)]
    return Summary(
        title="Transcripts, measured again",
        question="Which metric was printed, and what is the difference between the arms made of?",
        answer=_verdict(corpus, both),
        done=(
            f"{len(turns)} turns of {len(config['files'])} files were measured by both "
            "definitions, paired with the messages of either arm, with messages cut to one length, "
            "and with messages dealt out at random."
        ),
        findings=(*_findings(corpus, nulls, both), *problems),
        tables=tuple(tables),
        facts={
            "turns": {arm: len(corpus.turns(arm)) for arm in ARMS},
            "reproduced": {arm: _reproduced(corpus.turns(arm)) for arm in ARMS},
            **(
                {
                    "share_of_messages": share_of_messages(both.pairing),
                    "cut_to": both.most,
                    "cut_difference": both.cut["tokens"].difference,
                }
                if both
                else {}
            ),
        },
        limits=(
            "A comparison of transcripts compares everything that differed between the runs; it "
            "cannot single out a lock. With one session at a time a lock changes nothing at all "
            "(leo noop).",
            "Intervals and tests are over conversations (a file's section); with few of them they "
            "say little.",
            "A message cut short is not a message that was meant to be short.",
        ),
    )


def _compare(turns: Sequence[Row], config: Config) -> Both:
    corpus, whole = Corpus.of(turns), Corpus.of(turns, flagged=False)
    if not whole.both:
        whole = corpus

    def seed(*parts: str) -> int:
        return seed_of(config["seed"], "reanalyse", *parts)

    plain = {name: difference(corpus, name, seed("plain", name)) for name in LABELS}
    without = {name: difference(whole, name, seed("whole", name)) for name in LABELS}
    cut = {name: truncated(whole, name, seed("cut", name)) for name in LABELS}
    found = {
        **{f"plain {name}": result.p for name, result in plain.items()},
        **{f"without {name}": result.p for name, result in without.items()},
        **{f"cut {name}": result.p for name, (_, result) in cut.items()},
    }
    return Both(
        plain,
        without,
        {name: result for name, (_, result) in cut.items()},
        cut["tokens"][0],
        pair(corpus, seed("pair")),
        holm(found),
    )


def _reproduced(turns: Sequence[Row]) -> dict[str, int]:
    """Turns with a printed value, and how many of the values each definition gives."""
    printed = [row for row in turns if row["printed"] is not None]
    hits = {
        name: sum(abs(row["printed"] - row[name]) <= PRINTED for row in printed) for name in LABELS
    }
    return {"printed": len(printed), **hits}


def _definition_of(turns: Sequence[Row]) -> str | None:
    """The definition that gives every printed value of an arm, when there is exactly one."""
    found = _reproduced(turns)
    whole = [name for name in LABELS if found["printed"] and found[name] == found["printed"]]
    return whole[0] if len(whole) == 1 else None


def _verdict(corpus: Corpus, both: Both | None) -> str:
    """One paragraph in plain words, from the figures alone."""
    used = {arm: _definition_of(corpus.turns(arm)) for arm in ARMS if corpus.turns(arm)}
    said = [_said(arm, name, _reproduced(corpus.turns(arm))) for arm, name in used.items()]
    if both is None:
        (arm,) = used
        return (
            f"{' '.join(said)} There are transcripts of the {NAMES[arm]} arm only, so the arms "
            "cannot be compared."
        )
    if None not in used.values() and used["sync"] != used["async"]:
        said.append("The printed values of the two arms are two different metrics.")
    plain, cut = both.plain["tokens"], both.cut["tokens"]
    means = {arm: fmean(row["tokens"] for row in corpus.turns(arm)) for arm in ARMS}
    said.append(
        f"By one metric ({LABELS['tokens']}) they are {means['sync']:.3f} and {means['async']:.3f}."
    )
    share = share_of_messages(both.pairing)
    messages, replies = both.pairing.messages, both.pairing.replies
    said.append(
        f"Exchanging the messages moves the metric by {expm1(messages.value):+.0%}, exchanging the "
        f"replies by {expm1(replies.value):+.0%}"
        + (f": {share:.0%} of the difference goes to the messages." if share is not None else ".")
    )
    clear = both.p["cut tokens"] < LEVEL and cut.difference.excludes(0.0)
    said.append(
        f"With every message cut to {both.most} words the arms differ by "
        f"{number(cut.difference)} instead of {number(plain.difference)}: "
        + (
            "a difference remains that the messages' length does not explain."
            if clear
            else "no difference can be shown that the messages' length does not explain."
        )
    )
    return " ".join(said)


def _said(arm: str, name: str | None, found: dict[str, int]) -> str:
    if not found["printed"]:
        return f"The {NAMES[arm]} transcripts print no values."
    if name is not None:
        return (
            f"The {NAMES[arm]} arm's {found['printed']} printed values are, to three decimals, "
            f"{LABELS[name]}."
        )
    return (
        f"Of the {NAMES[arm]} arm's {found['printed']} printed values, {found['tokens']} are "
        f"{LABELS['tokens']} and {found['types']} are {LABELS['types']}, to three "
        "decimals."
    )


def _findings(corpus: Corpus, nulls: dict[str, Null], both: Both | None) -> list[str]:
    found = []
    for arm, null in nulls.items():
        more = "more than by chance" if null.p < LEVEL else "not detectably more than by chance"
        found.append(
            f"{NAMES[arm].capitalize()} replies share {null.actual:.3f} of their tokens with their "
            f"own message and {number(null.null)} with messages dealt out at random: {more} "
            f"(p = {chance(null.p)})."
        )
    for arm in ARMS:
        flags = [row["flag"] for row in corpus.turns(arm) if row["flag"]]
        if flags:
            scores = [row["tokens"] for row in corpus.turns(arm) if row["flag"]]
            found.append(
                f"{NAMES[arm].capitalize()} arm: {flags.count('fallback')} replies of one word and "
                f'{flags.count("substitute")} substituted "..." among '
                f"{len(corpus.turns(arm))}; {sum(score == 0 for score in scores)} of them score 0."
            )
    if both is not None:
        changed = both.without["tokens"]
        found.append(
            f"Without flagged replies the arms differ by {number(changed.difference)} (tokens; "
            f"p = {chance(both.p['without tokens'])}, Cliff's delta {changed.cliff:.2f})."
        )
    return found


def _files(config: Config, turns: Sequence[Row]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for number_of, file in enumerate(config["files"]):
        mine = [row for row in turns if row["file"] == number_of]
        arm = mine[0]["arm"] if mine else "not a transcript"
        flags = [row["flag"] for row in mine]
        rows.append(
            (
                file["path"],
                arm,
                len({row["talk"] for row in mine}),
                len(mine),
                flags.count("fallback"),
                flags.count("substitute"),
            )
        )
    heads = ("file", "format", "conversations", "turns", "one word", '"..."')
    return Table("reanalyse-files", "The files", heads, tuple(rows))


def _definitions(corpus: Corpus) -> Table:
    rows = tuple(
        (arm, *_reproduced(corpus.turns(arm)).values()) for arm in ARMS if corpus.turns(arm)
    )
    heads = ("arm", "printed values", *LABELS.values())
    return Table("reanalyse-definitions", "Printed values that a definition gives", heads, rows)


def _means(corpus: Corpus, config: Config) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for arm in ARMS:
        turns = corpus.turns(arm)
        if turns:
            seed = seed_of(config["seed"], "means", arm)
            printed = [row["printed"] for row in turns if row["printed"] is not None]
            rows.append(
                (
                    arm,
                    fmean(printed) if printed else None,
                    *(mean_of(corpus, arm, name, seed) for name in LABELS),
                    fmean(row["message_words"] for row in turns),
                    fmean(row["reply_words"] for row in turns),
                )
            )
    heads = ("arm", "printed", *LABELS.values(), "message words", "reply words")
    return Table("reanalyse-means", "The arms by both definitions", heads, tuple(rows))


def _comparisons(both: Both) -> Table:
    parts = {"as they are": both.plain, "without flagged": both.without}
    parts[f"messages cut to {both.most} words"] = both.cut
    keys = ("plain", "without", "cut")
    rows = tuple(
        (
            part,
            text,
            results[name].difference,
            chance(both.p[f"{key} {name}"]),
            results[name].cliff,
        )
        for key, (part, results) in zip(keys, parts.items(), strict=True)
        for name, text in LABELS.items()
    )
    heads = ("turns", "definition", "async less sync", "p (Holm)", "Cliff's delta")
    return Table("reanalyse-comparisons", "Asynchronous less synchronous arm", heads, rows)


def _pairings(both: Both) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{mine} replies", *(both.pairing.means[mine, theirs] for theirs in ARMS)) for mine in ARMS
    )
    heads = ("", *(f"{arm} messages" for arm in ARMS))
    return Table("reanalyse-pairings", "Every reply with every message (tokens)", heads, rows)


def _nulls(nulls: dict[str, Null]) -> Table:
    rows = tuple((arm, n.actual, n.null, chance(n.p)) for arm, n in nulls.items())
    heads = ("arm", "own message", "a message at random", "p")
    return Table("reanalyse-null", "The shuffled null (tokens)", heads, rows)
