"""The judge of traces of units: which properties fell, for sure or possibly.

It takes one line after the other and keeps the units that are open, and those that a unit that is
open can still be on a cycle with.  Each property is judged when a unit closes; what its reads
found, when the units that were open beside it have closed as well.  "Broken" does not depend on
when inside their intervals the calls acted; "undecided" does, and is never called valid.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from leo.trace.lines import Lines
from leo.units import order as units_order
from leo.units.anomalies import G_SINGLE, RW, name_of
from leo.units.calls import Call, Unit, call_of
from leo.units.graph import Cycle, possible_cycle, sure_cycle
from leo.units.kept import Kept
from leo.units.log import UnitAction, UnitEvent
from leo.units.patterns import Found, lost_update, lost_updates, torn_reads, unstable_reads
from leo.units.reader import UnitsReader, lines_of
from leo.units.reads import judge_reads

PROPERTIES = (
    "Serializable", "StrictlySerializable", "NoLostUpdate", "StableRead", "NoTornRead",
    "NoAbortedRead", "NoIntermediateRead", "AllOrNothing",
)  # fmt: skip
# The units that are done with are looked for after so many have closed.
SWEEP = 64


@dataclass(slots=True)
class Finding:
    """A property that fell, or may have: where first, why, and how often.

    ``units`` are the units concerned, ``steps`` their calls as (line, unit, action, what).
    ``anomaly`` is the name of the first (``leo.units.anomalies``), or empty; ``anomalies`` counts
    the names of all.
    """

    property: str
    line: int
    witness: tuple[str, ...]
    units: tuple[str, ...]
    steps: tuple[tuple[int, str, str, str], ...]
    count: int = 1
    anomaly: str = ""
    anomalies: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class UnitsVerdict:
    """What was found about one trace. ``outcomes`` counts how units ended, ``open`` those that did
    not; ``closed`` tells whether the recording has its end; ``most`` is the largest number of units
    that were kept at a time.
    """

    name: str
    run: str
    events: int = 0
    units: int = 0
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    open: int = 0
    closed: bool = False
    most: int = 0
    broken: dict[str, Finding] = field(default_factory=dict)
    undecided: dict[str, Finding] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing fell and nothing is undecided, as it is where there was nothing to judge."""
        return bool(self.events) and not self.broken and not self.undecided


def judge_lines(lines: Lines, *, torn: bool = False) -> UnitsVerdict:
    """Judge a trace of units; ``torn`` leaves out a last line that was cut. Raises TraceError when
    it is none.
    """
    reader = UnitsReader(lines, torn=torn)
    judge = UnitsJudge(reader.name, reader.header.run)
    for line in reader:
        judge.feed(line.number, line.event)
    verdict = judge.verdict(reader.notices)
    verdict.closed = reader.closed
    return verdict


def judge_bytes(data: bytes) -> UnitsVerdict:
    """Judge a recording that is in memory (``Recording.ndjson()``). Raises TraceError."""
    return judge_lines(lines_of(data))


