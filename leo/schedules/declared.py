"""What the methods of an object say they read and write, and what a step of a run touched.

The methods are instrumented through `leo.instrument`, and a task is held before each of its calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leo.schedules.running.choosing import ChoosingLoop
from leo.units import Naming, instrument


class Declared:
    """The declared sets of one run: `touched` has what was read, and written, since it was reset.

    `close` takes the wrappers off the object.
    """

    def __init__(
        self,
        target: Any,
        loop: ChoosingLoop,
        reads: Mapping[str, Naming],
        writes: Mapping[str, Naming],
    ) -> None:
        self.touched: tuple[set[str], set[str]] = (set(), set())
        self._loop, self._sets = loop, (reads, writes)
        # The methods that each task is in, by name: what it may touch until it is out of them.
        self._inside: dict[str, list[str]] = {}
        self._recording = instrument(
            target,
            reads={method: self._noting(naming, 0) for method, naming in reads.items()},
            writes={method: self._noting(naming, 1) for method, naming in writes.items()},
            gate=self._gate,
            clock=loop.time,
        )
        self.close = self._recording.close

    def ahead(self, name: str) -> tuple[frozenset[str], ...]:
        """What a task may read, and write, next; `*` when that depends on arguments."""
        inside = self._inside.get(name, [])
        return tuple(
            frozenset(
                naming if isinstance(naming := declared[method], str) else "*"
                for method in inside
                if method in declared
            )
            for declared in self._sets
        )

    def _noting(self, naming: Naming, kind: int) -> Callable[..., Iterable[str]]:
        def names(*args: Any, **kwargs: Any) -> Iterable[str]:
            found = naming if isinstance(naming, str) else naming(*args, **kwargs)
            each = (found,) if isinstance(found, str) else tuple(found)
            self.touched[kind].update(each)
            return each

        return names

    async def _gate(self, unit: str, method: str, when: str) -> None:
        """Hold a task before each instrumented call; what comes after it is the task's own."""
        inside = self._inside.setdefault(self._loop.running, [])
        if when == "before":
            inside.append(method)
            await asyncio.sleep(0)
        elif method in inside:
            inside.remove(method)
