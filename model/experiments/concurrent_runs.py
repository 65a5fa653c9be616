"""Observers at the same time on the real organism: on one instance, one each, or in processes.

What comes out depends on the machine, so it is told as timings and not as rows; every event is
validated all the same, after the run. Where several processes share a store nobody sees all
events in order, and the versions that they carry are compared instead.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from leo.afield import AsyncLeoField
from leo.disciplines import DISCIPLINES
from leo.errors import StepError, StoreLockedError, StoreMovedError
from leo.field import LeoField
from leo.observers import ScriptedObserver
from leo.trace import Beginning, Event, Happened
from model.experiments.arms import per_thousand, say_in_turn
from model.experiments.errors import ExperimentError
from model.experiments.experiment import seed_of
from model.experiments.judging import Judge

__all__ = ["Crew", "Ledger", "Waiting", "run_here", "run_in_processes", "waiting_of"]

# Seconds that two processes wait for each other before they begin; they need a tenth of one.
PATIENCE = 60.0
# The store is held by somebody else for too long, or was changed by somebody else meanwhile.
REFUSALS = (StoreLockedError, StoreMovedError)


@dataclass(frozen=True)
class Crew:
    """Observers, how many turns each has, and their words; `first` is the number of the first."""

    size: int
    turns: int
    words: int
    seed: int
    first: int = 0

    def script(self, place: int) -> list[str]:
        """The messages of one observer."""
        number = self.first + place
        observer = ScriptedObserver(self.words, seed_of(self.seed, number) % 1_000_003)
        return [say_in_turn(observer, number, turn).message for turn in range(self.turns)]

    def name(self, place: int) -> str:
        """The session of an observer."""
        return f"s{self.first + place + 1}"


class Waiting(NamedTuple):
    """Per reply, how many others ended between its Call and its Acquire, and how many called after
    it and were served before it.
    """

    waits: list[int]
    overtaken: list[int]


def waiting_of(events: Sequence[Event]) -> Waiting:
    """The waiting in a trace, in replies and not in seconds."""
    called: dict[str, int] = {}
    served: dict[str, int] = {}
    ended_at_call: dict[str, int] = {}
    waits: list[int] = []
    ended = 0
    for place, event in enumerate(events):
        if event.action == "Call":
            called[event.reply], ended_at_call[event.reply] = place, ended
        elif event.action == "Acquire":
            # A reply that starts again acquires no second time.
            served[event.reply] = place
            waits.append(ended - ended_at_call[event.reply])
        elif event.outcome != "ok":
            ended += 1
    overtaken = [
        sum(called[other] > called[reply] and at < served[reply] for other, at in served.items())
        for reply in served
    ]
    return Waiting(waits, overtaken)


@dataclass
class _Watch:
    """Events as they happen, and when."""

    clock: Callable[[], float]
    events: list[Event] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def see(self, event: Event) -> None:
        self.events.append(event)
        self.times.append(self.clock())

    def waited(self) -> list[float]:
        """Milliseconds from Call to Acquire, reply by reply."""
        called: dict[str, float] = {}
        found = []
        for event, at in zip(self.events, self.times, strict=True):
            if event.action == "Call":
                called[event.reply] = at
            elif event.action == "Acquire":
                found.append(1000 * (at - called[event.reply]))
        return found


def run_here(
    discipline: str, crew: Crew, folder: Path, clock: Callable[[], float], *, apart: bool = False
) -> dict[str, Any]:
    """Let a crew talk in this process, on one instance or (`apart`) on a field each."""
    names = [crew.name(place) for place in range(crew.size)]
    watches = [_Watch(clock) for _ in (names if apart else names[:1])]
    judges = [Judge(seen=watch.see, later=True) for watch in watches]
    paths = [folder / f"field{place}.sqlite3" for place in range(len(watches))]
    if DISCIPLINES[discipline].runtime == "asyncio":
        seconds = asyncio.run(_tasks(discipline, crew, paths, judges, clock))
    else:
        seconds = _threads(discipline, crew, paths[0], judges[0], clock)
    for judge in judges:
        # After the run: what is timed is the organism, not its judge.
        judge.catch_up()
    replies = sum(judge.checker.replies for judge in judges)
    returned = sum(judge.checker.outcomes["returned"] for judge in judges)
    defects: dict[str, int] = {}
    for judge in judges:
        for name, count in judge.defects.items():
            defects[name] = defects.get(name, 0) + count
    waited = [value for watch in watches for value in watch.waited()]
    overtaken = [value for watch in watches for value in waiting_of(watch.events).overtaken]
    return {
        "replies": replies,
        "returned": returned,
        "seconds": seconds,
        "throughput": returned / seconds,
        "wait_ms": fmean(waited),
        "wait_median_ms": median(waited),
        "wait_largest_ms": max(waited),
        "overtaken": per_thousand(overtaken, [len(overtaken)]),
        "defects": {
            name: per_thousand([count], [replies]) for name, count in sorted(defects.items())
        },
    }


async def _tasks(
    discipline: str,
    crew: Crew,
    paths: Sequence[Path],
    judges: Sequence[Judge],
    clock: Callable[[], float],
) -> float:
    async with AsyncExitStack() as stack:
        fields = [
            await stack.enter_async_context(
                await AsyncLeoField.open(
                    path, seed=crew.seed, discipline=discipline, tracer=judge, clock=lambda: 0.0
                )
            )
            for path, judge in zip(paths, judges, strict=True)
        ]
        began = clock()
        async with asyncio.TaskGroup() as group:
            for place in range(crew.size):
                group.create_task(_observe(fields[place % len(fields)], crew, place))
        return clock() - began


async def _observe(leo: AsyncLeoField, crew: Crew, place: int) -> int:
    """One observer; returns how many replies the store refused."""
    refused = 0
    for message in crew.script(place):
        try:
            await leo.reply(message, crew.name(place))
        except StepError as error:
            # Where the discipline lets the store refuse, the observer goes on with its next word;
            # a step that fails is another matter.
            if not isinstance(error.__cause__, REFUSALS):
                raise
            refused += 1
    return refused


def _threads(
    discipline: str, crew: Crew, path: Path, judge: Judge, clock: Callable[[], float]
) -> float:
    with (
        LeoField.open(
            path, seed=crew.seed, discipline=discipline, tracer=judge, clock=lambda: 0.0
        ) as leo,
        ThreadPoolExecutor(crew.size) as pool,
    ):

        def observe(place: int) -> None:
            for message in crew.script(place):
                leo.reply(message, crew.name(place))

        began = clock()
        list(pool.map(observe, range(crew.size)))
        return clock() - began


class Ledger(NamedTuple):
    """What the versions of several processes on one store say, taken together.

    `accounted`: every version from the first on was written exactly once. `intruded`: replies
    between whose recall and snapshot another reply saved one. `torn`: replies that spoke from a
    view of two versions.
    """

    returned: int
    refused: int
    accounted: bool
    intruded: int
    torn: int


def run_in_processes(
    discipline: str, crew: Crew, processes: int, folder: Path, clock: Callable[[], float]
) -> tuple[Ledger, dict[str, Any]]:
    """Divide a crew among processes on one store. Returns the ledger, and timings."""
    path = folder / "shared.sqlite3"
    # Made here, so that no process has to wait for another one's seed text.
    LeoField.open(path).close()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    shares = [len(range(k, crew.size, processes)) for k in range(processes)]
    outs, started, first = [], [], 0
    for place, share in enumerate(shares):
        part = Crew(share, crew.turns, crew.words, crew.seed, first)
        first += share
        outs.append(folder / f"{place}.json")
        process = context.Process(
            target=_one_process, args=(discipline, part, path, barrier, clock, outs[-1])
        )
        process.start()
        started.append(process)
    for process in started:
        process.join()
        if process.exitcode:
            raise ExperimentError(
                f"{discipline}: a process of the crew ended with {process.exitcode}; its own "
                "message is above"
            )
    told = [json.loads(out.read_text("utf-8")) for out in outs]
    seconds = max(one["seconds"] for one in told)
    ledger = _account([reply for one in told for reply in one["replies"]], told)
    return ledger, {
        "seconds": seconds,
        "throughput": ledger.returned / seconds,
        **ledger._asdict(),
    }


def _one_process(
    discipline: str,
    crew: Crew,
    path: Path,
    barrier: Barrier,
    clock: Callable[[], float],
    out: Path,
) -> None:
    """One process of several: its replies with the versions that they read and wrote."""
    replies: dict[str, dict[str, int]] = {}
    tracer = _Versions(replies)

    async def talk() -> tuple[float, int]:
        async with await AsyncLeoField.open(
            path, seed=crew.seed, discipline=discipline, tracer=tracer, clock=lambda: 0.0
        ) as leo:
            barrier.wait(PATIENCE)
            began = clock()
            calls = (_observe(leo, crew, place) for place in range(crew.size))
            refused = sum(await asyncio.gather(*calls))
            return clock() - began, refused

    seconds, refused = asyncio.run(talk())
    told = {"seconds": seconds, "refused": refused, "replies": list(replies.values())}
    out.write_text(json.dumps(told), "utf-8")


class _Versions:
    """A tracer that keeps the versions of each reply."""

    enabled = True

    def __init__(self, replies: dict[str, dict[str, int]]) -> None:
        self._replies = replies

    def begin(self, beginning: Beginning) -> None:
        """All that counts is in the replies."""

    def record(self, happened: Happened) -> None:
        """Note what is read and written; a reply that starts again overwrites it."""
        mine = self._replies.setdefault(happened.reply, {})
        mine.update({f"read {name}": version for name, version in happened.reads.items()})
        mine.update({f"wrote {name}": version for name, version in happened.writes.items()})
        mine["returned"] = int(happened.outcome == "returned")

    def moment(self) -> AbstractContextManager[object]:
        """Nobody else's events are seen here, so nobody is held back."""
        return nullcontext()


def _account(replies: Sequence[Mapping[str, int]], told: Sequence[Mapping[str, Any]]) -> Ledger:
    written = {
        name: sorted(reply[key] for reply in replies if (key := f"wrote {name}") in reply)
        for name in ("ngrams", "snapshots")
    }
    # The seed text was the first observation; no snapshot was there.
    accounted = all(
        versions == list(range(first, first + len(versions)))
        for versions, first in zip(written.values(), (2, 1), strict=True)
    )
    intruded = sum(
        reply["wrote snapshots"] != reply["read snapshots"] + 1
        for reply in replies
        if "wrote snapshots" in reply
    )
    torn = sum(
        reply["read view.bigrams"] != reply["read view.trigrams"]
        for reply in replies
        if "read view.bigrams" in reply
    )
    returned = sum(reply["returned"] for reply in replies)
    refused = sum(one["refused"] for one in told)
    return Ledger(returned, refused, accounted, intruded, torn)
