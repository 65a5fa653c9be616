"""frontrun on the program read, write, read, write: runs in frontrun's own environment.

    build/frontrun-venv/bin/python bench/explorers_frontrun.py TASKS SECONDS

Prints one line of JSON.  Called by bench.explorers.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import chain, count
from typing import Any

import frontrun

ORDERS: set[tuple[tuple[int, str], ...]] = set()


class Shared:
    """One object; each task notes its operations for itself, with a number that says when."""

    def __init__(self, tasks: int) -> None:
        self.x = 0
        self.clock = count()
        self.notes: list[list[tuple[int, int, str]]] = [[] for _ in range(tasks)]


def task(number: int):  # type: ignore[no-untyped-def]
    """The program of one task; every await is a switch point."""

    async def program(shared: Shared) -> None:
        notes = shared.notes[number]
        for _ in range(2):
            held = shared.x
            notes.append((next(shared.clock), number, "r"))
            await asyncio.sleep(0)
            shared.x = held + 1
            notes.append((next(shared.clock), number, "w"))
            await asyncio.sleep(0)

    return program


def note_order(shared: Shared) -> bool:
    """The invariant: it holds, and remembers the order of the operations."""
    ORDERS.add(tuple((who, what) for _, who, what in sorted(chain.from_iterable(shared.notes))))
    return True


async def _finish(search: Any) -> Any:
    return await search


def main() -> int:
    tasks, seconds = int(sys.argv[1]), float(sys.argv[2])
    begun = time.perf_counter()
    search = frontrun.explore(
        setup=lambda: Shared(tasks),
        workers=[task(number) for number in range(tasks)],
        invariant=note_order,
        preemption_bound=None,
        stop_on_first=False,
        detect_io=False,
        total_timeout=seconds,
        max_executions=None,
    )
    result = asyncio.run(_finish(search))
    spent = time.perf_counter() - begun
    orders = [[f"{what}{who}" for who, what in order] for order in ORDERS]
    found = {"runs": result.num_explored, "seconds": spent, "says": result.property_holds}
    print(json.dumps({**found, "orders": orders}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
