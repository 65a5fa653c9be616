"""FlowTracker, GameEngine, School and SantaKlaus: what a conversation leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import Pulse, Quality
from leo.field.recall import Memory, choose_memories
from leo.field.text import tokenize
from leo.modules.flowtracker import FlowState, FlowTracker, Point
from leo.modules.gameengine import GameEngine, GameState, TurnType, bucket, mode_of
from leo.modules.santaklaus import SantaKlaus, as_loud_as
from leo.modules.school import Note, Roll, School, SchoolState, candidates
from leo.reply.context import Changes, Facts
from tests.leo.modules.support import Store, after, before, moment

HOUR = 3600.0


def slope(points: Sequence[Point]) -> float:
    """The definition: the least-squares slope in strength per hour."""
    hours = [point.at / HOUR for point in points]
    if len(set(hours)) < 2:
        return 0.0
    mean = sum(hours) / len(hours)
    level = sum(point.strength for point in points) / len(points)
    joint = sum((t - mean) * (p.strength - level) for t, p in zip(hours, points, strict=True))
    return joint / sum((t - mean) ** 2 for t in hours)


def slope_of(value: float) -> Any:
    """About that slope."""
    return pytest.approx(value, abs=1e-6)


def run(store: Store, turns: list[tuple[float, dict[str, int]]]) -> None:
    """Record turns at given hours."""
    flow = FlowTracker()
    for hour, themes in turns:
        now = hour * HOUR
        store.write(
            flow.after(flow.load(store.read(now=now)), after(themes=themes, now=now), Random(0))
        )


def test_emerging_and_fading() -> None:
    """A theme whose strength grows emerges, one that falls silent fades, by core word."""
    flow = FlowTracker()
    store = Store(flow)
    run(store, [(0, {"rain": 3}), (1, {"rain": 1, "sea": 1}), (2, {"sea": 2}), (3, {"sea": 3})])
    state = flow.load(store.read(now=3 * HOUR))
    assert flow.emerging(state, 3 * HOUR) == [("sea", slope_of(1.0))]
    # 3, 1, 0, 0 over four hours: -1 per hour.
    assert flow.fading(state, 3 * HOUR) == [("rain", slope_of(-1.0))]


def test_the_turn_itself_counts() -> None:
    """A turn is recorded first and looked for trends then."""
    flow = FlowTracker()
    store = Store(flow)
    run(store, [(0, {"rain": 2})])
    state = flow.load(store.read(now=HOUR))
    facts = flow.after(state, after(themes={"sea": 3}, now=HOUR), Random(0)).facts
    assert facts is not None and (facts.emerging, facts.fading) == (slope_of(3.0), slope_of(2.0))
    assert (facts.active, facts.total) == (1, 1)
    assert state == flow.load(store.read(now=HOUR))


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["sea", "rain", ""])), max_size=9))
def test_what_is_recorded_is_what_the_store_has(steps: list[tuple[int, str]]) -> None:
    """The state with the turn in it is the one that is loaded after the turn was written."""
    flow, store, now = FlowTracker(), Store(FlowTracker()), 1e6
    for minutes, theme in steps:
        now += 60.0 * minutes
        themes = {theme: 2} if theme else {}
        state = flow.load(store.read("sea rain", now=now))
        known = flow.recorded(state, now, themes)
        store.write(flow.after(state, after(themes=themes, now=now), Random(0)))
        again = flow.load(store.read("sea rain", now=now))
        for name in ("sea", "rain"):
            wanted = flow.get_trajectory(again, name, now)
            assert flow.get_trajectory(known, name, now) == wanted
        slopes = {name: slope for name, slope in flow.slopes(known, now).items() if slope}
        assert slopes == {name: slope for name, slope in flow.slopes(again, now).items() if slope}


def test_a_trajectory_is_a_day_of_strengths() -> None:
    """A point per turn of the last 24 hours, oldest first, 0 where the theme was silent."""
    flow = FlowTracker()
    store = Store(flow)
    run(store, [(0, {"rain": 3}), (12, {"sea": 1}), (24, {"rain": 1}), (25, {})])
    state = flow.load(store.read(now=25 * HOUR))
    half, day, last = Point(12 * HOUR, 0.0), Point(24 * HOUR, 1.0), Point(25 * HOUR, 0.0)
    assert flow.get_trajectory(state, "rain", 25 * HOUR) == [half, day, last]
    assert flow.get_trajectory(state, "rain", 25 * HOUR, HOUR) == [day, last]
    silent = [point._replace(strength=0.0) for point in (half, day, last)]
    assert flow.get_trajectory(state, "snow", 25 * HOUR) == silent


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 3)), max_size=9))
def test_slopes_are_those_of_the_trajectories(steps: list[tuple[int, int]]) -> None:
    """The sums over active turns give the same slopes as the full trajectories."""
    flow, clock = FlowTracker(), 0
    turns: list[tuple[int, float]] = []
    strengths: dict[int, float] = {}
    for number, (minutes, strength) in enumerate(steps):
        clock += minutes
        turns.append((number, 60.0 * clock))
        if strength:
            strengths[number] = float(strength)
    now = 60.0 * clock
    state = FlowState(tuple(turns), {"rain": strengths}, {}, 1)
    wanted = slope(flow.get_trajectory(state, "rain", now, 6 * HOUR))
    assert flow.slopes(state, now) == {"rain": slope_of(wanted)}


def test_only_active_themes_make_rows_and_old_turns_go() -> None:
    """One row per turn and active theme; a day later they are gone, the theme itself is known."""
    store = Store(FlowTracker())
    run(store, [(0, {"rain": 2, "sea": 1}), (1, {}), (48, {})])
    assert store.all("SELECT count(*) FROM flow_turns") == [(1,)]
    assert store.all("SELECT count(*) FROM flow_strengths") == [(0,)]
    assert store.all("SELECT theme, activations FROM flow_themes") == [("rain", 1), ("sea", 1)]


def test_a_known_theme_helps_the_recall() -> None:
    """The words of a theme that the prompt names are known when it is heard, from the store."""
    flow = FlowTracker()
    store = Store(flow)
    run(store, [(0, {"rain": 2, "sea": 1})])
    heard = flow.hear(flow.load(store.read("rain again")), moment("rain again"))
    assert heard.theme_words == frozenset({"rain"}) and heard.themes_known == 2


def test_a_window_includes_its_edge() -> None:
    """A turn exactly as old as the window belongs to it; an older one does not."""
    flow = FlowTracker()
    state = FlowState(((1, 0.0), (2, 5.0)), {"a": {1: 1.0}}, {}, 1)
    assert flow.slopes(state, 10.0, window=10.0)["a"] < 0.0
    assert flow.slopes(state, 10.1, window=10.0) == {"a": 0.0}


def test_a_slope_of_a_tenth_per_hour_is_steep_enough() -> None:
    """At .1 per hour a theme emerges or fades; at less it does neither."""
    flow = FlowTracker()
    for rise, found in ((0.125, 1), (0.09, 0), (-0.125, -1), (-0.09, 0)):
        strengths = {0: 2.0, 1: 2.0 + rise}
        state = FlowState(((0, 0.0), (1, HOUR)), {"a": strengths}, {}, 1)
        assert len(flow.emerging(state, HOUR)) == (found > 0)
        assert len(flow.fading(state, HOUR)) == (found < 0)


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
    found = [bucket(x) for x in (0.0, 0.32, 0.33, 0.66, 0.67)]
    assert found == ["low", "low", "mid", "mid", "high"]


@given(st.lists(PARTS, min_size=8, max_size=8))
def test_names_of_types_can_be_read_back(parts: list[str]) -> None:
    """encode and decode are inverse."""
    turn = TurnType(*parts)
    assert TurnType.decode(turn.encode()) == turn


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


MARTA = "Yesterday Marta came."
FRESH = SchoolState({}, Roll(), 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MARTA, ["Marta"]),
        ("Marta came. Oskar left.", []),
        ("With Marta, Oskar and Marta", ["Marta", "Oskar"]),
        ("I said You and The and Al", []),
        (f"so A{'a' * 40}", []),
        ("well, Émile!", ["Émile"]),
        ("Hello Leo, who are you? And LEO?", []),
        ("SELECT names FROM Oslo", ["Oslo"]),
        ("Heute war ich in Leipzig, wo der Regen fiel", []),
        ("", []),
    ],
)
def test_candidates(text: str, found: list[str]) -> None:
    """Capitalised, 3 to 40 letters, not first in a sentence, no pronoun, not Leo, no capitals
    alone, no noun of German; each once.
    """
    assert candidates(text) == found


def ask(state: SchoolState = FRESH, prompt: str = MARTA, **given: Any) -> str | None:
    """What it asks about."""
    return School().maybe_ask(state, after(prompt, **given))


def test_it_asks_about_what_it_does_not_know() -> None:
    """A new name is asked about; one with a note, or asked about last, is passed over."""
    both = "Yesterday Marta met Oskar."
    assert ask() == "Marta"
    assert ask(SchoolState({"marta": Note("Marta", "a friend")}, Roll(), 0), both) == "Oskar"
    assert ask(SchoolState({"marta": Note("Marta", None)}, Roll(), 0), both) == "Marta"
    assert ask(SchoolState({}, Roll(1, 0.0, "marta"), 0), both) == "Oskar"


def test_it_keeps_silent() -> None:
    """Too soon, too often, too busy; too hurt, too excited, too lost."""
    assert ask(SchoolState({}, Roll(1, 996.0, "x"), 0)) is None
    assert ask(SchoolState({}, Roll(1, 995.0, "x"), 0)) == "Marta"
    assert ask(SchoolState({}, Roll(15, 0.0, "x"), 0)) is None
    assert ask(SchoolState({}, Roll(14, 0.0, "x"), 0)) == "Marta"
    assert ask(SchoolState({}, Roll(15, 0.0, "x"), 0), now=86400.0) == "Marta"
    assert Roll(15, 0.0).asked_by(86399.0) == 15 and Roll(15, 0.0).asked_by(86400.0) == 0
    assert ask(SchoolState({}, Roll(), 30)) is None
    assert ask(facts=Facts(trauma=0.71)) is None
    assert ask(pulse=Pulse(0.0, 0.86, 0.5, 0.0)) is None
    flat = Pulse(0.0, 0.0, 0.01, 0.0)
    assert ask(pulse=flat, quality=Quality(0.2, 0.2, 0.2)) is None
    assert ask(pulse=flat, quality=Quality(0.3, 0.3, 0.3)) == "Marta"
    assert ask(pulse=flat) == "Marta"


def turn(store: Store, prompt: str, now: float) -> Changes:
    """One reply's part of School."""
    school = School()
    state = school.load(store.read(prompt, now=now))
    changes = school.after(state, after(prompt, now=now), Random(0))
    store.write(changes)
    return changes


