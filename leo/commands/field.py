"""`leo field list | check | backup | restore | export | import`: look after the file of a field."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

from leo import screen
from leo.commands.main import Command
from leo.commands.places import field_file, named_fields
from leo.errors import CallerError, StoreDamagedError, StoreUnwritableError
from leo.modules import MODULES
from leo.progress import Bar
from leo.reply.given import check_apart
from leo.store.archive import export_field, import_field
from leo.store.backup import backup_field, private_folder, restore_field
from leo.store.checkup import check_field
from leo.store.inspection import inspected
from leo.store.owner import Owner
from leo.store.schema import BESIDE, check_kept, connect

Run = Callable[[Namespace], int]


def check(arguments: Namespace) -> int:
    """Print what is wrong; 1 when something is. The file is left as it is."""
    path: Path = arguments.field
    try:
        with inspected(path) as conn:
            findings = check_field(conn, MODULES)
    except StoreDamagedError as error:
        # So damaged that it cannot even be opened.
        print(error)
        return 1
    if arguments.json:
        screen.show_json({"field": str(path), "sound": not findings, "findings": findings})
    else:
        for finding in findings or ["sound"]:
            print(f"{path}: {finding}")
        if findings:
            print(f"{path}: to go on with it, restore it from a backup (leo field restore)")
    return 1 if findings else 0


def list_(arguments: Namespace) -> int:
    """Print the names of a person's own fields, each with its file."""
    found = named_fields()
    for path in found:
        print(f"{path.stem}: {path}")
    if not found:
        print("no field has a name yet; leo chat --field NAME makes one", file=sys.stderr)
    return 0


def backup(arguments: Namespace) -> int:
    """Copy a field that may be in use."""
    check_apart(arguments.copy, arguments.field, "a backup")
    backup_field(arguments.field, arguments.copy)
    print(f"{arguments.copy}: a copy of {arguments.field}")
    return 0


def restore(arguments: Namespace) -> int:
    """Put a copy in the place of a field that nobody has open."""
    restore_field(arguments.copy, arguments.field, MODULES)
    print(f"{arguments.field}: restored from {arguments.copy}")
    return 0


def export(arguments: Namespace) -> int:
    """Write the archive to a new file, or to standard output. The field is left as it is."""
    if arguments.out is not None:
        check_apart(arguments.out, arguments.field, "an archive")
    bar = Bar(arguments.field.name)
    with inspected(arguments.field) as conn:
        lines = export_field(conn, MODULES, bar.show)
        try:
            if arguments.out is None:
                sys.stdout.buffer.writelines(lines)
            else:
                _write(arguments.out, lines)
        finally:
            bar.clear()
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
    """Make a field from an archive; when that fails there is no new file."""
    path: Path = arguments.field
    check_kept(path)
    check_apart(arguments.archive, path, "an archive")
    with _opened(arguments.archive, "rb") as lines:
        if path.exists():
            # Empty, or it is refused.
            owner = Owner.take(path, "an import", shared=False)
            try:
                rows = _fill(path, lines, arguments.archive)
            finally:
                owner.release()
        else:
            rows = _make(path, lines, arguments.archive)
    print(f"{path}: {rows:,} rows")
    return 0


def _make(path: Path, lines: BinaryIO, archive: Path) -> int:
    """Fill a field elsewhere in the same folder, and give it its name when it is whole.

    Under its name somebody else could open it before that, and would talk to what a failure removes
    again. Raises CallerError when the name has been taken meanwhile.
    """
    for left in (Path(f"{path}{end}") for end in BESIDE):
        if left.exists():
            raise StoreUnwritableError(
                f"{left}: SQLite kept this for a field that is gone, and would take it for a part "
                "of the new one; remove it, or name another file"
            )
    with private_folder(path) as folder:
        whole = folder / path.name
        rows = _fill(whole, lines, archive)
        try:
            # Unlike a renaming it never takes the place of another file.
            path.hardlink_to(whole)
        except FileExistsError as error:
            raise CallerError(
                f"{path}: somebody else has made this file during the import, and nothing was "
                "imported; name a file that does not exist"
            ) from error
        except OSError as error:
            raise StoreUnwritableError(
                f"{path}: the field cannot be given its name ({error.strerror}), and nothing was "
                "imported; name a file on another disk, and copy it here"
            ) from error
    return rows


def _fill(path: Path, lines: BinaryIO, archive: Path) -> int:
    bar = Bar(archive.name)
    with closing(connect(path)) as conn:
        try:
            return import_field(conn, lines, archive, MODULES, bar.show)
        finally:
            bar.clear()


def _opened(path: Path, mode: str) -> BinaryIO:
    try:
        # What is written is for its owner's eyes.
        return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))  # type: ignore[return-value]
    except OSError as error:
        raise StoreUnwritableError(
            f"{path}: the file cannot be opened ({error.strerror}); name another one"
        ) from error


def configure(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="ACTION", required=True)

    def add(
        name: str, run: Callable[[Namespace], int], help: str, *operands: str
    ) -> ArgumentParser:
        action = commands.add_parser(name, help=help)
        for operand in operands:
            kind = field_file if operand == "field" else Path
            shown = "FILE" if operand == "archive" else operand.upper()
            action.add_argument(operand, metavar=shown, type=kind)
        action.set_defaults(action=run)
        return action

    add("list", list_, "the fields of your own, by name")
    checking = add("check", check, "say whether the file is sound", "field")
    checking.add_argument("--json", action="store_true", help="print the verdict as JSON")
    add("backup", backup, "copy the field to a new file, also while it is in use", "field", "copy")
    add("restore", restore, "put a copy in the place of the field", "copy", "field")
    exporting = add("export", export, "write the field as JSON lines", "field")
    exporting.add_argument(
        "--out", metavar="FILE", type=Path, help="a new file (default: standard output)"
    )
    add("import", import_, "make a new field from JSON lines", "archive", "field")


def run(arguments: Namespace) -> int:
    code: int = arguments.action(arguments)
    return code


COMMAND = Command(configure, run)
