"""Cycles of dependencies between units that returned (Adya: not serializable).

A cycle of dependencies that are sure is there whatever the calls did inside their intervals.  One
that needs others is possible: the moments of its calls can be chosen so that all of its
dependencies hold.  Possible cycles are searched generously, never the other way round: where none
is found, there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from model.units_calls import Call, Edge, Unit


def sure_cycle(unit: Unit) -> tuple[Edge, ...]:
    """Return a shortest cycle through a unit over sure dependencies, or ``()``."""
    came: dict[Unit, Edge] = {}
    queue = deque([unit])
    while queue:
        here = queue.popleft()
        for call in here.calls:
            for edge in call.out:
                there = edge.target.unit
                if not edge.sure or not there.committed or there in came:
                    continue
                came[there] = edge
                if there is unit:
                    return _back(unit, came)
                queue.append(there)
    return ()


def _back(unit: Unit, came: dict[Unit, Edge]) -> tuple[Edge, ...]:
    path = [came[unit]]
    while path[-1].source.unit is not unit:
        path.append(came[path[-1].source.unit])
    return tuple(reversed(path))


def possible_cycle(unit: Unit) -> tuple[Edge, ...]:
    """Return a cycle through a unit over any dependencies, some of them open, or ``()``."""
    for start in unit.calls:
        if start.out:
            found = _possible_from(start)
            if found:
                return found
    return ()


# A call that was reached, and whether a unit has been left by another call than it was entered by.
_Place = tuple[Call, bool]


def _possible_from(start: Call) -> tuple[Edge, ...]:
    """Search from one call, with the earliest moment at which each call can act on the way.

    Leaving a unit by another call than it was entered by begins anew at that call's own earliest
    moment; a cycle needs that somewhere, since no time runs backwards within a call.
    """
    home = start.unit
    earliest: dict[_Place, int] = {(start, False): start.since}
    came: dict[_Place, tuple[_Place, Edge] | None] = {(start, False): None}
    queue: deque[_Place] = deque([(start, False)])
    while queue:
        place = queue.popleft()
        call, moved = place
        for edge in call.out:
            target = edge.target
            if not target.unit.committed:
                continue
            moment = max(earliest[place], target.since)
            if moment >= target.seq:
                if not edge.sure:
                    continue
                # An exact read of an old version: what it depends on the other way is earlier.
                moment = target.since
            if target.unit is home:
                if moved or target is not start:
                    return _path(place, edge, came)
                continue
            for other in target.unit.calls:
                same = other is target
                step = (other, moved or not same)
                at = moment if same else other.since
                if at < earliest.get(step, other.seq):
                    earliest[step] = at
                    came.setdefault(step, (place, edge))
                    queue.append(step)
    return ()


def _path(
    place: _Place, last: Edge, came: dict[_Place, tuple[_Place, Edge] | None]
) -> tuple[Edge, ...]:
    path = [last]
    step = came[place]
    while step is not None:
        place, edge = step
        path.append(edge)
        step = came[place]
    return tuple(reversed(path))


def reached(units: Iterable[Unit]) -> set[Unit]:
    """Return the units and all that depend on them, at any distance."""
    found = set(units)
    queue = deque(found)
    while queue:
        for call in queue.popleft().calls:
            for edge in call.out:
                if edge.target.unit not in found:
                    found.add(edge.target.unit)
                    queue.append(edge.target.unit)
    return found
