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
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
from matplotlib.figure import Figure

from bench.corpus import prompts
from bench.long_run_talk import Told
from bench.timing import median_ms, p95_ms
from leo.field.seed import SEED_TEXT
from leo.field.text import tokenize
from leo.modules import dream, flowtracker, mathbrain, metaleo, ragbrain, resonance, trauma
from leo.modules.bias import SHARDS
from leo.store.connection import Connection, transaction
from leo.store.fold import swept
from leo.store.loading import load_field
from leo.store.ngrams import JOURNAL
from leo.store.operations import CAP
from leo.store.schema import connect

TABLES = ("tokens", "bigrams", "trigrams", "co_occurrence")

# A bound is a number, or the name of a number that the run has (`totals`).
WORDS, SESSIONS, BIGRAMS, TRIGRAMS = "words", "sessions", "bigrams observed", "trigrams observed"
NAMES, TOKENS, KINDS = "names asked about", "tokens", "kinds of turns"
BOUNDS: Mapping[str, int | str] = {
    "tokens": WORDS,
    "bigrams": BIGRAMS,
    "trigrams": TRIGRAMS,
    "co_occurrence": "what was observed lately",
    "snapshots": CAP,
    "journal": JOURNAL,
    "emotion": TOKENS,
    "bias": SHARDS,
    "trauma_events": trauma.EVENTS,
    "trauma_words": TOKENS,
    "trauma_level": 1,
    "flow_turns": flowtracker.TURNS,
    "flow_strengths": 3 * flowtracker.TURNS,
    "flow_themes": TOKENS,
    "metaleo": metaleo.FRAGMENTS,
    "episodes": ragbrain.KEPT,
    "game_transitions": KINDS,
    "game_turns": KINDS,
    "game_tail": SESSIONS,
    "mathbrain": 1,
    "multileo_profiles": mathbrain.PROFILES,
    "multileo_events": mathbrain.EVENTS,
    "dream_dialogs": dream.DIALOGS,
    "dream_turns": dream.TURNS * dream.DIALOGS,
    "dream_fragments": dream.KEPT,
    "resonance": resonance.PROMPTS,
    "school_notes": NAMES,
    "school_roll": SESSIONS,
    "objects": 2,
    "meta": 1,
    "folding": 1,
}


class Point(NamedTuple):
    """What was told after some turns; MiB that a view of the same file takes when it is loaded
    anew; MB of the file and of its log; rows by table.
    """

    told: Told
    view: float
    file: float
    log: float
    rows: dict[str, int]

    @property
    def rest(self) -> float:
        """The memory that neither the view nor SQLite's copies of the file's pages explain."""
        return self.told.memory - self.view - self.file * 1e6 / 2**20

    @property
    def ngrams(self) -> int:
        """Bigrams and trigrams in the view."""
        return self.told.size["bigrams"] + self.told.size["trigrams"]

    def together(self) -> dict[str, int]:
        """The rows of the field's own tables, and those of all others as one."""
        own = {name: self.rows[name] for name in TABLES}
        return {**own, "others": sum(self.rows.values()) - sum(own.values())}


class Asked(NamedTuple):
    """What the questions and the seed text have: different tokens, bigrams and trigrams by the
    table; tokens if each may get a capital (a reply's sentences begin with one, and replies are
    heard again); and the names.
    """

    rows: dict[str, int]
    words: int
    names: int


def asked(lines: Iterable[str], names: int) -> Asked:
    """Count them in the texts."""
    tokens: set[str] = set()
    bigrams: set[tuple[str, str]] = set()
    trigrams: set[tuple[str, str, str]] = set()
    for text in lines:
        line = tokenize(text)
        tokens.update(line)
        bigrams.update(pairwise(line))
        trigrams.update(zip(line, line[1:], line[2:], strict=False))
    rows = {"tokens": len(tokens), "bigrams": len(bigrams), "trigrams": len(trigrams)}
    return Asked(rows, len(tokens | {token[:1].upper() + token[1:] for token in tokens}), names)


def totals(last: Point, heard: Asked) -> dict[str, int]:
    """The numbers that bounds speak of, at the end of a run of one session."""
    return {
        WORDS: heard.words,
        NAMES: heard.names,
        TOKENS: last.rows["tokens"],
        SESSIONS: 1,
        BIGRAMS: last.told.occurrences["bigrams"],
        TRIGRAMS: last.told.occurrences["trigrams"],
    }


