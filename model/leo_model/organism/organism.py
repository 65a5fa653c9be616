"""The real organism as a system to explore: its drivers, held at the gate of every action."""

from __future__ import annotations

from typing import Any, Self

from leo_model.organism.run import OrganismRun, Setting, StoreKind
from leo_model.organism.taskrun import TaskRun
from leo_model.organism.threadrun import Pool, ThreadRun

__all__ = ["Organism", "OrganismRun", "StoreKind"]


class Organism(Setting):
    """A ``System``: the organism under a case, started as new for every schedule.

    Use it as a context manager, or close it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pool = self._undo.enter_context(Pool(self.case.sessions)) if self.threads else None

    def start(self) -> OrganismRun:
        self.shelf.reset()
        run = TaskRun(self) if self._pool is None else ThreadRun(self, self._pool)
        run.settle()
        return run

    def close(self) -> None:
        """Give back the store."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
