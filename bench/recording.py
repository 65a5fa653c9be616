"""What a recorder costs a reply: the same conversation without a recorder, with one, and without
one again.

Three fields of the same seed get the same prompts, a block of them at a time and in an order that
changes, so that the machine's moods strike all of them. Each block is compared with the block of
the same prompts without a recorder: by the median time of its replies, and by the time of the
processor, which other programs disturb less and in which the thread that writes has its share. The
second column without a recorder measures the measurement: a difference of its size is none.
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
from time import perf_counter, process_time

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


async def block(leo: AsyncLeoField, first: int) -> tuple[float, float]:
    """Median seconds of a reply, and mean seconds of the processor, in one block of prompts."""
    began = process_time()
    taken = [await reply_seconds(leo, prompt(0, first + k)) for k in range(BLOCK)]
    return median(taken), (process_time() - began) / BLOCK


async def measure(
    discipline: str, rounds: int, folder: Path
) -> dict[str, list[tuple[float, float]]]:
    """The blocks of every column; the first tenth warms up and is left out."""
    chance = Random(7)
    taken: dict[str, list[tuple[float, float]]] = {column: [] for column in COLUMNS}
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
                taken[column].append(await block(fields[column], first))
    return {column: blocks[len(blocks) // 10 :] for column, blocks in taken.items()}


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """The median ratio of blocks, and the middle 95 % of it over resampled blocks."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    chance = Random(7)
    medians = sorted(median(chance.choices(ratios, k=len(ratios))) for _ in range(400))
    return f"{median(ratios):.3f} | {medians[10]:.3f} to {medians[-11]:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1500, help="replies per field")
    args = parser.parse_args()
    print("| discipline | column | time of | a reply (µs) | ratio to none | 95 % of it |")
    print("|---|---|---|---:|---:|---:|")
    for discipline in ROWS:
        with TemporaryDirectory() as folder:
            taken = asyncio.run(measure(discipline, args.rounds, Path(folder)))
        for what, name in enumerate(("clock", "processor")):
            base = [each[what] for each in taken["none"]]
            for column in COLUMNS:
                seconds = [each[what] for each in taken[column]]
                print(
                    f"| {discipline} | {column} | {name} | {median(seconds) * 1e6:,.0f} "
                    f"| {ratio(seconds, base)} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
