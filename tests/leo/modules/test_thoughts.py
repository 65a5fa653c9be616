"""MetaLeo, Overthinking and Dream: what is thought besides a reply."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import Pulse, Quality
from leo.field.text import tokenize
from leo.modules.dream import Dream, DreamState, DreamTurn, choose, faded, temperature
from leo.modules.dream import Fragment as Scene
from leo.modules.metaleo import Fragment, MetaLeo, coherence, length_score, meta_weight, resonance
from leo.modules.overthinking import Overthinking, ring_temperature
from leo.reply.context import Facts, Inner, Seen, Spoken
from tests.leo.modules.support import QUIET, UNIT, Store, after

POOR = Quality(0.2, 0.4, 0.3)
FLAT = Pulse(0.0, 0.0, 0.1, 0.0)
FINE = "The river rose in the night. Nobody heard it, and morning found the meadow shining."


def saying(text: str) -> Seen:
    """A view whose every walk says `text`."""

    def speak(*arguments: Any, **others: Any) -> Spoken:
        _, temperature, boosts, most = arguments
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


@pytest.mark.parametrize(
    ("prompt", "taken"), [("Rain?", "Rain? Rain."), ("rain", "rain. Rain."), ("", "Rain.")]
)
def test_each_ring_thinks_about_the_one_before(prompt: str, taken: str) -> None:
    """Ring 0 takes the exchange, each text with an end, the others the thought before; after the
    third there is none.
    """
    rings, described = Overthinking(), []
    changes = rings.after(None, after(prompt, text="Rain."), Random(0))
    while changes.inner:
        (inner,) = changes.inner
        described.append(inner)
        context = after(inner.prompt, text=f"Thought {inner.inner.place}.", inner=inner.inner)
        changes = rings.after(None, context, Random(0))
    assert [(one.session, one.prompt, one.max_tokens) for one in described] == [
        ("s1~ring0", taken, 30),
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


HURT = Facts(trauma=0.6)
FRAGMENTS = st.lists(
    st.builds(Scene, st.text("abc", min_size=1, max_size=3), st.floats(0.1, 2)),
    max_size=30,
    unique_by=lambda fragment: fragment.text,
)


class Lucky(Random):
    """Chance that always says the same."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self.value = value

    def random(self) -> float:
        return self.value


@pytest.mark.parametrize(
    ("entropy", "aroused", "hurt", "leo", "friend"),
    [(0.0, 0.0, 0.0, 0.8, 0.95), (1.0, 0.7, 0.0, 1.0, 1.1), (0.5, 0.7, 0.8, 0.9, 0.9)],
)
def test_temperatures_of_dream(
    entropy: float, aroused: float, hurt: float, leo: float, friend: float
) -> None:
    """Leo .8 + .2 entropy; the friend .9 if hurt, 1.1 if excited, else .95."""
    pulse = Pulse(0.0, aroused, entropy, 0.0)
    assert temperature("leo", pulse, hurt) == pytest.approx(leo)
    assert temperature("friend", pulse, hurt) == pytest.approx(friend)


def test_gate() -> None:
    """180 s after the last one, and hurt, surprised or middling, and three times in ten."""
    dream, lucky = Dream(), Lucky(0.3)
    never, now = DreamState(None, None, (), ()), 1000.0
    late, soon = (DreamState(at, None, (), ()) for at in (now - 180, now - 179))
    assert dream.gate(never, after(facts=HURT), lucky)
    assert dream.gate(late, after(facts=HURT), lucky)
    assert not dream.gate(soon, after(facts=HURT), lucky)
    assert not dream.gate(never, after(facts=HURT), Lucky(0.31))
    assert not dream.gate(never, after(), lucky)
    assert dream.gate(never, after(pulse=Pulse(0.71, 0.0, 0.5, 0.3)), lucky)
    assert dream.gate(never, after(quality=Quality(0.5, 0.5, 0.5)), lucky)
    assert not dream.gate(never, after(quality=Quality(0.56, 0.56, 0.56)), lucky)