def test_the_next_prompt_is_the_answer_even_after_a_restart() -> None:
    """The question is appended; the next prompt becomes the note, and is recalled later."""
    school = School()
    store = Store(school)
    assert turn(store, MARTA, 1000.0).appended == "Marta?"
    assert school.load(store.read()).roll == Roll(1, 1000.0, "marta", True)
    assert turn(store, "She plays the cello.", 1001.0).appended == ""
    assert school.load(store.read()).roll.pending is False
    prompt = "Marta again? Marta?"
    heard = school.hear(school.load(store.read(prompt)), moment(prompt))
    assert heard.observe == ("Marta: She plays the cello.",)
    assert turn(store, MARTA, 2000.0).appended == ""


@pytest.mark.parametrize(
    ("note", "told"), [("friend " * 20, "friend " * 14), ("x" * 200, "x" * 100)]
)
def test_a_long_note_is_told_in_whole_words(note: str, told: str) -> None:
    """A hundred characters of it at most; half a word where there is no other."""
    state = SchoolState({"marta": Note("Marta", note)}, Roll(), 0)
    assert School().hear(state, moment(MARTA)).observe == (f"Marta: {told.strip()}",)


def test_an_empty_prompt_answers_nothing() -> None:
    """A prompt without tokens leaves the question open."""
    store = Store(School())
    turn(store, MARTA, 1000.0)
    turn(store, "42", 1001.0)
    assert School().load(store.read()).roll.pending is True
    assert store.all("SELECT note FROM school_notes") == [(None,)]


