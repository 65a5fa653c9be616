"""The lock is a no-op for one session: TLC's graph with the lock, projected, is the one without.

With one session and no faults nothing is ever waited for; the executions with and without the lock
are the same up to the variable ``holder``.  A comparison of sequential runs can therefore show no
effect of a lock, whatever it measures.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from leo_model.checking.graph import Flat, compare, dump_job, tlc_graph
from leo_model.errors import CheckError
from leo_model.tlc.driver import run_many

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
