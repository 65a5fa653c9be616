"""The transformers of the ocean, which need JAX: they learn, and frozen they move by nothing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from paper.experiments.experiment import Lab, Row
from paper.experiments.ocean import experiment
from paper.experiments.ocean.histories import VOCABULARY, stream_of
from paper.experiments.ocean.learners import Floats, Text

pytestmark = pytest.mark.ocean
SIZE = len(VOCABULARY)
STREAM = stream_of(7, 2, 32)


@pytest.fixture(scope="module")
def library() -> Any:
    from paper.experiments.ocean import transformer  # noqa: PLC0415

    return transformer


def struck(learner: Any, state: Any) -> list[Row]:
    learned = {"setting": "one step", "parameters": 0, "steps": 1}
    return experiment.struck(learner, state, STREAM, {}, 1, learned)


def test_frozen_weights_move_by_exactly_nothing(library: Any) -> None:
    learner = library.Transformer(library.SIZES["3k"], SIZE, share=0.0)
    rows = struck(learner, learner.begin(1))
    figures = ("touched", "elsewhere", "different", "apart", "mean", "gain")
    assert len(rows) > 40 and not any(row.get(name) for row in rows for name in figures)


def test_a_planted_sensitivity_is_found(library: Any) -> None:
    """Frozen weights, but each observation moves 1 % of the chances to one token."""

    class Planted(library.Transformer):  # type: ignore[misc]
        def observe(self, state: Any, text: Text) -> Any:
            return state._replace(steps=state.steps + 1)

        def shares(self, state: Any, prefixes: Sequence[Text]) -> Floats:
            moved = 0.01 * float(state.steps)
            shares: Floats = (1 - moved) * super().shares(state, prefixes)
            shares[:, 0] += moved
            return shares

    learner = Planted(library.SIZES["3k"], SIZE)
    state = learner.begin(1)
    first = super(Planted, learner).shares(state, [prefix for prefix, _ in STREAM.touched])
    expected = 0.01 * (1 - first[:, 0].mean())
    for row in struck(learner, state):
        if row.get("fault") in ("lost", "doubled") and row["kind"] == "lag":
            assert row["touched"] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", ["3k", "33k", "330k"])
def test_it_learns_what_it_hears(library: Any, name: str) -> None:
    """The sizes are what they are called, and a text that is repeated is known."""
    learner = library.Transformer(library.SIZES[name], SIZE, repeats=60)
    begun = learner.begin(1)
    assert library.parameters(begun) == pytest.approx(float(name[:-1]) * 1000, rel=0.15)
    state = learner.observe(begun, STREAM.messages[0])
    prefixes, tokens = zip(*STREAM.touched, strict=True)
    known = learner.shares(state, prefixes)
    assert np.allclose(known.sum(axis=1), 1)
    assert known[np.arange(len(tokens)), list(tokens)].mean() > 0.5


def test_what_follows_is_not_seen(library: Any) -> None:
    """A prefix has the same distribution in any batch and with any padding."""
    learner = library.Transformer(library.SIZES["33k"], SIZE)
    state = learner.begin(1)
    whole = STREAM.messages[0]
    alone, among = learner.shares(state, [whole[:5]]), learner.shares(state, [whole, whole[:5]])
    assert np.allclose(alone[0], among[1], atol=1e-6)


def test_half_of_a_torn_transformer_is_old(library: Any) -> None:
    learner = library.Transformer(library.SIZES["3k"], SIZE)
    before = learner.begin(1)
    after = learner.observe(before, STREAM.messages[0])
    leaves = library.jax.tree.leaves
    torn = learner.torn(before, after, Random(3))
    for kept, new, old in zip(torn[:2], after[:2], before[:2], strict=True):
        same = [bool((a == b).all()) for a, b in zip(leaves(kept), leaves(old), strict=True)]
        now = [bool((a == b).all()) for a, b in zip(leaves(kept), leaves(new), strict=True)]
        assert sum(same) == len(same) // 2 and [not one for one in same] == now


def test_a_cell_is_measured_twice_the_same(library: Any, tmp_path: Any) -> None:
    """To the last digit, on one machine."""
    lab, config = Lab(tmp_path, lambda: 0.0), {"seed": 0}
    one = experiment.measure(config, ("3k", 0), lab)
    assert one == experiment.measure(config, ("3k", 0), lab)
    matched = [row for row in one if row["kind"] == "learned"][1]
    assert matched["steps"] > 1
