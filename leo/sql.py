"""The operations on a store: plain functions over a connection, one transaction each.

The synchronous and the asynchronous store run these same functions. An operation returns the
version that it read or produced, taken inside its own transaction, so that a trace tells the truth
across processes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from leo.delta import Delta
from leo.recall import Memory
from leo.schema import Connection, transaction
from leo.view import BigramRows, TrigramRows

__all__ = [
    "CAP",
    "NewSnapshot",
    "get_memories",
    "load_all",
    "load_bigrams",
    "load_trigrams",
    "process_delta",
    "process_seed",
    "process_snapshot",
]

# When a snapshot makes more than CAP, EVICTED of the least used go, the oldest of them first
# (section 10).
CAP = 512
EVICTED = 51

# A read transaction: all reads of one operation see one state of the store.
READ = "BEGIN DEFERRED"


class NewSnapshot(NamedTuple):
    """A reply to keep. `used` are the ids of the memories that it was made with; `now` is in
    seconds.
    """

    text: str
    origin: str
    quality: float
    emotional: float
    now: float
    used: tuple[int, ...]


def load_all(conn: Connection) -> tuple[dict[str, int], BigramRows, TrigramRows]:
    """The version of every object by name and the whole field, all of one state of the store."""
    with transaction(conn, READ):
        versions = dict(conn.execute("SELECT name, version FROM objects ORDER BY name"))
        return versions, _bigrams(conn, 0), _trigrams(conn, 0)


def get_memories(conn: Connection) -> tuple[int, list[Memory]]:
    """Recall: the version of `snapshots` and its CAP newest rows."""
    with transaction(conn, READ):
        version = _version(conn, "snapshots")
        rows = conn.execute(
            "SELECT id, text, quality, emotional, created_at, last_used_at, use_count "
            "FROM snapshots ORDER BY id DESC LIMIT ?",
            (CAP,),
        )
        return version, [Memory._make(row) for row in rows]


def load_bigrams(conn: Connection, after: int) -> tuple[int, BigramRows]:
    """LoadBigrams: the version of the n-grams, and the tokens and bigrams touched after version
    `after`.
    """
    with transaction(conn, READ):
        return _version(conn, "ngrams"), _bigrams(conn, after)


def load_trigrams(conn: Connection, after: int) -> tuple[int, TrigramRows]:
    """LoadTrigrams: likewise, the trigrams and the co-occurrence."""
    with transaction(conn, READ):
        return _version(conn, "ngrams"), _trigrams(conn, after)


def process_delta(conn: Connection, delta: Delta) -> int:
    """Ingest: add the counts; return the new version of the n-grams. An empty delta counts as a
    write.
    """
    with transaction(conn):
        return _add(conn, delta)


def process_seed(conn: Connection, delta: Delta, name: str) -> None:
    """Ingest `delta` into a store that nothing was ever written to; otherwise do nothing."""
    with transaction(conn):
        if _version(conn, "ngrams") == 0:
            _add(conn, delta)
            conn.execute("INSERT INTO meta (key, value) VALUES ('seed_text', ?)", (name,))


def process_snapshot(conn: Connection, new: NewSnapshot) -> int:
    """SaveSnapshot: keep the reply, note the use of its memories, hold the cap; return the new
    version.

    The usage counters change here and not in Recall, so that Recall is a pure read and a reply that
    was cancelled has not used anything.
    """
    with transaction(conn):
        version = _bump(conn, "snapshots")
        cursor = conn.execute(
            "INSERT INTO snapshots (text, origin, quality, emotional, created_at, last_used_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (new.text, new.origin, new.quality, new.emotional, new.now, new.now),
        )
        conn.executemany(
            "UPDATE snapshots SET use_count = use_count + 1, last_used_at = ? WHERE id = ?",
            [(new.now, id) for id in new.used],
        )
        if conn.execute("SELECT count(*) FROM snapshots").fetchone()[0] > CAP:
            # The newcomer stays, or a store of well-used memories would never learn another one.
            conn.execute(
                "DELETE FROM snapshots WHERE id IN (SELECT id FROM snapshots WHERE id <> ? "
                "ORDER BY use_count, created_at, id LIMIT ?)",
                (cursor.lastrowid, EVICTED),
            )
        return version


def _version(conn: Connection, name: str) -> int:
    row = conn.execute("SELECT version FROM objects WHERE name = ?", (name,)).fetchone()
    version: int = row[0]
    return version


def _bump(conn: Connection, name: str) -> int:
    conn.execute("UPDATE objects SET version = version + 1 WHERE name = ?", (name,))
    return _version(conn, name)


def _bigrams(conn: Connection, after: int) -> BigramRows:
    return BigramRows(
        _since(conn, "id, token", "tokens", after),
        _since(conn, "src_id, dst_id, count", "bigrams", after),
    )


def _trigrams(conn: Connection, after: int) -> TrigramRows:
    return TrigramRows(
        _since(conn, "first_id, second_id, third_id, count", "trigrams", after),
        _since(conn, "word_id, context_id, count", "co_occurrence", after),
    )


def _since(conn: Connection, columns: str, table: str, after: int) -> list[Any]:
    if after == 0:
        # All rows: in the table's own order this is several times as fast as by the index.
        return conn.execute(f"SELECT {columns} FROM {table}").fetchall()
    return conn.execute(f"SELECT {columns} FROM {table} WHERE version > ?", (after,)).fetchall()


def _add(conn: Connection, delta: Delta) -> int:
    version = _bump(conn, "ngrams")
    conn.executemany(
        "INSERT INTO tokens (token, version) VALUES (?, ?) ON CONFLICT (token) DO NOTHING",
        [(token, version) for token in delta.tokens],
    )
    find = "SELECT id FROM tokens WHERE token = ?"
    ids: list[int] = [conn.execute(find, (token,)).fetchone()[0] for token in delta.tokens]
    # Sorted rows meet neighbouring pages of the tables one after the other.
    conn.executemany(
        "INSERT INTO bigrams (src_id, dst_id, count, version) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count, version = excluded.version",
        sorted((ids[i], ids[j], count, version) for (i, j), count in delta.bigrams.items()),
    )
    conn.executemany(
        "INSERT INTO trigrams (first_id, second_id, third_id, count, version) "
        "VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count, version = excluded.version",
        sorted(
            (ids[i], ids[j], ids[k], count, version) for (i, j, k), count in delta.trigrams.items()
        ),
    )
    conn.executemany(
        "INSERT INTO co_occurrence (word_id, context_id, count, version) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count, version = excluded.version",
        sorted(
            (min(ids[i], ids[j]), max(ids[i], ids[j]), count, version)
            for (i, j), count in delta.pairs.items()
        ),
    )
    return version
