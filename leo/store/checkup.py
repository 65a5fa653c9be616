"""`leo field check`: is the file of a field sound? (Organism, section 19: traces of a torn write.)

It runs SQLite's own checks, then the field's: the tables are those of a field and of its modules,
every value has its column's type, every count is positive, no trigram has a larger count than its
bigrams, no row is newer than its object, no number is beyond what a field can reach, and the
journal is exactly the end of the history.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from leo.errors import StoreDamagedError
from leo.field.decay import age
from leo.field.growth import ChainGrowth, Growth, WordGrowth, decode, is_sound
from leo.field.text import tokenize
from leo.store import rows
from leo.store.connection import Connection, explain, is_misfit, is_undecoded, reading, wording
from leo.store.ngrams import JOURNAL, MOST, get_version
from leo.store.operations import CAP
from leo.store.rows import Keeper
from leo.store.schema import DDL, faults, make

OBJECTS: Final = ("ngrams", "snapshots")
# What an archive leaves out: the tables take in the journal before they are written.
UNKEPT: Final = frozenset({"objects", "folding", "journal"})
# What SQLite may answer to typeof() for a column of this type.
TYPES: Final = {"INTEGER": "'integer'", "REAL": "'real'", "TEXT": "'text'", "BLOB": "'blob'"}
# An infinite number is none in an archive, and the square of one beyond this would be infinite.
LARGEST: Final = 1e100


class Bound(NamedTuple):
    """A whole number in a column is from `least` to the limit called `most` (`limits`)."""

    table: str
    column: str
    least: int
    most: str


BOUNDS: Final = (
    Bound("objects", "version", 0, "most"),
    Bound("tokens", "id", 1, "most"),
    Bound("tokens", "version", 1, "ngrams"),
    Bound("bigrams", "count", 1, "most"),
    Bound("bigrams", "version", 1, "ngrams"),
    Bound("trigrams", "count", 1, "most"),
    Bound("trigrams", "version", 1, "ngrams"),
    Bound("co_occurrence", "count", 1, "most"),
    Bound("co_occurrence", "decays", 0, "age"),
    Bound("snapshots", "id", 1, "snapshots"),
)

# Each statement counts the rows that should not be there; :ngrams and :snapshots are the versions.
RULES: Final = {
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


def limits(ngrams: int, snapshots: int) -> dict[str, int]:
    """The limits of a field with these versions, by name."""
    return {"most": MOST, "ngrams": ngrams, "snapshots": snapshots, "age": age(ngrams)}


def tables(keepers: Sequence[Keeper]) -> dict[str, list[str]]:
    """The tables that an archive has, in its order, with their columns."""
    with closing(sqlite3.connect(":memory:")) as conn:
        make(conn)
        rows.create(conn, keepers)
        names = conn.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' "
            "ORDER BY rowid"
        ).fetchall()
        return {
            name: [row[1] for row in conn.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
            if name not in UNKEPT
        }


def check_field(conn: Connection, keepers: Sequence[Keeper] = ()) -> list[str]:
    """Everything that is wrong with a field, as sentences; empty for a sound one. `keepers` are the
    modules whose tables it may have.

    What cannot be read is one of them. Raises NotAFieldError for what is no database.
    """
    findings: list[str] = []
    unread = "a part of the field cannot be read ({}): restore it from a backup (leo field restore)"
    try:
        with reading(conn):
            for part in (check_structure, _contents, _relations):
                try:
                    findings.extend(part(conn, keepers))
                except sqlite3.Error as error:
                    damaged = isinstance(explain(error, conn.path), StoreDamagedError)
                    if not damaged and not is_misfit(error):
                        raise
                    findings.append(unread.format(wording(error)))
                # What follows asks for tables, columns and versions, and of a tree of pages.
                if part is check_structure and findings:
                    break
    except StoreDamagedError as error:
        # Over damaged pages SQLite may refuse to end a transaction, even one that only read.
        findings.append(unread.format(wording(error.__cause__)))
    # One page may be in the way of several parts.
    return list(dict.fromkeys(findings))


def check_structure(conn: Connection, keepers: Sequence[Keeper]) -> Iterator[str]:
    """What every field has and this one has not, and the other way round; and its pages."""
    wrong = list(faults(conn, keepers, "integrity_check(10)"))
    yield from wrong
    if wrong:
        return
    try:
        for name in OBJECTS:
            get_version(conn, name)
    except StoreDamagedError:
        yield f"the versions of {', '.join(OBJECTS)} are not all there, or beyond all"
    [count] = conn.execute("SELECT count(*) FROM folding").fetchone()
    if count != 1:
        yield f"expected 1 row in the table folding, found {count:,}"


def _contents(conn: Connection, keepers: Sequence[Keeper]) -> Iterator[str]:
    """Values that are not what their column is for."""
    known = rows.named((*DDL, *(sql for keeper in keepers for sql in keeper.DDL)))
    found = conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    there = [name for (name,) in found if name in known]
    for table in there:
        columns = conn.execute(f"PRAGMA table_info({table})").fetchall()
        wrong = [
            f"typeof({name}) NOT IN ({TYPES[type]}{'' if required or key else ', ' + repr('null')})"
            for _, name, type, required, _, key in columns
        ]
        wrong += [f"abs({name}) > {LARGEST}" for _, name, type, *_ in columns if type == "REAL"]
        yield from _counted(
            conn,
            f"SELECT count(*) FROM {table} WHERE {' OR '.join(wrong)}",
            f"rows of {table} with a value that its column is not for",
        )
        try:
            # SQLite takes any bytes for a text: only reading them shows what they are.
            strange = 0
            for row in conn.execute(f"SELECT * FROM {table}"):
                strange += table == "tokens" and tokenize(row[1]) != [row[1]]
            if strange:
                yield f"{strange:,} tokens that no text has"
        except sqlite3.OperationalError as error:
            if not is_undecoded(error):
                raise
            yield f"a text of {table} is no UTF-8"
    for keeper in keepers:
        for place, types in keeper.ARRAYS.items():
            table, _, column = place.partition(".")
            if table in there:
                # CASE, because AND may look at what cannot be looked at.
                yield from _counted(
                    conn,
                    f"SELECT count(*) FROM {table} WHERE typeof({column}) = 'text' AND CASE "
                    f"WHEN NOT json_valid({column}) OR json_type({column}) <> 'array' THEN 1 ELSE "
                    f"EXISTS (SELECT 1 FROM json_each({column}) WHERE type NOT IN ({types})) END",
                    f"rows of {table} whose {column} are no JSON array of the right kind",
                )
    yield from _journal(conn)


def _journal(conn: Connection) -> Iterator[str]:
    """What the tables could not take in."""
    unsound = 0
    for version, words, chains in conn.execute("SELECT version, words, chains FROM journal"):
        try:
            growth = Growth(
                decode(words, WordGrowth, conn.path, version),
                decode(chains, ChainGrowth, conn.path, version),
            )
        except StoreDamagedError:
            unsound += 1
            continue
        unsound += not (is_sound(growth) and _are_known(conn, growth.words.tokens))
    if unsound:
        yield f"{unsound:,} journal entries that cannot be read, or with what no observation adds"


def _are_known(conn: Connection, tokens: list[tuple[int, str]]) -> bool:
    """Are they those of the field, by the same ids? SQLite could not even be asked for some."""
    known = "SELECT count(*) FROM tokens WHERE id = ? AND token = ?"
    return all(
        0 < id <= MOST and conn.execute(known, (id, token)).fetchone() == (1,)
        for id, token in tokens
    )


def _relations(conn: Connection, keepers: Sequence[Keeper]) -> Iterator[str]:
    """Rows that do not go together."""
    lost = len(conn.execute("PRAGMA foreign_key_check").fetchall())
    if lost:
        yield f"{lost:,} rows name a token that does not exist"
    versions = {name: get_version(conn, name) for name in OBJECTS}
    most = limits(**versions)
    for table, column, least, limit in BOUNDS:
        yield from _counted(
            conn,
            f"SELECT count(*) FROM {table} WHERE {column} NOT BETWEEN {least} AND {most[limit]}",
            f"rows of {table} with a {column} outside {least:,} to {most[limit]:,}",
        )
    for what, statement in RULES.items():
        yield from _counted(conn, statement, what, versions)


def _counted(
    conn: Connection, statement: str, what: str, given: dict[str, int] | None = None
) -> Iterator[str]:
    [count] = conn.execute(statement, given or {}).fetchone()
    if count:
        yield f"{count:,} {what}"
