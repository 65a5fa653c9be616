"""Emotion: charges, what they stir up, how they fade (organism, sections 2 and 9)."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import arousal
from leo.field.text import tokenize
from leo.modules.emotion import HALF_LIFE, MAX_CHARGE, Charge, Emotion, charges, stirred
from tests.leo.modules.contexts import UNIT, Store, after, moment

TEXTS = st.lists(st.sampled_from(["NO", "yes", "!", "the", "A", "river", "."]), max_size=12)


@given(TEXTS)
def test_charges_are_those_that_arousal_counts(tokens: list[str]) -> None:
    """The charges of a text add up to the charge that its arousal is made of."""
    total = math.fsum(charges(tokens).values())
    wanted = 1 - math.exp(-0.5 * total / len(tokens)) if tokens else 0.0
    assert math.isclose(arousal(tokens), wanted, abs_tol=1e-12)


def test_charges_by_hand() -> None:
    """NO NO!: 0.7 for capitals and 0.5 for repetition, twice each, 1.0 near the mark for each."""
    found = charges(tokenize("NO NO!"))
    assert found["NO"] == pytest.approx(2 * (0.7 + 0.5 + 1.0))
    assert found["!"] == pytest.approx(1.0)
    assert charges(tokenize("a quiet line")) == {}


@given(UNIT, st.floats(0, 2), st.floats(0, 2))
def test_stored_charges_only_add(base: float, less: float, more: float) -> None:
    """Stirred arousal is at least the text's own, at most 1, and grows with the charge."""
    low, high = sorted((less, more))
    one = stirred(base, ("a", "b"), {"a": low})
    two = stirred(base, ("a", "b"), {"a": high})
    assert base <= one + 1e-12 and one <= two + 1e-12 and two <= 1.0
    assert stirred(base, ("a", "b"), {}) == pytest.approx(base)


def test_stirred_by_hand() -> None:
    """1 - exp(-charge / 2n) over the text's charge and the stored one together."""
    own = arousal(tokenize("no!"))
    assert stirred(own, ("no", "!"), {"no": 1.0}) == pytest.approx(1 - math.exp(-0.5 * 3.0 / 2))


def test_a_charge_is_halved_per_day() -> None:
    """Half of a charge is left after HALF_LIFE; a clock that runs backwards adds nothing."""
    charge = Charge(1.0, 100.0)
    assert HALF_LIFE == 86400
    assert charge.now(100.0 + HALF_LIFE) == pytest.approx(0.5)
    assert charge.now(0.0) == 1.0


def test_a_charge_outlives_the_prompt_and_is_bounded() -> None:
    """What was shouted stirs a later prompt with the same word, and never beyond the bound."""
    emotion, shout, quiet = Emotion(), "RIVER RIVER RIVER!", "the RIVER again"
    store = Store(emotion)
    calm = emotion.hear(emotion.load(store.read(quiet)), moment(quiet)).arousal
    for _ in range(5):
        state = emotion.load(store.read(shout))
        store.write(emotion.after(state, after(shout), Random(0)))
    stirred_up = emotion.hear(emotion.load(store.read(quiet)), moment(quiet)).arousal
    assert calm == 0.0 and stirred_up is not None and stirred_up > 0.1
    assert store.all("SELECT max(charge) FROM emotion") == [(MAX_CHARGE,)]
