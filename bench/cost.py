"""Seconds per reply as the field grows, all modules on, against a baseline that reloads the field.

All fields are open at the same time and are asked in turn, so that other work of the machine
meets all sizes alike. Inner replies (rings, dreams) are finished before the next question; their
time is a column of its own. CPU is that of the process, the store's thread included: it tells how
much of a reply's time was waiting for a core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from heapq import nlargest
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from bench.corpus import prompts
from bench.fields import field_of, fresh_copy, grow
from bench.timing import median_ms, summary
from leo import MODULES, AsyncLeoField, LeoField
from leo.field.counts import compute_delta
from leo.store.connection import Connection
from leo.store.operations import process_delta
from leo.store.schema import connect
from leo_model.checking.check import spec_hash

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BASELINE = 100_000
RESULTS = Path("build/bench/cost.json")
WARM = 10


@dataclass
class Times:
    """Seconds of the replies of one field, and of what followed each of them."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)


async def ask(fields: dict[int, AsyncLeoField], questions: Sequence[str]) -> dict[int, Times]:
    """Ask every field every question, one field after the other."""
    times = {size: Times() for size in fields}
    for number, question in enumerate(questions):
        for size, leo in fields.items():
            wall, cpu = perf_counter(), process_time()
            await leo.reply(question)
            ended, used = perf_counter(), process_time() - cpu
            await leo.settle()
            if number >= WARM:
                times[size].wall.append(ended - wall)
                times[size].cpu.append(used)
                times[size].after.append(perf_counter() - ended)
    return times


class Reloading:
    """A field held in plain dictionaries, which are made anew from the file, as the published ones
    do: after every text that it takes in (the prompt, then each recalled snippet) it selects all
    tokens with bigrams, all trigrams and all of the co-occurrence, and sorts for the centres.

    It does not rebuild the themes, speak, or ask a module, so its time is a lower bound.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.reload()

    def observe(self, text: str) -> None:
        """Take in a text, then load everything."""
        process_delta(self._conn, compute_delta((text,)))
        self.reload()

    def reload(self) -> None:
        """Each table by a SELECT of its own, with no transaction around them."""
        rows = self._conn.execute
        self.vocabulary = dict(rows("SELECT id, token FROM tokens ORDER BY id"))
        bigrams: dict[int, dict[int, int]] = {}
        for source, follower, count in rows("SELECT src_id, dst_id, count FROM bigrams"):
            bigrams.setdefault(source, {})[follower] = count
        trigrams: dict[tuple[int, int], dict[int, int]] = {}
        statement = "SELECT first_id, second_id, third_id, count FROM trigrams"
        for first, second, third, count in rows(statement):
            trigrams.setdefault((first, second), {})[third] = count
        co_occurrence: dict[int, dict[int, int]] = {}
        # One row of ours is two of the published table, which keeps both directions.
        for one, other, count in rows("SELECT word_id, context_id, count FROM co_occurrence"):
            co_occurrence.setdefault(one, {})[other] = count
            co_occurrence.setdefault(other, {})[one] = count
        totals = {source: sum(row.values()) for source, row in bigrams.items()}
        self.centres = nlargest(7, totals, key=totals.__getitem__)
        self.bigrams, self.trigrams, self.co_occurrence = bigrams, trigrams, co_occurrence


def seconds_of(path: Path, replies: Sequence[Sequence[str]]) -> list[float]:
    """The seconds of each reply, given the texts that it observes."""
    found: list[float] = []
    with closing(connect(path)) as conn:
        field = Reloading(conn)
        for texts in replies:
            began = perf_counter()
            for text in texts:
                field.observe(text)
            found.append(perf_counter() - began)
    return found


async def replies(sizes: Sequence[int], questions: Sequence[str], work: Path) -> dict[int, Times]:
    """Open copies of the fields, and ask."""
    async with AsyncExitStack() as stack:
        fields = {
            size: await stack.enter_async_context(
                await AsyncLeoField.open(fresh_copy(size, work), modules=MODULES)
            )
            for size in sizes
        }
        return await ask(fields, questions)


def opening(path: Path) -> None:
    """In a process of its own: the seconds and the memory (MiB) that a field takes to open."""
    began = perf_counter()
    with LeoField.open(path, modules=MODULES):
        seconds = perf_counter() - began
        print(f"{seconds:.2f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


def observed(path: Path, questions: Sequence[str]) -> list[list[str]]:
    """The texts that replies to these questions take in: the prompt and what is recalled."""
    found: list[list[str]] = []
    with LeoField.open(path) as leo:
        for question in questions:
            leo.reply(question)
            assert leo.latest is not None, "a reply has returned"
            found.append([question, *leo.latest.recalled.snippets])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N")
    parser.add_argument("--replies", type=int, default=100)
    parser.add_argument("--open", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open is not None:
        opening(args.open)
        return 0
    questions = prompts(args.replies + WARM)
    with TemporaryDirectory(dir=field_of(args.sizes[0])[0].parent) as temporary:
        work = Path(temporary)
        print("| trigrams | file, MB | open, s | memory, MiB |\n|---:|---:|---:|---:|")
        for size in args.sizes:
            path = fresh_copy(size, work)
            done = subprocess.run(
                [sys.executable, "-m", "bench.cost", "--open", str(path)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            cells = " | ".join(done.stdout.split())
            print(f"| {size:,} | {path.stat().st_size / 1e6:.0f} | {cells} |", flush=True)
        times = asyncio.run(replies(args.sizes, questions, work))
        first = times[args.sizes[0]]
        columns = (
            "trigrams", "median, ms", "95%", "mean", "largest", "CPU median", "against the first",
            "the inner replies after it, median",
        )  # fmt: skip
        print(f"\n| {' | '.join(columns)} |\n{'|---:' * len(columns)}|")
        rows = []
        for size, of in times.items():
            ratio = median_ms(of.wall) / median_ms(first.wall)
            ratio_cpu = median_ms(of.cpu) / median_ms(first.cpu)
            print(
                f"| {size:,} | {summary(of.wall)} | {median_ms(of.cpu):.2f} "
                f"| {ratio:.2f} (CPU {ratio_cpu:.2f}) | {median_ms(of.after):.1f} |"
            )
            milliseconds = {"wall": median_ms(of.wall), "cpu": median_ms(of.cpu)}
            rows.append({"trigrams": size, **milliseconds})
        # What the paper quotes: `leo paper` reads it if it is there.
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps({"spec": spec_hash(), "rows": rows}, indent=1), "utf-8")
        if BASELINE in times:
            texts = observed(fresh_copy(BASELINE, work), questions[:WARM])[-3:]
            slow = seconds_of(fresh_copy(BASELINE, work), texts)
            loads = sum(map(len, texts)) / len(texts)
            factor = median_ms(slow) / median_ms(times[BASELINE].wall)
            print(f"\nReloading at {BASELINE:,}: {median_ms(slow):.0f} ms for {loads:.0f} texts a")
            print(f"reply, {median_ms(slow) / loads:.0f} ms for one: {factor:.0f} times the reply.")
        growth = grow(work / "growing.sqlite3", BASELINE)
        print(f"\nObserving: {growth.tokens / growth.seconds:,.0f} tokens/s ({growth.tokens:,}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
