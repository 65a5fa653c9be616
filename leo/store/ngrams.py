"""The n-grams in the store: written together, loaded by two reads, with a journal of increments.

The journal holds the increments of the last observations. A view that the journal still covers is
brought up to date by increments, at a cost that does not grow with the field. The journal is folded
into the tables later (`leo.store.fold`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from leo.errors import StoreDamagedError
from leo.field.cooccurrence import AGES, Aged, WholeCoOccurrence, rows_of
from leo.field.counts import Delta
from leo.field.decay import age, is_due
from leo.field.growth import ChainGrowth, Growth, WordGrowth, decode, encode, growth_of
from leo.field.tables import (
    BigramChange,
    BigramRows,
    Grown,
    Series,
    TrigramChange,
    TrigramRows,
)
from leo.store.connection import Connection, reading
from leo.store.fold import fold, is_full, pending

# The journal holds this many observations, for views that fell behind; none with more pairs than
# LONGEST, because a whole load is then as good.
JOURNAL = 64
LONGEST = 50_000

# What no field has reached, and more than what some can take: ids of tokens and ages of counts are
# parts of larger numbers (`leo.field.cooccurrence`), and after the largest number of all SQLite
# counts no further.
MOST = 2**30

NO_IDS: Mapping[str, int] = {}
PAIRS = f"SELECT word_id, context_id, count << {AGES} | decays FROM co_occurrence"


class Observed(NamedTuple):
    """A write to the n-grams: the version that it produced, what it added, and whether it brought a
    decay with it.
    """

    version: int
    growth: Growth
    decayed: bool


def load_bigrams(conn: Connection, after: int) -> tuple[int, BigramChange]:
    """LoadBigrams: the version of the n-grams, and how the tokens and bigrams differ from what they
    were at version `after`.
    """
    with reading(conn):
        version = get_version(conn, "ngrams")
        journal = _journal(conn, "words", after, version)
        if journal is not None:
            grown = [Grown(decode(blob, WordGrowth, conn.path, at)) for at, blob, _ in journal]
            return version, Series(tuple(grown))
        rows = BigramRows(
            _since(conn, "id, token", "tokens", after),
            _since(conn, "src_id, dst_id, count", "bigrams", after),
        )
        return version, Series((rows, *(Grown(words) for _, (words, _) in pending(conn))))


def load_trigrams(conn: Connection, after: int) -> tuple[int, TrigramChange]:
    """LoadTrigrams: likewise, the trigrams and the co-occurrence."""
    with reading(conn):
        version = get_version(conn, "ngrams")
        journal = _journal(conn, "chains", after, version)
        changes: list[TrigramChange] = []
        if journal is None:
            columns = "first_id, second_id, third_id, count"
            changes.append(TrigramRows(_since(conn, columns, "trigrams", after)))
            changes.append(WholeCoOccurrence(rows_of(conn.execute(PAIRS)), age(version)))
            changes.extend(Grown(chains) for _, (_, chains) in pending(conn))
            return version, Series(tuple(changes))
        for at, blob, decays in journal:
            changes.append(Grown(decode(blob, ChainGrowth, conn.path, at)))
            if decays:
                changes.append(Aged(1))
        return version, Series(tuple(changes))


def get_version(conn: Connection, name: str) -> int:
    """The version of one object. Raises StoreDamagedError when the store has none, or one that no
    field has reached.
    """
    row = conn.execute("SELECT version FROM objects WHERE name = ?", (name,)).fetchone()
    if row is None or not isinstance(row[0], int) or not 0 <= row[0] <= MOST:
        raise StoreDamagedError(
            f"{conn.path}: the field has lost the version of its {name}, or it is beyond {MOST:,}; "
            "restore it from a backup (leo field restore)"
        )
    return row[0]


def bump(conn: Connection, name: str) -> int:
    """One more committed write to an object; return its version."""
    conn.execute("UPDATE objects SET version = version + 1 WHERE name = ?", (name,))
    return get_version(conn, name)


def _since(conn: Connection, columns: str, table: str, after: int) -> list[Any]:
    # No index: a scan is rare (the journal spares it), and an index costs every write.
    return conn.execute(f"SELECT {columns} FROM {table} WHERE version > ?", (after,)).fetchall()


def _journal(
    conn: Connection, half: str, after: int, version: int
) -> list[tuple[int, bytes, int]] | None:
    """The observations after a version, oldest first: its number, what it added, 1 where it brought
    a decay. None when the journal does not hold all of them any more.
    """
    rows = conn.execute(
        f"SELECT version, {half}, decays FROM journal WHERE version > ? ORDER BY version", (after,)
    ).fetchall()
    return rows if len(rows) == version - after else None


def _ids(
    conn: Connection, tokens: tuple[str, ...], version: int, known: Mapping[str, int]
) -> list[int]:
    """The ids of some distinct tokens; new ones are numbered in order of appearance."""
    find = "SELECT token, id FROM tokens WHERE token IN (SELECT value FROM json_each(?))"
    ids: dict[str, int] = dict(conn.execute(find, (json.dumps(tokens),)))
    add = f"INSERT INTO tokens (token, version) VALUES (?, {version})"
    for token in tokens:
        if token not in ids:
            id = conn.execute(add, (token,)).lastrowid
            assert id is not None, "an INSERT into a table with an INTEGER PRIMARY KEY"
            ids[token] = id
    mine = ((ids[token], known.get(token)) for token in tokens)
    return [its if its == id else id for id, its in mine]


def add(conn: Connection, delta: Delta, known: Mapping[str, int] = NO_IDS) -> Observed:
    """Inside a transaction: add the counts (of no token, too), and decay if it is time.

    `known` are ids that a view has: where the store agrees, the growth has the same objects
    (`leo.store.loading` says what for).
    """
    version = bump(conn, "ngrams")
    growth = growth_of(delta, _ids(conn, delta.tokens, version, known))
    decays, pairs = is_due(version), len(growth.chains.pairs)
    kept = pairs <= LONGEST
    if kept:
        conn.execute(
            "INSERT INTO journal (version, decays, words, chains) VALUES (?, ?, ?, ?)",
            (version, decays, encode(growth.words), encode(growth.chains)),
        )
    if is_full(conn, version, pairs) or decays or not kept:
        fold(conn, version, () if kept else ((version, growth),))
    conn.execute(
        "DELETE FROM journal WHERE version <= ? AND version <= (SELECT version FROM folding)",
        (version - JOURNAL,),
    )
    return Observed(version, growth, decays)
