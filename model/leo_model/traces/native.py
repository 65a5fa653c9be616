"""The native engine: a trace, line by line, through the Python transition system.

One state is kept and changed in place.  Settled replies are forgotten after each end of a reply, so
the memory depends on the replies in flight and not on the length of the trace.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from leo.trace.events import Header
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.machine.absorbed import tidy
from leo_model.machine.machine import ACTIONS, Move, apply
from leo_model.machine.state import Base, Content, Reply, State
from leo_model.machine.steps import World
from leo_model.traces.events import CALLS, ENDS, Line, Trace, call_of
from leo_model.traces.explain import Rejection, explain
from leo_model.traces.versions import expected_versions
from leo_model.traces.watch import Violation, Watch

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
            if z.calls[s] + (action in CALLS) != line.turn:
                return explain(w, z, line)
        if expected_versions(w, z, line) != line.versions:
            return explain(w, z, line)
        before = z.copy() if action in self.watch.atomic else None
        ends = self._in_flight(line) if action in ENDS else ()
        left = z.left
        try:
            apply(w, z, Move(action, s))
        except Refused:
            return explain(w, z, line)
        ended = [reply for reply in ends if not z.in_flight(reply[0])]
        self.events += 1
        self.replies += action in CALLS
        self.outcomes[SWALLOWED] += action == "Swallow"
        if ended:
            self._count(action, ended, left)
        self.watch.look(line, before, ended, z)
        if ended and self._forgetting:
            self.standing = (self.standing | tidy(w, z, self.watch.cyclic)) & z.wrote
        return None

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
