"""Back dependencies: from a unit to one that closed before it. A span lies between the two ends of
one.

A cycle needs a back dependency, and lies within its span, or within several spans that overlap. A
unit in no span is on no cycle. One pass over the accesses of each object finds all spans.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec

from leo.units.calls import OPEN, Call, Unit


class Touched(msgspec.Struct, eq=False):
    """The version that an object has `now`, the calls that touched it, and those of them that wrote
    it, in their order; and of those that are forgotten the newest version, and when the last of
    their units had closed.
    """

    now: int = 0
    calls: list[Call] = []
    writes: list[Call] = []
    gone: int = 0
    until: int = 0


def spans(
    all_touched: Mapping[str, Touched],
    looked: Iterable[Call],
    start: Container[str],
    *,
    open_units: bool,
) -> Iterator[tuple[int, int]]:
    """Yield the ends of the dependencies that lead back, of those that are sure and those that are
    possible: where the units concerned closed.

    `looked` are calls with a read that looked back. Without `open_units` those that have not ended
    are left out: at the end of a recording nothing waits for them.
    """
    left_out = 0 if open_units else OPEN
    for item, touched in all_touched.items():
        if not touched.writes and item not in start:
            continue
        wrote = read = low = high = end = -OPEN
        least, most = OPEN, -OPEN
        calls, begin = touched.calls, 0
        for at, call in enumerate(calls):
            latest, closed = wrote, call.unit.closed
            if closed == left_out:
                continue
            if item in call.writes:
                if read > latest:
                    latest = read
                if closed > wrote:
                    wrote = closed
            elif closed > read:
                read = closed
            if latest > closed:
                # Most of one object overlap: they are joined here, and the rest when all are known.
                if closed > high or latest < low:
                    if high > low:
                        yield low, high
                    low, high = closed, latest
                elif closed < low:
                    low = closed
                if latest > high:
                    high = latest
            # What ended after it began, it may have come before.
            if end > call.since:
                if most < least:
                    begin = at
                while begin and calls[begin - 1].seq > call.since:
                    begin -= 1
                    if (theirs := calls[begin].unit.closed) != left_out:
                        least, most = min(least, theirs), max(most, theirs)
                if closed < least:
                    least = closed
                if closed > most:
                    most = closed
            elif most >= least:
                yield least, most
                least, most = OPEN, -OPEN
            end = call.seq
        if high > low:
            yield low, high
        if most >= least:
            yield least, most
    for call in looked:
        if not open_units and call.unit.closed == OPEN:
            continue
        for item, found in (call.looked or {}).items():
            writes = all_touched[item].calls
            for other in writes[bisect_right(writes, found[0], key=lambda one: one.seq) :]:
                if item in other.writes:
                    yield min(other.unit.closed, call.unit.closed), call.unit.closed
                    if other.counts and other.since >= found[1]:
                        break


def disturbed(touched: Touched, item: str) -> Sequence[Call]:
    """The calls that decide which reads found what failed, or was written again: those after the
    last write that surely hides all before it from each read that ended after such a write began.
    """
    calls, writes = touched.calls, touched.writes
    first, last = OPEN, dict[Unit, Call]()
    for write in writes:
        before = last.get(write.unit, write)
        last[write.unit] = write
        if before is not write:
            first = min(first, before.since)
        elif not write.counts and (write.undone or not write.unit.committed):
            first = min(first, write.since)
    at = bisect_right(calls, first, key=attrgetter("seq"))
    begin = min((call.since for call in calls[at:] if item in call.reads), default=-1)
    for write in reversed(writes[: bisect_right(writes, begin, key=attrgetter("seq"))]):
        if write.counts and not write.appends:
            return calls[bisect_right(calls, write.since, key=attrgetter("seq")) :]
    return calls if begin >= 0 else ()


def made(writes: Sequence[Call], item: str, version: int) -> Call | None:
    """The call that made a version, if it is still known."""
    at = bisect_left(writes, version, key=lambda call: call.writes[item])
    found = writes[at] if at < len(writes) else None
    return found if found is not None and found.writes[item] == version else None


def fill_gaps(all_touched: Mapping[str, Touched], start: Mapping[str, int]) -> list[Unit]:
    """Make the units that wrote the observed versions of which there is no line: perhaps they
    did.
    """
    units = []
    for item, touched in all_touched.items():
        wrote = {call.writes[item] for call in touched.writes}
        there = wrote | {call.reads[item] for call in touched.calls if item in call.reads}
        first = start.get(item, max(min(there) - 1, 0))
        for version in range(first + 1, max(there) + 1):
            if version not in wrote:
                unit = Unit("someone not recorded", -OPEN, closed=OPEN - 1, outcome="returned")
                unit.kept = True
                call = Call(unit, OPEN, 1, OPEN, False, {}, {item: version}, "", observed=True)
                unit.calls.append(call)
                touched.calls.append(call)
                units.append(unit)
    return units


def merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join intervals that have a point in common."""
    low = high = None
    for one, other in sorted(spans):
        if low is None or high is None:
            low, high = one, other
        elif one <= high:
            high = max(high, other)
        else:
            yield low, high
            low, high = one, other
    if low is not None and high is not None:
        yield low, high
