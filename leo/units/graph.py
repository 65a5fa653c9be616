"""Cycles of dependencies between units that returned (Adya: not serializable).

A cycle of dependencies that are sure is there whatever the calls did inside their intervals.  One
that needs others is possible: the moments of its calls can be chosen so that all of its
dependencies hold.  Possible cycles are searched generously, never the other way round: where none
is found, there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from leo.units.anomalies import RW, WW
from leo.units.calls import Call, Edge, Unit

Cycle = tuple[Edge, ...]


def sure_cycle(unit: Unit) -> Cycle:
    """Return the gravest cycle through a unit over sure dependencies, or ``()``.

    Of those as grave it is a shortest one.  The order is that of the levels that forbid them: G0,
    G1c, G-single, G-nonadjacent, G2-item.
    """
    if not _shortest(unit, *_GRADES[-1]):
        return ()
    return next(cycle for grade in _GRADES if (cycle := _shortest(unit, *grade)))


# What a walk remembers of the edges that it took, after one more of a kind; None where it may not.
_Step = Callable[[int, str], int | None]
_FIRST, _LAST, _BEGUN = 1, 2, 4


def _apart(mark: int, kind: str) -> int | None:
    """No two rw edges one after the other, also where the cycle closes."""
    if kind != RW:
        return _BEGUN | mark & _FIRST
    if mark & _LAST:
        return None
    return _BEGUN | _LAST | (mark & _FIRST if mark & _BEGUN else _FIRST)


_GRADES: Final[tuple[tuple[_Step, Callable[[int], bool]], ...]] = (
    (lambda mark, kind: 0 if kind == WW else None, lambda mark: True),
    (lambda mark, kind: 0 if kind != RW else None, lambda mark: True),
    (
        lambda mark, kind: mark + (kind == RW) if kind != RW or mark == 0 else None,
        lambda mark: True,
    ),
    (_apart, lambda mark: not (mark & _FIRST and mark & _LAST)),
    (lambda mark, kind: 0, lambda mark: True),
)


def _shortest(unit: Unit, step: _Step, closes: Callable[[int], bool]) -> Cycle:
    """Return a shortest cycle through a unit among the walks that ``step`` allows, or ``()``."""
    start = (unit, 0)
    came: dict[tuple[Unit, int], tuple[tuple[Unit, int], Edge]] = {}
    queue = deque([start])
    while queue:
        place = queue.popleft()
        for call in place[0].calls:
            for edge in call.out:
                there = edge.target.unit
                if not edge.sure or not there.committed:
                    continue
                mark = step(place[1], edge.kind)
                if mark is None or (there, mark) in came:
                    continue
                if there is not unit:
                    came[there, mark] = (place, edge)
                    queue.append((there, mark))
                elif closes(mark):
                    return _back(start, place, edge, came)
    return ()


def _back(
    start: tuple[Unit, int],
    place: tuple[Unit, int],
    last: Edge,
    came: dict[tuple[Unit, int], tuple[tuple[Unit, int], Edge]],
) -> Cycle:
    path = [last]
    while place != start:
        place, edge = came[place]
        path.append(edge)
    return tuple(reversed(path))


def possible_cycle(unit: Unit) -> tuple[Edge, ...]:
    """Return a cycle through a unit over any dependencies, some of them open, or ``()``."""
    for start in unit.calls:
        if start.out:
            found = _possible_from(start)
            if found:
                return found
    return ()


# A call that was reached, and whether time has gone back on the way: a unit was left by another
# call than it was entered by, or a read looked back.
_Place = tuple[Call, bool]


def _possible_from(start: Call) -> tuple[Edge, ...]:
    """Search from one call, with the earliest moment at which each call can act on the way.

    Leaving a unit by another call than it was entered by begins anew at that call's own earliest
    moment.  A cycle needs that somewhere, or a read that looked back, since no time runs backwards
    within a call.
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
            moment = edge.moment(earliest[place])
            if moment is None:
                continue
            back = moved or edge.stale
            if target.unit is home:
                if back or target is not start:
                    return _path(place, edge, came)
                continue
            for other in target.unit.calls:
                same = other is target
                step = (other, back or not same)
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
