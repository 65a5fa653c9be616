"""Trauma: scores, levels, decay (organism, section 15e)."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import Pulse
from leo.field.seed import SEED_TEXT
from leo.modules.trauma import FUNCTION_WORDS, HALF_LIFE, MIN_LETTERS, Trauma, content_words, decay
from tests.leo.modules.contexts import QUIET, UNIT, Store, after, moment
from tests.leo.modules.script import EVERYDAY

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
    """A prompt with no word of the beginning that does not ask who one is has no score, however new
    or loud it is: it leaves no event, and halves the level.
    """
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


@given(st.text(max_size=60), UNIT, UNIT, UNIT)
def test_scores_are_levels(prompt: str, novelty: float, aroused: float, entropy: float) -> None:
    """Whatever is said, score and level are in [0, 1]."""
    trauma, pulse = Trauma(), Pulse(novelty, aroused, entropy, 0.0)
    state = trauma.load({"events": [(1.0, 0.0)] * 10, "level": [(1.0, 0.0)], "words": []})
    assert 0.0 <= trauma.score(prompt, pulse).score <= 1.0
    facts = trauma.after(state, after(prompt, pulse=pulse), Random(0)).facts
    assert facts is not None and 0.0 <= facts.trauma <= 1.0


@given(UNIT, st.floats(0, 1e7), st.floats(0, 1e7))
def test_decay_falls_with_time(value: float, one: float, other: float) -> None:
    """The older, the less; nothing is left below 0.0001."""
    soon, late = sorted((one, other))
    assert decay(value, late) <= decay(value, soon) <= value
    assert decay(value, late) == 0.0 or decay(value, late) >= 1e-4


def test_half_is_left_after_a_day() -> None:
    """0.5 ** (hours / 24)."""
    assert HALF_LIFE == 86400
    assert decay(0.8, HALF_LIFE) == pytest.approx(0.4)


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
