"""How far a defect reaches: one stale, lost, doubled or reordered observation at a known moment.

The same conversation is held with the defect and without it, on fields that have grown more or
less. What is measured: in every context that the observation adds to, the total variation between
the next-token distributions of the two fields, by the context's count; and how the replies that
follow differ. The first has closed bounds, and they are kept exactly: the distances are fractions.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from leo.field.metrics import token_ratio_current
from leo.front.threads import LeoField
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.observers.themes import SENTENCES
from paper.experiments.arms import say_in_turn
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.perturbation.report import plot, summarise
from paper.experiments.perturbation.runs import KINDS, NONE, Conversation, run_with
from paper.experiments.perturbation.views import Gap, gaps, picture_of

# The reply of the defect, counted from 0: a few have been said, so that some can be recalled.
MOMENT: Final = 4


def cells(config: Config) -> list[Key]:
    """By growth, seed and kind."""
    seeds = range(config["seeds"])
    return [
        (growth, seed, kind) for growth in config["growths"] for seed in seeds for kind in KINDS
    ]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """Every context that the defect may have moved, and every reply."""
    growth, seed, kind = int(key[0]), int(key[1]), str(key[2])
    # The kind and the growth are no part of it: all defects strike the same conversation.
    chance = seed_of(config["seed"], "perturbation", seed)
    messages = _messages(config, chance)
    field = lab.folder / "grown.sqlite3"
    _grow(field, growth)
    right, wrong = (
        run_with(one, MOMENT, messages, chance, _copy(field, lab.folder / f"{one}.sqlite3"))
        for one in (NONE, kind)
    )
    place = {"growth": growth, "seed": seed, "defect": kind}
    found = _swapped(right, field, lab.folder) if kind == "reordered" else _gaps(kind, right, wrong)
    rows = [*map(_gap_row, found), *_reply_rows(messages, right, wrong)]
    return [{**place, **row} for row in rows]


def _messages(config: Config, chance: int) -> list[str]:
    observer = ScriptedObserver(config["words"], chance % 1_000_003)
    count = MOMENT + config["horizon"]
    # The script is gone through again when it ends.
    turns = [turn % (len(THEMES) * TURNS) for turn in range(count)]
    first = chance % len(THEMES)
    return [say_in_turn(observer, first, turn).message for turn in turns]


def _grow(path: Path, passes: int) -> None:
    """A field that has heard everything the observer can say, so many times."""
    with LeoField.open(path) as leo:
        for theme in THEMES:
            text = " ".join((*THEMES[theme], *SENTENCES[theme]))
            for _ in range(passes):
                leo.observe(text)


def _copy(source: Path, target: Path) -> Path:
    # A closed field is one file.
    shutil.copyfile(source, target)
    return target


def _gaps(kind: str, right: Conversation, wrong: Conversation) -> list[Gap]:
    """A stale read is of the field without the observation; the others left another field."""
    field = right.without if kind == "stale" else wrong.after
    return gaps(kind, right.without, right.after, field)


def _swapped(right: Conversation, grown: Path, folder: Path) -> list[Gap]:
    """The two observations in both orders, and nothing else: what a conversation would recall in
    between is left out, because it is another observation.
    """
    one, other = right.observed[MOMENT : MOMENT + 2]
    pictures = []
    for name, texts in (("before", ()), ("in order", (one, other)), ("swapped", (other, one))):
        path = _copy(grown, folder / f"{name}.sqlite3")
        with LeoField.open(path) as leo:
            for observed in (*right.observed[:MOMENT], *texts):
                for text in observed:
                    leo.observe(text)
            pictures.append(picture_of(leo.view))
    return gaps("reordered", *pictures)


def _gap_row(gap: Gap) -> Row:
    return {
        "kind": "gap",
        "order": len(gap.context),
        "counts": gap.counts,
        "added": gap.added,
        "distance": float(gap.distance),
        "bound": float(gap.bound),
        # Compared as fractions: a bound that is reached is not crossed by rounding.
        "kept": gap.distance <= gap.bound,
        "reached": gap.distance == gap.bound,
    }


def _reply_rows(messages: Sequence[str], right: Conversation, wrong: Conversation) -> list[Row]:
    """The replies from that of the moment on, and one row for those before it."""
    rows: list[Row] = []
    for number, message in enumerate(messages):
        one, other = right.replies[number], wrong.replies[number]
        rows.append(
            {
                "kind": "reply",
                "lag": number - MOMENT,
                "same": one == other,
                "apart": _apart(one, other),
                "ratio": token_ratio_current(other, message) - token_ratio_current(one, message),
            }
        )
    return rows


def _apart(one: str, other: str) -> float:
    """The share of words, as multisets, that the longer reply does not share with the other."""
    ours, theirs = Counter(one.lower().split()), Counter(other.lower().split())
    return 1.0 - (ours & theirs).total() / max(ours.total(), theirs.total(), 1)


EXPERIMENT = Experiment(
    name="perturbation",
    options=(
        Option("seeds", "how many conversations", default=30, quick=3, least=2),
        Option("growths", "passes of text before it", default=(0, 10, 100), quick=(0, 10), least=0),
        Option("horizon", "replies from the defect on", default=16, quick=8, least=2),
        Option("words", "the length of the observer's messages", default=19, least=14),
    ),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
