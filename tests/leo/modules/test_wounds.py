"""Emotion, Trauma and Bias: what is charged, what hurts, where a reply begins."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.generation import generate_walk
from leo.field.measure import Pulse, arousal
from leo.field.seed import SEED_TEXT
from leo.field.text import tokenize
from leo.field.view import View
from leo.modules.bias import SHARDS, Bias
from leo.modules.emotion import HALF_LIFE, MAX_CHARGE, Charge, Emotion, charges, stirred
from leo.modules.trauma import FUNCTION_WORDS, MIN_LETTERS, Trauma, content_words, decay
from leo.reply.context import Seen
from tests.leo.modules.support import EVERYDAY, QUIET, Store, TinyDriver, after, moment

TEXTS = st.lists(st.sampled_from(["NO", "yes", "!", "the", "A", "river", "."]), max_size=12)


@given(TEXTS)
def test_charges_are_those_that_arousal_counts(tokens: list[str]) -> None:
    """The charges of a text add up to the charge that its arousal is made of."""
    total = math.fsum(charges(tokens).values())
    wanted = 1 - math.exp(-0.5 * total / len(tokens)) if tokens else 0.0
    assert math.isclose(arousal(tokens), wanted, abs_tol=1e-12)


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


WOUND = "The grass remembers silence."
CALM = "Bread tastes nicer today."


def test_words_that_count() -> None:
    """Words of five letters and more, without case; function words do not count, however long."""
    assert content_words("The grass, and the GRASS of words") == {"grass", "words"}
    assert all(len(word) >= MIN_LETTERS for word in FUNCTION_WORDS)
    assert content_words("There, where somebody is still within WHICH?") == frozenset()
    said = "after another before between every often other somebody still there these thing where"
    assert not content_words(f"{said} which while within without") & Trauma().bootstrap


@pytest.mark.parametrize("prompt", [*EVERYDAY[:3], "A leopard sleeps.", "who were you", "42", ""])
def test_what_touches_nothing_does_not_hurt(prompt: str) -> None:
    """No score, however new or loud it is: no event, and half the level."""
    trauma, pulse = Trauma(), Pulse(1.0, 1.0, 1.0, 1.0)
    assert trauma.score(prompt, pulse) == (0.0, 0.0, ())
    store = Store(trauma)
    store.write(trauma.after(trauma.load(store.read()), after(WOUND), Random(0)))
    state = trauma.load(store.read())
    store.write(trauma.after(state, after(prompt, pulse=pulse), Random(0)))
    assert trauma.level(trauma.load(store.read()), 1000.0) == pytest.approx(0.5)
    assert store.all("SELECT count(*) FROM trauma_events") == [(1,)]


@pytest.mark.parametrize("prompt", ["Leo!", "and WHO ARE YOU, then?", "Is it Leo's?"])
def test_asking_who_one_is_hurts(prompt: str) -> None:
    """The questions of identity, whole words of any case, deepen what the pulse adds."""
    wound = Trauma().score(prompt, Pulse(1.0, 0.0, 0.5, 0.0))
    assert wound.score == pytest.approx(0.3 + 0.1 + 0.2) and wound.words == ()


def test_score_by_hand() -> None:
    """min(1, 2 overlap) + .3 novelty + .4 arousal + .2 entropy + .2 for asking who one is."""
    trauma = Trauma("the grass remembers")
    pulse = Pulse(0.1, 0.1, 0.1, 0.0)
    wound = trauma.score("grass wears heavy winter clouds", pulse)
    assert wound.overlap == pytest.approx(1 / 5) and wound.words == ("grass",)
    assert wound.score == pytest.approx(0.4 + 0.03 + 0.04 + 0.02)
    assert trauma.score("who are you", pulse).score == pytest.approx(0.2 + 0.09)


def test_half_is_left_after_a_day() -> None:
    """Nothing below 0.0001, and all of what a clock put into the future."""
    assert decay(2e-4, HALF_LIFE) == 1e-4 and decay(1.99e-4, HALF_LIFE) == 0.0
    assert decay(0.8, -HALF_LIFE) == 0.8


def test_the_level_rises_is_kept_decays_and_heals() -> None:
    """A wound gives a level that survives in rows, fades with time, and heals by calm prompts."""
    trauma = Trauma(SEED_TEXT)
    store = Store(trauma)
    assert trauma.hear(trauma.load(store.read()), moment()).trauma == 0.0
    wound = trauma.after(trauma.load(store.read()), after(WOUND, now=1000.0), Random(0))
    store.write(wound)
    assert wound.facts is not None and wound.facts.trauma == pytest.approx(1.0)
    state = trauma.load(store.read())
    assert trauma.level(state, 1000.0 + HALF_LIFE) == pytest.approx(0.5)
    assert [word for word, _ in trauma.top_words(state, 1000.0)] == [
        "grass",
        "remembers",
        "silence",
    ]
    assert trauma.top_words(state, 1000.0 + 20 * HALF_LIFE) == []
    store.write(trauma.after(state, after(CALM, pulse=QUIET), Random(0)))
    healed = trauma.level(trauma.load(store.read()), 1000.0)
    # Half of the way to the score of a calm prompt, which is 0.
    assert healed == pytest.approx(0.5 * 1.0)
    assert store.all("SELECT count(*) FROM trauma_events") == [(1,)]


def test_level_is_the_mean_of_score_and_recent_events() -> None:
    """.5 score + .5 mean of the last ten event scores, the new one among them."""
    trauma = Trauma("the grass remembers")
    state = trauma.load({"events": [(0.3, 1000.0)] * 10, "level": [(0.3, 1000.0)], "words": []})
    changes = trauma.after(state, after("grass remembers", now=1000.0), Random(0))
    assert changes.facts is not None
    assert changes.facts.trauma == pytest.approx(0.5 + 0.5 * (1.0 + 9 * 0.3) / 10)


def test_an_event_needs_a_score_of_three_tenths() -> None:
    """Just below the threshold nothing is remembered, at it there is an event."""
    # One word of eight: 0.25.
    said = "grass wears heavy winter clouds above seven sleeping sheep"
    for novelty, events in ((0.16, 0), (0.17, 1)):
        trauma = Trauma("grass")
        store, pulse = Store(trauma), Pulse(novelty, 0.0, 0.0, 0.0)
        state = trauma.load({"events": [], "level": [(0.1, 1000.0)], "words": []})
        changes = trauma.after(state, after(said, pulse=pulse), Random(0))
        store.write(changes)
        assert store.all("SELECT count(*) FROM trauma_events") == [(events,)]
        # A touch below the threshold heals down to its own score, and never hurts.
        assert changes.facts is not None and (changes.facts.trauma > 0.1) == bool(events)


def test_a_word_gains_by_each_wound_what_is_left_and_the_score() -> None:
    """The weight of a touched word is halved per day, and each event adds its score."""
    trauma = Trauma("grass")
    store, pulse = Store(trauma), Pulse(0.0, 0.0, 0.0, 0.0)
    for now in (500.0, 500.0 + HALF_LIFE):
        state = trauma.load(store.read(now=now))
        store.write(trauma.after(state, after("grass", pulse=pulse, now=now), Random(0)))
    ((weight,),) = store.all("SELECT weight FROM trauma_words")
    assert weight == pytest.approx(0.5 * 1.0 + 1.0)
    ((word, left),) = trauma.top_words(trauma.load(store.read()), 500.0 + 2 * HALF_LIFE)
    assert word == "grass" and left == pytest.approx(0.75)


LISTS = st.lists(st.sampled_from(["the", "a", "word", "path", "it's"]), min_size=1, unique=True)


def keep(store: Store, module: Bias, centres: tuple[str, ...], now: float) -> None:
    """One reply that finds these centres in its view."""
    given = after("x", now=now, seen=Seen(centres=centres))
    store.write(module.after({}, given, Random(0)))


def start_of(view: View, starts: dict[str, float], seed: int) -> str:
    """The first token of a walk."""
    return generate_walk(view, Random(seed), 1.0, {}, 1, starts).tokens[0]


@given(st.lists(LISTS, max_size=60))
def test_bias_counts_the_kept_lists(lists: list[list[str]]) -> None:
    """As naively: the 32 lists touched last, each once, and a token's bias is how many have it."""
    module = Bias()
    store = Store(module)
    for now, centres in enumerate(lists):
        keep(store, module, tuple(centres), float(now))
    last = list(dict.fromkeys(tuple(centres) for centres in reversed(lists)))[:SHARDS]
    wanted = Counter(token for centres in last for token in centres)
    assert module.load(store.read()) == dict(wanted)


