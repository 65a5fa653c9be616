"""The judge of traces of units: which properties fell, for sure or possibly.

It takes one line after the other and keeps the units that are open, and those that a unit that is
open can still be on a cycle with.  Each property is judged when a unit closes.  "Broken" does not
depend on when inside their intervals the calls acted; "undecided" does, and is never called valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from leo.instrument_log import UnitAction, UnitEvent
from model.trace_lines import Lines
from model.units_calls import Call, Unit, call_of, dependencies
from model.units_graph import possible_cycle, reached, sure_cycle
from model.units_patterns import Found, lost_updates, torn_reads, unstable_reads
from model.units_reader import UnitsReader, lines_of

PROPERTIES = ("Serializable", "NoLostUpdate", "StableRead", "NoTornRead", "AllOrNothing")
# The units that are done with are looked for after so many have closed.
SWEEP = 64


@dataclass(slots=True)
class Finding:
    """A property that fell, or may have: where first, why, and how often.

    ``units`` are the units concerned, ``steps`` their calls as (line, unit, action, what).
    """

    property: str
    line: int
    witness: tuple[str, ...]
    units: tuple[str, ...]
    steps: tuple[tuple[int, str, str, str], ...]
    count: int = 1


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
        return not self.broken and not self.undecided


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
        self._open: dict[str, Unit] = {}
        self._closed: list[Unit] = []
        self._sweep_at = SWEEP
        # The calls that are kept, by the objects that they touched.
        self._touched: dict[str, list[Call]] = {}
        # The newest version of each object whose writer is forgotten.
        self._forgotten: dict[str, int] = {}

    def feed(self, line: int, event: UnitEvent) -> None:
        """Take one event that `model.units_reader` has checked."""
        said, action = self._verdict, event.action
        said.events += 1
        if action is UnitAction.Open:
            self._open[event.reply] = Unit(event.reply, event.seq)
            said.units += 1
        elif action is UnitAction.Close:
            self._close(self._open.pop(event.reply), line, event)
        else:
            said.calls += 1
            self._add(self._open[event.reply], line, event)

    def verdict(self, notices: Iterable[str] = ()) -> UnitsVerdict:
        """Sum up the events so far."""
        said = self._verdict
        said.open = len(self._open)
        said.notices = list(notices)
        for unit in self._open.values():
            wrote = [call for call in unit.calls if call.writes]
            if wrote:
                text = f"{unit.name} wrote and had not ended when the recording was closed"
                self._note("AllOrNothing", wrote[-1].line, Found((text,), (unit,), sure=False))
        return said

    def _add(self, unit: Unit, line: int, event: UnitEvent) -> None:
        call = call_of(unit, event, line)
        unit.calls.append(call)
        for item in {**call.reads, **call.writes}:
            near = self._touched.setdefault(item, [])
            _connect(call, near, item)
            near.append(call)
            gone = self._forgotten.get(item, 0)
            if call.exact and call.reads.get(item, gone) < gone:
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
        else:
            self._judge_failed(unit, line)
        for found in torn_reads(unit):
            self._note("NoTornRead", line, found)
        self._closed.append(unit)
        if len(self._closed) >= self._sweep_at:
            self._sweep()

    def _judge_order(self, unit: Unit, line: int) -> None:
        sure = sure_cycle(unit)
        path = sure or possible_cycle(unit)
        if path:
            units = tuple(dict.fromkeys(edge.source.unit for edge in path))
            told = tuple(edge.tell() for edge in path)
            self._note("Serializable", line, Found(told, units, sure=bool(sure)))
        for found in lost_updates(unit):
            self._note("NoLostUpdate", line, found)
        for found in unstable_reads(unit):
            self._note("StableRead", line, found)

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
        if known is not None:
            known.count += 1
            return
        calls = sorted(
            (call for unit in found.units for call in unit.calls), key=lambda call: call.seq
        )
        steps = tuple(_step(call) for call in calls)
        units = tuple(unit.name for unit in found.units)
        findings[name] = Finding(name, line, found.witness, units, steps)

    def _sweep(self) -> None:
        """Forget the units that no unit now open, or to come, can be on a cycle with.

        New dependencies of a unit that has ended lead away from it, unless the other unit was open
        with it.  So a unit matters as long as one that was open with it is open, or something
        that so matters reaches it.
        """
        self._verdict.most = max(self._verdict.most, len(self._closed) + len(self._open))
        oldest = min((unit.opened for unit in self._open.values()), default=None)
        late = [u for u in self._closed if oldest is not None and u.closed > oldest]
        kept = reached([*self._open.values(), *late])
        for unit in self._closed:
            if unit not in kept:
                for call in unit.calls:
                    for item, version in call.writes.items():
                        self._forgotten[item] = max(version, self._forgotten.get(item, 0))
        self._closed = [unit for unit in self._closed if unit in kept]
        for item, near in list(self._touched.items()):
            stay = [call for call in near if call.unit in kept]
            if stay:
                self._touched[item] = stay
            else:
                del self._touched[item]
        for unit in kept:
            for call in unit.calls:
                call.into = [edge for edge in call.into if edge.source.unit in kept]
        self._sweep_at = max(SWEEP, 2 * len(self._closed))


def _connect(call: Call, near: list[Call], item: str) -> None:
    """Add the dependencies of a new call and those before it that touched the same object.

    What lies behind a write of a unit that returned before this one opened is reached through that
    write, and gets no dependency of its own.
    """
    opened, wall = call.unit.opened, 0
    for earlier in reversed(near):
        other = earlier.unit
        past = 0 < other.closed < opened
        if other is call.unit or (past and earlier.seq <= wall):
            continue
        for edge in dependencies(earlier, call, item):
            edge.source.out.append(edge)
            edge.target.into.append(edge)
        version = earlier.writes.get(item)
        if past and other.committed and earlier.certain and version is not None:
            stale = call.exact and call.reads.get(item, version) < version
            wall = wall if stale else max(wall, earlier.since)


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
