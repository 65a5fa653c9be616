"""What must be true of the file of a field, whoever wrote it (organism, section 19: what a torn
write would leave behind).

SQLite's own checks, then the field's: every table is there with its columns and every value is of
its column's type, what is written inside a value can be read, every count is positive, no trigram
was seen more often than the bigrams that it is made of, no row is newer than its object, no number
is one that a field cannot have reached, the journal is the end of the history and nothing else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from leo.errors import StoreDamagedError
from leo.field.growth import ChainGrowth, Growth, WordGrowth, decode, is_sound
from leo.store.connection import Connection, explain, is_misfit, is_undecoded, reading, wording
from leo.store.contents import BOUNDS, MOST, OBJECTS, TABLES, limits
from leo.store.ddl import move_on
from leo.store.ngrams import JOURNAL, get_version
from leo.store.operations import CAP

__all__ = ["check_field", "check_structure"]

# What an archive leaves out, and all that it has.
EXPECTED: Final = ("objects", "folding", "journal", *TABLES)
# What SQLite may answer to typeof() for a column of this type.
TYPES: Final = {"INTEGER": "'integer'", "REAL": "'real'", "TEXT": "'text'", "BLOB": "'blob'"}
NULL: Final = ", 'null'"
# An infinite number is none in an archive, and the square of one beyond this would be infinite.
LARGEST: Final = 1e100
# What SQLite knows of a table: its columns, and the columns that name rows of another table.
SHAPE: Final = ("table_info", "foreign_key_list")
# Columns with a JSON array in them, and what its elements are.
ARRAYS: Final = {
    ("mathbrain", "parameters"): "'real', 'integer'",
    ("flow_themes", "words"): "'text'",
    ("bias", "centres"): "'text'",
}

# Each statement counts the rows that should not be there; :ngrams and :snapshots are the versions.
RULES = {
    "bigrams seen less often than as the first two of a trigram": """
        SELECT count(*) FROM
            (SELECT first_id AS a, second_id AS b, total(count) AS n FROM trigrams GROUP BY a, b)
            LEFT JOIN bigrams ON src_id = a AND dst_id = b WHERE n > coalesce(count, 0)""",
    "bigrams seen less often than as the last two of a trigram": """
        SELECT count(*) FROM
            (SELECT second_id AS a, third_id AS b, total(count) AS n FROM trigrams GROUP BY a, b)
            LEFT JOIN bigrams ON src_id = a AND dst_id = b WHERE n > coalesce(count, 0)""",
    "journal entries outside the last observations": f"""
        SELECT count(*) FROM journal WHERE version > :ngrams
            OR version <= :ngrams - {JOURNAL} AND version <= (SELECT version FROM folding)""",
    "observations that neither the tables nor the journal have": """
        SELECT max(0, :ngrams - version - (SELECT count(*) FROM journal
            WHERE journal.version > folding.version)) FROM folding""",
    "observations in the tables that were never made": """
        SELECT max(0, version - :ngrams) FROM folding""",
    "snapshots beyond the cap": f"SELECT max(0, count(*) - {CAP}) FROM snapshots",
    "snapshots that no write accounts for": """
        SELECT max(0, count(*) - :snapshots) FROM snapshots""",
}


def check_field(conn: Connection) -> list[str]:
    """Everything that is wrong with a field, as sentences; empty for a sound one.

    What cannot be read is one of them. Raises NotAFieldError for what is no database.
    """
    findings: list[str] = []
    unread = "a part of the field cannot be read ({}): restore the file from a copy"
    try:
        with reading(conn):
            for part in (_pages, check_structure, _shapes, _contents, _relations):
                before = len(findings)
                try:
                    for finding in part(conn):
                        findings.append(finding)
                except sqlite3.Error as error:
                    damaged = isinstance(explain(error, conn.path), StoreDamagedError)
                    if not damaged and not is_misfit(error):
                        raise
                    findings.append(unread.format(wording(error)))
                # The rules ask for tables, columns and versions: without them there is no more to
                # be said.
                if part in (check_structure, _shapes) and len(findings) > before:
                    break
    except StoreDamagedError as error:
        # Over damaged pages SQLite may refuse to end a transaction, even one that only read.
        findings.append(unread.format(wording(error.__cause__)))
    # One page may be in the way of several parts.
    return list(dict.fromkeys(findings))


def _pages(conn: Connection) -> Iterator[str]:
    for (text,) in conn.execute("PRAGMA integrity_check(10)"):
        # One row may be a paragraph, headed by the name that SQLite has for the file.
        for line in text.splitlines():
            if line != "ok" and not line.startswith("***"):
                yield f"SQLite: {line}"


def check_structure(conn: Connection) -> Iterator[str]:
    """What every field has and this one has not."""
    found = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
    absent = [table for table in EXPECTED if table not in found]
    for table in absent:
        yield f"the table {table} is missing"
    if absent:
        return
    try:
        for name in OBJECTS:
            get_version(conn, name)
    except StoreDamagedError:
        yield f"the versions of {', '.join(OBJECTS)} are not all there"
    [rows] = conn.execute("SELECT count(*) FROM folding").fetchone()
    if rows != 1:
        yield f"expected 1 row in the table folding, found {rows:,}"


def _shapes(conn: Connection) -> Iterator[str]:
    """Tables that are there and were not made as those of a field are: a byte of the statement
    that SQLite keeps for each may be another one, and still say something.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None, factory=Connection)) as fresh:
        move_on(fresh, 0)
        for table in EXPECTED:
            if _shape(conn, table) != _shape(fresh, table):
                yield f"the columns of the table {table} are not those of a field"


