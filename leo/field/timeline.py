"""A table that can be set to any version that somebody still holds.

The published organism *rebinds* its tables: whoever assigns last, wins, and a task that loaded an
older version sets the view back to it. A copy of the field per load would be faithful and far too
dear, so the table is kept once and the versions around it as differences (Baker's rerooting of
persistent arrays):

    older  --rows-->  now  <--rows--  loaded but not yet assigned

Every layer but `now` knows the rows that turn its neighbour *towards now* into itself. Setting the
table to a layer walks that path and turns each arrow around; the cost is the size of the
differences on the path. Arrows point towards `now` only, so a layer that no reply holds any more is
garbage: nothing to compact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Layer", "Timeline"]

Rows = TypeVar("Rows")


class Layer(Generic[Rows]):
    """One version of a table: the rows that make it from the layer `towards` now."""

    __slots__ = ("rows", "towards", "version")

    def __init__(self, version: int, towards: Layer[Rows] | None, rows: Rows | None) -> None:
        self.version = version
        self.towards = towards
        self.rows = rows


class Timeline(Generic[Rows]):
    """The layers around a table. `apply` changes the table by rows and returns the rows that undo
    it.
    """

    def __init__(self, apply: Callable[[Rows], Rows], version: int = 0) -> None:
        self._apply = apply
        self.now: Layer[Rows] = Layer(version, None, None)

    @property
    def version(self) -> int:
        """The store's version that the table equals."""
        return self.now.version

    def loaded(self, base: Layer[Rows], version: int, rows: Rows) -> Layer[Rows]:
        """The layer of `version`: `rows` are all rows that the store changed after `base`."""
        return Layer(version, base, rows)

    def assign(self, layer: Layer[Rows]) -> None:
        """Set the table to exactly what this layer is, newer or older."""
        path: list[Layer[Rows]] = []
        step: Layer[Rows] | None = layer
        while step is not self.now:
            assert step is not None, "a layer of another timeline"
            path.append(step)
            step = step.towards
        for target in reversed(path):
            assert target.rows is not None, "only now has no rows"
            self.now.rows = self._apply(target.rows)
            self.now.towards = target
            target.towards = target.rows = None
            self.now = target
