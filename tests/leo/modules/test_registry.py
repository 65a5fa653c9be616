"""The declarations of the modules, and the dependency graph that follows from them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from leo.errors import UndeclaredError
from leo.modules import MODULES, Module
from leo.reply.chorus import Chorus
from leo.reply.program import PROGRAM, Step, program_for, step_objects
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import apply, enabled, is_finished
from leo_model.machine.state import Edge, Reply, State
from leo_model.machine.steps import World
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


def test_every_table_is_read_or_written(watched: dict[str, set[tuple[bool, str]]]) -> None:
    """No module has a table that the script leaves untouched."""
    touched = {table for tables in watched.values() for _, table in tables}
    assert set(OWNERS) <= touched


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


SESSIONS = {"s1": "i1", "s2": "i1", "s3": "i1"}
WITH_ALL = program_for(MODULES)
# In the paper's order every edge of the n-grams is one of the snapshots as well: recall comes first
# and snapshot last. In the second order it is not.
PAPER = ("recall", "observe", "generate", "snapshot")
ORDERS = (PAPER, ("recall", "snapshot", "observe", "generate"))
# The tables that an object of the field is made of in a trace.
TABLES = {"ngrams": {"bigrams", "trigrams"}, "view": {"view.bigrams", "view.trigrams"}}


def by_name(program: Iterable[Step]) -> dict[str, Step]:
    return {step.name: step for step in program}


class Derived:
    """The dependency graph of replies, from declarations: who read what after whose write."""

    def __init__(self, program: Iterable[Step]) -> None:
        self.steps = by_name(program)
        self.edges: set[Edge] = set()
        self.writers: dict[str, list[Reply]] = {}
        self.readers: dict[str, set[Reply]] = {}
        self.loaded: dict[tuple[Reply, str], set[Reply]] = {}
        self.view: dict[str, set[Reply]] = {"bigrams": set(), "trigrams": set()}

    def act(self, action: str, reply: Reply) -> None:
        """One action of a reply, as far as its step declares to touch anything."""
        recall, observe, generate, snapshot = (
            self.steps[name] for name in ("recall", "observe", "generate", "snapshot")
        )
        if action == "Recall":
            for name in recall.reads - FIELD | recall.reads & {"snapshots"}:
                self._join(self.writers.get(name, []), reply)
                self.readers.setdefault(name, set()).add(reply)
        elif action == "Ingest" and "ngrams" in observe.writes:
            self._write("ngrams", reply)
        elif action in ("LoadBigrams", "LoadTrigrams") and "ngrams" in observe.reads:
            self.loaded[reply, action[4:].lower()] = set(self.writers.get("ngrams", []))
        elif action == "AssignView" and "view" in observe.writes:
            self.view = {table: self.loaded[reply, table] for table in self.view}
        elif action == "Generate" and "view" in generate.reads:
            self.readers.setdefault("ngrams", set()).add(reply)
            for seen in self.view.values():
                self._join(seen, reply)
                missed = set(self.writers.get("ngrams", [])) - seen - {reply}
                self.edges |= {(reply, other) for other in missed}
        elif action == "SaveSnapshot":
            for name in snapshot.writes:
                self._write(name, reply)

    def _join(self, others: Iterable[Reply], reply: Reply) -> None:
        self.edges |= {(other, reply) for other in others if other != reply}

    def _write(self, name: str, reply: Reply) -> None:
        self._join({*self.writers.get(name, []), *self.readers.get(name, ())}, reply)
        self.writers.setdefault(name, []).append(reply)


def walk(
    seed: int, program: Iterable[Step], order: tuple[str, ...]
) -> tuple[frozenset[Edge], set[Edge]]:
    """A random execution of three sessions without a lock: the model's graph, and the derived."""
    rng = Random(seed)
    world = World(DISCIPLINES["bare"], dict(SESSIONS), turns=2, program=order)
    state, derived = State.initial(world.instance_of, ("i1",)), Derived(program)
    while not is_finished(world, state):
        move = rng.choice(enabled(world, state))
        apply(world, state, move)
        derived.act(move.action, state.reply(move.actor))
    return state.dsg, derived.edges


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(8))
def test_the_dependency_graph_follows_from_the_declarations(
    seed: int, order: tuple[str, ...]
) -> None:
    """With all modules, each object on its own, the edges are those that the model has."""
    model, derived = walk(seed, WITH_ALL, order)
    assert model and derived == model


@pytest.mark.parametrize(
    ("step", "side", "name"),
    [("observe", "writes", "ngrams"), ("observe", "writes", "view"), ("generate", "reads", "view")],
)
def test_a_missing_declaration_is_a_missing_edge(step: str, side: str, name: str) -> None:
    """A step that forgot to declare an object of the field gives another graph."""
    assert differs(without(step, side, frozenset({name})), ORDERS[1])


def test_the_modules_objects_carry_the_edges_of_the_snapshots() -> None:
    """Without the snapshots declared the graph is the same; without the modules' objects not."""
    hidden = frozenset({"snapshots"})
    assert not differs(without("recall", "reads", hidden), PAPER)
    assert differs(without("recall", "reads", hidden | frozenset(own_objects())), PAPER)


def without(step: str, side: str, names: frozenset[str]) -> list[Step]:
    """The program with declarations taken away from one step."""
    changed = by_name(WITH_ALL)
    whole = changed[step]
    assert names & (whole.reads if side == "reads" else whole.writes)
    changed[step] = (
        replace(whole, reads=whole.reads - names)
        if side == "reads"
        else replace(whole, writes=whole.writes - names)
    )
    return list(changed.values())


def differs(program: list[Step], order: tuple[str, ...]) -> bool:
    graphs = (walk(seed, program, order) for seed in range(8))
    return any(model != derived for model, derived in graphs)


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
