"""The conversation of `bench.long_run`, in a process of its own that does nothing else.

So its memory is the organism's. Nothing is drawn or counted here, and the questions come from a
file, line by line: what another part of a benchmark has used and given back to the allocator would
hide the first megabytes of a growth.

    python -m bench.long_run_talk FIELD QUESTIONS EVERY

After EVERY questions, a line of JSON (`Told`) goes out; the next question is asked when a line has
come in, so that the reader of the first can inspect the file while nothing changes.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from time import perf_counter, process_time

import msgspec

from leo import MODULES, AsyncLeoField
from leo.field.counts import compute_delta
from leo.field.seed import SEED_TEXT
from leo.field.view import View

__all__ = ["MINUTE", "Told", "resident"]

PAGE = 4096
# By the field's clock, each question comes a minute after the one before: what goes by hours
# and days (dreams, questions of its own, rest) has its turn in a long run.
MINUTE = 60.0


class Told(msgspec.Struct):
    """The state after some turns; memory in MiB; rows and counts in the view.

    Of each turn since the line before, seconds of the reply, of the reply with its inner replies,
    of the processor for the reply, and of the processor for a piece of work that is always the
    same: other work on the machine makes both slower, a larger field only the reply.
    """

    turns: int
    replies: list[float]
    whole: list[float]
    cpu: list[float]
    fixed: list[float]
    memory: float
    size: dict[str, int]
    occurrences: dict[str, int]


def resident() -> float:
    """The memory that this process holds, in MiB."""
    status = Path("/proc/self/statm").read_text("ascii")
    return int(status.split()[1]) * PAGE / 2**20


def occurrences(view: View) -> dict[str, int]:
    """How many bigrams and trigrams were observed, each as often as it was."""
    return {
        "bigrams": sum(sum(row.values()) for row in view.words.followers.values()),
        "trigrams": sum(sum(row.values()) for row in view.chains.followers.values()),
    }


async def talk(path: Path, questions: Path, every: int) -> None:
    """Ask every question, and tell."""
    turns = 0
    field = await AsyncLeoField.open(path, modules=MODULES, clock=lambda: turns * MINUTE)
    async with field as leo:
        replies: list[float] = []
        whole: list[float] = []
        cpu: list[float] = []
        fixed: list[float] = []
        with questions.open(encoding="utf-8") as lines:
            for turns, line in enumerate(lines, start=1):
                used = process_time()
                compute_delta((SEED_TEXT,))
                began, middle = perf_counter(), process_time()
                await leo.reply(line.rstrip("\n"))
                ended, spent = perf_counter(), process_time()
                await leo.settle()
                replies.append(ended - began)
                whole.append(perf_counter() - began)
                cpu.append(spent - middle)
                fixed.append(middle - used)
                if turns % every == 0:
                    view = leo.view
                    size, seen = view.size(), occurrences(view)
                    told = Told(turns, replies, whole, cpu, fixed, resident(), size, seen)
                    print(msgspec.json.encode(told).decode(), flush=True)
                    sys.stdin.readline()
                    replies, whole, cpu, fixed = [], [], [], []


if __name__ == "__main__":
    asyncio.run(talk(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
