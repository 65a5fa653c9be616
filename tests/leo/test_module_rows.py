"""The modules' tables in the file of a field, and in its archive."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from leo import ORGANS
from leo.archive import export_field, import_field
from leo.schema import SCHEMA_VERSION, connect
from tests.leo.organs.test_registry import OWNERS
from tests.leo.support import sync_field, without_folds


def test_a_field_of_schema_1_is_moved_on(tmp_path: Path) -> None:
    """A file of before the modules gets their tables when it is opened, and keeps all it had."""
    path = tmp_path / "field"
    with sync_field(path) as field:
        field.reply("hello there")
    without_folds(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        for table in OWNERS:
            conn.execute(f"DROP TABLE {table}")
        conn.execute("PRAGMA user_version = 1")
    with sync_field(path, modules=ORGANS) as field:
        assert field.view.versions()["view.bigrams"] == 2
        assert field.reply("and now?")
    with closing(connect(path)) as conn:
        assert conn.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
        assert set(OWNERS) <= tables


def test_a_field_of_schema_2_gets_the_bias(tmp_path: Path) -> None:
    """The modules' rows of before are kept, the one missing table is made."""
    path = tmp_path / "field"
    with sync_field(path, modules=ORGANS) as field:
        field.reply("What is a field?")
    without_folds(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("DROP TABLE bias")
        conn.execute("PRAGMA user_version = 2")
    with sync_field(path, modules=ORGANS) as field:
        assert field.reply("and now?")
    with closing(connect(path)) as conn:
        assert conn.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        counts = [
            conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("episodes", "bias")
        ]
        assert counts[0] == 2 and counts[1] >= 1


def test_an_archive_has_what_the_modules_keep(tmp_path: Path) -> None:
    """Export, import, export: equal lines, with the modules' rows among them."""
    with sync_field(tmp_path / "field", modules=ORGANS) as field:
        for prompt in ("What is a field?", "I am AFRAID of the dark!", "hello"):
            field.reply(prompt)
    with closing(connect(tmp_path / "field")) as conn:
        lines = list(export_field(conn))
    with closing(connect(tmp_path / "copy")) as conn:
        import_field(conn, io.BytesIO(b"".join(lines)), "archive")
        assert list(export_field(conn)) == lines
        assert conn.execute("SELECT count(*) FROM episodes").fetchone() == (3,)
