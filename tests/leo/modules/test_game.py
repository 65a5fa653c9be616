"""GameEngine: turn types, transitions, suggestions (organism, section 15c)."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.modules.gameengine import GameEngine, GameState, TurnType, bucket, mode_of
from leo.reply.context import Facts
from tests.leo.modules.contexts import Store, after, before

PARTS = st.text("abc-", min_size=1, max_size=4)
LEO = TurnType("leo", "a", "mid", "mid", "mid", "-", "creative", "mid")


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("Leo, listen to the rain on the roof", "meta"),
        ("Tell me something about your name today", "meta"),
        ("You talk like leopards in the rain do", "a"),
        ("Is it raining over the hills today", "q"),
        ("It rains over the hills today?", "q"),
        ("fine", "ack"),
        ("x" * 19, "ack"),
        ("x" * 20, "a"),
        ("x. " * 4 + "x" * 188, "a"),
        ("x. " * 4 + "x" * 189, "story"),
        ("x. " * 3 + "x" * 199, "a"),
        ("The rain went on over the hills. " * 7, "story"),
        ("The rain went on over the hills, " * 7, "a"),
        ("The rain went on over the hills", "a"),
    ],
)
def test_modes(text: str, mode: str) -> None:
    """meta, question, short, story, or else an answer: the first that fits."""
    assert mode_of(text) == mode


def test_buckets() -> None:
    """Below .33 low, above .66 high, the cuts themselves in the middle."""
    assert [bucket(x) for x in (0.0, 0.32, 0.33, 0.66, 0.67)] == [
        "low",
        "low",
        "mid",
        "mid",
        "high",
    ]


@given(st.lists(PARTS, min_size=8, max_size=8))
def test_names_of_types_can_be_read_back(parts: list[str]) -> None:
    """encode and decode are inverse."""
    turn = TurnType(*parts)
    assert TurnType.decode(turn.encode()) == turn


def test_a_name_of_other_shape_is_refused() -> None:
    """A name must have eight parts."""
    with pytest.raises(
        ValueError, match=r"^'leo/a' is not the name of a turn type: it has 2 parts$"
    ):
        TurnType.decode("leo/a")


def suggestion(turn: TurnType) -> tuple[float, float, dict[str, float]]:
    """The factor, the length and the weights hinted at when `turn` is known to follow."""
    game, context = GameEngine(), before("hm")
    human = game.human_turn(context).encode()
    state = GameState(("x", "y"), {human: {turn.encode(): 3}}, "")
    hints = game.before(state, context, Random(0))
    return hints.factor, hints.length, dict(hints.weights)


def test_hints_by_hand() -> None:
    """Short for weak turns, long for stories; softer when low and hurt, stronger when high."""
    full: Any = {"creative": pytest.approx(0.15)}
    assert suggestion(LEO) == (1.0, 1.0, full)
    assert suggestion(LEO._replace(quality="low")) == (1.0, 0.5, full)
    assert suggestion(LEO._replace(mode="story")) == (1.0, 1.25, full)
    assert suggestion(LEO._replace(arousal="low", trauma="high")) == (0.9, 1.0, full)
    assert suggestion(LEO._replace(arousal="high")) == (1.1, 1.25, full)


@given(st.integers(0, 999), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_confidence_is_the_largest_share(seed: int, counts: list[int]) -> None:
    """A known follower is suggested, with the confidence max / total."""
    game, context = GameEngine(), before("hm")
    human = game.human_turn(context)
    names = {LEO._replace(expert=f"e{n}").encode(): count for n, count in enumerate(counts)}
    state = GameState(("x", "y"), {human.encode(): names}, "")
    found = game.suggest_next(state, human, Random(seed))
    assert found is not None and found[0].encode() in names
    assert found[1].confidence == pytest.approx(max(counts) / sum(counts))


def test_without_knowledge_the_commonest_turn() -> None:
    """Nothing in the first exchange; later, with a confidence of .1, the commonest turn of Leo."""
    game, context = GameEngine(), before("hm")
    human = game.human_turn(context)
    assert game.suggest_next(GameState(None, {}, LEO.encode()), human, Random(0)) is None
    assert game.suggest_next(GameState(("x", "y"), {}, ""), human, Random(0)) is None
    found = game.suggest_next(GameState(("x", "y"), {}, LEO.encode()), human, Random(0))
    assert found is not None and found[1].confidence == 0.1


def test_transitions_are_counted_per_session_and_kept() -> None:
    """Every adjacent triple of turns is counted once; another session has its own tail."""
    game = GameEngine()
    store = Store(game)
    turns: list[str] = []
    for prompt in ("What is rain?", "ok", "What is rain?", "ok", "ok"):
        context = after(prompt, facts=Facts(trauma=0.5))
        turns += [game.human_turn(context).encode(), game.leo_turn(context).encode()]
        store.write(game.after(game.load(store.read(prompt)), context, Random(0)))
    triples = Counter(zip(turns, turns[1:], turns[2:], strict=False))
    rows = store.all("SELECT first, second, third, count FROM game_transitions")
    assert {row[:3]: row[3] for row in rows} == triples
    assert sum(count for (count,) in store.all("SELECT count FROM game_turns")) == len(turns)
    assert game.load(store.read(session="s2")).tail is None
