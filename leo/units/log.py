"""The trace of a recording of units: what its lines are, and the log that numbers them.

Versions are counted here: each completed write of a name adds one. A lock makes counting the
version and numbering its event one atomic step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import starmap
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from leo.errors import InstrumentError, TraceFileError
from leo.trace.writer import Sink, failed

UNITS_SCHEMA: Final = 1
UNITS_SPEC: Final = "units/1"


class UnitAction(StrEnum):
    """What a unit does: it opens, its calls read and write, it commits (`Save`) or rolls back
    (`Undo`) what it wrote, it closes.

    Not `leo.actions.Action`: those are the steps of a reply, and no word is in both.
    """

    Open = "Open"
    Read = "Read"
    Write = "Write"
    Save = "Save"
    Undo = "Undo"
    Close = "Close"


class UnitsHeader(msgspec.Struct, frozen=True):
    """The first line. `start` holds the versions that objects had when the recording began; an
    object that it does not name began at 0.

    `commits`: units commit what they write, and what they do not is undone. `values`: events say
    what reads returned and writes gave. `observed`: the versions are the store's own, and in their
    order. Without a `clock` the order of the lines is one of each session only.
    """

    schema: int
    kind: str
    spec: str
    run: str
    start: dict[str, int] = {}
    commits: bool = False
    values: bool = False
    observed: bool = False
    clock: bool = True


class _Plain(msgspec.Struct, frozen=True, gc=False):
    """An event without the rarer fields: it takes three quarters of the time to make and write."""

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


class UnitEvent(_Plain, frozen=True, gc=False):
    """One line. The fields of `leo.trace.events.Event` with the same meaning, where `reply` is the
    unit, and two more that may be absent.

    `since` is the number of the last event before the call began: what the call did, it did after
    that event and before this one. Without it the event is exact. `call` is the method's name.
    A write that `appends` overwrites nothing. A call is `late` that ended after its unit. `error`
    is the type of what was raised. `saw` and `gave` tell what was read and written, in words.
    """

    appends: bool | UnsetType = UNSET
    late: bool | UnsetType = UNSET
    error: str | UnsetType = UNSET
    saw: dict[str, str] | UnsetType = UNSET
    gave: dict[str, str] | UnsetType = UNSET


class UnitsEnd(msgspec.Struct, frozen=True):
    """The last line, of the shape of `leo.trace.events.End`: closed after so many events."""

    kind: str
    run: str
    writer: str
    events: int


# As many lines are made at a time: together they cost half of what they cost one by one.
CHUNK: Final = 32
PLAIN: Final = len(_Plain.__struct_fields__)
# Looked up here, a member costs less than in its class.
_OPEN, _READ, _WRITE, _, _, _CLOSE = UnitAction
# What an event reads or writes that does neither; never changed.
_NONE: Final[dict[str, int]] = {}


# The fields of an event, in their order.
Row = tuple[Any, ...]


class More(NamedTuple):
    """What else there is to say of a call: whether it only appends, commits or rolls back; the
    versions, when they are observed; what was read and given, in words.
    """

    appends: bool | UnsetType = UNSET
    ends: UnitAction | None = None
    versions: Mapping[str, int] | None = None
    saw: dict[str, str] | UnsetType = UNSET
    gave: dict[str, str] | UnsetType = UNSET


NO_MORE: Final = More()


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
        *,
        commits: bool = False,
        values: bool = False,
        observed: bool = False,
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
        self._open: set[str] = set()
        # Events whose lines are not made yet: their fields, in their order.
        self._rows: list[Row] = []
        self._lines: list[bytes] = []
        self._encode = msgspec.json.Encoder().encode_lines
        self._error: TraceFileError | InstrumentError | None = None
        self._sink: Sink[bytes] | None = None
        if self.path is not None:
            try:
                self._sink = Sink(self.path, self.path.open("xb", buffering=0), b"".join)
            except OSError as error:
                raise failed(self.path, "begun", error) from error
        self._observed = observed
        self._keep(
            [
                UnitsHeader(
                    UNITS_SCHEMA, "units", UNITS_SPEC, run, dict(start), commits, values, observed
                )
            ]
        )

    def opened(self, kind: str, session: str) -> str:
        """Record that a unit opened. Return its name: its kind, and how many of it there were."""
        with self._lock:
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
            unit = f"{kind}.{count}"
            self._open.add(unit)
            if not self.closed:
                run, now = self._run, self._clock() - self._began
                self.seq = seq = self.seq + 1
                self._rows.append(
                    (seq, "w1", run, now, "", "main", session, unit, _OPEN, _NONE, _NONE, "ok")
                )
        return unit

    def ended(self, unit: str, session: str, outcome: str, error: str | UnsetType = UNSET) -> None:
        """Record that a unit closed."""
        self.done(unit, session, "", "", UNSET, (), (), "", outcome, error)

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
        error: str | UnsetType = UNSET,
        more: More = NO_MORE,
    ) -> None:
        """Record that a call ended: the versions that it found, and one more for each write. It
        records nothing when the call did neither. `closes` is how its unit ended with it, if it
        did.
        """
        with self._lock:
            if self.closed:
                return
            run, now = self._run, self._clock() - self._began
            if more is not NO_MORE and (self._observed or more.ends is not None):
                self._done_more(
                    (run, now, instance, "main", session, unit),
                    since, call, reads, writes, outcome, error, more,
                )  # fmt: skip
            elif reads or writes:
                versions = self._versions
                action, made = _READ, _NONE
                seen = {name: versions.get(name, 0) for name in reads} if reads else _NONE
                if writes:
                    action, made = _WRITE, {}
                    for name in writes:
                        made[name] = versions[name] = versions.get(name, 0) + 1
                self.seq = seq = self.seq + 1
                who = (seq, "w1", run, now, instance, "main", session, unit)
                if more is NO_MORE and error is UNSET and unit in self._open:
                    self._rows.append((*who, action, seen, made, outcome, since, call))
                else:
                    late = UNSET if unit in self._open else True
                    rare = since, call, more.appends, late, error, more.saw, more.gave
                    self._rows.append((*who, action, seen, made, outcome, *rare))
            if closes:
                self._open.discard(unit)
                self.seq = seq = self.seq + 1
                end: Row = (
                    seq, "w1", run, now, "", "main", session, unit, _CLOSE, _NONE, _NONE, closes,
                )  # fmt: skip
                self._rows.append(
                    end if error is UNSET else (*end, UNSET, UNSET, UNSET, UNSET, error)
                )
            if len(self._rows) >= CHUNK:
                self._hand_over()

    def _done_more(
        self,
        where: tuple[object, ...],
        since: int | UnsetType,
        call: str,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        outcome: str,
        error: str | UnsetType,
        more: More,
    ) -> None:
        """Record the end of a call of which there is more to say; the lock is held."""
        late = UNSET if where[-1] in self._open else True
        versions, seen, made = self._versions, _NONE, _NONE
        if more.versions is not None:
            seen = {name: more.versions[name] for name in reads if name in more.versions}
            made = {name: more.versions[name] for name in writes if name in more.versions}
        elif not self._observed:
            seen = {name: versions.get(name, 0) for name in reads}
            made = {name: versions.get(name, 0) + 1 for name in writes}
            versions.update(made)
        does = [(_WRITE if made else _READ, seen, made)] if seen or made else []
        if more.ends is not None:
            does.append((more.ends, _NONE, _NONE))
        for action, found, wrote in does:
            self.seq += 1
            rare = (more.appends, late, error, more.saw, more.gave)
            if action not in (_READ, _WRITE):
                rare = (UNSET, late, error, UNSET, UNSET)
            self._rows.append(
                (self.seq, "w1", *where, action, found, wrote, outcome, since, call, *rare)
            )

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
        rows = self._rows
        plain = max(map(len, rows), default=0) <= PLAIN
        self._keep(list(starmap(_Plain if plain else UnitEvent, rows)))
        self._rows.clear()

    def _keep(self, lines: Sequence[UnitsHeader | UnitEvent | _Plain | UnitsEnd]) -> None:
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
