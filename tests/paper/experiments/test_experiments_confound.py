"""The switches, their shares, and the published figures."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.overlay import Overlay
from leo.field.seed import SEED_TEXT
from leo.field.tables import CENTRES
from leo.front.threads import LeoField
from leo.observers import THEMES
from paper.experiments.confound import experiment as confound
from paper.experiments.confound.arms import LENGTHS, SWITCHES, TEMPERATURES, Arm, run_arm
from paper.experiments.confound.report import corner, least_chance, lock_pairs, shapley, values_of
from paper.experiments.experiment import Row
from paper.experiments.published import experiment as published
from paper.experiments.published.data import read_turns

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", ".", "!", "e", "f"]), min_size=1, max_size=30)


def additive(effects: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One seed whose value is the sum of the effects of the switches that are thrown."""
    values = np.zeros((1, *(2,) * len(effects)))
    for sides in product((0, 1), repeat=len(effects)):
        values[(0, *sides)] = float(np.dot(sides, effects))
    return values


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_effects_that_add_up_are_their_own_shares(effects: list[float]) -> None:
    """Without interaction a switch's share is its effect."""
    assert shapley(additive(effects))[0] == pytest.approx(effects)


@given(st.integers(0, 1000), st.integers(1, 5))
def test_shares_add_up_and_ignore_dummies(seed: int, players: int) -> None:
    """Shapley's axioms on any values: the shares add up to the difference of the ends; a switch
    that changes nothing has none; two that do the same have the same.
    """
    free = np.random.default_rng(seed).normal(size=(3, *(2,) * players))
    values = np.stack([free, free], axis=-1)
    shares = shapley(values)
    ends = [corner(values, [side] * (players + 1)) for side in (0, 1)]
    assert shares.sum(axis=1) == pytest.approx(ends[1] - ends[0])
    assert shares[:, -1] == pytest.approx(0.0)
    alike = free + np.swapaxes(free, 1, players)
    assert shapley(alike)[:, 0] == pytest.approx(shapley(alike)[:, -1])


def test_two_switches_by_hand() -> None:
    """Alone 1 and 0, together 5: shares (1 + 5) / 2 and (0 + 4) / 2."""
    values = np.array([[[0.0, 0.0], [1.0, 5.0]]])
    assert shapley(values)[0] == pytest.approx([3.0, 2.0])


def row(seed: int, sides: tuple[int, ...], tokens: float, reply: str = "same") -> Row:
    arm = dict(zip(Arm._fields, sides, strict=True))
    return {"seed": seed, **arm, "tokens": tokens, "types": tokens + 1, "reply": reply}


def test_values_are_means_of_runs() -> None:
    """The array has the mean of each run under its switches, the metric being the first."""
    rows = [
        row(0, sides, sum(sides) + part) for sides in product((0, 1), repeat=5) for part in (0, 1)
    ]
    values = values_of(rows, 1)
    assert values.shape == (1, *(2,) * len(SWITCHES))
    assert corner(values, (0, 1, 0, 1, 0, 0)) == pytest.approx(2.5)
    assert corner(values, (1, 1, 0, 1, 0, 0)) == pytest.approx(3.5)


def test_a_lock_that_changes_a_reply_is_seen() -> None:
    """Equal replies: no pair differs. One changed reply: one pair does, and it is unexpected."""
    rows = [row(s, sides, 0.1 * s) for s in (0, 1) for sides in product((0, 1), repeat=5)]
    changed = [*rows[:-1], {**rows[-1], "reply": "other"}]
    config = {"seed": 1, "quick": True, "seeds": 2}
    figures = confound.EXPERIMENT.measure(config, ("published",), None)  # type: ignore[arg-type]
    assert lock_pairs(rows) == (32, 0)
    assert lock_pairs(changed) == (32, 1)
    assert not confound.EXPERIMENT.summarise(config, [*figures, *rows], []).unexpected
    assert confound.EXPERIMENT.summarise(config, [*figures, *changed], []).unexpected


def test_few_seeds_cannot_be_significant() -> None:
    """The smallest p-value of n seeds is twice 2 ** -n, times five comparisons."""
    assert least_chance(3) == 1.0
    assert least_chance(10) == pytest.approx(10 / 1024)


