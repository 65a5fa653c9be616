"""A property that fell, told from the lines: who read what version, who wrote it, and when.

The check itself keeps no lines, so that its memory does not grow.  For a story the file is read a
second time, up to the line at which the property fell, and only the lines of the replies that the
witness names are kept.  Which reply precedes which is not guessed from versions: it is what the
transition system adds to its graph at that line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from leo_model.machine.properties import name
from leo_model.machine.state import Reply, State
from leo_model.traces.edges import WRITES, Kinds
from leo_model.traces.events import Line
from leo_model.traces.lanes import MOST_LANES, lanes_of
from leo_model.traces.native import Checker
from leo_model.traces.reader import open_trace
from leo_model.traces.watch import Violation

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
    number = line.versions[0] if len(set(line.versions)) == 1 else "/".join(map(str, line.versions))
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
