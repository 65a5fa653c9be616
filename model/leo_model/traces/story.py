"""Tells from the lines why a property fell: who read what version, who wrote it, and when.

The check keeps no lines, so that its memory does not grow.  For a story the file is read a second
time, up to the line at which the property fell; only lines of the replies that the witness names
are kept.  The order of replies is the one that the transition system adds to its graph at each
line; it is not guessed from versions.  The kind of a dependency (``Kinds``) comes from the line,
because no property needs it; only the name of a cycle does (``leo.units.anomalies``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from leo.actions import TOUCHES
from leo.trace.events import Event
from leo.trace.lanes import LaneStep, lane_table
from leo.units import RW, WR, WW, name_of
from leo_model.machine.narrate import ENDINGS
from leo_model.machine.properties import name
from leo_model.machine.state import Content, Reply, State, authors
from leo_model.traces.events import UNTOLD, VIEW, Line
from leo_model.traces.native import Checker, Violation
from leo_model.traces.reader import START, open_trace

WIDTH = 80
# More lanes leave no room for what an event read and wrote.
MOST_LANES = 4


def lanes_of(lines: Sequence[Line], verdict: str = "", *, first: Iterable[str] = ()) -> str:
    """Return the diagram of these lines, numbered as in the file.

    When there are more sessions than lanes, those in ``first`` have one, then those that acted
    last; what is left out is told.
    """
    sessions = list(dict.fromkeys([*first, *(line.actor for line in lines[::-1] if line.turn)]))
    acting = {line.actor for line in lines if line.turn}
    shown = [s for s in sessions if s in acting][:MOST_LANES]
    kept = [line for line in lines if not line.turn or line.actor in shown]
    order = [s for s in dict.fromkeys(line.actor for line in kept if line.turn) if s in shown]
    text = lane_table([step(line) for line in kept], verdict, lanes=order or ("-",), width=WIDTH)
    hidden = len(lines) - len(kept)
    if hidden:
        others = len(acting) - len(shown)
        text += f"({hidden} events of {others} other sessions are left out)\n"
    return text


def step(line: Line) -> LaneStep:
    """Return an event as a step of the diagram."""
    event = line.event
    return LaneStep(line.number, event.session, event.action.value, note(event))


def note(event: Event) -> str:
    """Say what an event read and wrote, in versions, or how its reply ended."""
    if not event.session:
        return f"{event.instance}: {ENDINGS[event.action.value]}"
    return ENDINGS.get(event.action.value) or ", ".join(
        f"{verb} {objects(versions)}"
        for verb, versions in (("reads", event.reads), ("writes", event.writes))
        if versions
    )


def objects(versions: dict[str, int]) -> str:
    """Write objects with their versions; the two tables of a view of one version as one. Left out
    is what an accepted trace says in one way only.
    """
    found = {item: version for item, version in versions.items() if item not in UNTOLD}
    if set(found) == set(VIEW) and len(set(found.values())) == 1:
        found = {"view": found[VIEW[0]]}
    return ", ".join(f"{item} v{version}" for item, version in found.items())


Pair = tuple[Reply, Reply]

# The objects of the store that an action writes, and the tables of the view that it reads.
WRITES = {
    str(action): tuple(name for name in START if name in touched.writes)
    for action, touched in TOUCHES.items()
}
READS = {
    "Generate": ("bigrams", "trigrams"), "GenerateBegin": ("bigrams",), "GenerateEnd": ("trigrams",)
}  # fmt: skip


class Kinds:
    """The kinds of the dependencies that lines have added, by their pair of replies."""

    def __init__(self) -> None:
        self._kinds: dict[Pair, set[str]] = defaultdict(set)

    def add(self, before: State, me: Reply, line: Line) -> None:
        """Take a line of the reply ``me`` and the state before it."""
        # A commit of February's open transaction writes what others have left there too.
        mine = authors(before.open.writes) if line.event.action == "CommitOpen" else (me,)
        for reply in mine:
            for source, target, kind in _added(before, reply, line):
                if source != target:
                    self._kinds[source, target].add(kind)

    def name(self, cycle: Sequence[Reply]) -> str:
        """Return the name of a cycle, given from a reply round to itself; empty when a line that
        made it was not taken.

        Where a pair depends in several ways, the gravest counts: a write over a write, then a read
        of a write.
        """
        found = [self._kinds.get(pair, set()) for pair in pairwise(cycle)]
        if not all(found):
            return ""
        return name_of([WW if WW in kinds else WR if WR in kinds else RW for kinds in found])


def _added(before: State, me: Reply, line: Line) -> Iterator[tuple[Reply, Reply, str]]:
    action = line.event.action.value
    for item in WRITES.get(action, ()) if line.event.writes else ():
        written: Content = getattr(before, item)
        readers: Content = getattr(before.readers, item)
        yield from ((other, me, WW) for other in authors(written))
        yield from ((other, me, RW) for other in readers)
    if action == "Recall":
        yield from ((writer, me, WR) for writer in before.snapshots)
    for table in READS.get(action, ()):
        content: Content = getattr(before.view[line.event.instance], table)
        yield from ((writer, me, WR) for writer in authors(content))
        # A view that is behind the store: what it lacks comes after the read.
        yield from ((me, writer, RW) for writer in authors(before.ngrams - content))


# A reply as a witness names it.
REPLY = re.compile(r"[^\s{},]+\.[1-9]\d*")
# So many of the last lines of a story are drawn.
DRAWN = 30
GENERATES = frozenset({"Generate", "GenerateBegin", "GenerateEnd"})

_Pair = tuple[str, str]


@dataclass(slots=True)
class Story:
    """What happened to the replies of one violation: sentences, and the lane diagram.

    ``anomaly`` is the name of what a cycle of dependencies is (``leo.units.anomalies``).
    """

    violation: Violation
    anomaly: str = ""
    sentences: list[str] = field(default_factory=list)
    diagram: str = ""


def tell(path: str | Path, violations: Iterable[Violation]) -> list[Story]:
    """Read the trace again and tell each violation's story, in the order of the lines.

    Raises TraceError when the file is no longer what it was.
    """
    stories = sorted((Story(v) for v in violations), key=lambda story: story.violation.line)
    if not stories:
        return []
    casts = {id(story): _cast(story.violation.witness) for story in stories}
    wanted = {reply for cast in casts.values() for reply in cast}
    kept: list[Line] = []
    reasons: dict[_Pair, str] = {}
    kinds = Kinds()
    due = list(stories)
    with open_trace(path, torn=True) as trace:
        checker = Checker(trace.header)
        for line in trace:
            before = (
                checker.state.copy()
                if line.event.reply in wanted or line.event.action == "CommitOpen"
                else None
            )
            if checker.feed(line) is not None:
                break
            if before is not None:
                kept.append(line)
                if line.versions:
                    kinds.add(before, checker.state.reply(line.actor), line)
                    _explain(before, checker.state, line, kept, reasons)
            while due and due[0].violation.line <= line.number:
                story = due.pop(0)
                _finish(story, casts[id(story)], line, kept, reasons)
                if story.violation.property == "Serializable":
                    story.anomaly = kinds.name(_cycle(story.violation.witness))
            if not due:
                break
    return stories


def _cast(witness: str) -> list[str]:
    """The replies that a witness names: its subject, then the rarer ones, which make the
    difference.
    """
    found = REPLY.findall(witness)
    subject = found[:1]
    return list(dict.fromkeys([*subject, *sorted(found, key=found.count)]))


def _cycle(witness: str) -> list[Reply]:
    """The replies of a dependency cycle, from one of them round to itself."""
    named = (reply.rpartition(".") for reply in REPLY.findall(witness))
    return [(session, int(turn)) for session, _, turn in named]


def _finish(
    story: Story, cast: Sequence[str], last: Line, kept: list[Line], reasons: dict[_Pair, str]
) -> None:
    """Write the story from the lines so far."""
    violation = story.violation
    if violation.property == "Serializable":
        for pair in pairwise(REPLY.findall(violation.witness)):
            if pair in reasons:
                story.sentences.append(f"{pair[0]} precedes {pair[1]}: {reasons[pair]}")
    actors = cast[:MOST_LANES]
    drawn = [line for line in kept if line.event.reply in actors]
    if not drawn or drawn[-1].number != last.number:
        drawn.append(last)
    sessions = [reply.rpartition(".")[0] for reply in actors]
    story.diagram = lanes_of(
        drawn[-DRAWN:], f"{violation.property}: {violation.witness}", first=sessions
    )


def _explain(
    before: State, after: State, line: Line, kept: list[Line], reasons: dict[_Pair, str]
) -> None:
    """Say why each pair of replies that the line has ordered is in that order."""
    me = after.reply(line.actor)
    for source, target in after.dsg - before.dsg:
        reasons.setdefault(
            (name(source), name(target)),
            _write(before, line, source, kept)
            if line.event.writes
            else _read(line, source == me, target if source == me else source, kept),
        )


def _read(line: Line, moved_on: bool, other: Reply, kept: list[Line]) -> str:
    """A read: of a version that has the other's write, or that the other has moved on from."""
    reply = line.event.reply
    what = "snapshots" if line.event.action == "Recall" else "the view"
    # Of the snapshots, or of the two tables of the view.
    number = "/".join(map(str, dict.fromkeys(line.versions[: len(VIEW)])))
    read = f"{reply} read {what} v{number} (line {line.number})"
    objects = ("snapshots",) if line.event.action == "Recall" else ("ngrams",)
    wrote = _written(other, objects, kept)
    return f"{read} without {wrote}" if moved_on else f"{read} with {wrote}"


