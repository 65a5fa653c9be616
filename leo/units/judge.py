"""The judge of traces of units: which properties fell, for sure or possibly.

It takes one line after the other. A unit is judged when all units that overlapped it have closed. A
cycle needs a back dependency: from a unit to one that closed before it. One pass over each object
finds those; only the units between the two ends of one (a `Block`) are searched for cycles. A
property is "broken" if it falls for every choice of the moments at which the calls acted inside
their intervals. It is "undecided" if that depends on the choice, and is then never called valid.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from pathlib import PurePath
from typing import Final, Self

import msgspec
from msgspec import UNSET

from leo.errors import TraceError
from leo.trace.lines import Lines
from leo.units.blocks import judge_block
from leo.units.calls import OPEN, Call, Unit, accesses, order_of, shown
from leo.units.graph import Effort
from leo.units.history import History
from leo.units.log import UnitAction, UnitEvent, UnitsHeader
from leo.units.patterns import Block, Found, Line, Made, dirty_reads, own_write_missed, plainly
from leo.units.reader import Piece, UnitsReader, lines_of
from leo.units.spans import Touched, disturbed, fill_gaps, made, merged, spans
from leo.units.values import Values
from leo.units.verdict import Case, UnitsVerdict

# So many units that are judged are kept for reads that look back at what they overwrote.
KEEP: Final = 16_384
# The same for a recording that is followed, whose findings are wanted soon.
AT_ONCE: Final = 64
_OPEN, _CLOSE = UnitAction.Open, UnitAction.Close
# What a call reads or writes that does not; never changed.
_NOTHING: Final[dict[str, int]] = {}
_seq = attrgetter("seq")


@dataclass(frozen=True, slots=True)
class Watching:
    """How long to judge (`seconds` by a `clock`), and who is told: `news` of each case when it is
    found, `progress` of the number of the line that was read, every so often.
    """

    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    news: Callable[[Case], object] | None = None
    progress: Callable[[int], object] | None = None


def judge_lines(lines: Lines, *, watching: Watching | None = None) -> UnitsVerdict:
    """Judge a trace of units. Raises TraceError when it is none."""
    return judge_reader(UnitsReader(lines), watching)


def judge_reader(reader: UnitsReader | History, watching: Watching | None = None) -> UnitsVerdict:
    """Judge what a reader yields, as far as there is time for it. Raises TraceError for a line that
    is not in the schema.
    """
    watching = watching or Watching()
    judge = UnitsJudge(reader.name, reader.header, watching.news)
    clock = watching.clock
    until = OPEN if watching.seconds is None else clock() + watching.seconds
    with judge:
        for piece in reader.pieces():
            line = judge.feed(piece)
            if watching.progress is not None:
                watching.progress(line)
            if clock() > until:
                judge.cut(
                    f"stopped after {watching.seconds:g} s at line {line:,}: what follows is not "
                    "judged"
                )
                break
        verdict = judge.verdict(reader.notices)
    verdict.closed = reader.closed
    if isinstance(reader, History):
        return _of_history(reader, verdict, watching)
    return verdict


def _of_history(history: History, verdict: UnitsVerdict, watching: Watching) -> UnitsVerdict:
    """Add what the history says itself of what was found in it."""
    for other in history.others:
        if not verdict.broken:
            break
        judged = judge_reader(other, Watching(watching.seconds, watching.clock))
        if not history.complete:
            verdict.compare(judged)
        elif judged.rank() > verdict.rank():
            verdict = judged
    for name in history.unsure:
        verdict.doubt(name)
    if "Serializable" in verdict.broken:
        verdict.doubtful.pop("StrictlySerializable", None)
    for name, found in history.found:
        verdict.note(name, found)
    for name, found in history.sure.items():
        # Where no order at all explains the units, no strict one does: it is not said twice.
        if not {name, "Serializable" if name == "StrictlySerializable" else name} & {
            *verdict.broken
        }:
            verdict.note(name, found)
    return verdict


def judge_bytes(data: bytes) -> UnitsVerdict:
    """Judge a recording that is in memory (`Recording.ndjson()`). Raises TraceError."""
    return judge_lines(lines_of(data))


def judge_merged(readers: Sequence[UnitsReader], watching: Watching | None = None) -> UnitsVerdict:
    """Judge the traces of several processes on one store, put together by the versions of the
    store: each has a clock of its own. Raises TraceError when one does not have observed versions.
    """
    watching = watching or Watching()
    header = msgspec.structs.replace(readers[0].header, clock=False)
    judge = UnitsJudge(" + ".join(r.name for r in readers), header, watching.news)
    offset, notices = 0, list[str]()
    with judge:
        for reader in readers:
            reader.written = readers[0].written
            if not reader.header.observed or reader.header.run != header.run:
                raise TraceError(
                    f"{reader.name}: expected observed versions (version=) of the run "
                    f"{header.run!r}: traces of several processes are put together by the versions "
                    "of their store"
                )
            name = PurePath(reader.name).name
            last = 0
            for line, event in reader:
                last = event.seq
                since = event.since if event.since is UNSET else event.since + offset
                unit = f"{event.reply} ({name})"
                moved = msgspec.structs.replace(
                    event, seq=last + offset, since=since, reply=unit, session=name
                )
                judge.feed([(line, moved)])
            offset += last
            notices += [f"{name}: {notice}" for notice in reader.notices]
        verdict = judge.verdict(notices)
    verdict.closed = all(reader.closed for reader in readers)
    return verdict


class UnitsJudge:
    """Takes the checked events of one trace. When it is left as a context manager, it lets go of
    them: they know each other in circles that the garbage collector does not see.
    """

    def __init__(
        self, name: str, header: UnitsHeader, news: Callable[[Case], object] | None = None
    ) -> None:
        self._verdict = UnitsVerdict(name, header.run, values=header.values, news=news)
        self._start = header.start
        self._commits, self._clock = header.commits, header.clock
        self._open: dict[str, Unit] = {}
        self._closed: list[Unit] = []
        # So many units that have closed are judged together.
        self._keep = KEEP if news is None else min(KEEP, AT_ONCE)
        self._settle_at = 3 * self._keep
        self._touched: dict[str, Touched] = {}
        # Objects that a failed unit wrote, or one unit twice; calls that looked back.
        self._dirty: set[str] = set()
        self._looked: list[Call] = []
        self._values: dict[str, Values] = {}
        self._spare = Effort()
        # The calls that both read and wrote an object while something else went on.
        self._moments: dict[str, None] = {}
        # No call has an interval, so none is under way.
        self._exact = True
        # The number of the last event.
        self._seq = 0
        self._observed = header.observed
        if self._observed:
            self._settle_at = OPEN

    def feed(self, piece: Piece) -> int:
        """Take some events that `leo.units.reader` has checked; return the line of the last."""
        said, open_, add = self._verdict, self._open, self._add
        line, last = 0, self._seq
        for line, event in piece:
            said.events += 1
            before, last = last, event.seq
            action, name = event.action, event.reply
            unit = open_.get(name)
            if event.reads or event.writes:
                said.calls += 1
                if unit is not None:
                    add(unit, line, event, before)
                elif event.late is True:
                    self._add_late(line, event)
                else:
                    # The line of its opening is missing.
                    open_[name] = unit = Unit(name, last, event.session, begin=line)
                    add(unit, line, event, before)
            elif action is _OPEN:
                said.units += 1
                session = name if event.session == name else event.session
                open_[name] = Unit(name, last, session, OPEN, line)
            elif unit is None:
                continue
            elif action is _CLOSE:
                del open_[name]
                self._close(unit, line, event)
            else:
                self._end_writes(unit, event)
        self._seq = last
        return line

    def cut(self, why: str) -> None:
        """The judge stops before the end, and what it has found so far is all there is."""
        self._verdict.cut = why

    def verdict(self, notices: Iterable[str] = ()) -> UnitsVerdict:
        """Sum up the events so far; nothing can be fed after that."""
        said = self._verdict
        said.open = len(self._open)
        said.notices = list(notices)
        if self._moments:
            said.notices.append(
                f"{', '.join(self._moments)} reads and writes in one call, which is taken as one "
                "moment: what came between is not seen. If it awaits in between, record the "
                "methods that it calls"
            )
        for unit in self._open.values():
            wrote = [call for call in unit.calls if call.writes]
            if wrote and not said.cut:
                text = f"{unit.name} wrote and had not ended when the recording was closed"
                said.note("AllOrNothing", Found(plainly(text), (unit,), sure=False))
                self._dirty.update(*(call.writes for call in wrote))
        self._settle(at_the_end=True)
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for unit in (*self._closed, *self._open.values()):
            unit.calls.clear()

    def _add(self, unit: Unit, line: int, event: UnitEvent, before: int) -> None:
        seq, since, reads, writes = event.seq, event.since, event.reads, event.writes
        all_touched, observed = self._touched, self._observed
        exact = since is UNSET
        if since is UNSET:
            since = before if before == seq - 1 else seq - 1
        else:
            self._exact = False
        call = Call(
            unit, seq, line, since, event.outcome == "ok", reads or _NOTHING, writes or _NOTHING,
            event.call or "",
        )  # fmt: skip
        unit.calls.append(call)
        if event.appends is True:
            call.appends = True
        if observed:
            call.observed = unit.goes_on = True
        elif event.saw is not UNSET or event.gave is not UNSET:
            self._add_values(call, event)
        for item, version in reads.items():
            touched = all_touched.get(item)
            if touched is None:
                touched = all_touched[item] = Touched(self._start.get(item, 0))
            if exact and version < touched.now and not observed:
                self._look_back(call, item, version, touched)
            touched.calls.append(call)
        wrote = unit.wrote
        if wrote is not None:
            unit.goes_on = True
        if writes:
            for item, version in writes.items():
                touched = all_touched.get(item)
                if touched is None:
                    touched = all_touched[item] = Touched()
                touched.now = version
                if item not in reads:
                    touched.calls.append(call)
                elif since < seq - 1 and event.call and not observed:
                    self._moments[event.call] = None
                touched.writes.append(call)
                if wrote is not None and item in wrote:
                    self._dirty.add(item)
            if wrote is None:
                # That of the call, not to be changed: most units write once.
                unit.wrote = writes
            elif isinstance(wrote, set):
                wrote.update(writes)
            else:
                unit.wrote = {*wrote, *writes}

    def _add_late(self, line: int, event: UnitEvent) -> None:
        """A call that ended after its unit had: it is judged as a unit of its own."""
        since = event.since if isinstance(event.since, int) else event.seq - 1
        unit = Unit(f"{event.reply} (late)", since, event.session)
        self._add(unit, line, event, event.seq - 1)
        unit.closed, unit.outcome, unit.end = event.seq, "returned", line
        self._closed.append(unit)
        if event.writes:
            items = ", ".join(shown(item) for item in event.writes)
            said = f"{event.reply} had ended, and then {items} was still written for it"
            text = f"{event.reply} had ended, and its call {event.call or 'of old'} wrote {items}"
            sure = event.outcome == "ok"
            self._verdict.note(
                "NoLateWrite", Found(plainly(said, f"{text} (line {line})"), (unit,), sure)
            )

    def _end_writes(self, unit: Unit, event: UnitEvent) -> None:
        """A unit keeps what it wrote since it last did so, or takes it back."""
        self._exact = self._exact and event.since is UNSET
        since = event.since if isinstance(event.since, int) else event.seq - 1
        pending = [call for call in unit.calls[unit.saved :] if call.writes]
        unit.saved = len(unit.calls)
        for call in pending:
            if event.outcome != "ok":
                call.certain = False
            elif event.action is UnitAction.Undo:
                # Where versions are observed, who read what was undone had it before.
                call.undone = (OPEN, OPEN) if self._observed else (since, event.seq)
                self._dirty.update(call.writes)
        if event.outcome == "ok" and event.action is UnitAction.Save:
            unit.commits += 1

    def _look_back(self, call: Call, item: str, version: int, touched: Touched) -> None:
        """An exact read of an older version: find where on the object's line it stands."""
        start, writes = self._start.get(item, 0), touched.writes
        if version <= start and touched.gone <= start:
            for known in (version, version + 1):
                if 0 < known <= start:
                    self._invent(item, known, touched)
            at = version - start, version - start
        elif version >= touched.gone and (found := made(writes, item, version)) is not None:
            exact = found.since == found.seq - 1
            at = found.seq if exact else found.since, found.seq
        else:
            self._verdict.note_forgotten(call, item, late=call.unit.opened > touched.until)
            return
        call.looked = {**(call.looked or {}), item: at}
        self._looked.append(call)

    def _invent(self, item: str, version: int, touched: Touched) -> None:
        """Make the unit that wrote a version before the recording began."""
        at = version - self._start[item]
        if any(call.seq == at for call in touched.calls[: self._start[item] + 1]):
            return
        unit = Unit("someone before the recording", -OPEN, closed=at, outcome="returned")
        unit.kept = unit.settled = True
        unit.calls.append(Call(unit, at, 1, at - 1, True, {}, {item: version}, ""))
        insort(touched.calls, unit.calls[0], key=lambda call: call.seq)
        insort(self._closed, unit, key=lambda other: other.closed)

    def _close(self, unit: Unit, line: int, event: UnitEvent) -> None:
        unit.closed, unit.outcome, unit.end = event.seq, event.outcome, line
        unit.error = event.error or ""
        self._verdict.outcomes[event.outcome] += 1
        if event.outcome != "returned":
            self._judge_failed(unit)
        if (self._looked or self._observed) and unit.committed:
            missed = own_write_missed(unit)
            if missed is not None:
                self._verdict.note("ReadsOwnWrites", missed)
        self._closed.append(unit)
        if len(self._closed) >= self._settle_at:
            self._settle()

    def _judge_failed(self, unit: Unit) -> None:
        """A unit failed: did it leave a part of what it wrote?"""
        pending = [call for call in unit.calls[unit.saved :] if call.writes]
        if self._commits and self._observed:
            self._dirty.update(*(call.writes for call in unit.calls))
            if not unit.commits:
                return
        elif self._commits:
            # Nothing of it stays that was not committed.
            for call in pending:
                call.undone = unit.closed - 1, unit.closed
        wrote = [call for call in unit.calls if call.writes and not call.undone]
        undone = [call for call in unit.calls if call.writes and call.undone]
        if wrote or undone:
            self._dirty.update(*(call.writes for call in unit.calls))
        if not wrote or (unit.commits and not undone and not pending):
            return
        left = [call for call in wrote if call.certain] or wrote
        certain = left[0].certain
        done, items = _told(left)
        verb = "had written" if certain else "may have written"
        text = f"{unit.name} {unit.ended} and {verb} {done}"
        if undone:
            text = f"{text}, and not {_told(undone)[0]}, which was taken back"
        error = f" ({unit.error})" if unit.error else ""
        said = f"{unit.name} failed{error} and {'left' if certain else 'may have left'} {items}"
        said = f"{said} behind" if not undone else f"{said}, but not {_told(undone)[1]}"
        self._verdict.note("AllOrNothing", Found(plainly(said, text), (unit,), sure=certain))

    def _settle(self, *, at_the_end: bool = False) -> None:
        """Judge the units that no open unit can be on a cycle with any more."""
        first = next((unit.opened for unit in self._open.values()), OPEN)
        oldest = OPEN if at_the_end else first
        if self._exact and not at_the_end:
            # Who has done nothing yet will do nothing before what follows.
            begun = (unit.calls[0].since for unit in self._open.values() if unit.calls)
            oldest = min(begun, default=OPEN)
        if not self._observed:
            self._judge_values(oldest)
        elif gaps := fill_gaps(self._touched, self._start):
            self._closed += gaps
            self._verdict.notices.append(
                f"{len(gaps):,} versions were written by no recorded call: what else their writers "
                "did is not judged"
            )
        self._verdict.most = max(self._verdict.most, len(self._closed) + len(self._open))
        ready = bisect_left(self._closed, oldest, key=lambda unit: unit.closed)
        if not at_the_end and (not ready or self._closed[ready - 1].settled):
            # No unit has ended before all that are open but those that are judged.
            self._settle_at = max(3 * self._keep, 2 * len(self._closed))
            return
        blocks = list(merged(self._spans(at_the_end)))
        wait = min([oldest, *(low for low, high in blocks if high >= oldest)])
        known = self._judge_reads(wait, first)
        ends = [unit.closed for unit in self._closed]
        for low, high in blocks:
            if high < wait:
                units = self._closed[bisect_left(ends, low) : bisect_right(ends, high)]
                if not all(unit.settled for unit in units):
                    judge_block(self._verdict, Block(units, known), self._spare, self._clock)
        for unit in self._closed[: bisect_left(ends, wait)]:
            unit.settled = True
        if not at_the_end:
            self._forget(bisect_left(ends, wait), oldest)

    def _spans(self, at_the_end: bool) -> Iterator[tuple[int, int]]:
        if self._observed:
            # Versions say nothing of time: all units are one block.
            return iter([(self._closed[0].closed, OPEN - 1)] if self._closed else [])
        open_units = bool(self._open) and not at_the_end
        return spans(self._touched, self._looked, self._start, open_units=open_units)

    def _add_values(self, call: Call, event: UnitEvent) -> None:
        for item, words in event.saw.items() if event.saw is not UNSET else ():
            if item in event.reads:
                self._values_of(item).saw.append((call, words))
        for item, words in event.gave.items() if event.gave is not UNSET else ():
            if item in event.writes:
                self._values_of(item).note(event.writes[item], words)

    def _values_of(self, item: str) -> Values:
        known = self._values.get(item)
        if known is None:
            known = self._values[item] = Values(self._start.get(item, 0))
        return known

    def _judge_values(self, oldest: int) -> None:
        """Compare what reads returned with what was given, where all that overlapped has ended."""
        for item, values in self._values.items():
            touched = self._touched[item]
            for name, call, found, version in values.compare(item, touched.writes, oldest):
                if version is not None:
                    call.reads = {**call.reads, item: version}
                    self._look_back(call, item, version, touched)
                self._verdict.note(name, found)

    def _judge_reads(self, wait: int, haze: int) -> Made:
        """Judge what reads found, of the objects where that may matter; return their accesses."""
        all_made: Made = {}
        for item in self._dirty:
            calls: Sequence[Call] = self._touched[item].calls
            if not (self._looked or self._observed):
                calls = disturbed(self._touched[item], item)
            if not calls:
                continue
            made = all_made[item] = {call: accesses(call, item) for call in calls}
            found = [access for both in made.values() for access in both]
            found.sort(key=order_of)
            line = Line(found)
            line.mark_hidden()
            reads = [
                access
                for access in found
                if access.hi > line.dirty_from and access.sure and not access.write
                if access.unit.closed < wait and not access.unit.settled
            ]
            told: set[tuple[str, Unit, bool]] = set()
            for name, one in dirty_reads(line, reads, haze):
                if (name, one.units[0], one.sure) not in told:
                    told.add((name, one.units[0], one.sure))
                    self._verdict.note(name, one)
        return all_made

    def _forget(self, waiting: int, oldest: int) -> None:
        """Keep the units that wait, the last ones that are judged, and who wrote what objects held
        when what waits, or begins after event `oldest`, may have read them.
        """
        first = max(0, waiting - self._keep)
        bound = self._closed[first].closed if first < len(self._closed) else OPEN
        # By object when the first call began that is not judged.
        begun: dict[str, int] = {}
        for unit in chain(self._closed[waiting:], self._open.values()):
            for call in unit.calls:
                for item in chain(call.reads, call.writes):
                    begun[item] = min(begun.get(item, oldest), call.since)
        for item, touched in self._touched.items():
            calls, writes = touched.calls, touched.writes
            at = bisect_right(writes, begun.get(item, oldest), key=_seq)
            held = (writes[k] for k in range(at - 1, -1, -1))
            floor = next((call.since for call in held if call.counts and not call.appends), 0)
            touched.calls = _without(calls, bound, floor)
            if len(touched.calls) < len(calls):
                touched.writes = _without(writes, bound, floor)
                for call in writes[: bisect_left(writes, bound, key=_seq)]:
                    if call.unit.closed < bound:
                        touched.gone = max(touched.gone, call.writes[item])
                        touched.until = max(touched.until, call.unit.closed)
        for unit in self._closed[:first]:
            # Units and their calls know each other: let go of here, nothing is left to collect.
            unit.calls.clear()
        self._closed = self._closed[first:]
        self._looked = [call for call in self._looked if call.unit.closed >= bound]
        self._settle_at = max(3 * self._keep, 2 * len(self._closed))


def _without(calls: list[Call], bound: int, floor: int) -> list[Call]:
    """Leave those out up to event `floor` whose units had ended before `bound`."""
    end = min(bisect_left(calls, bound, key=_seq), bisect_right(calls, floor, key=_seq))
    return [call for call in calls[:end] if call.unit.closed >= bound] + calls[end:]


def _told(calls: Sequence[Call]) -> tuple[str, str]:
    """What some calls wrote: with versions and lines, and the objects alone."""
    done = ", ".join(
        f"{shown(item)} v{version} (line {call.line})"
        for call in calls
        for item, version in call.writes.items()
    )
    return done, ", ".join(dict.fromkeys(shown(item) for call in calls for item in call.writes))
