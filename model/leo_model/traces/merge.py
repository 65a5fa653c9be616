"""Traces of several processes on one store, merged into one (``leo validate A B --merge``).

Each process has its own file, with the same run and discipline, and its own writer and instance.
The lines of a writer are in order; only versions and guards order the lines of different writers.
The search takes one line after the other and keeps every state that some order of the lines so far
leads to; orders that lead to the same state are one.  Its time is the number of lines times the
states kept.  Their number is bounded: when more are needed, the answer is "undecided".  The merged
trace is an ordinary trace of several writers, in an order that is a behaviour, and both engines
judge it.

No version tells the order of calls in different processes.  Only ``NoOvertaking`` depends on it, so
states that differ in it alone count as one, and that property is not decided here.

A process that opened the store later than the first counts as down until then: the merged trace
begins with its Crash, and has its Recover where the store had the versions of its header.  These
lines have the writer ``merge``.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from leo.actions import Action
from leo.errors import TraceError
from leo.trace.events import Event, Header
from leo_model.errors import Refused
from leo_model.machine.machine import Move, apply
from leo_model.traces.events import Line
from leo_model.traces.explain import Rejection, explain
from leo_model.traces.native import Checker, Watch, expected_versions
from leo_model.traces.reader import TraceReader, open_trace, too_many, trace_of

UNDECIDABLE: Final = "NoOvertaking"
MOST_STATES: Final = 2_000

# The lines of an order, the last first.
Chain = tuple[Line, "Chain"] | None


@dataclass(slots=True)
class Node:
    """One way to have come so far: how many lines of each writer, and what they led to."""

    taken: tuple[int, ...]
    checker: Checker
    chain: Chain

    @property
    def broken(self) -> frozenset[str]:
        return frozenset(self.checker.watch.violations) - {UNDECIDABLE}

    def key(self) -> Hashable:
        return self.taken, self.broken, self.checker.state.key()

    def lines(self) -> list[Line]:
        """The lines in the order of this node."""
        found, chain = [], self.chain
        while chain is not None:
            line, chain = chain
            found.append(line)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Orders:
    """What the search found.

    ``order`` is an order that is a behaviour and breaks the fewest properties, None when there is
    none or it is ``undecided`` (then the reason).  ``always`` are the properties that fall in every
    order, ``sometimes`` those that fall in some.  ``stuck`` says, when no order goes on, why the
    next line of each writer is no step; ``width`` is the largest number of states kept.
    """

    order: list[Line] | None = None
    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()
    undecided: str | None = None
    stuck: tuple[Rejection, ...] = ()
    width: int = 1


def find_orders(
    header: Header,
    writers: Sequence[Sequence[Line]],
    *,
    down: Iterable[str] = (),
    opened: Sequence[tuple[int, int] | None] = (),
    most: int = MOST_STATES,
) -> Orders:
    """Search the orders of the writers' lines.

    ``down`` are instances that are not there at the beginning; for each writer ``opened`` has the
    versions that the store must have when its first line, a Recover, is taken, or None.
    """
    checker = Checker(header)
    for lines in writers:
        for line in lines:
            if line.turn and line.actor not in checker.state.pc:
                checker.world.instance_of[line.actor] = line.event.instance
                checker.state.add_session(line.actor)
    for instance in down:
        apply(checker.world, checker.state, Move("Crash", instance))
    layer = [Node((0,) * len(writers), checker, None)]
    total, width = sum(map(len, writers)), 1
    for depth in range(total):
        found: dict[Hashable, Node] = {}
        for node in layer:
            for following in _successors(node, writers, opened):
                found.setdefault(following.key(), following)
        if not found:
            return Orders(stuck=_stuck(layer[0], writers, depth), width=width)
        width = max(width, len(found))
        if len(found) > most:
            return Orders(
                undecided=(
                    f"after {depth + 1:,} of {total:,} events there are more than {most:,} states "
                    "that the lines could have led to"
                ),
                width=width,
            )
        layer = list(found.values())
    best = min(layer, key=lambda node: len(node.broken))
    always = frozenset.intersection(*(node.broken for node in layer))
    some = frozenset[str]().union(*(node.broken for node in layer))
    return Orders(best.lines(), always, some - always, width=width)


def _successors(
    node: Node, writers: Sequence[Sequence[Line]], opened: Sequence[tuple[int, int] | None]
) -> Iterator[Node]:
    for writer, lines in enumerate(writers):
        place = node.taken[writer]
        if place == len(lines):
            continue
        line = lines[place]
        if place == 0 and opened and opened[writer] not in (None, _versions(node.checker)):
            continue
        if not _fits(node.checker, line):
            continue
        checker = _fork(node.checker)
        refused = checker.feed(line)
        assert refused is None, "the line fitted a moment ago"
        _forget_the_order_of_calls(checker)
        taken = (*node.taken[:writer], place + 1, *node.taken[writer + 1 :])
        yield Node(taken, checker, (line, node.chain))


def _versions(checker: Checker) -> tuple[int, int]:
    z = checker.state
    return z.base.ngrams + len(z.store.ngrams), z.base.snapshots + len(z.store.snapshots)


def _fits(checker: Checker, line: Line) -> bool:
    """Tell whether a line is a step of the state, which stays as it is."""
    w, z, action = checker.world, checker.state, line.event.action.value
    if line.turn and z.calls[line.actor] + (action == "Call") != line.turn:
        return False
    if expected_versions(w, z, line) != line.versions:
        return False
    try:
        apply(w, z.copy(), Move(action, line.actor))
    except Refused:
        return False
    return True


def _fork(checker: Checker) -> Checker:
    """A checker that goes on by itself from where this one is; the world is the same."""
    twin = copy.copy(checker)
    twin.state = checker.state.copy()
    twin.watch = _fork_watch(checker.watch)
    twin.outcomes = checker.outcomes.copy()
    return twin


def _fork_watch(watch: Watch) -> Watch:
    twin = copy.copy(watch)
    for name, value in vars(watch).items():
        if isinstance(value, set):
            setattr(twin, name, set(value))
    twin.violations = {name: replace(found) for name, found in watch.violations.items()}
    return twin


def _forget_the_order_of_calls(checker: Checker) -> None:
    """Keep the order of the calls at each instance, which its lock goes by, and no other."""
    z, home = checker.state, checker.world.instance_of
    z.arrivals = tuple(sorted(z.arrivals, key=lambda s: home[s]))
    z.overtaken = frozenset()


def _stuck(node: Node, writers: Sequence[Sequence[Line]], depth: int) -> tuple[Rejection, ...]:
    w, z = node.checker.world, node.checker.state
    return tuple(
        explain(w, z, lines[place], expected_versions(w, z, lines[place]))
        for place, lines in zip(node.taken, writers, strict=True)
        if place < len(lines)
    )


MERGE: Final = "merge"
# What the headers of one run's files have in common.
SAME: Final = ("schema", "spec", "run", "discipline", "runtime", "program", "stores")
ADVICE: Final = "give --merge the files of one run, one of each process"


@dataclass(slots=True)
class Part:
    """One file: its header and its lines."""

    name: str
    header: Header
    lines: list[Line]
    notices: list[str]
    closed: bool

    @property
    def start(self) -> tuple[int, int]:
        return self.header.start["ngrams"], self.header.start["snapshots"]


@dataclass(slots=True)
class Merged:
    """What came of a merge: the header of the whole, the orders, the events in one of them."""

    name: str
    header: Header
    orders: Orders
    notices: list[str]
    events: list[Event]
    closed: bool

    def trace(self) -> TraceReader:
        """The merged trace, in the order that was found. It goes through all checks again."""
        return trace_of(self.name, msgspec.to_builtins(self.header), self.events)

    def save(self, path: Path) -> None:
        """Write the merged trace to a file. Raises TraceError when it cannot be written."""
        lines = (self.header, *self.events)
        try:
            path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        except OSError as error:
            raise TraceError(
                f"{path}: the merged trace cannot be written ({error.strerror or error}); name a "
                "file in a folder that exists and may be written"
            ) from error


def merge(paths: Sequence[str | Path], *, torn: bool = False, most: int = MOST_STATES) -> Merged:
    """Read the files of one run and search the orders in which their lines can have happened.

    ``most`` bounds the states that are kept at a time.  Raises TraceError when a file is not a
    trace, or the files are not of one run.
    """
    parts = [_read(path, torn=torn) for path in paths]
    _check(parts)
    parts.sort(key=lambda part: part.start)
    first = parts[0]
    late = [part for part in parts if part.start != first.start]
    header = msgspec.structs.replace(
        first.header,
        instances=tuple(instance for part in parts for instance in part.header.instances),
    )
    crowd = too_many(header)
    if crowd is not None:
        raise TraceError(f"{' + '.join(part.name for part in parts)}: {crowd}")
    writers = [[*(_opening(part) if part in late else []), *part.lines] for part in parts]
    down = [instance for part in late for instance in part.header.instances]
    opened = [part.start if part in late else None for part in parts]
    orders = find_orders(header, writers, down=down, opened=opened, most=most)
    events = [line.event for line in orders.order or ()]
    crashes = [_event(first.header, Action.Crash, instance) for instance in down]
    return Merged(
        name=" + ".join(part.name for part in parts),
        header=header,
        orders=orders,
        notices=[f"{part.name}: {notice}" for part in parts for notice in part.notices],
        events=_numbered([*crashes, *events]) if orders.order is not None else [],
        closed=all(part.closed for part in parts),
    )


def _read(path: str | Path, *, torn: bool) -> Part:
    with open_trace(path, torn=torn) as trace:
        lines = list(trace)
        return Part(trace.name, trace.header, lines, trace.notices, trace.closed)


def _check(parts: Sequence[Part]) -> None:
    """Raise TraceError when the files are not of one run, or tell of the same thing twice."""
    first = parts[0]
    owner: dict[tuple[str, str], str] = {}
    for part in parts:
        for name in SAME:
            one, other = getattr(first.header, name), getattr(part.header, name)
            if one != other:
                raise TraceError(
                    f"{part.name}: its {name} is {other!r}, and that of {first.name} is {one!r}; "
                    f"{ADVICE}"
                )
        things = {("instance", instance) for instance in part.header.instances}
        for line in part.lines:
            things.add(("writer", line.event.writer))
            if line.turn:
                things.add(("session", line.actor))
        for thing in sorted(things):
            if thing in owner or thing == ("writer", MERGE):
                taken = owner.get(thing, "the merged trace itself")
                raise TraceError(
                    f"{part.name}: the {thing[0]} {thing[1]!r} is in {taken} as well; {ADVICE}, "
                    "with writers, instances and sessions of different names"
                )
            owner[thing] = part.name
    least = min(part.start for part in parts)
    for part in parts:
        if part.start[1] < least[1]:
            raise TraceError(
                f"{part.name}: it began at the versions {part.header.start}, and another began at "
                f"{dict(zip(('ngrams', 'snapshots'), least, strict=True))}: no store was at both; "
                f"{ADVICE}"
            )


def _opening(part: Part) -> list[Line]:
    """The lines that stand for the opening of a part that began later: those of its header."""
    return [
        Line(1, _event(part.header, Action.Recover, instance), instance, 0, ())
        for instance in part.header.instances
    ]


def _event(header: Header, action: Action, instance: str) -> Event:
    return Event(
        seq=0,
        writer=MERGE,
        run=header.run,
        time=0.0,
        instance=instance,
        store=header.stores[0],
        session="",
        reply="",
        action=action,
        reads={},
        writes={},
        outcome="crashed" if action is Action.Crash else "ok",
    )


def _numbered(events: Sequence[Event]) -> list[Event]:
    """Number the lines of the merge itself; those of the files have their numbers."""
    numbers = itertools.count(1)
    return [
        msgspec.structs.replace(event, seq=next(numbers)) if event.writer == MERGE else event
        for event in events
    ]
