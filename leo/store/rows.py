"""The modules' rows: creating their tables, reading and writing them in a driver's transactions.

`create` is called by the schema, `read` in the transaction of Recall, `write` in the one that saves
the snapshot. None of them begins or ends a transaction. `Keeper` is all that the store knows of a
module.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from leo.errors import StoreDamagedError
from leo.field.text import is_word

# The rows of each of a module's queries, by the query's name.
Rows = Mapping[str, Sequence[tuple[Any, ...]]]
# Keys of the table `meta` that name a table or index of a module.
MADE: Final = "made "
CREATED: Final = re.compile(r"CREATE (?:TABLE|INDEX) (\w+)")


class Keeper(Protocol):
    """Something that keeps rows in tables of its own: a module. DDL are statements that each create
    one table or index; QUERIES are named SELECTs, asked with `parameters`; ARRAYS are the columns
    (`table.column`) with a JSON array in them, and SQLite's names for the types of its elements.
    """

    @property
    def name(self) -> str: ...
    @property
    def DDL(self) -> tuple[str, ...]: ...
    @property
    def QUERIES(self) -> Mapping[str, str]: ...
    @property
    def ARRAYS(self) -> Mapping[str, str]: ...


class Put(NamedTuple):
    """Rows to write: a statement, and its parameters once per row."""

    sql: str
    rows: tuple[tuple[Any, ...], ...]


def named(statements: Iterable[str]) -> dict[str, str]:
    """The statements that create something, by the name of what they create."""
    return {found[1]: sql for sql in statements if (found := CREATED.match(sql))}


def are_there(conn: sqlite3.Connection, keepers: Iterable[Keeper]) -> bool:
    """Whether the field has all the tables of the modules, and it is noted."""
    return not _missing(conn, keepers) and _made(conn).issuperset(_names(keepers))


def create(conn: sqlite3.Connection, keepers: Iterable[Keeper]) -> None:
    """Make those tables of the modules that a file does not have yet."""
    for statement in _missing(conn, keepers).values():
        conn.execute(statement)


def note(conn: sqlite3.Connection, keepers: Iterable[Keeper]) -> None:
    """Write into a field which tables its modules have, so that one that is dropped is missed."""
    conn.executemany(
        "INSERT OR IGNORE INTO meta (key, value) VALUES (?, '')",
        ((MADE + name,) for name in _names(keepers)),
    )


def gone(conn: sqlite3.Connection) -> list[str]:
    """What was noted of this field's modules, and is not there any more."""
    return sorted(_made(conn).difference(_there(conn)))


def _there(conn: sqlite3.Connection) -> set[str]:
    return {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}


def _made(conn: sqlite3.Connection) -> set[str]:
    keys = conn.execute("SELECT key FROM meta WHERE key >= ? AND key < ?", (MADE, MADE + "\x7f"))
    return {key.removeprefix(MADE) for (key,) in keys}


def _missing(conn: sqlite3.Connection, keepers: Iterable[Keeper]) -> dict[str, str]:
    there = _there(conn)
    return {name: sql for name, sql in _names(keepers).items() if name not in there}


def _names(keepers: Iterable[Keeper]) -> dict[str, str]:
    return named(statement for keeper in keepers for statement in keeper.DDL)


def parameters(session: str, tokens: Sequence[str], now: float) -> dict[str, str | float]:
    """What the modules' queries may ask by. The arrays are sorted and have no duplicates."""
    words = sorted({token.lower() for token in tokens if is_word(token)})
    return {
        "now": now,
        "session": session,
        "tokens": json.dumps(sorted(set(tokens))),
        "words": json.dumps(words),
    }


def read(
    conn: sqlite3.Connection,
    keepers: Iterable[Keeper],
    given: Mapping[str, str | float],
) -> dict[str, Rows]:
    """The rows of every module, by its name and then by the name of the query."""
    return {
        keeper.name: {
            name: conn.execute(sql, given).fetchall() for name, sql in keeper.QUERIES.items()
        }
        for keeper in keepers
    }


def write(conn: sqlite3.Connection, puts: Iterable[Put]) -> None:
    """Carry out the writes, in their order."""
    for sql, rows in puts:
        conn.executemany(sql, rows)


def unpacked(written: str, table: str) -> list[Any]:
    """The JSON array in a column of `table`. Raises StoreDamagedError when it is none."""
    try:
        found = _decoded(written)
    except (ValueError, TypeError, RecursionError) as error:
        found = error
    if not isinstance(found, list):
        raise StoreDamagedError(
            f"a row of the table {table} is no JSON array ({str(found)[:60]}); "
            "`leo field check FILE` says what else is wrong: restore it from a backup (leo field "
            "restore)"
        )
    return found


def _decoded(written: str) -> Any:
    try:
        # Four times as fast, and the weights are read in every reply.
        return msgspec.json.decode(written)
    except msgspec.DecodeError:
        # It reads NaN as well, which a file may have.
        return json.loads(written)
