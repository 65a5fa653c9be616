"""One wrapped method (`Call`), and the unit that its calls belong to (`Unit`), kept in a
contextvar.

A task inherits the unit of the task that made it; another thread has it if it was given the
context. A closed unit is never the current unit, even where the variable still holds it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final

from msgspec import UNSET, UnsetType

from leo.errors import InstrumentError
from leo.units.log import Log, More
from leo.units.wrap import Method

# The names that a call reads or writes: one name, or a function of the call's arguments.
Naming = str | Callable[..., str | Iterable[str]]
# Awaited with the unit, the method, and "before" or "after": a scheduler decides here who goes on.
Gate = Callable[[str, str, str], Awaitable[None]]

# A value in words, equal for equal values; None for one that has none.
Token = Callable[[Any], str | None]
# The version that a call's result tells, of its object or of each of them; None when it tells none.
Version = Callable[[Any], int | Mapping[str, int] | None]

_What = tuple[int, tuple[str, ...], tuple[str, ...]]
_NO_NAMES: Final[tuple[str, ...]] = ()
_NO_ERROR: Final[str | UnsetType] = UNSET
# Types of results that nobody awaits, known without looking: to find nothing takes longest.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set})
# The unit of this context. A task takes the unit of the task that made it; another thread has it
# when it was given the context.
_here: ContextVar[Unit | None] = ContextVar("leo.units unit", default=None)


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
        of_class: bool,
    ) -> None:
        self.log = log
        self.label, _, self.name = name.rpartition(".")
        self.gate = gate
        self.exact = exact
        self.more = more
        self.token = token
        self.version = version
        # The first argument of a method that is wrapped on its class is the object.
        self.own = int(of_class)
        self.ends = more.ends is not None
        self.looks = token is not None or version is not None
        self.reads, self.always_reads = _namer(reads, log, name)
        self.writes, self.always_writes = _namer(writes, log, name)

    def wrap(self, original: Method) -> Method:
        """The wrapper, of the same kind and with the same signature."""
        if inspect.iscoroutinefunction(original):
            return self._async(original)
        return self._sync(original)

    def _sync(self, original: Method) -> Method:
        log, name, name_reads, name_writes = self.log, self.name, self.reads, self.writes
        const_reads, const_writes = self.always_reads, self.always_writes
        looks, usual, ended, here = self.looks, self.more, self.ended, _here.get

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = here()
            if unit is not None and not (unit.open and unit.log is log):
                unit = current(log)
            alone = unit is None
            if unit is None:
                if log.closed:
                    return original(*args, **kwargs)
                unit = Unit(log, name)
            since, reads, writes, outcome, more = 0, _NO_NAMES, _NO_NAMES, "raised", usual
            try:
                reads = const_reads if name_reads is None else name_reads(*args, **kwargs)
                writes = const_writes if name_writes is None else name_writes(*args, **kwargs)
                since = log.seq
                result = original(*args, **kwargs)
                outcome = "ok"
                if type(result) not in _PLAIN and _is_awaited(type(result)):
                    outcome = "later"
                    what = since, reads, writes
                    return _Ended(self, unit, what, alone, (args, kwargs)).follow(result)
                if looks:
                    more = self.seen(reads, writes, args, kwargs, result)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                if outcome != "later":
                    ended(unit, since, reads, writes, outcome, alone, more)
            return result

        return wrapper

    def _async(self, original: Method) -> Method:
        log, name, gate = self.log, self.name, self.gate
        name_reads, name_writes = self.reads, self.writes
        const_reads, const_writes = self.always_reads, self.always_writes
        looks, usual, ended, here = self.looks, self.more, self.ended, _here.get

        @functools.wraps(original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = here()
            if unit is not None and not (unit.open and unit.log is log):
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
                reads = const_reads if name_reads is None else name_reads(*args, **kwargs)
                writes = const_writes if name_writes is None else name_writes(*args, **kwargs)
                since = log.seq
                result = await original(*args, **kwargs)
                outcome = "ok"
                if looks:
                    more = self.seen(reads, writes, args, kwargs, result)
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                ended(unit, since, reads, writes, outcome, alone, more)
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
                unit.name, unit.session, self.label, self.name, UNSET if self.exact else since,
                reads, writes, outcome, closes, error, more,
            )  # fmt: skip

    def seen(
        self,
        reads: tuple[str, ...],
        writes: tuple[str, ...],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
    ) -> More:
        """What a call returned or was given, and the versions that it tells."""
        usual, versions, words = self.more, None, None
        if self.version is not None:
            told = self.version(result)
            versions = dict.fromkeys((*reads, *writes), told) if isinstance(told, int) else told
            versions = versions or {}
        if self.token is not None and not (reads and writes):
            given = [result]
            if writes:
                given = [*args[self.own :], *kwargs.values()][-1:]
            words = self.token(given[0]) if given else None
        said = UNSET if words is None else dict.fromkeys(reads or writes, words)
        saw, gave = (said, UNSET) if reads else (UNSET, said)
        return More(usual.appends, usual.ends, versions, saw, gave)


def _raised(kind: type[BaseException] | None) -> str | UnsetType:
    return UNSET if kind is None or issubclass(kind, asyncio.CancelledError) else kind.__name__


def _is_awaited(kind: type) -> bool:
    return hasattr(kind, "__await__") or hasattr(kind, "__aenter__")


class _Ended:
    """The end of a call that returned something to be awaited: it ends when that does. `what` is
    when it began and what it reads and writes, `given` its arguments.
    """

    def __init__(
        self, call: Call, unit: Unit, what: _What, alone: bool, given: tuple[Any, dict[str, Any]]
    ) -> None:
        self._call, self._unit, self._what, self._alone = call, unit, what, alone
        self._given, self._more = given, call.more
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
        return _Awaited(self, result)

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


class _Awaited:
    """Something that can be awaited or entered, and tells when that is done; else it is as the
    original.
    """

    def __init__(self, ended: _Ended, result: Any) -> None:
        self._ended = ended
        self._result = result

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._ended.awaited(self._result).__await__()

    async def __aenter__(self) -> Any:
        return await self._ended.awaited(self._result.__aenter__())

    async def __aexit__(self, *error: Any) -> Any:
        return await self._result.__aexit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)


def _namer(
    naming: Naming | None, log: Log, method: str
) -> tuple[Callable[..., tuple[str, ...]] | None, tuple[str, ...]]:
    """What names the objects of a call, or None and their names where these are always the same."""
    if naming is None or isinstance(naming, str):
        return None, _NO_NAMES if naming is None else (naming,)

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

    return names, _NO_NAMES


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
            # began in. The unit is closed, so it is not taken for the current one where it is
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
