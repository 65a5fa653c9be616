"""The native engine: follows a trace line by line on the Python transition system.

One state is kept and changed in place.  When a reply ends, settled replies are forgotten, so the
memory depends on the replies in flight and not on the length of the trace.  A property is evaluated
only after actions that can make it fall; a test compares this with evaluating every property after
every line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from leo.trace.events import Event, Header
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.machine.forget import Links, tidy
from leo_model.machine.machine import ACTIONS, Move, apply
from leo_model.machine.properties import (
    SAFETY,
    Witness,
    inside,
    is_stored,
    only_read,
    refines,
)
from leo_model.machine.state import Base, Content, Reply, State, authors
from leo_model.machine.steps import World, own
from leo_model.traces.events import CALLS, ENDS, Line, Trace, call_of, line_of
from leo_model.traces.explain import Rejection, explain

# The versions that a line must carry, by its action: the Python side of ``ExpectedVersions``. They
# are told from the state before the step, the specification tells them from the state after it.


def _snapshots(w: World, z: State, s: str) -> tuple[int, ...]:
    return (z.base.snapshots + len(z.store.snapshots),)


def _ngrams(w: World, z: State, s: str) -> tuple[int, ...]:
    return (z.base.ngrams + len(z.store.ngrams),)


def _next_ngrams(w: World, z: State, s: str) -> tuple[int, ...]:
    return () if w.rules.whole_reply else (z.base.ngrams + len(z.store.ngrams) + 1,)


def _next_snapshots(w: World, z: State, s: str) -> tuple[int, ...]:
    return () if w.rules.whole_reply else (z.base.snapshots + len(z.store.snapshots) + 1,)


def _next_both(w: World, z: State, s: str) -> tuple[int, ...]:
    ngrams, snapshots = z.base
    return (ngrams + len(z.store.ngrams) + 1, snapshots + len(z.store.snapshots) + 1)


def _view(w: World, z: State, s: str) -> tuple[int, ...]:
    bigrams, trigrams = z.view[w.instance_of[s]]
    return (z.base.ngrams + len(bigrams), z.base.ngrams + len(trigrams))


def _seen(w: World, z: State, s: str) -> tuple[int, ...]:
    """The view, and in a unit of work the number of own writes over it."""
    return (*_view(w, z, s), len(own(w, z, s))) if w.rules.whole_reply else _view(w, z, s)


def _loaded(w: World, z: State, s: str) -> tuple[int, ...]:
    held = z.local[s]
    return (z.base.ngrams + len(held.bigrams), z.base.ngrams + len(held.trigrams))


def _swapped(w: World, z: State, s: str) -> tuple[int, ...]:
    reply = z.reply(s)
    view = z.view[w.instance_of[s]]
    return tuple(z.base.ngrams + len(table) + (reply not in table) for table in view)


def _published(w: World, z: State, s: str) -> tuple[int, ...]:
    """The version of the n-grams after the open transaction was committed."""
    return (z.base.ngrams + len(z.store.ngrams) + len(z.open.writes),)


_EXPECTED: dict[str, Callable[[World, State, str], tuple[int, ...]]] = {
    "Recall": _snapshots,
    "Ingest": _next_ngrams,
    "LoadBigrams": _ngrams,
    "LoadTrigrams": _ngrams,
    "AssignView": _loaded,
    "Generate": _seen,
    "GenerateBegin": _view,
    "GenerateEnd": _view,
    "SaveSnapshot": _next_snapshots,
    "Commit": _next_both,
    "SwapView": _swapped,
    "Count": _next_snapshots,
    "CommitOpen": _published,
    "RefreshBigrams": _ngrams,
    "RefreshTrigrams": _ngrams,
}


def expected_versions(world: World, z: State, line: Line) -> tuple[int, ...]:
    """Return the versions that the line must carry, in the order of ``Carries.order``.

    Only meant for an action that is enabled in ``z``; for another one the answer says nothing.
    """
    tell = _EXPECTED.get(line.event.action)
    return () if tell is None else tell(world, z, line.actor)


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
        self.links = Links()
        self._world = world
        self._overtaken: frozenset[str] = frozenset()
        self._unstable: set[str] = set()

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
        self.links.update(z.dsg)
        found = self.links.component(reply, nodes) - self.cyclic
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


# What did not end a call, and disturbed it all the same.
SWALLOWED = "with an exception swallowed"
# How the end of a reply is counted.
_OUTCOMES = {
    "Return": "returned",
    "Cancel": "cancelled",
    "CancelApplied": "cancelled but applied",
    "Raise": "raised",
    "Crash": "crashed",
    "Busy": "refused by the store",
    "BusySnapshot": "refused by the store",
}


@dataclass(slots=True)
class Outcome:
    """What an engine says about a trace.

    ``events`` are the lines that were accepted, ``replies`` the calls among them; ``outcomes``
    counts how replies ended, ``open`` the ones that had not.  ``violations`` are in the order of
    their lines.
    """

    name: str
    discipline: str
    events: int = 0
    replies: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    open: int = 0
    rejection: Rejection | None = None
    violations: dict[str, Violation] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return self.rejection is None


class Checker:
    """Takes the lines of one trace.

    ``forgetting`` False keeps the whole history, for comparison.
    """

    def __init__(self, header: Header, *, forgetting: bool = True) -> None:
        rules = DISCIPLINES[header.discipline]
        self.world = World(
            rules, {}, faults=frozenset(rules.possible_faults), program=header.program
        )
        self.state = State.initial({}, header.instances)
        self.state.base = Base(header.start["ngrams"], header.start["snapshots"])
        self.watch = Watch(self.world)
        self.events = 0
        self.replies = 0
        self.outcomes: Counter[str] = Counter()
        # The replies of the state that stand for forgotten ones on the same cycle.
        self.standing: Content = frozenset()
        self._forgetting = forgetting

    def admit(self, line: Line) -> None:
        """Make room for a session that the trace has not named before."""
        if line.actor not in self.state.pc:
            self.world.instance_of[line.actor] = line.event.instance
            if self.world.rules.published:
                self.world.asks[line.actor] = call_of(line.actor)
            self.state.add_session(line.actor)

    def feed(self, line: Line) -> Rejection | None:
        """Take one line; tell why it is no step, in which case the state stays as it was."""
        w, z, s, action = self.world, self.state, line.actor, line.event.action
        if line.turn:
            self.admit(line)
        due = expected_versions(w, z, line)
        if due != line.versions or (line.turn and z.calls[s] + (action in CALLS) != line.turn):
            return explain(w, z, line, due)
        before = z.copy() if action in self.watch.atomic else None
        ends = self._in_flight(line) if action in ENDS else ()
        left = z.left
        try:
            apply(w, z, Move(action, s))
        except Refused:
            return explain(w, z, line, due)
        ended = [reply for reply in ends if not z.in_flight(reply[0])]
        self.events += 1
        self.replies += action in CALLS
        self.outcomes[SWALLOWED] += action == "Swallow"
        if ended:
            self._count(action, ended, left)
        self.watch.look(line, before, ended, z)
        if ended and self._forgetting:
            stand = tidy(w, z, self.watch.cyclic, self.watch.links)
            self.standing = (self.standing | stand) & z.wrote
        return None

    def feed_event(self, event: Event) -> Rejection | None:
        """Take an event that is known to be one of the discipline, of a trace with one writer."""
        return self.feed(line_of(event.seq + 1, event, self.world.rules.name))

    def _in_flight(self, line: Line) -> list[Reply]:
        """Return the replies that the line may end."""
        z = self.state
        if ACTIONS[line.event.action].actor == "session":
            return [z.reply(line.actor)]
        return [z.reply(s) for s in self.world.peers(line.actor) if z.in_flight(s)]

    def _count(self, action: str, ended: list[Reply], left: frozenset[str]) -> None:
        for s, *_ in ended:
            # The owner task of an actor ends a reply whose caller was cancelled before.
            cancelled = action == "Return" and s in left
            self.outcomes["cancelled" if cancelled else _OUTCOMES[action]] += 1

    def outcome(self, name: str, notices: list[str], rejection: Rejection | None) -> Outcome:
        """Sum up the lines so far."""
        return Outcome(
            name=name,
            discipline=self.world.rules.name,
            events=self.events,
            replies=self.replies,
            outcomes=+self.outcomes,
            open=sum(map(self.state.in_flight, self.state.pc)),
            rejection=rejection,
            violations=self.watch.violations,
            notices=notices,
        )


def check(trace: Trace, *, forgetting: bool = True) -> Outcome:
    """Check a trace against the discipline that it claims; stops at the first line that is no step.

    Raises TraceError for a line that is not in the schema.
    """
    checker = Checker(trace.header, forgetting=forgetting)
    rejection = None
    for line in trace:
        rejection = checker.feed(line)
        if rejection is not None:
            break
    return checker.outcome(trace.name, trace.notices, rejection)
