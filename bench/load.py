"""Many sessions at once, all modules: replies per second, waits, the longest silence, the log.

Every session asks as soon as it has its answer. `--before FOLDER` names a checkout of another
state; both take turns in the same run, each in a process of its own on an empty field, and the last
column is the ratio of their rates by the processor: replies for each second of its time that the
process had, which other work on the machine changes little. A silence is a time in which nobody
got an answer; the log is the size of SQLite's write-ahead log, looked at after every reply.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple

import leo
from bench.corpus import prompts
from leo import AsyncLeoField

HERE = Path(__file__).resolve()
# The state before calls them by another name.
MODULES: Any = getattr(leo, "MODULES", None) or vars(leo)["ORGANS"]


class Load(NamedTuple):
    """What one process saw: counts, seconds, MiB."""

    replies: int
    rate: float
    own: float
    median: float
    p99: float
    silence: float
    log: float
    dropped: int


async def measure(path: Path, sessions: int, seconds: float) -> Load:
    """All sessions ask for `seconds`; what is under way at the end is dropped with the process."""
    questions = prompts(2000)
    log = Path(f"{path}-wal")
    waits: list[float] = []
    ends: list[float] = []
    most = 0
    field = await AsyncLeoField.open(path, modules=MODULES)
    began, spent = perf_counter(), process_time()

    async def talk(number: int) -> None:
        nonlocal most
        turn = number
        while True:
            asked = perf_counter()
            await field.reply(questions[turn % len(questions)], session=f"s{number}")
            turn += sessions + 1
            ends.append(perf_counter())
            waits.append(ends[-1] - asked)
            most = max(most, log.stat().st_size)

    talks = [asyncio.create_task(talk(number)) for number in range(sessions)]
    await asyncio.wait(talks, timeout=seconds)
    seconds, spent = perf_counter() - began, process_time() - spent
    dropped = getattr(field, "dropped", 0)
    silences = [b - a for a, b in zip([began, *ends], [*ends, began + seconds], strict=True)]
    waits.sort()
    return Load(
        len(waits),
        len(waits) / seconds,
        len(waits) / spent,
        median(waits),
        waits[int(0.99 * (len(waits) - 1))],
        max(silences),
        most / 2**20,
        dropped,
    )


def apart(checkout: Path, sessions: int, seconds: float) -> Load:
    """The same in a process of its own, with the packages of a checkout."""
    given = [sys.executable, str(HERE), "--one", "--sessions", str(sessions)]
    done = subprocess.run(
        [*given, "--seconds", str(seconds)],
        env={**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{checkout / 'model'}"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Load(*json.loads(done.stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--before", type=Path, metavar="FOLDER")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        with TemporaryDirectory() as work:
            loop = asyncio.new_event_loop()
            found = measure(Path(work) / "f", args.sessions, args.seconds)
            print(json.dumps(loop.run_until_complete(found)), flush=True)
        # To carry out what still waits would take minutes in the state before.
        os._exit(0)
    checkouts = {"before": args.before} if args.before else {}
    checkouts["now"] = HERE.parents[1]
    heads = (
        "run", "state", "replies/s", "by the processor", "median wait, s", "99%",
        "longest silence, s", "log, MiB", "inner ones dropped", "ratio",
    )  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'|---:' * len(heads)}|", flush=True)
    for run in range(1, args.runs + 1):
        first = 0.0
        for state, checkout in checkouts.items():
            of = apart(checkout, args.sessions, args.seconds)
            first = first or of.own
            cells = (
                f"{run} | {state} | {of.rate:.0f} | {of.own:.0f} | {of.median:.2f} | {of.p99:.2f}",
                f"{of.silence:.2f} | {of.log:.1f} | {of.dropped:,} | {of.own / first:.2f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
