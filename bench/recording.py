"""What a recorder costs a reply: the same conversation without a recorder, with one, and without
one again.

Three fields of the same seed get the same prompts, a block of them at a time and in an order that
changes, so that disturbances of the machine affect all of them alike. Each reply is compared with
the reply of the same prompt without a recorder, and each block's time of the processor, which other
programs disturb less and in which the thread that writes has its share, with that of the same
block. A whole conversation is held several times over, each time in new files: where a file happens
to lie would otherwise be taken for a difference.

The figure is the median of the ratios; its interval is that of the medians of resampled blocks, as
replies of one block share their disturbances. The second column without a recorder measures the
measurement: a difference of its size is none.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NamedTuple

from leo.front.tasks import AsyncLeoField
from leo.trace.events import NO_TRACE, Tracer
from leo.trace.recorder import NdjsonRecorder
from leo_model.traces.workload import prompt

ROWS = ("asyncio-lock", "shielded-unit-of-work")
# As many replies of one field follow each other: one alone would find the caches full of others.
BLOCK = 10
COLUMNS = ("none", "recorder", "none again")
RESAMPLES = 400


class Block(NamedTuple):
    """The seconds of each reply of a block, and the mean seconds of the processor in it."""

    clock: tuple[float, ...]
    processor: tuple[float, ...]


async def reply_seconds(leo: AsyncLeoField, text: str) -> float:
    """Seconds of one reply."""
    began = perf_counter()
    await leo.reply(text, "ada")
    return perf_counter() - began


async def measure_block(leo: AsyncLeoField, first: int) -> Block:
    """The times of one block of prompts."""
    began = process_time()
    taken = tuple([await reply_seconds(leo, prompt(0, first + k)) for k in range(BLOCK)])
    return Block(taken, ((process_time() - began) / BLOCK,))


async def measure(
    discipline: str, rounds: int, chance: Random, folder: Path
) -> dict[str, list[Block]]:
    """The blocks of every column; the first tenth warms up and is left out."""
    taken: dict[str, list[Block]] = {column: [] for column in COLUMNS}
    async with AsyncExitStack() as stack:
        fields = {}
        for column in chance.sample(COLUMNS, len(COLUMNS)):
            tracer: Tracer = NO_TRACE
            if column == "recorder":
                path = folder / f"{discipline}.ndjson"
                tracer = stack.enter_context(NdjsonRecorder(path, run="bench"))
            fields[column] = await stack.enter_async_context(
                await AsyncLeoField.open(
                    folder / f"{column}.sqlite3",
                    seed=7,
                    discipline=discipline,
                    tracer=tracer,
                )
            )
        for first in range(0, rounds, BLOCK):
            for column in chance.sample(COLUMNS, len(COLUMNS)):
                taken[column].append(await measure_block(fields[column], first))
    return {column: blocks[len(blocks) // 10 :] for column, blocks in taken.items()}


def ratio(above: Sequence[tuple[float, ...]], below: Sequence[tuple[float, ...]]) -> str:
    """The median ratio of times in pairs, and the middle 95 % of it over resampled blocks."""
    blocks = [
        tuple(a / b for a, b in zip(one, other, strict=True))
        for one, other in zip(above, below, strict=True)
    ]
    chance = Random(7)
    medians = sorted(
        median(chain.from_iterable(chance.choices(blocks, k=len(blocks)))) for _ in range(RESAMPLES)
    )
    cut = RESAMPLES // 40
    middle = median(chain.from_iterable(blocks))
    return f"{middle:.3f} | {medians[cut]:.3f} to {medians[-cut - 1]:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="replies of a conversation")
    parser.add_argument("--conversations", type=int, default=6, help="each in new files")
    args = parser.parse_args()
    chance = Random(7)
    print("| discipline | column | time of | a reply (µs) | ratio to none | 95 % of it |")
    print("|---|---|---|---:|---:|---:|")
    for discipline in ROWS:
        taken: dict[str, list[Block]] = {column: [] for column in COLUMNS}
        for _ in range(args.conversations):
            with TemporaryDirectory() as folder:
                more = asyncio.run(measure(discipline, args.rounds, chance, Path(folder)))
            for column, blocks in more.items():
                taken[column] += blocks
        for what, name in enumerate(Block._fields):
            base = [each[what] for each in taken["none"]]
            for column in COLUMNS:
                times = [each[what] for each in taken[column]]
                print(
                    f"| {discipline} | {column} | {name} "
                    f"| {median(chain.from_iterable(times)) * 1e6:,.0f} | {ratio(times, base)} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
