"""The voice: experts blended by the later version's rules (organism, section 9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.reply.voice import BASE, EXPERTS, blend_weights, compute_voice
from tests.leo.modules.contexts import UNIT

COUNTS = st.integers(0, 5)


@given(UNIT, UNIT, UNIT, COUNTS, st.dictionaries(st.sampled_from(sorted(EXPERTS)), UNIT))
def test_shares_add_up(
    new: float, aroused: float, hurt: float, active: int, boosts: dict[str, float]
) -> None:
    """Shares are at least 0 and sum to 1; the temperature is between the experts' extremes."""
    weights = blend_weights(new, aroused, hurt, active, boosts)
    assert set(weights) == set(EXPERTS) and min(weights.values()) >= 0.0
    assert sum(weights.values()) == pytest.approx(1.0)
    voice = compute_voice(weights)
    assert 0.6 - 1e-9 <= voice.temperature <= 1.3 + 1e-9
    assert weights[voice.expert] == max(weights.values())


def test_quiet_blend_by_hand() -> None:
    """.3 .2 .1 .2 0 over their sum of .8, and its mean temperature."""
    weights = blend_weights(0.0, 0.0, 0.0, 0, {})
    assert weights == {name: pytest.approx(weight / 0.8) for name, weight in BASE.items()}
    voice = compute_voice(weights)
    assert voice.expert == "structural"
    assert voice.temperature == pytest.approx((0.24 + 0.2 + 0.13 + 0.12) / 0.8)
    assert voice.semantic == pytest.approx((0.06 + 0.1 + 0.04 + 0.06) / 0.8)


def test_each_rule_by_hand() -> None:
    """Trauma, novelty, themes, arousal and boosts move the weights that section 9 names."""
    hurt = blend_weights(0.0, 0.0, 0.5, 0, {})
    assert hurt["wounded"] == pytest.approx(0.3 / 0.8)
    # At most .5, and what would fall below 0 is 0.
    assert blend_weights(0.0, 0.0, 1.0, 0, {})["wounded"] == pytest.approx(0.5 / 0.825)
    new = blend_weights(1.0, 0.0, 0.0, 0, {})
    assert new["creative"] == pytest.approx(0.3 / 0.9) and new["precise"] == pytest.approx(
        0.1 / 0.9
    )
    rich = blend_weights(0.0, 0.0, 0.0, 2, {})
    assert rich["semantic"] == pytest.approx(0.3 / 0.85)
    assert rich["structural"] == pytest.approx(0.25 / 0.85)
    loud = blend_weights(0.0, 1.0, 0.0, 0, {})
    assert loud["precise"] == pytest.approx(0.29 / 0.845)
    assert blend_weights(0.0, 0.0, 0.0, 0, {"creative": 0.2})["creative"] == pytest.approx(0.3)


@given(UNIT, UNIT)
def test_more_trauma_is_no_less_wounded(one: float, other: float) -> None:
    """The wounded share grows with the level."""
    low, high = sorted((one, other))
    shares = [blend_weights(0.0, 0.0, level, 0, {})["wounded"] for level in (low, high)]
    assert shares[0] <= shares[1] + 1e-12
