"""Workloads on the real organism, recorded: several sessions on one instance, some cancelled.

A seeded generator chooses before which action a cancellation strikes, through the gate of the
driver. The event loop and the database's worker thread decide the order in which the sessions run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from leo.actions import Action
from leo.errors import DeadlockError, StepError
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.observers.themes import THEMES, TURNS
from leo.published.december import December
from leo.published.february import February
from leo.trace.recorder import NdjsonRecorder
from leo_model.disciplines import DISCIPLINES
from leo_model.files import make_folder


def prompt(session: int, turn: int) -> str:
    """Return the prompt of a session's turn, both counted from 0.

    Sessions walk through the themes in the same order, each from another beginning.
    """
    themes = list(THEMES.values())
    return themes[(session + turn // TURNS) % len(themes)][turn % TURNS]


SYNC = "sequential"
# No reply is under way before its Call, and none can be stopped after its Release.
SAFE = (Action.Call, Action.Return)
# How many seconds a write of the program of February waits for a transaction that nobody ends.
LOCKED = 0.01


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
    same name are replaced.  Without its end there is neither.  Raises LeoError when the folder
    cannot be written or the field fails.
    """
    make_folder(folder)
    field = folder / f"{workload.name}.sqlite3"
    trace = folder / f"{workload.name}.ndjson"

    def remove() -> None:
        for stale in (*folder.glob(f"{field.name}*"), trace):
            stale.unlink(missing_ok=True)

    remove()
    rules = DISCIPLINES[workload.discipline]
    instances = tuple(f"i{k + 1}" for k in range(rules.instances))
    with ExitStack() as undo:
        undo.callback(remove)
        with NdjsonRecorder(trace, run=workload.name, instances=instances) as recorder:
            if rules.published:
                asyncio.run(_published(workload, field, recorder))
            elif workload.discipline == SYNC or rules.threads:
                _threads(workload, field, recorder)
            else:
                asyncio.run(_tasks(workload, field, recorder, instances))
        undo.pop_all()
    return trace


def _threads(workload: Workload, path: Path, recorder: NdjsonRecorder) -> None:
    """Each session in a thread of its own."""
    with (
        LeoField.open(
            path, seed=workload.seed, discipline=workload.discipline, tracer=recorder
        ) as leo,
        ThreadPoolExecutor(workload.sessions) as pool,
    ):

        def session(number: int) -> None:
            for turn in range(workload.turns):
                leo.reply(prompt(number, turn), f"s{number + 1}")

        list(pool.map(session, range(workload.sessions)))


async def _tasks(
    workload: Workload, path: Path, recorder: NdjsonRecorder, instances: tuple[str, ...]
) -> None:
    """Each session in a task of its own, dealt out to the instances."""
    striker = _Striker(Random(workload.seed), workload.cancel)
    async with AsyncExitStack() as stack:
        fields = [
            await stack.enter_async_context(
                await AsyncLeoField.open(
                    path,
                    seed=workload.seed,
                    discipline=workload.discipline,
                    tracer=recorder,
                    gate=striker if workload.cancel else None,
                    instance=instance,
                )
            )
            for instance in instances
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(workload.sessions):
                leo = fields[number % len(fields)]
                group.create_task(_session(leo, striker, number, workload.turns))


async def _published(workload: Workload, path: Path, recorder: NdjsonRecorder) -> None:
    """Each session in a task of its own, on the program as it was published."""
    striker = _Striker(Random(workload.seed), workload.cancel)
    gate = striker if workload.cancel else None
    rules = DISCIPLINES[workload.discipline]
    async with AsyncExitStack() as stack:
        field: February | December
        if rules.program == "february":
            field = await February.open(path, timeout=LOCKED, tracer=recorder, gate=gate)
            stack.push_async_callback(field.close)
        else:
            refreshes = "refresh" in rules.asks
            field = await December.open(path, refreshes=refreshes, tracer=recorder, gate=gate)
        async with asyncio.TaskGroup() as group:
            for number in range(workload.sessions):
                asks = rules.asks[number % len(rules.asks)]
                group.create_task(_client(field, striker, asks, number, workload.turns))


async def _client(
    field: February | December, striker: _Striker, asks: str, number: int, turns: int
) -> None:
    name = f"s{number + 1}"
    for turn in range(turns):
        said = prompt(number, turn)
        call: Coroutine[Any, Any, object]
        if asks == "observe" and isinstance(field, February):
            call = field.observe(said, name)
        elif asks == "refresh" and isinstance(field, December):
            call = field.refresh(name)
        elif asks == "blank" and isinstance(field, December):
            call = field.reply(said, name, recalls=False)
        else:
            call = field.reply(said, name)
        task = asyncio.create_task(call)
        striker.callers[name if asks == "reply" else f"{name}~{asks}"] = task
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _session(leo: AsyncLeoField, striker: _Striker, number: int, turns: int) -> None:
    name = f"s{number + 1}"
    for turn in range(turns):
        reply = asyncio.create_task(leo.reply(prompt(number, turn), name))
        striker.callers[name] = reply
        # A reply that was cancelled, or refused by the store, is part of the workload, and the
        # client goes on with its next prompt. A deadlock ends its session: that is the finding.
        await asyncio.wait([reply])
        if reply.cancelled():
            continue
        error = reply.exception()
        if isinstance(error, DeadlockError):
            return
        if error is not None and not isinstance(error, StepError):
            raise error


class _Striker:
    """A gate that cancels the caller of a reply, every so often.

    The caller, not the task that came through the gate: an actor's replies all run in one task that
    no caller can reach.
    """

    def __init__(self, chance: Random, rate: float) -> None:
        self.callers: dict[str, asyncio.Task[Any]] = {}
        self._chance = chance
        self._rate = rate

    async def __call__(self, session: str, action: Action) -> None:
        if action not in SAFE and self._chance.random() < self._rate:
            self.callers[session].cancel()
            await asyncio.sleep(0)
