"""Cycles of dependencies that are there wherever inside their intervals the calls acted.

Which units are on cycles, Tarjan's algorithm says, on a graph that has a line of points for each
object: an access enters the line behind its end, and leaves it before its beginning. So the graph
is as long as the trace, however many accesses depend on one another. The dependencies themselves
are made of the units of one group only, to find a short cycle in it and its name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from leo.units.anomalies import G_SINGLE, LOST_UPDATE, RW, WR, WW, name_of
from leo.units.calls import Access, Edge, Unit

Cycle = tuple[Edge, ...]
Lines = Mapping[str, Sequence[Access]]
Adjacency = list[list[int]]

# So many edges are looked at to find a short cycle in one group.
EFFORT: Final = 200_000
# So many dependencies of one access are made, of a small group and of a large one.
NEAREST: Final = (64, 2)
SMALL: Final = 2_000


def groups(
    units: Sequence[Unit], lines: Lines, clocks: Sequence[Sequence[Unit]] = ()
) -> list[list[Unit]]:
    """Return the units that are on cycles with one another, a list for each group.

    `lines` are the accesses of each object, in `order_of`. Of the units of one of the `clocks`, in
    the order in which they closed, one that ended before another opened comes before it.
    """
    number = {unit: k for k, unit in enumerate(units)}
    graph: Adjacency = [[] for _ in units]
    for line in lines.values():
        _add_line([access for access in line if access.sure], number, graph)
    for clock in clocks:
        _add_time(clock, number, graph)
    found = []
    for component in components(graph):
        members = sorted(k for k in component if k < len(units))
        if len(members) > 1:
            found.append([units[k] for k in members])
    return sorted(found, key=lambda group: group[0].closed)


class _Points:
    """The points of an object's line behind the ends of some accesses, each reached from the one
    before it.
    """

    def __init__(self, graph: Adjacency) -> None:
        self._graph = graph
        self._ends: list[int] = []
        self._nodes: list[int] = []

    def enter(self, access: Access, source: int) -> None:
        node = len(self._graph)
        self._graph.append([])
        if self._nodes:
            self._graph[self._nodes[-1]].append(node)
        self._graph[source].append(node)
        self._ends.append(access.hi)
        self._nodes.append(node)

    def leave(self, access: Access, target: int) -> None:
        found = bisect_right(self._ends, access.lo)
        if found:
            self._graph[self._nodes[found - 1]].append(target)


def _add_line(line: Sequence[Access], number: Mapping[Unit, int], graph: Adjacency) -> None:
    writes, appends, reads = _Points(graph), _Points(graph), _Points(graph)
    for access in line:
        unit = number[access.unit]
        if access.write:
            writes.leave(access, unit)
            reads.leave(access, unit)
            if not access.append:
                appends.leave(access, unit)
            (appends if access.append else writes).enter(access, unit)
        else:
            if not access.hidden:
                writes.leave(access, unit)
                appends.leave(access, unit)
            reads.enter(access, unit)


def _add_time(units: Sequence[Unit], number: Mapping[Unit, int], graph: Adjacency) -> None:
    """Add a line of points for real time."""
    ends = [unit.closed for unit in units]
    first = len(graph)
    for k, unit in enumerate(units):
        graph.append([first + k + 1] if k + 1 < len(units) else [])
        graph[number[unit]].append(first + k)
    for unit in units:
        before = bisect_right(ends, unit.opened)
        if before:
            graph[first + before - 1].append(number[unit])


def components(graph: Adjacency) -> list[list[int]]:
    """Return the strongly connected components of more than one node (Tarjan 1972)."""
    index = [0] * len(graph)
    low = [0] * len(graph)
    on_stack = bytearray(len(graph))
    stack: list[int] = []
    found, count = [], 0
    for root in range(len(graph)):
        if index[root]:
            continue
        count += 1
        index[root] = low[root] = count
        stack.append(root)
        on_stack[root] = 1
        work = [(root, iter(graph[root]))]
        while work:
            node, ways = work[-1]
            for other in ways:
                if not index[other]:
                    count += 1
                    index[other] = low[other] = count
                    stack.append(other)
                    on_stack[other] = 1
                    work.append((other, iter(graph[other])))
                    break
                if on_stack[other] and index[other] < low[node]:
                    low[node] = index[other]
            else:
                work.pop()
                if work and low[node] < low[work[-1][0]]:
                    low[work[-1][0]] = low[node]
                if low[node] == index[node]:
                    at = len(stack) - 1
                    while stack[at] != node:
                        at -= 1
                    component = stack[at:]
                    del stack[at:]
                    for member in component:
                        on_stack[member] = 0
                    if len(component) > 1:
                        found.append(component)
    return found


class Group:
    """Units and their sure dependencies: of each access on the nearest before it."""

    def __init__(self, units: Sequence[Unit], lines: Lines, nearest: int) -> None:
        self.units = units
        self.out: dict[Unit, list[Edge]] = {unit: [] for unit in units}
        for line in lines.values():
            self._add(line, nearest)

    def _add(self, line: Sequence[Access], nearest: int) -> None:
        # Accesses and their ends: reads, writes that overwrite, and writes that append.
        kinds: list[tuple[list[Access], list[int]]] = [([], []), ([], []), ([], [])]
        for access in line:
            if not access.sure or access.unit not in self.out:
                continue
            if access.write:
                before = kinds[:2] if access.append else kinds
            else:
                before = kinds[3 if access.hidden else 1 :]
            for found, ends in before:
                left = nearest
                for at in range(bisect_right(ends, access.lo) - 1, -1, -1):
                    other = found[at]
                    if other.unit is not access.unit:
                        kind = RW if not other.write else WW if access.write else WR
                        self.out[other.unit].append(Edge(other, access, kind))
                        left -= 1
                        if not left:
                            break
            mine = kinds[access.write + access.append]
            mine[0].append(access)
            mine[1].append(access.hi)

    def part(self, kinds: frozenset[str]) -> list[list[Unit]]:
        """The units that are on cycles of these kinds of dependencies only."""
        number = {unit: k for k, unit in enumerate(self.units)}
        graph = [
            [number[edge.target.unit] for edge in self.out[unit] if edge.kind in kinds]
            for unit in self.units
        ]
        return [[self.units[k] for k in sorted(part)] for part in components(graph)]

    def cycles(self) -> list[Cycle]:
        """Return a short cycle of each name that there is, the gravest first; one that concerns no
        other unit than the graver ones is left out.
        """
        found: list[Cycle] = []
        covered: set[Unit] = set()
        for kinds, step, closes in _GRADES:
            for part in self.part(kinds):
                cycle = self._shortest(part, kinds, step, closes)
                units = {edge.source.unit for edge in cycle}
                if cycle and not units <= covered:
                    covered |= units
                    found.append(cycle)
        # Where the effort did not suffice to name one, there is one all the same.
        return found or [c for part in self.part(_ALL) if (c := self._shortest(part, *_ANY))]

    def _shortest(
        self,
        part: Sequence[Unit],
        kinds: frozenset[str],
        step: _Step,
        closes: Callable[[int], bool],
    ) -> Cycle:
        """Return a shortest cycle among the walks that `step` allows, or `()`: the shortest of
        those found within `EFFORT`.
        """
        best: Cycle = ()
        members, effort = set(part), EFFORT
        for unit in part:
            if effort <= 0 or len(best) == 2:
                break
            start = (unit, 0)
            came: dict[tuple[Unit, int], tuple[tuple[Unit, int], Edge]] = {}
            queue = deque([start])
            cycle: Cycle = ()
            while queue and not cycle:
                place = queue.popleft()
                for edge in self.out[place[0]]:
                    effort -= 1
                    there = edge.target.unit
                    if edge.kind not in kinds or there not in members:
                        continue
                    mark = step(place[1], edge.kind)
                    if mark is None or (there, mark) in came:
                        continue
                    if there is not unit:
                        came[there, mark] = (place, edge)
                        queue.append((there, mark))
                    elif closes(mark):
                        cycle = _back(start, place, edge, came)
                        break
            if cycle and (not best or len(cycle) < len(best)) and _simple(cycle):
                best = cycle
        return best


# What a walk remembers of the edges that it took, after one more of a kind; None where it may not.
_Step = Callable[[int, str], int | None]
# The first edge was rw; the last was; there was an edge; there was an rw, and another; two of them
# followed one another.
_FIRST, _LAST, _BEGUN, _ONE, _TWO, _NEXT = 1, 2, 4, 8, 16, 32
_ALL: Final = frozenset({WW, WR, RW})


def _counted(mark: int, kind: str) -> int:
    """Remember all of it."""
    if kind != RW:
        return (mark | _BEGUN) & ~_LAST
    mark |= 0 if mark & _BEGUN else _FIRST
    mark |= _NEXT if mark & _LAST else 0
    mark |= _TWO if mark & _ONE else _ONE
    return mark | _BEGUN | _LAST


def _single(mark: int, kind: str) -> int | None:
    return None if kind == RW and mark & _ONE else _counted(mark, kind)


def _apart(mark: int, kind: str) -> int | None:
    return None if kind == RW and mark & _LAST else _counted(mark, kind)


def _touch(mark: int) -> bool:
    """The first edge and the last are rw: they follow one another where the cycle closes."""
    return bool(mark & _FIRST and mark & _LAST)


_Grade = tuple[frozenset[str], _Step, Callable[[int], bool]]
# From the gravest on: G0, G1c, G-single, G-nonadjacent, G2-item.
_GRADES: Final[tuple[_Grade, ...]] = (
    (frozenset({WW}), lambda mark, kind: 0, lambda mark: True),
    (frozenset({WW, WR}), lambda mark, kind: mark | (kind == WR), lambda mark: mark == 1),
    (_ALL, _single, lambda mark: bool(mark & _ONE)),
    (_ALL, _apart, lambda mark: bool(mark & _TWO) and not _touch(mark)),
    (_ALL, _counted, lambda mark: bool(mark & _NEXT) or _touch(mark)),
)
_ANY: Final[_Grade] = (_ALL, lambda mark, kind: 0, lambda mark: True)


def _back(
    start: tuple[Unit, int],
    place: tuple[Unit, int],
    last: Edge,
    came: Mapping[tuple[Unit, int], tuple[tuple[Unit, int], Edge]],
) -> Cycle:
    path = [last]
    while place != start:
        place, edge = came[place]
        path.append(edge)
    return tuple(reversed(path))


def _simple(cycle: Cycle) -> bool:
    return len({edge.source.unit for edge in cycle}) == len(cycle)


def cycles_of(units: Sequence[Unit], lines: Lines) -> list[Cycle]:
    """Return short cycles of one of the `groups`, the gravest first: at least one."""
    size = sum(len(unit.calls) for unit in units)
    nearest = NEAREST[size > SMALL]
    while not (found := Group(units, lines, nearest).cycles()):
        nearest *= 8
    return found


def path_back(units: Sequence[Unit], lines: Lines, clocks: Sequence[Sequence[Unit]]) -> Cycle:
    """Return a path of dependencies from a unit to one that had ended before it opened, by one of
    the clocks: of a group that has no cycle without real time. It is `()` where it takes several
    such steps in time to close the circle.
    """
    nearest = NEAREST[sum(len(unit.calls) for unit in units) > SMALL]
    if len(clocks) > 1:
        out = Group(units, lines, nearest).out
        found = [
            path for unit in units[: EFFORT // len(units)] if (path := _way_back(unit, out, True))
        ]
        return min(found, key=len, default=())
    while True:
        out = Group(units, lines, nearest).out
        earliest: dict[Unit, int] = {}
        for unit in _last_first(out):
            after = [min(e.target.unit.closed, earliest[e.target.unit]) for e in out[unit]]
            earliest[unit] = min(after, default=unit.closed)
        late = [unit for unit in units if earliest[unit] < unit.opened]
        if late:
            return min((_way_back(unit, out, False) for unit in late[:16]), key=len)
        nearest *= 8


def _last_first(out: Mapping[Unit, Sequence[Edge]]) -> Iterable[Unit]:
    """The units of a graph without cycles, each after all that depend on it."""
    open_ = {unit: len(edges) for unit, edges in out.items()}
    into: dict[Unit, list[Unit]] = {unit: [] for unit in out}
    for unit, edges in out.items():
        for edge in edges:
            into[edge.target.unit].append(unit)
    ready = deque(unit for unit, count in open_.items() if not count)
    while ready:
        unit = ready.popleft()
        yield unit
        for other in into[unit]:
            open_[other] -= 1
            if not open_[other]:
                ready.append(other)


def _way_back(late: Unit, out: Mapping[Unit, Sequence[Edge]], one_clock: bool) -> Cycle:
    """A shortest path to a unit that had ended before this one opened; with `one_clock` it is of
    the same session.
    """
    came: dict[tuple[Unit, int], tuple[tuple[Unit, int], Edge]] = {}
    start = (late, 0)
    queue = deque([late])
    while queue:
        unit = queue.popleft()
        for edge in out[unit]:
            there = edge.target.unit
            if (there, 0) in came or there is late:
                continue
            if there.closed < late.opened and (not one_clock or there.session == late.session):
                return _back(start, (unit, 0), edge, came)
            came[there, 0] = ((unit, 0), edge)
            queue.append(there)
    return ()


def named(cycle: Cycle) -> str:
    """The name of a cycle: a lost update, when it is one."""
    name = name_of([edge.kind for edge in cycle])
    if name == G_SINGLE and len(cycle) == 2:
        missed, back = sorted(cycle, key=lambda edge: edge.kind != RW)
        if back.kind == WW and back.target.item == missed.source.item == back.source.item:
            return LOST_UPDATE
    return name
