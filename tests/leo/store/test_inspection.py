"""`leo field check` and `leo field export` look at a field with few rights, and touch nothing."""

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

from leo import MODULES
from leo.commands.field import COMMAND as FIELD
from leo.commands.main import main
from leo.errors import StoreFullError, StoreMovedError, StoreUnwritableError
from leo.store import inspection
from leo.store.archive import export_field
from leo.store.connection import Connection
from leo.store.inspection import copied, inspected
from leo.store.schema import connect
from tests.leo.commands.test_field_command import command
from tests.leo.store.test_store import NOBODY, unprivileged
from tests.leo.support import fold_tables, sync_field


def seen(path: Path) -> dict[str, bytes]:
    """Every file of the folder, with its bytes."""
    return {one.name: one.read_bytes() for one in path.parent.iterdir()}


def test_looking_adds_nothing_to_what_was_left_behind(field: Path, tmp_path: Path) -> None:
    """A process was killed, and one of its two files beside the field is still there: looking does
    not make the other one.
    """
    field.with_name("field-shm").write_bytes(bytes(32768))
    before = seen(field)
    assert command(FIELD, "check", str(field)) == 0
    assert command(FIELD, "export", str(field), "--out", str(tmp_path / "archive")) == 0
    assert seen(field) == before


def test_what_another_process_has_committed_is_seen(field: Path) -> None:
    """Although it is in the log beside the file, which stays as it is."""
    with sync_field(field) as other:
        other.observe("grey herons wait")
        before = {name: data for name, data in seen(field).items() if "shm" not in name}
        with inspected(field) as conn:
            found = conn.execute("SELECT count(*) FROM tokens WHERE token = 'herons'").fetchone()
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                conn.execute("DELETE FROM tokens")
        assert found == (1,)
        assert {name: data for name, data in seen(field).items() if "shm" not in name} == before


def test_a_link_leads_to_the_log_as_well(field: Path, tmp_path: Path) -> None:
    """Of a field whose process was killed: looking through a link leaves the log as it is."""
    with sync_field(field) as other:
        other.observe("grey herons wait")
        log = Path(f"{field}-wal").read_bytes()
    Path(f"{field}-wal").write_bytes(log)
    (link := tmp_path / "link").symlink_to(field)
    before = field.read_bytes()
    assert command(FIELD, "check", str(link)) == 0
    with inspected(link) as conn:
        assert conn.execute("SELECT count(*) FROM tokens WHERE token = 'herons'").fetchone()[0]
    assert (field.read_bytes(), Path(f"{field}-wal").read_bytes()) == (before, log)


def test_an_export_has_what_waits_in_the_journal(field: Path) -> None:
    """The lines of the field as it would be folded, without folding it."""
    with closing(connect(field)) as conn:
        [before] = conn.execute("SELECT version FROM folding").fetchone()
        lines = list(export_field(conn, MODULES))
        assert conn.execute("SELECT version FROM folding").fetchone() == (before,) == (0,)
    fold_tables(field)
    with closing(connect(field)) as conn:
        assert list(export_field(conn, MODULES)) == lines


@pytest.fixture
def reachable(capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
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
    reachable: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    """Exit code 2: whether there is a field cannot be told."""
    reachable.parent.chmod(0o000)
    with unprivileged():
        assert main(["field", action, str(reachable)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"leo: error: {reachable}: ") and "Permission denied" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("of_folder", [0o777, 0o555])
@pytest.mark.parametrize("of_file", [0o644, 0o444])
def test_the_right_to_read_is_enough(
    reachable: Path, capsys: pytest.CaptureFixture[str], of_folder: int, of_file: int
) -> None:
    """In other places where writing is forbidden; no byte changes, no file is left beside it."""
    assert main(["field", "export", str(reachable)]) == 0
    lines = capsys.readouterr().out
    reachable.chmod(of_file)
    reachable.parent.chmod(of_folder)
    before = seen(reachable)
    with unprivileged():
        assert main(["field", "check", str(reachable)]) == 0
        assert capsys.readouterr().out == f"{reachable}: sound\n"
        assert main(["field", "export", str(reachable)]) == 0
    assert capsys.readouterr().out == lines
    assert seen(reachable) == before


def test_a_log_with_content_is_not_passed_over(reachable: Path) -> None:
    """It has what was said last: in a folder that takes no file it cannot be read, so the field is
    refused, and not shown as it was before.
    """
    with sync_field(reachable) as other:
        other.observe("grey herons wait")
        log = Path(f"{reachable}-wal").read_bytes()
    Path(f"{reachable}-wal").write_bytes(log)
    reachable.parent.chmod(0o555)
    with (
        unprivileged(),
        pytest.raises(StoreUnwritableError, match="be opened for reading"),
        inspected(reachable),
    ):
        pass
    assert Path(f"{reachable}-wal").read_bytes() == log


def test_a_file_that_is_written_meanwhile_is_not_shown_half(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who reads a file without SQLite's locks is told when another begins to write it: the
    copy is thrown away.
    """

    def slowly(conn: Connection) -> Connection:
        copy = copied(conn)
        with closing(sqlite3.connect(reachable, isolation_level=None)) as other:
            other.execute("DELETE FROM snapshots")
        return copy

    # The file is read-only to the reader, and not to the writer.
    monkeypatch.setattr(inspection, "_modes", lambda path: (inspection.ALONE,))
    monkeypatch.setattr(inspection, "copied", slowly)
    with pytest.raises(StoreMovedError, match="try again"), inspected(reachable):
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
