"""Reads a whole field into tables when it is opened, without holding any part of it twice.

SQLite makes a new object for every number, and a large field refers to each of its tokens thousands
of times. So the rows share the objects of the table of tokens. This takes less memory, and look-ups
are faster, because identical objects need no comparison of values.
"""

from __future__ import annotations

from collections.abc import Mapping

from leo.field.cooccurrence import IDS, WholeCoOccurrence, rows_of
from leo.field.decay import age
from leo.field.growth import ChainGrowth, Growth, WordGrowth
from leo.field.tables import BigramTable, Grown, TrigramTable
from leo.field.view import Loaded
from leo.store.connection import Connection, reading
from leo.store.fold import pending
from leo.store.ngrams import PAIRS, get_version


def load_field(conn: Connection) -> Loaded:
    """Read every token and count, the tables first and then what they have not taken in yet."""
    with reading(conn):
        words = _words(conn)
        ids = {id: id for id in words.names}
        chains = _chains(conn, ids)
        for _, growth in pending(conn):
            grown = _with_objects(growth, ids)
            words.apply(Grown(grown.words))
            chains.apply(Grown(grown.chains))
        words.rankings.prepare()
        chains.rankings.prepare()
        return Loaded(get_version(conn, "ngrams"), words, chains)


def _with_objects(growth: Growth, ids: Mapping[int, int]) -> Growth:
    """The growth with the objects of `ids`."""
    words, chains = growth
    one = ids.get
    return Growth(
        WordGrowth(
            [(one(id, id), token) for id, token in words.tokens],
            [(one(a, a), one(b, b), count) for a, b, count in words.bigrams],
        ),
        ChainGrowth(
            [(one(a, a), one(b, b), one(c, c), n) for a, b, c, n in chains.trigrams],
            [(one(a, a), one(b, b), count) for a, b, count in chains.pairs],
        ),
    )


def _words(conn: Connection) -> BigramTable:
    """The tokens and what the tables have of the bigrams."""
    table = BigramTable()
    # A token without a count yet comes with its growth.
    table.name(conn.execute("SELECT id, token FROM tokens"))
    one = {id: id for id in table.names}.get
    followers = table.followers
    last = -1
    row: dict[int, int] = {}
    statement = "SELECT src_id, dst_id, count FROM bigrams ORDER BY src_id, dst_id"
    for source, follower, count in conn.execute(statement):
        if source != last:
            last = source
            row = followers[one(source, source)] = {}
        row[one(follower, follower)] = count
    table.weigh_all()
    return table


def _chains(conn: Connection, ids: Mapping[int, int]) -> TrigramTable:
    """What the tables have of the trigrams and of the co-occurrence."""
    one = ids.get
    table = TrigramTable()
    followers = table.followers
    # In the order of the key, so that what follows a pair comes in one piece.
    statement = (
        f"SELECT first_id << {IDS} | second_id, third_id, count FROM trigrams "
        "ORDER BY first_id, second_id, third_id"
    )
    mask = (1 << IDS) - 1
    last = -1
    row: dict[int, int] = {}
    for pair, third, count in conn.execute(statement):
        if pair != last:
            last = pair
            first, second = pair >> IDS, pair & mask
            row = followers[one(first, first), one(second, second)] = {}
        row[one(third, third)] = count
    co_occurrence = rows_of(conn.execute(PAIRS), ids)
    table.apply(WholeCoOccurrence(co_occurrence, age(get_version(conn, "ngrams"))))
    return table
