"""The operations on a store: plain functions over a connection, one transaction each.

The synchronous and the asynchronous store run these same functions. An operation returns the
version that it read or produced. It takes the version inside its own transaction, so that a trace
is right with several processes too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from leo.errors import StoreMovedError
from leo.field.counts import Delta
from leo.field.recall import Memory
from leo.field.view import Loaded
from leo.store import rows
from leo.store.connection import Connection, reading, transaction
from leo.store.loading import load_field
from leo.store.ngrams import (
    NO_IDS,
    Observed,
    add,
    bump,
    get_version,
)
from leo.store.rows import Keeper, Put, Rows

Versions = dict[str, int]

# No more snapshots than these live (organism, section 10).
CAP: Final = 512
# When a snapshot makes more than CAP, EVICTED of the least used go, the oldest of them first
# (section 10).
EVICTED: Final = 51


class NewSnapshot(NamedTuple):
    """A reply to keep. `used` are the ids of the memories that it was made with; `now` is in
    seconds; `marks` is what the modules keep of it.
    """

    text: str
    origin: str
    quality: float
    emotional: float
    now: float
    used: tuple[int, ...]
    marks: tuple[Put, ...] = ()


class Committed(NamedTuple):
    """The versions that a commit produced, and what it added to the n-grams."""

    ngrams: int
    snapshots: int
    observed: Observed


def load_all(conn: Connection) -> tuple[dict[str, int], Loaded]:
    """The version of every object by name and the whole field, all of one state of the store."""
    with reading(conn):
        return get_versions(conn), load_field(conn)


def newest(condition: str = "1") -> str:
    """The SELECT of the newest memories that meet a condition, in the columns of `Memory`."""
    return (
        f"SELECT {', '.join(Memory._fields)} FROM snapshots WHERE {condition} "
        f"ORDER BY id DESC LIMIT {CAP}"
    )


def get_memories(conn: Connection) -> tuple[int, list[Memory]]:
    """Recall: the version of `snapshots` and its CAP newest rows."""
    with reading(conn):
        version = get_version(conn, "snapshots")
        return version, [Memory._make(row) for row in conn.execute(newest())]


def get_rows(
    conn: Connection, keepers: Sequence[Keeper], given: Mapping[str, str | float]
) -> tuple[int, dict[str, Rows]]:
    """Recall with modules: the version of `snapshots` and the rows of every module, of one state
    of the store. `given` is what `rows.parameters` makes.
    """
    with reading(conn):
        return get_version(conn, "snapshots"), rows.read(conn, keepers, given)


def process_delta(conn: Connection, delta: Delta, expected: Versions | None = None) -> int:
    """Ingest: add the counts; return the new version of the n-grams. An empty delta counts as a
    write. With `expected` it raises StoreMovedError when these are not the store's versions.
    """
    return process_text(conn, delta, expected).version


def process_text(conn: Connection, delta: Delta, expected: Versions | None = None) -> Observed:
    """Likewise; return all that there is to say about the write."""
    with transaction(conn):
        check_unmoved(conn, expected)
        return add(conn, delta)


def process_reply(
    conn: Connection,
    delta: Delta,
    new: NewSnapshot,
    expected: Versions | None = None,
    known: Mapping[str, int] = NO_IDS,
) -> Committed | None:
    """Commit: all writes of a reply, in one transaction: the open one, or one of its own.

    With `expected`, only if these are the store's versions still; None when they are not. `known`
    are ids of the view.
    """
    with transaction(conn):
        if expected is not None and get_versions(conn) != expected:
            return None
        observed = add(conn, delta, known)
        return Committed(observed.version, _keep(conn, new), observed)


def get_versions(conn: Connection) -> dict[str, int]:
    """The version of every object, by name."""
    with reading(conn):
        return dict(conn.execute("SELECT name, version FROM objects ORDER BY name"))


def check_unmoved(conn: Connection, expected: Versions | None) -> None:
    """Raise StoreMovedError when the store's versions are not the expected ones."""
    if expected is not None and (found := get_versions(conn)) != expected:
        raise moved(conn, found, expected)


def moved(conn: Connection, found: Versions, expected: Versions) -> StoreMovedError:
    """The error of a field that was written to by others, which nobody had shared it with."""
    return StoreMovedError(
        f"{conn.path}: another writer has changed the field, which is at the versions {found} "
        f"where this one left it at {expected}; nothing was written: close the field and open it "
        'again, or give all writers discipline="shared-store-immediate"'
    )


def process_seed(conn: Connection, delta: Delta, name: str) -> None:
    """Ingest `delta` into a store that nothing was ever written to; otherwise do nothing."""
    with reading(conn):
        # Another instance may be in the middle of a commit: do not wait for it to see a field.
        if get_version(conn, "ngrams"):
            return
    with transaction(conn):
        if get_version(conn, "ngrams") == 0:
            add(conn, delta)
            conn.execute("INSERT INTO meta (key, value) VALUES ('seed_text', ?)", (name,))


def process_snapshot(conn: Connection, new: NewSnapshot, expected: Versions | None = None) -> int:
    """SaveSnapshot: keep the reply, note the use of its memories, hold the cap; return the new
    version.

    The usage counters change here and not in Recall, so that Recall is a pure read and a reply that
    was cancelled has not used anything.
    """
    with transaction(conn):
        check_unmoved(conn, expected)
        return _keep(conn, new)


def _keep(conn: Connection, new: NewSnapshot) -> int:
    version = bump(conn, "snapshots")
    cursor = conn.execute(
        "INSERT INTO snapshots (text, origin, quality, emotional, created_at, last_used_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (new.text, new.origin, new.quality, new.emotional, new.now, new.now),
    )
    conn.executemany(
        "UPDATE snapshots SET use_count = use_count + 1, last_used_at = ? WHERE id = ?",
        [(new.now, id) for id in new.used],
    )
    # Here and nowhere else, so that a module's rows have the history of the snapshots.
    rows.write(conn, new.marks)
    if conn.execute("SELECT count(*) FROM snapshots").fetchone()[0] > CAP:
        # The newcomer stays, or a store of well-used memories would never learn another one.
        conn.execute(
            "DELETE FROM snapshots WHERE id IN (SELECT id FROM snapshots WHERE id <> ? "
            "ORDER BY use_count, created_at, id LIMIT ?)",
            (cursor.lastrowid, EVICTED),
        )
    return version
