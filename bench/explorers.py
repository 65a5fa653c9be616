"""How many runs, and how fast, on the program read, write, read, write of two and three tasks.

Seconds are those of the processor, but for frontrun, which has its own clock.

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
from typing import Any, NamedTuple

from leo.schedules.engine.depth_first import DepthFirst
from leo.schedules.engine.search import Plan, Strategy, explore
from leo.schedules.engine.system import Choice, Events, Outcome, Step, normal_form

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "build" / "frontrun-venv"
FRONTRUN = "frontrun==0.7.0"
EXACT = {2: 34, 3: 7134}


class Bare:
    """Read, write, read, write of some tasks, each of them a bare coroutine.

    `first` are the first steps, `turns` what each task awaits before the others.
    """

    def __init__(self, tasks: int) -> None:
        self.choices = tuple(Choice(f"t{number + 1}") for number in range(tasks))
        x, nothing = frozenset({"x"}), frozenset[str]()
        self.first = {it.who: Step(it, "r x", x, nothing) for it in self.choices}
        self.turns = {
            it.who: (
                Turn(Step(it, "w x", nothing, x)),
                Turn(Step(it, "r x again", x, nothing)),
                Turn(Step(it, "w x again", nothing, x)),
            )
            for it in self.choices
        }

    def start(self) -> BareRun:
        return BareRun(self)


class BareRun:
    """One execution: `x`, what each task has read, and its next step."""

    __slots__ = ("able", "held", "now", "tasks", "x")

    def __init__(self, system: Bare) -> None:
        self.now: dict[str, Any]
        self.x, self.able, self.now, self.held = (
            0,
            system.choices,
            system.first.copy(),
            dict.fromkeys(system.first),
        )
        self.tasks = {
            who: self.task(who, *turns).__await__() for who, turns in system.turns.items()
        }

    async def task(self, me: str, write: Turn, read: Turn, write_again: Turn) -> None:
        held = self.held[me] = self.x
        await write
        self.x = held + 1
        await read
        held = self.held[me] = self.x
        await write_again
        self.x = held + 1

    def enabled(self) -> tuple[Choice, ...]:
        return self.able

    def waiting(self) -> tuple[Choice, ...]:
        return ()

    def pending(self, choice: Choice) -> Step:
        step: Step = self.now[choice[0]]
        return step

    def take(self, choice: Choice) -> Step:
        who, now = choice[0], self.now
        step: Step = now[who]
        following = now[who] = next(self.tasks[who], None)
        if following is None:
            self.able = tuple([it for it in self.able if it is not choice])
        return step

    def again(self, path: Sequence[Choice]) -> list[Step]:
        """Take choices that were taken before."""
        now, tasks, done = self.now, self.tasks, list[Step]()
        for choice in path:
            who = choice[0]
            done.append(now[who])
            now[who] = following = next(tasks[who], None)
            if following is None:
                self.able = tuple([it for it in self.able if it is not choice])
        return done

    def fingerprint(self) -> object:
        return (self.x, *self.now.values(), *self.held.values())

    def finished(self) -> bool:
        return not self.able

    def close(self) -> Outcome:
        if self.able:
            for task in self.tasks.values():
                task.close()
        return Outcome(final={"x": self.x})


class Turn:
    """To await it tells the scheduler what comes next, and lets it choose."""

    def __init__(self, step: Step) -> None:
        self.said = (step,)

    def __await__(self) -> Any:
        return iter(self.said)


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
    length = 4
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


def numbers_of(system: Bare, events: Events, order: Sequence[int]) -> tuple[int, ...]:
    """The numbers of a schedule's steps: who goes when is given."""
    numbers, run = [], system.start()
    for who in order:
        choice = system.choices[who]
        numbers.append(events.number(run.pending(choice)))
        run.take(choice)
    return tuple(numbers)


def classes_of(tasks: int, orders: Sequence[Sequence[int]]) -> int:
    """The number of classes that orders of tasks belong to."""
    events, system = Events(), Bare(tasks)
    return len({normal_form(events, numbers_of(system, events, order)) for order in orders})


def timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(tasks: int, limit: float) -> list[Measured]:
    """All explorers on one program."""
    rows = []
    orders: list[tuple[int, ...]] = []
    seconds = timed(lambda: orders.extend(naive(tasks)))
    rows.append(
        Measured("naive", len(orders), classes_of(tasks, orders), seconds, True, "complete")
    )
    rows += [
        ours(tasks),
        ours(tasks, "optimal"),
        by_states(tasks, None),
        by_states(tasks, Events()),
    ]
    rows.append(frontrun(tasks, limit))
    return rows


def ours(tasks: int, strategy: Strategy = "reduced") -> Measured:
    """The searches that have one schedule of each class, on bare coroutines."""
    begun = time.process_time()
    report = explore(Bare(tasks), Plan(strategy))
    seconds = time.process_time() - begun
    says = "complete" if report.complete else "not complete"
    return Measured(
        f"this one, {strategy}", report.runs, report.classes, seconds, report.complete, says
    )


def by_states(tasks: int, events: Events | None) -> Measured:
    """The search that explores no state twice; it has every outcome, in fewer runs than classes."""
    search, ends = (
        DepthFirst(Bare(tasks).start, events=events, states=True),
        set[object](),
    )
    begun = time.process_time()
    while (run := search.next()) is not None:
        final = run.close().final
        if search.end == "complete":
            ends.add(tuple(sorted(final.items())))
    seconds = time.process_time() - begun
    says = f"complete: {search.found:,} states, {len(ends):,} outcomes"
    name = "this one, by states" if events is None else "this one, by states and classes"
    return Measured(name, search.runs, None, seconds, True, says)


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
            reached = f"{row.classes:,}" if row.classes else "-"
            print(
                f"| {tasks} | {row.explorer} | {row.runs:,} | {reached} | {exact:,} "
                f"| {row.runs / row.seconds:,.0f} | {row.seconds:.3f} "
                f"| {'yes' if row.ended else 'cut off'} | {row.says} |",
                flush=True,
            )
            if row.explorer.endswith(("optimal", "reduced")) and row.runs != exact:
                wrong.append(f"{row.explorer}, {tasks} tasks: {row.runs:,} runs, not {exact:,}")
            if row.explorer == "naive" and row.classes != exact:
                wrong.append(f"{tasks} tasks have {row.classes} classes, not {exact:,}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
