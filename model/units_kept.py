"""The units that are kept: those that a unit that is open, or to come, can still depend on.

New dependencies of a unit that has ended lead away from it, unless the other unit was open with it.
So a unit matters as long as one that was open with it is open, or something that so matters reaches
it.  Of the others only this is kept: for each object the newest version and the newest write that
was surely carried out, and the last writes where one of them is none that others should read.
"""

from __future__ import annotations

from model.anomalies import RW
from model.units_calls import Call, Edge, Unit, dependencies
from model.units_graph import reached
from model.units_reads import is_dirty, note_found, replaced_up_to

# So many of the last writes of an object that are forgotten are kept for who reads it later. More
# than that are only those that may not have happened, each of which may be what was read.
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

    @property
    def oldest(self) -> int | None:
        """The event at which the oldest unit that is open opened."""
        return next((unit.opened for unit in self.open.values()), None)

    def add(self, call: Call) -> list[str]:
        """Connect a new call with those before it.

        Returns the objects that it read in a version that forgotten units overwrote.
        """
        stale = []
        for item in {**call.reads, **call.writes}:
            near = self._touched.setdefault(item, [])
            _connect(call, near, item)
            if item in call.reads:
                writes = [w for w in (*self._last.get(item, ()), *near) if item in w.writes]
                if writes:
                    note_found(call, item, writes, self._replaced.get(item, 0))
                gone = self._newest.get(item, 0)
                if call.exact and call.reads[item] < gone:
                    stale.append(item)
                    self._fall_behind(call, item)
            near.append(call)
        return stale

    def _fall_behind(self, call: Call, item: str) -> None:
        """A read of a version that a unit had overwritten which returned before this one opened."""
        write = self._returned.get(item)
        if write is not None and call.reads[item] < write.writes[item]:
            call.unit.behind.append(Edge(call, write, item, RW, sure=True))

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
                self._last[item] = last[-LAST:]
            else:
                self._last.pop(item, None)


def _connect(call: Call, near: list[Call], item: str) -> None:
    """Add the dependencies of a new call and those before it that touched the same object.

    What lies behind a write of a unit that returned before this one opened is reached through that
    write, and gets no dependency of its own.
    """
    opened, wall = call.unit.opened, 0
    for earlier in reversed(near):
        other = earlier.unit
        past = 0 < other.closed < opened
        if other is call.unit or (past and earlier.seq <= wall):
            continue
        for edge in dependencies(earlier, call, item):
            edge.source.out.append(edge)
            edge.target.into.append(edge)
        version = earlier.writes.get(item)
        if past and other.committed and earlier.certain and version is not None:
            stale = call.exact and call.reads.get(item, version) < version
            wall = wall if stale else max(wall, earlier.since)
