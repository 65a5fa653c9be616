"""Traces as the engines take them: the header, the lines, and the versions that each action
carries.

``leo_model.traces.reader`` reads a trace and checks each line by itself.  An engine then only
decides whether the lines, in their order, are steps of the specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple, Protocol

from leo.actions import OBJECTS, TOUCHES, Action, Touched
from leo.trace.events import Event, Header
from leo_model.disciplines import DISCIPLINES

PROGRAM = ("recall", "observe", "generate", "snapshot")

# What ends a reply; in an actor, Cancel only sends the caller away.
ENDS = frozenset({"Return", "Cancel", "CancelApplied", "Raise", "Crash", "Busy", "BusySnapshot"})

VIEW = ("view.bigrams", "view.trigrams")

NOTHING: frozenset[str] = frozenset()

# What recorders did not tell from the beginning: where it is missing, it is taken to be this.
UNTOLD: Final = {"buffer": 1}


# Where a call begins: refresh() takes no lock and has an action of its own.
CALLS = frozenset({"Call", "Refresh"})
# What a session calls is the end of its name: "s1~observe". Any other name calls reply().
_ASKS = frozenset({"observe", "refresh", "blank"})


def call_of(session: str) -> str:
    """What a session of a published program calls, told by its name."""
    call = session.rpartition("~")[2]
    return call if call in _ASKS else "reply"


class Carries(NamedTuple):
    """What the line of an action must carry: the objects read and written, and the outcome.

    ``order`` is the order in which an engine takes the versions (the table in
    ``spec/TraceField.tla``).
    """

    reads: frozenset[str] = NOTHING
    writes: frozenset[str] = NOTHING
    order: tuple[str, ...] = ()
    outcome: str = "ok"


_OUTCOMES = {
    "Return": "returned",
    "Cancel": "cancelled",
    "CancelApplied": "cancelled",
    "Raise": "raised",
    "Crash": "crashed",
}


@cache
def carries(discipline: str, action: str) -> Carries:
    """Return what a line of the action must carry: in a unit of work, writes go to a buffer first,
    which generate reads over the view.
    """
    touched = TOUCHES.get(Action(action), Touched())
    if DISCIPLINES[discipline].whole_reply and action in ("Ingest", "SaveSnapshot"):
        touched = Touched()
    elif DISCIPLINES[discipline].whole_reply and action == "Generate":
        touched = Touched(touched.reads | frozenset(UNTOLD))
    order = tuple(name for name in OBJECTS if name in touched.reads | touched.writes)
    return Carries(*touched, order, _OUTCOMES.get(action, "ok"))


class Line(NamedTuple):
    """One event, checked.

    ``number`` counts the lines of the file from 1 (the header).  ``actor`` is the session, or the
    instance for Crash and Recover; ``turn`` is the number of the reply, 0 for those two.
    ``versions`` are the versions read or written, in the order of ``Carries.order``.
    """

    number: int
    event: Event
    actor: str
    turn: int
    versions: tuple[int, ...]


def versions_of(event: Event, order: tuple[str, ...]) -> tuple[int, ...]:
    """Return the versions that an event carries, of all objects but those of ``UNTOLD``."""
    held = event.reads or event.writes
    return tuple([held[name] if name in held else UNTOLD[name] for name in order])


def line_of(number: int, event: Event, discipline: str) -> Line:
    """Return the line of an event that is known to be one of its discipline."""
    versions = versions_of(event, carries(discipline, event.action).order)
    if not event.session:
        return Line(number, event, event.instance, 0, versions)
    turn = int(event.reply.rpartition(".")[2])
    return Line(number, event, event.session, turn, versions)


class Trace(Protocol):
    """A header and a stream of checked lines, in their order; it can be read once."""

    name: str
    header: Header
    notices: list[str]

    def __iter__(self) -> Iterator[Line]:
        """Yield the lines. Raises TraceError at the first that is not in the schema."""
