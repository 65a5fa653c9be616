"""Trace files, judged by one engine or by both, against what their disciplines promise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from model.claims import FALLS, FALLS_WITH_FAULTS, Claims
from model.native import Checker, Outcome
from model.trace_reader import TraceReader, open_trace
from model.traces import TraceError
from model.tracetlc import Recorded, Recording, TlcVerdict, judge, record

Engine = Literal["native", "tlc", "both"]
UNDISTURBED: Final = frozenset({"returned"})


@dataclass(slots=True)
class Report:
    """What was found about one file; ``error`` when it is not a trace, and then nothing else."""

    name: str
    discipline: str = ""
    native: Outcome | None = None
    tlc: TlcVerdict | None = None
    error: TraceError | None = None

    @property
    def accepted(self) -> bool:
        return all(verdict is None or verdict.accepted for verdict in (self.native, self.tlc))

    @property
    def broken(self) -> frozenset[str]:
        """The properties that fell, according to any engine that was asked."""
        native = frozenset(self.native.violations) if self.native else frozenset()
        return native | (self.tlc.broken if self.tlc else frozenset())

    def disagreement(self) -> str | None:
        """Tell how the two engines differ: an error of ours. None when they agree."""
        if self.native is None or self.tlc is None:
            return None
        rejection = self.native.rejection
        mine = (
            rejection.kind if rejection else "accepted",
            rejection.line if rejection else None,
            sorted(self.native.violations),
        )
        reference = (self.tlc.kind, self.tlc.line, sorted(self.tlc.broken))
        if mine == reference:
            return None
        return f"native says {_said(*mine)}; TLC says {_said(*reference)}"

    def finding(self, permitted: Collection[str]) -> bool:
        """Tell whether the trace is no behaviour, or breaks more than it is permitted to."""
        surplus = self.broken - frozenset(permitted)
        return not self.accepted or bool(surplus) or self.disagreement() is not None


def expected_to_break(claims: Claims, report: Report) -> frozenset[str]:
    """Return the properties that a trace of this discipline may break, by the claims.

    What falls only with faults may fall only in a trace in which a reply was disturbed; an engine
    that does not tell how replies ended (TLC alone) leaves that open.
    """
    kinds = [FALLS]
    if report.native is None or set(report.native.outcomes) - UNDISTURBED:
        kinds.append(FALLS_WITH_FAULTS)
    return frozenset(claims.titles(report.discipline, *kinds)) if report.discipline else frozenset()


def _said(kind: str, line: int | None, broken: list[str]) -> str:
    verdict = "accepted" if line is None else f"rejected at line {line} ({kind})"
    return f"{verdict}, broken: {', '.join(broken) or 'nothing'}"


def validate(paths: Sequence[str | Path], engine: Engine = "native") -> list[Report]:
    """Judge trace files; those that TLC is asked about are judged in one batch.

    A file that is not a trace gets a report with its error.  Raises the errors of ``model.tlc`` and
    EngineError when TLC cannot be run.
    """
    reports: list[Report] = []
    batch: list[tuple[Report, Recorded]] = []
    for path in paths:
        report = Report(str(path))
        reports.append(report)
        try:
            with open_trace(path) as trace:
                report.name = trace.name
                report.discipline = trace.header.discipline
                if engine == "tlc":
                    batch.append((report, record(trace)))
                else:
                    report.native, recorded = run_native(trace, keep=engine == "both")
                    if recorded is not None:
                        batch.append((report, recorded))
        except TraceError as error:
            report.native = None
            report.error = error
    if batch:
        for (report, _), verdict in zip(batch, judge([r for _, r in batch]), strict=True):
            report.tlc = verdict
    return reports


def run_native(trace: TraceReader, *, keep: bool) -> tuple[Outcome, Recorded | None]:
    """Check a trace, and keep its lines for TLC if asked: a stream can be read only once.

    TLC is given the lines up to the one that is refused, and has to refuse the same.
    """
    checker = Checker(trace.header)
    recording = Recording(trace.name, trace.header) if keep else None
    rejection = None
    for line in trace:
        if recording is not None:
            recording.add(line)
        rejection = checker.feed(line)
        if rejection is not None:
            break
    outcome = checker.outcome(trace.name, trace.notices, rejection)
    return outcome, recording.recorded() if recording is not None else None
