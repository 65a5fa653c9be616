"""Cycles of dependencies that are there for some choice of the moments at which the calls acted.

A call acts at one moment of its interval, the same for all objects. Cycles are searched generously,
never the other way round: where none is found, there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

from leo.units.anomalies import RW, WR, WW
from leo.units.calls import Access, Call, Edge, Unit
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


_Place = tuple[Moment, bool]


class Doubt:
    """The search in one block. `effort` is what is left of it: below 0 it has given up."""

    def __init__(self, block: Block) -> None:
        self.effort = EFFORT
        self._lines: dict[str, tuple[list[int], list[Access]]] = {}
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
        for item, line in block.lines.items():
            those = [access for access in line.accesses if access.unit.committed]
            self._lines[item] = [access.hi for access in those], those

    @staticmethod
    def needed(block: Block) -> bool:
        """Tell whether any order in a block is open at all."""
        for line in block.lines.values():
            if any(not write.call.certain for write in line.writes):
                return True
            for one, two in pairwise(line.accesses if line.writes else ()):
                if two.lo < one.hi and one.call is not two.call and two.lo < two.hi:
                    return True
        return False

    def search(self, start: Unit, *, in_time: bool) -> Cycle:
        """Return a possible cycle through a unit, or with `in_time` a possible path from it to a
        unit that had ended before it opened; `()` for none.
        """
        for moment in self._moments[start]:
            found = self._from(start, moment, in_time)
            if found or self.effort < 0:
                return found
        return ()

    def _from(self, start: Unit, first: Moment, in_time: bool) -> Cycle:
        """Search from one moment, with the earliest moment at which each can act on the way.

        Leaving a unit by another call than it was entered by begins anew at that call's own
        earliest moment. A cycle needs that somewhere, since no time runs backwards within a call.
        """
        earliest: dict[_Place, int] = {(first, False): first.lo}
        came: dict[_Place, tuple[_Place, Edge]] = {}
        queue: deque[_Place] = deque([(first, False)])
        while queue:
            place = queue.popleft()
            moment, moved = place
            for access in moment.accesses:
                ends, line = self._lines[access.item]
                for at in range(bisect_right(ends, earliest[place]), len(line)):
                    target = line[at]
                    self.effort -= 1
                    if self.effort < 0:
                        return ()
                    if not access.conflicts(target):
                        continue
                    if access.write and not target.write and access.hi <= target.behind:
                        continue
                    unit, there = target.unit, self._at[target]
                    edge = _edge(access, target)
                    if unit is start:
                        if not in_time and (moved or there is not first):
                            return _path(place, edge, came)
                        continue
                    if in_time and unit.closed < start.opened:
                        return _path(place, edge, came)
                    arrives = max(earliest[place], target.lo)
                    for other in self._moments[unit]:
                        same = other is there
                        step = (other, moved or not same)
                        when = arrives if same else other.lo
                        if when < earliest.get(step, max(other.hi, other.lo + 1)):
                            earliest[step] = when
                            came.setdefault(step, (place, edge))
                            queue.append(step)
        return ()


def _edge(source: Access, target: Access) -> Edge:
    kind = RW if not source.write else WW if target.write else WR
    sure = source.sure and target.sure and source.hi <= target.lo
    return Edge(source, target, kind, sure and not (kind == WR and target.hidden))


def _path(place: _Place, last: Edge, came: dict[_Place, tuple[_Place, Edge]]) -> Cycle:
    path = [last]
    while place in came:
        place, edge = came[place]
        path.append(edge)
    return tuple(reversed(path))
