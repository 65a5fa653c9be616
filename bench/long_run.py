"""Many turns in one run: do memory and reply time stay flat, and what does the file grow by?

Every turn is a question of a new sentence, with all modules and their inner replies. The rows of
the file are counted now and then; `plot` draws memory, time and rows to build/bench/. At the end
each table is set against what was observed: the n-grams that occurred and how often (the view has
them by increments, the file by folds), the replies, and the bound of each table that has one.
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
from leo.connection import transaction
from leo.fold import swept
from leo.ngrams import JOURNAL
from leo.organs import dream, flowtracker, mathbrain, metaleo, ragbrain, trauma
from leo.organs.bias import SHARDS
from leo.schema import connect
from leo.sql import CAP
from leo.view import View

OUT = Path("build/bench")
POINTS = 20
TABLES = ("tokens", "bigrams", "trigrams", "co_occurrence", "snapshots", "journal")

# What a table grows with, or where it ends.
WORDS, SESSIONS = "the vocabulary", "the sessions"
BOUNDS = {
    "tokens": WORDS,
    "bigrams": "what was observed",
    "trigrams": "what was observed",
    "co_occurrence": "what was observed lately: the rest has faded",
    "snapshots": f"at most {CAP}",
    "journal": f"at most {JOURNAL}",
    "emotion": WORDS,
    "bias": f"at most {SHARDS}",
    "trauma_events": f"at most {trauma.EVENTS}",
    "trauma_words": "the words of the seed text",
    "flow_turns": f"at most {flowtracker.TURNS}",
    "flow_strengths": f"at most {3 * flowtracker.TURNS}",
    "flow_themes": WORDS,
    "metaleo": f"at most {metaleo.FRAGMENTS}",
    "episodes": f"at most {ragbrain.KEPT}",
    "game_transitions": "the kinds of turns",
    "game_turns": "the kinds of turns",
    "game_tail": SESSIONS,
    "multileo_profiles": f"at most {mathbrain.PROFILES}",
    "multileo_events": f"at most {mathbrain.EVENTS}",
    "dream_dialogs": f"at most {dream.DIALOGS}",
    "dream_turns": f"at most {dream.TURNS * dream.DIALOGS}",
    "dream_fragments": f"at most {dream.KEPT}",
    "school_notes": "the names that were asked about",
    "school_roll": SESSIONS,
}


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
    size: dict[str, int]
    occurrences: dict[str, int]


def resident() -> float:
    """The memory that this process holds, in MiB."""
    status = Path("/proc/self/statm").read_text("ascii")
    return int(status.split()[1]) * 4096 / 2**20


def count_rows(path: Path) -> dict[str, int]:
    """Rows by table."""
    with closing(connect(path)) as conn:
        names = [
            name
            for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        return {n: conn.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}


def together(rows: dict[str, int]) -> dict[str, int]:
    """The field's own tables, and those of the modules as one."""
    own = {name: rows[name] for name in TABLES}
    return {**own, "modules": sum(rows.values()) - sum(own.values())}


def occurrences(view: View) -> dict[str, int]:
    """How many bigrams and trigrams were observed, each as often as it was."""
    return {
        "bigrams": sum(sum(row.values()) for row in view.words.followers.values()),
        "trigrams": sum(sum(row.values()) for row in view.chains.followers.values()),
    }


def explain(points: list[Point], file: dict[str, int]) -> None:
    """A row per table: what it has, by what it grew at the end, and what it grows with. `file` are
    its rows after a last fold.
    """
    last, before = points[-1], points[len(points) // 2 - 1]
    turns = last.turns - before.turns
    print("\n| table | rows | in the view | observed | rows a turn, last half | grows with |")
    print("|---|---:|---:|---:|---:|---|")
    for name, count in sorted(file.items(), key=lambda item: -item[1]):
        grew = (last.rows[name] - before.rows[name]) / turns
        seen = f"{last.size[name]:,}" if name in last.size else "-"
        times = f"{last.occurrences[name]:,}" if name in last.occurrences else "-"
        print(f"| {name} | {count:,} | {seen} | {times} | {grew:.2f} | {BOUNDS.get(name, '-')} |")


async def run(path: Path, turns: int, out: Path) -> list[Point]:
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
                    leo.view.size(), occurrences(leo.view),
                )  # fmt: skip
                points.append(point)
                seconds = []
                plot(points, out)
                counts = " | ".join(f"{n:,}" for n in together(point.rows).values())
                print(
                    f"| {number:,} | {point.median:.1f} | {point.p95:.1f} | {point.memory:.0f} "
                    f"| {point.file:.1f} | " + counts + f" | {point.observations:,} |",
                    flush=True,
                )  # fmt: skip
    return points


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
    for name in together(points[0].rows):
        rows.plot(turns, [together(point.rows)[name] for point in points], label=name)
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
        path = Path(work) / "field.sqlite3"
        points = asyncio.run(run(path, args.turns, args.out))
        with closing(connect(path)) as conn, transaction(conn):
            swept(conn)
        explain(points, count_rows(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
