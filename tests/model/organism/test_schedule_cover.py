"""Two-way coverage: every edge is taken, every step is an edge; if it is not so, it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path

import pytest

from leo.commands.main import main
from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.machine.reachable import bounded_world, explore
from leo_model.machine.steps import World
from leo_model.organism.case import Case
from leo_model.organism.cover import NamedGraph, cover, differences, named_graph, rename
from leo_model.organism.organism import Organism
from leo_model.organism.run import RAISING, OrganismRun
from tests.model.broken import BROKEN

BOTH_WAYS = [
    Case(name, 2, 1, DISCIPLINES[name].possible_faults)
    for name in ("unit-of-work", "shielded-unit-of-work", "reentrant", "threading-lock")
]
QUIET = [Case("reentrant", 3), Case("sequential", 1, 3)]


def name_of(case: Case) -> str:
    return f"{case.discipline}-{case.bound}-{'faults' if case.faults else 'quiet'}"


def every_naming(world: World) -> Iterator[dict[str, str]]:
    """Every way to rename sessions within their instances."""
    groups = [world.peers(i) for i in dict.fromkeys(world.instance_of.values())]
    for orders in product(*(permutations(group) for group in groups)):
        yield {
            old: new
            for group, order in zip(groups, orders, strict=True)
            for old, new in zip(group, order, strict=True)
        }


CONCURRENT = [name for name in IDEALISED if name != "sequential"]
# Every discipline: two sessions with every fault, three without any.
EVERY = [Case(name, 2, 1, DISCIPLINES[name].possible_faults) for name in CONCURRENT]
EVERY += [Case(name, 3) for name in CONCURRENT if name not in ("bare", "gil")]
SHORT = [*BOTH_WAYS, *QUIET]


@pytest.mark.parametrize(
    "case",
    [*SHORT, *(pytest.param(c, marks=pytest.mark.long) for c in EVERY if c not in SHORT)],
    ids=name_of,
)
def test_both_differences_are_empty(case: Case) -> None:
    """The organism takes every edge of the graph, and no step that is none."""
    with Organism(case, spin=True) as organism:
        found = cover(organism)
    assert list(differences(found)) == []
    assert found.complete and found.taken == found.edges > 20


@pytest.mark.long
@pytest.mark.parametrize("discipline", ["bare", "gil"])
def test_three_sessions_without_a_lock(discipline: str) -> None:
    """Up to the names of the sessions: more than 100,000 edges."""
    with Organism(Case(discipline, 3), spin=True) as organism:
        found = cover(organism, renamed=True)
    assert found.complete and found.edges > 100_000, list(differences(found))


@pytest.mark.long
@pytest.mark.parametrize("discipline", ["unit-of-work", "shared-store-immediate", "optimistic"])
def test_the_worker_thread_covers_as_well(discipline: str) -> None:
    """The same on aiosqlite."""
    faults = DISCIPLINES[discipline].possible_faults
    with Organism(Case(discipline, 2, 1, faults), store="aiosqlite", spin=True) as organism:
        assert cover(organism).complete


def put_back(world: World, graph: NamedGraph) -> set[tuple[object, ...]]:
    """The edges of a graph up to names, under every name."""
    edges: set[tuple[object, ...]] = set()
    for names in every_naming(world):
        for source, ways in zip(graph.states, graph.out, strict=True):
            here = rename(source, names).key()
            for way in ways:
                before = {new: old for old, new in way.names.items()}
                target = rename(rename(graph.states[way.target], before), names)
                actor = names.get(way.move.actor, way.move.actor)
                edges.add((here, way.move.action, actor, target.key()))
    return edges


@pytest.mark.parametrize(
    ("discipline", "sessions", "faults"),
    [
        pytest.param("asyncio-lock", 3, (), marks=pytest.mark.long),
        ("threading-lock", 2, None),
        ("shared-store-immediate", 2, None),
    ],
)
def test_names_are_all_that_was_left_out(
    discipline: str, sessions: int, faults: tuple[str, ...] | None
) -> None:
    """The graph up to names, put back under every name, is the whole graph."""
    world = bounded_world(discipline, sessions, 1, faults)
    graph, whole = named_graph(world), explore(world)
    expected = {
        (whole.states[a].key(), move.action, move.actor, whole.states[b].key())
        for a, move, b in whole.edges
    }
    assert put_back(world, graph) == expected
    # Where each session has an instance of its own, no name can be exchanged.
    apart = len(world.instance_of) == len(set(world.instance_of.values()))
    assert (len(graph.states) < len(whole.states)) != apart


def test_a_step_that_is_no_edge_is_found() -> None:
    """Without its shield the organism does what the specification does not allow: with a token."""
    case = Case("shielded-unit-of-work", 1, 1, ("Cancel",))
    broken = next(b for b in BROKEN if b.name == "shield removed")
    with Organism(case, discipline=broken.discipline, spin=True) as organism:
        found = cover(organism)
    assert not found.complete
    assert {item.action for item in found.not_allowed} >= {"CancelApplied"}
    assert any("leo replay leo1." in line for line in differences(found))


def test_an_edge_that_is_not_taken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An organism in which Commit never raises: exactly that edge is missing."""
    kept = frozenset(action for action in RAISING if action != "Commit")
    monkeypatch.setattr("leo_model.organism.run.RAISING", kept)
    with Organism(Case("unit-of-work", 1, 1, ("Raise",)), spin=True) as organism:
        found = cover(organism)
    assert [item.action for item in found.not_taken] == ["Raise"]
    assert "does not offer it" in found.not_taken[0].why


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`leo cover` prints a line for each bound and leaves the result as JSON."""
    assert main(["cover", "D9", "--build", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("reentrant") == 2 and "NOT ALL" not in out
    data = json.loads((tmp_path / "cover-reentrant-3x1-quiet-memory.json").read_text())
    assert data["complete"] and data["taken"] == data["edges"] == 96
    assert main(["cover", "D9", "--sessions", "0"]) == 2


def test_what_is_offered_is_declared() -> None:
    """A step touches no more than it declared before it was taken, for every choice."""
    case = Case("shared-store-unit-of-work", 2, 1, ("Cancel", "Raise", "Crash"))
    with Organism(case, most=2) as organism:
        for first in range(4):
            check_declarations(organism.start(), first)


def check_declarations(run: OrganismRun, first: int) -> None:
    number = first
    while enabled := run.enabled():
        choice = enabled[(number * 7 + first) % len(enabled)]
        declared, done = run.pending(choice), run.take(choice)
        assert done.writes <= declared.writes
        assert done.reads <= declared.reads | declared.writes
        number += 1
    run.close()
