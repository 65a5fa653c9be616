"""Units, their calls, and which of two calls acted first.

A call acts at one moment of its interval.  Two calls of different units that touch one object, one
of them writing, are ordered by their intervals when these do not overlap, and by the versions when
a call is exact; otherwise the trace does not say, and the dependency may go either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import UNSET

from leo.units.anomalies import RW, WR, WW
from leo.units.log import UnitEvent


@dataclass(slots=True, eq=False)
class Unit:
    """A unit: open until ``outcome`` says how it ended. ``closed`` is the number of that event.

    ``behind`` are dependencies on units that are forgotten, and that had returned before it opened.
    """

    name: str
    opened: int
    closed: int = 0
    outcome: str = ""
    calls: list[Call] = field(default_factory=list)
    behind: list[Edge] = field(default_factory=list)

    @property
    def committed(self) -> bool:
        return self.outcome == "returned"

    @property
    def ended(self) -> str:
        """How and where it ended, after its name. Lines are events and the header, so event n is on
        line n + 1.
        """
        said = "was cancelled" if self.outcome == "cancelled" else self.outcome
        return f"{said} (line {self.closed + 1})" if self.outcome else "had not ended"


@dataclass(slots=True, eq=False)
class Call:
    """A call: it acted after event ``since`` and not after event ``seq``, on line ``line``.

    ``certain`` is False for a write whose call raised or was cancelled.  ``out`` are the calls of
    other units that depend on it, ``into`` those that it depends on, by dependency.  ``found`` are
    the writes one of which each read may have found, where that may matter, and the event after
    which it looked.
    """

    unit: Unit
    seq: int
    line: int
    since: int
    exact: bool
    certain: bool
    reads: dict[str, int]
    writes: dict[str, int]
    method: str
    out: list[Edge] = field(default_factory=list)
    into: list[Edge] = field(default_factory=list)
    found: dict[str, tuple[int, list[Call]]] = field(default_factory=dict)

    def forget(self) -> None:
        """Let go of the other units: what is still known of this one must not keep them."""
        self.out.clear()
        self.into.clear()
        self.found.clear()

    def overlaps(self, other: Call) -> bool:
        """Tell whether either of the two can have acted first."""
        return self.since < other.seq and other.since < self.seq


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """``target`` depends on ``source`` through an object; not ``sure`` when that is one of the
    possibilities that the trace leaves open.  ``stale``: an exact read named a version that had
    been overwritten, so it depends on no moment that the overwriting comes after the read.
    """

    source: Call
    target: Call
    object: str
    kind: str
    sure: bool
    stale: bool = False

    def moment(self, earliest: int) -> int | None:
        """Return the earliest moment at which the target can act when the source acts at the
        ``earliest`` at that one, None when it had acted by then.
        """
        target = self.target
        moment = max(earliest, target.since)
        if moment < target.seq:
            return moment
        return target.since if self.stale else None

    def tell(self) -> str:
        """Say it in a sentence."""
        a, b, item = self.source, self.target, self.object
        if self.kind == WR:
            before = f"wrote {item} v{a.writes[item]}"
            after = f"read it (v{b.reads[item]})"
        else:
            verb, found = ("read", a.reads) if self.kind == RW else ("wrote", a.writes)
            before = f"{verb} {item} v{found[item]}"
            after = f"wrote v{b.writes[item]}"
        joint = "before" if self.sure else "perhaps before"
        return (
            f"{a.unit.name} {before} (line {a.line}), {joint} {b.unit.name} {after} (line {b.line})"
        )


def call_of(unit: Unit, event: UnitEvent, line: int) -> Call:
    """Make a call of an event."""
    exact = event.since is UNSET
    return Call(
        unit=unit,
        seq=event.seq,
        line=line,
        since=event.seq - 1 if event.since is UNSET else event.since,
        exact=exact,
        certain=event.outcome == "ok",
        reads=event.reads,
        writes=event.writes,
        method=event.call or "",
    )


def dependencies(earlier: Call, later: Call, item: str, found: int | None) -> Iterator[Edge]:
    """Yield the dependencies of two calls on one object, given in the order of their events.

    ``found`` is the event that made the version which the later one read, if it read: 0 for the
    object as it was at the start, None when that is not known any more.
    """
    e, z = earlier, later
    if item in e.writes and item in z.reads:
        if z.exact and e.writes[item] > z.reads[item]:
            yield from _behind(e, z, item, found)
        else:
            yield from _by_time(e, z, item, WR, RW)
    if item in e.reads and item in z.writes:
        # The write's version is newer than what the read can have named.
        yield from _by_time(e, z, item, RW, WR)
    if item in e.writes and item in z.writes:
        yield from _by_time(e, z, item, WW, WW)


def is_newer(write: Call, found: int | None) -> bool:
    """Tell whether a write surely acted after what a read found, made at event ``found``.

    Versions count the ends of calls: of two writes that overlapped, the newer version may be that
    of the one that acted first.  An exact write acts at its end.
    """
    return write.exact or (found is not None and write.since >= found)


def _behind(e: Call, z: Call, item: str, found: int | None) -> Iterator[Edge]:
    """Yield the dependencies of a write and an exact read of an older version after it."""
    sure = is_newer(e, found)
    yield Edge(z, e, item, RW, sure and e.certain, stale=True)
    if not sure:
        yield Edge(e, z, item, WR, sure=False)


def _by_time(e: Call, z: Call, item: str, kind: str, reverse: str) -> Iterator[Edge]:
    open_ = e.overlaps(z)
    # A write that may not have happened makes a dependency that may not be there.
    sure = not open_ and (e.certain or item not in e.writes) and (z.certain or item not in z.writes)
    yield Edge(e, z, item, kind, sure)
    if open_:
        yield Edge(z, e, item, reverse, False)
