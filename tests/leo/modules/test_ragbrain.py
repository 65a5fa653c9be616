"""RAGBrain: distances, the likest episodes, the log (organism, section 14)."""

import math
from dataclasses import astuple, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.modules.mathstate import SCALARS, MathState, unit_of, unspoken_state
from leo.modules.ragbrain import Episode, RAGBrain, Summary, unit_distance
from leo.reply.voice import Voice
from tests.leo.modules.contexts import FAIR, UNIT, Store, after, before

VECTORS = st.lists(UNIT, min_size=4, max_size=4)


def state(expert: str = "structural", **given: float) -> MathState:
    """A state of halves."""
    return MathState(**({name: 0.5 for name in SCALARS} | given), expert=expert)


@given(VECTORS, VECTORS)
def test_distance_is_symmetric_and_bounded(one: list[float], other: list[float]) -> None:
    """In [0, 2]; the same both ways; 0 to itself, unless it is the zero vector."""
    first, second = unit_of(one), unit_of(other)
    far = unit_distance(first, second)
    assert 0.0 <= far <= 2.0 and far == pytest.approx(unit_distance(second, first))
    if math.hypot(*one) > 1e-6:
        assert unit_distance(first, first) == pytest.approx(0.0, abs=1e-9)


def test_distance_by_hand() -> None:
    """Orthogonal vectors are at 1, opposite ones at 2, and so is the zero vector at 1."""
    assert unit_distance((1, 0), (0, 1)) == 1.0
    assert unit_distance((1, 0), (-1, 0)) == 2.0
    assert unit_distance((0, 0), unit_of((1, 1))) == 1.0


def test_numbers_are_clamped() -> None:
    """NaN becomes 0; everything is cut to [0, 1], the expert's temperature to [0, 2]."""
    odd = state(entropy=math.nan, novelty=7.0, arousal=-1.0, expert_temperature=9.0)
    assert (odd.entropy, odd.novelty, odd.arousal, odd.expert_temperature) == (0.0, 1.0, 0.0, 2.0)


def test_features_name_the_expert() -> None:
    """Sixteen numbers and one of five experts; an unknown name counts as structural."""
    assert state("creative").features() == (*[0.5] * 16, 0.0, 0.0, 1.0, 0.0, 0.0)
    assert state("inner").features()[16:] == (1.0, 0.0, 0.0, 0.0, 0.0)


def test_nearest_first_and_only_good_ones() -> None:
    """The nearest episodes of at least the asked quality."""
    rag = RAGBrain()
    near, mid, far = (
        Episode(state(novelty=novelty), quality, 0.0)
        for novelty, quality in ((0.5, 0.2), (0.6, 0.9), (0.0, 0.7))
    )
    found = rag.query_similar((far, mid, near), state(), top=2)
    assert [episode for _, episode in found] == [near, mid]
    found = rag.query_similar((far, mid, near), state(), top=2, min_quality=0.5)
    assert [episode for _, episode in found] == [mid, far]
    assert len(rag.query_similar((far, mid, near), state(), min_quality=0.7)) == 2
    assert rag.query_similar((), state()) == []


def test_a_summary_is_that_of_the_nearest() -> None:
    """How many of the nearest there are, their mean and best quality, how far they are on average;
    of no episode, nothing.
    """
    rag = RAGBrain()
    near, mid, far = (
        Episode(state(novelty=novelty), quality, 0.0)
        for novelty, quality in ((0.5, 0.2), (0.6, 0.8), (0.0, 1.0))
    )
    found = rag.get_summary_for_state((far, mid, near), state(), top=2)
    distance = unit_distance(mid.state.unit, near.state.unit) / 2
    assert astuple(found) == pytest.approx((2, 0.5, 0.8, distance))
    found = rag.get_summary_for_state((far, *[mid] * 9, near), state())
    assert (found.count, found.max_quality) == (10, 0.8)
    assert rag.get_summary_for_state((), state()) == Summary(0, 0.0, 0.0, 0.0)


def test_a_like_episode_gives_its_expert_weight() -> None:
    """The best of the like episodes lends its expert 0.1 of its quality; an unlike one nothing."""
    rag, context = RAGBrain(), before(novelty=0.9)
    like = replace(unspoken_state(context), expert="creative")
    hints = rag.before((Episode(like, 0.8, 0.0),), context, Random(0))
    assert hints.weights == {"creative": pytest.approx(0.08)}
    for length, weights in ((0.39, 1), (0.36, 0)):
        # Nearer or farther than .05 by the length alone.
        near = replace(like, length=length)
        far = unit_distance(near.unit, unspoken_state(context).unit)
        assert (far <= 0.05) == bool(weights), far
        hints = rag.before((Episode(near, 0.8, 0.0),), context, Random(0))
        assert len(hints.weights) == weights
    unlike = state("creative", length=0.0, unique_ratio=0.0, expert_temperature=0.0)
    assert rag.before((Episode(unlike, 0.8, 0.0),), context, Random(0)).weights == {}


def test_an_episode_comes_back_as_it_was() -> None:
    """What is logged after a reply is what the next reply finds."""
    rag = RAGBrain()
    store = Store(rag)
    voice = Voice("creative", 0.9, 0.3)
    context = after("Rain?", text="Rain.", session="s9", voice=voice)
    store.write(rag.after((), context, Random(0)))
    (episode,) = rag.load(store.read())
    assert episode.quality == FAIR.overall and episode.at == 1000.0
    assert episode.state.expert == "creative" and episode.state.expert_temperature == 0.9
    assert episode.state.length == pytest.approx(2 / 64) and episode.state.unique_ratio == 1.0
    assert store.all("SELECT session, prompt, reply FROM episodes") == [("s9", "Rain?", "Rain.")]
