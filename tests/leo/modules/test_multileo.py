"""MultiLeo: the three scores, the nudges, what is learned of them (organism, section 13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.modules.mathstate import SCALARS, MathState
from leo.modules.multileo import Profile, Scores, merge_profile, profile_key, regulate, scores
from tests.leo.modules.contexts import UNIT

EXPERTS = st.sampled_from(["structural", "semantic", "creative", "precise", "wounded"])
CALM = Scores(0.0, 0.0, 0.0)


def state(**given: float) -> MathState:
    """A state of zeros."""
    return MathState(**({name: 0.0 for name in SCALARS} | given), expert="structural")


@given(UNIT, UNIT, UNIT, UNIT, UNIT, UNIT)
def test_scores_are_bounded(
    new: float, aroused: float, hurt: float, entropy: float, active: float, predicted: float
) -> None:
    """Each score is in [0, 1]."""
    found = scores(
        state(novelty=new, arousal=aroused, trauma=hurt, entropy=entropy, active=active), predicted
    )
    assert all(-1e-12 <= score <= 1.0 + 1e-12 for score in found)


def test_scores_by_hand() -> None:
    """Nothing going on at an even entropy is plain boredom; an active share lessens being stuck."""
    assert scores(state(entropy=0.5), 1.0) == pytest.approx((1.0, 0.2, 0.0))
    loud = state(novelty=1.0, arousal=1.0, trauma=1.0, entropy=1.0, active=0.25)
    assert scores(loud, 0.0) == pytest.approx((0.0, 1.0, 0.7 + 0.3 * 0.75))
    assert scores(state(arousal=0.5, entropy=0.5, trauma=0.1), 0.0).overwhelm == pytest.approx(0.5)


@given(st.floats(0.3, 1.4), EXPERTS, UNIT, UNIT, UNIT)
def test_the_nudge_keeps_the_temperature_in_range(
    temperature: float, expert: str, bored: float, overwhelmed: float, stuck: float
) -> None:
    """T + shift is in [0.1, 1.5], by at most 0.3; the wounded stay wounded."""
    found = regulate(temperature, expert, Scores(bored, overwhelmed, stuck), Profile())
    assert 0.1 - 1e-9 <= temperature + found.shift <= 1.5 + 1e-9
    assert abs(found.shift) <= 0.3 + 1e-9
    assert expert != "wounded" or found.expert == "wounded"


@given(UNIT, UNIT)
def test_more_boredom_is_no_cooler(one: float, other: float) -> None:
    """The nudge grows with boredom and falls with being overwhelmed."""
    low, high = sorted((one, other))
    plain = Profile()
    shifts = [regulate(0.8, "semantic", CALM._replace(boredom=b), plain).shift for b in (low, high)]
    assert shifts[0] <= shifts[1]
    shifts = [
        regulate(0.8, "semantic", CALM._replace(overwhelm=o), plain).shift for o in (low, high)
    ]
    assert shifts[0] >= shifts[1]


@pytest.mark.parametrize(
    ("expert", "found", "shift", "chosen"),
    [
        ("structural", Scores(0.6, 0.7, 0.6), 0.0, "structural"),
        ("structural", Scores(0.7, 0.0, 0.0), 0.05, "structural"),
        ("structural", Scores(1.0, 0.0, 0.0), 0.2, "creative"),
        ("creative", Scores(0.0, 1.0, 0.0), -0.2, "precise"),
        ("structural", Scores(0.0, 1.0, 0.0), -0.2, "structural"),
        ("structural", Scores(0.0, 0.0, 0.8), 0.1, "semantic"),
        ("precise", Scores(0.0, 0.0, 0.8), 0.1, "precise"),
    ],
)
def test_nudges_by_hand(expert: str, found: Scores, shift: float, chosen: str) -> None:
    """.2 (b - .6) / .4, -.2 (o - .7) / .3, .1 when stuck; the experts they call for."""
    regulation = regulate(0.8, expert, found, Profile())
    assert regulation.shift == pytest.approx(shift) and regulation.expert == chosen


def test_what_did_not_help_is_done_by_half() -> None:
    """Three samples with falling quality halve the nudge; two, or a rise, do not."""
    bored = Scores(1.0, 0.0, 0.0)
    for profile, shift in (
        (Profile(3, quality=-0.1), 0.1),
        (Profile(2, quality=-0.1), 0.2),
        (Profile(3, quality=0.1), 0.2),
    ):
        assert regulate(0.8, "semantic", bored, profile).shift == pytest.approx(shift)


def test_key_has_three_words_and_levels() -> None:
    """Sorted core words, at most three, and L, M or H for each score."""
    assert profile_key(("d", "b", "a", "c"), Scores(0.1, 0.5, 0.9)) == "a b c|LMH"
    assert profile_key((), Scores(0.33, 0.66, 0.67)) == "|LMH"


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=9))
def test_profile_has_the_means(samples: list[tuple[float, float]]) -> None:
    """Running means equal the means of all deltas."""
    profile = Profile()
    for start, end in samples:
        before, then = Scores(start, 0.0, 0.0), Scores(end, 0.0, 0.0)
        profile = merge_profile(profile, before, then, end)
    assert profile.samples == len(samples)
    mean = sum(end - start for start, end in samples) / len(samples)
    assert profile.boredom == pytest.approx(mean, abs=1e-9)
    assert profile.quality == pytest.approx(sum(end for _, end in samples) / len(samples))
