"""MathBrain: the network, its gradient, what it learns and keeps (organism, section 13)."""

import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.modules.mathbrain import Brain, MathBrain
from leo.modules.mathstate import spoken_state
from leo.modules.mlp import INPUTS, PARAMETERS, Network, fresh_network
from leo.reply.voice import Voice
from tests.leo.modules.contexts import UNIT, Store, after, before

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


@given(SEEDS, VECTORS, UNIT)
def test_learning_lessens_the_loss(seed: int, inputs: list[float], target: float) -> None:
    """A step of 0.01 does not make the same example worse, and parameters stay in [-5, 5]."""
    network = fresh_network(seed)
    learned = network.learned(inputs, target)
    assert learned.gradient(inputs, target)[0] <= network.gradient(inputs, target)[0] + 1e-9
    assert max(map(abs, learned.parameters)) <= 5.0 and learned.observations == 1


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
    """Whatever the output, the prediction is in [0, 1]."""
    inputs = [1.0] * INPUTS
    high, low = Network((5.0,) * PARAMETERS), Network((5.0,) * 352 + (-5.0,) * 17)
    assert high.predict(inputs) == pytest.approx(1.0) and high.output(inputs) <= 1.0
    assert low.output(inputs) < 0.0 == low.predict(inputs)


def test_wrong_number_of_inputs_is_refused() -> None:
    """The network says how many inputs it takes."""
    with pytest.raises(ValueError, match=r"^the network takes 21 inputs, not 2$"):
        fresh_network().output([0.0, 1.0])


def test_it_learns_what_quality_to_expect() -> None:
    """After 300 replies of one kind the prediction is near their quality, across restarts."""
    brain = MathBrain(seed=1)
    store, context = Store(brain), after("rain")
    for _ in range(300):
        store.write(brain.after(brain.load(store.read()), context, Random(0)))
    state = brain.load(store.read())
    assert state.network.observations == 300
    assert brain.predict(state, spoken_state(context)) == pytest.approx(0.8, abs=0.05)


@given(SEEDS)
def test_weights_come_back_as_they_were(seed: int) -> None:
    """A saved network is read back exactly."""
    brain = MathBrain()
    store, network = Store(brain), fresh_network(seed).learned([0.3] * INPUTS, 0.7)
    store.write(brain.puts(network))
    assert brain.load(store.read()).network == network


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