def explain(points: Sequence[Point], file: Mapping[str, int], heard: Asked) -> bool:
    """A row per table: the rows it has at the end (`file`, after a last fold), how many of them the
    questions themselves account for, the most it had at any point, the rows a turn in the last
    half, and its bound. Returns whether all are within bounds and the view knows what the file has.
    """
    known = totals(points[-1], heard)
    last, before = points[-1], points[len(points) // 2 - 1]
    turns = last.told.turns - before.told.turns
    sound = True
    print("\n| table | rows | in the questions | at most | a turn, last half | bound |")
    print("|---|---:|---:|---:|---:|---|")
    for name, count in sorted(file.items(), key=lambda item: -item[1]):
        most = max(count, *(point.rows[name] for point in points))
        bound = BOUNDS[name]
        limit = known.get(bound) if isinstance(bound, str) else bound
        text = str(bound) if limit is None or limit is bound else f"{limit:,} ({bound})"
        told = f"{heard.rows[name]:,}" if name in heard.rows else "-"
        if limit is not None and most > limit:
            sound, text = False, f"{text}: **exceeded**"
        if count != last.told.size.get(name, count):
            sound, text = False, f"{text}; **{last.told.size[name]:,} in the view**"
        grew = (last.rows[name] - before.rows[name]) / turns
        print(f"| {name} | {count:,} | {told} | {most:,} | {grew:.2f} | {text} |")
    grew, more = last.rest - before.rest, last.ngrams - before.ngrams
    print(f"\nIn the last {turns:,} turns {more:,} bigrams and trigrams were new. Memory grew by")
    print(f"{last.told.memory - before.told.memory:.1f} MiB, and without the view and the file by")
    each, sooner = (point.view * 2**20 / point.ngrams for point in (last, before))
    print(f"{grew:.1f} MiB. A view takes {each:.0f} bytes for each of its bigrams and trigrams")
    print(f"(half way: {sooner:.0f}). The file has {last.file:.1f} MB,", end=" ")
    print(f"its write-ahead log {max(point.log for point in points):.1f} MB.")
    return sound


def deciles(points: Sequence[Point]) -> None:
    """By tenths of the run, milliseconds of a reply, of a turn with its inner replies, and of the
    processor for a reply, against the same for a piece of work that is always the same.
    """
    replies, whole, cpu, fixed = (
        [second for point in points for second in getattr(point.told, name)]
        for name in ("replies", "whole", "cpu", "fixed")
    )
    print("\n| turns | reply, ms | 95% | with inner replies | 95% | processor, ms ", end="")
    print("| fixed work, ms | processor against fixed |\n" + "|---:" * 8 + "|")
    for begin, end in pairwise(len(replies) * part // 10 for part in range(11)):
        used, same = median_ms(cpu[begin:end]), median_ms(fixed[begin:end])
        print(
            f"| {begin + 1:,} to {end:,} | {median_ms(replies[begin:end]):.1f} "
            f"| {p95_ms(replies[begin:end]):.1f} | {median_ms(whole[begin:end]):.1f} "
            f"| {p95_ms(whole[begin:end]):.1f} | {used:.1f} | {same:.2f} | {used / same:.1f} |"
        )


def plot(legs: Mapping[str, Sequence[Point]], out: Path) -> None:
    """A column for each leg: time, memory, rows. As PNG and SVG."""
    figure = Figure(figsize=(5 * len(legs), 9), layout="constrained")
    panels = figure.subplots(3, len(legs), sharex="col", sharey="row", squeeze=False)
    for (name, points), (time, memory, rows) in zip(legs.items(), panels.T, strict=True):
        turns = [point.told.turns for point in points]
        time.set_title(name)
        time.plot(turns, [median_ms(point.told.replies) for point in points], label="median")
        time.plot(turns, [p95_ms(point.told.replies) for point in points], label="95%")
        time.plot(turns, [median_ms(point.told.cpu) for point in points], label="processor")
        memory.plot(turns, [point.told.memory for point in points], label="in all")
        memory.plot(turns, [point.rest for point in points], label="without view and file")
        memory.plot(turns, [point.view for point in points], label="the view, loaded anew")
        memory.plot(turns, [point.file * 1e6 / 2**20 for point in points], label="the file")
        for table in points[0].together():
            label = table.replace("_", "-")
            rows.plot(turns, [point.together()[table] for point in points], label=label)
        rows.set_xlabel("turns")
    for label, panel in zip(("ms per reply", "memory, MiB", "rows"), panels[:, 0], strict=True):
        panel.set_ylabel(label)
        # The row shares its scale; the legends want room above the lines.
        panel.set_ylim(0, 1.25 * panel.get_ylim()[1])
    for panel in panels.flat:
        panel.set_xlim(left=0)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8, loc="upper left", ncols=2)
        panel.xaxis.set_major_formatter("{x:,.0f}")
    for panel in panels[2]:
        panel.yaxis.set_major_formatter("{x:,.0f}")
    out.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "svg"):
        figure.savefig(out / f"long_run.{kind}", dpi=120)


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
