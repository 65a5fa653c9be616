"""``leo validate --coverage``: what traces have exercised, for people (80 columns) and programs."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from leo.errors import TraceError
from leo_model.machine.machine import Move
from leo_model.progress import Bar
from leo_model.traces.coverage import Coverage, measure
from leo_model.traces.reader import open_trace

WIDTH: Final = 80
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
    bar = Bar(len(options.files), "traces")
    for path in options.files:
        try:
            add_file(found, path, sessions, turns, torn=options.torn)
        except TraceError as error:
            errors.append(error)
        bar.step(Path(path).name)
    bar.finish()
    if options.json:
        print(json.dumps([to_builtins(coverage) for coverage in found.values()], indent=1))
    else:
        print("\n\n".join(map(to_text, found.values())))
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


def to_text(coverage: Coverage) -> str:
    """Write one discipline's block."""
    return "\n".join(_lines(coverage))


def _lines(coverage: Coverage) -> Iterator[str]:
    graph = coverage.measure
    yield (
        f"{graph.discipline}: {coverage.traces:,} trace{'s' * (coverage.traces != 1)}, "
        f"{coverage.events:,} events; measured by {_bound(coverage)}"
    )
    seen = sum(1 for action in graph.actions if coverage.actions[action])
    for word, visited, total in (
        ("actions", seen, len(graph.actions)),
        ("states", len(coverage.states), len(graph.states)),
        ("transitions", len(coverage.steps), len(graph.steps)),
    ):
        filled = 30 * visited // total
        bar = "#" * filled + "." * (30 - filled)
        yield f"  {word:<12} {visited:>7,} of {total:>7,}  {100 * visited / total:5.1f} %  {bar}"
    yield f"  {'outside':<12} {coverage.outside:>7,} of {coverage.events:>7,}  lines, of the bound"
    if coverage.refused:
        yield f"  {'refused':<12} {coverage.refused:>7,} of {coverage.traces:>7,}  traces"
    yield from (f"  {line}" for line in wrap(_EXPLAINED, WIDTH - 2))
    for action, schedule in coverage.missing_actions():
        yield f"  never taken: {action}. It takes"
        yield from _schedule(schedule)
    yield from _missing("state", "visited", len(graph.states) - len(coverage.states),
                        coverage.missing_states)  # fmt: skip
    yield from _missing("transition", "taken", len(graph.steps) - len(coverage.steps),
                        coverage.missing_steps)  # fmt: skip


def _bound(coverage: Coverage) -> str:
    sessions, turns = coverage.measure.sessions, coverage.measure.turns
    return (
        f"{sessions} session{'s' * (sessions != 1)} x {turns} call{'s' * (turns != 1)}, all faults"
    )


def _missing(
    noun: str, verb: str, count: int, schedules: Callable[[], Iterator[list[Move]]]
) -> Iterator[str]:
    if count == 0:
        return
    yield f"  {count:,} {noun}{'s' * (count != 1)} never {verb}; the nearest:"
    for schedule in islice(schedules(), SHOWN):
        yield from _schedule(schedule)


def _schedule(schedule: Sequence[Move]) -> Iterator[str]:
    text = ", ".join(_said(schedule))
    yield from wrap(text, WIDTH, initial_indent="    - ", subsequent_indent="      ")


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
