"""Records a run, and has the validator judge its events and the field that it leaves.

The clock of a recording counts events, so that equal schedules give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import msgspec

from leo.actions import Action
from leo.trace.events import Beginning, Event, Happened, Header, event_of, header_of
from leo_model.disciplines import Rules
from leo_model.traces.events import ENDS
from leo_model.traces.native import Checker

RUN = "schedule"
WRITER = "w1"
STORE = "main"
TICK = 0.001


@dataclass(slots=True)
class Seat:
    """Where a session stands, by its own events.

    ``at`` is the action at whose gate it is held, None when it is not at one.  ``left``: the caller
    of an actor is gone, and its request is not.
    """

    name: str
    instance: str
    calls: int = 0
    in_flight: bool = False
    left: bool = False
    last: Action | None = None
    at: Action | None = None


class Recording:
    """The events of all instances of one run, in the order in which they happened."""

    def __init__(self, rules: Rules, seats: Mapping[str, Seat]) -> None:
        self.events: list[Event] = []
        self.header: Header | None = None
        # Who holds SQLite's write lock from one action to the next.
        self.writing: Seat | None = None
        self._rules = rules
        self._seats = seats

    def begin(self, beginning: Beginning, instances: tuple[str, ...]) -> None:
        if self.header is None:
            self.header = header_of(beginning, run=RUN, instances=instances, stores=(STORE,))

    def add(self, happened: Happened) -> None:
        """Number an event, and note what it says of its session."""
        number = len(self.events) + 1
        time = round(number * TICK, 6)
        self.events.append(event_of(happened, seq=number, writer=WRITER, run=RUN, time=time))
        if happened.session:
            self._note(happened.action, self._seats[happened.session])

    def _note(self, action: Action, seat: Seat) -> None:
        seat.last = action
        if action is Action.Call:
            seat.calls += 1
            seat.in_flight = True
        elif action is Action.Cancel and self._rules.detached:
            seat.left = True
        elif action in ENDS:
            seat.in_flight = seat.left = False
            if self.writing is seat:
                self.writing = None
        elif self._rules.transaction == "immediate":
            if action is Action.Begin:
                self.writing = seat
            elif action is Action.Commit:
                self.writing = None

    def crashed(self, instance: str) -> None:
        """All that was in flight at an instance is over, and nobody there has seen it end."""
        self.add(Happened(Action.Crash, instance, STORE, "", "", {}, {}, "crashed"))
        for seat in self._seats.values():
            if seat.instance == instance:
                seat.in_flight = seat.left = False
                seat.last = None
                if self.writing is seat:
                    self.writing = None

    def trace(self) -> bytes:
        """The trace as a recorder of schema 1 would write it."""
        return b"".join(msgspec.json.encode(line) + b"\n" for line in (self.header, *self.events))


class Incarnation:
    """The tracer of one life of an instance.  A process that has died tells nothing any more."""

    def __init__(self, recording: Recording, instances: tuple[str, ...]) -> None:
        self.enabled = True
        self._recording = recording
        self._instances = instances

    def begin(self, beginning: Beginning) -> None:
        self._recording.begin(beginning, self._instances)

    def record(self, happened: Happened) -> None:
        self._recording.add(happened)

    def moment(self) -> AbstractContextManager[object]:
        """Only one goes on at a time: every step is a moment."""
        return nullcontext()


NOT_A_BEHAVIOUR = "NotABehaviour"


def judge(recording: Recording, final: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """Return what the validator says of the events: what is broken, and how.

    Events tell what the organism says that it did.  That it did nothing else is seen in the end:
    the versions in the store and in the views have to be those that the events lead to.
    """
    assert recording.header is not None, "written when the instances began"
    checker = Checker(recording.header)
    for event in recording.events:
        rejection = checker.feed_event(event)
        if rejection is not None:
            where = f"event {event.seq}, {event.reply or event.instance} {event.action}"
            reasons = "; ".join(rejection.reasons)
            return _broken(checker) | {NOT_A_BEHAVIOUR: f"{where}: {reasons}"}
    for what, expected in _final(checker).items():
        if final.get(what, expected) != expected:
            said = f"in the end the {what} has {final[what]}, and the events lead to {expected}"
            return _broken(checker) | {NOT_A_BEHAVIOUR: said}
    return _broken(checker)


def _final(checker: Checker) -> dict[str, dict[str, int]]:
    """The versions that the specification's state has."""
    z = checker.state
    base = z.base
    found = {
        "store": {
            "ngrams": base.ngrams + len(z.store.ngrams),
            "snapshots": base.snapshots + len(z.store.snapshots),
        }
    }
    for instance, (bigrams, trigrams) in z.view.items():
        found[f"view of {instance}"] = {
            "view.bigrams": base.ngrams + len(bigrams),
            "view.trigrams": base.ngrams + len(trigrams),
        }
    return found


def _broken(checker: Checker) -> dict[str, str]:
    return {title: found.witness for title, found in checker.watch.violations.items()}
