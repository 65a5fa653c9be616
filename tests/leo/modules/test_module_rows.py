"""The modules' tables in the file of a field, and in its archive."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from leo import MODULES
from leo.modules import flowtracker, mathbrain, ragbrain, trauma
from leo.store.schema import connect
from tests.leo.modules.test_registry import OWNERS
from tests.leo.support import sync_field

TEXTS = {"session", "prompt", "reply", "expert", "key", "expert_before", "expert_after"}


def test_a_field_gets_the_tables_of_its_modules(tmp_path: Path) -> None:
    """When it is opened with them first; all it had stays. Without any it needs none of them."""
    path = tmp_path / "field"

    def tables() -> set[str]:
        with closing(sqlite3.connect(path)) as conn:
            return {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}

    with sync_field(path) as field:
        field.reply("hello there")
    assert not set(OWNERS) & tables()
    with sync_field(path, modules=MODULES[:2]) as field:
        assert field.reply("and now?")
    assert set(OWNERS) & tables() == {"bias", "emotion"}
    with sync_field(path, modules=MODULES) as field:
        assert field.view.versions()["view.bigrams"] == 3
        assert field.reply("and then?")
    assert set(OWNERS) <= tables()
    with sync_field(path) as field:
        assert field.reply("and alone?")


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
