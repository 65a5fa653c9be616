"""A published program follows a schedule: action for action, by its gate and its failures.

Its awaits are those of real connections, so a schedule cannot choose among them all as it does in
the organism of the idealised disciplines; it can hold each call at its next action.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from leo.actions import Action
from leo.errors import StoreError
from leo.published.december import December
from leo.published.february import February
from leo.trace.events import Happened
from leo.trace.recorder import NdjsonRecorder
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move
from leo_model.organism.case import ScheduleError

FAILURES = {"Raise", "Swallow"}
CANCELLATIONS = {"Cancel", "CancelApplied"}
UNRECORDED = {"Crash", "Recover"}


class Follower:
    """A recorder, a gate and a source of failures that let a schedule happen, and nothing else."""

    enabled = True

    def __init__(self, discipline: str, schedule: Sequence[Move], trace: Path) -> None:
        asks = DISCIPLINES[discipline].asks
        calls = {f"s{k + 1}": asks[k % len(asks)] for k in range(9)}
        self.asks = calls
        self.names = {s: s if call == "reply" else f"{s}~{call}" for s, call in calls.items()}
        self.moves = [(move.action, self.names[move.actor]) for move in schedule]
        self.done = 0
        self._recorder = NdjsonRecorder(trace, run=discipline)

    def begin(self, beginning: Any) -> None:
        """The header."""
        self._recorder.begin(beginning)

    def record(self, happened: Happened) -> None:
        """An event: the next of the schedule, until that is over."""
        if self.done < len(self.moves):
            did = (str(happened.action), happened.session)
            if did != self.moves[self.done]:
                action, session = self.moves[self.done]
                raise ScheduleError(
                    f"{session} {action} was to come, and the program did {' of '.join(did)}"
                )
            self._recorder.record(happened)
            self.done += 1

    def moment(self) -> Any:
        """The lock of the recording."""
        return self._recorder.moment()

    def close(self) -> None:
        """The closing line."""
        self._recorder.close()

    def next(self) -> tuple[str, str]:
        """The move that comes next; nothing when the schedule is over."""
        return self.moves[self.done] if self.done < len(self.moves) else ("", "")

    async def gate(self, session: str, action: Action) -> None:
        """Wait until the schedule has come to this action, or to its failure."""
        while self.next() not in {(str(action), session), *((f, session) for f in FAILURES)}:
            await asyncio.sleep(0)

    def fail(self, session: str, action: Action) -> None:
        """Fail when that is what comes next."""
        if self.next() in {(failure, session) for failure in FAILURES}:
            raise StoreError("the schedule says so")


async def _follow(follower: Follower, field: Any, seconds: float) -> None:
    """Begin and cancel calls as the schedule says; what happens in between, the gate lets pass."""
    tasks: dict[str, asyncio.Task[Any]] = {}
    sessions = {name: s for s, name in follower.names.items()}
    try:
        async with asyncio.timeout(seconds):
            while follower.done < len(follower.moves):
                action, name = follower.next()
                done = follower.done
                if action in ("Call", "Refresh"):
                    asks = follower.asks[sessions[name]]
                    text = "a text of two halves" if asks == "observe" else "what"
                    call = call_of(field, asks, sessions[name], text)
                    tasks[name] = asyncio.create_task(call)
                elif action in CANCELLATIONS:
                    tasks[name].cancel()
                while follower.done == done:
                    await asyncio.sleep(0)
    except TimeoutError:
        action, name = follower.next()
        # The schedule is over: what the calls do when they are ended is no part of it.
        follower.moves = follower.moves[: follower.done]
        raise ScheduleError(f"{name} {action} was to come, and the program never did it") from None
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def call_of(field: Any, asks: str, session: str, text: str) -> Coroutine[Any, Any, object]:
    """The call that a session makes of a published program, by the kind that it asks for."""
    match asks:
        case "observe":
            return field.observe(text, session)  # type: ignore[no-any-return]
        case "refresh":
            return field.refresh(session)  # type: ignore[no-any-return]
        case "blank":
            return field.reply(text, session, recalls=False)  # type: ignore[no-any-return]
    return field.reply(text, session)  # type: ignore[no-any-return]


def carry_out(
    discipline: str, schedule: Sequence[Move], trace: Path, seconds: float = 60.0
) -> None:
    """Have the program follow a schedule on a store beside its trace.

    Raises ScheduleError when the program does something else, or not the next step in ``seconds``.
    """
    trace.parent.mkdir(parents=True, exist_ok=True)
    if any(move.action in UNRECORDED for move in schedule):
        raise ScheduleError("a process dies in it, and a dead process records nothing")
    store = trace.with_suffix(".sqlite3")
    for old in (trace, *store.parent.glob(f"{store.name}*")):
        old.unlink(missing_ok=True)
    follower = Follower(discipline, schedule, trace)
    try:
        asyncio.run(_run(discipline, follower, store, seconds))
    finally:
        follower.close()


async def _run(discipline: str, follower: Follower, path: Path, seconds: float) -> None:
    """Open the program, follow the schedule, close."""
    options = {"tracer": follower, "gate": follower.gate, "fail": follower.fail}
    if discipline == "published-february":
        february = await February.open(path, timeout=0.01, **options)
        try:
            await _follow(follower, february, seconds)
        finally:
            await february.close()
    else:
        refreshes = discipline.endswith("refresh")
        field = await December.open(path, refreshes=refreshes, **options)
        await _follow(follower, field, seconds)
