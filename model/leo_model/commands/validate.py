"""``leo validate``: are recorded traces behaviours of the specification?"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType

from leo import screen
from leo.commands.ending import keep_interrupts
from leo.commands.main import Command
from leo.errors import TraceError
from leo.progress import Bar
from leo.units import ALSO, LEVELS, Case, Promise, Watching, uncollected
from leo_model.checking.claims import Claims, load_claims
from leo_model.traces import coverage, strength
from leo_model.traces.merge import MOST_STATES
from leo_model.traces.native import Violation
from leo_model.traces.reader import TraceReader
from leo_model.traces.report import to_builtins, to_text, write_junit
from leo_model.traces.story import Story, tell
from leo_model.traces.tlc_engine import open_cache
from leo_model.traces.validate import (
    ONE_FILE,
    OfUnits,
    Report,
    examine,
    examine_units,
    expected_to_break,
    follow,
    validate,
    validate_merged,
)

# Seconds between two looks at a growing file.
PAUSE = 0.2

# Behind the example of every command: the files of others that are judged.
OTHERS = """formats beside the recorder's own:
  history.edn      a history of Elle, lists or registers:
    {:type :invoke, :process 0, :f :txn, :value [[:append x 1] [:r y nil]]}
    {:type :ok, :process 0, :f :txn, :value [[:append x 1] [:r y [2]]]}
  history.txt      lines of PolySI, AWDIT or dbcop, or of a log of Jepsen:
    r(x,1,session,transaction) or r x 1 or [x:=1 y==2]
  lines.ndjson     a transaction a line, objects with versions:
    {"unit":"t1","calls":[{"reads":{"x":0}},{"writes":{"x":1}}],
     "session":"s","begin":1.5,"end":2.0,"outcome":"returned"}

