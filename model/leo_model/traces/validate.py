"""Judges trace files, by one engine or by both, against what their disciplines promise.

With `--follow` a file may still grow: it is read until its writers close it, or the user stops.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from leo.errors import TraceError
from leo.trace.lines import GZIP_MAGIC, Lines, open_stream
from leo.trace.words import NO_EVENTS
from leo.units import (
    History,
    Peeked,
    Promise,
    UnitsReader,
    UnitsVerdict,
    Watching,
    history_of,
    is_history,
    is_units,
    judge_merged,
    judge_reader,
)
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, Claims
from leo_model.traces.events import NOTHING, Line
from leo_model.traces.explain import Rejection
from leo_model.traces.fast.engine import feed_all
from leo_model.traces.merge import MOST_STATES, UNDECIDABLE, merge
from leo_model.traces.native import Checker, Outcome, Violation
from leo_model.traces.reader import TraceReader
from leo_model.traces.tlc_engine import Recorded, Recording, TlcVerdict, VerdictCache, judge, record

Engine = Literal["native", "tlc", "both"]
# As many lines are shown before the one that is refused.
RECENT: Final = 14
UNDISTURBED: Final = frozenset({"returned"})


@dataclass(slots=True)
class Report:
    """What was found about one trace; ``error`` when it is not one, and then nothing else.

    ``recent`` are the last lines up to the one that is refused, ``closed`` tells whether the
    recording ends as its writers meant it to, ``undecided`` why nothing can be said.  Of a merge:
    ``stuck`` says why no order of the lines goes on, and ``unsure`` are the properties that fall in
    some orders and not in others.
    """

    name: str
    discipline: str = ""
    native: Outcome | None = None
    tlc: TlcVerdict | None = None
    error: TraceError | None = None
    recent: Sequence[Line] = ()
    closed: bool = False
    stuck: tuple[Rejection, ...] = ()
    undecided: str | None = None
    unsure: frozenset[str] = NOTHING
    units: UnitsVerdict | None = None

    @property
    def accepted(self) -> bool:
        """Tell whether every engine that was asked accepts; False when none was, and when there was
        nothing to accept.
        """
        if self.undecided is not None:
            return False
        if self.units is not None:
            return True
        verdicts = [v for v in (self.native, self.tlc) if v is not None]
        return bool(verdicts) and all(verdict.accepted for verdict in verdicts)

    @property
    def broken(self) -> frozenset[str]:
        """The properties that fell, according to any engine that was asked."""
        if self.units is not None:
            return frozenset(self.units.broken)
        native = frozenset(self.native.violations) if self.native else NOTHING
        return (native | (self.tlc.broken if self.tlc else NOTHING)) - self.unsure

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
        """Tell whether the trace is no behaviour, or breaks more than it is permitted to.

        What is undecided is a finding too.
        """
        surplus = (self.broken | self.unsure) - frozenset(permitted)
        return not self.accepted or bool(surplus) or self.disagreement() is not None


def expected_to_break(claims: Claims, report: Report) -> frozenset[str]:
    """Return the properties that a trace of this discipline may break, by the claims.

    What falls only with faults may fall only in a trace in which a reply was disturbed; an engine
    that does not tell how replies ended (TLC alone) leaves that open.
    """
    if report.units is not None:
        return frozenset(report.units.permitted())
    kinds = [FALLS]
    if report.native is None or set(report.native.outcomes) - UNDISTURBED:
        kinds.append(FALLS_WITH_FAULTS)
    return frozenset(claims.titles(report.discipline, *kinds)) if report.discipline else frozenset()


def _said(kind: str, line: int | None, broken: list[str]) -> str:
    verdict = "accepted" if line is None else f"rejected at line {line} ({kind})"
    return f"{verdict}, broken: {', '.join(broken) or 'nothing'}"


def validate(
    paths: Sequence[str | Path],
    engine: Engine = "native",
    *,
    cache: VerdictCache | None = None,
    torn: bool = False,
    units: OfUnits | None = None,
) -> list[Report]:
    """Judge trace files; those that TLC is asked about are judged in one batch.

    ``cache`` keeps TLC's verdicts; ``torn`` leaves out a last line that was cut.  A file that is
    not a trace gets a report with its error.  Raises the errors of ``leo_model.tlc.driver`` and
    EngineError when TLC cannot be run.
    """
    reports: list[Report] = []
    batch: list[tuple[Report, Recorded]] = []
    for path in paths:
        report = Report(str(path))
        reports.append(report)
        try:
            with open_stream(path) as (name, stream):
                peeked = Peeked(stream)
                first = peeked.first()
                kind = is_history(first)
                if kind or is_units(first):
                    of_units: UnitsReader | History = (
                        history_of(kind, _whole(peeked), name)
                        if kind
                        else UnitsReader(Lines(name, peeked), torn=torn)
                    )
                    examine_units(of_units, report, engine, units)
                    continue
                recorded = examine(TraceReader(name, peeked, torn=torn), report, engine)
        except TraceError as error:
            report.native = None
            report.error = error
        else:
            batch += [(report, recorded)] if recorded is not None else []
    _ask_tlc(batch, cache)
    return reports


def validate_merged(
    paths: Sequence[str | Path],
    engine: Engine = "native",
    *,
    cache: VerdictCache | None = None,
    torn: bool = False,
    save: Path | None = None,
    most: int = MOST_STATES,
    units: OfUnits | None = None,
) -> Report:
    """Judge the files of one run's processes as one trace; ``save`` gets the merged trace.

    ``most`` bounds the states that the search for an order keeps.  A file that is not a trace, or
    of another run, gives a report with the error.
    """
    report = Report(" + ".join(map(str, paths)))
    try:
        if _all_of_units(paths):
            _merge_units(paths, report, torn=torn, how=units or OfUnits())
            return report
        merged = merge(paths, torn=torn, most=most)
        orders = merged.orders
        report.discipline = merged.header.discipline
        report.undecided, report.stuck = orders.undecided, orders.stuck
        report.unsure = orders.sometimes | {UNDECIDABLE}
        if orders.order is None:
            return report
        if save is not None:
            merged.save(save)
        recorded = examine(merged.trace(), report, engine)
        report.closed = merged.closed
    except TraceError as error:
        report.native = None
        report.error = error
        return report
    if report.native is not None:
        report.native.notices[:0] = merged.notices
    _ask_tlc([(report, recorded)] if recorded is not None else [], cache)
    return report


def _all_of_units(paths: Sequence[str | Path]) -> bool:
    """Every file is a trace of units."""
    with ExitStack() as stack:
        streams = [stack.enter_context(open_stream(path))[1] for path in paths]
        return all(is_units(Peeked(stream).first()) for stream in streams)


def _merge_units(paths: Sequence[str | Path], report: Report, *, torn: bool, how: OfUnits) -> None:
    """Judge the traces of units of several processes into a report."""
    with ExitStack() as stack:
        readers = [
            UnitsReader(Lines(*stack.enter_context(open_stream(path))), torn=torn) for path in paths
        ]
        with how.within():
            verdict = judge_merged(readers, how.watching)
    _take(verdict, report, how)


def _take(verdict: UnitsVerdict, report: Report, how: OfUnits) -> None:
    """Take a verdict on units into a report."""
    report.units, verdict.promise = verdict, how.promise
    report.unsure = frozenset(verdict.undecided)
    report.closed = verdict.closed
    report.undecided = verdict.cut or (None if verdict.events else NO_EVENTS)


def _whole(stream: Peeked) -> bytes:
    """All that there is to read."""
    return b"".join(iter(lambda: stream.read(1 << 20), b""))


def _ask_tlc(batch: Sequence[tuple[Report, Recorded]], cache: VerdictCache | None) -> None:
    """Fill in what TLC says."""
    if batch:
        traces = [recorded for _, recorded in batch]
        for (report, _), verdict in zip(batch, judge(traces, cache=cache), strict=True):
            report.tlc = verdict


def examine(
    trace: TraceReader,
    report: Report,
    engine: Engine = "native",
    news: Callable[[Violation], object] | None = None,
) -> Recorded | None:
    """Read a trace into a report; return what TLC needs if it is to be asked.

    ``news`` is told by the native engine of each property when it falls.  Raises TraceError for a
    line that is not in the schema.
    """
    report.name = trace.name
    report.discipline = trace.header.discipline
    if engine == "tlc":
        recorded: Recorded | None = record(trace)
    else:
        recent: deque[Line] = deque(maxlen=RECENT)
        report.native, recorded = run_native(trace, keep=engine == "both", recent=recent, news=news)
        report.recent = tuple(recent)
    report.closed = trace.closed
    if trace.empty:
        report.undecided = NO_EVENTS
    return recorded


@dataclass(frozen=True, slots=True)
class OfUnits:
    """How a trace of units is judged: against which promise, for how long, and who is told;
    `within` is entered meanwhile.
    """

    promise: Promise = Promise()
    watching: Watching = Watching()
    within: Callable[[], AbstractContextManager[None]] = nullcontext


def examine_units(
    reader: UnitsReader | History,
    report: Report,
    engine: Engine = "native",
    how: OfUnits | None = None,
) -> None:
    """Judge a trace of units into a report. Raises TraceError for a line that is not in its
    schema.
    """
    how = how or OfUnits()
    report.name = reader.name
    with how.within():
        verdict = judge_reader(reader, how.watching)
    _take(verdict, report, how)
    if engine != "native":
        verdict.notices.append(
            "the specification is of the field, not of this program: TLC was not asked"
        )


def run_native(
    trace: TraceReader,
    *,
    keep: bool,
    recent: deque[Line] | None = None,
    news: Callable[[Violation], object] | None = None,
) -> tuple[Outcome, Recorded | None]:
    """Check a trace, and keep its lines for TLC if asked: a stream can be read only once.

    TLC is given the lines up to the one that is refused, and has to refuse the same.  ``recent``
    gets the last lines; ``news`` is told of each property when it falls for the first time.
    """
    checker = Checker(trace.header)
    if not keep and news is None:
        # Nobody needs to see the lines one by one: those that are undisturbed go by in blocks.
        rejection = feed_all(trace, checker, recent)
        return checker.outcome(trace.name, trace.notices, rejection), None
    recording = Recording(trace.name, trace.header) if keep else None
    rejection = None
    for line in trace:
        if recording is not None:
            recording.add(line)
        if recent is not None:
            recent.append(line)
        known = len(checker.watch.violations)
        rejection = checker.feed(line)
        if rejection is not None:
            break
        if news is not None:
            for violation in list(checker.watch.violations.values())[known:]:
                news(violation)
    outcome = checker.outcome(trace.name, trace.notices, rejection)
    return outcome, recording.recorded() if recording is not None else None


ONE_FILE: Final = "--follow takes one file that a recorder is writing, not packed"


class Growing:
    """The bytes of a growing file, by whole lines: where there is no more yet, it waits.

    ``pause`` waits a while; ``stopped`` tells whether to go on waiting, ``closed`` whether the
    recording says that nothing more will come.
    """

    def __init__(
        self, name: str, file: BinaryIO, pause: Callable[[], object], stopped: Callable[[], bool]
    ) -> None:
        self.closed: Callable[[], bool] = lambda: False
        self._name = name
        self._file = file
        self._pause = pause
        self._stopped = stopped
        self._last: int | None = None

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or as much as ``size``; nothing at the end.

        Once stopped, the end is where the file ended at that moment.  Half a line at the end is not
        there yet.  Raises TraceError when the file has become shorter.
        """
        held = b""
        while not self._at_the_last():
            piece = self._file.readline(size - len(held))
            held += piece
            if held.endswith(b"\n") or len(held) >= size:
                return held
            if not held and self.closed():
                return b""
            if self._size() < self._file.tell():
                raise TraceError(
                    f"{self._name}: the file became shorter while it was followed; a recorder only "
                    "adds to it: follow the new recording, if there is one"
                )
            if self._last is not None and not piece:
                return b""
            if not self._stopped():
                self._pause()
        return b""

    def _at_the_last(self) -> bool:
        """Stopped, and everything that was there at that moment has been read."""
        if self._last is None and self._stopped():
            self._last = self._size()
        return self._last is not None and self._file.tell() >= self._last

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def read(self, size: int, /) -> bytes:
        """Return what is there, without waiting."""
        return self._file.read(size)


