"""`leo field check | export | import`: look after the file of a field."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

from leo.archive import export_field, import_field
from leo.checkup import check_field
from leo.cli import Command
from leo.errors import CallerError, StoreDamagedError, StoreUnwritableError
from leo.inspection import inspected, is_marked
from leo.schema import SCHEMA_VERSION, check_kept, connect

__all__ = ["COMMAND"]


def check(arguments: Namespace) -> int:
    """Print what is wrong; 1 when something is. The file is left as it is."""
    path: Path = arguments.field
    try:
        with inspected(path) as (conn, schema):
            findings = check_field(conn)
    except StoreDamagedError as error:
        # So damaged that it cannot even be opened. What does not say that it is a field may be
        # anything: nothing has been found out about a field then.
        if not is_marked(path):
            raise
        print(error)
        return 1
    old = schema != SCHEMA_VERSION
    note = f" (schema {schema}; opening it makes it {SCHEMA_VERSION})" if old else ""
    for finding in findings:
        print(f"{path}: {finding}")
    if not findings:
        print(f"{path}: sound{note}")
    return 1 if findings else 0


def export(arguments: Namespace) -> int:
    """Write the archive to a new file, or to standard output. The field is left as it is."""
    with inspected(arguments.field) as (conn, _):
        if arguments.out is None:
            sys.stdout.buffer.writelines(export_field(conn))
        else:
            _write(arguments.out, export_field(conn))
    return 0


def _write(path: Path, lines: Iterable[bytes]) -> None:
    """A new file of these lines, or none."""
    out = _opened(path, "xb")
    with ExitStack() as undo:
        undo.callback(path.unlink)
        try:
            with out:
                out.writelines(lines)
        except OSError as error:
            raise StoreUnwritableError(
                f"{path}: the archive cannot be written ({error.strerror}) and was removed; make "
                "room, or name a file in another place"
            ) from error
        undo.pop_all()


def import_(arguments: Namespace) -> int:
    """Make a field from an archive. When that fails there is no new file, which a conversation
    would take for a field that has heard nothing yet.
    """
    path: Path = arguments.field
    check_kept(path)
    with _opened(arguments.archive, "rb") as lines, ExitStack() as undo:
        if _made(path):
            undo.callback(_remove, path)
        with closing(connect(path)) as conn:
            try:
                rows = import_field(conn, lines, arguments.archive)
            except CallerError:
                # Somebody else has filled it since we made it: it is theirs.
                undo.pop_all()
                raise
        undo.pop_all()
    print(f"{path}: {rows:,} rows")
    return 0


def _made(path: Path) -> bool:
    """Make an empty file, if there is none: only then is it ours to remove."""
    try:
        path.open("xb").close()
    except OSError:
        # It is there, or cannot be made: whoever opens the field says what is wrong.
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a closed field, with what SQLite keeps beside it."""
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        return path.open(mode)  # type: ignore[return-value]
    except OSError as error:
        raise StoreUnwritableError(
            f"{path}: the file cannot be opened ({error.strerror}); name another one"
        ) from error


def configure(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="ACTION", required=True)
    checking = commands.add_parser("check", help="say whether the file is sound")
    checking.add_argument("field", metavar="FIELD", type=Path)
    checking.set_defaults(action=check)
    exporting = commands.add_parser("export", help="write the field as JSON lines")
    exporting.add_argument("field", metavar="FIELD", type=Path)
    exporting.add_argument(
        "--out", metavar="FILE", type=Path, help="a new file (default: standard output)"
    )
    exporting.set_defaults(action=export)
    importing = commands.add_parser("import", help="make a new field from JSON lines")
    importing.add_argument("archive", metavar="FILE", type=Path)
    importing.add_argument("field", metavar="FIELD", type=Path)
    importing.set_defaults(action=import_)


def run(arguments: Namespace) -> int:
    code: int = arguments.action(arguments)
    return code


COMMAND = Command(
    name="field",
    help="check the file of a field, write it as JSON lines, read it back",
    example="leo field check leo.sqlite3",
    configure=configure,
    run=run,
)
