"""The events of a trace, and the interface of a recorder (`Tracer`); the default records nothing.

Recorders are in `leo.trace.recorder`. A driver checks `tracer.enabled` before it builds an event,
so that a reply without a recorder pays for one attribute look-up per action.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from leo.actions import Action

SCHEMA: Final = 1
SPEC: Final = "field/1"
# No store counts that far, and the integers of TLC have 32 bits.
MAX_VERSION: Final = 1_000_000_000


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a trace. `start` holds the store's versions when the recording began."""

    schema: int
    kind: str
    spec: str
    run: str
    discipline: str
    runtime: str
    program: tuple[str, ...]
    instances: tuple[str, ...]
    stores: tuple[str, ...]
    start: dict[str, int]
    seed: int


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event of a trace. `seq` gives the order, `reads` and `writes` (object -> version) the
    data flow.

    `time` is in seconds since the run began and only informs.
    """

    seq: int
    writer: str
    run: str
    time: float
    instance: str
    store: str
    session: str
    reply: str
    action: Action
    reads: dict[str, int]
    writes: dict[str, int]
    outcome: str


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line of a writer: its recording was closed after so many events.

    A trace without it ends where the writer was interrupted, or is still growing.
    """

    kind: str
    run: str
    writer: str
    events: int


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an instance says of itself when its recording begins."""

    instance: str
    store: str
    discipline: str
    runtime: str
    program: tuple[str, ...]
    start: dict[str, int]
    seed: int


def header_of(
    beginning: Beginning, *, run: str, instances: tuple[str, ...], stores: tuple[str, ...]
) -> Header:
    """The first line of a recording, from what its first instance says of itself."""
    return Header(
        schema=SCHEMA,
        kind="header",
        spec=SPEC,
        run=run,
        discipline=beginning.discipline,
        runtime=beginning.runtime,
        program=beginning.program,
        instances=instances,
        stores=stores,
        start=beginning.start,
        seed=beginning.seed,
    )


class Happened(msgspec.Struct, frozen=True, gc=False):
    """An action of a reply: the versions of what it read and wrote, and how it ended.

    `reads` and `writes` are not changed any more: a recorder keeps them until it has the time to
    write them.

    A msgspec.Struct because one is made for each action: a NamedTuple takes three times as long.
    """

    action: Action
    instance: str
    store: str
    session: str
    reply: str
    reads: dict[str, int]
    writes: dict[str, int]
    outcome: str


def event_of(happened: Happened, *, seq: int, writer: str, run: str, time: float) -> Event:
    """The event of a trace: what happened, and where it stands in whose recording."""
    # By position, in the order of the fields: by name it takes half as long again.
    return Event(
        seq,
        writer,
        run,
        time,
        happened.instance,
        happened.store,
        happened.session,
        happened.reply,
        happened.action,
        happened.reads,
        happened.writes,
        happened.outcome,
    )


class Tracer(Protocol):
    """Something that is told what happened, in the order in which it happened."""

    @property
    def enabled(self) -> bool:
        """False when nothing needs to be told."""

    def begin(self, beginning: Beginning) -> None:
        """An instance was opened; its view equals the store at the versions named."""

    def record(self, happened: Happened) -> None:
        """An action happened. Called from the event loop and from the store's worker thread."""

    def moment(self) -> AbstractContextManager[object]:
        """Inside, nobody else's action is recorded: what is done there and its event are one
        moment. Needed where two instances share a store.
        """


class NoTrace:
    """The default: not enabled, so never told anything."""

    enabled: Final = False

    def begin(self, beginning: Beginning) -> None:
        """Nothing is recorded."""

    def record(self, happened: Happened) -> None:
        """Nothing is recorded."""

    def moment(self) -> AbstractContextManager[object]:
        """Nothing is recorded, so nothing needs to be held back."""
        return nullcontext()


NO_TRACE: Final = NoTrace()
