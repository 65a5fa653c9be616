"""Looking at a field with few rights: it takes the right to read, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from leo.commands.main import main
from leo.errors import StoreFullError, StoreMovedError, StoreUnwritableError
from leo.store import inspection
from leo.store.connection import Connection
from leo.store.inspection import copied, inspected
from tests.leo.store.test_inspection import seen
from tests.leo.store.test_store import NOBODY, unprivileged
from tests.leo.support import sync_field


@pytest.fixture
def field(capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """Our field, which has talked, alone in a folder that everybody can reach, unlike those of
    pytest.
    """
    folder = Path(mkdtemp())
    folder.chmod(0o777)
    path = folder / "field"
    with sync_field(path) as opened:
        opened.reply("What is a field?")
    # A user with few rights may be unable to read the interpreter's own files: so load all that
    # the command needs before.
    assert main(["field", "check", str(path)]) == 0
    capsys.readouterr()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, -1)
        os.chown(path, NOBODY, -1)
    yield path
    folder.chmod(0o777)
    shutil.rmtree(folder)


@pytest.mark.parametrize("action", ["check", "export"])
def test_a_folder_that_may_not_be_entered_is_one_paragraph(
    field: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    """Exit code 2: whether there is a field cannot be told."""
    field.parent.chmod(0o000)
    with unprivileged():
        assert main(["field", action, str(field)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"leo: error: {field}: ") and "Permission denied" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("of_folder", [0o777, 0o555])
@pytest.mark.parametrize("of_file", [0o644, 0o444])
def test_the_right_to_read_is_enough(
    field: Path, capsys: pytest.CaptureFixture[str], of_folder: int, of_file: int
) -> None:
    """In other places where writing is forbidden; no byte changes, no file is left beside it."""
    assert main(["field", "export", str(field)]) == 0
    lines = capsys.readouterr().out
    field.chmod(of_file)
    field.parent.chmod(of_folder)
    before = seen(field)
    with unprivileged():
        assert main(["field", "check", str(field)]) == 0
        assert capsys.readouterr().out == f"{field}: sound\n"
        assert main(["field", "export", str(field)]) == 0
    assert capsys.readouterr().out == lines
    assert seen(field) == before


def test_a_log_with_content_is_not_passed_over(field: Path) -> None:
    """It has what was said last: in a folder that takes no file it cannot be read, so the field is
    refused, and not shown as it was before.
    """
    with sync_field(field) as other:
        other.observe("grey herons wait")
        log = Path(f"{field}-wal").read_bytes()
    Path(f"{field}-wal").write_bytes(log)
    field.parent.chmod(0o555)
    with (
        unprivileged(),
        pytest.raises(StoreUnwritableError, match="be opened for reading"),
        inspected(field),
    ):
        pass
    assert Path(f"{field}-wal").read_bytes() == log


def test_a_file_that_is_written_meanwhile_is_not_shown_half(
    field: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who reads a file without SQLite's locks is told when another begins to write it: the
    copy is thrown away.
    """

    def slowly(conn: Connection) -> Connection:
        copy = copied(conn)
        with closing(sqlite3.connect(field, isolation_level=None)) as other:
            other.execute("DELETE FROM snapshots")
        return copy

    # The file is read-only to the reader, and not to the writer.
    monkeypatch.setattr(inspection, "_modes", lambda path: (inspection.ALONE,))
    monkeypatch.setattr(inspection, "copied", slowly)
    with pytest.raises(StoreMovedError, match="try again"), inspected(field):
        pass


def test_a_copy_that_does_not_fit_is_no_fault_of_the_field(tmp_path: Path) -> None:
    """The error of a read-only look names the folder of temporary files."""

    class Full(Connection):
        def backup(self, *given: Any, **rest: Any) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    with closing(sqlite3.connect(tmp_path / "field", factory=Full)) as conn:
        conn.path = tmp_path / "field"
        with pytest.raises(StoreFullError, match=r"as it was: make room .* TMPDIR"):
            copied(conn)
