"""Patterns that have a name of their own: a lost update, an unstable or torn read, a dirty read.

Most are cycles of two units. They are searched for besides the cycles, because the name says what
to repair. A unit has at most one finding of each pattern: the first sure one, else the first
possible one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from operator import attrgetter

import msgspec

from leo.units.anomalies import G1A, G1B, RW, WR
from leo.units.calls import OPEN, Access, Call, Edge, Unit, accesses, order_of, shown

# So many writes are looked at for torn reads among units that depend on one another in circles.
EFFORT = 500_000
DOUBLE_CHECK = (
    "double-checked locking looks twice on purpose, and only the second look counts: then promise "
    "read-committed (--promise), or leave StableRead out (--without)"
)


# A finding in a sentence for people, and the sentences that show it.
Told = tuple[str, tuple[str, ...]]


class Found(msgspec.Struct, frozen=True):
    """What was found: what tells it in a sentence for people and in those that show it (called for
    the first of its name only), the units concerned, whether it is sure, and its name if it has one
    (`leo.units.anomalies`).
    """

    tell: Callable[[], Told]
    units: tuple[Unit, ...]
    sure: bool
    name: str = ""


def plainly(said: str, *witness: str) -> Callable[[], Told]:
    """What tells a finding whose words are made already."""
    return lambda: (said, witness or (said,))


class Line:
    """The accesses of one object in their order, and what can be asked about its writes."""

    def __init__(self, found: Sequence[Access]) -> None:
        self.accesses = found

    # What follows is made when it is asked for: most objects are asked for little of it.

    @cached_property
    def writes(self) -> list[Access]:
        return [access for access in self.accesses if access.write]

    @cached_property
    def _ends(self) -> list[int]:
        return [write.hi for write in self.writes]

    @cached_property
    def _soonest(self) -> list[int]:
        return _least_from(self.writes)

    @cached_property
    def _there(self) -> list[Access]:
        """The writes that surely happened and were not taken back."""
        return [w for w in self.writes if w.call.certain and w.call.undone is None]

    @cached_property
    def _certain(self) -> _Tops:
        return _Tops(self._there)

    @cached_property
    def _counting(self) -> _Tops:
        return self._tops([w for w in self._there if w.sure])

    @cached_property
    def _replacing(self) -> _Tops:
        return self._tops([w for w in self._there if not w.append])

    @cached_property
    def _kept(self) -> _Tops:
        return self._tops([w for w in self._there if w.sure and not w.append])

    def _tops(self, some: Sequence[Access]) -> _Tops:
        return self._certain if len(some) == len(self._there) else _Tops(some)

    # From each write on, those that began first: of all, and of units that committed.

    @cached_property
    def _late(self) -> tuple[list[int], _Tops]:
        return [w.hi for w in self.writes], _Tops(self.writes[::-1], sign=-1)

    @cached_property
    def _late_counting(self) -> tuple[list[int], _Tops]:
        some = [w for w in self.writes if w.sure or (w.unit.committed and not w.call.undone)]
        if len(some) == len(self.writes):
            return self._late
        return [w.hi for w in some], _Tops(some[::-1], sign=-1)

    @cached_property
    def _failed(self) -> list[Access]:
        return [w for w in self.writes if not w.sure and (w.call.undone or not w.unit.committed)]

    @cached_property
    def _dirty(self) -> _Spread:
        return _Spread(self._failed)

    @cached_property
    def dirty_from(self) -> int:
        """No read that ended by this event found what failed, or was written again."""
        return min((w.lo for w in (*self._failed, *self._twice.writes)), default=OPEN)

    @cached_property
    def _last(self) -> dict[Unit, Access]:
        """Of each unit its last write."""
        return {write.unit: write for write in self.writes}

    @cached_property
    def _again(self) -> dict[Unit, Access]:
        """Of each unit the write that began last, of those that surely happened."""
        found: dict[Unit, Access] = {}
        for write in self._there:
            known = found.get(write.unit)
            if known is None or known.lo < write.lo:
                found[write.unit] = write
        return found

    @cached_property
    def _twice(self) -> _Spread:
        """The writes of units that wrote once more."""
        return _Spread([w for w in self.writes if self._last[w.unit] is not w])

    def between(self, first: Access, last: Access, *, counting: bool) -> Access | None:
        """Return a write of another unit that surely stands between two accesses of one unit;
        `counting` asks for one that was committed.
        """
        tops = self._counting if counting else self._certain
        for write in tops.up_to(last.lo):
            if write.unit is not first.unit and write.lo >= first.hi:
                return write
        return None

    def perhaps_between(self, first: Access, last: Access, *, counting: bool) -> Access | None:
        """Return a write of another unit that may stand between two accesses of two calls;
        `counting` asks for one of a unit that committed.
        """
        ends, late = self._late_counting if counting else self._late
        for write in late.first(len(ends) - bisect_right(ends, first.lo)):
            if write.unit is not first.unit and write.lo < last.hi:
                return write
        return None

    def found(self, read: Access) -> list[Access]:
        """Return the writes one of which a read may have found: two of them, if there are two."""
        some: list[Access] = []
        for at in range(bisect_right(self._ends, self._floor(read)), len(self.writes)):
            if self._soonest[at] >= read.hi:
                break
            write = self.writes[at]
            if write.call is read.call:
                continue
            if write.lo < read.hi and not _taken_back(write, read):
                if _there(write, read):
                    some = [other for other in some if other.hi > write.lo]
                some.append(write)
                if len(some) > 1 and not write.call.undone:
                    break
        return some

    def aborted(self, read: Access) -> Iterator[Access]:
        """Yield what failed units wrote that a read may have found."""
        return self._dirty.near(read, self._floor(read))

    def intermediate(self, read: Access) -> Iterator[tuple[Access, Access, bool]]:
        """Yield what a read may have found and its unit wrote again: both writes, and whether the
        second surely followed.
        """
        for write in self._twice.near(read, self._floor(read)):
            again = self._again.get(write.unit, write)
            if again is not write and again.lo >= write.hi:
                yield write, again, True
            elif self._last[write.unit].hi > read.lo:
                yield write, self._last[write.unit], False

    def mark_hidden(self) -> None:
        """Find the reads that may have found what a failed unit wrote."""
        if not self._failed:
            return
        certain = [w for w in self._failed if w.call.certain and not w.append]
        fixed = _Tops([w for w in certain if not w.call.undone])
        undone = [w for w in certain if w.call.undone]
        ends, late = self._late_counting
        first = min(write.lo for write in self._failed)
        for read in self.accesses:
            if not read.write and read.hi > first:
                read.hidden = self._hides(read)
                there = [*fixed.up_to(read.lo), *(w for w in undone if _there(w, read))]
                behind = max((w.lo for w in there), default=-OPEN)
                after = late.first(len(ends) - bisect_right(ends, behind))
                if all(w.lo >= read.hi or w.call is read.call for w in after):
                    read.behind = behind

    def _floor(self, read: Access) -> int:
        """What was written up to this event, a read did surely not find."""
        return max((write.lo for write in self._replacing.up_to(read.lo)), default=-OPEN)

    def _hides(self, read: Access) -> bool:
        """Tell whether a read may have found what a failed unit wrote, behind all that counts."""
        floor = max((write.lo for write in self._kept.up_to(read.lo)), default=-OPEN)
        return any(not write.append for write in self._dirty.near(read, floor, own=True))


class _Tops:
    """For each number of some accesses, the two of different units that began last; with the `sign`
    -1 first.
    """

    def __init__(self, found: Sequence[Access], *, sign: int = 1) -> None:
        self._ends = [access.hi for access in found]
        self._tops: list[tuple[Access, ...]] = [()]
        first: Access | None = None
        second: Access | None = None
        most = more = -2 * OPEN
        tops = self._tops
        for access in found:
            lo = sign * access.lo
            if first is None or lo > most:
                if first is not None and access.unit is not first.unit:
                    second, more = first, most
                first, most = access, lo
            elif access.unit is not first.unit and lo > more:
                second, more = access, lo
            else:
                tops.append(tops[-1])
                continue
            tops.append((first,) if second is None else (first, second))

    def up_to(self, event: int) -> tuple[Access, ...]:
        """Of those that had ended by an event."""
        return self._tops[bisect_right(self._ends, event)]

    def first(self, count: int) -> tuple[Access, ...]:
        return self._tops[count]


class _Spread:
    """Some writes of an object, by their ends."""

    def __init__(self, writes: Sequence[Access]) -> None:
        self.writes = writes
        self._ends = [write.hi for write in writes]
        self._soonest = _least_from(writes)

    def near(self, read: Access, floor: int, *, own: bool = False) -> Iterator[Access]:
        """Yield those that a read may have found, when it found nothing that ended up to `floor`;
        with `own` those of its own unit as well.
        """
        for at in range(bisect_right(self._ends, floor), len(self.writes)):
            if self._soonest[at] >= read.hi:
                return
            write = self.writes[at]
            found = write.lo < read.hi and not _taken_back(write, read)
            if found and write.call is not read.call and (own or write.unit is not read.unit):
                yield write


def _least_from(found: Sequence[Access]) -> list[int]:
    """From each access on, the earliest beginning."""
    least, all_ = OPEN, []
    for access in reversed(found):
        least = min(least, access.lo)
        all_.append(least)
    return all_[::-1]


def _taken_back(write: Access, read: Access) -> bool:
    """What was written had surely been taken back before a read began."""
    return write.call.undone is not None and write.call.undone[1] <= read.lo


def _there(write: Access, read: Access) -> bool:
    """What was written was surely there during a read, or something newer."""
    undone = write.call.undone
    return write.call.certain and write.hi <= read.lo and (not undone or read.hi <= undone[0])


# The accesses that exist, of an object by call.
Made = dict[str, dict[Call, list[Access]]]


class Block:
    """Some units and what they did, by object and by unit. `made` are accesses that exist."""

    def __init__(self, units: Sequence[Unit], made: Made):
        self.units = units
        self.committed = [unit for unit in units if unit.committed]
        lines: dict[str, list[Access]] = {}
        self.of: dict[Unit, list[Access]] = {unit: [] for unit in units}
        calls = [call for unit in units for call in unit.calls]
        # By their ends: so lines without reads that looked back are in their order.
        calls.sort(key=attrgetter("seq"))
        for call in calls:
            mine, reads, writes = self.of[call.unit], call.reads, call.writes
            for item in {**reads, **writes} if reads and writes else reads or writes:
                known = made.get(item)
                both = (known and known.get(call)) or accesses(call, item)
                mine += both
                line = lines.get(item)
                if line is None:
                    line = lines[item] = []
                line += both
        if any(call.looked or call.observed for call in calls):
            for line in lines.values():
                line.sort(key=order_of)
        self.lines = lines
        self._asked: dict[str, Line] = {}

    def line(self, item: str) -> Line:
        """The line of an object, to ask about its writes."""
        line = self._asked.get(item)
        if line is None:
            line = self._asked[item] = Line(self.lines[item])
        return line


# Two accesses of a unit to one object, in the middle what another wrote between them, and whether
# it surely did.
Changed = tuple[Access, Access, Access, bool]


def changed_between(
    block: Block, unit: Unit, *, open_: bool
) -> tuple[Changed | None, Changed | None]:
    """What another wrote between the latest read of a unit and its next access to the object: where
    that is a write the update of the other is lost, where it is a read the first was unstable. What
    is possible only is looked for where something is `open_`.
    """
    lost = unstable = None
    latest: dict[str, Access] = {}
    mine = block.of[unit]
    for two in mine if len(mine) > 1 else ():
        item = two.item
        one = latest.get(item)
        if not two.write:
            latest[item] = two
        if one is None or two.append:
            continue
        line = block.line(item)
        if two.write:
            if lost is not None and lost[3]:
                continue
            other = line.between(one, two, counting=True) if two.sure else None
            if other is not None:
                lost = one, other, two, True
            elif open_ and lost is None and (one.call is not two.call or one.looked):
                other = line.perhaps_between(one, two, counting=True)
                lost = None if other is None else (one, other, two, False)
        elif unstable is None or not unstable[3]:
            first, last = sorted((one, two), key=order_of)
            # Where the store tells its versions, a failed write that nobody saw was never there.
            counting = one.call.observed
            other = line.between(first, last, counting=counting)
            if other is not None:
                unstable = first, other, last, True
            elif open_ and unstable is None and one.call is not two.call:
                other = line.perhaps_between(first, last, counting=counting)
                other = other or line.perhaps_between(last, first, counting=counting)
                unstable = None if other is None else (first, other, last, False)
    return lost, unstable


def unstable_read(first: Access, other: Access, last: Access, sure: bool) -> Found:
    """A unit read an object twice, and another unit wrote it in between."""
    again = first.call.method and first.call.method == last.call.method
    said = (
        f"{first.unit.name} read {shown(first.item)} twice, and {other.unit.name} "
        f"{'' if sure else 'perhaps '}wrote it in between"
    )
    edges = Edge(first, other, RW, sure), Edge(other, last, WR, sure)
    return Found(
        lambda: (said, (*(edge.tell() for edge in edges), *((DOUBLE_CHECK,) if again else ()))),
        (first.unit, other.unit),
        sure,
    )


class Torn:
    """Torn reads of a block: a unit saw what another wrote to one object and not to the other."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self.effort = EFFORT
        # Of each unit that wrote several objects its last write to each, and by object their writes
        # with the latest end of a unit among the writes up to there.
        self._last: dict[Unit, dict[str, Access]] = {}
        for unit in block.units:
            if unit.wrote and len(unit.wrote) > 1 and unit.committed:
                self._last[unit] = {a.item: a for a in block.of[unit] if a.write}
        self._writes: dict[str, list[tuple[Access, int]]] = {}
        for item, line in block.lines.items() if self._last else ():
            latest = -OPEN
            for write in line:
                if write.write and write.unit in self._last:
                    latest = max(latest, write.unit.closed)
                    self._writes.setdefault(item, []).append((write, latest))

    def __bool__(self) -> bool:
        """There may be some."""
        return bool(self._last)

    def find(self, unit: Unit, *, sure: bool) -> Found | None:
        """Return a torn read of a unit."""
        reads = [access for access in self._block.of[unit] if not access.write]
        if len({read.item for read in reads}) < 2:
            return None
        # Of each object the read that surely came first, or that can have come first.
        first: dict[str, Access] = {}
        for read in sorted(reads, key=lambda read: -read.hi if sure else -read.lo):
            first[read.item] = read
        # Where versions are observed, a place says nothing of time.
        begin = min(-OPEN if read.call.observed else read.lo for read in reads)
        for read in reads:
            writes = self._writes.get(read.item, ())
            for write, latest in reversed(writes):
                self.effort -= 1
                if latest <= begin or self.effort < 0:
                    break
                if write.unit is unit or not self._saw(write, read, sure):
                    continue
                for item, missed in self._last[write.unit].items():
                    before = first.get(item)
                    if before is None or item == read.item:
                        continue
                    if sure and (before.hi > missed.lo or not missed.call.certain):
                        continue
                    if before.lo >= missed.hi:
                        continue
                    moved = before.looked or read.looked
                    if before.call is read.call and missed.call is write.call and not moved:
                        continue
                    return _torn(write, read, before, missed, sure)
        return None

    def _saw(self, write: Access, read: Access, sure: bool) -> bool:
        if sure:
            return write.hi <= read.lo and write.call.certain and not read.hidden
        return write.lo < read.hi and write.hi > read.behind


