"""The ocean without JAX: the field is the organism's, planted effects are found, none is zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from leo import LeoField
from paper.experiments.experiment import Lab, Row
from paper.experiments.ocean import experiment, histories
from paper.experiments.ocean.histories import (
    FAULTS,
    SETTLED,
    VOCABULARY,
    compared,
    gain,
    seen,
    stream_of,
)
from paper.experiments.ocean.learners import Counts, Field, Floats, Text
from paper.experiments.ocean.report import AGAIN, LESS, MORE, OPEN, summarise, verdict_of

STREAM = stream_of(7, 2, 32)
CONFIG: dict[str, Any] = {"seed": 0, "quick": False, "seeds": 12, "sizes": ["3k", "33k"]}


class Planted:
    """A learner whose state is how often it observed, all of it or (torn) half: each time, `step`
    of its chances moves from one token to another.
    """

    def __init__(self, step: float) -> None:
        self._step = step

    def observe(self, state: float, text: Text) -> float:
        return state + 1

    def torn(self, before: float, after: float, rng: Random) -> float:
        return (before + after) / 2

    def shares(self, state: float, prefixes: Sequence[Text]) -> Floats:
        row = np.zeros(len(VOCABULARY))
        row[:2] = 1 - state * self._step, state * self._step
        return np.tile(row, (len(prefixes), 1))


def struck(learner: Any, state: Any, counts: Counts) -> list[Row]:
    learned = {"setting": "counts", "parameters": 0, "steps": 1}
    return experiment.struck(learner, state, STREAM, counts, 1, learned)


def test_a_planted_sensitivity_is_found() -> None:
    """Every fault moves every context by what was planted, and the order moves nothing."""
    rows = struck(Planted(0.01), 0.0, {})
    expected = {"stale": 0.01, "lost": 0.01, "doubled": 0.01, "reordered": 0.0, "torn": 0.005}
    for row in rows:
        if row["kind"] == "gap":
            assert row["mean"] == pytest.approx(expected[row["fault"]])
        elif row["kind"] == "lag":
            gone = row["fault"] == "stale" and row["lag"]
            # Until the second is there, the first of two reordered ones is lost.
            early = row["fault"] == "reordered" and not row["lag"]
            moved = 0.0 if gone else 0.01 if early else expected[row["fault"]]
            assert row["touched"] == row["elsewhere"] == pytest.approx(moved)
        else:
            assert (row["gain"], row["known"]) == (pytest.approx(0.0, abs=0.01), 0.0)


def test_replies_diverge_by_the_planted_share() -> None:
    """Common random numbers: where a third of the chances moved, a third of the words differs."""
    learner = Planted(1 / 3)
    pairs = [[seen(learner, k, STREAM, lag, 5) for k in (0.0, 1.0)] for lag in range(16)]
    assert fmean(compared(*pair)["apart"] for pair in pairs) == pytest.approx(1 / 3, abs=0.03)
    assert compared(pairs[0][1], pairs[0][1]) == dict.fromkeys(compared(*pairs[0]), 0.0)
    assert not any(row.get("apart") for row in struck(Planted(0.0), 0.0, {}))


def test_the_field_is_the_organisms(tmp_path: Path) -> None:
    """The counts are those of a field that observes the same texts; new tokens begin anew."""
    field = Field(len(VOCABULARY))
    with LeoField.open(tmp_path / "field.sqlite3") as leo:
        seed = counts = _picture(leo)
        for text in STREAM.messages[:6]:
            leo.observe(" ".join(VOCABULARY[id] for id in text))
            counts = field.observe(counts, text)
        assert counts == _picture(leo) != seed
    unknown = next(id for id in range(len(VOCABULARY)) if (id,) not in counts)
    [row] = field.shares(counts, [(unknown,)])
    assert row.sum() == pytest.approx(1) and np.ptp(row[row > 0]) == 0


def _picture(leo: LeoField) -> Counts:
    names = leo.view.words.names
    ids = {id: VOCABULARY.index(name) for id, name in names.items()}
    rows: list[tuple[Text, dict[int, int]]] = [
        *(((source,), row) for source, row in leo.view.words.followers.items()),
        *leo.view.chains.followers.items(),
    ]
    return {
        tuple(ids[id] for id in context): Counter({ids[id]: n for id, n in row.items() if n})
        for context, row in rows
    }


def test_the_field_keeps_to_the_theorems() -> None:
    """One lost observation of m tokens on n counts: m / (n + m) at most; order is nothing."""
    field = Field(len(VOCABULARY))
    counts: Counts = {}
    for text in STREAM.heard:
        counts = field.observe(counts, text)
    after = field.observe(counts, STREAM.messages[0])
    prefixes = [prefix for prefix, _ in STREAM.touched]
    moved = histories.apart(field.shares(counts, prefixes), field.shares(after, prefixes))
    for prefix, distance in zip(prefixes, moved, strict=True):
        n, total = (counts.get(prefix[-2:], Counter()).total(), after[prefix[-2:]].total())
        assert distance <= (total - n) / total + 1e-12 if n else distance <= 1
    rows = struck(field, counts, counts)
    late = [row for row in rows if row.get("fault") == "reordered" and row.get("lag", 0)]
    assert late and not any(row["touched"] for row in late)
    assert not any(row["elsewhere"] for row in rows if row["kind"] == "lag")
    gained = gain(field, counts, after, STREAM.touched)
    assert 0 < gained == pytest.approx(rows[0]["gain"], abs=1e-6)


def test_a_torn_field_has_one_new_table() -> None:
    """Any part may be lost; the rest stays as it was."""
    field = Field(len(VOCABULARY))
    after = field.observe({}, STREAM.messages[0])
    found = {frozenset(map(len, field.torn({}, after, Random(n)))) for n in range(9)}
    assert found == {frozenset({1}), frozenset({2})}


def test_a_cell_of_the_field_is_measured_twice_the_same(tmp_path: Path) -> None:
    """It needs no JAX."""
    lab = Lab(tmp_path, lambda: 0.0)
    rows = experiment.measure(CONFIG, ("field", 3), lab)
    assert rows == experiment.measure(CONFIG, ("field", 3), lab)
    assert {row.get("fault") for row in rows} == {None, *FAULTS}


def test_the_verdict_is_that_of_all_sizes() -> None:
    assert verdict_of([("less", "undecided"), ("less", "less")]) == LESS
    assert verdict_of([("more", "undecided"), ("more",)]) == MORE
    for other in (("more",), ("less", "more"), ("undecided",)):
        assert verdict_of([("less",), other]) == OPEN


@pytest.mark.parametrize(
    ("shift", "verdict"),
    [(-0.2, LESS), (0.0, OPEN), pytest.param(0.2, MORE, marks=pytest.mark.long)],
    ids=str,
)
def test_the_verdict_follows_a_planted_difference(shift: float, verdict: str) -> None:
    """Transformers that are moved less, more, or like the field with another chance; what follows
    when the struck observation is said again counts for nothing.
    """
    again = stream_of(3, 4, AGAIN).messages
    assert [n for n, text in enumerate(again) if text == again[0]] == [0, AGAIN]
    verdicts = summarise(CONFIG, list(_made(shift)), ()).facts["verdicts"]
    judged = [one for settings in verdicts.values() for one in settings.values()]
    assert {one["verdict"] for one in judged} == {verdict} and len(judged) == 10
    # Distance and replies of five faults and four transformers; what is left has nothing planted.
    assert (sum(one["undecided"] for one in judged) == 20) == bool(shift)


def _made(shift: float) -> list[Row]:
    rng = Random(0)
    rows: list[Row] = []
    settings = [(size, how) for size in ("3k", "33k") for how in ("one step", "matched")]
    arms = [("field", "counts"), *settings]
    for learner, setting in arms:
        for seed in range(12):
            place = {"learner": learner, "setting": setting, "seed": seed}
            rows.append(
                {**place, "kind": "learned", "parameters": 1, "steps": 1, "gain": 0.1, "known": 0.5}
            )
            for fault in FAULTS:
                rows.append(
                    {**place, "kind": "gap", "fault": fault, "class": 0, "contexts": 3, "mean": 0.5}
                )
                for lag in (0, 1, 2, AGAIN):
                    # Planted where the fault is done; before that, all are as far apart as can be.
                    planted = shift if (learner != "field" and lag == SETTLED[fault]) else 0.0
                    planted = 1.0 if lag == AGAIN and learner == "field" else planted
                    value = 0.4 + rng.gauss(0, 0.03) + planted if lag >= SETTLED[fault] else 1.0
                    found = dict.fromkeys(("touched", "elsewhere", "apart"), value)
                    rows.append({**place, "kind": "lag", "fault": fault, "lag": lag, **found})
    return rows
