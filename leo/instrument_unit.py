"""Units: which call belongs to which, kept apart by contextvars.

A task takes the unit of the task that made it; another thread has it when it was given the context.
A unit that has closed is nobody's current unit, wherever it is still set.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar, Token
from types import TracebackType

from leo.instrument_log import Log, UnitAction

__all__ = ["Opening", "Unit", "current"]


class Unit:
    """One unit: its name, who runs it, the log that it is in, the unit of another log around it."""

    __slots__ = ("log", "name", "open", "outer", "session")

    def __init__(self, log: Log, outer: Unit | None, kind: str) -> None:
        self.log = log
        self.outer = outer
        self.name = log.name(kind)
        self.session = _who()
        self.open = True


_here: ContextVar[Unit | None] = ContextVar("leo.instrument unit", default=None)


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

    __slots__ = ("_kind", "_log", "_token", "_unit")

    def __init__(self, log: Log, kind: str) -> None:
        self._log = log
        self._kind = kind
        self._unit: Unit | None = None
        self._token: Token[Unit | None] | None = None

    def __enter__(self) -> str:
        joined = current(self._log)
        if joined is not None:
            return joined.name
        unit = self._unit = Unit(self._log, _here.get(), self._kind)
        self._log.mark(UnitAction.Open, unit.name, unit.session, "ok")
        self._token = _here.set(unit)
        return unit.name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        unit, token = self._unit, self._token
        if unit is None or token is None:
            return
        unit.open = False
        outcome = "returned"
        if kind is not None:
            outcome = "cancelled" if issubclass(kind, asyncio.CancelledError) else "raised"
        self._log.mark(UnitAction.Close, unit.name, unit.session, outcome)
        try:
            _here.reset(token)
        except ValueError:
            # A block that spans a yield may end in another context than it began in. The unit is
            # closed, so nobody takes it for the current one wherever it is still set.
            return


def _who() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.current_thread().name if task is None else task.get_name()
