"""What calls came to: what serial orders and schedules are compared by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from leo.schedules.report import short
from leo.schedules.shape import Shape


class Answer(NamedTuple):
    """What a call came to: `returned`, `raised`, `cancelled` or `open`, and with what.

    `shape` is equal for equal results, `told` is for people.
    """

    kind: str
    shape: bytes
    told: str


class Ending(NamedTuple):
    """What a run came to, for the question whether the calls are atomic.

    `began_after` has, for each call that began, the calls that had returned by then.
    """

    answers: Mapping[str, Answer]
    state: bytes
    began_after: Mapping[str, frozenset[str]]


def let_go(task: asyncio.Task[Any]) -> None:
    """Drop the frames of the exceptions that a task ended with."""
    if not task.done():
        return
    error: BaseException | None
    try:
        error = task.exception()
    except asyncio.CancelledError as cancelled:
        error = cancelled
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def answer_of(task: asyncio.Task[Any]) -> Answer:
    """What a call came to."""
    if not task.done():
        return Answer("open", b"", "(not over)")
    if task.cancelled():
        return Answer("cancelled", b"", "(cancelled)")
    error = task.exception()
    shape = Shape(data=True)
    shape.add(task.result() if error is None else error)
    if error is not None:
        return Answer("raised", shape.digest(), f"({short(error)})")
    return Answer("returned", shape.digest(), short(task.result()))
