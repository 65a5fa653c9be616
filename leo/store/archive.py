"""A field as JSON lines, and back: to keep, to compare, to carry to another machine.

The first line has the format and the number of rows of each table, so that an archive that was cut
off is recognised. Then there is one line per row, table by table. The journal is left out. Its new
entries are folded into the tables before these are written; its older entries only save open views
a full load, and nobody has an imported field open.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec

from leo.errors import ArchiveError, CallerError, StoreDamagedError
from leo.screen import visible
from leo.store import rows
from leo.store.checkup import (
    BOUNDS,
    UNKEPT,
    check_field,
    check_structure,
    limits,
    tables,
)
from leo.store.connection import Connection, reading, transaction
from leo.store.fold import swept
from leo.store.inspection import copied
from leo.store.ngrams import MOST
from leo.store.operations import get_versions
from leo.store.rows import Keeper
from leo.store.schema import SCHEMA_VERSION

# Told how much of the work is done, from 0 to 1, every SHOWN rows: a tenth of a second's work.
Show = Callable[[float], object]
SHOWN: Final = 10_000
KIND: Final = "leo field"
FORMAT: Final = 2
# What a column may hold, and what SQLite keeps a whole number in.
TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "INTEGER": int,
    "REAL": (int, float),
    "TEXT": str,
}
LARGEST: Final = 2**63 - 1
# In bytes: many times the longest text that a field takes in at once.
LONGEST_LINE: Final = 1 << 22
AGAIN: Final = "the archive was changed: write it again with `leo field export`"


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    schema: int
    versions: dict[str, int]
    format: int
    rows: dict[str, int]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    table: str
    row: list[int | float | str | None]


class _Column(NamedTuple):
    name: str
    type: type | tuple[type, ...]
    nullable: bool
    least: int
    most: int


def export_field(
    conn: Connection, keepers: Sequence[Keeper] = (), show: Show | None = None
) -> Iterator[bytes]:
    """The lines of an archive, all of one state of the store, which is left as it is: the tables of
    a copy take in the journal. `keepers` are the modules whose tables are exported as well.

    Raises StoreDamagedError when there is no reading all of it, CallerError for a table that is
    neither a field's nor a keeper's.
    """
    encode = msgspec.json.Encoder().encode
    with closing(copied(conn)) as copy:
        with transaction(copy):
            for lost in check_structure(copy, keepers):
                raise StoreDamagedError(
                    f"{conn.path}: {lost}, and nothing can be exported without it: restore it "
                    "from a backup (leo field restore)"
                )
            swept(copy)
        with reading(copy):
            columns = _exported(copy, keepers)
            counts = {
                table: copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in columns
            }
            yield encode(_Head(KIND, SCHEMA_VERSION, get_versions(copy), FORMAT, counts)) + b"\n"
            total, done = sum(counts.values()), 0
            for table, names in columns.items():
                order = ", ".join(names)
                for row in copy.execute(f"SELECT {order} FROM {table} ORDER BY {order}"):
                    yield encode(_Row(table, list(row))) + b"\n"
                    done += 1
                    if show is not None and not done % SHOWN:
                        show(done / total)


def _exported(conn: Connection, keepers: Sequence[Keeper]) -> dict[str, list[str]]:
    known = tables(keepers)
    statement = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
    there = {name for (name,) in conn.execute(statement)} - UNKEPT
    for table in sorted(there - known.keys()):
        raise CallerError(
            f"{conn.path}: the table {visible(table)} belongs to a module that is not known "
            "here, and an archive without it would be no copy: export with that module"
        )
    return {table: columns for table, columns in known.items() if table in there}


def import_field(
    conn: Connection,
    lines: IO[bytes],
    name: str | Path,
    keepers: Sequence[Keeper] = (),
    show: Show | None = None,
) -> int:
    """Fill an empty field from the lines of an archive called `name`; return the number of rows.
    Those `keepers` get their tables that the archive has.

    Raises CallerError when the field is not empty, ArchiveError for a line that is no part of an
    archive, for rows that are missing, and for what `check_field` finds; nothing is written then.
    """
    with transaction(conn):
        if any(get_versions(conn).values()):
            raise CallerError(
                f"{conn.path}: the field has grown already, and an import would replace it; "
                "name a file that does not exist"
            )
        head = _decode(_line(lines, name, 1), _Head, name, 1)
        _check_head(head, get_versions(conn), f"{name}: line 1")
        conn.executemany(
            "UPDATE objects SET version = ? WHERE name = ?",
            [(version, object) for object, version in head.versions.items()],
        )
        conn.execute("UPDATE folding SET version = ?", (head.versions["ngrams"],))
        conn.execute("PRAGMA defer_foreign_keys = ON")
        there = [one for one in keepers if rows.named(one.DDL).keys() & head.rows.keys()]
        rows.create(conn, there)
        columns = {table: _columns(conn, table, head.versions) for table in tables(there)}
        counts: Counter[str] = Counter()
        total = sum(head.rows.values())
        for number in count(2):
            line = _line(lines, name, number)
            if not line:
                break
            found = _decode(line, _Row, name, number)
            place = f"{name}: line {number}"
            _check_row(found, columns, place)
            _insert(conn, found, place)
            counts[found.table] += 1
            if show is not None and total and not number % SHOWN:
                show(min(1.0, number / total))
        # First what is missing: what refers to it would be found as well, and says less.
        _check_counts(head, counts, name)
        _check_references(conn, name)
        for finding in check_field(conn, keepers):
            raise ArchiveError(
                f"{name}: this would be no sound field: {finding}; the archive was changed, or the "
                "field that it was made from was damaged: see what `leo field check` says of that "
                "one, and write the archive again with `leo field export`"
            )
        return counts.total()


def _line(lines: IO[bytes], name: str | Path, number: int) -> bytes:
    """The next line, empty at the end; of one that is too long no more is read."""
    line = lines.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise ArchiveError(
            f"{name}: line {number}: this line is longer than {LONGEST_LINE:,} bytes, which no row "
            f"of a field is: {AGAIN}"
        )
    return line


def _check_head(head: _Head, objects: dict[str, int], place: str) -> None:
    if (head.kind, head.schema, head.format) != (KIND, SCHEMA_VERSION, FORMAT):
        raise ArchiveError(
            f"{place}: expected kind {KIND!r}, schema {SCHEMA_VERSION} and format {FORMAT}, found "
            f"{head.kind!r:.40}, {head.schema} and {head.format}; use the program that wrote the "
            "archive"
        )
    if head.versions.keys() != objects.keys() or not all(
        0 <= version <= MOST for version in head.versions.values()
    ):
        raise ArchiveError(
            f"{place}: the versions are {head.versions!r:.80}; expected one, from 0 to "
            f"{MOST:,}, for each of {', '.join(objects)}: {AGAIN}"
        )


def _columns(conn: Connection, table: str, versions: dict[str, int]) -> list[_Column]:
    most = limits(**versions)
    bounds = {b.column: (b.least, most[b.most]) for b in BOUNDS if b.table == table}
    return [
        _Column(name, TYPES[type], not (required or key), *bounds.get(name, (-LARGEST, LARGEST)))
        for _, name, type, required, _, key in conn.execute(f"PRAGMA table_info({table})")
    ]


def _check_row(found: _Row, tables: dict[str, list[_Column]], place: str) -> None:
    columns = tables.get(found.table)
    if columns is None or len(found.row) != len(columns):
        raise ArchiveError(
            f"{place}: {len(found.row)} values for the table {found.table[:40]!r}; expected a row "
            f"of {', '.join(tables)} with all of its columns: {AGAIN}"
        )
    for value, column in zip(found.row, columns, strict=True):
        right = column.nullable if value is None else isinstance(value, column.type)
        within = not isinstance(value, int) or column.least <= value <= column.most
        if not right or not within:
            wanted = f"{column.least:,} to {column.most:,}" if right else "what that column holds"
            raise ArchiveError(
                f"{place}: {repr(value)[:40]} for the column {column.name} of the table "
                f"{found.table}; expected {wanted}: {AGAIN}"
            )


def _insert(conn: Connection, found: _Row, place: str) -> None:
    holes = ", ".join("?" * len(found.row))
    statement = f"INSERT INTO {found.table} VALUES ({holes})"
    try:
        conn.execute(statement, found.row)
    except sqlite3.IntegrityError as error:
        raise ArchiveError(
            f"{place}: this row of {found.table} cannot stand beside those before it ({error}); "
            f"expected each row once: {AGAIN}"
        ) from error


def _check_counts(head: _Head, counts: Counter[str], name: str | Path) -> None:
    promised = head.rows
    wrong = [table for table in {**promised, **counts} if counts[table] != promised.get(table, 0)]
    if wrong:
        table, *others = wrong
        rest = f", and {len(others)} more tables differ" if others else ""
        raise ArchiveError(
            f"{name}: {counts[table]:,} rows of {visible(table)}, expected "
            f"{promised.get(table, 0):,} as the first line says{rest}; the archive was cut or "
            "changed: copy it once more from where it was written, or write it again with `leo "
            "field export`"
        )


def _check_references(conn: Connection, name: str | Path) -> None:
    lost = conn.execute("PRAGMA foreign_key_check").fetchall()
    if lost:
        table, _, parent, _ = lost[0]
        raise ArchiveError(
            f"{name}: a row of {table} names a row of {parent} that the archive does not have "
            f"({len(lost):,} such references in all): {AGAIN}"
        )


def _decode(line: bytes, type: type[Any], name: str | Path, number: int) -> Any:
    try:
        return msgspec.json.decode(line, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArchiveError(
            f"{name}: line {number}: this is no line of an archive ({visible(str(error))}); "
            "expected what `leo field export` writes"
        ) from error
