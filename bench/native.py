"""The native check of traces: events a second, against TLC, and memory over growing lengths.

python -m bench.native                 a short comparison, a minute or two
python -m bench.native --longest 8     up to 10^8 events, made by one process and read by another

What runs in Python is measured in processor time, TLC by the clock on the wall.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from subprocess import PIPE
from time import perf_counter, process_time

import msgspec

from leo.trace.events import SCHEMA, SPEC, Event
from leo_model.traces.events import PROGRAM
from leo_model.traces.native import Outcome, check
from leo_model.traces.reader import TraceReader
from leo_model.traces.tlc_engine import judge, record
from leo_model.traces.validate import run_native

SESSIONS = 50
STEPS = (
    "Call", "Acquire", "Recall", "Ingest", "LoadBigrams", "LoadTrigrams",
    "AssignView", "Generate", "SaveSnapshot", "Release", "Return",
)  # fmt: skip
KINDS = {"locked": "asyncio-lock", "unlocked": "bare"}
PIECE = 1000
BLOCK = 1 << 15


def lines(kind: str, count: int, seed: int = 1) -> Iterator[str]:
    """Yield a header and ``count`` events of so many sessions, undisturbed, as a recorder writes
    them: one inside and the others waiting, or all at once, interleaved by chance."""
    run = f"bench-{seed}"
    header = {
        "schema": SCHEMA, "kind": "header", "spec": SPEC, "run": run, "discipline": KINDS[kind],
        "runtime": "asyncio", "program": PROGRAM, "instances": ["i1"], "stores": ["main"],
        "start": {"ngrams": 0, "snapshots": 0}, "seed": seed,
    }  # fmt: skip
    yield json.dumps(header, separators=(",", ":")) + "\n"
    rng = Random(seed)
    place, turn, held = [0] * SESSIONS, [0] * SESSIONS, [(0, 0)] * SESSIONS
    idle, waiting, inside = deque(range(SESSIONS)), deque[int](), -1
    ngrams = snapshots = 0
    view = (0, 0)
    for seq in range(1, count + 1):
        if kind == "unlocked":
            s = rng.randrange(SESSIONS)
        elif idle and (not waiting or rng.random() < 0.5):
            s = idle.popleft()
            waiting.append(s)
        else:
            if inside < 0:
                inside = waiting.popleft()
            s = inside
        action, reads, writes, outcome = STEPS[place[s]], "{}", "{}", "ok"
        if action == "Call":
            turn[s] += 1
        elif action == "Recall":
            reads = f'{{"snapshots":{snapshots}}}'
        elif action == "Ingest":
            ngrams += 1
            writes = f'{{"ngrams":{ngrams}}}'
        elif action == "LoadBigrams":
            held[s] = (ngrams, 0)
            reads = f'{{"bigrams":{ngrams}}}'
        elif action == "LoadTrigrams":
            held[s] = (held[s][0], ngrams)
            reads = f'{{"trigrams":{ngrams}}}'
        elif action == "AssignView":
            view = held[s]
            writes = f'{{"view.bigrams":{view[0]},"view.trigrams":{view[1]}}}'
        elif action == "Generate":
            reads = f'{{"view.bigrams":{view[0]},"view.trigrams":{view[1]}}}'
        elif action == "SaveSnapshot":
            snapshots += 1
            writes = f'{{"snapshots":{snapshots}}}'
        elif action == "Return":
            outcome = "returned"
            if kind == "locked":
                inside = -1
                idle.append(s)
        place[s] = (place[s] + 1) % len(STEPS)
        yield (
            f'{{"seq":{seq},"writer":"w1","run":"{run}","time":{seq * 2e-5:.6f},"instance":"i1",'
            f'"store":"main","session":"s{s + 1}","reply":"s{s + 1}.{turn[s]}","action":"{action}",'
            f'"reads":{reads},"writes":{writes},"outcome":"{outcome}"}}\n'
        )


def make(kind: str, events: int) -> None:
    """Write the lines of a trace to standard output."""
    source = lines(kind, events)
    while piece := "".join(islice(source, PIECE)):
        sys.stdout.write(piece)


def timed(
    work: Callable[[], object], repeat: int = 3, clock: Callable[[], float] = process_time
) -> float:
    """Return the least number of seconds of so many runs."""
    best = float("inf")
    for _ in range(repeat):
        began = clock()
        work()
        best = min(best, clock() - began)
    return best


def compare(events: int, by_tlc: int) -> None:
    """Print how fast each engine is, and what is spent on merely reading the lines.

    TLC and the full checker get the first ``by_tlc`` of the events: they would take hours for all.
    """
    print("| trace | what | events | seconds | events/s | against TLC |")
    print("|---|---|---:|---:|---:|---:|")
    for kind in KINDS:
        long, short = ("".join(lines(kind, n)).encode() for n in (events, by_tlc))
        rest = long[long.index(b"\n") + 1 :]
        tlc = timed(partial(judge, [record(trace(short))]), 1, perf_counter)
        for what, count, seconds in (
            ("reading lines", events, timed(partial(list, io.BytesIO(rest)), 1)),
            ("decoding events (msgspec)", events, timed(partial(decode, rest))),
            ("native", events, timed(partial(run, check_fast, long))),
            ("the same", by_tlc, timed(partial(run, check_fast, short))),
            ("native, full checker only", by_tlc, timed(partial(run, check, short), 1)),
            ("TLC", by_tlc, tlc),
        ):
            print(
                f"| {kind} | {what} | {count:,} | {seconds:.3f} | {count / seconds:,.0f} | "
                f"{count / seconds * tlc / by_tlc:,.0f} |",
                flush=True,
            )


def check_fast(trace: TraceReader) -> Outcome:
    """Check a trace as `leo validate` does."""
    return run_native(trace, keep=False)[0]


def decode(rest: bytes) -> None:
    """Decode events and forget them, a hundred or so at a time."""
    decoder, begin = msgspec.json.Decoder(Event), 0
    while begin < len(rest):
        end = rest.find(b"\n", begin + BLOCK) + 1 or len(rest)
        decoder.decode_lines(rest[begin:end])
        begin = end


def peak_memory() -> int:
    """Return the most memory that this process has had, in KiB.

    ``ru_maxrss`` would tell the parent's from before the program was exchanged.
    """
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(text.partition("VmHWM:")[2].split()[0])


def run(checker: Callable[[TraceReader], Outcome], data: bytes) -> None:
    assert checker(trace(data)).accepted


def trace(data: bytes) -> TraceReader:
    return TraceReader("bench", io.BytesIO(data))


def one(events: int) -> None:
    """Check one trace that comes by standard input; print what it took, as JSON."""
    began, clock = process_time(), perf_counter()
    outcome = check_fast(TraceReader("bench", sys.stdin.buffer))
    seconds, wall = process_time() - began, perf_counter() - clock
    assert outcome.accepted and outcome.events == events
    print(json.dumps({"seconds": seconds, "wall": wall, "memory": peak_memory()}))


def piped(kind: str, events: int) -> dict[str, float]:
    """Make a trace in one process and check it in another; return what the check took."""
    command = [sys.executable, "-m", "bench.native"]
    with subprocess.Popen([*command, "--make", kind, str(events)], stdout=PIPE) as maker:
        done = subprocess.run(
            [*command, "--one", str(events)], stdin=maker.stdout, stdout=PIPE, check=True
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def grow(longest: int) -> None:
    """Print time and memory over lengths from 10^4 on, each in processes of its own.

    The wall's clock includes the wait for the process that makes the trace.
    """
    print("\n| trace | events | seconds | on the wall | events/s | peak memory, MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for kind in KINDS:
        for power in range(4, longest + 1):
            found = piped(kind, 10**power)
            print(
                f"| {kind} | 10^{power} | {found['seconds']:.2f} | {found['wall']:.2f} | "
                f"{10**power / found['seconds']:,.0f} | {found['memory'] / 1024:.1f} |",
                flush=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.native", description=__doc__)
    parser.add_argument("--longest", type=int, default=6, help="10^N events at most (default: 6)")
    parser.add_argument("--events", type=int, default=200_000, help="for the native engine")
    parser.add_argument("--tlc", type=int, default=1000, help="events for TLC (default: 1000)")
    parser.add_argument("--make", nargs=2, metavar=("KIND", "EVENTS"), help=argparse.SUPPRESS)
    parser.add_argument("--one", type=int, metavar="EVENTS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make[0], int(options.make[1]))
        return 0
    if options.one:
        one(options.one)
        return 0
    compare(options.events, options.tlc)
    grow(options.longest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
