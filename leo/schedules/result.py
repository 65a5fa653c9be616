"""What a call and what an exploration came to, in values and in words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, NamedTuple

from leo.schedules.shape import Shape

__all__ = ["Answer", "Broken", "Exploration", "answer_of"]


@dataclass(frozen=True, slots=True)
class Broken:
    """What was broken and how, by which schedule (a text that `explore` takes), and its table.

    `came_out` and `possible` are for calls that are not atomic: what came out, and what would have
    come out of the serial orders.
    """

    title: str
    witness: str
    schedule: str
    table: str
    came_out: str = ""
    possible: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exploration:
    """What an exploration came to.

    `complete`: no schedule was left out, but for what `bounded` says; `broken`: a schedule that
    breaks something, with as few cancellations and preemptions as any that was looked for.
    `holds` needs both, so that a search that was cut off never holds.  `asked` and `not_asked` say
    what the answer is about.
    """

    schedules: int
    complete: bool
    broken: Broken | None
    states: int = 0
    asked: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    bounded: tuple[str, ...] = ()
    how_far: str = ""

    @property
    def holds(self) -> bool:
        return self.complete and self.broken is None

    @property
    def sentence(self) -> str:
        """The finding in a sentence."""
        far = f"{self.schedules:,} {'schedule' if self.schedules == 1 else 'schedules'}"
        if self.broken is not None:
            return f"{self.broken.title}: {self.broken.witness}"
        if self.complete:
            return f"complete: {far}, and what was asked holds in all of them"
        return f"not complete: {far}, nothing found; {self.how_far}"

    def __str__(self) -> str:
        """The sentence, the table, and what the answer is about."""
        lines, told = [self.sentence], list[tuple[str, str]]()
        if self.broken is not None:
            lines.append(self.broken.table.rstrip("\n"))
            if self.broken.came_out:
                told.append(("came out", self.broken.came_out))
                told += [("one by one", text) for text in self.broken.possible]
            told.append(("schedule", self.broken.schedule))
        told += [("asked", text) for text in self.asked]
        told += [("not asked", text) for text in self.not_asked]
        told += [("bounded", text) for text in self.bounded]
        for name, text in told:
            head = f"{name}:".ljust(13)
            lines += wrap(text, 80, initial_indent=head, subsequent_indent=" " * 13)
        return "\n".join(lines)


class Answer(NamedTuple):
    """What a call came to: `returned`, `raised`, `cancelled` or `open`, and with what.

    `shape` is equal for equal results, `told` is for people.
    """

    kind: str
    shape: bytes
    told: str


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
        return Answer("raised", shape.digest(), f"({type(error).__name__}: {error})")
    return Answer("returned", shape.digest(), repr(task.result()))
