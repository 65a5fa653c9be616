"""The real organism as a system to explore: its drivers, held at the gate of every action.

Its lock (for threads) and its store are exchanged for ones that a scheduler can hold still, and its
answers are kept short.  All else is what everybody runs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Literal, Self

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo.disciplines import Discipline
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.reply.program import PROGRAM, generate
from leo.schedules.loop import SteppedLoop
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.reachable import bounded_world
from leo_model.organism.case import Case, ScheduleError
from leo_model.organism.recording import LineMaker, Seat
from leo_model.organism.run import OrganismRun
from leo_model.organism.stores import (
    FIRST_WORDS,
    FileShelf,
    MemoryShelf,
    Shelf,
    Template,
    WorkerShelf,
)
from leo_model.organism.taskrun import TaskRun
from leo_model.organism.threadrun import Pool, ThreadRun

__all__ = ["Organism", "OrganismRun", "StoreKind"]

StoreKind = Literal["memory", "aiosqlite"]

# A run is about the order of things: few words show as well who read what.
WORDS = 4
PROMPTS = ("What is a field?", "A path turns.", "Who is not a wall?", "Is it a field, a path?")


class Organism:
    """A ``System``: the organism under a case, started as new for every schedule.

    ``most`` bounds how many faults strike in one run.  Without ``spin`` an optimistic reply starts
    again only when that can help: schedules then have an end.  ``discipline`` replaces the
    organism's own entry in its table, and ``alter`` is called with every field that is made: to see
    what a wrong one does.  Use it as a context manager, or close it.
    """

    def __init__(
        self,
        case: Case,
        *,
        store: StoreKind = "memory",
        most: int | None = None,
        words: int = WORDS,
        text: str = FIRST_WORDS,
        discipline: Discipline | None = None,
        spin: bool = False,
        alter: Callable[[AsyncLeoField | LeoField], None] | None = None,
    ) -> None:
        self.case = case
        self.store = store
        self.most = most
        self.spin = spin
        self.alter = alter
        self.rules = DISCIPLINES[case.discipline]
        self.world = bounded_world(case.discipline, case.sessions, case.turns, case.faults)
        self.instances = tuple(f"i{k + 1}" for k in range(self.rules.instances))
        self.discipline = discipline or RUNNABLE[case.discipline]
        self.program = tuple(
            replace(step, function=partial(generate, most=words))
            if step.name == "generate"
            else step
            for step in PROGRAM
        )
        self.lines = LineMaker(case.discipline)
        self.template = Template(text)
        self.loop = SteppedLoop()  # type: ignore[abstract]
        self.threads = case.runs_on_threads
        if store == "aiosqlite" and self.threads:
            raise ScheduleError(
                f"{case.discipline} runs on threads, and aiosqlite on an event loop: "
                "leave out --store"
            )
        self.shelf: Shelf
        if store == "aiosqlite":
            self.shelf = WorkerShelf(self.template, self.instances, self.loop)
        elif len(self.instances) > 1:
            self.shelf = FileShelf(self.template, self.instances)
        else:
            self.shelf = MemoryShelf(self.template)
        self._undo = ExitStack()
        self._undo.callback(self.shelf.close)
        self._begin = self._runner()

    def _runner(self) -> Callable[[], OrganismRun]:
        if self.threads:
            return partial(ThreadRun, self, self._undo.enter_context(Pool(self.case.sessions)))
        return partial(TaskRun, self)

    def start(self) -> OrganismRun:
        self.shelf.reset()
        run = self._begin()
        run.settle()
        return run

    def close(self) -> None:
        """Give back the store."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def prompt(self, seat: Seat) -> str:
        """What a session says next."""
        return PROMPTS[(int(seat.name[1:]) - 1 + seat.calls) % len(PROMPTS)]