def test_the_oldest_list_goes() -> None:
    """Of forty different lists the last 32 stay; one that is touched again is not the oldest."""
    module = Bias()
    store = Store(module)
    for now in range(SHARDS):
        keep(store, module, (f"w{now}",), float(now))
    keep(store, module, ("w0",), 100.0)
    for now in range(SHARDS, 40):
        keep(store, module, (f"w{now}",), 100.0 + now)
    assert set(module.load(store.read())) == {"w0", *(f"w{now}" for now in range(9, 40))}


def test_a_walk_begins_in_proportion_to_the_bias() -> None:
    """Twice the weight begins twice as often; a centre without weight never begins."""
    view = TinyDriver(modules=()).view
    one, two, *rest = (view.words.names[id] for id in view.words.centres())
    found = Counter(start_of(view, {one: 1.0, two: 2.0}, seed) for seed in range(600))
    assert set(found) == {one, two} and rest
    assert found[two] / 600 == pytest.approx(2 / 3, abs=0.06)


@pytest.mark.parametrize("starts", [{}, {"nowhere": 3.0}, {"nowhere": 0.0}])
def test_without_a_centre_in_it_the_bias_says_nothing(starts: dict[str, float]) -> None:
    """The start is then chosen evenly, and with the very same luck."""
    view = TinyDriver(modules=()).view
    for seed in range(40):
        assert start_of(view, starts, seed) == start_of(view, {}, seed)
