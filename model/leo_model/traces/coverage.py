"""How much of the specification traces have exercised: actions, states, transitions.

The measure is, for each discipline, the whole reachable graph of a small bound (sessions times
calls of each, every fault that can strike).  States are compared by their ``shape``, which leaves
out names of sessions, numbers of earlier calls, versions of the store, and replies that are over
and absorbed (``leo_model.machine.forget``).  Two states of the same shape have the same future up
to names, so a state of a long run with many sessions can have the shape of a state of the small
graph.

A line of a trace covers a transition of the graph when the states before and after it have shapes
of the graph.  Any other line (more replies at once than the bound, or a state with more that is not
forgotten) covers only its action; the report gives the number of such lines.  A trace is followed
up to its first line that is no step.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, permutations, product
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from leo import screen
from leo.errors import TraceError
from leo.progress import Bar
from leo_model.machine.dsg import upstream
from leo_model.machine.forget import forget, get_absorbed
from leo_model.machine.machine import Move
from leo_model.machine.reachable import Graph, bounded_world, explore
from leo_model.machine.state import NOBODY, UNREAD, Content, Reply, State
from leo_model.machine.steps import World
from leo_model.traces.events import Trace
from leo_model.traces.native import Checker
from leo_model.traces.reader import open_trace

Number = tuple[int, int]
_UNREAD: tuple[Number, ...] = ((-1, -1),)


def shape(world: World, state: State, most: int) -> Hashable | None:
    """Return the shape of a state; None when more than ``most`` sessions take part in it."""
    if sum(map(state.in_flight, state.pc)) > most:
        return None
    z = state.copy()
    forget(z, frozenset(upstream(get_absorbed(world, z), z.dsg)))
    mentioned = z.wrote | z.returned | z.readers.ngrams | z.readers.snapshots
    turns: dict[str, set[int]] = {}
    for s, turn, *_ in mentioned:
        turns.setdefault(s, set()).add(turn)
    for s in z.pc:
        if z.in_flight(s):
            turns.setdefault(s, set()).add(z.calls[s])
    if len(turns) > most:
        return None
    rank: dict[Reply, int] = {
        (s, turn): k for s in turns for k, turn in enumerate(sorted(turns[s]))
    }
    return min(
        _written(z, instances, sessions, rank)
        for instances, sessions in _numberings(world, z, list(turns))
    )


def _numberings(world: World, z: State, live: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield every order of the instances, and of the sessions that belong to each."""
    for instances in permutations(z.view):
        homes = [[s for s in live if world.instance_of[s] == i] for i in instances]
        for order in product(*map(permutations, homes)):
            yield list(instances), [s for home in order for s in home]


def _written(
    z: State, instances: list[str], sessions: list[str], rank: dict[Reply, int]
) -> tuple[object, ...]:
    number = {s: k for k, s in enumerate(sessions)}
    number[NOBODY] = -1

    def reply(of: Reply) -> Number:
        return (number[of[0]], rank[of])

    def content(of: Content) -> tuple[Number, ...]:
        return _UNREAD if of == UNREAD else tuple(sorted(map(reply, of)))

    def names(
        of: Iterable[str], order: Callable[[Iterable[int]], Iterable[int]]
    ) -> tuple[int, ...]:
        return tuple(order(number[s] for s in of if s in number))

    return (
        tuple(
            (z.up[i], number[z.holder[i]], content(z.view[i].bigrams), content(z.view[i].trigrams))
            for i in instances
        ),
        tuple((z.pc[s], z.moved[s], *map(content, z.local[s])) for s in sessions),
        tuple(tuple(map(reply, writers)) for writers in z.store),
        names(z.arrivals, tuple),
        names(z.overtaken, sorted),
        names(z.left, sorted),
        number[z.writing],
        content(z.returned),
        content(z.readers.ngrams),
        content(z.readers.snapshots),
        tuple(sorted((reply(a), reply(b)) for a, b in z.dsg)),
    )


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


