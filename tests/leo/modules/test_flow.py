"""FlowTracker: slopes, what emerges and fades, what is kept (organism, section 15b)."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.modules.flowtracker import TURNS, FlowState, FlowTracker, Point
from tests.leo.modules.contexts import Store, after, moment

HOUR = 3600.0
NUMBERS = st.floats(-5, 5).map(lambda x: round(x, 3))


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


@given(st.lists(st.integers(0, 50), min_size=2, max_size=9, unique=True), NUMBERS, NUMBERS)
def test_slope_of_a_line_is_its_slope(hours: list[int], start: float, rise: float) -> None:
    """Points on a line of strength per hour give back its slope."""
    turns = tuple((place, 1e9 + hour * HOUR) for place, hour in enumerate(sorted(hours)))
    strengths = {place: start + rise * hour for place, hour in enumerate(sorted(hours))}
    state = FlowState(turns, {"rain": strengths}, {}, 1)
    found = FlowTracker().slopes(state, turns[-1][1], window=50 * HOUR)
    assert found == {"rain": slope_of(rise)}


def test_slope_needs_two_times() -> None:
    """No points, one point, or several at one time have no slope."""
    for turns in ((), ((0, 5.0),), ((0, 5.0), (1, 5.0))):
        state = FlowState(turns, {"rain": {0: 1.0, 1: 2.0}}, {}, 1)
        assert FlowTracker().slopes(state, 5.0) == {"rain": 0.0}


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
    """A turn is recorded first and looked for trends then: a theme emerges in the turn in which it
    grows, and one that falls silent fades in that turn.
    """
    flow = FlowTracker()
    store = Store(flow)
    run(store, [(0, {"rain": 2})])
    state = flow.load(store.read(now=HOUR))
    facts = flow.after(state, after(themes={"sea": 3}, now=HOUR), Random(0)).facts
    assert facts is not None and (facts.emerging, facts.fading) == (slope_of(3.0), slope_of(2.0))
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


def test_the_newest_turns_are_the_recorded_ones() -> None:
    """No more turns than the store keeps."""
    state = FlowState(tuple((n, float(n)) for n in range(TURNS)), {"a": {0: 1.0}}, {}, 1)
    known = FlowTracker().recorded(state, 100.0, {"a": 1})
    assert len(known.turns) == TURNS and known.turns[-1] == (TURNS, 100.0)
    assert known.strengths == {"a": {0: 1.0, TURNS: 1.0}} and state.strengths == {"a": {0: 1.0}}


def test_a_trajectory_is_a_day_of_strengths() -> None:
    """A point per turn of the last 24 hours, oldest first, 0 where the theme was silent; a window
    of its own if one is asked for.
    """
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


def test_a_silent_turn_is_a_zero() -> None:
    """The strength of a theme is 0 in a turn in which it was silent: 2, 0, 1 falls by a half."""
    flow = FlowTracker()
    store = Store(flow)
    run(store, [(0, {"rain": 2}), (1, {}), (2, {"rain": 1})])
    state = flow.load(store.read(now=2 * HOUR))
    assert flow.slopes(state, 2 * HOUR) == {"rain": slope_of(-0.5)}


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


def test_nothing_rises_and_nothing_falls() -> None:
    """Without slopes both means are 0; the counts of themes are told all the same."""
    flow = FlowTracker()
    state = flow.load(Store(flow).read())
    facts = flow.after(state, after(themes={"a": 1, "b": 1}), Random(0)).facts
    assert facts is not None
    assert (facts.emerging, facts.fading, facts.active, facts.total) == (0.0, 0.0, 2, 2)


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
