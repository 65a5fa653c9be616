"""Observers at the same time: 1 to 50 of them on one instance, on a field each, on a shared store.

What the rows hold is decided by a seeded schedule on the organism (`leo.explore`). Beside each
of them the same crew talks to the real event loop, the real threads or the real processes of this
machine; what that gave, throughput and waiting among it, is in the timings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from leo_model.organism.case import Case
from paper.experiments.arms import surplus, talk
from paper.experiments.concurrent.processes import run_in_processes
from paper.experiments.concurrent.report import plot, summarise
from paper.experiments.concurrent.runs import Crew, run_here, taken_in, waiting_of
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of

ONE: Final = (
    "bare",
    "gil",
    "threading-lock",
    "asyncio-lock",
    "shielded-unit-of-work",
    "actor",
    "optimistic",
)
EACH: Final = ("asyncio-lock", "shielded-unit-of-work")
SHARED: Final = ("shared-store", "shared-store-unit-of-work", "shared-store-immediate")
# The one that promises that nobody comes between the reads and the writes of a reply.
ISOLATED: Final = "shared-store-immediate"
# An optimistic reply starts again whenever another one was faster, so its cost grows with the
# square of the crew; above this size it says nothing new.
OPTIMISTIC_AT_MOST: Final = 10
PROCESSES: Final = 2


def cells(config: Config) -> list[Key]:
    """By place, discipline and size of the crew."""
    sizes = [int(size) for size in config["observers"]]
    found: list[Key] = []
    for discipline in ONE:
        most = OPTIMISTIC_AT_MOST if discipline == "optimistic" else max(sizes)
        found += [("one", discipline, size) for size in sizes if size <= most]
    found += [("each", discipline, size) for discipline in EACH for size in sizes]
    pairs = [size for size in sizes if size >= PROCESSES]
    found += [("shared", discipline, size) for discipline in SHARED for size in pairs]
    found += [("processes", discipline, size) for discipline in SHARED for size in pairs]
    return found


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """The rows of one crew in one place."""
    where, discipline, size = str(key[0]), str(key[1]), int(key[2])
    chance = seed_of(config["seed"], "concurrent", size)
    crew = Crew(size, config["turns"], config["words"], chance)
    place = {"where": where, "discipline": discipline, "observers": size}
    if where == "processes":
        ledger, timing = run_in_processes(discipline, crew, PROCESSES, lab.folder, lab.clock)
        lab.time(**place, **timing)
        isolated = not (ledger.intruded or ledger.torn) if discipline == ISOLATED else None
        row: dict[str, Any] = {
            "asked": crew.size * crew.turns,
            "ended": ledger.returned + ledger.refused,
            "accounted": ledger.accounted,
            "isolated": isolated,
        }
        return [{**place, **row}]
    if where == "each":
        timing = run_here(discipline, crew, lab.folder, lab.clock, apart=True)
        lab.time(**place, **timing)
        # Each has one session: what happens there does not depend on the machine.
        kept = {name: timing[name] for name in ("replies", "returned")}
        return [{**place, **kept, "defects": sum(timing["defects"].values())}]
    if where == "one":
        lab.time(**place, **run_here(discipline, crew, lab.folder, lab.clock))
    return [{**place, **_scheduled(discipline, crew)}]


def _scheduled(discipline: str, crew: Crew) -> dict[str, Any]:
    scripts = [crew.script(number) for number in range(crew.size)]

    def say(session: int, turn: int, answers: Mapping[str, str]) -> str:
        return scripts[session][turn]

    case = Case(discipline, crew.size, crew.turns, (), crew.seed)
    talked = talk(case, say, seed_of(crew.seed, "schedule"))
    waits, overtaken = waiting_of(talked.events)
    return {
        "replies": talked.calls,
        "returned": talked.outcomes["returned"],
        "surplus": " ".join(surplus(discipline, talked)),
        "taken_in": taken_in(talked.events),
        "wait_mean": sum(waits) / len(waits),
        "wait_largest": max(waits),
        "overtaken": sum(map(bool, overtaken)),
        "overtaken_largest": max(overtaken),
        **talked.defects,
    }


EXPERIMENT = Experiment(
    name="concurrent",
    options=(
        Option(
            "observers",
            "sizes of the crew",
            default=(1, 3, 5, 10, 25, 50),
            quick=(1, 5, 20),
            least=1,
        ),
        Option("turns", "turns of each observer", default=8, quick=3, least=1),
        Option("words", "the length of the observers' messages", default=19, least=14),
    ),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
    # Throughput is timed.
    parallel=False,
)
