"""What must be true of the file of a field, whoever wrote it (organism, section 19: what a torn
write would leave behind).

SQLite's own checks, then the field's: every count is positive, no trigram was seen more often than
the bigrams that it is made of, no row is newer than its object, the journal is the end of the
history and nothing else.
"""

from __future__ import annotations

import sqlite3

from leo.connection import Connection, explain, reading
from leo.decay import age
from leo.errors import StoreDamagedError
from leo.ngrams import JOURNAL, get_version
from leo.sql import CAP

__all__ = ["check_field"]

# Each statement counts the rows that should not be there; :ngrams and :snapshots are the versions.
RULES = {
    "bigrams with a count below 1": "SELECT count(*) FROM bigrams WHERE count < 1",
    "trigrams with a count below 1": "SELECT count(*) FROM trigrams WHERE count < 1",
    "company with a count below 1": "SELECT count(*) FROM co_occurrence WHERE count < 1",
    "bigrams seen less often than as the first two of a trigram": """
        SELECT count(*) FROM
            (SELECT first_id AS a, second_id AS b, sum(count) AS n FROM trigrams GROUP BY a, b)
            LEFT JOIN bigrams ON src_id = a AND dst_id = b WHERE n > coalesce(count, 0)""",
    "bigrams seen less often than as the last two of a trigram": """
        SELECT count(*) FROM
            (SELECT second_id AS a, third_id AS b, sum(count) AS n FROM trigrams GROUP BY a, b)
            LEFT JOIN bigrams ON src_id = a AND dst_id = b WHERE n > coalesce(count, 0)""",
    "tokens newer than the n-grams": "SELECT count(*) FROM tokens WHERE version > :ngrams",
    "bigrams newer than the n-grams": "SELECT count(*) FROM bigrams WHERE version > :ngrams",
    "trigrams newer than the n-grams": "SELECT count(*) FROM trigrams WHERE version > :ngrams",
    "journal entries outside the last observations": f"""
        SELECT count(*) FROM journal WHERE version > :ngrams
            OR version <= :ngrams - {JOURNAL} AND version <= (SELECT version FROM folding)""",
    "observations that neither the tables nor the journal have": """
        SELECT max(0, :ngrams - version - (SELECT count(*) FROM journal
            WHERE journal.version > folding.version)) FROM folding""",
    "observations in the tables that were never made": """
        SELECT max(0, version - :ngrams) FROM folding""",
    "company that has been through decays yet to come": """
        SELECT count(*) FROM co_occurrence WHERE decays > :age""",
    "snapshots beyond the cap": f"SELECT max(0, count(*) - {CAP}) FROM snapshots",
    "snapshots that no write accounts for": """
        SELECT max(0, count(*) - :snapshots) FROM snapshots""",
}


def check_field(conn: Connection) -> list[str]:
    """Everything that is wrong with a field, as sentences; empty for a sound one.

    Raises StoreDamagedError when the file cannot even be read.
    """
    try:
        with reading(conn):
            pages = [row[0] for row in conn.execute("PRAGMA integrity_check(10)")]
            findings = [f"SQLite: {text}" for text in pages if text != "ok"]
            lost = len(conn.execute("PRAGMA foreign_key_check").fetchall())
            if lost:
                findings.append(f"{lost:,} rows name a token that does not exist")
            versions = {name: get_version(conn, name) for name in ("ngrams", "snapshots")}
            versions["age"] = age(versions["ngrams"])
            for what, statement in RULES.items():
                [count] = conn.execute(statement, versions).fetchone()
                if count:
                    findings.append(f"{count:,} {what}")
            return findings
    except sqlite3.DatabaseError as error:
        raise explain(error, conn.path) from error
    except TypeError as error:
        # A version that is not there reads as None.
        raise StoreDamagedError(
            f"{conn.path}: the field has lost the versions of its objects; restore the file from a "
            "copy"
        ) from error
