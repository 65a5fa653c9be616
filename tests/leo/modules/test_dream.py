"""Dream: gate, temperatures, turns, fragments (organism, section 15g)."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import Pulse, Quality
from leo.modules.dream import Dream, DreamState, DreamTurn, Fragment, choose, faded, temperature
from leo.reply.context import Facts, Inner
from tests.leo.modules.contexts import UNIT, Store, after

HURT = Facts(trauma=0.6)
FRAGMENTS = st.lists(
    st.builds(Fragment, st.text("abc", min_size=1, max_size=3), st.floats(0.1, 2)),
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
def test_temperatures(
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
def test_at_most_three_fragments_are_chosen(fragments: list[Fragment], seed: int) -> None:
    """Up to three, in their order, from among them; a single one always."""
    taken = choose(fragments, Random(seed))
    texts = [fragment.text for fragment in fragments]
    assert len(taken) <= 3 and taken == [text for text in texts if text in taken]
    assert choose(fragments[:1], Random(seed)) == texts[:1]


@given(FRAGMENTS, UNIT, UNIT)
def test_fragments_fade(fragments: list[Fragment], hurt: float, aroused: float) -> None:
    """At most 20 of weights in [0.1, 2], the heaviest first; Leo's own turns add nothing."""
    turns = [DreamTurn("leo", "x", 1.0, 1.0), DreamTurn("friend", "new", hurt, aroused)]
    left = faded(fragments, turns)
    weights = [fragment.weight for fragment in left]
    assert len(left) <= 20 and weights == sorted(weights, reverse=True)
    assert all(0.1 <= weight <= 2.0 for weight in weights)
    assert "x" not in [fragment.text for fragment in left]


def test_fragments_by_hand() -> None:
    """x .98, below .1 forgotten; .3 + .2 trauma + .1 arousal for a moved turn of the friend."""
    old = [Fragment("kept", 1.0), Fragment("lost", 0.102), Fragment("again", 1.9)]
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
