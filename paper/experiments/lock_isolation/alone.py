"""One session on the real drivers, on a file: the lock isolation test in its purest form.

Every arm executes the same program objects; `reordered` executes them in another order, generate
before observe, which is what the comparison has to notice.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from leo.disciplines import DISCIPLINES
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.modules import MODULES, Module
from leo.reply.program import PROGRAM, Given, ReplyState, Step, Writes, observe
from leo.trace.events import Tracer
from leo.trace.recorder import NdjsonRecorder
from leo_model.traces.validate import validate
from paper.experiments.arms import digest, open_changed
from paper.experiments.errors import ExperimentError

__all__ = ["CHOICES", "REORDERED", "Alone", "reordered_program", "talk_alone"]

REORDERED: Final = "reordered"
# The name of a program, and the modules that it asks.
CHOICES: Final[dict[str, tuple[Module[Any], ...]]] = {"core": (), "modules": MODULES}
START: Final = 1_767_139_200.0
# Seconds between two replies, for the modules that look at the time.
PACE: Final = 15.0
SESSION: Final = "s1"

Alone = tuple[list[str], str]


def reordered_program() -> tuple[Step, ...]:
    """The core program with generate before observe: a reply speaks before it has listened.

    The prompt is known to generate as it always is; what is missing is its being in the view.
    """
    by_name = {step.name: step for step in PROGRAM}
    speak = by_name["generate"].function

    def generate_first(state: ReplyState, given: Given) -> Writes:
        observe(state, Given())
        assert state.observed is not None, "observed just now, and not written yet"
        # Nothing of it is in the view, so nothing of it may be subtracted from what is known.
        state.observed = replace(state.observed, trigrams={})
        return speak(state, given)

    early = replace(by_name["generate"], function=generate_first)
    return (by_name["recall"], early, by_name["observe"], by_name["snapshot"])


def talk_alone(
    discipline: str, program: str, seed: int, messages: Sequence[str], folder: Path
) -> Alone:
    """The replies of one session on a new field, and a digest of everything in its store.

    `discipline` is a discipline's id, or REORDERED (sequential, the core program in the other
    order). Raises ExperimentError when a trace is no behaviour, or breaks anything: one session
    cannot.
    """
    folder.mkdir(parents=True)
    path = folder / "field.sqlite3"
    ticks = count()

    def clock() -> float:
        return START + PACE * next(ticks)

    if discipline == REORDERED:
        # Its traces are of another program than the specification's: there is nothing to validate.
        replies = _reordered(path, seed, messages, clock)
        return replies, _contents(path)
    trace = folder / "trace.ndjson"
    with NdjsonRecorder(trace, run="alone") as recorder:
        talk = _async if DISCIPLINES[discipline].runtime == "asyncio" else _sync
        replies = talk(path, discipline, CHOICES[program], seed, messages, clock, recorder)
    [report] = validate([trace])
    if not report.accepted or report.broken:
        raise ExperimentError(
            f"{discipline}, one session: the trace is "
            f"{'no behaviour' if not report.accepted else 'a behaviour'} and breaks "
            f"{', '.join(sorted(report.broken)) or 'nothing'}; a sequential session cannot: see "
            "leo validate"
        )
    return replies, _contents(path)


def _sync(
    path: Path,
    discipline: str,
    modules: tuple[Module[Any], ...],
    seed: int,
    messages: Sequence[str],
    clock: Callable[[], float],
    tracer: Tracer,
) -> list[str]:
    with LeoField.open(
        path, seed=seed, discipline=discipline, modules=modules, tracer=tracer, clock=clock
    ) as leo:
        return [leo.reply(message, SESSION) for message in messages]


def _async(
    path: Path,
    discipline: str,
    modules: tuple[Module[Any], ...],
    seed: int,
    messages: Sequence[str],
    clock: Callable[[], float],
    tracer: Tracer,
) -> list[str]:
    async def conversation() -> list[str]:
        async with await AsyncLeoField.open(
            path, seed=seed, discipline=discipline, modules=modules, tracer=tracer, clock=clock
        ) as leo:
            return [await leo.reply(message, SESSION) for message in messages]

    return asyncio.run(conversation())


def _reordered(
    path: Path, seed: int, messages: Sequence[str], clock: Callable[[], float]
) -> list[str]:
    with open_changed(path, seed, clock, reordered_program()) as leo:
        return [leo.reply(message, SESSION) for message in messages]


def _contents(path: Path) -> str:
    """A digest of the closed store, row by row."""
    with closing(sqlite3.connect(path)) as conn:
        return digest("\n".join(conn.iterdump()))
