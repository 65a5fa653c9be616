"""A field read as a whole: one object for each id, and the large rows ready to be drawn from."""

from __future__ import annotations

from contextlib import closing

import pytest

from leo.field.counts import compute_delta
from leo.field.ranks import LARGE
from leo.store.connection import transaction
from leo.store.fold import fold, pending
from leo.store.loading import load_field
from leo.store.operations import process_text
from leo.store.schema import connect

# Ids beyond those few numbers that Python keeps one object of by itself.
WORDS = [f"w{'abcdefghijklmnopqrst'[n // 20]}{'abcdefghijklmnopqrst'[n % 20]}" for n in range(400)]
TEXT = ". ".join(f"the old {word} and the {word} sing" for word in WORDS)


@pytest.mark.parametrize("folded", [True, False])
def test_a_loaded_field_has_one_object_for_each_id(folded: bool) -> None:
    """In every row of every table, whether it was folded or is in the journal still."""
    with closing(connect(":memory:")) as conn:
        process_text(conn, compute_delta([TEXT]))
        if folded:
            with transaction(conn):
                fold(conn, 1)
        assert bool(pending(conn)) != folded
        loaded = load_field(conn)
    one = {id: id for id in loaded.words.names}
    assert len(one) > 400
    bigrams, trigrams = loaded.words.followers, loaded.chains.followers
    co_occurrence = loaded.chains.co_occurrence.rows
    ids = [
        *bigrams, *(id for row in bigrams.values() for id in row),
        *(id for key in trigrams for id in key), *(id for row in trigrams.values() for id in row),
        *co_occurrence, *(id for row in co_occurrence.values() for id in row),
    ]  # fmt: skip
    assert len(ids) > 10_000
    assert all(one[id] is id for id in ids)


def test_large_rows_are_ranked_when_they_are_loaded() -> None:
    """The first reply finds them ready."""
    with closing(connect(":memory:")) as conn:
        process_text(conn, compute_delta([TEXT]))
        loaded = load_field(conn)
    for table in (loaded.words, loaded.chains):
        rows = table.followers
        large = {key for key, row in rows.items() if len(row) > LARGE}
        assert large and large == table.rankings.known.keys()