def _torn(write: Access, read: Access, before: Access, missed: Access, sure: bool) -> Found:
    said = (
        f"{read.unit.name} {'' if sure else 'perhaps '}saw {write.unit.name}'s "
        f"{shown(read.item)} and not its {shown(missed.item)}"
    )
    edges = Edge(write, read, WR, sure), Edge(before, missed, RW, sure)
    units = read.unit, write.unit
    return Found(lambda: (said, tuple(edge.tell() for edge in edges)), units, sure)


def own_write_missed(unit: Unit) -> Found | None:
    """A unit read an object, after it had written it, in an older version; or read a version that
    it only wrote later.
    """
    # The latest of those that surely happened, and of those that may have.
    wrote: dict[tuple[str, bool], Access] = {}
    perhaps = None
    made = {it: k for k, c in enumerate(unit.calls) if c.observed for it in c.writes.items()}
    for k, call in enumerate(unit.calls):
        for item in call.reads if call.looked or call.observed else ():
            read = accesses(call, item)[0]
            later = made.get((item, read.version), -1)
            if later > k:
                what = f"{unit.name} read {shown(item)} v{read.version} before it wrote it itself"
                wrote_on = unit.calls[later].line
                text = (
                    f"{unit.name} read it on line {call.line}, and only then wrote it (line "
                    f"{wrote_on})"
                )
                return Found(plainly(what, text), (unit,), sure=True)
            for certain in (True, False):
                mine = wrote.get((item, certain))
                if mine is None or not read.looked or read.lo >= mine.hi:
                    continue
                sure = certain and read.hi <= mine.lo
                found = _own(mine, read, sure)
                if sure:
                    return found
                perhaps = perhaps or found
        for item in call.writes if not call.appends else ():
            write, before = accesses(call, item)[-1], wrote.get((item, True))
            if before is not None and call.certain and write.hi < before.lo:
                what = f"{unit.name} wrote {shown(item)} "
                text = f"v{before.version} and then v{write.version} (line {call.line})"
                twice = "twice, and its second write stands before its first"
                return Found(plainly(what + twice, what + text), (unit,), sure=True)
            wrote[item, call.certain] = write
    return perhaps


