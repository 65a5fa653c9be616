"""The declarations of the modules, and the dependency graph that follows from them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from leo.errors import UndeclaredError
from leo.modules import MODULES, Module
from leo.reply.chorus import Chorus
from leo.reply.program import PROGRAM, program_for, step_objects
from leo_model.traces.events import carries
from tests.leo.modules.support import (
    FIELD,
    SCRIPT,
    TinyDriver,
    after,
    before,
    kept_with,
    moment,
    own_objects,
)

READ, WRITES = sqlite3.SQLITE_READ, {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE}
WRITES |= {sqlite3.SQLITE_DELETE}


def tables(module: Module[Any]) -> set[str]:
    """The tables that a module's DDL makes."""
    return {name for sql in module.DDL for name in re.findall(r"CREATE TABLE (\w+)", sql)}


OWNERS = {table: module for module in MODULES for table in tables(module)}


def object_of(table: str) -> str:
    """The object that a table belongs to."""
    if table in OWNERS:
        (name,) = (OWNERS[table].READS | OWNERS[table].WRITES) - FIELD
        return name
    return table


class Watcher:
    """Notes which tables SQLite is asked to read and write, by phase and module."""

    def __init__(self) -> None:
        self.phase = ""
        self.touched: dict[str, set[tuple[bool, str]]] = {"read": set(), "write": set()}

    def begin(self, phase: str) -> None:
        self.phase = phase

    def authorize(self, action: int, table: str | None, *rest: str | None) -> int:
        if self.phase and table and not table.startswith("sqlite_"):
            if action == READ and table != "json_each":
                self.touched[self.phase].add((False, table))
            elif action in WRITES:
                self.touched[self.phase].add((True, table))
        return sqlite3.SQLITE_OK


@pytest.fixture(scope="module")
def watched() -> dict[str, set[tuple[bool, str]]]:
    """What the script's replies touch, as SQLite sees it."""
    watcher = Watcher()
    driver = TinyDriver(watch=watcher.begin)
    driver.conn.set_authorizer(watcher.authorize)
    for prompt in SCRIPT[:30]:
        driver.reply(prompt)
    return watcher.touched


def test_each_own_object_has_one_owner() -> None:
    """A module has at most one object of its own, and tables exactly when it has one."""
    for module in MODULES:
        own = (module.READS | module.WRITES) - FIELD
        assert len(own) == bool(module.DDL), module.name
    assert sorted(own_objects().values()) == sorted({o.name for o in MODULES if o.DDL})


def test_recall_reads_what_is_declared(watched: dict[str, set[tuple[bool, str]]]) -> None:
    """The reading transaction reads exactly the declared objects, and writes nothing."""
    assert {object_of(table) for wrote, table in watched["read"]} == step_objects(MODULES)[
        "recall"
    ].reads
    assert not any(wrote for wrote, _ in watched["read"])


def test_the_snapshot_writes_what_is_declared(watched: dict[str, set[tuple[bool, str]]]) -> None:
    """The writing transaction writes exactly the declared objects."""
    written = {object_of(table) for wrote, table in watched["write"] if wrote}
    assert written == step_objects(MODULES)["snapshot"].writes


def test_a_module_keeps_to_its_own_tables() -> None:
    """Each module's queries read its own tables only, and the field's where it declares them."""
    driver = TinyDriver()
    for module in MODULES:
        seen: set[str] = set()

        def authorize(action: int, table: str | None, *rest: str | None) -> int:
            if action == READ and table and table not in ("json_each", "sqlite_master"):
                seen.add(object_of(table))  # noqa: B023
            return sqlite3.SQLITE_OK

        driver.conn.set_authorizer(authorize)
        given = {"now": 0.0, "session": "s", "tokens": "[]", "words": "[]"}
        for sql in module.QUERIES.values():
            driver.conn.execute(sql, given)
        driver.conn.set_authorizer(None)
        assert seen == module.READS - {"view", "ngrams"}, module.name


@contextmanager
def refused() -> Iterator[None]:
    """The module asks for the view without declaring it."""
    with pytest.raises(UndeclaredError, match=r"^the module reads 'view' without declaring it$"):
        yield


def test_the_view_is_for_those_that_declare_it() -> None:
    """Without the declaration themes and walks are refused."""
    with refused():
        _ = before(seen=None).themes
    with refused():
        _ = before(seen=None).centres
    with refused():
        _ = after(seen=None).speak
    assert before(seen=None, novelty=0.25).novelty == 0.25


def test_the_chorus_gives_the_view_by_declaration() -> None:
    """A module that reads the view without declaring it is stopped in a real reply."""
    thief = type("Thief", (type(MODULES[0]),), {"before": lambda self, s, c, r: c.themes})()
    chorus = Chorus((thief,), moment("x"), "k")
    chorus.hear({"emotion": {"charges": []}})
    with refused():
        chorus.before(0.5)


def test_steps_with_all_modules() -> None:
    """The modules add objects to the recall and to the snapshot, and none elsewhere."""
    found, core = step_objects(MODULES), {step.name: step for step in PROGRAM}
    own = frozenset(own_objects())
    assert found["recall"].reads == core["recall"].reads | own
    assert found["snapshot"].writes == core["snapshot"].writes | own
    for name in ("observe", "generate"):
        assert found[name] == (core[name].reads, core[name].writes)
    assert {kept_with(name) for name in own} == {"snapshots"}
    assert {kept_with(name) for name in FIELD} == FIELD


def test_chance_is_each_modules_own() -> None:
    """Leaving out a module does not change the luck of the others."""
    chorus = Chorus(MODULES, moment("x"), "k")
    fewer = Chorus(MODULES[3:], moment("x"), "k")
    drawing = [module for module in MODULES[3:] if "after" in module.USES_CHANCE]
    assert {module.name for module in drawing} == {"metaleo", "dream", "overthinking", "resonance"}
    for module in drawing:
        draws = [one._rng(module, "after").random() for one in (chorus, fewer)]
        assert draws[0] == draws[1] != Random("k").random()


@pytest.mark.parametrize(
    "draw",
    [lambda rng: rng.random(), lambda rng: rng.choice("ab"), lambda rng: rng.choices("ab", [1, 2])],
)
def test_chance_is_declared(draw: Callable[[Random], object]) -> None:
    """A hook that does not say that it draws cannot, however it goes about it."""
    [school] = [module for module in MODULES if module.name == "school"]
    rng = Chorus(MODULES, moment("x"), "k")._rng(school, "after")
    with pytest.raises(UndeclaredError, match=r"^the module uses chance in a hook that does not"):
        draw(rng)


WITH_ALL = program_for(MODULES)
# The tables that an object of the field is made of in a trace.
TABLES = {"ngrams": {"bigrams", "trigrams"}, "view": {"view.bigrams", "view.trigrams"}}


def test_the_declared_objects_are_those_of_a_trace() -> None:
    """Each action of a step carries in a trace what its step declares."""
    found: dict[str, dict[str, set[str]]] = {}
    for step in WITH_ALL:
        for side in ("reads", "writes"):
            names = {kept_with(name) for name in getattr(step, side)}
            found.setdefault(step.name, {})[side] = names
    carried = {
        step.name: {
            side: {
                _object(table)
                for action in step.actions
                for table in getattr(carries("bare", action), side)
            }
            for side in ("reads", "writes")
        }
        for step in WITH_ALL
    }
    assert found == carried


def _object(table: str) -> str:
    return next((name for name, tables in TABLES.items() if table in tables), table)
