"""Patterns between two units that have a name of their own: lost update, unstable and torn read.

Each is a cycle of two units.  They are looked for besides the cycles, because the name says what to
repair.  At most one finding of a kind is made for a unit: the first that is sure, else the first
that is possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leo.units.anomalies import LOST_UPDATE, RW, WR, WW
from leo.units.calls import Call, Edge, Unit


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: sentences, the units concerned, whether it is sure, and its name if it has
    one (``leo.units.anomalies``).
    """

    witness: tuple[str, ...]
    units: tuple[Unit, ...]
    sure: bool
    name: str = ""


def lost_updates(unit: Unit) -> Iterator[Found]:
    """A unit read an object and then wrote it, and another unit wrote it in between."""
    yield from best(_between(_updates(unit), WW, LOST_UPDATE))


def lost_update(reader: Unit, writer: Unit) -> Found | None:
    """Return the sure lost update of a unit over the write of another; None if there is none."""
    for found in _between(_updates(reader), WW, LOST_UPDATE):
        if found.sure and found.units[1] is writer:
            return found
    return None


def _updates(unit: Unit) -> list[tuple[Call, Call, str]]:
    """The writes of a unit of what it had read before: the latest read, the write, the object."""
    latest: dict[str, Call] = {}
    pairs = []
    for call in unit.calls:
        latest |= dict.fromkeys(call.reads, call)
        pairs += [(latest[item], call, item) for item in call.writes if item in latest]
    return pairs


def unstable_reads(unit: Unit) -> Iterator[Found]:
    """A unit read an object twice, and another unit wrote it in between."""
    latest: dict[str, Call] = {}
    pairs = []
    for call in unit.calls:
        pairs += [(latest[item], call, item) for item in call.reads if item in latest]
        latest |= dict.fromkeys(call.reads, call)
    yield from best(_between(pairs, WR))


def torn_reads(unit: Unit) -> Iterator[Found]:
    """A unit read of two objects what another unit wrote to both: one before, one after.

    ``unit`` has just closed; it is the reader or the writer, and the other one has closed too.
    """
    yield from best([*_torn_reader(unit), *_torn_writer(unit)])


def _between(pairs: list[tuple[Call, Call, str]], last: str, name: str = "") -> Iterator[Found]:
    """Find a write by another unit after the first call of a pair and before the second."""
    for first, second, item in pairs:
        for edge in first.out:
            if edge.kind != RW or edge.object != item:
                continue
            write = edge.target
            for back in second.into:
                if back.source is not write or back.kind != last or back.object != item:
                    continue
                sure = edge.sure and back.sure
                # One call has one moment: nothing comes between it and itself.
                if first is second and not sure:
                    continue
                yield Found((edge.tell(), back.tell()), (first.unit, write.unit), sure, name)


def _torn_reader(unit: Unit) -> Iterator[Found]:
    if not unit.committed:
        return
    missed = [edge for call in unit.calls for edge in call.out if edge.kind == RW]
    for call in unit.calls:
        for seen in call.into:
            if seen.kind == WR:
                yield from _torn(seen, missed)


def _torn_writer(unit: Unit) -> Iterator[Found]:
    missed = [edge for call in unit.calls for edge in call.into if edge.kind == RW]
    if not missed:
        return
    for call in unit.calls:
        for seen in call.out:
            if seen.kind == WR and seen.target.unit.committed:
                yield from _torn(seen, missed)


def _torn(seen: Edge, missed: list[Edge]) -> Iterator[Found]:
    writer, reader = seen.source.unit, seen.target.unit
    for edge in missed:
        if edge.target.unit is not writer or edge.source.unit is not reader or not writer.outcome:
            continue
        if edge.object == seen.object:
            continue
        same = edge.source is seen.target and edge.target is seen.source
        sure = edge.sure and seen.sure
        if sure or not same:
            yield Found((seen.tell(), edge.tell()), (reader, writer), sure)


def best(found: Iterator[Found] | list[Found]) -> Iterator[Found]:
    """Yield the first that is sure, else the first that is possible."""
    first = None
    for one in found:
        if one.sure:
            yield one
            return
        first = first or one
    if first is not None:
        yield first
