"""Observers in several processes on one store.

Nobody sees the events of several processes in one order: the versions that replies read and wrote
are compared instead.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from leo.commands.ending import deaf, follow
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.trace.events import Beginning, Happened
from paper.experiments.concurrent.runs import Crew, observe_all
from paper.experiments.errors import ExperimentError

# Seconds that two processes wait for each other before they begin; they need a tenth of one.
PATIENCE = 60.0


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
        with deaf():
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
    ledger = account([reply for one in told for reply in one["replies"]], told)
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
    follow()
    replies: dict[str, dict[str, int]] = {}
    tracer = _Versions(replies)

    async def talk() -> tuple[float, int]:
        async with await AsyncLeoField.open(
            path, seed=crew.seed, discipline=discipline, tracer=tracer, clock=lambda: 0.0
        ) as leo:
            barrier.wait(PATIENCE)
            began = clock()
            calls = (observe_all(leo, crew, place) for place in range(crew.size))
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


def account(replies: Sequence[Mapping[str, int]], told: Sequence[Mapping[str, Any]]) -> Ledger:
    """The ledger of all replies of all processes, from the versions that each read and wrote."""
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
