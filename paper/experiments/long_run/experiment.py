"""A long conversation: is the field after a thousand turns still what it should be?

One session, all modules, the default discipline, every event validated. In the middle the process
is killed in the middle of a reply, just before its commit; another one opens the file and goes on.
At regular moments of rest the field is compared with what was observed, with its own file, and with
its beginning.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

from leo.store.checkup import check_field
from leo.store.operations import get_versions
from leo.store.schema import connect
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.long_run.parts import Half, carry_out, die_in_the_middle
from paper.experiments.long_run.report import plot, summarise

__all__ = ["EXPERIMENT"]


def cells(config: Config) -> list[Key]:
    """One conversation for each seed. A conversation cannot be taken up again in the middle by
    another run of the experiment: its process would have to die in the same place.
    """
    return [(seed,) for seed in range(config["seeds"])]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """Turns, snapshots of integrity, and the crash."""
    [seed] = key
    chance = seed_of(config["seed"], "long-run", seed)
    turns = int(config["turns"])
    middle, every = turns // 2, max(1, turns // int(config["snapshots"]))
    path = lab.folder / "field.sqlite3"
    first = Half(path, chance, config["words"], "s1", 0, turns, every, dies=middle)
    rows, totals = _first_half(first, lab)
    rows.append(_crash(path, middle, totals))
    second = Half(path, chance, config["words"], "s2", middle, turns, every, totals)

    def keep(kind: str, row: dict[str, Any]) -> None:
        if kind == "time":
            lab.time(seed=seed, part=2, **row)
        else:
            rows.append(row)

    carry_out(second, keep, lab.clock)
    return [{"seed": seed, **row} for row in rows]


def _first_half(half: Half, lab: Lab) -> tuple[list[dict[str, Any]], tuple[int, int, int]]:
    """The rows of the process that dies, and the ledger at its death."""
    out = lab.folder / "first.jsonl"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=die_in_the_middle, args=(half, lab.clock, out))
    process.start()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        raise ExperimentError(
            f"the process of the first half ended with {process.exitcode}, and should have been "
            "killed in the middle of a reply; its own message is above"
        )
    rows: list[dict[str, Any]] = []
    totals = (0, 0, 0)
    for line in out.read_text("utf-8").splitlines():
        kind, row = json.loads(line)
        if kind == "row":
            rows.append(row)
        elif kind == "time":
            lab.time(seed=half.seed, part=1, **row)
        else:
            commits, bigrams, trigrams = row["totals"]
            totals = commits, bigrams, trigrams
    return rows, totals


def _crash(path: Path, turn: int, totals: tuple[int, int, int]) -> dict[str, Any]:
    """What a process that opens the file after the crash finds, before it does anything."""
    with closing(connect(path)) as conn:
        versions, findings = get_versions(conn), check_field(conn)
    return {
        "kind": "crash",
        "turn": turn,
        "commits": totals[0],
        "ngrams": versions["ngrams"],
        "snapshots": versions["snapshots"],
        # Every reply that was committed is there, and nothing of the one that was under way.
        "whole": versions == {"ngrams": totals[0] + 1, "snapshots": totals[0]},
        "findings": len(findings),
    }


EXPERIMENT = Experiment(
    name="long-run",
    help="does the field stay whole and the metric level over a long conversation",
    options=(
        Option(
            "turns", "how many turns; 100000 is the long one", default=1000, quick=160, least=40
        ),
        Option("snapshots", "how often integrity is looked at", default=20, quick=8, least=2),
        Option("seeds", "how many conversations", default=3, quick=1, least=1),
        Option("words", "the length of the observer's messages", default=19, least=14),
    ),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
    # Turns are timed.
    parallel=False,
)
