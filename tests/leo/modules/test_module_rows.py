"""The modules' tables in the file of a field, and in its archive."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from leo import MODULES
from leo.modules import flowtracker, mathbrain, ragbrain, trauma
from leo.store.archive import export_field, import_field
from leo.store.schema import SCHEMA_VERSION, connect
from tests.leo.modules.test_registry import OWNERS
from tests.leo.support import sync_field, without_folds

TEXTS = {"session", "prompt", "reply", "expert", "key", "expert_before", "expert_after"}


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
    with sync_field(path, modules=MODULES) as field:
        assert field.view.versions()["view.bigrams"] == 2
        assert field.reply("and now?")
    with closing(connect(path)) as conn:
        assert conn.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
        assert set(OWNERS) <= tables


def test_a_field_of_schema_2_gets_the_bias(tmp_path: Path) -> None:
    """The modules' rows of before are kept, the one missing table is made."""
    path = tmp_path / "field"
    with sync_field(path, modules=MODULES) as field:
        field.reply("What is a field?")
    without_folds(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("DROP TABLE bias")
        conn.execute("PRAGMA user_version = 2")
    with sync_field(path, modules=MODULES) as field:
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
    with sync_field(tmp_path / "field", modules=MODULES) as field:
        for prompt in ("What is a field?", "I am AFRAID of the dark!", "hello"):
            field.reply(prompt)
    with closing(connect(tmp_path / "field")) as conn:
        lines = list(export_field(conn))
    with closing(connect(tmp_path / "copy")) as conn:
        import_field(conn, io.BytesIO(b"".join(lines)), "archive")
        assert list(export_field(conn)) == lines
        assert conn.execute("SELECT count(*) FROM episodes").fetchone() == (3,)


LOGS = {
    "episodes": ragbrain.KEPT,
    "flow_turns": flowtracker.TURNS,
    "multileo_events": mathbrain.EVENTS,
    "trauma_events": trauma.EVENTS,
}


def test_the_logs_of_the_modules_do_not_grow_for_ever(tmp_path: Path) -> None:
    """A log with more rows than it keeps, as an older program may have left it, has no more than
    that after its module's next entry, and these are the newest; profiles that no reply can see go.
    """
    path = tmp_path / "field"
    talk = ("What is a field?", "I am AFRAID of the dark!", "who are you, leo?", "wide grey water")

    def reply() -> None:
        with sync_field(path, modules=MODULES) as field:
            for prompt in talk:
                field.reply(prompt)

    reply()
    newest = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        for table, kept in LOGS.items():
            columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")][1:]
            values = ", ".join("'x'" if name in TEXTS else "5" for name in columns)
            for id in range(1000, 1000 + kept + 5):
                conn.execute(f"INSERT INTO {table} VALUES ({id}, {values})")
            newest[table] = id
        for number in range(mathbrain.PROFILES + 5):
            conn.execute("INSERT INTO multileo_profiles VALUES (?, 1, 0, 0, 0, 0, 0)", (number,))
    reply()
    with closing(connect(path)) as conn:
        for table, kept in LOGS.items():
            count, last = conn.execute(f"SELECT count(*), max(id) FROM {table}").fetchone()
            assert last > newest[table] and count <= kept, table
        [profiles] = conn.execute("SELECT count(*) FROM multileo_profiles").fetchone()
        assert profiles == mathbrain.PROFILES