def test_answers_are_appended_up_to_a_limit() -> None:
    """A second answer follows the first; a note has at most 4096 characters."""
    school, roll = School(), Roll(1, 0.0, "marta", True)
    state = SchoolState({"marta": Note("Marta", "a friend")}, roll, 0)
    (put,) = school.register_answer(state, "plays", 5.0)
    assert put.rows == (("a friend\nplays", 5.0, "marta"),)
    (put,) = school.register_answer(state, "x" * 5000, 5.0)
    assert len(put.rows[0][0]) == 4096


def test_at_most_three_tellings_of_a_hundred_characters() -> None:
    """Three words of the prompt, each once, 100 characters of each note."""
    notes = {name: Note(name.upper(), "n" * 200) for name in ("ab", "cd", "ef", "gh")}
    told = School().recall_knowledge(SchoolState(notes, Roll(), 0), ("ab", "AB", "cd", "ef", "gh"))
    assert told == [f"{name}: {'n' * 100}" for name in ("AB", "CD", "EF")]


MEMORIES = [
    Memory(3, "The river rose.", 0.8, 0.0, 10.0, 10.0, 0),
    Memory(2, "Bread is good.", 0.9, 0.0, 10.0, 10.0, 0),
    Memory(1, "Poor words.", 0.1, 0.0, 10.0, 10.0, 0),
]


def test_it_says_what_the_recall_says() -> None:
    """Snippets, boosts and used memories are those of leo.field.recall, theme words included."""
    santa, prompt = SantaKlaus(), "the river"
    words = frozenset({"Bread"})
    heard = santa.hear(MEMORIES, moment(prompt, theme_words=words))
    wanted = choose_memories(MEMORIES, tokenize(prompt), 0.0, 1000.0, words)
    assert heard.observe == wanted.snippets and heard.used == wanted.ids
    assert heard.boosts == wanted.boosts and 3 in heard.used and 1 not in heard.used


def test_memories_are_as_loud_as_the_prompt() -> None:
    """A prompt of twenty tokens is not drowned; a short one still brings a memory to mind."""
    long = " ".join(["word"] * 64)
    assert sum(len(tokenize(text)) for text in as_loud_as((long, long), 20)) == 20
    assert as_loud_as(("A short one.",), 1) == ("A short one.",)
