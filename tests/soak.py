"""A field in use for long: sessions come and go, and everything happens that can happen to it.

Lives follow each other on one file. In a life sessions talk, are cancelled and leave; the clock is
set forward and back, and to no time at all; there is no room for the file to grow, and then there
is again. Meanwhile the field is backed up, its trace is checked as it is written, and its memory is
looked at. Every second life is killed. After each the file must be sound and have each reply that
was acknowledged, and a backup must be sound.

    python -m tests.soak --minutes 60 [--life SECONDS] [--uvloop]

The last line has the figures. The exit code is 1 when something was found, and each finding is
printed when it is.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from leo import MODULES, AsyncLeoField, NdjsonRecorder
from leo.errors import LeoError, StoreMovedError
from leo.store.backup import backup_field
from leo.store.checkup import check_field
from leo.store.connection import Connection
from leo.store.inspection import inspected
from leo.store.operations import get_versions
from leo_model.checking.claims import load_claims
from leo_model.commands.validate import followed
from leo_model.traces.validate import Report, expected_to_break

# Few words, so that the field is soon as large as it gets, and what grows then is a leak.
PROMPTS = [
    f"{who} {does} {where}{mark}"
    for who in ("Grey herons", "A path", "The field", "Nobody")
    for does in ("waits in", "is no part of", "speaks about")
    for where in ("the reeds", "a wall")
    for mark in ".?"
]
SESSIONS = 12
# Of each turn: the shares of those that are cancelled, that step the clock, that find no room.
CANCELLED, STEPPED, FULL = 0.15, 0.02, 0.02
STEPS = (3600.0, -3600.0, 86_400.0, -86_400.0, float("inf"))
# MiB that a life may have grown by in its second half.
GROWTH = 8.0


async def live(path: Path, trace: Path, seed: int, seconds: float) -> None:
    """One life: talk for so long, and say each answer and the memory held, as lines of JSON."""
    chance = Random(seed)
    offset = 0.0
    recorder = NdjsonRecorder(trace, run=f"life{seed}")
    field = await AsyncLeoField.open(
        path, modules=MODULES, tracer=recorder, clock=lambda: time.time() + offset, max_waiting=10
    )
    end = time.monotonic() + seconds

    def tell(what: str, number: float = 1) -> None:
        print(json.dumps([what, number]), flush=True)

    async def no_room() -> None:
        """For some turns of the others the file may not grow."""

        def limit(conn: Connection) -> int:
            [pages] = conn.execute("PRAGMA page_count").fetchone()
            return int(conn.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0])

        await field._store.perform(limit)
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await field._store.perform(
            lambda conn: conn.execute("PRAGMA max_page_count = 1073741823").fetchone()
        )

    async def talk(session: str) -> None:
        nonlocal offset
        for _ in range(chance.randint(1, 20)):
            if time.monotonic() > end:
                return
            if chance.random() < STEPPED:
                offset = chance.choice((0.0, *STEPS))
            elif chance.random() < FULL:
                await no_room()
            reply = asyncio.ensure_future(field.reply(chance.choice(PROMPTS), session))
            if chance.random() < CANCELLED:
                await asyncio.sleep(chance.uniform(0.0, 0.1))
                reply.cancel()
            try:
                await reply
                tell("answered")
            except asyncio.CancelledError:
                tell("cancelled")
            except LeoError as error:
                cause = error.__cause__ or error
                tell(type(cause).__name__)
                # Only a clock that gives no time leaves nobody an answer for long.
                offset = 0.0
                await asyncio.sleep(chance.uniform(0.0, 0.2))

    names = count()
    talking: set[asyncio.Task[None]] = set()
    while time.monotonic() < end:
        while len(talking) < SESSIONS:
            talking.add(asyncio.create_task(talk(f"s{next(names)}")))
        done, talking = await asyncio.wait(talking, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        tell("memory", pages / 256)
    await asyncio.gather(*talking)
    tell("dropped", field.dropped)
    # What went wrong with an inner reply, for want of room, nobody was told of yet.
    try:
        await field.close()
    except LeoError as error:
        tell(type(error.__cause__ or error).__name__)
    recorder.close()


class Soak:
    """The lives of one field, seen from outside; `findings` must stay empty."""

    def __init__(self, folder: Path, uvloop: bool) -> None:
        self.path = folder / "field"
        self.uvloop = uvloop
        self.seen: Counter[str] = Counter()
        self.findings: list[str] = []
        self._claims = load_claims()

    def life(self, number: int, seconds: float, *, killed: bool) -> None:
        """One life and what is left of it."""
        trace = self.path.with_name(f"{number}.ndjson")
        command = [sys.executable, "-m", "tests.soak", "--field", str(self.path)]
        # One that is to be killed goes on until it is.
        command += ["--live", str(number), "--life", str(seconds * 100 if killed else seconds)]
        command += ["--uvloop"] if self.uvloop else []
        memory: list[float] = []
        over, due = threading.Event(), 0.0
        reports: list[Report] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            follower = threading.Thread(target=self._follow, args=(trace, over, reports))
            follower.start()
            backups = threading.Thread(target=self._back_up, args=(over, seconds / 10))
            backups.start()
            for line in process.stdout:
                # A killed process may have begun a line.
                if line.endswith("\n"):
                    what, value = json.loads(line)
                    if what == "answered":
                        due = due or time.monotonic() + 0.9 * seconds
                    if killed and due and time.monotonic() > due:
                        process.kill()
                    if what == "memory":
                        memory.append(value)
                    else:
                        self.seen[what] += value
            code = process.wait()
            over.set()
            for thread in (follower, backups):
                thread.join()
        if code != (-signal.SIGKILL if killed else 0):
            self._find(f"life {number} ended with {code}")
        self._judge(number, reports, killed)
        self._look(number)
        early, late = (memory[len(memory) // 2], memory[-1]) if memory else (0.0, 0.0)
        # In the first life the field and the caches come to their size.
        if number > 1 and late > early + GROWTH:
            self._find(f"life {number}: its memory grew from {early:.1f} to {late:.1f} MiB")
        self.seen["lives"] += 1
        self.seen["memory, MiB"] = round(late)
        trace.unlink()

    def _find(self, finding: str) -> None:
        self.findings.append(finding)
        print(f"FOUND {finding}", flush=True)

    def _follow(self, trace: Path, over: threading.Event, reports: list[Report]) -> None:
        while not trace.exists() and not over.wait(0.05):
            pass
        pause = lambda: over.wait(0.2)  # noqa: E731
        reports.append(followed(str(trace), pause=pause, stopped=over.is_set, say=None))

    def _judge(self, number: int, reports: list[Report], killed: bool) -> None:
        [report] = reports
        broken = report.broken - expected_to_break(self._claims, report)
        if report.error is not None or not report.accepted or broken:
            wrong = report.error or (report.native and report.native.rejection) or sorted(broken)
            self._find(f"life {number}: its trace: {wrong}")
        if not killed and not report.closed:
            self._find(f"life {number}: its trace was not closed")
        if report.native is not None:
            self.seen["events"] += report.native.events

    def _back_up(self, over: threading.Event, every: float) -> None:
        for number in count():
            if over.wait(every):
                return
            copy = self.path.with_name(f"copy{number}")
            try:
                backup_field(self.path, copy)
            except StoreMovedError:
                self.seen["backups tried again"] += 1
                continue
            except LeoError as error:
                # Not made yet.
                if self.seen["answered"]:
                    self._find(f"a backup: {error}")
                continue
            with inspected(copy) as conn:
                for finding in check_field(conn, MODULES):
                    self._find(f"a backup is not sound: {finding}")
            copy.unlink()
            self.seen["backups"] += 1

    def _look(self, number: int) -> None:
        """The file must be sound, and have each reply that was acknowledged, none in half."""
        with inspected(self.path) as conn, closing(conn):
            for finding in check_field(conn, MODULES):
                self._find(f"after life {number}: {finding}")
            versions = get_versions(conn)
        if versions["ngrams"] - 1 != versions["snapshots"]:
            self._find(f"after life {number}: half a reply: {versions}")
        if versions["snapshots"] < self.seen["answered"]:
            self._find(f"after life {number}: {self.seen['answered']} answers, and {versions}")
        self.seen["replies in the file"] = versions["snapshots"]


def soak(minutes: float, life: float, *, uvloop: bool = False) -> Soak:
    """Live for so long, killed every second time: two lives at least."""
    end = time.monotonic() + 60 * minutes
    with TemporaryDirectory(prefix="leo-soak-") as folder:
        found = Soak(Path(folder), uvloop)
        for number in count(1):
            found.life(number, life, killed=number % 2 == 0)
            if number > 1 and time.monotonic() > end:
                return found
    raise AssertionError("endless")


def run_on(loop: str, main: Coroutine[Any, Any, None]) -> None:
    """Run on the loop of asyncio or of another package."""
    factory = None if loop == "asyncio" else importlib.import_module(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--life", type=float, default=60.0, help="seconds of a life")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--live", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--field", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.live is not None:
        trace = args.field.with_name(f"{args.live}.ndjson")
        run_on(
            "uvloop" if args.uvloop else "asyncio", live(args.field, trace, args.live, args.life)
        )
        return 0
    found = soak(args.minutes, args.life, uvloop=args.uvloop)
    figures = ", ".join(f"{what} {number:,.0f}" for what, number in sorted(found.seen.items()))
    print(f"Python {sys.version.split()[0]}: {len(found.findings)} findings; {figures}")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
