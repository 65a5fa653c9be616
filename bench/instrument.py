"""What a wrapped call costs: the same object bare and instrumented, in turn, round after round.

The time is the processor's, of the calling thread: on a machine that others use as well, the clock
would count their turns with it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from time import thread_time

from leo.units import Recording, instrument


class Shelf:
    """Methods that do next to nothing: what is left is the call."""

    def get(self, key: str) -> str:
        return key

    async def fetch(self, key: str) -> str:
        return key


def by_key(key: str) -> str:
    return f"shelf:{key}"


async def sync_calls(shelf: Shelf, calls: int) -> None:
    for _ in range(calls):
        shelf.get("a")


async def async_calls(shelf: Shelf, calls: int) -> None:
    for _ in range(calls):
        await shelf.fetch("a")


Work = Callable[[Shelf, int], Awaitable[None]]
# What is said of a row, who calls which method, whether names depend on the key, whether all is in
# one unit, and whether values are recorded.
ROWS: tuple[tuple[str, Work, str, bool, bool, bool], ...] = (
    ("sync, one name", sync_calls, "get", False, True, False),
    ("sync, names by key", sync_calls, "get", True, True, False),
    ("sync, with values", sync_calls, "get", False, True, True),
    ("async, one name", async_calls, "fetch", False, True, False),
    ("async, names by key", async_calls, "fetch", True, True, False),
    ("async, with values", async_calls, "fetch", False, True, True),
    ("sync, a unit of its own", sync_calls, "get", False, False, False),
    ("async, a unit of its own", async_calls, "fetch", False, False, False),
)


async def timed(work: Work, shelf: Shelf, calls: int) -> float:
    """Seconds per call."""
    began = thread_time()
    await work(shelf, calls)
    return (thread_time() - began) / calls


async def measure(
    work: Work, method: str, keyed: bool, inside: bool, values: bool, calls: int, rounds: int
) -> tuple[float, float]:
    """Seconds per call, bare and wrapped: the medians over the rounds."""
    bare, wrapped = [], []
    for _ in range(rounds):
        bare.append(await timed(work, Shelf(), calls))
        shelf = Shelf()
        name = by_key if keyed else "shelf"
        with instrument(shelf, reads={method: name}, values=values) as recording:
            wrapped.append(await inside_of(recording, inside, work, shelf, calls))
    return median(bare), median(wrapped)


async def inside_of(
    recording: Recording, inside: bool, work: Work, shelf: Shelf, calls: int
) -> float:
    """Inside one unit, or with a unit for each call."""
    if not inside:
        return await timed(work, shelf, calls)
    with recording.unit("bench"):
        return await timed(work, shelf, calls)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400, help="calls in a round")
    parser.add_argument("--rounds", type=int, default=301, help="rounds, bare and wrapped in turn")
    args = parser.parse_args()
    print("| call | bare (µs) | wrapped (µs) | added (µs) | ratio |")
    print("|---|---:|---:|---:|---:|")
    for title, work, method, keyed, inside, values in ROWS:
        what = measure(work, method, keyed, inside, values, args.calls, args.rounds)
        bare, wrapped = asyncio.run(what)
        print(
            f"| {title} | {bare * 1e6:.2f} | {wrapped * 1e6:.2f} | {(wrapped - bare) * 1e6:.2f} "
            f"| {wrapped / bare:.0f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
