"""What calls came to: what serial orders and schedules are compared by."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from leo.schedules.report import short
from leo.schedules.shape import Shape


class Answer(NamedTuple):
    """What a call came to: `returned`, `raised`, `cancelled` or `open`, and with what.

    `shape` is equal for equal results, `told` is for people.  `same` numbers the objects in it that
    are equal to themselves only: two callers may have got one, or two that look alike.
    """

    kind: str
    shape: bytes
    told: str
    same: tuple[int, ...] = ()


class Ending(NamedTuple):
    """What a run came to, for the question whether the calls are atomic.

    `began_after` has, for each call that began, the calls that had returned by then.  `opaque`
    names the types that were compared as types only.
    """

    answers: Mapping[str, Answer]
    state: bytes
    began_after: Mapping[str, frozenset[str]]
    same: tuple[int, ...] = ()
    opaque: tuple[str, ...] = ()

    def pattern(self, whole: Iterable[str]) -> tuple[int, ...]:
        """Which objects are one and the same, among the results of some calls and the state."""
        numbers: dict[int, int] = {}
        parts = [self.answers[name].same for name in sorted(whole)]
        return tuple(
            numbers.setdefault(it, len(numbers)) for part in (*parts, self.same) for it in part
        )


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


def answer_of(task: asyncio.Task[Any], numbers: dict[int, int], opaque: dict[str, None]) -> Answer:
    """What a call came to; `numbers` has those of the objects so far, by their ids."""
    if not task.done():
        return Answer("open", b"", "(not over)")
    if task.cancelled():
        return Answer("cancelled", b"", "(cancelled)")
    error = task.exception()
    shape = Shape(data=True)
    shape.add(task.result() if error is None else error)
    opaque.update(shape.opaque)
    same = numbered(shape, numbers)
    if error is not None:
        return Answer("raised", shape.digest(), f"({short(error)})", same)
    return Answer("returned", shape.digest(), short(task.result()), same)


def numbered(shape: Shape, numbers: dict[int, int]) -> tuple[int, ...]:
    """The objects of a shape that are equal to themselves only, by numbers."""
    return tuple(numbers.setdefault(it, len(numbers)) for it in shape.same)
