"""Strict serializability: does an order explain the units that also keeps who came after whom?

A unit that returned before another opened comes before it in real time.  An order that breaks this
is forced by a path of dependencies from a later unit to an earlier one: ``late`` -> ... ->
``early``, where ``early`` had returned before ``late`` opened.  One step back in time is enough: of
two units that returned before two others opened, one returned before both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from model.units_calls import Call, Edge, Unit

Path = tuple[Edge, ...]


def tell(path: Path) -> tuple[str, ...]:
    """Say why: the dependencies, and the order in time that they contradict."""
    late, early = path[0].source.unit, path[-1].target.unit
    return (
        *(edge.tell() for edge in path),
        f"{early.name} had returned (line {early.closed + 1}) before {late.name} opened "
        f"(line {late.opened + 1})",
    )


def sure_path(unit: Unit) -> Path:
    """Return a path of sure dependencies through a unit that has just returned, or ``()``.

    It leads to the unit after it that returned first, and, if it must, from the one before it that
    opened last.
    """
    after = _reach(unit, _forward, sure=True)
    if not after:
        return tuple(unit.behind[:1])
    early = min(after, key=lambda other: other.closed)
    onward = _unwound(unit, early, after, lambda edge: edge.source.unit)[::-1]
    if early.closed < unit.opened:
        return tuple(onward)
    before = _reach(unit, _backward, sure=True)
    late = max(before, key=lambda other: other.opened, default=unit)
    if late.opened < early.closed:
        return tuple(unit.behind[:1])
    return (*_unwound(unit, late, before, lambda edge: edge.target.unit), *onward)


def possible_path(unit: Unit) -> Path:
    """Return such a path over any dependencies, some of them open, or ``()``: the moments of its
    calls can be chosen so that all of them hold.
    """
    after = _reach(unit, _forward, sure=False)
    if not after:
        return ()
    first = min(other.closed for other in after)
    before = _reach(unit, _backward, sure=False)
    starts = [other for other in before if other.opened > first]
    for late in [unit, *sorted(starts, key=lambda other: -other.opened)]:
        if late.opened > first:
            for call in late.calls:
                found = _possible_from(call, unit) if call.out else ()
                if found:
                    return found
    return ()


def _forward(call: Call) -> list[tuple[Edge, Unit]]:
    return [(edge, edge.target.unit) for edge in call.out]


def _backward(call: Call) -> list[tuple[Edge, Unit]]:
    return [(edge, edge.source.unit) for edge in call.into]


def _reach(
    unit: Unit, ways: Callable[[Call], list[tuple[Edge, Unit]]], *, sure: bool
) -> dict[Unit, Edge]:
    """Return the other units that returned, each with the dependency by which it was reached."""
    came: dict[Unit, Edge] = {}
    queue = deque([unit])
    while queue:
        for call in queue.popleft().calls:
            for edge, other in ways(call):
                known = other is unit or other in came or not other.committed
                if not known and (edge.sure or not sure):
                    came[other] = edge
                    queue.append(other)
    return came


def _unwound(
    unit: Unit, end: Unit, came: dict[Unit, Edge], towards: Callable[[Edge], Unit]
) -> list[Edge]:
    path = []
    while end is not unit:
        path.append(came[end])
        end = towards(came[end])
    return path


# A call that was reached, and whether the unit that has just returned is on the way to it.
_Place = tuple[Call, bool]


def _possible_from(start: Call, unit: Unit) -> Path:
    """Search from one call by way of ``unit``, with the earliest moment at which each call can act
    on the way, as ``model.units_graph`` does: a unit is left by any of its calls.
    """
    late = start.unit
    begin = (start, late is unit)
    earliest: dict[_Place, int] = {begin: start.since}
    came: dict[_Place, tuple[_Place, Edge]] = {}
    queue = deque([begin])
    while queue:
        place = queue.popleft()
        call, met = place
        for edge in call.out:
            target = edge.target
            other = target.unit
            if not other.committed or other is late:
                continue
            moment = edge.moment(earliest[place])
            if moment is None:
                continue
            through = met or other is unit
            if through and other.closed < late.opened:
                return _taken(place, edge, came)
            for leaving in other.calls:
                step = (leaving, through)
                at = moment if leaving is target else leaving.since
                if at < earliest.get(step, leaving.seq):
                    earliest[step] = at
                    came.setdefault(step, (place, edge))
                    queue.append(step)
    return ()


def _taken(place: _Place, last: Edge, came: dict[_Place, tuple[_Place, Edge]]) -> Path:
    path = [last]
    while place in came:
        place, edge = came[place]
        path.append(edge)
    return tuple(reversed(path))
