"""`leo field check` and `leo field export` look at a field, and touch nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from leo import MODULES
from leo.commands.field import COMMAND as FIELD
from leo.store.archive import export_field
from leo.store.inspection import inspected
from leo.store.schema import connect
from tests.leo.commands.test_field_command import command
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
