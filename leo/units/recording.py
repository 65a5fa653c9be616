"""Recording somebody else's object: its calls become a unit's reads and writes of named objects.

What an event says, and what it does not:
1. A call is taken to act at one moment between its beginning and its end; when, the wrapper cannot
   see. So an event has both ends (`since` and its own number), and what two calls that overlapped
   did to each other is for the judge to leave open.
2. A write gets its version when its call ends. One whose call raised or was cancelled gets one too,
   with that outcome: it may have happened.
3. A read whose call raised or was cancelled returned nothing, and is not recorded.
4. A call outside a unit is a unit of its own. Tasks made inside a unit belong to it until it
   closes; threads do when they were given its context (`asyncio.to_thread` does that).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from msgspec import UNSET

from leo.errors import InstrumentError
from leo.units.log import Log
from leo.units.wrap import Method, Patches, label_of

# The names that a call reads or writes: one name, or a function of the call's arguments.
Naming = str | Callable[..., str | Iterable[str]]
# Awaited with the unit, the method, and "before" or "after": a scheduler decides here who goes on.
Gate = Callable[[str, str, str], Awaitable[None]]

_NO_NAMES: Final[tuple[str, ...]] = ()
# Types of results that nobody awaits, known without looking: to find nothing takes longest.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set})
# The unit of this context. A task takes the unit of the task that made it; another thread has it
# when it was given the context.
_here: ContextVar[Unit | None] = ContextVar("leo.units unit", default=None)


class Recording:
    """What is recorded, and the wrappers that record it; a context manager that undoes them.

    `path` is the trace's file, which must not exist; without one the trace stays in memory.
    `start` holds versions of objects that were written before. `gate` is awaited around every
    wrapped call of an async method. `clock` gives seconds. Raises TraceFileError when the file
    cannot be made.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        run: str = "units",
        start: Mapping[str, int] | None = None,
        gate: Gate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = Log(path, run, start or {}, clock)
        self._gate = gate
        self._patches = Patches()

    def wrap(
        self,
        target: object,
        *,
        reads: Mapping[str, Naming] | None = None,
        writes: Mapping[str, Naming] | None = None,
        unit: str | Iterable[str] = (),
        exact: bool = False,
    ) -> None:
        """Wrap methods of an object, or of a class for all its objects.

        `reads` and `writes` map the name of a method to what it reads or writes: a name, or a
        function that gets the call's arguments and returns names (for a class, `self` is the first
        argument; what it raises, the caller of the method sees, and what is no name, `close`
        raises). `unit` names methods whose calls are units. `exact` says that these methods act
        at the end of their calls, as one that awaits first and then changes a dictionary does:
        nothing is left open then. Raises InstrumentError, with nothing changed, for what cannot be
        wrapped.
        """
        reads, writes = reads or {}, writes or {}
        units = (unit,) if isinstance(unit, str) else tuple(unit)
        label = label_of(target)
        patches = Patches()
        try:
            for name in dict.fromkeys((*units, *reads, *writes)):
                call = Call(
                    self._log, label, name, reads.get(name), writes.get(name), self._gate, exact
                )
                patches.put(target, name, call.wrap)
        except InstrumentError:
            patches.restore()
            raise
        self._patches.join(patches)

    def unit(self, kind: str) -> Opening:
        """A context manager, for sync and async code: what happens inside is one unit.

        Inside another unit of this recording it is a part of that one.
        """
        return Opening(self._log, kind)

    def ndjson(self) -> bytes:
        """The trace so far. Raises TraceFileError when it goes to a file."""
        return self._log.data()

    def flush(self) -> None:
        """Wait until what was recorded so far is in the file. Raises TraceFileError when it cannot
        be.
        """
        self._log.flush()

    def close(self) -> None:
        """Take the wrappers out and end the trace; calls that are under way are not recorded.

        Raises InstrumentError when a wrapper had been replaced, and TraceFileError when the trace
        could not be written whole. A second call does nothing.
        """
        try:
            self._patches.restore()
        finally:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def instrument(
    target: object,
    *,
    reads: Mapping[str, Naming] | None = None,
    writes: Mapping[str, Naming] | None = None,
    unit: str | Iterable[str] = (),
    exact: bool = False,
    path: str | Path | None = None,
    run: str = "units",
    start: Mapping[str, int] | None = None,
    gate: Gate | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Recording:
    """Record the calls of one object until the recording is closed.

    The arguments are those of `Recording` and `Recording.wrap`, and so are the errors; to record
    several objects in one trace, call `wrap` of the result for each of the others.
    """
    recording = Recording(path, run=run, start=start, gate=gate, clock=clock)
    try:
        recording.wrap(target, reads=reads, writes=writes, unit=unit, exact=exact)
    except InstrumentError:
        recording.close()
        raise
    return recording


class Call:
    """A method of a target: what its calls read and write."""

    def __init__(
        self,
        log: Log,
        label: str,
        name: str,
        reads: Naming | None,
        writes: Naming | None,
        gate: Gate | None,
        exact: bool,
    ) -> None:
        self.log = log
        self.label = label
        self.name = name
        self.gate = gate
        self.exact = exact
        self.reads = _namer(reads, log, f"{label}.{name}")
        self.writes = _namer(writes, log, f"{label}.{name}")

    def wrap(self, original: Method) -> Method:
        """The wrapper, of the same kind and with the same signature."""
        if inspect.iscoroutinefunction(original):
            return self._async(original)
        return self._sync(original)

    def _sync(self, original: Method) -> Method:
        log, name, name_reads, name_writes = self.log, self.name, self.reads, self.writes

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = current(log)
            alone = unit is None
            if unit is None:
                if log.closed:
                    return original(*args, **kwargs)
                unit = Unit(log, name)
            since, reads, writes, outcome = 0, _NO_NAMES, _NO_NAMES, "raised"
            try:
                reads = _NO_NAMES if name_reads is None else name_reads(*args, **kwargs)
                writes = _NO_NAMES if name_writes is None else name_writes(*args, **kwargs)
                since = log.seq
                result = original(*args, **kwargs)
                if type(result) not in _PLAIN and hasattr(type(result), "__await__"):
                    raise self._late(result)
                outcome = "ok"
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                self._ended(unit, since, reads, writes, outcome, alone)
            return result

        return wrapper

    def _async(self, original: Method) -> Method:
        log, name, gate = self.log, self.name, self.gate
        name_reads, name_writes = self.reads, self.writes

        @functools.wraps(original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = current(log)
            alone = unit is None
            if unit is None:
                if log.closed:
                    return await original(*args, **kwargs)
                if gate is not None:
                    # The unit lasts longer than the call: the gate is asked inside it.
                    with Opening(log, name):
                        return await wrapper(*args, **kwargs)
                unit = Unit(log, name)
            if gate is not None:
                await gate(unit.name, name, "before")
            since, reads, writes, outcome = 0, _NO_NAMES, _NO_NAMES, "raised"
            try:
                reads = _NO_NAMES if name_reads is None else name_reads(*args, **kwargs)
                writes = _NO_NAMES if name_writes is None else name_writes(*args, **kwargs)
                since = log.seq
                result = await original(*args, **kwargs)
                outcome = "ok"
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                self._ended(unit, since, reads, writes, outcome, alone)
            if gate is not None:
                await gate(unit.name, name, "after")
            return result

        return wrapper

    def _ended(
        self,
        unit: Unit,
        since: int,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        outcome: str,
        alone: bool,
    ) -> None:
        """The call has ended, and with it its unit if it was alone."""
        if outcome != "ok":
            reads = ()
        closes = ""
        if alone:
            unit.leave()
            closes = "returned" if outcome == "ok" else outcome
        if alone or reads or writes:
            self.log.done(
                unit.name,
                unit.session,
                self.label,
                self.name,
                UNSET if self.exact else since,
                reads,
                writes,
                outcome,
                closes,
            )

    def _late(self, result: Any) -> InstrumentError:
        if inspect.iscoroutine(result):
            result.close()
        return InstrumentError(
            f"{self.label}.{self.name} returned an awaitable from a plain function, and what it "
            "does, it does after the call has returned; instrument the method that awaits it"
        )


def _namer(naming: Naming | None, log: Log, method: str) -> Callable[..., tuple[str, ...]] | None:
    if naming is None:
        return None
    if isinstance(naming, str):
        constant = (naming,)
        return lambda *args, **kwargs: constant

    def names(*args: Any, **kwargs: Any) -> tuple[str, ...]:
        found = naming(*args, **kwargs)
        if isinstance(found, str):
            return (found,)
        try:
            listed = tuple(found)
            if all(isinstance(one, str) for one in listed):
                return listed
        except TypeError:
            pass
        # Not raised: the call is the program's, and the wrong name is the recording's.
        log.refuse(
            InstrumentError(
                f"{method}: the function that names what a call reads or writes returned "
                f"{repr(found)[:60]}; expected a text, or several: correct the function and record "
                "again"
            )
        )
        return _NO_NAMES

    return names


class Unit:
    """One unit, which opens when it is made, and is the current one of this context from then on:
    its name, who runs it, the log that it is in, the unit of another log around it.
    """

    __slots__ = ("_token", "log", "name", "open", "outer", "session")

    def __init__(self, log: Log, kind: str) -> None:
        self.log = log
        self.outer = _here.get()
        self.session = _who()
        self.name = log.opened(kind, self.session)
        self.open = True
        self._token = _here.set(self)

    def leave(self) -> None:
        """It closes: from now on it is nobody's current unit."""
        self.open = False
        try:
            _here.reset(self._token)
        except ValueError:
            # A block that spans a yield may end in another context than it began in. The unit is
            # closed, so nobody takes it for the current one wherever it is still set.
            return


def current(log: Log) -> Unit | None:
    """The unit of a log that this code runs in."""
    unit = _here.get()
    if unit is not None and unit.log is log and unit.open:
        return unit
    while unit is not None and not (unit.open and unit.log is log):
        unit = unit.outer
    return unit


class Opening:
    """A context manager: what happens inside is one unit, or a part of the one around it."""

    __slots__ = ("_kind", "_log", "_unit")

    def __init__(self, log: Log, kind: str) -> None:
        self._log = log
        self._kind = kind
        self._unit: Unit | None = None

    def __enter__(self) -> str:
        joined = current(self._log)
        if joined is not None:
            return joined.name
        self._unit = Unit(self._log, self._kind)
        return self._unit.name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        unit = self._unit
        if unit is None:
            return
        unit.leave()
        outcome = "returned"
        if kind is not None:
            outcome = "cancelled" if issubclass(kind, asyncio.CancelledError) else "raised"
        self._log.ended(unit.name, unit.session, outcome)


def _who() -> str:
    # Asking for the current task where no loop runs would raise an error, and cost as much as all
    # the rest.
    task = None if asyncio._get_running_loop() is None else asyncio.current_task()
    return threading.current_thread().name if task is None else task.get_name()
