"""What a module of the organism is: declared reads and writes, tables of its own, pure hooks.

A module does no input or output. Its rows are read in the transaction of Recall and written in the
transaction that saves the snapshot, so all marks of a reply are written together. A module's object
therefore has the history of the object `snapshots`: one read and one write per reply, at those two
places. The specification needs no further object for it.

A reply calls four hooks: `hear` (in Recall, before anything was observed), `learnt` (as the texts
are observed), `before` (in Generate, before the walk) and `after` (in Generate, after it). The
context has the time, the random generator is an argument, and a module's memory is in its rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Final, Generic, TypeVar

from leo.errors import UndeclaredError
from leo.reply.context import After, Before, Changes, Heard, Hints, Moment
from leo.store.rows import Put, Rows

S = TypeVar("S")
HEARD_NOTHING, NO_HINTS, NO_CHANGES = Heard(), Hints(), Changes()


class NoChance(Random):
    """What a hook is given that does not declare to use chance."""

    def getrandbits(self, k: int, /) -> int:
        """Raises UndeclaredError, as everything does that draws."""
        raise UndeclaredError("the module uses chance in a hook that does not declare it")

    def random(self) -> float:
        """Raises UndeclaredError."""
        return self.getrandbits(53)


# Making a generator costs as much as what most hooks do.
NO_CHANCE: Final = NoChance()


class Module(ABC, Generic[S]):
    """What each module is derived from: one that does nothing.

    READS and WRITES name objects, `ngrams`, `snapshots`, `view`, and its own. They speak of the
    reply itself: an inner reply that a module describes reads and writes on its own account. INNER
    are the kinds of inner replies that it takes part in. USES_CHANCE are the hooks that draw from
    their `rng`; in any other it raises UndeclaredError. QUERIES are named SELECTs with the
    parameters :now (seconds), :session (the outer one), :tokens and :words (JSON arrays: the
    prompt's tokens, its words in lower case). ARRAYS are its columns, `table.column`, with a JSON
    array in them, and SQLite's names for the types of its elements.
    """

    name: ClassVar[str]
    READS: ClassVar[frozenset[str]] = frozenset()
    WRITES: ClassVar[frozenset[str]] = frozenset()
    INNER: ClassVar[frozenset[str]] = frozenset()
    USES_CHANCE: ClassVar[frozenset[str]] = frozenset()
    DDL: ClassVar[tuple[str, ...]] = ()
    QUERIES: ClassVar[Mapping[str, str]] = {}
    ARRAYS: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def load(self, rows: Rows) -> S:
        """Its state, from the rows of its queries."""

    def learnt(self, texts: Sequence[str]) -> Sequence[str]:
        """What the field takes in of a prompt, an inner one too, and of what came to mind: all."""
        return texts

    def hear(self, state: S, moment: Moment) -> Heard:
        """Nothing comes to mind."""
        return HEARD_NOTHING

    def before(self, state: S, context: Before, rng: Random) -> Hints:
        """No opinion on how to speak."""
        return NO_HINTS

    def after(self, state: S, context: After, rng: Random) -> Changes:
        """Nothing to add or to keep."""
        return NO_CHANGES


def insert(
    table: str, columns: str, rows: Sequence[tuple[Any, ...]], *, replace: bool = False
) -> Put:
    """Rows for a table of a module's own; with `replace` in the place of those with their key."""
    marks = ", ".join("?" * (columns.count(",") + 1))
    instead = " OR REPLACE" if replace else ""
    return Put(f"INSERT{instead} INTO {table} ({columns}) VALUES ({marks})", tuple(rows))


def keep_newest(table: str, count: int) -> Put:
    """Let go of what is older than the newest rows of a table; its `id` is a number that grows."""
    return Put(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", ((count,),))


def keep_latest(table: str, count: int, key: str) -> Put:
    """Let go of all rows but those with the latest times `at`; `key` is the primary key."""
    order = f"SELECT {key} FROM {table} ORDER BY at DESC, {key} LIMIT -1 OFFSET ?"
    return Put(f"DELETE FROM {table} WHERE {key} IN ({order})", ((count,),))
