"""A field as JSON lines, and back: to keep, to compare, to carry to another machine.

The first line says what it is; then one line per row, table by table. The journal is left out: the
tables take in what is new in it before they are written, and the rest only spares views that are
open a load. Nobody has an imported field open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from leo.connection import Connection, reading, transaction
from leo.errors import CallerError, LeoError, StoreLockedError
from leo.fold import pending, swept
from leo.organs import rows
from leo.organs.registry import ORGANS
from leo.schema import SCHEMA_VERSION
from leo.sql import get_versions

__all__ = ["ArchiveError", "export_field", "import_field"]

KIND: Final = "leo field"
# How often another writer may come in between the fold and the read.
FOLDS: Final = 100
# Each has every table of the ones before it: what an older archive lacks stays empty.
SCHEMAS: Final = range(2, SCHEMA_VERSION + 1)


def _module_tables() -> dict[str, str]:
    """The tables of the modules with their columns, as their own statements make them."""
    with closing(sqlite3.connect(":memory:")) as conn:
        rows.create(conn, ORGANS)
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


class ArchiveError(LeoError):
    """A line of an archive cannot be taken; the field was left empty."""


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    schema: int
    versions: dict[str, int]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    table: str
    row: list[int | float | str | None]


def export_field(conn: Connection) -> Iterator[bytes]:
    """The lines of an archive, all of one state of the store.

    Raises StoreLockedError when others observe so fast that the journal never stays empty.
    """
    encode = msgspec.json.Encoder().encode
    with _folded(conn):
        yield encode(_Head(KIND, SCHEMA_VERSION, get_versions(conn))) + b"\n"
        for table, columns in TABLES.items():
            for row in conn.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}"):
                yield encode(_Row(table, list(row))) + b"\n"


@contextmanager
def _folded(conn: Connection) -> Iterator[None]:
    """A read of a state in which the tables have everything."""
    for _ in range(FOLDS):
        with transaction(conn):
            swept(conn)
        with reading(conn):
            if not pending(conn):
                yield
                return
    raise StoreLockedError(
        f"{conn.path}: others have added to the field {FOLDS} times just before it was read; "
        "nothing was written: export it when it is at rest"
    )


def import_field(conn: Connection, lines: IO[bytes], name: str | Path) -> int:
    """Fill an empty field from the lines of an archive called `name`; return the number of rows.

    Raises CallerError when the field is not empty, ArchiveError for a line that is no part of an
    archive; nothing is written then.
    """
    with transaction(conn):
        if any(get_versions(conn).values()):
            raise CallerError(
                f"{conn.path}: the field has grown already, and an import would replace it; "
                "name a file that does not exist"
            )
        head = _decode(lines.readline(), _Head, name, 1)
        if head.kind != KIND or head.schema not in SCHEMAS:
            raise ArchiveError(
                f"{name}: line 1: expected kind {KIND!r} and schema {SCHEMA_VERSION}, or an "
                f"older one from {SCHEMAS[0]} on, found "
                f"{head.kind!r} and {head.schema}; use the program that wrote the archive"
            )
        conn.executemany(
            "UPDATE objects SET version = ? WHERE name = ?",
            [(version, object) for object, version in head.versions.items()],
        )
        conn.execute("UPDATE folding SET version = ?", (head.versions.get("ngrams", 0),))
        conn.execute("PRAGMA defer_foreign_keys = ON")
        number = 1
        for number, line in enumerate(lines, start=2):
            _insert(conn, _decode(line, _Row, name, number), f"{name}: line {number}")
        return number - 1


def _insert(conn: Connection, found: _Row, place: str) -> None:
    columns = TABLES.get(found.table)
    if columns is None or len(found.row) != len(columns.split(",")):
        raise ArchiveError(
            f"{place}: {len(found.row)} values for the table {found.table[:40]!r}; expected a row "
            f"of {', '.join(TABLES)} with all of its columns: the archive was changed"
        )
    holes = ", ".join("?" * len(found.row))
    conn.execute(f"INSERT INTO {found.table} ({columns}) VALUES ({holes})", found.row)


def _decode(line: bytes, type: type[Any], name: str | Path, number: int) -> Any:
    try:
        return msgspec.json.decode(line, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{name}: line {number}: this is no line of an archive ({error}); "
            "expected what `leo field export` writes"
        ) from error
