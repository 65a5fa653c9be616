"""Sure cycles: they exist for every choice of the moments at which the calls acted.

Tarjan's algorithm finds the units on cycles. The graph is linear in the length of the trace: in the
history of an object an access depends only on the write before it. Where calls overlapped, the
history has extra points; an access has an edge to the points after its end, and one from the points
before its beginning. Tarjan's algorithm also decides which levels fall: G0 is a cycle of ww, G1c
one of ww and wr, and snapshot isolation falls to a cycle without two adjacent rw (A. Cerone, A.
Gotsman, Analysing Snapshot Isolation, 2018). Then a short witness is searched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from operator import attrgetter
from typing import Final

from leo.units.anomalies import (
    G0,
    G1C,
    G2_ITEM,
    G_NONADJACENT,
    G_SINGLE,
    LOST_UPDATE,
    RW,
    WR,
    WW,
    name_of,
)
from leo.units.calls import OPEN, Access, Edge, Unit, order_of
from leo.units.patterns import Block, Changed

Cycle = tuple[Edge, ...]
Adjacency = list[list[int]]
# A hop from a unit to another, by their numbers, and its kind.
Hop = tuple[int, int, int]

# So many ways are tried to find a shorter cycle, when one has been found.
EFFORT: Final = 20_000
# A group of more calls is searched for short cycles in a part first: of so many units that ended
# one after the other, so many accesses to an object, and so many objects.
SMALL: Final = 2_000
PART: Final = (200, 400, 8)
# What a way is: along an object's line, or a dependency. A way is `4 * target + kind`.
_NEXT, _WW, _WR, _RW = range(4)
_KINDS: Final = ("", WW, WR, RW)


class Graph:
    """Some units of a block and their dependencies; a node is the number of a unit, or a point.

    `near`: where calls did not overlap, an access depends on the write before it only, and a write
    on the reads since; else all pairs are a hop apart.
    """

    def __init__(
        self,
        block: Block,
        units: Sequence[Unit],
        clocks: Iterable[Sequence[Unit]] = (),
        *,
        near: bool = True,
        part: bool = False,
    ) -> None:
        self.units = units
        self.ways: Adjacency = [[] for _ in units]
        self._of = block.of
        self._number = {unit: k for k, unit in enumerate(units)}
        # The points that only a write depends on.
        self._after_reads: set[int] = set()
        _, most, of_items = PART if part else (0, None, None)
        for line in islice(_lines(block, units), of_items):
            mine = line[:most]
            if near and _in_a_row(mine):
                self._add_row(mine)
            else:
                self._add_points(mine)
        for clock in clocks:
            self._add_time(clock)

    def _add_row(self, line: Sequence[Access]) -> None:
        number, ways = self._number, self.ways
        last = -1
        readers: list[int] = []
        for access in line:
            unit = number[access.unit]
            if access.write:
                if last not in (-1, unit) and ways[last][-1:] != [4 * unit + _WW]:
                    ways[last].append(4 * unit + _WW)
                for reader in readers:
                    if reader != unit:
                        ways[reader].append(4 * unit + _RW)
                last = unit
                readers = []
            else:
                if last not in (-1, unit) and not access.hidden:
                    ways[last].append(4 * unit + _WR)
                readers.append(unit)

    def _add_points(self, line: Sequence[Access]) -> None:
        number = self._number
        writes, appends, reads = _Points(self.ways), _Points(self.ways), _Points(self.ways)
        for access in line:
            unit = number[access.unit]
            if access.write:
                writes.leave(access.lo, 4 * unit + _WW)
                reads.leave(access.lo, 4 * unit + _RW)
                if access.append:
                    appends.enter(access.hi, unit)
                    continue
                if appends.nodes:
                    appends.leave(access.lo, 4 * unit + _WW)
                writes.enter(access.hi, unit)
            else:
                if not access.hidden:
                    writes.leave(access.lo, 4 * unit + _WR)
                    if appends.nodes:
                        appends.leave(access.lo, 4 * unit + _WR)
                reads.enter(access.hi, unit)
        self._after_reads.update(reads.nodes)

    def _add_time(self, clock: Sequence[Unit]) -> None:
        """Of the units of a clock, in the order in which they closed, one that ended before another
        opened comes before it.
        """
        points = _Points(self.ways)
        for unit in clock:
            points.enter(unit.closed, self._number[unit])
        for unit in clock:
            points.leave(unit.opened, 4 * self._number[unit])

    def parts(self, kinds: Collection[int]) -> list[list[int]]:
        """The units that are on circles of these kinds of ways only."""
        chosen = {_NEXT, *kinds}
        graph = self.ways
        if len(chosen) <= _RW:
            graph = [[way for way in ways if way & 3 in chosen] for ways in graph]
        found = components(graph)
        count = len(self.units)
        parts = [sorted(node for node in part if node < count) for part in found if len(part) > 1]
        return sorted(part for part in parts if len(part) > 1)

    @cached_property
    def _flow(self) -> list[list[int]]:
        """The units that are on circles without rw.

        In time such a circle leads from a write on to a write that ended later, if no unit that it
        comes by `goes_on`; and that never comes back.
        """
        return self.parts((_WW, _WR)) if any(unit.goes_on for unit in self.units) else []

    @cached_property
    def _sees(self) -> bool:
        """There is a ww or a wr."""
        return any(0 < way & 3 < _RW for ways in self.ways for way in ways)

    def flows(self, group: Iterable[Unit]) -> bool:
        """Some units of a group are on a circle without rw."""
        return not self._flowing.isdisjoint(map(self._number.__getitem__, group))

    @cached_property
    def _flowing(self) -> set[int]:
        return {unit for part in self._flow for unit in part}

    @cached_property
    def _apart(self) -> list[list[int]]:
        """The units that are on circles without two rw one after the other.

        Each has a second node, for who came by rw and may not leave by it.
        """
        if not self._sees:
            return []
        first = len(self.ways)
        graph = [[way + (4 * first if way & 3 == _RW else 0) for way in ways] for ways in self.ways]
        graph += [
            [way for way in ways if way & 3 != _RW and way >> 2 not in self._after_reads]
            for ways in self.ways[: len(self.units)]
        ]
        parts = []
        for part in components(graph):
            nodes = sorted(part)
            units = [node for node in nodes if node < len(self.units)]
            # A walk begins with who came in another way.
            parts.append(list(dict.fromkeys([*units, *(n - first for n in nodes if n >= first)])))
        return sorted(part for part in parts if len(part) > 1)

    def groups(self) -> list[list[Unit]]:
        """The units that are on cycles with one another, a list for each group."""
        return [[self.units[k] for k in part] for part in self.parts((_WW, _WR, _RW))]

    def cycles(
        self, group: Sequence[Unit], spare: Effort, known: Sequence[Cycle] = ()
    ) -> list[Cycle]:
        """Return short cycles of a group, the gravest first, of which some may be `known`: of the
        name that the weakest level forbids, which is found if it is there, and of others as far as
        there is effort to `spare`. One that concerns no other unit than the graver ones is left
        out.
        """
        found: list[Cycle] = []
        covered: set[Unit] = set()
        whole = [self._number[unit] for unit in group]
        members = set(whole)
        for name, step, closes in _GRADES:
            mine = [cycle for cycle in known if name_of([e.kind for e in cycle]) == name]
            needed = not found and not mine
            looks = needed or (spare.left > 0 and not known)
            for part in self._where(name, whole) if looks else ():
                if part[0] in members:
                    cycle, tried = self._shortest(part, step, closes)
                    spare.left -= 0 if needed else tried
                    # One that comes by a unit twice is made of others, which have graver names.
                    simple = len({edge.source.unit for edge in cycle}) == len(cycle)
                    mine += [cycle] if cycle and (simple or needed) else []
            for cycle in mine:
                units = {edge.source.unit for edge in cycle}
                if not units <= covered:
                    covered |= units
                    found.append(cycle)
        return found

    def _where(self, name: str, whole: list[int]) -> list[list[int]]:
        """The units some of which are on a cycle of a name, if any are."""
        if name == G0:
            return self.parts((_WW,)) if self._flow else []
        if name == G1C:
            return self._flow
        return [whole] if name == G2_ITEM else self._apart

    def _shortest(
        self, part: Sequence[int], step: _Step, closes: Callable[[int], bool]
    ) -> tuple[Cycle, int]:
        """Return a shortest cycle among the walks that `step` allows, or `()`: the shortest of
        those found within `EFFORT`; and how many ways were tried. All walks from the first unit
        are.
        """
        best: list[Hop] = []
        members, effort = set(part), 0
        for start in part:
            if effort > (EFFORT // 10 if best else EFFORT) or len(best) == 2:
                break
            hops, tried = self._walk(start, step, partial(_closed, closes, start), members)
            effort += tried
            if hops and (not best or (_simple(hops), -len(hops)) > (_simple(best), -len(best))):
                best = hops
        return self._edges(best), effort

    def _walk(
        self,
        start: int,
        step: _Step,
        ends: Callable[[int, int], bool],
        members: Collection[int] | None = None,
    ) -> tuple[list[Hop], int]:
        """Return a shortest walk from a unit to where it `ends`, and how many ways were tried."""
        count, ways = len(self.units), self.ways
        came: dict[tuple[int, int], tuple[tuple[int, int], int]] = {}
        # Which units came to a point. The second may go where the first would only meet itself.
        there_by: dict[tuple[int, int], tuple[int, ...]] = {}
        queue = deque([(start, 0)])
        tried = 0
        while queue:
            place = queue.popleft()
            unit, mark = place
            stack = [unit]
            while stack:
                for way in ways[stack.pop()]:
                    there, kind = way >> 2, way & 3
                    tried += 1
                    if there >= count:
                        by = there_by.get((there, mark), ())
                        if len(by) < 2 and unit not in by:
                            there_by[there, mark] = (*by, unit)
                            stack.append(there)
                        continue
                    if there == unit or (members is not None and there not in members):
                        continue
                    after = step(mark, kind)
                    if after is None:
                        continue
                    if ends(there, after):
                        hops = [(unit, there, kind)]
                        while place in came:
                            place, by_kind = came[place]
                            hops.append((place[0], hops[-1][0], by_kind))
                        return hops[::-1], tried
                    if there != start and (there, after) not in came:
                        came[there, after] = (place, kind)
                        queue.append((there, after))
        return [], tried

    def _edges(self, hops: Iterable[Hop]) -> Cycle:
        return tuple(
            self._edge(self.units[one], self.units[other], kind) for one, other, kind in hops
        )

    def _edge(self, source: Unit, target: Unit, kind: int) -> Edge:
        """The accesses that a dependency is made of: the two that are nearest to one another."""
        before = [a for a in self._of[source] if a.sure and a.write == (kind != _RW)]
        before.sort(key=attrgetter("hi"))
        after = [b for b in self._of[target] if b.sure and b.write == (kind != _WR)]
        after.sort(key=attrgetter("lo"))
        if len(before) == len(after) == 1:
            return Edge(before[0], after[0], _KINDS[kind])
        latest: dict[tuple[str, bool], Access] = {}
        best, at, least = (before[0], after[0]), 0, 2 * OPEN
        for other in after:
            while at < len(before) and before[at].hi <= other.lo:
                latest[before[at].item, before[at].append] = before[at]
                at += 1
            for appended in (False,) if other.append else (False, True):
                one = latest.get((other.item, appended))
                if one is not None and other.lo - one.hi < least and not other.hidden:
                    best, least = (one, other), other.lo - one.hi
            if not least:
                break
        return Edge(*best, _KINDS[kind])

    def too_late(self) -> Iterator[tuple[list[Unit], Cycle]]:
        """Yield units without cycles that depend on one that opened after they had ended, those
        that overlapped in time together, and a path of dependencies that shows it.
        """
        closed = [unit.closed for unit in self.units]
        earliest = [OPEN] * len(self.ways)
        count = len(closed)
        for nodes in components(self.ways):
            # Several nodes are a unit and points that it enters and leaves.
            least = OPEN
            for node in nodes:
                for way in self.ways[node]:
                    there = way >> 2
                    if there < count and closed[there] < least:
                        least = closed[there]
                    if earliest[there] < least:
                        least = earliest[there]
            for node in nodes:
                earliest[node] = least
        late = [k for k, unit in enumerate(self.units) if earliest[k] < unit.opened]
        late.sort(key=lambda k: earliest[k])
        while late:
            group, until = [late[0]], self.units[late[0]].opened
            while len(group) < len(late) and earliest[late[len(group)]] <= until:
                group.append(late[len(group)])
                until = max(until, self.units[group[-1]].opened)
            late = late[len(group) :]
            paths = [
                self._walk(k, _any, partial(self._ended_before, self.units[k], False))[0]
                for k in group[:16]
            ]
            yield [self.units[k] for k in group], self._edges(sorted(paths, key=len)[0])

    def way_back(self, group: Sequence[Unit]) -> Cycle:
        """Return a short path of dependencies from a unit of a group to one of the same session
        that had ended before it opened, or `()`.
        """
        found, effort = list[Hop](), 0
        for late in group:
            hops, tried = self._walk(
                self._number[late], _depending, partial(self._ended_before, late, True)
            )
            effort += tried
            if hops and (not found or len(hops) < len(found)):
                found = hops
            if effort > EFFORT:
                break
        return self._edges(found)

    def _ended_before(self, late: Unit, of_session: bool, there: int, mark: int) -> bool:
        unit = self.units[there]
        if of_session and unit.session != late.session:
            return False
        return unit.closed < late.opened


def _lines(block: Block, units: Sequence[Unit]) -> Iterator[list[Access]]:
    """What some units surely did, by object."""
    if len(units) == len(block.committed):
        for line in block.lines.values():
            yield [access for access in line if access.sure]
        return
    lines: dict[str, list[Access]] = {}
    for unit in units:
        for access in block.of[unit]:
            if access.sure:
                lines.setdefault(access.item, []).append(access)
    for found in lines.values():
        yield sorted(found, key=order_of)


class _Points:
    """The points of a line behind the ends of some accesses, each reached from the one before."""

    def __init__(self, ways: Adjacency) -> None:
        self.nodes: list[int] = []
        self._ways = ways
        self._ends: list[int] = []

    def enter(self, end: int, source: int) -> None:
        ways, nodes = self._ways, self.nodes
        node = len(ways)
        ways.append([])
        if nodes:
            ways[nodes[-1]].append(4 * node)
        ways[source].append(4 * node)
        self._ends.append(end)
        nodes.append(node)

    def leave(self, begin: int, way: int) -> None:
        found = bisect_right(self._ends, begin)
        if found:
            self._ways[self.nodes[found - 1]].append(way)


def _in_a_row(line: Sequence[Access]) -> bool:
    """No two calls overlapped, and each write overwrites."""
    end, call = -OPEN, None
    for access in line:
        if access.append or (access.lo < end and access.call is not call):
            return False
        end, call = access.hi, access.call
    return True


def components(graph: Adjacency) -> list[list[int]]:
    """Return the strongly connected components of nodes and their ways, each after those that it
    leads to (Tarjan 1972).
    """
    index = [0] * len(graph)
    low = [0] * len(graph)
    stack: list[int] = []
    found, count = [], 0
    done = len(graph) + 1
    for root in range(len(graph)):
        if index[root]:
            continue
        count += 1
        index[root] = low[root] = count
        stack.append(root)
        path, left = [root], [iter(graph[root])]
        while path:
            node = path[-1]
            for way in left[-1]:
                other = way >> 2
                known = index[other]
                if not known:
                    count += 1
                    index[other] = low[other] = count
                    stack.append(other)
                    path.append(other)
                    left.append(iter(graph[other]))
                    break
                # What is in a component already has a number beyond all.
                if known < low[node]:
                    low[node] = known
            else:
                path.pop()
                left.pop()
                least = low[node]
                if path and least < low[path[-1]]:
                    low[path[-1]] = least
                if least == index[node]:
                    at = len(stack) - 1
                    while stack[at] != node:
                        at -= 1
                    component = stack[at:]
                    del stack[at:]
                    for member in component:
                        index[member] = done
                    found.append(component)
    return found


@dataclass(slots=True)
class Effort:
    """So many ways may be tried for names beyond the gravest of a group, of one trace."""

    left: int = 10 * EFFORT


def cycles_of(
    block: Block,
    graph: Graph,
    group: Sequence[Unit],
    changed: Mapping[Unit, tuple[Changed | None, Changed | None]],
    spare: Effort,
) -> list[Cycle]:
    """Return short cycles of one of the groups of a graph, the gravest first: at least one. A lost
    update, as `changed` has them by unit, is one.
    """
    if spare.left <= 0 and not graph.flows(group):
        for unit in group:
            lost, _ = changed.get(unit, (None, None))
            if lost is not None and lost[3]:
                read, other, write, _ = lost
                return [(Edge(read, other, RW), Edge(other, write, WW))]
    if sum(len(unit.calls) for unit in group) <= SMALL:
        return Graph(block, group, near=False).cycles(group, spare)
    part = Graph(block, group[: PART[0]], near=False, part=True)
    known = [cycle for those in part.groups() for cycle in part.cycles(those, spare)]
    return graph.cycles(group, spare, known)


# What a walk remembers of the ways that it took, after one more of a kind; None where it may not.
_Step = Callable[[int, int], int | None]
# The first way was rw; the last was; there was a way; there was an rw, and another; two of them
# followed one another.
_FIRST, _LAST, _BEGUN, _ONE, _TWO, _NEXT_TO = 1, 2, 4, 8, 16, 32


def _any(mark: int, kind: int) -> int | None:
    return 0


def _depending(mark: int, kind: int) -> int | None:
    """By dependencies only, and not by the order of a session."""
    return 0 if kind else None


def _counted(mark: int, kind: int) -> int:
    """Remember all of it."""
    if kind != _RW:
        return (mark | _BEGUN) & ~_LAST
    mark |= 0 if mark & _BEGUN else _FIRST
    mark |= _NEXT_TO if mark & _LAST else 0
    mark |= _TWO if mark & _ONE else _ONE
    return mark | _BEGUN | _LAST


def _overwriting(mark: int, kind: int) -> int | None:
    return 0 if kind == _WW else None


def _flowing(mark: int, kind: int) -> int | None:
    return None if kind == _RW else mark | (kind == _WR)


def _single(mark: int, kind: int) -> int | None:
    return None if kind == _RW and mark & _ONE else _counted(mark, kind)


def _apart(mark: int, kind: int) -> int | None:
    return None if kind == _RW and mark & _LAST else _counted(mark, kind)


def _touch(mark: int) -> bool:
    """The first way and the last are rw: they follow one another where the cycle closes."""
    return bool(mark & _FIRST and mark & _LAST)


# From the gravest on: the walks that may close to a cycle of a name, and when they do.
_GRADES: Final[tuple[tuple[str, _Step, Callable[[int], bool]], ...]] = (
    (G0, _overwriting, lambda mark: True),
    (G1C, _flowing, bool),
    (G_SINGLE, _single, lambda mark: bool(mark & _ONE)),
    (G_NONADJACENT, _apart, lambda mark: bool(mark & _TWO) and not _touch(mark)),
    (G2_ITEM, _counted, lambda mark: bool(mark & _NEXT_TO) or _touch(mark)),
)


def _closed(closes: Callable[[int], bool], start: int, there: int, mark: int) -> bool:
    return there == start and closes(mark)


def _simple(hops: Sequence[Hop]) -> bool:
    return len({hop[0] for hop in hops}) == len(hops)


def named(cycle: Cycle) -> str:
    """The name of a cycle: a lost update, when it is one."""
    name = name_of([edge.kind for edge in cycle])
    if name == G_SINGLE and len(cycle) == 2:
        missed, back = sorted(cycle, key=lambda edge: edge.kind != RW)
        if back.kind == WW and back.target.item == missed.source.item == back.source.item:
            return LOST_UPDATE
    return name
