"""What the judge of units costs on histories of different shapes, as they grow.

Each shape is written as a trace of so many events and judged once; the exponent is that of the time
from one size to the next. All are recorded by hand-made lines, so that only the judge is measured.
`--calls` counts the judge's calls of functions in place of seconds: they say how its work grows,
without the caches and the other users of a machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from cProfile import Profile
from math import log
from multiprocessing import get_context
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import process_time

from leo.trace.lines import Lines
from leo.units import judge_lines, uncollected

# A unit, what it does ("Open", "Read", "Write", "Close"), to which object, and how many events ago
# its call began.
Step = tuple[str, str, str, int]


def spread(events: int, *, keys: int = 1_000, open_: int = 8) -> Iterator[Step]:
    """A few units at a time, each of which reads and writes one object out of many."""
    rng, count = Random(1), 0
    left: dict[str, list[tuple[str, str]]] = {}
    for _ in range(events):
        if len(left) < open_:
            count += 1
            key = f"k{rng.randrange(keys)}"
            left[f"u{count}"] = [("Close", ""), ("Write", key), ("Read", key)]
            yield f"u{count}", "Open", "", 0
            continue
        unit = rng.choice(list(left))
        action, key = left[unit].pop()
        yield unit, action, key, 0
        if action == "Close":
            del left[unit]


def hot(events: int) -> Iterator[Step]:
    """A thousand units at a time on one object."""
    return spread(events, keys=1, open_=1_000)


def hot_overlapping(events: int) -> Iterator[Step]:
    """The same, and each call takes a while."""
    for unit, action, key, _ in spread(events, keys=1, open_=1_000):
        yield unit, action, key, 50


def busy(events: int) -> Iterator[Step]:
    """Fifty units at a time on five objects."""
    return spread(events, keys=5, open_=50)


def one_open(events: int) -> Iterator[Step]:
    """One unit has read an object and stays open while others write it."""
    yield "long", "Open", "", 0
    yield "long", "Read", "x", 0
    for k in range(events // 3):
        yield f"u{k}", "Open", "", 0
        yield f"u{k}", "Write", "x", 0
        yield f"u{k}", "Close", "", 0
    yield "long", "Close", "", 0


def all_open(events: int) -> Iterator[Step]:
    """All units open first, and then work one after the other on one object."""
    count = events // 4
    for k in range(count):
        yield f"u{k}", "Open", "", 0
    for k in range(count):
        yield f"u{k}", "Read", "x", 0
        yield f"u{k}", "Write", "x", 0
    for k in range(count):
        yield f"u{k}", "Close", "", 0


def two_open(events: int) -> Iterator[Step]:
    """Two open units write one object in turn."""
    for unit in "ab":
        yield unit, "Open", "", 0
    for k in range(events):
        yield "ab"[k % 2], "Write", "x", 0
    for unit in "ab":
        yield unit, "Close", "", 0


def many_calls(events: int) -> Iterator[Step]:
    """One unit with many calls on one object."""
    yield "a", "Open", "", 0
    for k in range(events):
        yield "a", ("Read", "Write")[k % 2], "x", 0
    yield "a", "Close", "", 0


def ring(events: int) -> Iterator[Step]:
    """Each unit reads what the next one writes."""
    count = events // 4
    for k in range(count):
        yield f"u{k}", "Open", "", 0
        yield f"u{k}", "Read", f"x{k}", 0
    for k in range(count):
        yield f"u{k}", "Write", f"x{(k + 1) % count}", 0
    for k in range(count):
        yield f"u{k}", "Close", "", 0


def idle(events: int) -> Iterator[Step]:
    """One unit does nothing and stays open."""
    yield "idle", "Open", "", 0
    yield from spread(events)
    yield "idle", "Close", "", 0


SHAPES: tuple[Callable[[int], Iterator[Step]], ...] = (
    spread, busy, one_open, all_open, two_open, hot, hot_overlapping, many_calls, ring, idle,
)  # fmt: skip


def trace(steps: Iterator[Step]) -> Iterator[str]:
    """The lines of a history."""
    yield '{"schema":1,"kind":"units","spec":"units/1","run":"r","start":{}}\n'
    versions: dict[str, int] = {}
    opened: dict[str, int] = {}
    seq = 0
    for seq, (unit, action, key, before) in enumerate(steps, 1):
        reads = writes = since = ""
        outcome = "returned" if action == "Close" else "ok"
        if action == "Open":
            opened[unit] = seq
        if action == "Read":
            reads = f'"{key}":{versions.get(key, 0)}'
        if action == "Write":
            versions[key] = versions.get(key, 0) + 1
            writes = f'"{key}":{versions[key]}'
        if before and key:
            since = f',"since":{max(opened[unit], seq - 1 - before)}'
        yield (
            f'{{"seq":{seq},"writer":"w1","run":"r","time":0.0,"instance":"","store":"main",'
            f'"session":"{unit}","reply":"{unit}","action":"{action}","reads":{{{reads}}},'
            f'"writes":{{{writes}}},"outcome":"{outcome}"{since}}}\n'
        )
    yield f'{{"kind":"end","run":"r","writer":"w1","events":{seq}}}\n'


def judged(path: Path, *, calls: bool = False) -> tuple[float, int, str]:
    """The seconds (or the calls) to judge a file, the MB that it takes, and what is found."""
    before = getrusage(RUSAGE_SELF).ru_maxrss
    profile = Profile()
    with path.open("rb") as stream, uncollected(), profile if calls else nullcontext():
        began = process_time()
        verdict = judge_lines(Lines(path.name, stream))
        cost = process_time() - began
    if calls:
        cost = sum(entry.callcount for entry in profile.getstats())
    found = [*verdict.broken, *(f"({name})" for name in verdict.undecided)]
    return cost, getrusage(RUSAGE_SELF).ru_maxrss - before >> 10, " ".join(found)


def main(arguments: list[str] | None = None) -> int:
    names = [shape.__name__ for shape in SHAPES]
    parser = argparse.ArgumentParser(prog="bench.units", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--shapes", nargs="+", default=names, choices=names)
    parser.add_argument("--calls", action="store_true", help="count calls in place of seconds")
    options = parser.parse_args(arguments)
    unit, each = ("calls", "calls/event") if options.calls else ("seconds", "events/s")
    print(f"| shape | events | {unit} | {each} | exponent | MB | found |")
    print("|---|---:|---:|---:|---:|---:|---|")
    with TemporaryDirectory() as folder:
        path = Path(folder, "trace")
        for shape in SHAPES:
            before, size_before = 0.0, 0
            for size in options.sizes if shape.__name__ in options.shapes else ():
                with path.open("w") as file:
                    file.writelines(trace(shape(size)))
                # A process of its own: how much memory one took at most is never forgotten.
                with get_context("spawn").Pool(1) as pool:
                    cost, most, found = pool.apply(judged, (path,), {"calls": options.calls})
                rises = log(cost / before) / log(size / size_before) if before else 0.0
                per = (
                    f"{cost:,} | {cost / size:.1f}"
                    if options.calls
                    else f"{cost:.2f} | {size / cost:,.0f}"
                )
                print(
                    f"| {shape.__name__} | {size:,} | {per} | "
                    f"{f'{rises:.2f}' if before else ''} | {most} | {found} |",
                    flush=True,
                )
                before, size_before = cost, size
    return 0


if __name__ == "__main__":
    sys.exit(main())
