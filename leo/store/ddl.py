"""The tables of a field, and how those of an older schema become these."""

from __future__ import annotations

from typing import Final

from leo.field.decay import age
from leo.modules.bias import Bias
from leo.modules.registry import MODULES
from leo.store import rows
from leo.store.connection import Connection
from leo.store.ngrams import get_version

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "move_on"]

APPLICATION_ID: Final = 0x4C454F46  # "LEOF"
# 2: the tables of the modules, whichever of them will be asked. 3: those of the bias. 4: a journal
# that the tables take in later, and counts with an age.
SCHEMA_VERSION: Final = 4

# The last observation that the tables have taken in, the pairs that wait in the journal, and where
# the last sweep ended (`leo.store.fold`). One row.
FOLDING: Final = (
    """CREATE TABLE folding (
        version INTEGER NOT NULL,
        pairs INTEGER NOT NULL,
        word_id INTEGER NOT NULL,
        context_id INTEGER NOT NULL
    )""",
    "INSERT INTO folding SELECT version, 0, 0, 0 FROM objects WHERE name = 'ngrams'",
)
# co_occurrence holds word_id <= context_id only: the count is the same in both directions. `decays`
# is the number of decays that a count has been through.
DDL: Final = (
    """CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE objects (
        name TEXT PRIMARY KEY,
        version INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        token TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL
    )""",
    """CREATE TABLE bigrams (
        src_id INTEGER NOT NULL REFERENCES tokens(id),
        dst_id INTEGER NOT NULL REFERENCES tokens(id),
        count INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (src_id, dst_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE trigrams (
        first_id INTEGER NOT NULL REFERENCES tokens(id),
        second_id INTEGER NOT NULL REFERENCES tokens(id),
        third_id INTEGER NOT NULL REFERENCES tokens(id),
        count INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (first_id, second_id, third_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE co_occurrence (
        word_id INTEGER NOT NULL REFERENCES tokens(id),
        context_id INTEGER NOT NULL REFERENCES tokens(id),
        count INTEGER NOT NULL,
        decays INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (word_id, context_id),
        CHECK (word_id <= context_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE snapshots (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        text TEXT NOT NULL,
        origin TEXT NOT NULL,
        quality REAL NOT NULL,
        emotional REAL NOT NULL,
        created_at REAL NOT NULL,
        last_used_at REAL NOT NULL,
        use_count INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE journal (
        version INTEGER PRIMARY KEY,
        decays INTEGER NOT NULL,
        words BLOB NOT NULL,
        chains BLOB NOT NULL
    )""",
    "INSERT INTO objects (name, version) VALUES ('ngrams', 0), ('snapshots', 0)",
    *FOLDING,
)


def move_on(conn: Connection, version: int) -> None:
    """Inside a transaction: make a field of schema `version`, 0 for an empty database, one of
    SCHEMA_VERSION.
    """
    if version < 1:
        for statement in DDL:
            conn.execute(statement)
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    if version < 2:
        rows.create(conn, MODULES)
    elif version < 3:
        rows.create(conn, [Bias()])
    if 0 < version < 4:
        _keep_ages(conn)
    if version < SCHEMA_VERSION:
        conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _keep_ages(conn: Connection) -> None:
    """Schema 4: the counts of older fields have been through every decay there was."""
    observations = get_version(conn, "ngrams")
    for statement in FOLDING:
        conn.execute(statement)
    conn.execute("ALTER TABLE co_occurrence ADD COLUMN decays INTEGER NOT NULL DEFAULT 0")
    conn.execute("UPDATE co_occurrence SET decays = ?", (age(observations),))
