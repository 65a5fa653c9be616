"""The view: its layers, a unit of work over it, and what fades."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from math import floor
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.decay import EVERY, KEPT, OF, decay, faded, forgotten, is_due
from leo.field.generation import generate_walk
from leo.field.overlay import PROVISIONAL, Overlay
from leo.field.reading import Readable
from leo.field.tables import CENTRES
from leo.field.text import PUNCTUATION
from leo.field.view import Centres, Layer, View
from leo.store.connection import Connection
from leo.store.loading import load_field
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.operations import process_delta, process_text
from leo.store.schema import connect
from tests.leo.support import picture, reloaded

TEXTS = st.lists(
    st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", ",", "."]), max_size=12
).map(" ".join)
BIGRAM_KEYS = ("names", "ids", "bigrams", "totals", "centres")
TRIGRAM_KEYS = ("trigrams", "pairs")

# What happens next: a text is observed, or one of three replies takes its next step.
MOVES = st.one_of(st.tuples(st.just(None), TEXTS), st.tuples(st.integers(0, 2), st.just("")))


def load(conn: Connection, view: View) -> tuple[Layer[Any], Layer[Any]]:
    """One reply's two loads, each relative to the view as it is."""
    two, three = view.bigrams.now, view.trigrams.now
    return (
        view.bigrams.loaded(two, *load_bigrams(conn, two.version)),
        view.trigrams.loaded(three, *load_trigrams(conn, three.version)),
    )


# How many observations the journal holds, every which one brings a decay, and how many the tables
# take in at a time.
MEMORIES = st.sampled_from(
    [(64, 100, 50), (64, 2, 50), (1, 100, 1), (1, 3, 2), (0, 2, 50), (0, 100, 3), (2, 4, 1)]
)


@contextmanager
def remembering(journal: int, every: int, fold: int) -> Iterator[None]:
    """A store with a shorter journal, more decays and more folds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leo.store.ngrams.JOURNAL", journal)
        patch.setattr("leo.field.decay.EVERY", every)
        patch.setattr("leo.store.fold.FOLD", fold)
        yield


@given(st.lists(TEXTS, max_size=8), MEMORIES)
def test_swapping_equals_loading(texts: list[str], memory: tuple[int, int, int]) -> None:
    """What a unit of work absorbs after its commit is what a load would have brought."""
    view = View()
    with remembering(*memory), closing(connect(":memory:")) as conn:
        for text in texts:
            done = process_text(conn, compute_delta([text]))
            view.swap(done.growth, done.decayed)
        assert picture(view) == reloaded(conn)


@given(st.lists(MOVES, min_size=9, max_size=40), MEMORIES)
def test_assign_sets_the_view_to_exactly_what_was_loaded(
    moves: list[tuple[int | None, str]], memory: tuple[int, int, int]
) -> None:
    """Interleaved loads and assignments, older ones last, two versions at once."""
    view = View()
    with remembering(*memory), closing(connect(":memory:")) as conn:
        copies = {0: reloaded(conn)}

        def reply() -> Iterator[None]:
            """LoadBigrams, LoadTrigrams, AssignView, over and over; others act in between."""
            while True:
                base = view.bigrams.now
                two = view.bigrams.loaded(base, *load_bigrams(conn, base.version))
                yield
                base3 = view.trigrams.now
                three = view.trigrams.loaded(base3, *load_trigrams(conn, base3.version))
                yield
                versions = two.version, three.version
                view.assign(two, three)
                now = picture(view)
                assert tuple(now["versions"].values()) == versions
                for version, keys in zip(versions, (BIGRAM_KEYS, TRIGRAM_KEYS), strict=True):
                    wanted = copies[version]
                    assert {key: now[key] for key in keys} == {key: wanted[key] for key in keys}
                yield

        replies = [reply() for _ in range(3)]
        for who, text in moves:
            if who is None:
                version = process_delta(conn, compute_delta([text]))
                copies[version] = reloaded(conn)
            else:
                next(replies[who])


@given(st.lists(TEXTS, max_size=8))
def test_centres_equal_the_definition(texts: list[str]) -> None:
    """Largest sums of outgoing bigrams, without punctuation, the older word first when equal."""
    view = View()
    with closing(connect(":memory:")) as conn:
        for text in texts:
            process_delta(conn, compute_delta([text]))
            view.assign(*load(conn, view))
    sums = {id: sum(row.values()) for id, row in view.words.followers.items()}
    words = [id for id in sums if view.words.names[id] not in PUNCTUATION]
    assert view.words.centres() == sorted(words, key=lambda id: (-sums[id], id))[:CENTRES]


def test_layers_that_nobody_holds_are_forgotten() -> None:
    """A long life keeps no history: only the layers that a reply still holds are kept."""
    view = View()
    with closing(connect(":memory:")) as conn:
        for turn in range(5):
            process_delta(conn, compute_delta([f"{'ab'[turn % 2]} c"]))
            view.assign(*load(conn, view))
    assert view.bigrams.now.towards is None and view.bigrams.now.rows is None
    assert view.bigrams.version == 5


OVERLAY_TEXTS = st.lists(
    st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", ",", "."]), max_size=15
).map(" ".join)
SEEN = st.lists(OVERLAY_TEXTS, max_size=4)


# The observation of the reply is an ordinary one, or the one that brings a decay with it.
@given(
    SEEN, OVERLAY_TEXTS, st.integers(0, 5), st.booleans(), st.sampled_from(["weight", "contexts"])
)
def test_an_overlay_reads_like_the_view_after_the_commit(
    seen: list[str], own: str, seed: int, due: bool, centres: Centres
) -> None:
    """Names, followers, co-occurrence, centres and walks; the view itself is as it was."""
    view, delta = View(centres=centres), compute_delta([own])
    with closing(connect(":memory:")) as conn:
        for text in [*seen, *[""] * (EVERY - 1 - len(seen) if due else 0)]:
            done = process_text(conn, compute_delta([text]))
            view.swap(done.growth, done.decayed)
        before = picture(view)
        over = Overlay(view, delta, decays=is_due(view.bigrams.version + 1))
        walks = [generate_walk(over, Random(seed), 1.0, {"a": 0.3}, 20)]
        told = tell(over)
        assert picture(view) == before
        done = process_text(conn, delta)
    view.swap(done.growth, done.decayed)
    walks.append(generate_walk(view, Random(seed), 1.0, {"a": 0.3}, 20))
    assert walks[0] == walks[1]
    assert told == tell(view)


def tell(field: Readable) -> dict[str, object]:
    """What can be read, by tokens: provisional ids are not those of the store."""
    names = field.words.names
    ids = sorted(names)
    pairs = [(one, other) for one in ids for other in ids]

    def named(row: object) -> dict[str, int]:
        return {names[id]: count for id, count in dict(row or {}).items()}  # type: ignore[call-overload]

    return {
        "names": [names[id] for id in ids],
        "size": len(names),
        "bigrams": [named(field.words.followers.get(id)) for id in ids],
        "trigrams": [named(field.chains.followers.get(pair)) for pair in pairs],
        "contexts": [field.chains.co_occurrence_with(one, (other,)) for one, other in pairs],
        "centres": [names[id] for id in field.words.centres()],
        "counts": [field.trigram_count(names[a], names[b], names[ids[0]]) for a, b in pairs],
    }


def test_new_tokens_come_after_all_old_ones() -> None:
    """Ids of the store are smaller than any provisional one."""
    over = Overlay(View(), compute_delta(["new words here"]))
    assert sorted(over.words.names) == [PROVISIONAL, PROVISIONAL + 1, PROVISIONAL + 2]


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
