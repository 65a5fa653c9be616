"""Every way in which a published program loses a property, followed by the program itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from leo.actions import Action
from leo.errors import StoreError
from leo.published.december import December
from leo.published.february import February
from leo.trace.events import Happened
from leo.trace.recorder import NdjsonRecorder
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.checking.plan import Bound, negative_bound
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move
from leo_model.machine.reachable import bounded_world, explore
from leo_model.traces.validate import validate
from tests.model.fallen import violations

PUBLISHED = [name for name, rules in DISCIPLINES.items() if rules.published]
# Nobody records the death of a process.
FAULTS = ("Cancel", "Raise", "Swallow")
FAILURES = {"Raise", "Swallow"}
CANCELLATIONS = {"Cancel", "CancelApplied"}


def schedules(discipline: str) -> dict[str, list[Move]]:
    """A shortest schedule for each property that is claimed to fall, by our own search."""
    claims, found = load_claims(), {}
    for verdict, faults, bound in (
        (FALLS, (), negative_bound(discipline, False)),
        (FALLS_WITH_FAULTS, FAULTS, Bound(2, 1)),
    ):
        world = bounded_world(discipline, bound.sessions, bound.turns, faults)
        titles = claims.titles(discipline, verdict)
        for violation in violations(world, explore(world)) if titles else ():
            if violation.property in titles:
                found[violation.property] = list(violation.schedule)
    return found


class Follower:
    """A recorder, a gate and a source of failures that let a schedule happen, and nothing else."""

    enabled = True

    def __init__(self, discipline: str, schedule: list[Move], trace: Path) -> None:
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
            assert (str(happened.action), happened.session) == self.moves[self.done]
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


async def follow(follower: Follower, field: Any) -> None:
    """Begin and cancel calls as the schedule says; what happens in between, the gate lets pass."""
    tasks: dict[str, asyncio.Task[Any]] = {}
    sessions = {name: s for s, name in follower.names.items()}
    while follower.done < len(follower.moves):
        action, name = follower.next()
        done = follower.done
        if action in ("Call", "Refresh"):
            tasks[name] = asyncio.create_task(call_of(field, follower.asks, sessions[name]))
        elif action in CANCELLATIONS:
            tasks[name].cancel()
        while follower.done == done:
            await asyncio.sleep(0)
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def call_of(field: Any, asks: dict[str, str], session: str) -> Coroutine[Any, Any, object]:
    """The call that a session makes."""
    match asks[session]:
        case "observe":
            return field.observe("a text of two halves", session)  # type: ignore[no-any-return]
        case "refresh":
            return field.refresh(session)  # type: ignore[no-any-return]
        case "blank":
            return field.reply("what", session, recalls=False)  # type: ignore[no-any-return]
    return field.reply("what", session)  # type: ignore[no-any-return]


async def run(discipline: str, follower: Follower, path: Path) -> None:
    """Open the program, follow the schedule, close."""
    options = {"tracer": follower, "gate": follower.gate, "fail": follower.fail}
    if discipline == "published-february":
        february = await February.open(path, timeout=0.01, **options)
        await follow(follower, february)
        await february.close()
    else:
        refreshes = discipline.endswith("refresh")
        await follow(follower, await December.open(path, refreshes=refreshes, **options))


@pytest.mark.parametrize("discipline", PUBLISHED)
def test_what_falls_in_the_specification_falls_in_the_program(
    discipline: str, tmp_path: Path
) -> None:
    """Action for action, by the word of both engines on what was recorded."""
    found = schedules(discipline)
    claims = load_claims()
    assert set(found) == set(claims.titles(discipline, FALLS, FALLS_WITH_FAULTS))
    traces = {}
    for title, schedule in found.items():
        traces[title] = tmp_path / f"{title}.ndjson"
        follower = Follower(discipline, schedule, traces[title])
        asyncio.run(asyncio.wait_for(run(discipline, follower, tmp_path / f"{title}.sqlite3"), 60))
        follower.close()
        assert follower.done == len(schedule)
    for title, report in zip(traces, validate(list(traces.values()), "both"), strict=True):
        assert report.accepted and report.disagreement() is None, title
        assert title in report.broken
