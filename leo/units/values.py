"""Checks recorded values: did a read return what the write of its version had written?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import accumulate

from leo.units.anomalies import LOST_UPDATE, STALE
from leo.units.calls import OPEN, Call, shown
from leo.units.patterns import Found, plainly


class Values:
    """What the writes of one object gave, by version, and reads that are not compared yet."""

    def __init__(self, start: int) -> None:
        self.saw: list[tuple[Call, str]] = []
        # By the words that they found, reads of units that then wrote, and that write.
        self._taken: dict[str, tuple[Call, Call]] = {}
        self._start = start
        self._gave: dict[int, str] = {}
        self._versions: dict[str, list[int]] = {}

    def note(self, version: int, words: str) -> None:
        """A write, or what was there at the start."""
        self._gave[version] = words
        insort(self._versions.setdefault(words, []), version)

    def compare(
        self, item: str, writes: Sequence[Call], oldest: int
    ) -> Iterator[tuple[str, Call, Found, int | None]]:
        """Yield what fell by the values of reads before event `oldest`: by a read that returned
        something else than was there, with the older version that it was, if it is one; or by two
        units that read the same version and then wrote.

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
        # What is taken back brings an older value again.
        decided = not any(write.undone for write in writes)
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
            if call.looked:
                continue
            if any(self._gave.get(version, words) == words for version in may):
                if decided:
                    yield from self._both_wrote(item, call, words, may)
                continue
            found, version = self._missed(item, call, words, may)
            yield "ReadsWhatWasWritten", call, found, version
        self.saw = waiting
        # What begins later does not find what was overwritten by now.
        self._taken = {w: pair for w, pair in self._taken.items() if pair[1].seq > oldest}

    def _both_wrote(
        self, item: str, read: Call, words: str, may: Sequence[int]
    ) -> Iterator[tuple[str, Call, Found, None]]:
        """Where one version only has a value, who found it had not seen any later one, whenever the
        calls acted: of two units that found it and then wrote, one overwrote what the other wrote.
        """
        at_start = self._start not in self._gave
        only = len(self._versions.get(words, ())) + at_start == 1
        if not only or any(v not in self._gave for v in may if v != self._start or not at_start):
            return
        unit = read.unit
        after = (
            c for c in unit.calls if c.seq > read.seq and (item in c.reads or item in c.writes)
        )
        write = next(after, None)
        # What it reads once more, it may have seen then.
        if write is None or item in write.reads or not write.counts or write.appends:
            return
        if write.since < read.seq:
            return
        first = self._taken.setdefault(words, (read, write))
        other = first[0].unit
        # Where it is known who overwrote whom, that is told in place of this.
        if other is unit or _between(first[1], read, write) or _between(write, *first):
            return
        name = shown(item)
        said = (
            f"{other.name} and {unit.name} both read {name} as {shown(words)} and then wrote it: "
            "one overwrote what the other wrote without having seen it"
        )
        witness = (
            f"{one.unit.name} read {name} (line {one.line}) and wrote v{two.writes[item]} (line "
            f"{two.line})"
            for one, two in (first, (read, write))
        )
        found = Found(plainly(said, *witness), (other, unit), sure=True, name=LOST_UPDATE)
        for fell in ("NoLostUpdate", "Serializable"):
            yield fell, read, found, None

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


def _between(other: Call, read: Call, write: Call) -> bool:
    """A write surely acted between a read and a write of another unit."""
    return read.seq <= other.since and other.seq <= write.since
