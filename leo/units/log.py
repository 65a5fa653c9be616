"""The trace of a recording of units: what its lines are, and the log that numbers them.

Versions are counted here, one more for each completed write of a name. The lock makes a version and
the number of its event one moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import starmap
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from leo.errors import InstrumentError, TraceFileError
from leo.trace.writer import Sink, failed

UNITS_SCHEMA: Final = 1
UNITS_SPEC: Final = "units/1"


class UnitAction(StrEnum):
    """What a unit does: it opens, its calls read and write, it closes.

    Not `leo.actions.Action`: those are the steps of a reply, and no word is in both.
    """

    Open = "Open"
    Read = "Read"
    Write = "Write"
    Close = "Close"


class UnitsHeader(msgspec.Struct, frozen=True):
    """The first line. `start` holds the versions that objects had when the recording began; an
    object that it does not name began at 0.
    """

    schema: int
    kind: str
    spec: str
    run: str
    start: dict[str, int] = {}


class UnitEvent(msgspec.Struct, frozen=True):
    """One line. The fields of `leo.trace.events.Event` with the same meaning, where `reply` is the
    unit, and two more that may be absent.

    `since` is the number of the last event before the call began: what the call did, it did after
    that event and before this one. Without it the event is exact. `call` is the method's name.
    """

    seq: int
    writer: str
    run: str
    time: float
    instance: str
    store: str
    session: str
    reply: str
    action: UnitAction
    reads: dict[str, int]
    writes: dict[str, int]
    outcome: str
    since: int | UnsetType = UNSET
    call: str | UnsetType = UNSET


class UnitsEnd(msgspec.Struct, frozen=True):
    """The last line, of the shape of `leo.trace.events.End`: closed after so many events."""

    kind: str
    run: str
    writer: str
    events: int


# As many lines are made at a time: together they cost half of what they cost one by one.
CHUNK: Final = 32
# Looked up here, a member costs less than in its class.
_OPEN, _READ, _WRITE, _CLOSE = UnitAction
# What an event reads or writes that does neither; never changed.
_NONE: Final[dict[str, int]] = {}


class Log:
    """Numbers events, counts versions, keeps the lines in memory or hands them to `path`.

    `clock` gives seconds. Raises TraceFileError when the file cannot be made, and from `close` when
    it could not be written, or InstrumentError when a name was none: the program under observation
    never sees an error of the recording. Lines are made `CHUNK` at a time.
    """

    def __init__(
        self,
        path: str | Path | None,
        run: str,
        start: Mapping[str, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.closed = False
        # Read without the lock by calls that begin: a number that is too old makes the interval of
        # a call wider, never wrong.
        self.seq = 0
        self._run = run
        self._versions = dict(start)
        self._clock = clock
        self._began = clock()
        self._lock = Lock()
        self._counts: dict[str, int] = {}
        # Events whose lines are not made yet: their fields, in their order.
        self._rows: list[tuple[object, ...]] = []
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode_lines
        self._error: TraceFileError | InstrumentError | None = None
        self._sink: Sink[bytes] | None = None
        if self.path is not None:
            try:
                self._sink = Sink(self.path, self.path.open("xb", buffering=0), b"".join)
            except OSError as error:
                raise failed(self.path, "begun", error) from error
        self._keep([UnitsHeader(UNITS_SCHEMA, "units", UNITS_SPEC, run, dict(start))])

    def opened(self, kind: str, session: str) -> str:
        """Record that a unit opened. Return its name: its kind, and how many of it there were."""
        with self._lock:
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
            unit = f"{kind}.{count}"
            if not self.closed:
                run, now = self._run, self._clock() - self._began
                self.seq = seq = self.seq + 1
                self._rows.append(
                    (seq, "w1", run, now, "", "main", session, unit, _OPEN, _NONE, _NONE, "ok")
                )
        return unit

    def ended(self, unit: str, session: str, outcome: str) -> None:
        """Record that a unit closed."""
        self.done(unit, session, "", "", UNSET, (), (), "", outcome)

    def done(
        self,
        unit: str,
        session: str,
        instance: str,
        call: str,
        since: int | UnsetType,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        outcome: str,
        closes: str = "",
    ) -> None:
        """Record that a call ended: the versions that it found, and one more for each write. It
        records nothing when the call did neither. `closes` is how its unit ended with it, if it
        did.
        """
        with self._lock:
            if self.closed:
                return
            run, now = self._run, self._clock() - self._began
            if reads or writes:
                versions = self._versions
                action, made = _READ, _NONE
                seen = {name: versions.get(name, 0) for name in reads} if reads else _NONE
                if writes:
                    action, made = _WRITE, {}
                    for name in writes:
                        made[name] = versions[name] = versions.get(name, 0) + 1
                self.seq = seq = self.seq + 1
                who = (seq, "w1", run, now, instance, "main", session, unit)
                self._rows.append((*who, action, seen, made, outcome, since, call))
            if closes:
                self.seq = seq = self.seq + 1
                self._rows.append(
                    (seq, "w1", run, now, "", "main", session, unit, _CLOSE, _NONE, _NONE, closes)
                )
            if len(self._rows) >= CHUNK:
                self._hand_over()

    def refuse(self, error: InstrumentError) -> None:
        """Keep the first error of the recording for those who ask for it."""
        with self._lock:
            self._error = self._error or error

    def data(self) -> bytes:
        """The whole trace so far, when it is kept in memory. Raises TraceFileError when it goes to
        a file, or a name in it cannot be written.
        """
        if self.path is not None:
            raise TraceFileError(f"{self.path}: the trace is in this file and not in memory")
        with self._lock:
            self._hand_over()
            if self._error is not None:
                raise self._error
            return b"".join(self._lines)

    def flush(self) -> None:
        """Wait until every line so far is in the file; without one there is nothing to wait for.

        Raises TraceFileError when that cannot be.
        """
        with self._lock:
            self._hand_over()
        if self._error is not None:
            raise self._error
        if self._sink is not None:
            self._sink.flush()

    def close(self) -> None:
        """Take no more events and end the file. Raises TraceFileError when not every line is in it,
        and the InstrumentError of a name that was none.

        A second call does nothing.
        """
        with self._lock:
            if self.closed:
                return
            self.closed = True
            self._hand_over()
            self._keep([UnitsEnd("end", self._run, "w1", self.seq)])
        if self._sink is not None:
            self._sink.close()
        if self._error is not None:
            raise self._error

    def _hand_over(self) -> None:
        """Make the lines of the events so far; the lock is held."""
        self._keep(list(starmap(UnitEvent, self._rows)))
        self._rows.clear()

    def _keep(self, lines: Sequence[UnitsHeader | UnitEvent | UnitsEnd]) -> None:
        if self._error is not None:
            return
        try:
            data = self._encode(lines)
            if self._sink is None:
                self._lines.append(data)
            elif data:
                self._sink.put(data, len(data), hand_over=False)
        except TraceFileError as error:
            self._error = error
        except (TypeError, UnicodeEncodeError) as error:
            where = self.path or "the recording"
            self._error = TraceFileError(
                f"{where}: a line cannot be written as JSON: {error}; expected the names of "
                "objects and of tasks to be text"
            )
