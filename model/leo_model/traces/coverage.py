"""How much of the specification traces have exercised: actions, states, transitions.

What is counted.  For each discipline the whole reachable graph of a small bound (sessions times
calls of each, every fault that can strike) is the measure, its states taken up to names
(``leo_model.machine.shape``): who is who, how many calls were made before, which versions the store
had, and replies that are over and absorbed do not matter.  A line of a trace counts for a
transition of the graph when the states before and after it have shapes of the graph; of any other
line (more replies at once than the bound, or a state with more that is not forgotten) only the
action counts, and the report says how many such lines there were.  Only lines that are steps of the
specification count: a trace is followed up to its first line that is not.

Traces are merged by adding them to the same ``Coverage``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cache

from leo_model.machine.machine import Move
from leo_model.machine.reachable import Graph, bounded_world, explore
from leo_model.machine.shape import shape
from leo_model.machine.steps import World
from leo_model.traces.events import Trace
from leo_model.traces.native import Checker

Step = tuple[Hashable, str, Hashable]


class Measure:
    """The bounded graph of a discipline, up to names; the first way to each part is a shortest."""

    def __init__(self, discipline: str, sessions: int, turns: int) -> None:
        self.discipline = discipline
        self.sessions = 1 if discipline == "sequential" else sessions
        self.turns = turns
        self.world: World = bounded_world(discipline, self.sessions, turns)
        self._graph: Graph = explore(self.world)
        self.states: dict[Hashable, int] = {}
        self.steps: dict[Step, tuple[int, Move]] = {}
        self.actions: dict[str, tuple[int, Move]] = {}
        shapes = [shape(self.world, state, self.sessions) for state in self._graph.states]
        for number, found in enumerate(shapes):
            assert found is not None
            self.states.setdefault(found, number)
        # Edges are in the order of the distance of their sources.
        for source, move, target in self._graph.edges:
            self.steps.setdefault((shapes[source], move.action, shapes[target]), (source, move))
            self.actions.setdefault(move.action, (source, move))

    def schedule(self, way: tuple[int, Move]) -> list[Move]:
        """Return a shortest schedule that ends with a move."""
        source, move = way
        return [*self._graph.path(source), move]

    def schedule_to(self, state: Hashable) -> list[Move]:
        """Return a shortest schedule that ends in a state of this shape."""
        return self._graph.path(self.states[state])


@cache
def measure(discipline: str, sessions: int, turns: int) -> Measure:
    """Return the measure, made once: it takes up to a few seconds and some memory."""
    return Measure(discipline, sessions, turns)


@dataclass(slots=True)
class Coverage:
    """What traces of one discipline have visited of a measure.

    ``events`` counts the lines that were steps, ``outside`` those that are outside of the bound;
    ``actions`` counts all of them by name.  ``refused`` counts the traces that were followed only
    up to a line that is no step.
    """

    measure: Measure
    traces: int = 0
    refused: int = 0
    events: int = 0
    outside: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    states: set[Hashable] = field(default_factory=set)
    steps: set[Step] = field(default_factory=set)

    def add(self, trace: Trace) -> None:
        """Follow a trace of the discipline. Raises TraceError for a line not in the schema."""
        known, most = self.measure.states, self.measure.sessions
        checker = Checker(trace.header)
        world = checker.world

        def look() -> Hashable | None:
            # A reply that stands for others is not the reply that it looks like.
            if checker.standing:
                return None
            found = shape(world, checker.state, most)
            return found if found in known else None

        before = look()
        if before is not None:
            self.states.add(before)
        self.traces += 1
        for line in trace:
            if checker.feed(line) is not None:
                self.refused += 1
                break
            after, action = look(), line.event.action.value
            self.events += 1
            self.actions[action] += 1
            if after is not None:
                self.states.add(after)
            step = (before, action, after)
            if before is not None and after is not None and step in self.measure.steps:
                self.steps.add(step)
            else:
                self.outside += 1
            before = after

    def missing_actions(self) -> Iterator[tuple[str, list[Move]]]:
        """Yield the actions of the measure that no line had, with a shortest schedule to each."""
        for action, way in self.measure.actions.items():
            if not self.actions[action]:
                yield action, self.measure.schedule(way)

    def missing_steps(self) -> Iterator[list[Move]]:
        """Yield, for each transition that was never taken, a shortest schedule that takes it."""
        for step, way in self.measure.steps.items():
            if step not in self.steps:
                yield self.measure.schedule(way)

    def missing_states(self) -> Iterator[list[Move]]:
        """Yield, for each state that was never visited, a shortest schedule to it."""
        for state in self.measure.states:
            if state not in self.states:
                yield self.measure.schedule_to(state)
