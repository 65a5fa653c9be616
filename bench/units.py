"""What the judge of units costs on histories of different shapes, as they grow.

Each shape is written as a trace of so many events and judged once; the exponent is that of the time
from one size to the next. All are recorded by hand-made lines, so that only the judge is measured.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from math import log
from random import Random
from resource import RUSAGE_SELF, getrusage
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
    spread, one_open, all_open, two_open, hot, hot_overlapping, many_calls, ring, idle,
)  # fmt: skip


def trace(steps: Iterator[Step]) -> bytes:
    """The lines of a history."""
    out = io.StringIO()
    out.write('{"schema":1,"kind":"units","spec":"units/1","run":"r","start":{}}\n')
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
        out.write(
            f'{{"seq":{seq},"writer":"w1","run":"r","time":0.0,"instance":"","store":"main",'
            f'"session":"{unit}","reply":"{unit}","action":"{action}","reads":{{{reads}}},'
            f'"writes":{{{writes}}},"outcome":"{outcome}"{since}}}\n'
        )
    out.write(f'{{"kind":"end","run":"r","writer":"w1","events":{seq}}}\n')
    return out.getvalue().encode()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.units", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--shapes", nargs="+", default=[shape.__name__ for shape in SHAPES])
    options = parser.parse_args(arguments)
    print("| shape | events | seconds | events/s | exponent | peak MB | found |")
    print("|---|---:|---:|---:|---:|---:|---|")
    for shape in SHAPES:
        if shape.__name__ not in options.shapes:
            continue
        before = 0.0
        size_before = 0
        for size in options.sizes:
            data = trace(shape(size))
            began = process_time()
            with uncollected():
                verdict = judge_lines(Lines("trace", io.BytesIO(data)))
            seconds = process_time() - began
            rises = log(seconds / before) / log(size / size_before) if before else 0.0
            found = [*verdict.broken, *(f"({name})" for name in verdict.undecided)]
            print(
                f"| {shape.__name__} | {size:,} | {seconds:.2f} | {size / seconds:,.0f} | "
                f"{f'{rises:.2f}' if before else ''} | "
                f"{getrusage(RUSAGE_SELF).ru_maxrss >> 10} | {' '.join(found)} |",
                flush=True,
            )
            before, size_before = seconds, size
    return 0


if __name__ == "__main__":
    sys.exit(main())
