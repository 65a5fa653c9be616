"""MetaLeo: weights, scores, the choice, the buffer (organism, section 15)."""

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import Pulse, Quality
from leo.modules.metaleo import (
    Fragment,
    MetaLeo,
    coherence,
    length_score,
    meta_weight,
    resonance,
    score_text,
)
from leo.reply.context import Facts, Inner, Seen, Spoken
from tests.leo.modules.contexts import UNIT, Store, after

POOR = Quality(0.2, 0.4, 0.3)
FLAT = Pulse(0.0, 0.0, 0.1, 0.0)
FINE = "The river rose in the night. Nobody heard it, and morning found the meadow shining."


def saying(text: str) -> Seen:
    """A view whose every walk says `text`."""

    def speak(rng: Random, temperature: float, boosts: Mapping[str, float], most: int) -> Spoken:
        assert temperature == 1.1 and most == 60 and boosts
        return Spoken(text, tuple(text.split()), 0.5)

    return Seen(speak=speak)


@pytest.mark.parametrize(
    ("entropy", "trauma", "quality", "aroused", "weight"),
    [
        (0.5, 0.0, 0.8, 0.0, 0.1),
        (0.2, 0.0, 0.8, 0.0, 0.25),
        (0.5, 0.7, 0.8, 0.0, 0.25),
        (0.5, 0.0, 0.3, 0.0, 0.2),
        (0.5, 0.0, 0.8, 0.8, 0.15),
        (0.2, 0.7, 0.3, 0.8, 0.5),
    ],
)
def test_weight_by_hand(
    entropy: float, trauma: float, quality: float, aroused: float, weight: float
) -> None:
    """.1 and its four additions, at most .5."""
    pulse = Pulse(0.0, aroused, entropy, 0.0)
    assert meta_weight(pulse, trauma, quality) == pytest.approx(weight)


@given(UNIT, UNIT, UNIT, UNIT)
def test_weight_is_bounded(entropy: float, trauma: float, quality: float, aroused: float) -> None:
    """The weight is in [.1, .5]."""
    pulse = Pulse(0.0, aroused, entropy, 0.0)
    assert 0.1 <= meta_weight(pulse, trauma, quality) <= 0.5


@given(st.text("aAbB .!?—,", max_size=80))
def test_scores_are_bounded(text: str) -> None:
    """Each part of the score, and the score, is in [0, 1]."""
    for value in (coherence(text), resonance(text), length_score(text), score_text(text)):
        assert 0.0 <= value <= 1.0


def test_scores_by_hand() -> None:
    """Coherence by its five terms; resonance of repetition; length around 40 words."""
    assert coherence("It rains. It pours.") == pytest.approx(0.8)
    assert coherence("it rains — so") == 0.0
    assert coherence("It rains — yes") == pytest.approx(0.25)
    assert resonance("a b") == 0.0
    assert resonance("one two three") == pytest.approx(1.0)
    # Words a a a a: 1/4 different, pairs 1/3 different, two repetitions beyond the second.
    assert resonance("a a a a") == pytest.approx(0.5 / 4 + 0.5 / 3 - 0.2)
    assert length_score("one two") == 0.2
    assert length_score("w " * 40) == 1.0
    assert length_score("w " * 81) == 0.5
    assert length_score("w " * 20) == pytest.approx(0.5)


def test_a_better_alternative_is_said() -> None:
    """A poor, flat reply gives way; what was first said stays on the mind."""
    meta, buffer = MetaLeo(), (Fragment("ring2", "river"),)
    context = after(text="a a a a.", quality=POOR, pulse=FLAT, seen=saying(FINE))
    changes = meta.after(buffer, context, Random(0))
    assert changes.text == FINE
    facts = changes.facts or Facts()
    assert facts.meta_weight == pytest.approx(0.35)
    assert facts.meta_used and facts.rings == 1
    assert changes.puts[0].rows == (("meta", "a a a a.", 1000.0),)


def test_a_worse_alternative_is_only_remembered() -> None:
    """Without a margin of .05 the reply stays, and the alternative is remembered."""
    meta, buffer = MetaLeo(), (Fragment("ring2", "river"),)
    context = after(text=FINE, quality=POOR, pulse=FLAT, seen=saying(FINE))
    changes = meta.after(buffer, context, Random(0))
    assert changes.text is None and changes.facts is not None and not changes.facts.meta_used
    assert changes.puts[0].rows == (("meta", FINE, 1000.0),)


def test_a_good_reply_is_not_questioned() -> None:
    """With a weight of .2 or less nothing is generated."""
    changes = MetaLeo().after((Fragment("base", "x"),), after(seen=Seen(speak=None)), Random(0))
    assert changes.text is None and changes.puts == ()


def test_buffer_keeps_the_newest_eight_across_restarts() -> None:
    """Thoughts of the last ring enter; eight fragments of at most 200 characters stay."""
    meta = MetaLeo()
    store = Store(meta)
    for number in range(11):
        context = after(text=f"{number} " + "x" * 300, inner=Inner("ring", 2))
        store.write(meta.after(meta.load(store.read()), context, Random(0)))
    first = after(text="first ring", inner=Inner("ring", 0))
    store.write(meta.after(meta.load(store.read()), first, Random(0)))
    buffer = meta.load(store.read())
    assert [fragment.text.split()[0] for fragment in buffer] == [str(n) for n in range(3, 11)]
    assert all(fragment.tag == "ring2" and len(fragment.text) == 200 for fragment in buffer)
    assert store.all("SELECT count(*) FROM metaleo") == [(8,)]