def test_switches_do_what_they_say(tmp_path: Path) -> None:
    """Each switch alone changes the replies, but the lock, which changes none; equal arms and seeds
    are equal, another seed is not.
    """

    def run(*on: str, seed: int = 5) -> list[Row]:
        folder = tmp_path / ("-".join(on) or "none")
        while folder.exists():
            folder = folder.with_name(folder.name + "+")
        folder.mkdir()
        arm = Arm(*(name in on for name in Arm._fields))
        return run_arm(arm, seed, 5, folder, themes=list(THEMES)[:1])

    base = run()
    replies = [turn["reply"] for turn in base]
    assert len(base) == 4
    assert run() == base
    assert [turn["reply"] for turn in run(seed=6)] != replies
    for name in ("length", "modules", "temperature", "centres"):
        assert [turn["reply"] for turn in run(name)] != replies, name
    assert [turn["reply"] for turn in run("lock")] == replies
    both = [[turn["reply"] for turn in run("modules", *lock)] for lock in ((), ("lock",))]
    assert both[0] == both[1]


def test_temperature_is_held(tmp_path: Path) -> None:
    """A reply has the switch's temperature, in spite of the other modules' advice."""
    for side, modules in product((False, True), repeat=2):
        chosen = Arm(False, modules, side, False, False).chosen()
        path = tmp_path / f"{side}-{modules}.sqlite3"
        with LeoField.open(path, modules=chosen, clock=lambda: 1e9) as leo:
            leo.reply("WHO is shouting here! who is shouting here!")
            assert leo.latest is not None
            assert leo.latest.voice is not None
            assert leo.latest.voice.temperature == pytest.approx(TEMPERATURES[side])


@settings(max_examples=6, deadline=None)
@given(WORDS, WORDS)
@example(["a"], [word for n in range(90) for word in ("x", f"w{chr(97 + n % 26) * (n // 26 + 1)}")])
def test_centres_by_contexts_are_those_with_the_most(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str]
) -> None:
    """The centres by contexts, counted by hand from the texts, in the view and through an overlay
    that has the last text before the store has it.
    """
    texts = [SEED_TEXT, " ".join(first), " ".join(second)]
    with LeoField.open(tmp_path_factory.mktemp("f") / "f.sqlite3", centres="contexts") as leo:
        leo.observe(texts[1])
        over = Overlay(leo.view, compute_delta(texts[2:]))
        ahead = [over.words.names[id] for id in over.words.centres()]
        leo.observe(texts[2])
        now = [leo.view.words.names[id] for id in leo.view.words.centres()]
    contexts: dict[str, set[str]] = {}
    for text in texts:
        delta = compute_delta([text])
        for low, high in delta.pairs:
            one, other = delta.tokens[low], delta.tokens[high]
            contexts.setdefault(one, set()).add(other)
            contexts.setdefault(other, set()).add(one)
    # The older first, as the tokens have appeared, where there are equally many.
    ranked = sorted(contexts, key=lambda token: -len(contexts[token]))[:CENTRES]
    assert sorted(len(contexts[t]) for t in now) == sorted(len(contexts[t]) for t in ranked)
    assert ahead == now


def test_published_figures_are_those_of_the_paper() -> None:
    """93 turns; the means 0.209 and 0.116; every value reproduced by its arm's definition; and a
    changed value is found.
    """
    rows = read_turns()
    config = {"seed": 7, "quick": False}
    figures = published.EXPERIMENT.measure(config, ("pairings",), None)  # type: ignore[arg-type]
    summary = published.EXPERIMENT.summarise(config, [*rows, *figures], [])
    assert len(rows) == 93
    for arm, mean in (("sync", 0.209), ("async", 0.116)):
        assert (
            round(
                float(np.mean([t["published_external_vocab"] for t in rows if t["arm"] == arm])), 3
            )
            == mean
        )
    assert not summary.unexpected
    assert summary.facts["reproduced"]["sync"] == {"printed": 60, "tokens": 60, "types": 6}
    assert summary.facts["reproduced"]["async"]["types"] == 33
    by_one = summary.facts["arms"]["async"]["tokens"]["mean"]
    assert round(by_one.value, 3) == 0.097 and by_one.low < 0.097 < by_one.high
    changed = [{**rows[0], "published_external_vocab": 0.5}, *rows[1:], *figures]
    assert published.EXPERIMENT.summarise(config, changed, []).unexpected


def test_the_lengths_are_the_published_means() -> None:
    """The observer's lengths are those of the published arms, in whole words."""
    for arm, length in zip(("sync", "async"), LENGTHS, strict=True):
        words = [turn["observer_words"] for turn in read_turns() if turn["arm"] == arm]
        assert round(float(np.mean(words))) == length
