"""Overthinking: three rings, described and not run (organism, section 15f)."""

from random import Random

import pytest
from hypothesis import given

from leo.field.measure import Pulse
from leo.field.text import tokenize
from leo.modules.overthinking import Overthinking, ring_temperature
from leo.reply.context import Facts, Inner
from tests.leo.modules.contexts import QUIET, UNIT, after


@pytest.mark.parametrize(
    ("place", "pulse", "hurt", "wanted"),
    [
        (0, QUIET, 0.0, 0.8),
        (0, QUIET._replace(entropy=0.71), 0.0, 0.7),
        (1, QUIET, 0.0, 1.0),
        (1, QUIET, 0.51, 0.85),
        (2, QUIET, 1.0, 1.2),
        (2, QUIET._replace(novelty=0.71), 0.0, 1.4),
    ],
)
def test_temperatures(place: int, pulse: Pulse, hurt: float, wanted: float) -> None:
    """.8 or .7, 1.0 or .85, 1.2 or 1.4."""
    assert ring_temperature(place, pulse, hurt) == wanted


@given(UNIT, UNIT, UNIT)
def test_rings_get_warmer(new: float, entropy: float, hurt: float) -> None:
    """Each ring is warmer than the one before it, whatever the reply was like."""
    pulse = Pulse(new, 0.0, entropy, 0.0)
    warmth = [ring_temperature(place, pulse, hurt) for place in range(3)]
    assert warmth == sorted(warmth)


def test_each_ring_thinks_about_the_one_before() -> None:
    """Ring 0 takes the exchange, the others the thought before; after the third there is none."""
    rings, described = Overthinking(), []
    changes = rings.after(None, after("Rain?", text="Rain."), Random(0))
    while changes.inner:
        (inner,) = changes.inner
        described.append(inner)
        context = after(inner.prompt, text=f"Thought {inner.inner.place}.", inner=inner.inner)
        changes = rings.after(None, context, Random(0))
    assert [(one.session, one.prompt, one.max_tokens) for one in described] == [
        ("s1~ring0", "Rain? Rain.", 30),
        ("s1~ring1", "Thought 0.", 40),
        ("s1~ring2", "Thought 1.", 20),
    ]
    assert [one.inner for one in described] == [Inner("ring", place) for place in range(3)]
    assert all(one.root == "s1" for one in described)


def test_a_hurt_ring_hears_the_first_words_of_the_field() -> None:
    """Above a trauma of .5, ring 1 is given at most twelve tokens of the seed text besides."""
    rings = Overthinking("One two three. Four.")
    hurt = after(text="Thought.", inner=Inner("ring", 0), trauma=0.6)
    (inner,) = rings.after(None, hurt, Random(0)).inner
    assert inner.prompt in ("Thought. One two three.", "Thought. Four.")
    assert inner.temperature == 0.85
    assert all(len(tokenize(sentence)) <= 13 for sentence in Overthinking().sentences)


def test_the_first_ring_knows_what_the_reply_did() -> None:
    """The first ring is described with the facts of the reply; it writes nothing by itself."""
    changes = Overthinking().after(None, after("a", facts=Facts(trauma=0.9)), Random(0))
    assert changes.puts == () and len(changes.inner) == 1
