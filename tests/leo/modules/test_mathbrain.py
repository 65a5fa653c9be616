"""MathBrain, MultiLeo and RAGBrain: numbers of a reply, and what is learned of them."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.modules.mathbrain import Brain, MathBrain
from leo.modules.mathstate import SCALARS, MathState, spoken_state, unit_of, unspoken_state
from leo.modules.mlp import INPUTS, PARAMETERS, Network, fresh_network
from leo.modules.multileo import Profile, Scores, merge_profile, profile_key, regulate, scores
from leo.modules.ragbrain import Episode, RAGBrain, Summary, unit_distance
from leo.reply.voice import Voice
from tests.leo.modules.support import FAIR, UNIT, Store, after, before

# A network that expects something of the state in the test of regulation.
SEED = 21
SEEDS = st.integers(0, 50)
VECTORS = st.lists(UNIT, min_size=INPUTS, max_size=INPUTS)


@given(SEEDS, VECTORS, UNIT)
def test_gradient_is_the_derivative(seed: int, inputs: list[float], target: float) -> None:
    """Every tenth component equals the central difference of the loss."""
    network, step = fresh_network(seed), 1e-6
    loss, gradient = network.gradient(inputs, target)
    assert loss == pytest.approx((network.output(inputs) - target) ** 2)
    for place in range(seed % 10, PARAMETERS, 10):
        sides = []
        for sign in (1, -1):
            moved = list(network.parameters)
            moved[place] += sign * step
            sides.append((Network(tuple(moved)).output(inputs) - target) ** 2)
        assert gradient[place] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-6)


def test_size_and_seed() -> None:
    """369 parameters with zero biases; the same seed gives the same network, another another."""
    network = fresh_network(3)
    assert MathBrain().load({"network": [], "profiles": []}).network == fresh_network(0)
    assert PARAMETERS == 369 == len(network.parameters) == len(network.gradient([0.0] * 21, 1.0)[1])
    assert network == fresh_network(3) != fresh_network(4)
    assert network.parameters[336:352] == (0.0,) * 16 and network.parameters[-1] == 0.0
    spread = math.sqrt(sum(p * p for p in network.parameters[:336]) / 336)
    assert spread == pytest.approx(math.sqrt(2 / 21), rel=0.15)


def test_parameters_are_clamped() -> None:
    """A parameter at the bound is not moved beyond it."""
    network = Network((5.0,) * PARAMETERS)
    flat = Network((0.0,) * (PARAMETERS - 1) + (-4.9999,))
    assert max(network.learned([1.0] * INPUTS, 1.0).parameters) == 5.0
    assert min(flat.learned([0.0] * INPUTS, -1.0).parameters) >= -5.0


def test_running_loss() -> None:
    """The first loss, and then a mean with alpha 0.05."""
    network, inputs = fresh_network(), [0.5] * INPUTS
    one = network.learned(inputs, 0.9)
    two = one.learned(inputs, 0.1)
    assert one.loss == pytest.approx(network.gradient(inputs, 0.9)[0])
    assert two.loss == pytest.approx(0.95 * one.loss + 0.05 * one.gradient(inputs, 0.1)[0])


def test_predictions_are_qualities() -> None:
    """The prediction is in [0, 1] for every output."""
    inputs = [1.0] * INPUTS
    high, low = Network((5.0,) * PARAMETERS), Network((5.0,) * 352 + (-5.0,) * 17)
    assert high.predict(inputs) == pytest.approx(1.0) and high.output(inputs) <= 1.0
    assert low.output(inputs) < 0.0 == low.predict(inputs)


def test_it_learns_what_quality_to_expect() -> None:
    """After 300 replies of one kind the prediction is near their quality, across restarts."""
    brain = MathBrain(seed=1)
    store, context = Store(brain), after("rain")
    for _ in range(300):
        store.write(brain.after(brain.load(store.read()), context, Random(0)))
    state = brain.load(store.read())
    assert state.network.observations == 300
    assert brain.predict(state, spoken_state(context)) == pytest.approx(0.8, abs=0.05)


def test_a_network_that_is_not_finite_is_begun_anew() -> None:
    """NaN weights or a wrong number of them are not kept."""
    brain = MathBrain(seed=2)
    for bad in ("[NaN]", "[1.0, 2.0]"):
        rows: dict[str, Any] = {"network": [(bad, 5, 0.1)], "profiles": []}
        assert brain.load(rows).network == fresh_network(2)
    broken = Brain(Network((math.nan,) * PARAMETERS), {})
    assert brain.observe(broken, spoken_state(after()), 0.5) == fresh_network(2)


def test_regulation_with_active_themes_leaves_an_event_and_a_profile() -> None:
    """The case that was skipped in the published program: themes are active."""
    brain = MathBrain(SEED)
    store, themes = Store(brain), {"rain": 2, "sea": 1}
    state = brain.load(store.read())
    hints = brain.before(state, before("hm", themes, novelty=0.0, themes_known=4), Random(0))
    # Boredom: .35 + .35 + .15 + .15 = 1, so .2 warmer; not stuck.
    assert hints.expert == "creative" and hints.shift == pytest.approx(0.2)
    voice = Voice("creative", 0.8 + hints.shift, 0.2, hints.shift, "structural")
    context = after("hm", themes=themes, novelty=0.0, voice=voice, themes_known=4)
    store.write(brain.after(state, context, Random(0)))
    (event,) = store.all(
        "SELECT key, boredom_before, temperature_before, temperature_after, expert_before, "
        "expert_after, quality FROM multileo_events"
    )
    assert event[0].startswith("rain sea|H") and event[1] == pytest.approx(1.0)
    assert event[2:] == (pytest.approx(0.8), voice.temperature, "structural", "creative", 0.8)
    assert store.all("SELECT key, samples FROM multileo_profiles") == [(event[0], 1)]
    ((predicted,),) = store.all("SELECT quality_predicted FROM multileo_events")
    assert 0.05 < predicted < 0.6
    profile = brain.load(store.read()).profiles[event[0]]
    assert profile.samples == 1 and profile.quality == pytest.approx(0.8 - predicted)


EXPERTS = st.sampled_from(["structural", "semantic", "creative", "precise", "wounded"])


def state(**given: float) -> MathState:
    """A state of zeros."""
    return MathState(**({name: 0.0 for name in SCALARS} | given), expert="structural")


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


def ragbrain_state(expert: str = "structural", **given: float) -> MathState:
    """A state of halves."""
    return MathState(**({name: 0.5 for name in SCALARS} | given), expert=expert)


def test_distance_by_hand() -> None:
    """Orthogonal vectors are at 1, opposite ones at 2, and so is the zero vector at 1."""
    assert unit_distance((1, 0), (0, 1)) == 1.0
    assert unit_distance((1, 0), (-1, 0)) == 2.0
    assert unit_distance((0, 0), unit_of((1, 1))) == 1.0


def test_numbers_are_clamped() -> None:
    """NaN becomes 0; everything is cut to [0, 1], the expert's temperature to [0, 2]."""
    odd = ragbrain_state(entropy=math.nan, novelty=7.0, arousal=-1.0, expert_temperature=9.0)
    assert (odd.entropy, odd.novelty, odd.arousal, odd.expert_temperature) == (0.0, 1.0, 0.0, 2.0)


