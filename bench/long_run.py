"""Many turns in one run: do memory and reply time stay flat, and what does the file grow by?

Every turn is a question of a new sentence, with all modules and their inner replies. The rows of
the file are counted now and then; `plot` draws memory, time and rows to build/bench/.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from matplotlib.figure import Figure

from bench.corpus import prompts
from bench.timing import median_ms, p95_ms
from leo import ORGANS, AsyncLeoField
from leo.schema import connect

OUT = Path("build/bench")
POINTS = 20
TABLES = ("tokens", "bigrams", "trigrams", "co_occurrence", "snapshots", "journal")


class Point(NamedTuple):
    """The state after some turns: milliseconds of the turns since the point before, memory in MiB,
    file in MB, rows by table, versions of the n-grams.
    """

    turns: int
    median: float
    p95: float
    memory: float
    file: float
    rows: dict[str, int]
    observations: int


def resident() -> float:
    """The memory that this process holds, in MiB."""
    status = Path("/proc/self/statm").read_text("ascii")
    return int(status.split()[1]) * 4096 / 2**20


def count_rows(path: Path) -> dict[str, int]:
    """Rows by table, those of the modules together."""
    with closing(connect(path)) as conn:
        names = [
            name
            for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        rows = {n: conn.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}
    found = {name: rows.pop(name) for name in TABLES}
    return {**found, "modules": sum(rows.values())}


async def run(path: Path, turns: int, out: Path) -> None:
    """Talk; look POINTS times, and draw what there is so far: a long run may be cut short."""
    points: list[Point] = []
    seconds: list[float] = []
    async with await AsyncLeoField.open(path, modules=ORGANS) as leo:
        for number, question in enumerate(prompts(turns), start=1):
            began = perf_counter()
            await leo.reply(question)
            seconds.append(perf_counter() - began)
            await leo.settle()
            if number % max(1, turns // POINTS) == 0:
                point = Point(
                    number, median_ms(seconds), p95_ms(seconds), resident(),
                    path.stat().st_size / 1e6, count_rows(path), leo.view.bigrams.version,
                )  # fmt: skip
                points.append(point)
                seconds = []
                plot(points, out)
                print(
                    f"| {number:,} | {point.median:.1f} | {point.p95:.1f} | {point.memory:.0f} "
                    f"| {point.file:.1f} | " + " | ".join(f"{n:,}" for n in point.rows.values())
                    + f" | {point.observations:,} |",
                    flush=True,
                )  # fmt: skip


def plot(points: list[Point], out: Path) -> None:
    """Three panels, as PNG and SVG."""
    figure = Figure(figsize=(7, 8), layout="constrained")
    time, memory, rows = figure.subplots(3, 1, sharex=True)
    turns = [point.turns for point in points]
    time.plot(turns, [point.median for point in points], label="median")
    time.plot(turns, [point.p95 for point in points], label="95th percentile")
    time.set_ylabel("ms per reply")
    memory.plot(turns, [point.memory for point in points], label="memory, MiB")
    memory.plot(turns, [point.file for point in points], label="file, MB")
    for name in points[0].rows:
        rows.plot(turns, [point.rows[name] for point in points], label=name)
    rows.set_ylabel("rows")
    rows.set_xlabel("turns")
    for panel in (time, memory, rows):
        panel.set_ylim(bottom=0)
        panel.legend(fontsize=8)
    out.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "svg"):
        figure.savefig(out / f"long_run.{kind}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=OUT, help=f"for the plots (default: {OUT})")
    args = parser.parse_args()
    print("| turns | median, ms | 95% | memory, MiB | file, MB | " + " | ".join(TABLES), end="")
    print(" | modules | observations |\n" + "|---:" * (7 + len(TABLES)) + "|", flush=True)
    with TemporaryDirectory() as work:
        asyncio.run(run(Path(work) / "field.sqlite3", args.turns, args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