@given(FRAGMENTS, st.integers(0, 99))
def test_at_most_three_fragments_are_chosen(fragments: list[Scene], seed: int) -> None:
    """Up to three, in their order, from among them; a single one always."""
    taken = choose(fragments, Random(seed))
    texts = [fragment.text for fragment in fragments]
    assert len(taken) <= 3 and taken == [text for text in texts if text in taken]
    assert choose(fragments[:1], Random(seed)) == texts[:1]


@given(FRAGMENTS, UNIT, UNIT)
def test_fragments_fade(fragments: list[Scene], hurt: float, aroused: float) -> None:
    """At most 20 of weights in [0.1, 2], the heaviest first; Leo's own turns add nothing."""
    turns = [DreamTurn("leo", "x", 1.0, 1.0), DreamTurn("friend", "new", hurt, aroused)]
    left = faded(fragments, turns)
    weights = [fragment.weight for fragment in left]
    assert len(left) <= 20 and weights == sorted(weights, reverse=True)
    assert all(0.1 <= weight <= 2.0 for weight in weights)
    assert "x" not in [fragment.text for fragment in left]


def test_fragments_by_hand() -> None:
    """x .98, below .1 forgotten; .3 + .2 trauma + .1 arousal for a moved turn of the friend."""
    old = [Scene("kept", 1.0), Scene("lost", 0.102), Scene("again", 1.9)]
    turns = [
        DreamTurn("friend", "moved", 0.8, 0.5),
        DreamTurn("friend", "unmoved", 0.6, 0.6),
        DreamTurn("friend", "again", 0.7, 0.7),
    ]
    left = faded(old, turns)
    assert [fragment.text for fragment in left] == ["again", "kept", "moved"]
    assert [fragment.weight for fragment in left] == pytest.approx([2.0, 0.98, 0.51])


def test_a_dialogue_is_four_inner_replies_that_leave_rows() -> None:
    """A turn is written with the reply that it is; the last one closes the dialogue."""
    dream = Dream()
    store = Store(dream)
    changes = dream.after(dream.load(store.read()), after("Hm.", facts=HURT), Lucky(0.1))
    store.write(changes)
    said = []
    while changes.inner:
        (inner,) = changes.inner
        assert (inner.session, inner.root, inner.max_tokens) == ("s1~dream", "s1", 50)
        said.append(inner.inner)
        assert store.all("SELECT finished_at FROM dream_dialogs") == [(None,)]
        context = after(inner.prompt, text=f"Turn {inner.inner.place}.", inner=inner.inner)
        changes = dream.after(dream.load(store.read()), context, Random(1))
        store.write(changes)
    assert said == [Inner("dream", place) for place in range(4)]
    assert store.all("SELECT speaker, text FROM dream_turns ORDER BY place") == [
        ("leo", "Turn 0."),
        ("friend", "Turn 1."),
        ("leo", "Turn 2."),
        ("friend", "Turn 3."),
    ]
    assert store.all("SELECT finished_at, turns FROM dream_dialogs") == [(1000.0, 4)]
    assert store.all("SELECT count(*), max(weight) FROM dream_fragments") == [
        (len(dream.seeds), pytest.approx(0.98))
    ]


def test_a_dialogue_ends_when_there_is_nothing_to_say() -> None:
    """An utterance of fewer than five characters is the last one."""
    dream = Dream()
    state = DreamState(1000.0, 7, (), dream.seeds)
    changes = dream.after(state, after(text="No.", inner=Inner("dream", 0)), Random(0))
    assert changes.inner == ()
    assert changes.puts[1].rows == ((1000.0, 1, 0.0, 0.0, 7),)


def test_an_interrupted_dialogue_stays_unfinished_and_whole() -> None:
    """After an interruption the next dialogue begins anew, with a row of its own."""
    dream = Dream()
    store = Store(dream)
    store.write(dream.after(dream.load(store.read()), after(facts=HURT), Lucky(0.1)))
    later = after(facts=HURT, now=2000.0)
    store.write(dream.after(dream.load(store.read()), later, Lucky(0.1)))
    state = dream.load(store.read())
    assert state.dialog == 2 and state.turns == () and state.last == 2000.0
