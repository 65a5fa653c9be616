"""Workloads on the real organism, recorded: several sessions on one instance, some cancelled.

A cancellation strikes at an action's boundary that a seeded generator chooses, through the gate of
the driver; the order in which the sessions run is what the event loop and the database's worker
thread make of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from leo.actions import Action
from leo.afield import AsyncLeoField
from leo.field import LeoField
from leo.recorder import NdjsonRecorder
from model.prompts import prompt

SYNC = "sequential"


@dataclass(frozen=True, slots=True)
class Workload:
    """Who calls how often under which discipline, and how likely a cancellation is per action."""

    discipline: str
    sessions: int = 5
    turns: int = 20
    seed: int = 7
    cancel: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.discipline}-{self.sessions}x{self.turns}-seed{self.seed}"


def record(workload: Workload, folder: Path) -> Path:
    """Run a workload on a new field and return the path of its trace.

    ``folder`` gets the field (``NAME.sqlite3``) and the trace (``NAME.ndjson``); older ones of the
    same name are replaced.  Raises LeoError when the folder cannot be written or the field fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    field = folder / f"{workload.name}.sqlite3"
    for stale in folder.glob(f"{field.name}*"):
        stale.unlink()
    trace = folder / f"{workload.name}.ndjson"
    with NdjsonRecorder(trace, run=workload.name, overwrite=True) as recorder:
        if workload.discipline == SYNC:
            _sync(workload, field, recorder)
        else:
            asyncio.run(_async(workload, field, recorder))
    return trace


def _sync(workload: Workload, path: Path, recorder: NdjsonRecorder) -> None:
    with LeoField.open(path, seed=workload.seed, tracer=recorder) as leo:
        for turn in range(workload.turns):
            leo.reply(prompt(0, turn))


async def _async(workload: Workload, path: Path, recorder: NdjsonRecorder) -> None:
    gate = _striking(Random(workload.seed), workload.cancel)
    field = await AsyncLeoField.open(
        path, seed=workload.seed, discipline=workload.discipline, tracer=recorder, gate=gate
    )
    async with field as leo, asyncio.TaskGroup() as group:
        for number in range(workload.sessions):
            group.create_task(_session(leo, number, workload.turns))


async def _session(leo: AsyncLeoField, number: int, turns: int) -> None:
    for turn in range(turns):
        reply = asyncio.create_task(leo.reply(prompt(number, turn), f"s{number + 1}"))
        # A cancelled reply is part of the workload: the client goes on with its next prompt.
        await asyncio.wait([reply])
        if not reply.cancelled():
            reply.result()


def _striking(chance: Random, rate: float) -> Callable[[str, Action], Awaitable[None]] | None:
    """A gate that cancels the reply that comes through it, every so often."""
    if not rate:
        return None

    async def gate(session: str, action: Action) -> None:
        if action is not Action.Call and chance.random() < rate:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    return gate
