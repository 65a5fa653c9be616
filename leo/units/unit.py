"""Units: which call belongs to which, kept apart by contextvars.

A task takes the unit of the task that made it; another thread has it when it was given the context.
A unit that has closed is nobody's current unit, wherever it is still set.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from types import TracebackType

from leo.units.log import Log

__all__ = ["Opening", "Unit", "current"]


_here: ContextVar[Unit | None] = ContextVar("leo.units.instrument unit", default=None)


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
