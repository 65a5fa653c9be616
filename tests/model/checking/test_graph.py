"""The Python transition system and the specification have the same reachable graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.checking.graph import Flat, compare, dump_job, explored, python_graph, tlc_graph
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.reachable import bounded_world, explore
from leo_model.tlc.driver import run_many

FAULTS = {name: rules.possible_faults for name, rules in DISCIPLINES.items()}
BOUNDS = [
    *((name, 1 if name == "sequential" else 2, 1, faults) for name, faults in FAULTS.items()),
    *((name, 2, 1, ()) for name, faults in FAULTS.items() if faults),
    *(
        (name, 3, 1, ())
        for name in ("asyncio-lock", "shielded-unit-of-work", "shared-store-immediate")
    ),
    ("asyncio-lock", 2, 1, ("Cancel",)),
    ("bare", 2, 1, ("Cancel",)),
    ("asyncio-lock", 1, 2, FAULTS["asyncio-lock"]),
    ("published-december", 3, 1, ()),
    ("published-december-refresh", 3, 1, ()),
    ("published-february", 2, 2, ("Cancel",)),
]


def name_of(bound: tuple[str, int, int, tuple[str, ...]]) -> str:
    discipline, sessions, turns, faults = bound
    return f"{discipline}-{sessions}x{turns}-{'-'.join(faults) or 'quiet'}"


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Flat]:
    """Every graph, dumped by TLC in one batch of runs."""
    work: Path = tmp_path_factory.mktemp("graphs")
    jobs = [replace(dump_job(*bound), name=name_of(bound)) for bound in BOUNDS]
    graphs: dict[str, Flat] = {}
    for result in run_many(jobs, parallel=3, work=work):
        assert result.graph is not None, result.reason
        graphs[result.job] = tlc_graph(result.graph)
    return graphs


@pytest.mark.parametrize("bound", BOUNDS, ids=name_of)
def test_python_has_the_graph_of_tlc(
    bound: tuple[str, int, int, tuple[str, ...]], dumped: dict[str, Flat]
) -> None:
    """State for state and edge for edge, labels included (formal model, section 7)."""
    difference = compare(explored(*bound), dumped[name_of(bound)])

    assert difference.empty, str(difference)


def test_a_difference_of_one_edge_is_seen() -> None:
    """The comparison can fail: one edge renamed, one state left out."""
    graph = python_graph(explore(bounded_world("asyncio-lock", 2, 1)))
    edges = sorted(graph.edges, key=repr)
    source, _, target = edges[0]
    renamed = Flat(graph.states, frozenset({*edges[1:], (source, "Other", target)}))
    smaller = Flat(frozenset(list(graph.states)[1:]), graph.edges)

    assert len(compare(graph, renamed).only_tlc.edges) == 1
    assert len(compare(graph, renamed).only_python.edges) == 1
    assert len(compare(graph, smaller).only_python.states) == 1
    assert not compare(graph, renamed).empty