# As many of what was never exercised are written out; --json has all of them.
SHOWN: Final = 3
BOUND: Final = "2x1"
_EXPLAINED: Final = (
    "A state is counted up to the names of sessions, the numbers of calls, the store's versions "
    "and replies that are over and absorbed. A line outside of the bound (more replies at once, or "
    "a state that remembers more) counts for its action only."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this report to a command that has FILE, ``--json`` and ``--torn``."""
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="tell what the traces together have exercised of each discipline's bounded graph",
    )
    parser.add_argument(
        "--bound",
        default=BOUND,
        metavar="SxT",
        help=f"with --coverage: sessions x calls of the graph (default: {BOUND})",
    )


def run(options: argparse.Namespace) -> int:
    """Print the report. Returns 2 when a file is no trace, 1 when one was refused, else 0.

    Raises TraceError for a bound that is none.
    """
    sessions, turns = read_bound(options.bound)
    found: dict[str, Coverage] = {}
    errors: list[TraceError] = []
    with Bar("traces", len(options.files)) as bar:
        for path in options.files:
            try:
                add_file(found, path, sessions, turns, torn=options.torn)
            except TraceError as error:
                errors.append(error)
            bar.step(Path(path).name)
    if options.json:
        screen.show_json([to_builtins(coverage) for coverage in found.values()])
    else:
        print("\n\n".join("\n".join(to_lines(coverage)) for coverage in found.values()))
    for problem in errors:
        print(f"leo: error: {problem}", file=sys.stderr)
    return 2 if errors else int(any(coverage.refused for coverage in found.values()))


def read_bound(text: str) -> tuple[int, int]:
    """Read sessions and calls of each. Raises TraceError when the text is no bound."""
    match = re.fullmatch(r"([12])x([1-3])|(3)x(1)", text)
    if match is None:
        raise TraceError(
            f"--bound {text}: expected sessions x calls of each, as 2x1: 1 or 2 sessions x 1 to 3 "
            "calls, or 3x1; the graph of 3x2 has millions of states without a lock"
        )
    return int(match[1] or match[3]), int(match[2] or match[4])


def add_file(
    found: dict[str, Coverage], path: str | Path, sessions: int, turns: int, *, torn: bool = False
) -> None:
    """Add a trace file to the coverage of its discipline. Raises TraceError when it is none."""
    with open_trace(path, torn=torn) as trace:
        name = trace.header.discipline
        if name not in found:
            found[name] = Coverage(measure(name, sessions, turns))
        found[name].add(trace)


def to_lines(coverage: Coverage) -> Iterator[str]:
    """Write one discipline's block."""
    graph = coverage.measure
    yield (
        f"{graph.discipline}: {_plural(coverage.traces, 'trace')}, "
        f"{coverage.events:,} events; measured by {_bound(coverage)}"
    )
    seen = sum(1 for action in graph.actions if coverage.actions[action])
    rows = [
        [word, f"{visited:,}", f"of {total:,}", f"{100 * visited / total:.1f} %" if total else ""]
        for word, visited, total in (
            ("actions", seen, len(graph.actions)),
            ("states", len(coverage.states), len(graph.states)),
            ("transitions", len(coverage.steps), len(graph.steps)),
            ("lines outside of the bound", coverage.outside, coverage.events),
            ("traces refused", coverage.refused, coverage.traces),
        )
    ]
    yield from screen.table(["", "seen", "", ""], rows, right=(1, 2, 3)).splitlines()
    yield from wrap(_EXPLAINED, screen.width())
    for action, schedule in coverage.missing_actions():
        yield f"  never taken: {action}. It takes"
        yield from _schedule(schedule)
    yield from _missing("state", "visited", len(graph.states) - len(coverage.states),
                        coverage.missing_states)  # fmt: skip
    yield from _missing("transition", "taken", len(graph.steps) - len(coverage.steps),
                        coverage.missing_steps)  # fmt: skip


def _bound(coverage: Coverage) -> str:
    sessions, turns = coverage.measure.sessions, coverage.measure.turns
    return f"{_plural(sessions, 'session')} x {_plural(turns, 'call')}, all faults"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _missing(
    noun: str, verb: str, count: int, schedules: Callable[[], Iterator[list[Move]]]
) -> Iterator[str]:
    if count == 0:
        return
    yield f"  {_plural(count, noun)} never {verb}; the nearest:"
    for schedule in islice(schedules(), SHOWN):
        yield from _schedule(schedule)


def _schedule(schedule: Sequence[Move]) -> Iterator[str]:
    text = ", ".join(_said(schedule))
    yield from wrap(text, screen.width(), initial_indent="    - ", subsequent_indent="      ")


def _said(schedule: Sequence[Move]) -> Iterator[str]:
    """Name the actor where it changes."""
    before = ""
    for move in schedule:
        yield move.action if move.actor == before else f"{move.actor} {move.action}"
        before = move.actor


def to_builtins(coverage: Coverage) -> dict[str, Any]:
    """Return the report as JSON values, with every schedule that is missing."""
    graph = coverage.measure
    return {
        "discipline": graph.discipline,
        "bound": {"sessions": graph.sessions, "turns": graph.turns},
        "traces": coverage.traces,
        "refused": coverage.refused,
        "events": coverage.events,
        "outside": coverage.outside,
        "actions": {action: coverage.actions[action] for action in graph.actions},
        "states": {"visited": len(coverage.states), "total": len(graph.states)},
        "transitions": {"visited": len(coverage.steps), "total": len(graph.steps)},
        "never": {
            "actions": [_moves(schedule) for _, schedule in coverage.missing_actions()],
            "states": [_moves(schedule) for schedule in coverage.missing_states()],
            "transitions": [_moves(schedule) for schedule in coverage.missing_steps()],
        },
    }


def _moves(schedule: Sequence[Move]) -> list[list[str]]:
    return [[move.actor, move.action] for move in schedule]
