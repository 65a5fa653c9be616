"""Which properties fall along a trace: looked at only where an action can make them fall.

A test compares this with the plain evaluation of every property after every line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from leo_model.machine.absorbed import Links
from leo_model.machine.machine import ACTIONS
from leo_model.machine.properties import (
    SAFETY,
    Witness,
    inside,
    is_stored,
    only_read,
    refines,
)
from leo_model.machine.state import Reply, State, authors
from leo_model.machine.steps import World
from leo_model.traces.events import ENDS, Line

# What each count means, for the report.
CONCERNED = {
    "MutualExclusion": "replies that entered while another was inside",
    "Serializable": "replies on a cycle",
    "StableRead": "replies whose view changed while they read it",
    "ViewNotTorn": "replies that generated from a torn view",
    "ReadsOwnObservation": "replies that did not see their own observation",
    "SnapshotProvenance": "replies whose snapshot went into another field",
    "AllOrNothing": "replies that ended half-applied",
    "Durable": "replies that returned without their writes",
    "ViewAgreesWithStore": "moments of rest at which view and store differed",
    "NoOvertaking": "replies that were overtaken",
    "Refines": "steps that are no step of AtomicReply",
}

_GRAPH = frozenset(
    {
        "Recall",
        "Ingest",
        "Generate",
        "GenerateBegin",
        "GenerateEnd",
        "SaveSnapshot",
        "Commit",
        "Count",
    }
)
_ENTRIES = frozenset({"Acquire", "Begin"})
_VIEW_CHANGES = frozenset({"AssignView", "SwapView"})
# Where the picture that AtomicReply has of the state can change other than by a call or a return.
ATOMIC = frozenset({"SaveSnapshot", "Commit", *ENDS}) - {"Return"}


@dataclass(slots=True)
class Violation:
    """A property that fell: the first line at which it was false, why, and how many it concerns."""

    property: str
    line: int
    witness: str
    count: int


def alone(z: State, s: str) -> State:
    """The state with one session in it: whether this reply breaks what is said of every reply."""
    return replace(z, pc={s: z.pc[s]})


class Watch:
    """Collects the violations of one trace."""

    def __init__(self, world: World) -> None:
        # The actions before which the state is to be kept, for Refines.
        self.atomic = frozenset(ACTIONS) if world.rules.published else ATOMIC
        self.violations: dict[str, Violation] = {}
        # The replies of the state that are on a cycle.
        self.cyclic: set[Reply] = set()
        self._world = world
        self._overtaken: frozenset[str] = frozenset()
        self._unstable: set[str] = set()
        self._links = Links()

    def resume(self, cyclic: set[Reply], overtaken: frozenset[str]) -> None:
        """Go on from a state that another has reached; nobody is reading in it."""
        self.cyclic = cyclic
        self._overtaken = overtaken
        self._unstable.clear()

    def note(self, line: Line, name: str, count: int, witness: Callable[[], Witness]) -> None:
        """Count a violation; the witness is made for the first one only."""
        if count == 0:
            return
        known = self.violations.get(name)
        if known is not None:
            known.count += count
            return
        self.violations[name] = Violation(name, line.number, witness() or "", count)

    def look(self, line: Line, before: State | None, ended: list[Reply], z: State) -> None:
        """Look at the state after a line.

        ``before`` is the state before it, needed when the action is in ``ATOMIC``; ``ended`` are
        the replies that the line ended.
        """
        action, s = line.event.action, line.actor
        if action in _ENTRIES:
            self._look_at_entry(line, z)
        elif action in _VIEW_CHANGES:
            self._look_at_reading(line, z)
        elif action == "GenerateEnd":
            self._unstable.discard(s)
        if action == "Generate" or action == "GenerateEnd":
            self._look_alone(line, z, "ViewNotTorn")
            self._look_alone(line, z, "ReadsOwnObservation")
        elif action == "SaveSnapshot" or action == "Commit":
            self._look_alone(line, z, "SnapshotProvenance")
        if action == "CommitOpen" and before is not None:
            self._look_at_published(line, before, z)
        elif action in _GRAPH:
            self._look_at_graph(line, z, z.reply(s))
        if ended or action == "Recover":
            self._look_at_rest(line, ended, z)
        if before is not None:
            broken = refines(self._world, before, z)
            self.note(line, "Refines", int(broken is not None), lambda: broken)

    def _look_alone(self, line: Line, z: State, name: str) -> None:
        witness = SAFETY[name](self._world, alone(z, line.actor))
        self.note(line, name, int(witness is not None), lambda: witness)

    def _look_at_entry(self, line: Line, z: State) -> None:
        w, s = self._world, line.actor
        if inside(w, z, s) and any(inside(w, z, t) for t in z.pc if t != s):
            self.note(line, "MutualExclusion", 1, lambda: SAFETY["MutualExclusion"](w, z))
        if z.overtaken or self._overtaken:
            count = len(z.overtaken - self._overtaken)
            self.note(line, "NoOvertaking", count, lambda: SAFETY["NoOvertaking"](w, z))
            self._overtaken = z.overtaken

    def _look_at_reading(self, line: Line, z: State) -> None:
        for t, label in z.pc.items():
            if label == "generateEnd" and t not in self._unstable:
                witness = SAFETY["StableRead"](self._world, alone(z, t))
                if witness is not None:
                    self._unstable.add(t)
                    self.note(line, "StableRead", 1, partial(str, witness))

    def _look_at_published(self, line: Line, before: State, z: State) -> None:
        """The commit has published what others left in the transaction too."""
        w, replies = self._world, sorted(authors(before.open.writes))
        for reply in replies:
            self._look_at_graph(line, z, reply)
        half = sum(z.ended(reply) and not is_stored(w, z, reply) for reply in replies)
        self.note(line, "AllOrNothing", half, lambda: SAFETY["AllOrNothing"](w, z))

    def _look_at_graph(self, line: Line, z: State, reply: Reply) -> None:
        nodes = z.wrote | only_read(self._world, z)
        if reply not in nodes:
            return
        self._links.update(z.dsg)
        found = self._links.component(reply, nodes) - self.cyclic
        self.note(line, "Serializable", len(found), lambda: SAFETY["Serializable"](self._world, z))
        self.cyclic |= found

    def _look_at_rest(self, line: Line, ended: list[Reply], z: State) -> None:
        w, wrote = self._world, z.wrote
        half = sum(reply in wrote and not is_stored(w, z, reply) for reply in ended)
        self.note(line, "AllOrNothing", half, lambda: SAFETY["AllOrNothing"](w, z))
        lost = sum(reply in z.returned and not is_stored(w, z, reply) for reply in ended)
        self.note(line, "Durable", lost, lambda: SAFETY["Durable"](w, z))
        witness = SAFETY["ViewAgreesWithStore"](w, z)
        self.note(line, "ViewAgreesWithStore", int(witness is not None), lambda: witness)
        for s, *_ in ended:
            self._unstable.discard(s)
        self._overtaken &= z.overtaken
