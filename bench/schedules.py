"""How many schedules of the real organism are carried out in a second.

    python -m bench.schedules [--seconds 2]

Schedules by chance (uniform, a fixed seed) of two sessions of one turn, without faults, each begun
on a store that is as new, carried out, judged by the native validator, and closed.  A reply's
answer is of four words, as in `leo explore`; with `--words 80` as long as the organism's own.  CPU
seconds are those of the whole process, the worker threads among them.
"""

from __future__ import annotations

import argparse
import time
from random import Random

from leo_model.disciplines import IDEALISED
from leo_model.organism.case import Case
from leo_model.organism.organism import Organism
from leo_model.organism.run import WORDS, StoreKind

TARGETS = {"memory": 1000, "aiosqlite": 100}


def rate(discipline: str, store: StoreKind, seconds: float, words: int) -> tuple[float, ...]:
    """Schedules a second, by the clock and by the processor; choices and replies of a schedule."""
    case = Case(discipline, 1 if discipline == "sequential" else 2)
    chance = Random(7)
    with Organism(case, store=store, words=words) as organism:
        _run(organism, chance)
        runs = steps = 0
        wall, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - wall < seconds:
            steps += _run(organism, chance)
            runs += 1
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return runs / wall, runs / cpu, steps / runs, float(case.sessions)


def _run(organism: Organism, chance: Random) -> int:
    run, steps = organism.start(), 0
    while enabled := run.enabled():
        run.take(enabled[chance.randrange(len(enabled))])
        steps += 1
    run.close()
    return steps


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row (default: 2)")
    parser.add_argument("--words", type=int, default=WORDS, help="of an answer (default: 4)")
    args = parser.parse_args()
    print(
        "| discipline | store | schedules/s | per CPU s | replies/s | choices | replies/s, target |"
    )
    print("|---|---|---:|---:|---:|---:|---:|")
    for discipline in IDEALISED:
        stores: tuple[StoreKind, ...] = ("memory", "aiosqlite")
        if Case(discipline, 1).runs_on_threads:
            stores = ("memory",)
        for store in stores:
            wall, cpu, steps, replies = rate(discipline, store, args.seconds, args.words)
            print(
                f"| {discipline} | {store} | {wall:,.0f} | {cpu:,.0f} | {wall * replies:,.0f} "
                f"| {steps:.0f} | {TARGETS[store]:,} |"
            )


if __name__ == "__main__":
    main()
