"""The two published programs as arms: alone with and without their lock, and several sessions.

Alone they run as they are, on an event loop. For several sessions a seeded generator chooses who
goes on before every action, and an operation of the store is carried out at once: the same choices
give the same bytes, which worker threads would not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, TypeVar

from leo.actions import Action
from leo.published.december import December
from leo.published.february import February
from leo.schedules.running.loop import SteppedLoop
from leo.store.connection import Connection
from leo.store.schema import connect
from leo.store.synchronous import Store
from leo_model.disciplines import DISCIPLINES
from leo_model.organism.published import call_of
from leo_model.organism.stores import NO_PATIENCE, InlineStore
from paper.experiments.arms import Talk, concerned, ticking
from paper.experiments.errors import ExperimentError
from paper.experiments.judging import Judge

T = TypeVar("T")

PUBLISHED: Final = ("december", "february")
# Their rows in the claims: December, December with somebody who calls `refresh()`, February.
IDS: Final = tuple(name for name, rules in DISCIPLINES.items() if rules.published)
UNLOCKED: Final = "unlocked"


class _Unlocked(asyncio.Lock):
    """A lock that lets everybody in."""

    async def acquire(self) -> Literal[True]:
        return True

    def release(self) -> None:
        """Nobody holds it."""


def converse_published(
    path: Path, program: str, lock: str, seed: int, messages: Sequence[str], judge: Judge
) -> list[str]:
    """The replies of one session of a published program, with its lock or UNLOCKED.

    A session of February observes each message before it asks for a reply; the program of December
    has no such call (`leo.published`).
    """

    async def talk() -> list[str]:
        options: dict[str, Any] = {"seed": seed, "tracer": judge, "clock": ticking()}
        kind: type[December | February] = December if program == "december" else February
        field = await kind.open(path, **options)
        if lock == UNLOCKED:
            field.lock = _Unlocked()
        replies = []
        for message in messages:
            if isinstance(field, February):
                await field.observe(message)
            replies.append(await field.reply(message))
        if isinstance(field, February):
            await field.close()
        return replies

    return asyncio.run(talk())


class _December(December):
    """Its operations, each with a commit of its own, on one connection and at once."""

    conn: Connection

    async def _operate(self, call: Any, action: Action, work: Callable[[Connection], T]) -> T:
        await self.pass_gate(call, action)
        return work(self.conn)


def talk_published(
    discipline: str,
    sessions: int,
    turns: int,
    say: Callable[[int, int], str],
    seed: int,
    path: Path,
    cancel: float = 0.0,
) -> Talk:
    """Let the sessions of a published program talk to the end under a random schedule.

    Each session makes the calls that the claims on the program are about: replies, observations,
    calls of `refresh()`. `cancel` is the chance of a cancellation before each choice. Raises
    ExperimentError for a standstill, and for an event that is no step of the specification.
    """
    loop = SteppedLoop()  # type: ignore[abstract]
    rng, judge = Random(seed), Judge(later=True)
    waiting: dict[tuple[str, Action], asyncio.Future[None]] = {}

    async def gate(session: str, action: Action) -> None:
        future = waiting[session, action] = loop.create_future()
        try:
            await future
        finally:
            del waiting[session, action]

    rules = DISCIPLINES[discipline]
    options: dict[str, Any] = {"seed": seed, "tracer": judge, "gate": gate, "clock": ticking()}
    with closing(connect(path, NO_PATIENCE)) as conn, closing(Store(path, NO_PATIENCE)) as other:
        field = loop.perform(lambda: _opened(discipline, path, conn, other, options))
        calls: list[list[asyncio.Task[object]]] = [[] for _ in range(sessions)]
        while True:
            idle = [n for n, mine in enumerate(calls) if len(mine) < turns and _over(mine)]
            choices: list[tuple[str, Action] | int] = [*waiting, *idle]
            if not choices:
                break
            chosen = rng.choice(choices)
            if isinstance(chosen, int):
                text, asks = say(chosen, len(calls[chosen])), rules.asks[chosen % len(rules.asks)]
                call = call_of(field, asks, f"s{chosen + 1}", text)
                calls[chosen].append(loop.create_task(call))
            elif cancel and rng.random() < cancel:
                calls[int(chosen[0].partition("~")[0][1:]) - 1][-1].cancel()
            else:
                waiting[chosen].set_result(None)
            loop.stand_still()
    if not all(map(_over, calls)):
        raise ExperimentError(f"{discipline}, {sessions} sessions: they came to a standstill")
    for task in (task for mine in calls for task in mine if not task.cancelled()):
        if error := task.exception():
            raise error
    judge.catch_up()
    return Talk({}, judge.checker.outcomes, concerned(judge.defects), [])


def _opened(
    discipline: str, path: Path, conn: Connection, other: Store, options: dict[str, Any]
) -> December | February:
    """A published program whose operations are carried out on these connections, at once."""
    if DISCIPLINES[discipline].program == "february":
        february = February(discipline, path, February.open_work(conn), **options)
        february._asynchronous = InlineStore(conn)
        february._synchronous = other
        return february
    december = _December(discipline, path, December.open_work(conn), **options)
    december.conn = conn
    return december


def _over(calls: list[asyncio.Task[object]]) -> bool:
    return not calls or calls[-1].done()
