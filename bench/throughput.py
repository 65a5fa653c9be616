"""Replies per second and the wait for the lock, as sessions are added.

`one` is one instance that all sessions talk to; `each` gives every session an instance and a file
of its own, on the same event loop. The wait for the lock lasts from a call to its Acquire, and is
read off the recorded events' moments, not off the replies. All modules are on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.corpus import prompts
from bench.timing import median_ms, p95_ms
from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.trace.events import Beginning, Happened

COUNTS = (1, 5, 50, 500)


class Waits:
    """A tracer that keeps how long each reply waited between Call and Acquire, in seconds."""

    enabled = True

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._called: dict[str, float] = {}

    def begin(self, beginning: Beginning) -> None:
        """The recording starts."""

    def moment(self) -> nullcontext[None]:
        """Nothing to keep together."""
        return nullcontext()

    def record(self, happened: Happened) -> None:
        """Note the moment of the two actions."""
        key = happened.instance + happened.reply
        if happened.action is Action.Call:
            self._called[key] = perf_counter()
        elif happened.action is Action.Acquire:
            self.seconds.append(perf_counter() - self._called.pop(key))


async def measure(sessions: int, instances: int, turns: int, work: Path) -> str:
    """Every session asks `turns` questions, one after the other; return the row's cells."""
    waits = Waits()
    questions = prompts(turns)
    async with AsyncExitStack() as stack:
        fields = [
            await stack.enter_async_context(
                await AsyncLeoField.open(
                    work / f"{sessions}.{instances}.{number}.sqlite3",
                    modules=MODULES,
                    tracer=waits,
                    instance=f"i{number}",
                    store=f"f{number}",
                )
            )
            for number in range(instances)
        ]

        async def talk(number: int) -> None:
            leo, name = fields[number % instances], f"s{number}"
            for question in questions:
                await leo.reply(question, session=name)
            await leo.settle(name)

        began = perf_counter()
        await asyncio.gather(*(talk(number) for number in range(sessions)))
        seconds = perf_counter() - began
    # Outer and inner ones.
    replies = len(waits.seconds)
    return (
        f"{sessions * turns:,} | {replies:,} | {replies / seconds:.0f} "
        f"| {median_ms(waits.seconds):.2f} | {p95_ms(waits.seconds):.2f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=500, help="outer replies of a row, about")
    args = parser.parse_args()
    print(
        "| instances | sessions | replies | with inner ones | replies/s | wait median, ms | 95% |"
    )
    print("|---|" + "---:|" * 6)
    for sessions in COUNTS:
        turns = max(1, args.replies // sessions // (4 if sessions == 1 else 1))
        for name, instances in (("one", 1), ("each", sessions)):
            with TemporaryDirectory() as work:
                row = asyncio.run(measure(sessions, instances, turns, Path(work)))
            print(f"| {name} | {sessions} | {row} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