@contextmanager
def follow(
    path: str | Path, *, pause: Callable[[], object], stopped: Callable[[], bool]
) -> Iterator[TraceReader | UnitsReader]:
    """Open a trace that is being written; its lines come as they are written.

    Raises TraceError when it cannot be opened, is packed, or was stopped before it had a header.
    """
    if str(path) == "-":
        raise TraceError(f"-: {ONE_FILE}; standard input is read as it comes without it")
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below; only opening is guarded
    except OSError as error:
        raise TraceError(
            f"{path}: the trace cannot be opened: {error.strerror or error}; {ONE_FILE}"
        ) from error
    with file:
        if file.peek(2)[:2] == GZIP_MAGIC:
            raise TraceError(f"{path}: this is packed; {ONE_FILE}")
        growing = Growing(str(path), file, pause, stopped)
        peeked = Peeked(growing)
        first = peeked.first()
        if is_history(first):
            raise TraceError(
                f"{path}: this is a history of transactions, and only a trace is followed: its "
                "writes get their order from all of it; leave out --follow when it is whole"
            )
        if is_units(first):
            reader: TraceReader | UnitsReader = UnitsReader(Lines(str(path), peeked), growing=True)
        else:
            reader = TraceReader(str(path), peeked)
        growing.closed = lambda: reader.closed
        yield reader