class UnitsJudge:
    """Takes the checked events of one trace."""

    def __init__(self, name: str, run: str) -> None:
        self._verdict = UnitsVerdict(name, run)
        self._kept = Kept(SWEEP)
        # Units that returned, in that order, before it is known what their reads found.
        self._unsettled: deque[Unit] = deque()

    def feed(self, line: int, event: UnitEvent) -> None:
        """Take one event that `leo.units.reader` has checked."""
        said, action, units = self._verdict, event.action, self._kept.open
        said.events += 1
        if action is UnitAction.Open:
            units[event.reply] = Unit(event.reply, event.seq)
            said.units += 1
        elif action is UnitAction.Close:
            self._close(units.pop(event.reply), line, event)
        else:
            said.calls += 1
            self._add(units[event.reply], line, event)

    def verdict(self, notices: Iterable[str] = ()) -> UnitsVerdict:
        """Sum up the events so far."""
        said, units = self._verdict, self._kept.open
        said.open, said.most = len(units), self._kept.most
        said.notices = list(notices)
        for unit in units.values():
            wrote = [call for call in unit.calls if call.writes]
            if wrote:
                text = f"{unit.name} wrote and had not ended when the recording was closed"
                self._note("AllOrNothing", wrote[-1].line, Found((text,), (unit,), sure=False))
        self._settle(at_the_end=True)
        return said

    def _add(self, unit: Unit, line: int, event: UnitEvent) -> None:
        call = call_of(unit, event, line)
        unit.calls.append(call)
        for item in self._kept.add(call):
            text = (
                f"{unit.name} read {item} v{call.reads[item]} (line {line}), which units "
                "overwrote that had ended before it opened, and which are forgotten"
            )
            self._note("Serializable", line, Found((text,), (unit,), sure=False))

    def _close(self, unit: Unit, line: int, event: UnitEvent) -> None:
        unit.closed, unit.outcome = event.seq, event.outcome
        said = self._verdict
        said.outcomes[event.outcome] += 1
        if unit.committed:
            self._judge_order(unit, line)
            self._unsettled.append(unit)
        else:
            self._judge_failed(unit, line)
        for found in torn_reads(unit):
            self._note("NoTornRead", line, found)
        self._settle()
        self._kept.close(unit)

    def _settle(self, *, at_the_end: bool = False) -> None:
        """Judge the reads of the units beside which none is open any more."""
        oldest, waiting = self._kept.oldest, self._unsettled
        while waiting and (oldest is None or waiting[0].closed < oldest or at_the_end):
            unit = waiting.popleft()
            for name, found in judge_reads(unit, unit.closed if oldest is None else oldest):
                line = max(other.closed for other in found.units) + 1
                self._note(name, line, found)

    def _judge_order(self, unit: Unit, line: int) -> None:
        sure = sure_cycle(unit)
        path = sure or possible_cycle(unit)
        if path:
            self._note("Serializable", line, _named(path, sure=bool(sure)))
        if not sure:
            # A cycle of dependencies alone says it already.
            known = units_order.sure_path(unit)
            path = known or (() if path else self._possible_path(unit))
            if path:
                units = (path[0].source.unit, *(edge.target.unit for edge in path))
                found = Found(units_order.tell(path), tuple(dict.fromkeys(units)), bool(known))
                self._note("StrictlySerializable", line, found)
        for found in lost_updates(unit):
            self._note("NoLostUpdate", line, found)
        for found in unstable_reads(unit):
            self._note("StableRead", line, found)

    def _possible_path(self, unit: Unit) -> units_order.Path:
        # Where no time runs backwards, nothing leads to a unit that had returned before.
        if not self._kept.turns_back:
            return ()
        return units_order.possible_path(unit, self._kept.closed_after)

    def _judge_failed(self, unit: Unit, line: int) -> None:
        wrote = [call for call in unit.calls if call.writes]
        certain = [call for call in wrote if call.certain]
        if not wrote:
            return
        done = ", ".join(
            f"{item} v{version} (line {call.line})"
            for call in certain or wrote
            for item, version in call.writes.items()
        )
        verb = "had written" if certain else "may have written"
        text = f"{unit.name} was {unit.outcome} (line {line}) and {verb} {done}"
        if unit.outcome == "raised":
            text = text.replace(" was raised", " raised")
        self._note("AllOrNothing", line, Found((text,), (unit,), sure=bool(certain)))

    def _note(self, name: str, line: int, found: Found) -> None:
        findings = self._verdict.broken if found.sure else self._verdict.undecided
        known = findings.get(name)
        if known is None:
            calls = sorted(
                (call for unit in found.units for call in unit.calls), key=lambda call: call.seq
            )
            steps = tuple(_step(call) for call in calls)
            units = tuple(unit.name for unit in found.units)
            known = Finding(name, line, found.witness, units, steps, 0, found.name)
            findings[name] = known
        known.count += 1
        if found.name:
            known.anomalies[found.name] += 1


def _named(path: Cycle, *, sure: bool) -> Found:
    """A cycle with its name: a lost update if it is one, with the two edges that make it one."""
    units = tuple(dict.fromkeys(edge.source.unit for edge in path))
    name = name_of([edge.kind for edge in path])
    if sure and name == G_SINGLE and len(units) == 2:
        reader = next(edge.source.unit for edge in path if edge.kind == RW)
        writer = units[0] if reader is units[1] else units[1]
        lost = lost_update(reader, writer)
        if lost is not None:
            return lost
    return Found(tuple(edge.tell() for edge in path), units, sure, name)


def _step(call: Call) -> tuple[int, str, str, str]:
    """Return a row for a call. Lines are events and the header, so event n is on line n + 1."""
    told = [
        f"{verb} {', '.join(f'{item} v{version}' for item, version in versions.items())}"
        for verb, versions in (("reads", call.reads), ("writes", call.writes))
        if versions
    ]
    if call.since < call.seq - 1:
        told.append(f"(began after line {call.since + 1})")
    if not call.certain:
        told.append("(failed: perhaps not done)")
    return call.line, call.unit.name, call.method or "call", " ".join(told)
