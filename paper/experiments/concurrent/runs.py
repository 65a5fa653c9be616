"""Observers at the same time on the real organism: on one instance, or one each.

What comes out depends on the machine, so it is told as timings and not as rows; every event is
validated all the same, after the run. `processes.py` has the runs in several processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from leo.disciplines import DISCIPLINES
from leo.errors import StepError, StoreLockedError, StoreMovedError
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.observers import ScriptedObserver
from leo.trace.events import Event
from paper.experiments.arms import per_thousand, say_in_turn
from paper.experiments.experiment import seed_of
from paper.experiments.judging import Judge

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


def taken_in(events: Sequence[Event]) -> float:
    """How many observations a reply takes into the view itself, in the mean: those between the view
    that is there and what it loads. Replies that load side by side all take in the same ones.
    """
    # The seed text is the first observation, and in the view from the beginning.
    view: dict[str, int] = {}
    found: list[int] = []
    for event in events:
        if event.action == "LoadBigrams":
            found.append(max(0, event.reads["bigrams"] - view.get(event.instance, 1)))
        elif event.action == "AssignView":
            view[event.instance] = event.writes["view.bigrams"]
    return fmean(found) if found else 0.0


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
                group.create_task(observe_all(fields[place % len(fields)], crew, place))
        return clock() - began


async def observe_all(leo: AsyncLeoField, crew: Crew, place: int) -> int:
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
