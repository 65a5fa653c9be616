"""Searches for a serial order of transactions that explains what each of them read.

The search of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's memory of
what was tried (Testing for Linearizability, 2017), on transactions of several registers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any, Final

# So many transactions are tried at some place before the search gives up.
TRIES: Final = 2_000_000
# So far behind the first that is left one is looked for that may come next, where time sets no
# limit, unless there is none.
WIDEST: Final = 64
# So many of those who read a text next are looked at.
FEW: Final = 4


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
    """The search for an order of steps, which are in the order of their beginnings."""

    def __init__(self, steps: Sequence[Step], *, in_time: bool) -> None:
        self._steps = steps
        self._in_time = in_time
        # By object and value, those that have to find it by their ends, and those that may make it
        # by their beginnings; and before which places in these lists all are placed.
        self._readers: dict[tuple[str, Any], list[int]] = {}
        self._makers: dict[tuple[str, Any], list[int]] = {}
        self._begun: dict[int, int] = {}
        self._by_end = sorted(
            (k for k, step in enumerate(steps) if not step.may), key=lambda k: steps[k].end
        )
        for k in self._by_end:
            for at in steps[k].finds.items():
                self._readers.setdefault(at, []).append(k)
        # Of texts, who reads them.
        self._adds: dict[str, list[int]] = {
            item: [] for step in steps if step.adds for item in step.leaves
        }
        for k in self._by_end if self._adds else ():
            for item in steps[k].finds:
                self._adds.setdefault(item, []).append(k)
        for k, step in enumerate(steps):
            for at in step.leaves.items():
                if at[0] not in self._adds:
                    self._makers.setdefault(at, []).append(k)
        # Those that may have happened and do the same: the one that began first stands for all.
        kinds: dict[str, int] = {}
        self._kind = [
            kinds.setdefault(repr((step.finds, step.leaves, step.adds)), k)
            if step.may and step.after < 0
            else k
            for k, step in enumerate(steps)
        ]
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
        if self._in_time and self._is_hopeless():
            return None
        steps, placed, state = self._steps, self._placed, self._state
        order: list[int] = []
        # What each step overwrote, and for each place who else may come there, and how many of
        # those who begin and end first are placed.
        undo: list[dict[str, Any]] = []
        frames = [(self._ways(0, 0), 0, 0)]
        tried: set[tuple[int, bytes, str]] | None = None
        left = len(self._by_end)
        while left and self._tries > 0:
            ways, first, ended = frames[-1]
            if not ways:
                frames.pop()
                if not order:
                    return None
                k = order.pop()
                placed[k] = 0
                self._begun.clear()
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
                    first,
                    bytes(placed[first:]).rstrip(b"\0"),
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
            while first < len(placed) and placed[first]:
                first += 1
            while left and placed[self._by_end[ended]]:
                ended += 1
            frames.append((self._readers_of(k) or self._ways(first, ended), first, ended))
        return None if left else order

    def _is_hopeless(self) -> bool:
        """A step has to find what nobody wrote in time, or what was surely overwritten before."""
        steps = self._steps
        # By object the ends of what surely overwrote it, and the latest beginning up to each.
        wrote: dict[str, tuple[list[float], list[float]]] = {}
        for k in self._by_end:
            for item in steps[k].leaves:
                ends, latest = wrote.setdefault(item, ([], []))
                ends.append(steps[k].end)
                latest.append(max(steps[k].begin, latest[-1] if latest else -inf))
        for (item, value), readers in self._readers.items():
            makers = self._makers.get((item, value), [])
            ends, latest = wrote.get(item, ([], []))
            for reader in readers if item not in self._adds else ():
                step = steps[reader]
                at = bisect_left(ends, step.begin)
                floor = latest[at - 1] if at else -inf
                begun = bisect_left(makers, step.end, key=lambda k: steps[k].begin)
                there = any(steps[makers[m]].end >= floor for m in range(begun - 1, -1, -1))
                if not there and (at or value is not None):
                    return True
        return False

    def _fits(self, k: int) -> bool:
        step, placed, state = self._steps[k], self._placed, self._state
        if placed[k] or (step.after >= 0 and not placed[step.after]):
            return False
        return all(state.get(item) == value for item, value in step.finds.items())

    def _readers_of(self, last: int) -> list[int]:
        """One that only reads what the last step wrote, where time does not forbid it."""
        if self._in_time:
            return []
        for at in self._steps[last].leaves.items():
            for k in self._left(self._readers.get(at, [])):
                if not self._steps[k].leaves and self._fits(k):
                    return [k]
        return []

    def _left(self, some: list[int]) -> Iterator[int]:
        """Those of a list that are not placed."""
        placed, begin = self._placed, self._begun.get(id(some), 0)
        while begin < len(some) and placed[some[begin]]:
            begin += 1
        self._begun[id(some)] = begin
        return (some[at] for at in range(begin, len(some)) if not placed[some[at]])

    def _is_lost(self, item: str, k: int) -> bool:
        """Somebody has to find what a step overwrites, or what it does not lead to, and it is not
        made in time for that.
        """
        step, value = self._steps[k], self._state.get(item)
        if step.leaves[item] == value and not step.adds:
            return False
        if (readers := self._adds.get(item)) is None:
            return self._is_wanted(self._left(self._readers.get((item, value), [])), item, k)
        after = f"{value or ''}{step.leaves[item] or ''}" if step.adds else step.leaves[item] or ""
        some = islice(self._left(readers), FEW)
        missed = [r for r in some if not (self._steps[r].finds[item] or "").startswith(after)]
        return self._is_wanted(iter(missed), item, k)

    def _is_wanted(self, readers: Iterator[int], item: str, k: int) -> bool:
        """The first of some readers cannot find any more what it has to, when `k` is placed."""
        reader = next((r for r in readers if r != k), None)
        if reader is None:
            return False
        maker = next((j for j in self._left(self._makers_of(item, reader)) if j != k), None)
        if maker is None or not self._in_time:
            return maker is None
        return self._steps[reader].end < self._steps[maker].begin

    def _makers_of(self, item: str, reader: int) -> list[int]:
        """Who may make what a reader has to find: of a text, any beginning of it."""
        value = self._steps[reader].finds[item]
        known = self._makers.get((item, value))
        if known is None:
            whole = [k for k, s in enumerate(self._steps) if item in s.leaves and not s.adds]
            known = self._makers[item, value] = (
                [k for k in whole if (value or "").startswith(self._steps[k].leaves[item] or "")]
                if item in self._adds
                else []
            )
        return known

    def _ways(self, first: int, ended: int) -> list[int]:
        """Who may come next: only one that leaves nothing, if there is one; the last is best."""
        steps, placed, state = self._steps, self._placed, self._state
        until = steps[self._by_end[ended]].end if self._in_time and self._by_end else inf
        found: list[int] = []
        perhaps: dict[int, int] = {}
        for k in range(first, len(placed)):
            step = steps[k]
            self._tries -= 1
            if step.begin > until:
                break
            if (found or perhaps) and k > first + WIDEST and not self._in_time:
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
            if not any(self._is_lost(item, k) for item in step.leaves):
                if step.may:
                    perhaps[self._kind[k]] = k
                else:
                    found.append(k)
        return [*reversed(perhaps.values()), *reversed(found)]
