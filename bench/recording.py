"""What a recorder costs a reply: the same conversation without a recorder, with one, and without
one again.

Three fields of the same seed get the same prompts, a few at a time and in an order that changes, so
that the machine's moods strike all of them. The second column without a
recorder measures the measurement: a difference of its size is none.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from leo.afield import AsyncLeoField
from leo.recorder import NdjsonRecorder
from leo.trace import NO_TRACE, Tracer
from model.prompts import prompt

ROWS = ("asyncio-lock", "shielded-unit-of-work")
# As many replies of one field follow each other: one alone would find the caches full of others.
BLOCK = 10
COLUMNS = ("none", "recorder", "none again")


async def reply_seconds(leo: AsyncLeoField, text: str) -> float:
    """Seconds of one reply."""
    began = perf_counter()
    await leo.reply(text, "ada")
    return perf_counter() - began


async def measure(discipline: str, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of every reply by column; the first tenth warms up and is left out."""
    chance = Random(7)
    taken: dict[str, list[float]] = {column: [] for column in COLUMNS}
    async with AsyncExitStack() as stack:
        fields = {}
        for number, column in enumerate(COLUMNS):
            tracer: Tracer = NO_TRACE
            if column == "recorder":
                path = folder / f"{discipline}.ndjson"
                tracer = stack.enter_context(NdjsonRecorder(path, run="bench"))
            fields[column] = await stack.enter_async_context(
                await AsyncLeoField.open(
                    folder / f"{discipline}-{number}.sqlite3",
                    seed=7,
                    discipline=discipline,
                    tracer=tracer,
                )
            )
        for first in range(0, rounds, BLOCK):
            order = list(COLUMNS)
            chance.shuffle(order)
            for column in order:
                for turn in range(first, first + BLOCK):
                    taken[column].append(await reply_seconds(fields[column], prompt(0, turn)))
    return {column: seconds[rounds // 10 :] for column, seconds in taken.items()}


def interval(chance: Random, above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the ratio of medians, over resampled rounds."""
    size = len(above)
    ratios = []
    for _ in range(400):
        picked = chance.choices(range(size), k=size)
        ratios.append(median(above[k] for k in picked) / median(below[k] for k in picked))
    ratios.sort()
    return ratios[10], ratios[-11]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1500, help="replies per field")
    args = parser.parse_args()
    print("| discipline | column | median reply (µs) | ratio to none | 95 % of it |")
    print("|---|---|---:|---:|---:|")
    for discipline in ROWS:
        with TemporaryDirectory() as folder:
            taken = asyncio.run(measure(discipline, args.rounds, Path(folder)))
        base = taken["none"]
        for column in COLUMNS:
            seconds = taken[column]
            low, high = interval(Random(7), seconds, base)
            print(
                f"| {discipline} | {column} | {median(seconds) * 1e6:,.0f} "
                f"| {median(seconds) / median(base):.3f} | {low:.3f} to {high:.3f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
