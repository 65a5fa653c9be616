"""Units, their calls, and the place of a call in the history of an object.

A counted version says that a call acted between two events: after `since`, at the latest at `seq`.
A read that names an older version says more: it stands right behind the write that made it. Where
versions are observed (a row's counter), they alone say where a call stands.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import msgspec

from leo.units.anomalies import RW, WR

# The number of no event: a unit that is open ends after everything.
OPEN: Final = 1 << 62


class Unit(msgspec.Struct, eq=False, gc=False):
    """A unit: open until `outcome` says how it ended. `closed` is the number of that event.

    `wrote` are the objects that it wrote; it `goes_on` when it does something after a write.
    `commits` counts the commits that it made; its calls from number `saved` on are neither
    committed nor taken back. `kept` is True for the version that an object had when the recording
    began, whose writer nobody knows. Where it opened and ended is on the lines `begin` and `end`.
    """

    name: str
    opened: int
    session: str = ""
    closed: int = OPEN
    begin: int = 0
    end: int = 0
    outcome: str = ""
    error: str = ""
    calls: list[Call] = []
    wrote: set[str] | dict[str, int] | None = None
    goes_on: bool = False
    commits: int = 0
    saved: int = 0
    kept: bool = False
    settled: bool = False

    @property
    def committed(self) -> bool:
        """What it wrote counts: it returned, or committed before it failed."""
        return self.outcome == "returned" or self.commits > 0

    @property
    def ended(self) -> str:
        """How and where it ended, after its name."""
        if not self.outcome:
            return "had not ended"
        said = "was cancelled" if self.outcome == "cancelled" else self.outcome
        return f"{said}{f' {self.error}' if self.error else ''} (line {self.end})"


class Call(msgspec.Struct, eq=False, gc=False):
    """A call: it acted after event `since` and not after event `seq`, on line `line`.

    `certain` is False for a write whose call raised or was cancelled. `appends` says that its
    writes overwrite nothing. `looked` maps an object to the interval in which the older version was
    made that an exact read named. `undone` is the interval in which what it wrote was taken back.
    `observed`: its versions are the store's own, and say where it stands.
    """

    unit: Unit
    seq: int
    line: int
    since: int
    certain: bool
    reads: dict[str, int]
    writes: dict[str, int]
    method: str
    appends: bool = False
    looked: dict[str, tuple[int, int]] | None = None
    undone: tuple[int, int] | None = None
    observed: bool = False

    @property
    def counts(self) -> bool:
        """What it wrote surely happened, and was committed."""
        return self.certain and self.undone is None and self.unit.committed


class Access(msgspec.Struct, eq=False, gc=False):
    """What a call did to one object: it stands after `lo` and not after `hi`.

    `sure`: it happened, in a unit that committed. `append`: it is a write that overwrites nothing.
    `looked`: its version says where it stands, and not the moment of its call. A read may
    have found what a failed unit wrote. Then it is `hidden`: it depends on no other write for sure,
    and on none that had ended by `behind` at all.
    """

    call: Call
    unit: Unit
    item: str
    lo: int
    hi: int
    write: bool
    looked: bool
    append: bool
    sure: bool
    hidden: bool = False
    behind: int = -OPEN

    @property
    def version(self) -> int:
        return (self.call.writes if self.write else self.call.reads)[self.item]

    def conflicts(self, other: Access) -> bool:
        """The order of the two matters: one of them writes, and not both append."""
        if self.unit is other.unit or not (self.write or other.write):
            return False
        return not (self.append and other.append)


class Edge(msgspec.Struct, frozen=True, eq=False, gc=False):
    """`target` depends on `source`; not `sure` when the trace leaves it open."""

    source: Access
    target: Access
    kind: str
    sure: bool = True

    def tell(self) -> str:
        """Say it in a sentence."""
        a, b = self.source, self.target
        item = shown(a.item)
        if self.kind == WR:
            before, after = f"wrote {item} v{a.version}", f"read it (v{b.version})"
        else:
            verb = "read" if self.kind == RW else "wrote"
            before, after = f"{verb} {item} v{a.version}", f"wrote v{b.version}"
        joint = "before" if self.sure else "perhaps before"
        return f"{a.unit.name} {before}{line_of(a)}, {joint} {b.unit.name} {after}{line_of(b)}"


def accesses(call: Call, item: str) -> list[Access]:
    """What a call did to an object: the read first, when it did both."""
    found = []
    unit, lo, hi, observed = call.unit, call.since, call.seq, call.observed
    sure = unit.outcome == "returned" or unit.commits > 0
    if item in call.reads:
        if observed:
            at = 3 * call.reads[item] + 1
            found.append(Access(call, unit, item, at, at, False, True, False, sure))
        elif call.looked is not None and item in call.looked:
            found.append(Access(call, unit, item, *call.looked[item], False, True, False, sure))
        else:
            found.append(Access(call, unit, item, lo, hi, False, False, False, sure))
    if item in call.writes:
        if observed:
            hi = 3 * call.writes[item]
            lo = hi - 1
        sure = sure and call.certain and call.undone is None
        found.append(Access(call, unit, item, lo, hi, True, observed, call.appends, sure))
    return found


# The order of an object's line: a read that looked back comes behind what it names.
order_of = attrgetter("hi", "looked")


def shown(name: str) -> str:
    """A name of the trace as a terminal can show it."""
    return name if name.isprintable() else ascii(name)


def line_of(access: Access) -> str:
    return "" if access.unit.kept else f" (line {access.call.line})"
