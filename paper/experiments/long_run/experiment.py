"""A long conversation: is the field after a thousand turns still what it should be?

All modules, the default discipline, every event validated, a week of an injected clock with its
nights. Every day the process is killed in the middle of a reply, just before its commit, and in the
evening the power fails, which takes back the last commits; another process opens the file and goes
on. One conversation more is a hundred times as long, over as many weeks, with as many stops as the
others have, and without the modules that make the organism talk to itself. At regular moments of
rest the field is compared with what was observed, with its own file, and with its beginning.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from contextlib import closing
from random import Random
from statistics import fmean
from typing import Any

from leo.commands.ending import deaf
from leo.store.checkup import check_field
from leo.store.operations import get_versions
from leo.store.schema import connect
from paper.experiments.arms import digest
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.long_run.parts import (
    CYCLE,
    KILLED,
    POWER,
    START,
    Leg,
    Totals,
    carry_out_apart,
    cut_power,
)
from paper.experiments.long_run.report import plot, summarise


def cells(config: Config) -> list[Key]:
    """One conversation for each seed, then the long one. A conversation cannot be taken up again in
    the middle by another run of the experiment: its process would have to die in the same place.
    """
    return [(seed,) for seed in range(config["seeds"] + bool(config["long"]))]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """Turns, snapshots of integrity, and the stops."""
    seed = int(key[0])
    chance = seed_of(config["seed"], "long-run", seed)
    quiet = seed == config["seeds"]
    turns = int(config["long"] if quiet else config["turns"])
    days = config["days"] * max(1, turns // config["turns"])
    path = lab.folder / "field.sqlite3"
    rows: list[dict[str, Any]] = []
    totals, since = (0, 0, 0), START
    for number, (first, last, stop) in enumerate(_legs(turns, config["days"])):
        leg = Leg(
            path, chance, config["words"], f"s{number + 1}", first, last,
            max(1, turns // int(config["snapshots"])), turns, days, quiet, stop, totals, since,
        )  # fmt: skip
        kept, end = _run(leg, number + 1, seed, lab)
        if stop == POWER:
            cut_power(path, Random(seed_of(chance, "power", number)))
        row, totals = _stopped(leg, end)
        rows += [*kept, row]
        since = end["now"]
    rest = [row for row in rows if row["kind"] != "turn"]
    return [{"seed": seed, **row} for row in [*_cycles(rows), *rest]]


def _cycles(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns by cycles of the script: in the means over a cycle the same prompts were heard."""
    turns = [row for row in rows if row["kind"] == "turn"]
    return [
        {
            "kind": "cycle",
            "turns": len(mine),
            **{name: fmean(row[name] for row in mine) for name in ("tokens", "types", "words")},
            "replies": digest(" ".join(row["reply"] for row in mine)),
        }
        for mine in (turns[at : at + CYCLE] for at in range(0, len(turns), CYCLE))
    ]


def _legs(turns: int, days: int) -> list[tuple[int, int, str]]:
    """A day (of a long conversation: a seventh of it) has two: until it is killed at noon, in a
    turn that the next one takes again, and until the power fails in the evening.
    """
    found = []
    for day in range(days):
        morning, evening = (turns * n // days for n in (day, day + 1))
        noon = (morning + evening) // 2
        found += [(morning, noon + 1, KILLED), (noon, evening, POWER)]
    return found


def _run(leg: Leg, part: int, seed: int, lab: Lab) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of the process of a leg, and what it said at its end."""
    out = lab.folder / "leg.jsonl"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=carry_out_apart, args=(leg, lab.clock, out))
    with deaf():
        process.start()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        raise ExperimentError(
            f"the process of turns {leg.first} to {leg.last} ended with {process.exitcode}, and "
            "should have been killed; its own message is above"
        )
    rows: list[dict[str, Any]] = []
    end: dict[str, Any] = {}
    for line in out.read_text("utf-8").splitlines():
        kind, row = json.loads(line)
        if kind == "row":
            rows.append(row)
        elif kind == "time":
            lab.time(seed=seed, part=part, **row)
        else:
            end = row
    return rows, end


def _stopped(leg: Leg, end: dict[str, Any]) -> tuple[dict[str, Any], Totals]:
    """What a process that opens the file after the stop finds, before it does anything, and the
    ledger of it.
    """
    with closing(connect(leg.path)) as conn:
        versions, findings = get_versions(conn), check_field(conn)
    commits, found = end["totals"][0], versions["snapshots"]
    history: dict[int, Totals] = {one[0]: (one[0], one[1], one[2]) for one in end["history"]}
    # A commit survives the death of the process, and a power cut takes back whole ones, the last.
    whole = versions["ngrams"] == found + 1 and found in history
    row = {
        "kind": "stop",
        "how": leg.stop,
        "turn": leg.last - 1,
        "commits": commits,
        "ngrams": versions["ngrams"],
        "snapshots": found,
        "whole": whole and (leg.stop == POWER or found == commits),
        "findings": len(findings),
    }
    return row, history.get(found, leg.totals)


EXPERIMENT = Experiment(
    name="long-run",
    options=(
        Option("turns", "turns of a conversation", default=1000, quick=160, least=40),
        Option("long", "of one more, which is long; 0: none", default=100_000, quick=0, least=0),
        Option("days", "of the injected clock, each with two stops", default=7, quick=2, least=1),
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
    costly=lambda config, key: key[0] == config["seeds"],
)