def _shape(conn: Connection, table: str) -> list[object]:
    return [row for what in SHAPE for row in conn.execute(f"PRAGMA {what}({table})")]


def _contents(conn: Connection) -> Iterator[str]:
    """Values that are not what their column is for."""
    for table in EXPECTED:
        wrong = " OR ".join(
            f"typeof({name}) NOT IN ({TYPES[type]}{'' if required or key else NULL})"
            for _, name, type, required, _, key in conn.execute(f"PRAGMA table_info({table})")
        )
        [count] = conn.execute(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()
        if count:
            yield f"{count:,} rows of {table} with a value of another type than its column's"
        yield from _numbers(conn, table)
        yield from _undecoded(conn, table)
    for (table, column), types in ARRAYS.items():
        # CASE, because AND may look at what cannot be looked at.
        [count] = conn.execute(
            f"SELECT count(*) FROM {table} WHERE typeof({column}) = 'text' AND CASE "
            f"WHEN NOT json_valid({column}) OR json_type({column}) <> 'array' THEN 1 ELSE "
            f"EXISTS (SELECT 1 FROM json_each({column}) WHERE type NOT IN ({types})) END"
        ).fetchone()
        if count:
            yield f"{count:,} rows of {table} whose {column} are no JSON array of the right kind"
    yield from _journal(conn)


def _journal(conn: Connection) -> Iterator[str]:
    """What the tables could not take in."""
    unread = unsound = 0
    for version, words, chains in conn.execute("SELECT version, words, chains FROM journal"):
        try:
            growth = Growth(
                decode(words, WordGrowth, conn.path, version),
                decode(chains, ChainGrowth, conn.path, version),
            )
        except StoreDamagedError:
            unread += 1
            continue
        unsound += not (is_sound(growth) and _are_known(conn, growth.words.tokens))
    if unread:
        yield f"{unread:,} journal entries that cannot be read"
    if unsound:
        yield f"{unsound:,} journal entries with what no observation adds"


def _are_known(conn: Connection, tokens: list[tuple[int, str]]) -> bool:
    """Are they those of the field, by the same ids? SQLite could not even be asked for some."""
    known = "SELECT count(*) FROM tokens WHERE id = ? AND token = ?"
    return all(
        0 < id <= MOST and conn.execute(known, (id, token)).fetchone() == (1,)
        for id, token in tokens
    )


def _numbers(conn: Connection, table: str) -> Iterator[str]:
    reals = _columns(conn, table, "REAL")
    if reals:
        wrong = " OR ".join(f"abs({name}) > {LARGEST}" for name in reals)
        [count] = conn.execute(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()
        if count:
            yield f"{count:,} rows of {table} with a number beyond {LARGEST}"


def _undecoded(conn: Connection, table: str) -> Iterator[str]:
    """SQLite takes any bytes for a text: only who reads them is refused."""
    texts = _columns(conn, table, "TEXT")
    try:
        for _ in conn.execute(f"SELECT {', '.join(texts)} FROM {table}") if texts else ():
            pass
    except sqlite3.OperationalError as error:
        if not is_undecoded(error):
            raise
        yield f"a text of {table} is no UTF-8"


def _columns(conn: Connection, table: str, type: str) -> list[str]:
    """The columns of a table that are of this type."""
    columns = conn.execute(f"PRAGMA table_info({table})")
    return [name for _, name, found, *_ in columns if found == type]


def _relations(conn: Connection) -> Iterator[str]:
    """Rows that do not go together."""
    lost = len(conn.execute("PRAGMA foreign_key_check").fetchall())
    if lost:
        yield f"{lost:,} rows name a token that does not exist"
    versions = {name: get_version(conn, name) for name in OBJECTS}
    most = limits(**versions)
    for table, column, least, limit, below, beyond in BOUNDS:
        for what, outside in ((below, f"< {least}"), (beyond, f"> :{limit}")):
            statement = f"SELECT count(*) FROM {table} WHERE {column} {outside}"
            [count] = conn.execute(statement, most).fetchone()
            if count:
                yield f"{count:,} {what}"
    for what, statement in RULES.items():
        [count] = conn.execute(statement, versions).fetchone()
        if count:
            yield f"{count:,} {what}"
