"""The verdict on a trace of units: findings, and the strongest isolation level that holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import attrgetter
from typing import Final

from leo.errors import LeoError
from leo.trace.words import nearest
from leo.units.anomalies import ALSO, FORBIDDEN_FROM, LEVELS, NAMES
from leo.units.calls import Call, Unit, shown
from leo.units.patterns import Found, plainly

# The properties, those first that a weak level already forbids to break; and that level.
WEAKEST: Final = {
    "AllOrNothing": "read-uncommitted",
    "NoLateWrite": "read-uncommitted",
    "ReadsWhatWasWritten": "read-uncommitted",
    "NoAbortedRead": "read-committed",
    "NoIntermediateRead": "read-committed",
    "ReadsOwnWrites": "read-atomic",
    "NoTornRead": "read-atomic",
    "StableRead": "read-atomic",
    "NoLostUpdate": "snapshot-isolation",
    "Serializable": "serializable",
    "StrictlySerializable": "strict-serializable",
}
PROPERTIES: Final = tuple(WEAKEST)
# The calls of more units are not told one by one.
LANES: Final = 3
FORGOTTEN: Final = "are forgotten"


@dataclass(slots=True)
class Case:
    """One way in which a property fell: where first, what happened, and how often.

    `anomaly` is its name in the literature or empty. `units` are the units concerned, `steps` their
    calls as (line, unit, action, what) when these are few. `overlapped`: it is not sure, because
    other events came between the beginning and the end of one of these calls, and at which moment
    between them the call acted is not known.
    """

    broke: str
    anomaly: str
    sure: bool
    line: int
    said: str
    witness: tuple[str, ...]
    units: tuple[str, ...]
    steps: tuple[tuple[int, str, str, str], ...]
    overlapped: bool = False
    count: int = 0

    @property
    def level(self) -> str:
        """The weakest level that forbids it."""
        return FORBIDDEN_FROM[self.anomaly] if self.anomaly else WEAKEST[self.broke]


@dataclass(slots=True)
class Finding:
    """A property that is broken or undecided, with one case for each anomaly that it fell by.
    Iterating gives the gravest case first.
    """

    name: str
    cases: dict[str, Case] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Case]:
        # What has none of these names comes after them.
        ranks = {name: k for k, name in enumerate(NAMES)}
        last = len(NAMES)
        return iter(sorted(self.cases.values(), key=lambda case: ranks.get(case.anomaly, last)))

    @property
    def first(self) -> Case:
        return next(iter(self))

    @property
    def count(self) -> int:
        return sum(case.count for case in self.cases.values())

    @property
    def weakest(self) -> int:
        """The number of the weakest level that forbids one of the cases."""
        return min(LEVELS.index(case.level) for case in self)

    @property
    def anomalies(self) -> Counter[str]:
        return Counter({name: case.count for name, case in self.cases.items() if name})


@dataclass(frozen=True, slots=True)
class Promise:
    """What a program promises: a level, but for some properties. Raises LeoError for a level or a
    property that there is not.
    """

    level: str = LEVELS[-1]
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for word, known, what in (
            (self.level, (*LEVELS, *ALSO), "level"),
            *((name, PROPERTIES, "property of units") for name in sorted(self.without)),
        ):
            if word not in known:
                raise LeoError(
                    f"{word!r} is no {what}{nearest(word, known)}; expected one of "
                    f"{', '.join(known)}"
                )

    def permits(self, case: Case) -> bool:
        """It says nothing against what was found."""
        most = LEVELS.index(ALSO.get(self.level, self.level))
        return LEVELS.index(case.level) > most or case.broke in self.without


@dataclass(slots=True)
class UnitsVerdict:
    """What was found about one trace. `outcomes` counts how units ended, `open` those that did
    not; `closed` tells whether the recording has its end; `most` is the largest number of units
    that were kept at a time. `values`: what reads returned was recorded and compared.
    `cut` says why the judge stopped before the end. `news` is told of each case when it is found.

    A property that is broken is not listed as undecided.
    """

    name: str
    run: str
    values: bool = False
    events: int = 0
    units: int = 0
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    open: int = 0
    closed: bool = False
    most: int = 0
    broken: dict[str, Finding] = field(default_factory=dict)
    doubtful: dict[str, Finding] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    promise: Promise = field(default_factory=Promise)
    cut: str = ""
    news: Callable[[Case], object] | None = None

    @property
    def undecided(self) -> dict[str, Finding]:
        return {name: found for name, found in self.doubtful.items() if name not in self.broken}

    @property
    def clean(self) -> bool:
        """Nothing fell and nothing is undecided, as it is where there was nothing to judge."""
        return bool(self.events) and not (self.broken or self.undecided or self.cut)

    def cases(self, *, sure: bool) -> Iterator[Case]:
        """The cases of what is broken, or of what is undecided, in the order of the properties."""
        findings = self.broken if sure else self.undecided
        for name in PROPERTIES:
            if name in findings:
                yield from findings[name]

    def level(self, *, sure: bool) -> str:
        """The strongest level that nothing found forbids; with `sure` nothing undecided either.

        It is empty where not even the weakest one holds.
        """
        cases = [*self.cases(sure=True), *(self.cases(sure=False) if sure else ())]
        lowest = min((LEVELS.index(case.level) for case in cases), default=len(LEVELS))
        return LEVELS[lowest - 1] if lowest else ""

    def rank(self) -> tuple[int, int]:
        """How strong a level holds, for sure and perhaps, to compare it with that of another."""
        known = ("", *LEVELS)
        return known.index(self.level(sure=True)), known.index(self.level(sure=False))

    def permitted(self) -> set[str]:
        """The properties that fell, or may have, all within what was promised."""
        fell = {*self.broken, *self.undecided}
        cases = [*self.cases(sure=True), *self.cases(sure=False)]
        return fell - {case.broke for case in cases if not self.promise.permits(case)}

    def again(self, name: str, anomaly: str) -> bool:
        """Count one more of a sure case, if one of its name is known."""
        finding = self.broken.get(name)
        case = None if finding is None else finding.cases.get(anomaly)
        if case is None:
            return False
        case.count += 1
        return True

    def note(self, name: str, found: Found) -> None:
        """Count a finding; keep the first of its name."""
        findings = self.broken if found.sure else self.doubtful
        finding = findings.get(name)
        if finding is None:
            finding = findings[name] = Finding(name)
        cases = finding.cases
        case = cases.get(found.name)
        if case is None:
            closed = [unit.end for unit in found.units if unit.outcome]
            last = [unit.calls[-1].line for unit in found.units if not unit.outcome and unit.calls]
            line = max([*closed, *last], default=1)
            case = cases[found.name] = Case(
                name,
                found.name,
                found.sure,
                line,
                *found.tell(),
                tuple(unit.name for unit in found.units),
                tuple(_steps(found.units)) if len(found.units) <= LANES else (),
                # `overlapped`, see `Case`.
                not found.sure
                and any(call.since < call.seq - 1 for unit in found.units for call in unit.calls),
            )
            if self.news is not None:
                self.news(case)
        case.count += 1

    def doubt(self, name: str) -> None:
        """Call a property undecided that was found broken."""
        for case in self.broken.pop(name, Finding(name)):
            case.sure = False
            self.doubtful.setdefault(name, Finding(name)).cases[case.anomaly] = case

    def compare(self, other: UnitsVerdict) -> None:
        """Combine with the verdict on the same history in another order of its lines. What only
        this one finds broken becomes undecided. Where both find it broken, the finding is kept that
        a stronger level forbids: the other order shows that no graver one is sure.
        """
        for name in [*self.broken]:
            if name not in other.broken:
                self.doubt(name)
            elif other.broken[name].weakest > self.broken[name].weakest:
                self.broken[name] = other.broken[name]

    def note_forgotten(self, call: Call, item: str, *, late: bool) -> None:
        """A read of a version that units overwrote of which only the newest is known; `late`: all
        had ended before the unit that reads opened.
        """
        unit, version = call.unit, call.reads[item]
        text = (
            f"{unit.name} read {shown(item)} v{version} (line {call.line}), which units overwrote "
            f"that ended long before and {FORGOTTEN}"
        )
        said = f"{unit.name} read {shown(item)} v{version}, long after it was overwritten"
        self.note("StrictlySerializable", Found(plainly(said, text), (unit,), sure=late))
        self.note("Serializable", Found(plainly(said, text), (unit,), sure=False))

    def note_unsearched(self, name: str, units: Sequence[Unit]) -> None:
        """More calls overlapped than were looked through."""
        lines = [line for unit in units if not unit.kept for line in (unit.begin, unit.end)]
        text = (
            f"{len(units):,} units overlapped (lines {min(lines)} to {max(lines)}): "
            "too many to try every order of their calls"
        )
        self.note(name, Found(plainly(text), (), sure=False))


def _steps(units: Sequence[Unit]) -> Iterator[tuple[int, str, str, str]]:
    """Yield a row for each call."""
    calls = (call for unit in units for call in unit.calls)
    for call in nsmallest(200, calls, key=attrgetter("seq")):
        told = [
            f"{verb} {', '.join(f'{shown(item)} v{number}' for item, number in versions.items())}"
            for verb, versions in (
                ("reads", call.reads),
                ("appends" if call.appends else "writes", call.writes),
            )
            if versions
        ]
        if call.since < call.seq - 1:
            told.append(f"(began after line {call.since + 1})")
        if not call.certain:
            told.append("(failed: perhaps not done)")
        if not call.unit.kept:
            yield call.line, call.unit.name, call.method or "call", " ".join(told)