def _own(mine: Access, read: Access, sure: bool) -> Found:
    unit, name = mine.unit, shown(mine.item)
    return Found(
        plainly(
            f"{unit.name} {'' if sure else 'perhaps '}did not see its own write of {name}",
            f"{unit.name} wrote {name} v{mine.version} (line {mine.call.line}), and then read "
            f"v{read.version} (line {read.call.line})",
        ),
        (unit,),
        sure,
    )


def dirty_reads(line: Line, reads: Sequence[Access], haze: int) -> Iterator[tuple[str, Found]]:
    """Yield the properties of reads that fell, each with the unit that read.

    Units that are still open opened from event `haze` on: what they were about to write at a later
    read is not known.
    """
    for read in reads:
        if not (any(line.aborted(read)) or any(line.intermediate(read))):
            continue
        found = line.found(read)
        exact = read.hi - read.lo < 2 or read.hi < haze
        only = found[0] if len(found) == 1 and exact and _there(found[0], read) else None
        aborted = sorted(line.aborted(read), key=lambda write: write is not only)
        for write in aborted[:1]:
            yield "NoAbortedRead", _aborted(read, write, sure=write is only)
        again = sorted(line.intermediate(read), key=lambda found: found[0] is not only)
        for write, later, certain in again[:1]:
            sure = write is only and certain
            yield "NoIntermediateRead", _intermediate(read, write, later, sure, certain)


