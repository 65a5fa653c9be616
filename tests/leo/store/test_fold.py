"""The journal and the tables: together the field, at every border between them; loading it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.cooccurrence import AGES, Aged, CoOccurrence, WholeCoOccurrence
from leo.field.counts import compute_delta
from leo.field.ranks import LARGE
from leo.store.checkup import check_field
from leo.store.connection import Connection, transaction
from leo.store.fold import FOLD, fold, pending, swept
from leo.store.loading import load_field
from leo.store.ngrams import LONGEST
from leo.store.operations import process_delta, process_text
from leo.store.schema import connect
from tests.leo.support import reloaded

TEXTS = st.lists(
    st.lists(st.sampled_from("abcdef.,"), max_size=10).map(" ".join), min_size=1, max_size=12
)
TABLES = ("tokens", "bigrams", "trigrams", "co_occurrence")


def tables(conn: Connection) -> list[list[Any]]:
    """The rows of the tables of the n-grams."""
    return [conn.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in TABLES]


def observed(texts: Sequence[str], fold: int, every: int) -> tuple[Any, list[list[Any]], list[str]]:
    """The field after some observations; its tables when all is in them; what is wrong with it."""
    with pytest.MonkeyPatch.context() as patch, closing(connect(":memory:")) as conn:
        patch.setattr("leo.store.fold.FOLD", fold)
        patch.setattr("leo.field.decay.EVERY", every)
        for text in texts:
            process_delta(conn, compute_delta([text]))
        before, wrong = reloaded(conn), check_field(conn)
        with transaction(conn):
            swept(conn)
        assert reloaded(conn) == before and not pending(conn)
        return before, tables(conn), wrong + check_field(conn)


@given(TEXTS, st.integers(1, 6), st.sampled_from([2, 3, 100]))
def test_the_field_does_not_depend_on_when_it_is_folded(
    texts: list[str], fold: int, every: int
) -> None:
    """One observation at a time, several, or all at the end: the same field, the same tables once
    all is in them, rows with the same versions and ages, and nothing to find fault with.
    """
    field, rows, wrong = observed(texts, fold, every)
    assert (field, rows, wrong) == observed(texts, 1, every)
    assert wrong == []


def test_a_fold_comes_with_every_fiftieth_observation() -> None:
    """Until then the tables have none of it, then all; the journal keeps what views may want."""
    with closing(connect(":memory:")) as conn:
        for _ in range(FOLD - 1):
            process_delta(conn, compute_delta(["sea wind"]))
        assert conn.execute("SELECT count(*) FROM bigrams").fetchone() == (0,)
        assert len(pending(conn)) == FOLD - 1
        process_delta(conn, compute_delta(["sea wind"]))
        assert conn.execute("SELECT count FROM bigrams").fetchone() == (FOLD,)
        assert pending(conn) == []


def test_what_is_too_long_for_the_journal_goes_into_the_tables() -> None:
    """A text of more than LONGEST pairs is not kept in the journal, and nothing waits there."""
    rng = Random(1)
    text = " ".join("".join(rng.choices("bcdfgaeiou", k=5)) for _ in range(LONGEST // 4))
    with closing(connect(":memory:")) as conn:
        process_delta(conn, compute_delta(["sea wind"]))
        process_delta(conn, compute_delta([text]))
        assert conn.execute("SELECT version FROM journal").fetchall() == [(1,)]
        assert pending(conn) == [] and check_field(conn) == []


def test_the_log_of_a_field_that_many_talk_to_stays_short(tmp_path: Path) -> None:
    """Within 4 MiB, with the folds, which touch pages everywhere."""
    rng = Random(1)
    words = ["".join(rng.choices("bcdfgaeiou", k=5)) for _ in range(2000)]
    most = 0
    with closing(connect(tmp_path / "field")) as conn:
        for _ in range(1500):
            process_delta(conn, compute_delta([" ".join(rng.choices(words, k=20))]))
            most = max(most, (tmp_path / "field-wal").stat().st_size)
    assert most <= 4 << 20


def test_forgotten_pairs_leave_the_file() -> None:
    """The table of pairs does not grow with what is forgotten again: after many decays it is not
    much larger than what is still remembered.
    """
    with closing(connect(":memory:")) as conn:
        for number in range(1200):
            letters = [chr(97 + (number // 26**place) % 26) for place in range(3)]
            text = " ".join("".join(letters) + tail for tail in ("a", "b", "c", "d"))
            process_delta(conn, compute_delta([text, "sea wind"]))
        [rows] = conn.execute("SELECT count(*) FROM co_occurrence").fetchone()
        # Six pairs for each text, forgotten at the next decay: 7,200 without a sweep.
        assert rows < 2 * 6 * 100 + 100
        assert check_field(conn) == []


def test_an_age_that_is_yet_to_come_is_not_forgotten() -> None:
    """A damaged field may have one: `leo field check` says so, and the decay goes on."""
    co_occurrence = CoOccurrence()
    co_occurrence.replace(WholeCoOccurrence({1: {2: 1 << AGES | 700}, 2: {1: 1 << AGES | 700}}, 0))
    co_occurrence.grow([(3, 4, 1)], 1, ())
    co_occurrence.turn(Aged(1))
    assert list(co_occurrence.items()) == [(1, 2, 1)]


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
