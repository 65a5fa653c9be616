"""`leo field check | export | import`: look after the file of a field."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from leo.archive import export_field, import_field
from leo.checkup import check_field
from leo.cli import Command
from leo.errors import StoreUnwritableError
from leo.schema import connect

__all__ = ["COMMAND"]


def check(arguments: Namespace) -> int:
    """Print what is wrong; 1 when something is."""
    path = _existing(arguments.field)
    with closing(connect(path)) as conn:
        findings = check_field(conn)
    for finding in findings:
        print(f"{path}: {finding}")
    if not findings:
        print(f"{path}: sound")
    return 1 if findings else 0


def export(arguments: Namespace) -> int:
    """Write the archive to a new file, or to standard output."""
    with closing(connect(_existing(arguments.field))) as conn:
        if arguments.out is None:
            sys.stdout.buffer.writelines(export_field(conn))
        else:
            with _opened(arguments.out, "xb") as out:
                out.writelines(export_field(conn))
    return 0


def import_(arguments: Namespace) -> int:
    """Make a field from an archive."""
    with _opened(arguments.archive, "rb") as lines, closing(connect(arguments.field)) as conn:
        rows = import_field(conn, lines, arguments.archive)
    print(f"{arguments.field}: {rows:,} rows")
    return 0


def _existing(path: Path) -> Path:
    # Opening a field makes a missing one; whoever checks or exports does not want a new one.
    if not path.exists():
        raise StoreUnwritableError(f"{path}: there is no such file; name a field that exists")
    return path


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