def _write(before: State, line: Line, other: Reply, kept: list[Line]) -> str:
    """A write: over a version that the other has read, or after a write of the other."""
    objects = WRITES[line.event.action.value]
    readers = before.readers
    for item, holders in (("ngrams", readers.ngrams), ("snapshots", readers.snapshots)):
        if item in objects and other in holders:
            version = line.event.writes[item]
            return (
                f"{_has_read(other, item, kept)}, and {line.event.reply} wrote {item} v{version} "
                f"after that (line {line.number})"
            )
    said = ", ".join(f"{item} v{version}" for item, version in line.event.writes.items())
    theirs = _written(other, objects, kept)
    return f"{line.event.reply} wrote {said} (line {line.number}) over {theirs}"


def _written(reply: Reply, objects: Sequence[str], kept: list[Line]) -> str:
    """The write of a reply, with its version and line if the line was kept."""
    for line in kept:
        if line.event.reply == name(reply):
            for item in objects:
                if item in line.event.writes:
                    version = line.event.writes[item]
                    return f"{name(reply)}'s write of {item} v{version} (line {line.number})"
    return f"{name(reply)}'s write"


def _has_read(reply: Reply, item: str, kept: list[Line]) -> str:
    for line in kept:
        action = line.event.action
        if line.event.reply == name(reply) and (
            action == "Recall" if item == "snapshots" else action in GENERATES
        ):
            what = "snapshots" if item == "snapshots" else "the view"
            return f"{name(reply)} read {what} v{line.versions[0]} (line {line.number})"
    return f"{name(reply)} has read {item}"
