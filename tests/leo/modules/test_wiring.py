"""From the declarations of the modules to the dependency graph of replies, and no other way.

The graph is derived twice: by the model, which knows the objects `ngrams` and `snapshots`, and here
from what the steps with all modules declare, object by object. That they are equal is why the
specification needs no object for a module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from leo import MODULES
from leo.reply.modular import program_for
from leo.reply.program import Step
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move, apply, candidates, enabled, is_finished
from leo_model.machine.state import Edge, Reply, State
from leo_model.machine.steps import World
from leo_model.traces.events import carries
from tests.leo.modules.contexts import FIELD, kept_with, own_objects

SESSIONS = {"s1": "i1", "s2": "i1", "s3": "i1"}
PROGRAM = program_for(MODULES)
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
    model, derived = walk(seed, PROGRAM, order)
    assert model and derived == model


@pytest.mark.parametrize(
    ("step", "side", "name"),
    [("observe", "writes", "ngrams"), ("observe", "writes", "view"), ("generate", "reads", "view")],
)
def test_a_missing_declaration_is_a_missing_edge(step: str, side: str, name: str) -> None:
    """A step that forgot to declare an object of the field gives another graph: the comparison can
    fail.
    """
    assert differs(without(step, side, frozenset({name})), ORDERS[1])


def test_the_modules_objects_carry_the_edges_of_the_snapshots() -> None:
    """Even if no step declared the snapshots themselves, the modules' own objects would give the
    very same graph; without those too, edges are missing.
    """
    hidden = frozenset({"snapshots"})
    assert not differs(without("recall", "reads", hidden), PAPER)
    assert differs(without("recall", "reads", hidden | frozenset(own_objects())), PAPER)


def without(step: str, side: str, names: frozenset[str]) -> list[Step]:
    """The program with declarations taken away from one step."""
    changed = by_name(PROGRAM)
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
    """Each action of a step carries in a trace what its step declares, by the object that a
    module's history is that of.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for step in PROGRAM:
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
        for step in PROGRAM
    }
    assert found == carried


def _object(table: str) -> str:
    return next((name for name, tables in TABLES.items() if table in tables), table)


def test_moves_of_the_walk_are_the_programs_actions() -> None:
    """The walk leaves no action of the program out."""
    world = World(DISCIPLINES["bare"], {"s1": "i1"}, turns=1)
    state, seen = State.initial(world.instance_of, ("i1",)), []
    while not is_finished(world, state):
        (move,) = (m for m in candidates(world, state) if m in enabled(world, state))
        assert isinstance(move, Move)
        apply(world, state, move)
        seen.append(move.action)
    actions = [action.value for step in PROGRAM for action in step.actions]
    assert [action for action in seen if action in actions] == actions


def test_every_declared_object_is_somebodys() -> None:
    """What the steps touch is the field's or exactly one module's."""
    touched = {name for step in PROGRAM for name in (*step.reads, *step.writes)}
    assert touched == FIELD | set(own_objects())
