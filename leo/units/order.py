"""Strict serializability: does an order explain the units that also keeps who came after whom?

A unit that returned before another opened comes before it in real time.  An order that breaks this
is forced by a path of dependencies from a later unit to an earlier one: ``late`` -> ... ->
``early``, where ``early`` had returned before ``late`` opened.  One step back in time is enough: of
two units that returned before two others opened, one returned before both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from leo.units.calls import Call, Edge, Unit

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
    after = _reach(unit, _forward)
    if not after:
        return tuple(unit.behind[:1])
    early = min(after, key=lambda other: other.closed)
    onward = _unwound(unit, early, after, lambda edge: edge.source.unit)[::-1]
    if early.closed < unit.opened:
        return tuple(onward)
    before = _reach(unit, _backward)
    late = max(before, key=lambda other: other.opened, default=unit)
    if late.opened < early.closed:
        return tuple(unit.behind[:1])
    return (*_unwound(unit, late, before, lambda edge: edge.target.unit), *onward)


def possible_path(unit: Unit, ended: Callable[[int], Iterable[Unit]]) -> Path:
    """Return such a path over any dependencies, some of them open, or ``()``: the moments of its
    calls can be chosen so that all of them hold.

    ``ended`` gives the units that ended after an event.  One that began the path and ended before
    that need not be asked: see ``_Search``.
    """
    search = _Search(unit)
    first = search.first
    if first is None:
        return ()
    late = [other for other in ended(first) if other.committed and other.opened > first]
    if unit.opened > first:
        late.append(unit)
    late = [other for other in dict.fromkeys(late) if any(call.out for call in other.calls)]
    for start in sorted(late, key=lambda other: -other.opened):
        found = search.path_from(start)
        if found:
            return found
    return ()


def _forward(call: Call) -> list[tuple[Edge, Unit]]:
    return [(edge, edge.target.unit) for edge in call.out]


def _backward(call: Call) -> list[tuple[Edge, Unit]]:
    return [(edge, edge.source.unit) for edge in call.into]


def _reach(unit: Unit, ways: Callable[[Call], list[tuple[Edge, Unit]]]) -> dict[Unit, Edge]:
    """Return the other units that returned, each with the sure dependency that led to it."""
    came: dict[Unit, Edge] = {}
    queue = deque([unit])
    while queue:
        for call in queue.popleft().calls:
            for edge, other in ways(call):
                known = other is unit or other in came or not other.committed
                if edge.sure and not known:
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


class _Search:
    """The paths by way of a unit that has just returned, with the earliest moment at which each
    call can act on the way, as ``leo.units.graph`` does: a unit is left by any of its calls.

    ``first`` is the event at which the first of the units after it returned, None when there is
    none.  No path needs a unit that had ended by then: it would have been found before, without
    this unit, as one that leads to it.

    Where paths begin later is asked first, and what was reached from there is not asked again
    unless it can be reached earlier: whatever it leads to had returned before both began, or
    neither.  So all beginnings together cost about as much as one.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._earliest: dict[_Place, int] = {}
        self._came: dict[_Place, tuple[_Place, Edge]] = {}
        self.first: int | None = None
        self.first = min((edge.target.unit.closed for _, edge in self._beyond(unit)), default=None)
        self._earliest.clear()
        self._came.clear()

    def path_from(self, late: Unit) -> Path:
        """Return a path from a unit, or from one that was asked before, or ``()``."""
        for place, edge in self._beyond(late):
            if edge.target.unit.closed < late.opened:
                return self._taken(place, edge)
        return ()

    def _beyond(self, late: Unit) -> Iterator[tuple[_Place, Edge]]:
        """Yield the dependencies beyond the unit that can be taken on a way from ``late``, and the
        place that each is taken from.
        """
        earliest, unit = self._earliest, self._unit
        queue: deque[_Place] = deque()
        for call in late.calls:
            begin = (call, late is unit)
            if call.out and call.since < earliest.get(begin, call.seq):
                earliest[begin] = call.since
                queue.append(begin)
        while queue:
            place = queue.popleft()
            call, met = place
            for edge in call.out:
                target = edge.target
                other = target.unit
                if not other.committed or other is late or other.closed < (self.first or 0):
                    continue
                moment = edge.moment(earliest[place])
                if moment is None:
                    continue
                through = met or other is unit
                if through and other is not unit:
                    yield place, edge
                for leaving in other.calls:
                    step = (leaving, through)
                    at = moment if leaving is target else leaving.since
                    if at < earliest.get(step, leaving.seq):
                        earliest[step] = at
                        self._came.setdefault(step, (place, edge))
                        queue.append(step)

    def _taken(self, place: _Place, last: Edge) -> Path:
        path = [last]
        while place in self._came:
            place, edge = self._came[place]
            path.append(edge)
        return tuple(reversed(path))