"""
MORE = "\n  leo validate units.ndjson --promise snapshot-isolation"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"{OTHERS}{parser.epilog or ''}{MORE}"
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a trace, also gzipped; - for standard input"
    )
    parser.add_argument(
        "--engine",
        choices=("native", "tlc", "both"),
        default="native",
        help="native is fast, tlc is the reference, both compares them (default: native)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument(
        "--junit", type=Path, metavar="OUT", help="also write a JUnit report for CI systems"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="tell of every broken property who read and wrote what, not only of findings",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="exit 1 for any property that is broken, also one that the discipline never promised",
    )
    parser.add_argument(
        "--torn", action="store_true", help="leave out a last line that was cut in a crash"
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="read a file that is being written until it is closed, or Ctrl-C",
    )
    parser.add_argument(
        "--merge",
        action="store_true",
        help="the files are of the processes of one run on one store: judge them as one trace",
    )
    parser.add_argument(
        "--merged", type=Path, metavar="OUT", help="with --merge: keep the merged trace"
    )
    parser.add_argument(
        "--states",
        type=int,
        default=MOST_STATES,
        metavar="N",
        help=f"with --merge: undecided beyond so many states at a time (default: {MOST_STATES})",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="ask TLC again about traces that it has judged"
    )
    parser.add_argument("--claims", type=Path, help="another claims file")
    units = parser.add_argument_group("traces of units (leo.instrument)")
    units.add_argument(
        "--promise",
        metavar="LEVEL",
        default=LEVELS[-1],
        help=f"what the program promises: {', '.join((*LEVELS, *ALSO))} (default: {LEVELS[-1]}); "
        "what the level permits is no finding",
    )
    units.add_argument(
        "--without",
        metavar="PROPERTY",
        action="append",
        default=[],
        help="leave a property out; may be given several times",
    )
    units.add_argument(
        "--limit-seconds", type=float, metavar="N", help="stop after so long, and say how far"
    )
    units.add_argument(
        "--undecided",
        type=int,
        metavar="CODE",
        default=1,
        help="exit code when nothing is broken and something undecided (default: 1)",
    )
    coverage.add_arguments(parser)
    strength.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    chosen = [w for w in ("coverage", "strength", "follow", "merge") if getattr(options, w)]
    if len(chosen) > 1 and not {"coverage", "strength"}.isdisjoint(chosen):
        raise TraceError(
            f"--{' --'.join(chosen)}: coverage and strength are reports of their own: ask for one"
        )
    if options.coverage:
        return coverage.run(options)
    if options.strength:
        return strength.run(options)
    claims = load_claims(options.claims)
    if options.merged is not None and not options.merge:
        raise TraceError("--merged: there is a merged trace only with --merge: add it")
    if options.states < 1:
        raise TraceError(f"--states {options.states}: expected at least one state at a time")
    units = _of_units(options)
    if options.follow:
        return show([_follow(options, units)], options, claims)
    cache = None if options.no_cache or options.engine == "native" else open_cache()
    if options.merge:
        if len(set(options.files)) < 2:
            raise TraceError("--merge: there is nothing to merge: name two different files or more")
        report = validate_merged(
            options.files,
            options.engine,
            cache=cache,
            torn=options.torn,
            save=options.merged,
            most=options.states,
            units=units,
        )
        return show([report], options, claims)
    reports = validate(options.files, options.engine, cache=cache, torn=options.torn, units=units)
    return show(reports, options, claims)


def show(reports: list[Report], options: argparse.Namespace, claims: Claims) -> int:
    """Print the reports; return 2 when a file is no trace, 1 when there is a finding, else 0."""
    allowed = [
        frozenset() if options.strict else expected_to_break(claims, report) for report in reports
    ]
    if options.junit is not None:
        write_junit(options.junit, list(zip(reports, allowed, strict=True)))
    if options.json:
        screen.show_json([to_builtins(report) for report in reports])
    else:
        blocks = [
            to_text(report, _stories(path, report, permitted, explain=options.explain))
            for path, report, permitted in zip(
                options.files if len(reports) == len(options.files) else [options.merged],
                reports,
                allowed,
                strict=True,
            )
        ]
        print("\n\n".join(blocks))
    for report in reports:
        if report.error is not None:
            print(f"leo: error: {report.error}", file=sys.stderr)
    if any(report.error is not None for report in reports):
        return 2
    if not any(map(Report.finding, reports, allowed)):
        return 0
    return options.undecided if all(map(_only_undecided, reports, allowed)) else 1


def _only_undecided(report: Report, permitted: frozenset[str]) -> bool:
    """Nothing of a report on units is a finding but for what is undecided."""
    return not report.finding(permitted) or (
        report.units is not None and not set(report.units.broken) - permitted
    )


def _of_units(options: argparse.Namespace) -> OfUnits:
    """What is asked of traces of units. Raises LeoError for a level that there is not."""
    if options.limit_seconds is not None and not options.limit_seconds > 0:
        raise TraceError(f"--limit-seconds {options.limit_seconds}: expected more than 0")
    if not 0 <= options.undecided <= 255:
        raise TraceError(f"--undecided {options.undecided}: expected an exit code, 0 to 255")
    bar = None if options.json else Bar("lines judged", None)
    return OfUnits(
        Promise(options.promise, frozenset(options.without)),
        Watching(seconds=options.limit_seconds, progress=None if bar is None else bar.show),
        partial(_judging, bar),
    )


@contextmanager
def _judging(bar: Bar | None) -> Iterator[None]:
    """Inside, nothing is collected, and the bar is shown; afterwards it is gone."""
    with uncollected(), bar or nullcontext():
        yield


def _stories(
    path: str | None, report: Report, permitted: frozenset[str], *, explain: bool
) -> list[Story]:
    """The stories of what fell: of findings, or of everything.

    A stream is gone when its end has been read, and so are its lines.
    """
    if path is None or path == "-" or report.native is None or report.error is not None:
        return []
    return tell(
        path,
        [
            violation
            for title, violation in report.native.violations.items()
            if title in report.broken and (explain or title not in permitted)
        ],
    )


def _follow(options: argparse.Namespace, units: OfUnits) -> Report:
    if len(options.files) != 1 or options.engine != "native" or options.merge:
        raise TraceError(f"--follow: {ONE_FILE}, and the native engine only")
    with _until_interrupted() as asked:
        return followed(
            options.files[0],
            pause=lambda: asked.wait(PAUSE),
            stopped=asked.is_set,
            say=None if options.json else partial(print, flush=True),
            units=units,
        )


def followed(
    path: str,
    *,
    pause: Callable[[], object],
    stopped: Callable[[], bool],
    say: Callable[[str], object] | None,
    units: OfUnits | None = None,
) -> Report:
    """Follow a trace to its end; what falls is told to ``say`` as soon as it does."""
    report, of_units = Report(path), units or OfUnits()

    def news(fell: Violation) -> None:
        if say is not None:
            say(f"line {fell.line}: {fell.property} falls: {fell.witness}")

    def news_of_units(case: Case) -> None:
        if say is not None and not of_units.promise.permits(case):
            falls = "falls" if case.sure else "may fall"
            say(f"line {case.line}: {case.broke} {falls}: {case.said}")

    try:
        with follow(path, pause=pause, stopped=stopped) as trace:
            if isinstance(trace, TraceReader):
                examine(trace, report, news=news)
            else:
                watching = replace(of_units.watching, news=news_of_units)
                examine_units(trace, report, how=replace(of_units, watching=watching))
    except TraceError as error:
        report.native = None
        report.error = error
    return report


@contextmanager
def _until_interrupted() -> Iterator[Event]:
    """Inside, Ctrl-C only sets the event: what was read so far is to be summed up."""
    keep_interrupts()
    asked = Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


VALIDATE = Command(configure, run)
