"""The journal folded into the tables of the n-grams: many observations in one pass.

The transaction of a reply writes its observation as one row of the journal. A fold adds FOLD
observations to the tables at a time, or as many as have HEAVY pairs together: updating a row costs
the same for one observation as for fifty, and the observations of one conversation update much the
same rows. So the field is at any moment

    the tables, as they were after observation `folding.version`, and the journal from there on

A fold changes neither the field nor its version. It is part of the transaction of the observation
that makes it due. Only the observations decide when one is due, so equal histories leave equal
files. A fold always ends at a decay, so that its counts have been through the same decays.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from operator import and_, rshift

from leo.field.cooccurrence import IDS
from leo.field.decay import age
from leo.field.growth import ChainGrowth, Growth, WordGrowth, decode
from leo.store.connection import Connection
from leo.store.schema import set_checkpoint

# A divisor of the number of observations between two decays, so that a decay costs no extra fold.
FOLD = 50
# Half a second's work, for long texts only: fifty replies have a tenth of it.
HEAVY = 300_000

STAMPED = "ON CONFLICT DO UPDATE SET count = count + excluded.count, version = excluded.version"
# Two ids in one number, as `fold` has them.
HIGH, LOW = f"?1 >> {IDS}", f"?1 & {(1 << IDS) - 1}"
BIGRAM = (
    f"INSERT INTO bigrams (src_id, dst_id, count, version) VALUES ({HIGH}, {LOW}, ?2, ?3) {STAMPED}"
)
TRIGRAM = (
    "INSERT INTO trigrams (first_id, second_id, third_id, count, version) "
    f"VALUES ({HIGH}, {LOW}, ?2, ?3, ?4) {STAMPED}"
)
# `faded` is a function of `leo.store.schema.connect`.
PAIR = (
    "INSERT INTO co_occurrence (word_id, context_id, count, decays) "
    f"VALUES ({HIGH}, {LOW}, ?2, ?3) "
    "ON CONFLICT DO UPDATE SET count = excluded.count + CASE decays WHEN excluded.decays "
    "THEN count ELSE faded(count, excluded.decays - decays) END, decays = excluded.decays"
)


def pending(conn: Connection) -> list[tuple[int, Growth]]:
    """The observations that the tables do not have yet, oldest first, with their versions."""
    rows = conn.execute(
        "SELECT version, words, chains FROM journal "
        "WHERE version > (SELECT version FROM folding) ORDER BY version"
    )
    return [
        (
            version,
            Growth(
                decode(words, WordGrowth, conn.path, version),
                decode(chains, ChainGrowth, conn.path, version),
            ),
        )
        for version, words, chains in rows
    ]


def is_full(conn: Connection, version: int, pairs: int) -> bool:
    """Inside a transaction: note `pairs` more pairs in the journal, up to an observation; say
    whether it is time to fold.
    """
    conn.execute("UPDATE folding SET pairs = pairs + ?", (pairs,))
    done, waiting = conn.execute("SELECT version, pairs FROM folding").fetchone()
    full: bool = version - done >= FOLD or waiting >= HEAVY
    return full


def fold(conn: Connection, version: int, last: Iterable[tuple[int, Growth]] = ()) -> None:
    """Inside a transaction: bring the tables up to the observation `version`, all of the journal
    and, after it, what is too long to be kept there.
    """
    # Ids of a row in one number: it is hashed and sorted many times faster than a tuple.
    bigrams: dict[int, int] = {}
    trigrams: dict[int, int] = {}
    pairs: dict[int, int] = {}
    # The observation that last touched a row.
    two: dict[int, int] = {}
    three: dict[int, int] = {}
    for stamp, (words, chains) in (*pending(conn), *last):
        for a, b, count in words.bigrams:
            key = a << IDS | b
            bigrams[key] = bigrams.get(key, 0) + count
            two[key] = stamp
        for a, b, c, count in chains.trigrams:
            key = (a << IDS | b) << IDS | c
            trigrams[key] = trigrams.get(key, 0) + count
            three[key] = stamp
        for a, b, count in chains.pairs:
            key = a << IDS | b
            pairs[key] = pairs.get(key, 0) + count
    # In order: such rows meet neighbouring pages of the tables one after the other. A row is taken
    # apart by SQLite, because a generator would take longer than the insertion.
    keys = sorted(bigrams)
    conn.executemany(BIGRAM, zip(keys, map(bigrams.get, keys), map(two.get, keys), strict=True))
    keys = sorted(trigrams)
    halves = map(rshift, keys, repeat(IDS)), map(and_, keys, repeat((1 << IDS) - 1))
    conn.executemany(
        TRIGRAM, zip(*halves, map(trigrams.get, keys), map(three.get, keys), strict=True)
    )
    # The decay of this very observation comes after its counts.
    keys = sorted(pairs)
    conn.executemany(PAIR, zip(keys, map(pairs.get, keys), repeat(age(version - 1))))
    conn.execute("UPDATE folding SET version = ?, pairs = 0", (version,))
    _sweep(conn, age(version), 2 * len(pairs))
    set_checkpoint(conn, len(bigrams) + len(trigrams) + len(pairs))


def _sweep(conn: Connection, now: int, rows: int) -> None:
    """Delete pairs of which nothing is left: `rows` of the table are looked at, where the last
    sweep ended. Twice as many as were added, so that a round ends before the table has grown by
    half.
    """
    begin = conn.execute("SELECT word_id, context_id FROM folding").fetchone()
    end = conn.execute(
        "SELECT word_id, context_id FROM co_occurrence WHERE (word_id, context_id) > (?, ?) "
        "ORDER BY word_id, context_id LIMIT 1 OFFSET ?",
        (*begin, rows),
    ).fetchone()
    until, place = ("", ()) if end is None else ("AND (word_id, context_id) <= (?, ?)", end)
    conn.execute(
        f"DELETE FROM co_occurrence WHERE (word_id, context_id) > (?, ?) {until} "
        "AND decays < ? AND faded(count, ? - decays) = 0",
        (*begin, *place, now, now),
    )
    conn.execute("UPDATE folding SET word_id = ?, context_id = ?", end or (0, 0))


def swept(conn: Connection) -> None:
    """Inside a transaction: bring the tables up to the version of the n-grams, and delete every
    pair of which nothing is left.
    """
    [version] = conn.execute("SELECT version FROM objects WHERE name = 'ngrams'").fetchone()
    fold(conn, version)
    now = age(version)
    conn.execute("DELETE FROM co_occurrence WHERE faded(count, ? - decays) = 0", (now,))