def _aborted(read: Access, write: Access, *, sure: bool) -> Found:
    undone, writer = write.call.undone, write.unit
    sure = sure and (bool(writer.outcome) or undone is not None)
    ended = "took it back" if undone else writer.ended
    if undone and undone[1] < OPEN:
        ended = f"{ended} (line {undone[1] + 1})"
    said = (
        f"{read.unit.name} {'' if sure else 'perhaps '}read what {writer.name} wrote to "
        f"{shown(read.item)}, and {writer.name} {ended}"
    )
    text = f"{_said(read, write, sure)}; {writer.name} {ended}"
    return Found(plainly(said, text), (read.unit, writer), sure, G1A)


def _intermediate(read: Access, write: Access, again: Access, sure: bool, certain: bool) -> Found:
    writer = write.unit.name
    said = (
        f"{read.unit.name} {'' if sure else 'perhaps '}read what {writer} wrote to "
        f"{shown(read.item)} and then wrote again"
    )
    text = (
        f"{_said(read, write, sure)}; {writer} {'' if certain else 'perhaps '}wrote it again, "
        f"v{again.version} (line {again.call.line})"
    )
    return Found(plainly(said, text), (read.unit, write.unit), sure, G1B)


def _said(read: Access, write: Access, sure: bool) -> str:
    return (
        f"{read.unit.name} read {shown(read.item)} v{read.version} (line {read.call.line}), "
        f"{'' if sure else 'perhaps '}as {write.unit.name} wrote it "
        f"(v{write.version}, line {write.call.line})"
    )
