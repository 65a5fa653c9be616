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
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from msgspec import UNSET, UnsetType

from leo.errors import InstrumentError
from leo.units.log import NO_MORE, Log, More, UnitAction
from leo.units.wrap import Awaited, Method, Patches, is_awaited, label_of

# The names that a call reads or writes: one name, or a function of the call's arguments.
Naming = str | Callable[..., str | Iterable[str]]
# Awaited with the unit, the method, and "before" or "after": a scheduler decides here who goes on.
Gate = Callable[[str, str, str], Awaitable[None]]

# A value in words, equal for equal values; None for one that has none.
Token = Callable[[Any], str | None]
# The version that a call's result tells, of its object or of each of them; None when it tells none.
Version = Callable[[Any], int | Mapping[str, int] | None]

_NO_NAMES: Final[tuple[str, ...]] = ()
_NO_ERROR: Final[str | UnsetType] = UNSET
# Values in longer words are told by their beginning, and a hash.
LONGEST: Final = 60
# Types of results that nobody awaits, known without looking: to find nothing takes longest.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set})
# The unit of this context. A task takes the unit of the task that made it; another thread has it
# when it was given the context.
_here: ContextVar[Unit | None] = ContextVar("leo.units unit", default=None)


class Recording:
    """What is recorded, and the wrappers that record it; a context manager that undoes them.

    `path` is the trace's file, which must not exist; without one the trace stays in memory.
    `start` holds versions of objects that were written before. `gate` is awaited around every
    wrapped call of an async method. `clock` gives seconds. `commits` says that units commit what
    they write. `values` records what reads returned and writes were given (their last argument), in
    words; a function makes other words of a value. `version` gets what a call returned and gives
    the store's own version of the object, or a version for each object; without it versions are
    counted. Raises TraceFileError when the file cannot be made.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        run: str = "units",
        start: Mapping[str, int] | None = None,
        gate: Gate | None = None,
        clock: Callable[[], float] = time.monotonic,
        commits: bool = False,
        values: bool | Token = False,
        version: Version | None = None,
    ) -> None:
        observed = version is not None
        self._log = Log(
            path, run, start or {}, clock, commits=commits, values=bool(values), observed=observed
        )
        self._gate = gate
        self._values: Token | None = token_of if values is True else values or None
        self._version = version
        self._patches = Patches()

    def wrap(
        self,
        target: object,
        *,
        reads: Mapping[str, Naming] | None = None,
        writes: Mapping[str, Naming] | None = None,
        appends: Mapping[str, Naming] | None = None,
        commits: str | Iterable[str] = (),
        rolls_back: str | Iterable[str] = (),
        unit: str | Iterable[str] = (),
        exact: bool = False,
    ) -> None:
        """Wrap methods of an object, or of a class for all its objects.

        `reads` and `writes` map the name of a method to what it reads or writes: a name, or a
        function that gets the call's arguments and returns names (for a class, `self` is the first
        argument; what it raises, the caller of the method sees, and what is no name, `close`
        raises). `appends` maps methods whose writes overwrite nothing. `commits` and `rolls_back`
        name methods with which a unit keeps or takes back what it wrote since it did so last.
        `unit` names methods whose calls are units. `exact` says that these methods act
        at the end of their calls, as one that awaits first and then changes a dictionary does:
        nothing is left open then. Raises InstrumentError, with nothing changed, for what cannot be
        wrapped.
        """
        reads, writes, appends = reads or {}, writes or {}, appends or {}
        ends = dict.fromkeys(_names(commits), UnitAction.Save)
        ends |= dict.fromkeys(_names(rolls_back), UnitAction.Undo)
        label = label_of(target)
        patches = Patches()
        try:
            for name in dict.fromkeys((*_names(unit), *reads, *writes, *appends, *ends)):
                if name in writes and name in appends:
                    raise InstrumentError(
                        f"{label}.{name} is named in writes and in appends: a write either "
                        "overwrites or does not; name it once"
                    )
                call = Call(
                    self._log,
                    f"{label}.{name}",
                    reads.get(name),
                    writes.get(name, appends.get(name)),
                    self._gate,
                    exact,
                    self._more(appends=name in appends, ends=ends.get(name)),
                    self._values,
                    self._version,
                )
                patches.put(target, name, call.wrap)
        except InstrumentError:
            patches.restore()
            raise
        self._patches.join(patches)

    def _more(self, *, appends: bool, ends: UnitAction | None) -> More:
        if not appends and ends is None and self._version is None:
            return NO_MORE
        return More(True if appends else UNSET, ends)

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
    appends: Mapping[str, Naming] | None = None,
    commits: str | Iterable[str] = (),
    rolls_back: str | Iterable[str] = (),
    unit: str | Iterable[str] = (),
    exact: bool = False,
    values: bool | Token = False,
    version: Version | None = None,
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
    recording = Recording(
        path,
        run=run,
        start=start,
        gate=gate,
        clock=clock,
        commits=bool(_names(commits)),
        values=values,
        version=version,
    )
    try:
        recording.wrap(
            target,
            reads=reads,
            writes=writes,
            appends=appends,
            commits=commits,
            rolls_back=rolls_back,
            unit=unit,
            exact=exact,
        )
    except InstrumentError:
        recording.close()
        raise
    return recording


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def token_of(value: object) -> str | None:
    """A value in words: equal words for equal values. None for an object that has no words of its
    own, since its address says nothing of what it holds.
    """
    words = repr(value)
    if " at 0x" in words:
        return None
    if len(words) <= LONGEST:
        return words
    return f"{words[:24]}... {blake2b(words.encode(errors='replace'), digest_size=8).hexdigest()}"


class Call:
    """A method of a target: what its calls read and write."""

    def __init__(
        self,
        log: Log,
        name: str,
        reads: Naming | None,
        writes: Naming | None,
        gate: Gate | None,
        exact: bool,
        more: More,
        token: Token | None,
        version: Version | None,
    ) -> None:
        self.log = log
        self.label, _, self.name = name.rpartition(".")
        self.gate = gate
        self.exact = exact
        self.more = more
        self.token = token
        self.version = version
        self.ends = more.ends is not None
        self.looks = token is not None or version is not None
        self.reads = _namer(reads, log, name)
        self.writes = _namer(writes, log, name)

    def wrap(self, original: Method) -> Method:
        """The wrapper, of the same kind and with the same signature."""
        if inspect.iscoroutinefunction(original):
            return self._async(original)
        return self._sync(original)

    def _sync(self, original: Method) -> Method:
        log, name, name_reads, name_writes = self.log, self.name, self.reads, self.writes
        looks, usual = self.looks, self.more

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = current(log)
            alone = unit is None
            if unit is None:
                if log.closed:
                    return original(*args, **kwargs)
                unit = Unit(log, name)
            since, reads, writes, outcome, more = 0, _NO_NAMES, _NO_NAMES, "raised", usual
            try:
                reads = _NO_NAMES if name_reads is None else name_reads(*args, **kwargs)
                writes = _NO_NAMES if name_writes is None else name_writes(*args, **kwargs)
                since = log.seq
                result = original(*args, **kwargs)
                outcome = "ok"
                if type(result) not in _PLAIN and is_awaited(type(result)):
                    outcome = "later"
                    ended = _Ended(self, unit, since, reads, writes, alone, args, kwargs)
                    return ended.follow(result)
                if looks:
                    more = self.seen(reads, writes, args, kwargs, result)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                if outcome != "later":
                    self.ended(unit, since, reads, writes, outcome, alone, more)
            return result

        return wrapper

    def _async(self, original: Method) -> Method:
        log, name, gate = self.log, self.name, self.gate
        name_reads, name_writes = self.reads, self.writes
        looks, usual = self.looks, self.more

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
            since, reads, writes, outcome, more = 0, _NO_NAMES, _NO_NAMES, "raised", usual
            try:
                reads = _NO_NAMES if name_reads is None else name_reads(*args, **kwargs)
                writes = _NO_NAMES if name_writes is None else name_writes(*args, **kwargs)
                since = log.seq
                result = await original(*args, **kwargs)
                outcome = "ok"
                if looks:
                    more = self.seen(reads, writes, args, kwargs, result)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                self.ended(unit, since, reads, writes, outcome, alone, more)
            if gate is not None:
                await gate(unit.name, name, "after")
            return result

        return wrapper

    def ended(
        self,
        unit: Unit,
        since: int,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        outcome: str,
        alone: bool,
        more: More,
    ) -> None:
        """The call has ended, and with it its unit if it was alone."""
        closes, error = "", _NO_ERROR
        if outcome != "ok":
            reads, error = _NO_NAMES, _raised(sys.exc_info()[0])
        if alone:
            unit.leave()
            closes = "returned" if outcome == "ok" else outcome
        if reads or writes or alone or self.ends:
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
                error,
                more,
            )

    def seen(
        self,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
    ) -> More:
        """What a call returned or was given, and the versions that it tells."""
        more = self.more
        if self.version is not None:
            told = self.version(result)
            if isinstance(told, int):
                told = dict.fromkeys((*reads, *writes), told)
            more = more._replace(versions=told or {})
        if self.token is not None and not (reads and writes):
            given = list(kwargs.values())[-1:] or args[-1:] if writes else [result]
            words = self.token(given[0]) if given else None
            if words is not None:
                said = dict.fromkeys(reads or writes, words)
                more = more._replace(saw=said) if reads else more._replace(gave=said)
        return more


def _raised(kind: type[BaseException] | None) -> str | UnsetType:
    return UNSET if kind is None or issubclass(kind, asyncio.CancelledError) else kind.__name__


class _Ended:
    """The end of a call that returned something to be awaited: it ends when that does."""

    def __init__(
        self,
        call: Call,
        unit: Unit,
        since: int,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        alone: bool,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._call = call
        self._unit = unit
        self._what = since, reads, writes
        self._alone = alone
        self._given = args, kwargs
        self._more = call.more
        if alone:
            # What the caller does before it awaits is no part of this unit.
            unit.step_out()

    def follow(self, result: Any) -> Any:
        """What the caller gets in the place of the result: of the same kind where that matters."""
        if isinstance(result, asyncio.Future):
            result.add_done_callback(self._of_future)
            return result
        if inspect.iscoroutine(result):
            return self.awaited(result)
        return Awaited(self.awaited, result)

    async def awaited(self, result: Awaitable[Any]) -> Any:
        """Await it, inside the unit of the call."""
        outcome = "raised"
        token = _here.set(self._unit)
        try:
            value = await result
            outcome = "ok"
            self._look(value)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            _here.reset(token)
            self._end(outcome)
        return value

    def _of_future(self, future: asyncio.Future[Any]) -> None:
        outcome = "cancelled" if future.cancelled() else "ok"
        if outcome == "ok":
            if future.exception() is not None:
                outcome = "raised"
            else:
                self._look(future.result())
        self._end(outcome)

    def _look(self, value: Any) -> None:
        if self._call.looks:
            _, reads, writes = self._what
            self._more = self._call.seen(reads, writes, *self._given, value)

    def _end(self, outcome: str) -> None:
        self._call.ended(self._unit, *self._what, outcome, self._alone, self._more)


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

    def step_out(self) -> None:
        """It stays open, and is no more the current unit of this context."""
        _here.reset(self._token)

    def leave(self) -> None:
        """It closes: from now on it is nobody's current unit."""
        self.open = False
        try:
            _here.reset(self._token)
        except (RuntimeError, ValueError):
            # It has stepped out. Or a block that spans a yield ended in another context than it
            # began in. The unit is closed, so nobody takes it for the current one wherever it is
            # still set.
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
        self._log.ended(unit.name, unit.session, outcome, _raised(kind))


def _who() -> str:
    # Asking for the current task where no loop runs would raise an error, and cost as much as all
    # the rest.
    task = None if asyncio._get_running_loop() is None else asyncio.current_task()
    return threading.current_thread().name if task is None else task.get_name()
