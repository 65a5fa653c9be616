"""One wrapped method: what its calls read and write, and the wrapper that says so."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from msgspec import UNSET

from leo.errors import InstrumentError
from leo.instrument_log import Log
from leo.instrument_unit import Opening, Unit, current
from leo.instrument_wrap import Method

__all__ = ["Call", "Gate", "Naming"]

# The names that a call reads or writes: one name, or a function of the call's arguments.
Naming = str | Callable[..., str | Iterable[str]]
# Awaited with the unit, the method, and "before" or "after": a scheduler decides here who goes on.
Gate = Callable[[str, str, str], Awaitable[None]]


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
        self.reads = _namer(reads)
        self.writes = _namer(writes)

    def wrap(self, original: Method) -> Method:
        """The wrapper, of the same kind and with the same signature."""
        if inspect.iscoroutinefunction(original):
            return self._async(original)
        return self._sync(original)

    def _sync(self, original: Method) -> Method:
        log, name = self.log, self.name

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = current(log)
            if unit is None:
                if log.closed:
                    return original(*args, **kwargs)
                with Opening(log, name):
                    return wrapper(*args, **kwargs)
            reads, writes = self.reads(*args, **kwargs), self.writes(*args, **kwargs)
            since, outcome = log.seq, "raised"
            try:
                result = original(*args, **kwargs)
                outcome = "ok"
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                self._ended(unit, since, reads, writes, outcome)
            if hasattr(type(result), "__await__"):
                raise self._late(result)
            return result

        return wrapper

    def _async(self, original: Method) -> Method:
        log, name, gate = self.log, self.name, self.gate

        @functools.wraps(original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            unit = current(log)
            if unit is None:
                if log.closed:
                    return await original(*args, **kwargs)
                with Opening(log, name):
                    return await wrapper(*args, **kwargs)
            if gate is not None:
                await gate(unit.name, name, "before")
            reads, writes = self.reads(*args, **kwargs), self.writes(*args, **kwargs)
            since, outcome = log.seq, "raised"
            try:
                result = await original(*args, **kwargs)
                outcome = "ok"
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                self._ended(unit, since, reads, writes, outcome)
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
    ) -> None:
        if outcome != "ok":
            reads = ()
        if reads or writes:
            self.log.done(
                unit.name,
                unit.session,
                self.label,
                self.name,
                UNSET if self.exact else since,
                reads,
                writes,
                outcome,
            )

    def _late(self, result: Any) -> InstrumentError:
        if inspect.iscoroutine(result):
            result.close()
        return InstrumentError(
            f"{self.label}.{self.name} returned an awaitable from a plain function, and what it "
            "does, it does after the call has returned; instrument the method that awaits it"
        )


def _namer(naming: Naming | None) -> Callable[..., tuple[str, ...]]:
    if naming is None or isinstance(naming, str):
        constant = () if naming is None else (naming,)
        return lambda *args, **kwargs: constant

    def names(*args: Any, **kwargs: Any) -> tuple[str, ...]:
        found = naming(*args, **kwargs)
        return (found,) if isinstance(found, str) else tuple(found)

    return names
