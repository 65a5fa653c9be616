"""How many runs, and how fast, on the program read, write, read, write of two and three tasks.

The exact number of classes is counted from all interleavings, by their normal forms.  The baseline
is a naive explorer: every interleaving, in a loop as bare as it can be.  frontrun runs its tasks on
a real event loop, in an environment of its own that is made at the first call.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.tasks import LOST_UPDATE, Coroutines, Tasks
from leo.schedules.brute import numbers_of
from leo.schedules.pruned import Pruned
from leo.schedules.search import Plan, explore
from leo.schedules.system import Choice, Events, count_classes

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "build" / "frontrun-venv"
FRONTRUN = "frontrun==0.7.0"
EXACT = {2: 34, 3: 7134}


class Measured(NamedTuple):
    """What one explorer did."""

    explorer: str
    runs: int
    classes: int | None
    seconds: float
    ended: bool
    says: str


def naive(tasks: int) -> list[tuple[int, ...]]:
    """Every interleaving, each executed from the start: who went when."""
    found: list[tuple[int, ...]] = []
    path: list[int] = []
    length = len(LOST_UPDATE)
    while True:
        at, held, value = [0] * tasks, [0] * tasks, 0
        done = 0
        while done < tasks * length:
            if done < len(path):
                who = path[done]
            else:
                who = next(task for task in range(tasks) if at[task] < length)
                path.append(who)
            if at[who] % 2:
                value = held[who] + 1
            else:
                held[who] = value
            at[who] += 1
            done += 1
        found.append(tuple(path))
        # The next one in the order of the alphabet.
        left = [0] * tasks
        while path:
            who = path.pop()
            left[who] += 1
            higher = [task for task in range(who + 1, tasks) if left[task]]
            if higher:
                path.append(higher[0])
                break
        else:
            return found


def classes_of(tasks: int, orders: Sequence[Sequence[int]]) -> int:
    """The number of classes that orders of tasks belong to."""
    events, system = Events(), Tasks([LOST_UPDATE] * tasks)
    schedules = [
        numbers_of(system, events, [Choice(f"t{who + 1}") for who in order]) for order in orders
    ]
    return count_classes(events, schedules)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(tasks: int, limit: float) -> list[Measured]:
    """All explorers on one program."""
    rows = []
    orders: list[tuple[int, ...]] = []
    seconds = timed(lambda: orders.extend(naive(tasks)))
    rows.append(
        Measured("naive", len(orders), classes_of(tasks, orders), seconds, True, "complete")
    )
    rows += [ours(kind, [LOST_UPDATE] * tasks) for kind in (Tasks, Coroutines, Untold)]
    rows.append(by_states(tasks))
    rows.append(frontrun(tasks, limit))
    return rows


class Untold(Tasks):
    """A system whose states cannot be told apart: each schedule is executed from the start."""

    tells_apart = False


OURS = {Tasks: "this engine", Coroutines: "this engine, coroutines", Untold: "this engine, untold"}


def ours(kind: type[Tasks], program: Sequence[Sequence[str]]) -> Measured:
    """The search that has one schedule of each class."""
    begun = time.perf_counter()
    report = explore(kind(program), Plan())
    seconds = time.perf_counter() - begun
    says = "complete" if report.complete else "not complete"
    return Measured(OURS[kind], report.runs, report.classes, seconds, report.complete, says)


def by_states(tasks: int) -> Measured:
    """The search that explores no state twice; it has every outcome, in fewer runs than classes."""
    search, ends = Pruned(Tasks([LOST_UPDATE] * tasks).start), set[object]()
    begun = time.perf_counter()
    while not search.ended:
        run = search.next()
        if not run.pruned:
            ends.add(tuple(sorted(run.close().final.items())))
        search.backtrack()
    seconds = time.perf_counter() - begun
    says = f"complete: {search.states:,} states, {len(ends):,} outcomes"
    return Measured("by states", search.runs, None, seconds, True, says)


def frontrun(tasks: int, limit: float) -> Measured:
    """frontrun without its bound on preemptions, for at most so many seconds."""
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", FRONTRUN], check=True
    )
    script = Path(__file__).with_name("explorers_frontrun.py")
    done = subprocess.run(
        [python, script, str(tasks), str(limit)], check=True, capture_output=True, text=True
    )
    told = json.loads(done.stdout)
    orders = [[int(step[1:]) for step in order] for order in told["orders"]]
    says = {True: "holds", False: "fails", None: "inconclusive"}[told["says"]]
    ended = told["seconds"] < limit
    return Measured(
        FRONTRUN.replace("==", " "),
        told["runs"],
        classes_of(tasks, orders),
        told["seconds"],
        ended,
        says,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=30.0, help="seconds for frontrun")
    args = parser.parse_args()
    print("| tasks | explorer | runs | classes reached | of | runs/s | seconds | ended | it says |")
    print("|---:|---|---:|---:|---:|---:|---:|---|---|")
    wrong = []
    for tasks, exact in EXACT.items():
        for row in measure(tasks, args.limit):
            print(
                f"| {tasks} | {row.explorer} | {row.runs:,} | {row.classes or 0:,} | {exact:,} "
                f"| {row.runs / row.seconds:,.0f} | {row.seconds:.3f} "
                f"| {'yes' if row.ended else 'cut off'} | {row.says} |",
                flush=True,
            )
            if row.explorer.startswith("this") and row.runs != exact:
                wrong.append(f"{row.explorer}, {tasks} tasks: {row.runs:,} runs, not {exact:,}")
            if row.explorer == "naive" and row.classes != exact:
                wrong.append(f"{tasks} tasks have {row.classes} classes, not {exact:,}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
