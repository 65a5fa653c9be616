"""Possible cycles: they exist for some choice of the moments at which the calls acted.

A call acts at one moment of its interval, the same for all objects. The search over-approximates:
it may report a cycle that no choice allows, but if it finds none, there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from leo.units.anomalies import RW, WR, WW
from leo.units.calls import OPEN, Access, Call, Edge, Unit
from leo.units.graph import Cycle
from leo.units.patterns import Block

# So many dependencies are looked at in one block.
EFFORT = 400_000


@dataclass(slots=True, eq=False)
class Moment:
    """What acts at one moment after `lo` and not after `hi`: a call, or a read that looked back."""

    unit: Unit
    lo: int
    hi: int
    accesses: list[Access] = field(default_factory=list)


class _Least:
    """Numbers in a row, and where the next is that is less than another (a tree of minima)."""

    def __init__(self, numbers: list[int]) -> None:
        self._size = size = 1 << max(0, len(numbers) - 1).bit_length()
        self._tree = [OPEN] * size + numbers + [OPEN] * (size - len(numbers))
        for node in range(size - 1, 0, -1):
            self._tree[node] = min(self._tree[2 * node], self._tree[2 * node + 1])

    def next(self, at: int, below: int) -> int:
        """Return the first place from `at` on; one behind the end when there is none."""
        tree, node = self._tree, self._size + at
        if at >= self._size:
            return at
        while tree[node] >= below:
            while node & 1:
                node >>= 1
            if not node:
                return self._size
            node += 1
        while node < self._size:
            node = 2 * node if tree[2 * node] < below else 2 * node + 1
        return node - self._size


class Doubt:
    """The search in one block. `effort` is what is left of it: below 0 it has given up."""

    def __init__(self, block: Block) -> None:
        # Of each object that was written its accesses, their ends, and the earliest moments
        # of their units.
        self._lines: dict[str, tuple[list[Access], list[int], _Least]] = {}
        self._at: dict[Access, Moment] = {}
        self._moments: dict[Unit, list[Moment]] = {}
        for unit in block.committed:
            of_call: dict[Call, Moment] = {}
            mine = self._moments[unit] = []
            for access in block.of[unit]:
                moment = None if access.looked else of_call.get(access.call)
                if moment is None:
                    moment = Moment(unit, access.lo, access.hi)
                    mine.append(moment)
                    if not access.looked:
                        of_call[access.call] = moment
                moment.accesses.append(access)
                self._at[access] = moment
        begin = {
            unit: min((moment.lo for moment in moments), default=0)
            for unit, moments in self._moments.items()
        }
        for item, line in block.lines.items():
            written = any(access.write for access in line)
            those = [access for access in line if written and access.unit.committed]
            ends, first = [access.hi for access in those], [begin[a.unit] for a in those]
            self._lines[item] = those, ends, _Least(first)
        self.effort = EFFORT + 300 * len(self._at)
        # Where no time runs backwards, nothing leads to a unit that had ended before.
        self._leads_back = any(len(moments) > 1 for moments in self._moments.values())
        self._leads_back |= any(access.looked for access in self._at)

    @staticmethod
    def needed(block: Block) -> bool:
        """Tell whether any order in a block is open at all."""
        for line in block.lines.values():
            end, last = -OPEN, None
            for access in line:
                if access.hidden or not access.call.certain:
                    return True
                overlaps = access.lo < end and access.call is not last and access.lo < access.hi
                if overlaps and any(other.write for other in line):
                    return True
                end, last = access.hi, access.call
        return False

    def search(self, start: Unit, *, in_time: bool) -> Cycle:
        """Return a possible cycle through a unit, or with `in_time` a possible path from it to a
        unit that had ended before it opened; `()` for none.
        """
        moments = self._moments[start]
        if not self._leads_back or not (in_time or len(moments) > 1):
            return ()
        for moment in moments:
            found = self._from(start, moment, in_time)
            if found or self.effort < 0:
                return found
        return ()

    def _later(
        self, item: str, event: int, horizon: int, done: dict[int, int]
    ) -> Iterator[tuple[int, Access]]:
        """Yield the accesses to an object that may act after an event, of units that can act before
        `horizon`, but for those that are `done`; stop when `effort` is used up.
        """
        line, ends, first = self._lines[item]
        at = bisect_right(ends, event)
        while True:
            while at in done:
                # What is found once is found in half as many steps the next time.
                done[at] = done.get(done[at], done[at])
                at = done[at]
            at = first.next(at, horizon)
            self.effort -= 1
            if at >= len(line) or self.effort < 0:
                return
            if at not in done:
                yield at, line[at]
                at += 1

    def _from(self, start: Unit, first: Moment, in_time: bool) -> Cycle:
        """Search from one moment, with the earliest moment at which each can act on the way.

        Leaving a unit by another call than it was entered by begins anew at that call's own
        earliest moment. No time runs backwards within a call, so a cycle does that somewhere, and
        is found from there: it ends in another call of the unit than it began with. What cannot act
        before `horizon` leads to the end only by way of another call of its unit that can.
        """
        last = max(moment.hi for moment in self._moments[start])
        horizon = start.opened if in_time else last
        if first.accesses[0].call.observed:
            horizon = OPEN
        earliest = {first: first.lo}
        came: dict[Moment, tuple[Moment, Edge]] = {}
        # Accesses that were reached as early as they can be, each with where to look on.
        done: defaultdict[str, dict[int, int]] = defaultdict(dict)
        queue = deque([first])
        while queue:
            moment = queue.popleft()
            for access in moment.accesses:
                skip = done[access.item]
                for at, target in self._later(access.item, earliest[moment], horizon, skip):
                    if not access.conflicts(target):
                        continue
                    if access.write and not target.write and access.hi <= target.behind:
                        continue
                    unit, there = target.unit, self._at[target]
                    closes = unit.closed < start.opened if in_time else unit is start
                    if closes and there is not first:
                        return _path(moment, _edge(access, target), came)
                    if unit is start:
                        continue
                    arrives = max(earliest[moment], target.lo)
                    if arrives == target.lo:
                        skip[at] = at + 1
                    for other in self._moments[unit]:
                        when = arrives if other is there else other.lo
                        most = min(horizon, max(other.hi, other.lo + 1))
                        if when < earliest.get(other, most):
                            earliest[other] = when
                            came.setdefault(other, (moment, _edge(access, target)))
                            queue.append(other)
        return ()


def _edge(source: Access, target: Access) -> Edge:
    kind = RW if not source.write else WW if target.write else WR
    sure = source.sure and target.sure and source.hi <= target.lo
    return Edge(source, target, kind, sure and not (kind == WR and target.hidden))


def _path(moment: Moment, last: Edge, came: dict[Moment, tuple[Moment, Edge]]) -> Cycle:
    path = [last]
    while moment in came:
        moment, edge = came[moment]
        path.append(edge)
    return tuple(reversed(path))
