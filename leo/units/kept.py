"""The units that are kept: those that a unit that is open, or to come, can still depend on.

New dependencies of a unit that has ended lead away from it, unless the other unit was open with it.
So a unit matters as long as one that was open with it is open, or something that so matters reaches
it.  Of the others only this is kept: for each object the newest version and the newest write that
was surely carried out, and the last writes where one of them is none that others should read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from leo.units.anomalies import RW
from leo.units.calls import Call, Edge, Unit, dependencies, is_newer
from leo.units.graph import reached
from leo.units.reads import is_dirty, note_found, replaced_up_to

# So many of the last writes of an object that are forgotten are kept for who reads it later, and
# the last one before them that none should read: with so many, what was read is undecided anyway.
LAST = 8


class Kept:
    """Open units by name, closed ones, and their calls by the objects that they touched."""

    def __init__(self, sweep: int) -> None:
        self.open: dict[str, Unit] = {}
        self.most = 0
        self._closed: list[Unit] = []
        self._sweep = self._sweep_at = sweep
        self._touched: dict[str, list[Call]] = {}
        # Of each object, over the units that are forgotten: the newest version; the newest write
        # of a unit that returned; what was written up to which event has been replaced; the last
        # writes, where they may matter to a read.
        self._newest: dict[str, int] = {}
        self._returned: dict[str, Call] = {}
        self._replaced: dict[str, int] = {}
        self._last: dict[str, list[Call]] = {}
        # The oldest version that was written: before it an object is as it was at the start.
        self._first: dict[str, int] = {}
        # Whether a path of dependencies can lead back in time: through a unit that it enters by
        # another call than it leaves by, or through a read that looked back.
        self.turns_back = self._looks_back = False

    @property
    def oldest(self) -> int | None:
        """The event at which the oldest unit that is open opened."""
        return next((unit.opened for unit in self.open.values()), None)

    def add(self, call: Call) -> list[str]:
        """Connect a new call with those before it.

        Returns the objects that it read in a version that forgotten units overwrote.
        """
        stale = []
        self.turns_back |= len(call.unit.calls) > 1
        for item in {**call.reads, **call.writes}:
            near = self._touched.setdefault(item, [])
            found = None
            if item in call.reads:
                writes = [w for w in (*self._last.get(item, ()), *near) if item in w.writes]
                found = self._made(call.reads[item], item, writes)
                if writes:
                    note_found(call, item, writes, self._replaced.get(item, 0), found)
                gone = self._newest.get(item, 0)
                if call.exact and call.reads[item] < gone:
                    stale.append(item)
                    self._fall_behind(call, item, found)
            if _connect(call, near, item, found):
                self.turns_back = self._looks_back = True
            near.append(call)
            if item in call.writes:
                self._first.setdefault(item, call.writes[item])
        return stale

    def closed_after(self, event: int) -> Iterator[Unit]:
        """The units that ended after an event, the newest first."""
        return takewhile(lambda unit: unit.closed > event, reversed(self._closed))

    def _made(self, version: int, item: str, writes: Sequence[Call]) -> int | None:
        """The event that made a version: 0 for that of the start, None when it is forgotten."""
        if version < self._first.get(item, version + 1):
            return 0
        return next((w.seq for w in reversed(writes) if w.writes[item] == version), None)

    def _fall_behind(self, call: Call, item: str, found: int | None) -> None:
        """A read of a version that a unit had overwritten which returned before this one opened."""
        write = self._returned.get(item)
        if write is not None and call.reads[item] < write.writes[item] and is_newer(write, found):
            call.unit.behind.append(Edge(call, write, item, RW, sure=True, stale=True))

    def close(self, unit: Unit) -> None:
        """A unit has ended; forget the others that can be, every so often."""
        self._closed.append(unit)
        if len(self._closed) >= self._sweep_at:
            self._forget()

    def _forget(self) -> None:
        self.most = max(self.most, len(self._closed) + len(self.open))
        oldest = self.oldest
        late = [u for u in self._closed if oldest is not None and u.closed > oldest]
        kept = reached([*self.open.values(), *late])
        gone = [unit for unit in self._closed if unit not in kept]
        self.turns_back = self._looks_back or any(len(unit.calls) > 1 for unit in kept)
        self._remember_writes(kept, oldest)
        for unit in gone:
            self._remember(unit)
            for call in unit.calls:
                call.forget()
        self._closed = [unit for unit in self._closed if unit in kept]
        for item, near in list(self._touched.items()):
            stay = [call for call in near if call.unit in kept]
            if stay:
                self._touched[item] = stay
            else:
                del self._touched[item]
        for unit in kept:
            for call in unit.calls:
                call.into = [edge for edge in call.into if edge.source.unit in kept]
        self._sweep_at = max(self._sweep, 2 * len(self._closed))

    def _remember(self, unit: Unit) -> None:
        for call in unit.calls:
            for item, version in call.writes.items():
                self._newest[item] = max(version, self._newest.get(item, 0))
                if unit.committed and call.certain:
                    known = self._returned.get(item)
                    if known is None or known.writes[item] < version:
                        self._returned[item] = call

    def _remember_writes(self, kept: set[Unit], oldest: int | None) -> None:
        """Note what a later read may still find of what is being forgotten."""
        for item in {*self._touched, *self._last}:
            near = [*self._last.get(item, ()), *self._touched.get(item, ())]
            writes = [call for call in near if item in call.writes]
            wall = oldest if oldest is not None else max((w.seq for w in writes), default=0)
            floor = max(replaced_up_to(writes, wall), self._replaced.get(item, 0))
            self._replaced[item] = floor
            last = [call for call in writes if call.seq > floor]
            if any(is_dirty(call, item) for call in last):
                last = [call for call in last if call.unit not in kept]
                dirty = [call for call in last[:-LAST] if is_dirty(call, item)]
                self._last[item] = [*dirty[-1:], *last[-LAST:]]
            else:
                self._last.pop(item, None)


def _connect(call: Call, near: list[Call], item: str, found: int | None) -> bool:
    """Add the dependencies of a new call and those before it that touched the same object; tell
    whether one of them is of a read that looked back.

    What lies behind a write of a unit that returned before this one opened is reached through that
    write, and gets no dependency of its own.
    """
    opened, wall, back = call.unit.opened, 0, False
    for earlier in reversed(near):
        other = earlier.unit
        past = 0 < other.closed < opened
        if other is call.unit or (past and earlier.seq <= wall):
            continue
        for edge in dependencies(earlier, call, item, found):
            edge.source.out.append(edge)
            edge.target.into.append(edge)
            back |= edge.stale
        version = earlier.writes.get(item)
        if past and other.committed and earlier.certain and version is not None:
            stale = call.exact and call.reads.get(item, version) < version
            wall = wall if stale else max(wall, earlier.since)
    return back
