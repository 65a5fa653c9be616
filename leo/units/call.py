"""One wrapped method: what its calls read and write, and the wrapper that says so."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from msgspec import UNSET

from leo.errors import InstrumentError
from leo.units.log import Log
from leo.units.unit import Opening, Unit, current
from leo.units.wrap import Method

__all__ = ["Call", "Gate", "Naming"]

# The names that a call reads or writes: one name, or a function of the call's arguments.
Naming = str | Callable[..., str | Iterable[str]]
# Awaited with the unit, the method, and "before" or "after": a scheduler decides here who goes on.
Gate = Callable[[str, str, str], Awaitable[None]]

_NO_NAMES: Final[tuple[str, ...]] = ()
# Types of results that nobody awaits, known without looking: to find nothing takes longest.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set})


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
