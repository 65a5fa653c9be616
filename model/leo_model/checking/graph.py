"""Comparing graphs: the transition system's against the one that TLC dumps, state for state.

A state of either is brought to one form: every variable by name, functions as pairs, contents as
sets of ``(session, n)``.  Two graphs are the same when they have the same states and the same edges
with the same action names.

`leo noop` compares two of TLC's: with one session and no faults nothing is ever waited for, and the
executions with and without the lock are the same up to the variable ``holder``.  A comparison of
sequential runs can therefore show no effect of a lock.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

from leo_model.checking.plan import Bound, Run, job
from leo_model.errors import CheckError
from leo_model.machine.reachable import Graph, bounded_world, explore
from leo_model.machine.state import State
from leo_model.tlc.dot import Graph as DumpedGraph
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob

FINISHED = "Finished"

Edge = tuple[Hashable, str, Hashable]


class Flat(NamedTuple):
    """A graph as two sets."""

    states: frozenset[Hashable]
    edges: frozenset[Edge]


@dataclass(frozen=True, slots=True)
class Difference:
    """What one graph has and the other has not."""

    only_python: Flat
    only_tlc: Flat

    @property
    def empty(self) -> bool:
        return not any((*self.only_python, *self.only_tlc))

    def __str__(self) -> str:
        return (
            f"only in Python: {len(self.only_python.states)} states, "
            f"{len(self.only_python.edges)} edges; only in TLC: "
            f"{len(self.only_tlc.states)} states, {len(self.only_tlc.edges)} edges"
        )


def canonical(value: object) -> Hashable:
    """Bring a value of either side to one form."""
    if isinstance(value, Mapping):
        return frozenset((str(key), canonical(item)) for key, item in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return frozenset(
            (name, canonical(item)) for name, item in zip(value._fields, value, strict=True)
        )
    if isinstance(value, frozenset | set):
        return frozenset(canonical(item) for item in value)
    if isinstance(value, tuple):
        return tuple(canonical(item) for item in value)
    if isinstance(value, str):
        return str(value)
    assert isinstance(value, bool | int), value
    return value


def canonical_state(state: State) -> Hashable:
    return canonical({f.name: getattr(state, f.name) for f in fields(state) if f.name != "base"})


def python_graph(graph: Graph) -> Flat:
    """Return the explorer's graph, with the spec's ``Finished`` self-loops."""
    states = [canonical_state(state) for state in graph.states]
    edges = {(states[source], move.action, states[target]) for source, move, target in graph.edges}
    edges |= {(states[number], FINISHED, states[number]) for number in graph.finished}
    return Flat(frozenset(states), frozenset(edges))


def tlc_graph(graph: DumpedGraph) -> Flat:
    """Return TLC's dumped graph."""
    known = {state: canonical(state) for state in graph.states}
    edges = {(known[source], action, known[target]) for source, action, target in graph.edges}
    return Flat(frozenset(known.values()), frozenset(edges))


def dump_job(discipline: str, sessions: int, turns: int, faults: tuple[str, ...]) -> TlcJob:
    """Return the TLC job that dumps the graph of a bounded model, without VIEW or symmetry."""
    run = Run(discipline, "graph", Bound(sessions, turns), faults, ())
    return replace(job(run), dump=True)


def compare(python: Flat, tlc: Flat) -> Difference:
    """Return the two-way difference."""
    return Difference(
        Flat(python.states - tlc.states, python.edges - tlc.edges),
        Flat(tlc.states - python.states, tlc.edges - python.edges),
    )


def explored(discipline: str, sessions: int, turns: int, faults: tuple[str, ...]) -> Flat:
    """Return the Python side's graph of a bounded model."""
    return python_graph(explore(bounded_world(discipline, sessions, turns, faults)))


LOCK_VARIABLES = frozenset({"holder"})
PAIRS = (
    ("asyncio-lock", "bare"),
    ("threading-lock", "gil"),
    ("threading-lock-in-async", "bare"),
)
TURNS = 3


@dataclass(frozen=True, slots=True)
class NoOp:
    """A pair of disciplines with one session: are their graphs the same up to the lock?"""

    locked: str
    free: str
    states: int
    edges: int
    equal: bool


def project(graph: Flat) -> Flat:
    """Leave the lock's variables out of every state."""

    def without(state: Hashable) -> Hashable:
        assert isinstance(state, frozenset)
        return frozenset(pair for pair in state if pair[0] not in LOCK_VARIABLES)

    return Flat(
        frozenset(without(state) for state in graph.states),
        frozenset((without(a), action, without(b)) for a, action, b in graph.edges),
    )


def check_noop(*, work: Path, sessions: int = 1) -> list[NoOp]:
    """Compare TLC's graphs of every pair.

    Raises CheckError when TLC could not dump a graph.
    """
    names = sorted({name for pair in PAIRS for name in pair})
    jobs = [dump_job(name, sessions, TURNS, ()) for name in names]
    graphs = {}
    for name, result in zip(names, run_many(jobs, work=work), strict=True):
        if result.graph is None:
            raise CheckError(f"{result.job}: no graph: {result.reason or result.verdict}")
        graphs[name] = project(tlc_graph(result.graph))
    return [
        NoOp(
            locked,
            free,
            len(graphs[free].states),
            len(graphs[free].edges),
            compare(graphs[locked], graphs[free]).empty,
        )
        for locked, free in PAIRS
    ]
