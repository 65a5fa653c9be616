"""Sums of floats that are the same numbers under every Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from operator import add
from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field import draw
from leo.field.draw import plain_sum
from leo.field.ranks import ranked_row
from leo.modules import mlp
from leo.reply import voice
from leo.reply.voice import EXPERTS

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def compensated(values: Iterable[float], start: float = 0) -> float:
    """What Python's own `sum` may make of floats from 3.12 on: the sum without rounding errors."""
    listed = list(values)
    if all(isinstance(value, int) for value in listed):
        return reduce(add, listed, start)
    return math.fsum([start, *listed])


@given(st.lists(FLOATS), FLOATS)
def test_one_is_added_after_the_other(values: list[float], start: float) -> None:
    """From left to right, each result rounded, whatever the builtin does."""
    expected = start
    for value in values:
        expected += value
    assert plain_sum(values, start) == expected or math.isnan(expected)
    assert plain_sum(values) == plain_sum(values, 0)


def weights() -> object:
    """Of a network, after twenty steps of learning."""
    network, rng = mlp.fresh_network(0), Random(1)
    for _ in range(20):
        network = network.learned([rng.random() for _ in range(mlp.INPUTS)], rng.random())
    return network


def voices() -> object:
    """Shares and temperatures of some situations."""
    rng, told = Random(2), []
    for _ in range(200):
        boosts = {name: rng.random() for name in EXPERTS}
        shares = voice.blend_weights(rng.random(), rng.random(), rng.random(), 3, boosts)
        told.append((shares, voice.compute_voice(shares)))
    return told


def rows() -> object:
    """Draws from some large rows, and how even they were."""
    rng, told = Random(3), []
    for _ in range(200):
        row = {id: rng.randrange(1, 50) for id in range(90)}
        scale = draw.Scale({id: rng.random() for id in range(20)}, 0.5 + rng.random())
        told.append(draw.draw_ranked(ranked_row(row), {}, scale, rng.random()))
    return told


@pytest.mark.parametrize(("module", "made"), [(mlp, weights), (voice, voices), (draw, rows)])
def test_what_is_kept_and_said_is_the_same_under_every_python(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, made: Callable[[], object]
) -> None:
    """To the last bit, with the `sum` of older Pythons and with that of newer ones, whichever this
    one has.
    """
    monkeypatch.setattr(module, "sum", plain_sum, raising=False)
    before = made()
    monkeypatch.setattr(module, "sum", compensated)
    assert made() == before
