"""Comparing graphs: the transition system's against the one that TLC dumps, state for state.

States of both are brought to one form: every variable by name, functions as pairs, contents as sets
of ``(session, n)``.  Two graphs are equal when they have the same states and the same edges with
the same action names.

`leo noop` compares two graphs of TLC's, with one session and no faults.  No reply ever waits there,
and the executions with and without the lock are equal up to the variable ``holder``.  Comparing
sequential runs can therefore show no effect of a lock.  A published program is compared with itself
without the lock.

The paper's listing is D9: the graphs of the two are the same up to the names of steps.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from leo.progress import Bar
from leo_model.checking.plan import Bound, Run, job
from leo_model.errors import CheckError
from leo_model.files import spec_folder
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
PUBLISHED = ("published-december", "published-february")
UNLOCKED = "the same program without its lock"
TURNS = 3


@dataclass(frozen=True, slots=True)
class NoOp:
    """A pair of disciplines with one session: are their graphs the same up to the lock?

    ``free`` is ``UNLOCKED`` where the specification has no such discipline.
    """

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


def dumped(jobs: list[TlcJob], work: Path) -> list[DumpedGraph]:
    """TLC's graph of each job. Raises CheckError when it could not dump one."""
    with Bar("graphs", len(jobs)) as bar:
        results = run_many(jobs, work=work, done=lambda result: bar.step(result.job))
    graphs = []
    for result in results:
        if result.graph is None:
            raise CheckError(f"{result.job}: no graph: {result.reason or result.verdict}")
        graphs.append(result.graph)
    return graphs


def check_noop(*, work: Path) -> list[NoOp]:
    """Compare TLC's graphs of every pair, with one session.

    Raises CheckError when TLC could not dump a graph.
    """
    names = sorted({*PUBLISHED, *(name for pair in PAIRS for name in pair)})
    jobs = {name: dump_job(name, 1, TURNS, ()) for name in names}
    jobs |= {f"{name}.free": unlocked(jobs[name]) for name in PUBLISHED}
    found = dumped(list(jobs.values()), work)
    graphs = {name: project(tlc_graph(one)) for name, one in zip(jobs, found, strict=True)}
    told = []
    for locked, free in (*PAIRS, *((name, f"{name}.free") for name in PUBLISHED)):
        one, other = graphs[locked], graphs[free]
        shown = UNLOCKED if locked in PUBLISHED else free
        same = compare(one, other).empty
        told.append(NoOp(locked, shown, len(other.states), len(other.edges), same))
    return told


def unlocked(job: TlcJob) -> TlcJob:
    """The same search with no lock in the specification."""
    assert isinstance(job.root, Path)
    module = f'---- MODULE Unlocked ----\nEXTENDS {job.root.stem}\nNoLock == "none"\n====\n'
    config = f"{job.config}CONSTANT LockKind <- NoLock\n"
    library = (spec_folder(),)
    return replace(job, name=f"{job.name}.free", root=module, config=config, library=library)


# The lines of module Snippet by the labels of Field, and its action that has another name there.
LINES = {
    "async with": "called", "async_recall": "recall", "async_observe": "ingest",
    "async with, again": "reenter",
}  # fmt: skip
OBSERVE, REENTER = "Observe", "Reenter"


def snippet_job(sessions: int, turns: int, module: Path | str | None = None) -> TlcJob:
    """Return the TLC job that dumps the graph of the paper's listing, read line by line."""
    names = ", ".join(f"s{k + 1}" for k in range(sessions))
    config = f"SPECIFICATION Spec\nCONSTANTS\n    Sessions = {{{names}}}\n    Turns = {turns}\n"
    root = module or spec_folder() / "Snippet.tla"
    return TlcJob("snippet", root, config, library=(spec_folder(),), deadlock=False, dump=True)


def check_snippet(*, work: Path, module: Path | str | None = None) -> NoOp:
    """Compare the listing of section 8.6.4 with D9, by TLC's graphs of three sessions and a call.

    Raises CheckError when TLC could not dump a graph.
    """
    jobs = [dump_job("reentrant", 3, 1, ()), snippet_job(3, 1, module)]
    graphs = []
    for found, seen in zip(dumped(jobs, work), (_reentrant, _snippet), strict=True):
        known = {state: canonical(seen(state)) for state in found.states}
        edges = {
            (known[a], REENTER if action == OBSERVE else action, known[b])
            for a, action, b in found.edges
        }
        graphs.append(Flat(frozenset(known.values()), frozenset(edges)))
    one, other = graphs
    same = compare(one, other).empty
    return NoOp("reentrant", "the listing", len(other.states), len(other.edges), same)


def _reentrant(state: Any) -> dict[str, object]:
    (holder,) = state["holder"].values()
    kept = {name: state[name] for name in ("pc", "calls", "arrivals")}
    return {**kept, "holder": holder}


def _snippet(state: Any) -> dict[str, object]:
    """Who waits for the second time has started: it is not among the arrivals of Field."""
    line = state["line"]
    started = {s for s in line if line[s] == "async with, again"}
    return {
        "pc": {s: LINES.get(line[s], line[s]) for s in line},
        "calls": state["made"],
        "arrivals": tuple(s for s in state["waiters"] if s not in started),
        "holder": state["owner"],
    }
