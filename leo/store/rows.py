"""The modules' rows: the three things that a driver does with them, inside transactions of its own.

`create` belongs to the schema, `read` to the transaction of Recall, `write` to the one that saves
the snapshot. None of them begins or ends a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from leo.errors import StoreDamagedError
from leo.field.text import is_word
from leo.reply.context import Put, Rows
from leo.reply.module import Module

__all__ = ["create", "parameters", "read", "unpacked", "write"]


def create(conn: sqlite3.Connection, modules: Iterable[Module[Any]]) -> None:
    """Make the tables of the modules in a file that does not have them yet."""
    for module in modules:
        for statement in module.DDL:
            conn.execute(statement)


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
    modules: Iterable[Module[Any]],
    given: Mapping[str, str | float],
) -> dict[str, Rows]:
    """The rows of every module, by its name and then by the name of the query."""
    return {
        module.name: {
            name: conn.execute(sql, given).fetchall() for name, sql in module.QUERIES.items()
        }
        for module in modules
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
            "`leo field check FILE` says what else is wrong: restore the file from a copy"
        )
    return found


def _decoded(written: str) -> Any:
    try:
        # Four times as fast, and the weights are read in every reply.
        return msgspec.json.decode(written)
    except msgspec.DecodeError:
        # It reads NaN as well, which a file may have.
        return json.loads(written)
