"""Checks recorded values: did a read return what the write of its version had written?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import accumulate

from leo.units.anomalies import STALE
from leo.units.calls import OPEN, Call, shown
from leo.units.patterns import Found, plainly


class Values:
    """What the writes of one object gave, by version, and reads that are not compared yet."""

    def __init__(self, start: int) -> None:
        self.saw: list[tuple[Call, str]] = []
        self._start = start
        self._gave: dict[int, str] = {}
        self._versions: dict[str, list[int]] = {}

    def note(self, version: int, words: str) -> None:
        """A write, or what was there at the start."""
        self._gave[version] = words
        insort(self._versions.setdefault(words, []), version)

    def compare(
        self, item: str, writes: Sequence[Call], oldest: int
    ) -> Iterator[tuple[Call, Found, int | None]]:
        """Yield the reads before event `oldest` that returned something else than was there, each
        with the older version that it was, if it is one.

        `writes` are the calls that wrote the object, in the order of their versions.
        """
        if any(write.appends for write in writes[-1:]):
            # A read of what is appended to returns more than the last piece.
            self.saw.clear()
            return
        ends = [write.seq for write in writes]
        begun = [write.since if write.certain and not write.undone else -OPEN for write in writes]
        latest = list(accumulate(begun, max, initial=-OPEN))
        soonest = list(accumulate((write.since for write in reversed(writes)), min))[::-1]
        waiting = []
        for call, words in self.saw:
            if call.seq >= oldest:
                waiting.append((call, words))
                continue
            # It found one of the writes that no other surely replaced before it began.
            floor = latest[bisect_right(ends, call.since)]
            may = []
            for at in range(bisect_right(ends, floor), len(writes)):
                if soonest[at] >= call.seq:
                    break
                if writes[at].since < call.seq:
                    may.append(writes[at].writes[item])
            if floor < 0:
                if not may and self._start not in self._gave:
                    # Nobody knows what was there before: the first who reads it tells.
                    self.note(self._start, words)
                may.append(self._start)
            if call.looked or any(self._gave.get(version, words) == words for version in may):
                continue
            found, version = self._missed(item, call, words, may)
            yield call, found, version
        self.saw = waiting

    def _missed(
        self, item: str, call: Call, words: str, may: Sequence[int]
    ) -> tuple[Found, int | None]:
        same = self._versions.get(words, [])
        at = bisect_left(same, min(may))
        version = same[at - 1] if at else None
        if version is not None:
            was = f"which is v{version}"
        elif self._start in self._gave:
            was = "which nobody wrote"
        else:
            was = "which no recorded call wrote"
        said = (
            f"{call.unit.name} read {shown(item)} and got {shown(words)}, {was}: at v{max(may)} it "
            f"was {shown(self._gave[max(may)])}"
        )
        name = "" if version is None and self._start in self._gave else STALE
        text = f"{call.unit.name} read it on line {call.line}"
        return Found(plainly(said, text), (call.unit,), sure=True, name=name), version
