"""Every property evaluated on every state of a reachable graph: what the searches are held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leo_model.machine.machine import Move
from leo_model.machine.properties import SAFETY, refines
from leo_model.machine.reachable import Graph
from leo_model.machine.steps import World


@dataclass(frozen=True, slots=True)
class Violation:
    """A property that falls, with a shortest schedule and what a person should read."""

    property: str
    schedule: tuple[Move, ...]
    witness: str


def violations(world: World, graph: Graph) -> Iterator[Violation]:
    """Yield, for each property that falls on the graph, a shortest violation."""
    for title, holds in SAFETY.items():
        for number, state in enumerate(graph.states):
            witness = holds(world, state)
            if witness is not None:
                yield Violation(title, tuple(graph.path(number)), witness)
                break
    if graph.deadlocks:
        yield Violation("DeadlockFree", tuple(graph.path(graph.deadlocks[0])), "nothing can move")
    for source, move, target in graph.edges:
        witness = refines(world, graph.states[source], graph.states[target])
        if witness is not None:
            yield Violation("Refines", (*graph.path(source), move), witness)
            break
