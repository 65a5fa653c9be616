"""What the file of a field holds: its tables, in the order of an archive, and what their numbers
may be. `leo.store.checkup` looks for what is outside, `leo.store.archive` does not let it in.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final, NamedTuple

from leo.field.decay import age
from leo.modules.registry import MODULES
from leo.store import rows

__all__ = ["BOUNDS", "MOST", "OBJECTS", "TABLES", "Bound", "limits"]

OBJECTS: Final = ("ngrams", "snapshots")
# What no field has reached, and more than what some can take: ids of tokens and ages of counts are
# parts of larger numbers (`leo.field.cooccurrence`), and after the largest number of all SQLite
# counts no further.
MOST: Final = 2**30


def _module_tables() -> dict[str, str]:
    """The tables of the modules with their columns, as their own statements make them."""
    with closing(sqlite3.connect(":memory:")) as conn:
        rows.create(conn, MODULES)
        names = conn.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "ORDER BY rowid"
        ).fetchall()
        return {
            name: ", ".join(row[1] for row in conn.execute(f"PRAGMA table_info({name})"))
            for (name,) in names
        }


TABLES: Final = {
    "meta": "key, value",
    "tokens": "id, token, version",
    "bigrams": "src_id, dst_id, count, version",
    "trigrams": "first_id, second_id, third_id, count, version",
    "co_occurrence": "word_id, context_id, count, decays",
    "snapshots": "id, text, origin, quality, emotional, created_at, last_used_at, use_count",
    **_module_tables(),
}


class Bound(NamedTuple):
    """A whole number in a column is from `least` to the limit called `most`. `below` and `beyond`
    say what a row with another one is.
    """

    table: str
    column: str
    least: int
    most: str
    below: str
    beyond: str


def _counted(table: str, name: str) -> Bound:
    words = f"{name} with a count"
    return Bound(table, "count", 1, "most", f"{words} below 1", f"{words} beyond {MOST:,}")


def _stamped(table: str) -> Bound:
    below = f"{table} of before the first observation"
    return Bound(table, "version", 1, "ngrams", below, f"{table} newer than the n-grams")


BOUNDS: Final = (
    Bound("objects", "version", 0, "most", "versions below 0", f"versions beyond {MOST:,}"),
    Bound(
        "tokens", "id", 1, "most", "tokens with an id below 1", f"tokens with an id beyond {MOST:,}"
    ),
    _stamped("tokens"),
    _counted("bigrams", "bigrams"),
    _stamped("bigrams"),
    _counted("trigrams", "trigrams"),
    _stamped("trigrams"),
    _counted("co_occurrence", "contexts"),
    Bound(
        "co_occurrence",
        "decays",
        0,
        "age",
        "co-occurrence of before the first decay",
        "co-occurrence that has been through decays yet to come",
    ),
    Bound(
        "snapshots",
        "id",
        1,
        "snapshots",
        "snapshots with an id below 1",
        "snapshots with an id that no write has given",
    ),
)


def limits(ngrams: int, snapshots: int) -> dict[str, int]:
    """The limits of a field with these versions, by name."""
    return {"most": MOST, "ngrams": ngrams, "snapshots": snapshots, "age": age(ngrams)}
