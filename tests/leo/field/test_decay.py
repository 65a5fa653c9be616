"""Memory decay: whole numbers, only the co-occurrence, in the transaction of the observation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.decay import EVERY, KEPT, OF, age, decay, faded, forgotten, is_due
from leo.store.loading import load_field
from leo.store.operations import process_delta
from leo.store.schema import connect

COUNTS = st.integers(0, 10**12)


@given(COUNTS)
def test_decay_is_the_floor_of_a_fraction(count: int) -> None:
    """floor(0.95 c), exactly, and the same in SQLite."""
    assert decay(count) == floor(Fraction(95, 100) * count)
    with closing(sqlite3.connect(":memory:")) as conn:
        [(same,)] = conn.execute(f"SELECT ? * {KEPT} / {OF}", (count,))
    assert same == decay(count)


@given(COUNTS, st.integers(0, 700))
def test_decays_that_were_put_off_are_made_up_for(count: int, times: int) -> None:
    """`faded` is the decay that many times over, rounding each time, and a one fades at once."""
    left = count
    for _ in range(times):
        left = decay(left)
    assert faded(count, times) == left
    assert faded(1, 1) == 0


def test_what_is_forgotten_is_what_fades() -> None:
    """The largest count of which nothing is left: one more, and something is."""
    counts = forgotten(500)
    assert counts[:3] == [0, 1, 2] and len(counts) == 501
    for times, count in enumerate(counts):
        assert faded(count, times) == 0 < faded(count + 1, times)


def test_every_hundredth_observation_is_due() -> None:
    """The 100th, the 200th, ... and no other; not the state before the first."""
    assert [n for n in range(1, 301) if is_due(n)] == [100, 200, 300] and EVERY == 100
    assert [age(n) for n in (0, 99, 100, 199, 200)] == [0, 0, 1, 1, 2]


def test_the_hundredth_observation_decays_the_co_occurrence_and_nothing_else() -> None:
    """Before and after, by hand: co-occurrence 99 + 1 becomes 95, a bigram goes on counting."""
    with closing(connect(":memory:")) as conn:

        def co_occurrence() -> list[int]:
            return [count for _, _, count in load_field(conn).chains.co_occurrence.items()]

        for _ in range(98):
            process_delta(conn, compute_delta(["sea wind"]))
        process_delta(conn, compute_delta(["sea wind", "grey heron"]))
        assert co_occurrence() == [99, 1]
        assert process_delta(conn, compute_delta(["sea wind"])) == EVERY
        assert co_occurrence() == [95]
        assert conn.execute("SELECT count FROM bigrams").fetchall() == [(100,), (1,)]
        process_delta(conn, compute_delta(["sea wind"]))
        assert co_occurrence() == [96]