def test_features_name_the_expert() -> None:
    """Sixteen numbers and one of five experts; an unknown name counts as structural."""
    assert ragbrain_state("creative").features() == (*[0.5] * 16, 0.0, 0.0, 1.0, 0.0, 0.0)
    assert ragbrain_state("inner").features()[16:] == (1.0, 0.0, 0.0, 0.0, 0.0)


def test_nearest_first_and_only_good_ones() -> None:
    """The nearest episodes of at least the asked quality; their count, mean and best quality and
    mean distance. Of no episode, nothing.
    """
    rag, asked = RAGBrain(), ragbrain_state()
    near, mid, far = (
        Episode(ragbrain_state(novelty=novelty), quality, 0.0)
        for novelty, quality in ((0.5, 0.2), (0.6, 0.8), (0.0, 0.7))
    )

    def found(**given: float) -> list[Episode]:
        similar = rag.query_similar((far, mid, near), asked, **given)  # type: ignore[arg-type]
        return [episode for _, episode in similar]

    assert found(top=2) == [near, mid] and found(top=2, min_quality=0.5) == [mid, far]
    assert len(found(min_quality=0.7)) == 2 and rag.query_similar((), asked) == []
    distance = unit_distance(mid.state.unit, near.state.unit) / 2
    summed = rag.get_summary_for_state((far, mid, near), asked, top=2)
    assert astuple(summed) == pytest.approx((2, 0.5, 0.8, distance))
    ten = rag.get_summary_for_state((far, *[mid] * 9, near), asked)
    assert (ten.count, ten.max_quality) == (10, 0.8)
    assert rag.get_summary_for_state((), asked) == Summary(0, 0.0, 0.0, 0.0)


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
    unlike = ragbrain_state("creative", length=0.0, unique_ratio=0.0, expert_temperature=0.0)
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
