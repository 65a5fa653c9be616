"""Many turns in one run: do memory and reply time stay flat, and what does the file grow by?

Two legs, each a new field with all modules and their inner replies, in a process of its own
(`bench.long_run_talk`):

    open    every question is a new sentence. The field grows, and with it the view: flat is the
            memory that is left without the view and the pages of the file, and the reply time
    closed  the same questions again and again. The words run out, and memory itself should be flat.
            N-grams do not quite run out: what is recalled is heard again, and where one walk ends
            and the next begins, two words may meet that never met

At each of POINTS points the file is looked at from here: rows by table, and what a view of the same
file takes when it is loaded anew. `build/bench/` gets a plot. At the end each table is set against
its bound; a table beyond it makes the exit code 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.corpus import prompts
from bench.long_run_report import Point, asked, deciles, explain, plot
from bench.long_run_talk import Told
from bench.timing import median_ms, p95_ms
from leo.field.seed import SEED_TEXT
from leo.store.connection import Connection, transaction
from leo.store.fold import swept
from leo.store.loading import load_field
from leo.store.schema import connect

OUT = Path("build/bench")
POINTS = 20
LEGS = {"open": "every turn a new sentence", "closed": "the same sentences over and over"}
SENTENCES = 200
# One question in so many names something, as School wants it.
NAMED = 10


def questions(leg: str, turns: int) -> list[str]:
    """One for each turn."""
    several = prompts(turns if leg == "open" else min(turns, SENTENCES))
    for place in range(0, len(several), NAMED):
        head, _, tail = several[place].rpartition(" ")
        several[place] = f"{head} {tail.capitalize()}"
    return [several[turn % len(several)] for turn in range(turns)]


def count_rows(conn: Connection) -> dict[str, int]:
    """Rows by table."""
    names = [
        name
        for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith("sqlite_")
    ]
    return {n: conn.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}


def weigh(conn: Connection) -> float:
    """MiB that Python allocates for a view of the file's n-grams."""
    tracemalloc.start()
    loaded = load_field(conn)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del loaded
    return size / 2**20


def look(path: Path, line: bytes) -> Point:
    """A point, from what was told and from the file."""
    told = msgspec.json.decode(line, type=Told)
    file, log = (Path(f"{path}{end}").stat().st_size / 1e6 for end in ("", "-wal"))
    with closing(connect(path)) as conn:
        point = Point(told, weigh(conn), file, log, count_rows(conn))
    print(
        f"| {told.turns:,} | {median_ms(told.replies):.1f} | {p95_ms(told.replies):.1f} "
        f"| {told.memory:.1f} | {point.view:.1f} | {point.file:.1f} | {point.rest:.1f} | "
        + " | ".join(f"{n:,}" for n in point.together().values())
        + " |",
        flush=True,
    )
    return point


def run(leg: str, turns: int, work: Path, draw: Callable[[list[Point]], None]) -> bool:
    """One leg; whether its tables are within bounds. `draw` is given the points so far, whenever
    there is one more: a long run may be cut short.
    """
    lines = questions(leg, turns)
    path, script = work / f"{leg}.sqlite3", work / f"{leg}.txt"
    script.write_text("\n".join(lines), "utf-8")
    every = str(turns // POINTS)
    command = [sys.executable, "-m", "bench.long_run_talk", str(path), str(script), every]
    print(f"\n{leg}: {LEGS[leg]}\n")
    print("| turns | reply, ms | 95% | memory, MiB | view | file, MB | rest | tokens ", end="")
    print("| bigrams | trigrams | co-occurrence | other rows |\n" + "|---:" * 12 + "|", flush=True)
    points: list[Point] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as talk:
        assert talk.stdin is not None and talk.stdout is not None, "pipes"
        for line in talk.stdout:
            points.append(look(path, line))
            draw(points)
            talk.stdin.write(b"\n")
            talk.stdin.flush()
    if talk.returncode:
        raise SystemExit(2)
    with closing(connect(path)) as conn:
        with transaction(conn):
            swept(conn)
        names = len({name for line in lines if (name := line.split()[-1])[0].isupper()})
        sound = explain(points, count_rows(conn), asked((SEED_TEXT, *lines), names))
    deciles(points)
    return sound


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=10_000, metavar="N")
    parser.add_argument("--leg", choices=LEGS, nargs="+", default=list(LEGS))
    parser.add_argument("--out", type=Path, default=OUT, help=f"for the plots (default: {OUT})")
    args = parser.parse_args()
    if args.turns < POINTS or args.turns % POINTS:
        parser.error(
            f"--turns {args.turns} is no multiple of {POINTS}, and a run is looked at that often; "
            "give one, such as 1000"
        )
    drawn: dict[str, list[Point]] = {}
    sound = True
    with TemporaryDirectory() as work:
        for leg in args.leg:

            def draw(points: list[Point], title: str = f"{leg}: {LEGS[leg]}") -> None:
                drawn[title] = points
                plot(drawn, args.out)

            sound = run(leg, args.turns, Path(work), draw) and sound
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
