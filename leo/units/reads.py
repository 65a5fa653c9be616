"""What reads found: writes of units that failed (Adya: G1a), or not the last of a unit (G1b).

A read found one of the writes before it that no other write surely replaced before it began.  An
exact read that names an older version found what was there when that version was made.  What a
read may have found is noted when it ends, and judged when every unit that was open beside its own
has closed: a write that ends after the read may have acted before it, and a unit that wrote may
still fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leo.units.anomalies import G1A, G1B, WR
from leo.units.calls import Call, Unit
from leo.units.patterns import Found, best


def is_dirty(write: Call, item: str) -> bool:
    """Tell whether a write of an object is, or may come to be, none that others should read."""
    unit = write.unit
    return not unit.committed or any(_replaces(call, write, item) for call in unit.calls)


def _replaces(call: Call, write: Call, item: str) -> bool:
    """Tell whether a call of the same unit may have written the object once more."""
    return call is not write and item in call.writes and call.seq > write.since


def note_found(
    call: Call, item: str, writes: Sequence[Call], floor: int, found: int | None
) -> None:
    """Note which of the writes of an object, all that had ended before, a call may have found.

    What was written up to ``floor`` has been replaced, for sure; the version that the call names
    was made at event ``found``.  A version says no more than that: a write that may not have
    happened has one too, and of two that overlapped the newer may be that of the one that acted
    first.
    """
    began = call.since
    if call.exact and call.reads[item] < max(w.writes[item] for w in writes):
        # It says that it looked back, to when its version was made.
        writes = [w for w in writes if w.since < (found or 0)]
        began, floor = found or 0, 0
    sure = (w.since for w in writes if w.certain and w.seq <= began)
    floor = max(floor, max(sure, default=0))
    may = [w for w in writes if w.seq > floor]
    if any(w.unit is not call.unit and is_dirty(w, item) for w in may):
        call.found[item] = began, sorted(may, key=lambda w: w.seq)


def judge_reads(unit: Unit, haze: int) -> Iterator[tuple[str, Found]]:
    """Yield the properties of reads that fell for a unit that returned, each once.

    Units that are still open opened from event ``haze`` on: what they were about to write at a
    later read is not known.
    """
    aborted: list[Found] = []
    partial: list[Found] = []
    for call in unit.calls:
        for item in call.reads:
            later = [
                edge.source
                for edge in call.into
                if edge.kind == WR and edge.object == item and edge.source.seq > call.seq
            ]
            began, earlier = call.found.get(item, (call.since, []))
            writes = [*earlier, *later]
            for write in writes:
                if write.unit is unit:
                    continue
                sure = len(writes) == 1 and write.certain and write.seq <= call.since
                sure = sure and (call.exact or call.seq < haze)
                aborted += _aborted(call, write, item, sure)
                partial += _intermediate(call, write, item, began, sure)
    for name, found in (("NoAbortedRead", aborted), ("NoIntermediateRead", partial)):
        for one in best(found):
            yield name, one


def _aborted(read: Call, write: Call, item: str, sure: bool) -> Iterator[Found]:
    writer = write.unit
    if not writer.committed:
        said = f"{_said(read, write, item, sure)}; {writer.name} {writer.ended}"
        yield Found((said,), (read.unit, writer), sure and bool(writer.outcome), G1A)


def _intermediate(read: Call, write: Call, item: str, began: int, sure: bool) -> Iterator[Found]:
    # Had the unit written between the two, the read would have found that.
    again = [
        call
        for call in write.unit.calls
        if _replaces(call, write, item) and not write.seq <= call.since < call.seq <= began
    ]
    if again:
        certain = [call for call in again if call.certain and call.since >= write.seq]
        next_ = (certain or again)[0]
        said = (
            f"{_said(read, write, item, sure)}; {write.unit.name} "
            f"{'' if certain else 'perhaps '}wrote it again, v{next_.writes[item]} "
            f"(line {next_.line})"
        )
        yield Found((said,), (read.unit, write.unit), sure and bool(certain), G1B)


def _said(read: Call, write: Call, item: str, sure: bool) -> str:
    return (
        f"{read.unit.name} read {item} v{read.reads[item]} (line {read.line}), "
        f"{'' if sure else 'perhaps '}as {write.unit.name} wrote it "
        f"(v{write.writes[item]}, line {write.line})"
    )


def replaced_up_to(writes: Sequence[Call], wall: int) -> int:
    """Return the event up to which what was written has been replaced for whoever opens at event
    ``wall`` or later: 0 when that is nothing.
    """
    return max((w.since for w in writes if w.certain and w.seq <= wall), default=0)
