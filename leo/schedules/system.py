"""What an explorer asks of a system: which choices there are, and what each of them does.

A system is explored without a memory of states: every schedule is carried out from a new start.  An
explorer needs to know no more than this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

# What a choice may do to the one whose turn it is.  `step`: go on to the next boundary.  `timeout`:
# what it waits for has taken too long.
KINDS = ("step", "cancel", "raise", "timeout", "crash", "recover")


class Choice(NamedTuple):
    """Who is chosen (a session, a task, an instance), and what happens to it (one of ``KINDS``)."""

    who: str
    what: str = "step"


class Step(NamedTuple):
    """What a choice did, or would do.

    ``action`` is for people (several, joined by ``+``, when one choice brought about several).  Two
    steps are independent when they belong to different ``who``, no object that one of them writes
    is read or written by the other, and neither makes the other possible or impossible; a system
    therefore declares locks, queues and the lives of processes as objects too.
    """

    choice: Choice
    action: str
    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(slots=True)
class Outcome:
    """What a run came to.

    ``events`` is the recorded trace, ``answers`` what each reply returned or raised, ``final`` the
    state that is left.  ``violations``: the title of what was broken, and a sentence that says how.
    """

    events: Sequence[Any] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    final: Mapping[str, Any] = field(default_factory=dict)
    violations: Mapping[str, str] = field(default_factory=dict)


class Run(Protocol):
    """One execution, held at a boundary until the next choice."""

    def enabled(self) -> tuple[Choice, ...]:
        """The choices that can be made now, always in the same order."""

    def pending(self, choice: Choice) -> Step | None:
        """The step that an enabled choice would be, where that is known beforehand.

        What it declares depends on what ``who`` has done so far and on nobody else; the step that
        is taken may touch less, never more.
        """

    def waiting(self) -> tuple[Step, ...]:
        """The steps that somebody would take next and cannot now, because others do not let it."""

    def take(self, choice: Choice) -> Step:
        """Make a choice.  Raises LeoError when it is not enabled."""

    def finished(self) -> bool:
        """Everything has come to its end; with nothing enabled before that, it is a deadlock."""

    def close(self) -> Outcome:
        """End the run, wherever it stands, and say what it came to."""


class System(Protocol):
    """Something that can be executed again and again from the same beginning."""

    def start(self) -> Run:
        """Begin an execution.  The run before it must have been closed."""
