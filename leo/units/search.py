"""Searches for a serial order of transactions that explains what each of them read.

The search of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's memory of
what was tried (Testing for Linearizability, 2017), on transactions of several registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

# So many transactions are tried at some place before the search gives up.
TRIES: Final = 2_000_000
# So far behind the first that is left one is looked for that may come next, where time sets no
# limit, unless there is none.
WIDEST: Final = 64


@dataclass(slots=True)
class Step:
    """A transaction: what it has to find and what it leaves, by object, and when it began and
    ended. What it leaves is whole, or (`adds`) comes behind what is there. It `may` have happened,
    or has. Before it comes the step of the number `after`.
    """

    finds: dict[str, Any]
    leaves: dict[str, Any]
    begin: float
    end: float
    may: bool = False
    after: int = -1
    adds: bool = False


class Orders:
    """The search for an order. `unique`: no value was written twice to one object."""

    def __init__(self, steps: Sequence[Step], *, in_time: bool, unique: bool) -> None:
        self._steps = steps
        self._in_time = in_time
        # By object and value, those that have to find it.
        self._readers: dict[tuple[str, Any], list[int]] = {}
        for k, step in enumerate(steps):
            for item, value in step.finds.items() if unique and not step.may else ():
                self._readers.setdefault((item, value), []).append(k)
        # Those that may have happened and do the same: the one that began first stands for all.
        kinds: dict[str, int] = {}
        self._kind = [
            kinds.setdefault(repr((step.finds, step.leaves, step.adds)), k)
            if step.may and step.after < 0
            else k
            for k, step in enumerate(steps)
        ]
        self._by_begin = sorted(range(len(steps)), key=lambda k: steps[k].begin)
        self._by_end = sorted(
            (k for k, step in enumerate(steps) if not step.may), key=lambda k: steps[k].end
        )
        self._placed = bytearray(len(steps))
        self._state: dict[str, Any] = {}
        self._tries = TRIES
        self._narrowed = False

    @property
    def exhausted(self) -> bool:
        """Everything was tried, so if there was no order, there is none."""
        return self._tries > 0 and not self._narrowed

    def find(self) -> list[int] | None:
        """Return an order, or None when none was found."""
        steps, placed, state = self._steps, self._placed, self._state
        order: list[int] = []
        # What each step overwrote, and for each place who else may come there, and how many of
        # those who begin and end first are placed.
        undo: list[dict[str, Any]] = []
        frames = [(self._ways(0, 0), 0, 0)]
        tried: set[tuple[bytes, str]] | None = None
        left = len(self._by_end)
        while left and self._tries > 0:
            ways, first, ended = frames[-1]
            if not ways:
                frames.pop()
                if not order:
                    return None
                k = order.pop()
                placed[k] = 0
                state |= undo.pop()
                left += not steps[k].may
                # From the first way back on it pays to know where one has been.
                tried = set() if tried is None else tried
                continue
            k = ways.pop()
            before = {item: state.get(item) for item in steps[k].leaves}
            for item, value in steps[k].leaves.items():
                state[item] = f"{before[item] or ''}{value}" if steps[k].adds else value
            placed[k] = 1
            if tried is not None:
                known = (
                    bytes(placed),
                    repr(sorted((i, v) for i, v in state.items() if v is not None)),
                )
                if known in tried:
                    placed[k] = 0
                    state |= before
                    continue
                tried.add(known)
            order.append(k)
            undo.append(before)
            left -= not steps[k].may
            while first < len(placed) and placed[self._by_begin[first]]:
                first += 1
            while left and placed[self._by_end[ended]]:
                ended += 1
            frames.append((self._readers_of(k) or self._ways(first, ended), first, ended))
        return None if left else order

    def _fits(self, k: int) -> bool:
        step, placed, state = self._steps[k], self._placed, self._state
        if placed[k] or (step.after >= 0 and not placed[step.after]):
            return False
        return all(state.get(item) == value for item, value in step.finds.items())

    def _readers_of(self, last: int) -> list[int]:
        """One that only reads what the last step wrote, where time does not forbid it."""
        if self._in_time:
            return []
        for item, value in self._steps[last].leaves.items():
            for k in self._readers.get((item, value), ()):
                if not self._steps[k].leaves and self._fits(k):
                    return [k]
        return []

    def _ways(self, first: int, ended: int) -> list[int]:
        """Who may come next: only one that leaves nothing, if there is one; the last is best."""
        steps, placed, state = self._steps, self._placed, self._state
        until = steps[self._by_end[ended]].end if self._in_time and self._by_end else inf
        found: list[int] = []
        perhaps: dict[int, int] = {}
        for at in range(first, len(placed)):
            k = self._by_begin[at]
            step = steps[k]
            self._tries -= 1
            if step.begin > until:
                break
            if (found or perhaps) and at > first + WIDEST and not self._in_time:
                self._narrowed = True
                break
            if not self._fits(k):
                continue
            if not step.leaves:
                return [k]
            if step.may and (
                self._kind[k] in perhaps
                or (
                    not step.adds
                    and all(state.get(item) == value for item, value in step.leaves.items())
                )
            ):
                continue
            # What it overwrites, nobody may have to find any more.
            if not any(
                reader != k and not placed[reader]
                for item in step.leaves
                for reader in self._readers.get((item, state.get(item)), ())
            ):
                if step.may:
                    perhaps[self._kind[k]] = k
                else:
                    found.append(k)
        return [*reversed(perhaps.values()), *reversed(found)]
