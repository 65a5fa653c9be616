"""The view: increments, versions, going back, centres (organism, section 7; formal model, section
2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.tables import CENTRES
from leo.field.text import PUNCTUATION
from leo.field.view import Layer, View
from leo.store.connection import Connection
from leo.store.operations import load_bigrams, load_trigrams, process_delta, process_text
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
def test_incremental_view_equals_a_full_reload(
    texts: list[str], memory: tuple[int, int, int]
) -> None:
    """After any sequence of observations the view is what a whole load would have made it, with
    decays and with a journal that does not reach back.
    """
    view = View()
    with remembering(*memory), closing(connect(":memory:")) as conn:
        for text in texts:
            process_delta(conn, compute_delta([text]))
            view.assign(*load(conn, view))
        assert picture(view) == reloaded(conn)


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
    """Interleaved loads and assignments, older ones last, two versions at once: the view equals the
    naive full copy that the reply would have made when it loaded.
    """
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
