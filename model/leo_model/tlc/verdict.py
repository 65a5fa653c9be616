"""From the messages of a run to its verdict; errors of SANY and TLC as one paragraph.

TLC 2.15 can end with exit code 0 and no error message when it has checked nothing, and with the
exit code of a violation when something else fell. So one sign alone is never enough. "ok" needs the
exit code, the message of success, no error, an empty queue and, where there are temporal
properties, the end of their check. A violation needs one violation message, the exit code that
belongs to it, and a name that is in the configuration. Everything else is an error.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from leo_model.errors import ConfigError, SpecError
from leo_model.tlc.job import TlcJob, TlcResult, Verdict, config_sections
from leo_model.tlc.messages import (
    ERROR_SEVERITIES,
    WARNING_SEVERITY,
    Code,
    Message,
    Stream,
    Trace,
    parse_trace,
)

# What TLC finds wrong in a configuration, by itself or inside a message 1000.
_CONFIG_CODES = frozenset([*range(2222, 2244), 2146, 2280, 2281, *range(5001, 5013)])
_OF_MODULE = re.compile(r"of module (\w+)")


def raise_refusal(job: TlcJob, stream: Stream) -> None:
    """Raise SpecError or ConfigError when TLC refused the modules or the configuration before any
    search.
    """
    for message in stream.messages:
        if message.code == Code.PARSING_FAILED:
            raise SpecError(f"job {job.name}: SANY refuses the specification: {_sany(stream.sany)}")
        if message.severity in ERROR_SEVERITIES and _CONFIG_CODES.intersection(
            (message.code, *message.inner)
        ):
            raise ConfigError(
                f"job {job.name}: TLC refuses the configuration: {last_paragraph(message.text)}"
            )


def _sany(lines: Sequence[str]) -> str:
    """SANY's complaint in one paragraph: its files, lines and words, without its headings and stack
    traces.
    """
    parsed = [
        line.removeprefix("Parsing file ") for line in lines if line.startswith("Parsing file ")
    ]
    kept: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith(("Residual stack trace", "Fatal errors while parsing")):
            break
        if text and not text.startswith(
            ("Parsing file", "Semantic processing", "***", "SANY finished")
        ):
            kept.append(text)
    if not kept:
        start = next((i for i, line in enumerate(lines) if "Abort messages" in line), -1)
        kept = [
            text
            for text in map(str.strip, lines[start + 1 :])
            if text and text not in ("Unknown location", "SANY finished.")
        ]
    return f"{' '.join(kept)}{_where(' '.join(kept), parsed)}"


def _where(text: str, parsed: Sequence[str]) -> str:
    """The file that SANY complains of: the one of the module it names, else the last it opened."""
    named = _OF_MODULE.search(text)
    files = [path for path in parsed if named is None or Path(path).stem == named[1]]
    return f" (in {files[-1]})" if files else ""


def last_paragraph(text: str) -> str:
    """The text without the preamble that TLC writes before the message inside an exception."""
    _, marker, rest = text.partition("The exception was a ")
    return " ".join((rest if marker else text).split())


_VIOLATIONS = {
    Code.ASSUMPTION: (Verdict.ASSUMPTION, 10),
    Code.DEADLOCK: (Verdict.DEADLOCK, 11),
    Code.INVARIANT_INITIAL: (Verdict.INVARIANT, 12),
    Code.INVARIANT: (Verdict.INVARIANT, 12),
    Code.PROPERTY_INITIAL: (Verdict.ACTION_PROPERTY, 13),
    Code.ACTION_PROPERTY: (Verdict.ACTION_PROPERTY, 13),
    Code.TEMPORAL: (Verdict.TEMPORAL, 13),
}
# They come with a violation and say nothing of their own.
_COMPANIONS = (Code.BEHAVIOR, Code.COUNTEREXAMPLE)

_NAMED = re.compile(
    r"(?:Invariant|Property|Action property|Assumption) (.+?) is (?:violated|false)"
)
_STATS = re.compile(r"([\d,]+) states generated, ([\d,]+) distinct states found")
_LEFT = re.compile(r"([\d,]+) states left on queue")
_DEPTH = re.compile(r"search is (\d+)\.")
_COVERED = re.compile(r"<(\w+) line .*>: (\d+):(\d+)")
_TIME = re.compile(r"(\d+)(ms|s|min|h|d)")
_UNIT = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def judge(job: TlcJob, stream: Stream, exit_code: int | None, stopped: str) -> TlcResult:
    """The result of a run from what it wrote. exit_code: None when it was killed, and `stopped`
    says why.

    Raises ValueSyntaxError when a state of the counterexample cannot be read.
    """
    messages = stream.messages
    errors = [
        message
        for message in messages
        if message.severity in ERROR_SEVERITIES and message.code not in _COMPANIONS
    ]
    violations = [message for message in errors if message.code in _VIOLATIONS]
    # Two violations may be the same words.
    places = [
        n for n, message in enumerate(messages) if job.goes_on and message.code in _VIOLATIONS
    ]
    numbers = _Numbers(messages)
    verdict, name, reason = _decide(job, stream, exit_code, stopped, errors, violations, numbers)
    return TlcResult(
        job=job.name,
        verdict=verdict,
        property=name,
        reason=reason,
        trace=Trace() if job.goes_on else parse_trace(messages),
        traces=tuple(
            parse_trace(messages[start:end]) for start, end in pairwise([*places, len(messages)])
        ),
        distinct=numbers.distinct,
        generated=numbers.generated,
        left=numbers.left,
        depth=numbers.depth,
        complete=verdict is Verdict.OK,
        seconds=numbers.seconds,
        exit_code=exit_code,
        version=numbers.version,
        output=tuple(stream.output),
        errors=tuple(message.text.strip() for message in errors),
        warnings=tuple(
            message.text.strip()
            for message in messages
            if message.severity == WARNING_SEVERITY and message.code != Code.COLLECTOR
        ),
        coverage=numbers.coverage,
    )


class _Numbers:
    """The figures in the messages of one run; what TLC did not say stays None."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.distinct: int | None = None
        self.generated: int | None = None
        self.left: int | None = None
        self.depth: int | None = None
        self.seconds = 0.0
        self.version = ""
        self.coverage: dict[str, tuple[int, int]] = {}
        self.codes = {message.code for message in messages}
        for message in messages:
            self._read(message.code, message.text)

    def _read(self, code: int, text: str) -> None:
        match code:
            case Code.STATS | Code.STATS_DFID:
                if found := _STATS.search(text):
                    self.generated, self.distinct = number(found[1]), number(found[2])
                if left := _LEFT.search(text):
                    self.left = number(left[1])
            case Code.DEPTH:
                if found := _DEPTH.search(text):
                    self.depth = int(found[1])
            case Code.FINISHED:
                spent = text.partition(" at ")[0]
                self.seconds = sum(int(n) * _UNIT[unit] for n, unit in _TIME.findall(spent))
            case Code.VERSION:
                self.version = text.strip()
            case Code.COVERAGE_NEXT | Code.COVERAGE_INIT:
                if found := _COVERED.search(text):
                    self.coverage[found[1]] = (int(found[2]), int(found[3]))


def number(text: str) -> int:
    """An integer as TLC prints it, with commas between the thousands."""
    return int(text.replace(",", ""))


def _decide(
    job: TlcJob,
    stream: Stream,
    exit_code: int | None,
    stopped: str,
    errors: Sequence[Message],
    violations: Sequence[Message],
    numbers: _Numbers,
) -> tuple[Verdict, str | None, str]:
    codes = numbers.codes
    if stopped:
        return Verdict.ERROR, None, stopped
    if Code.FINISHED not in codes or stream.cut:
        return Verdict.ERROR, None, f"TLC ended in the middle of its work (exit code {exit_code})"
    others = [message for message in errors if message not in violations]
    if others or (len(violations) > 1 and not job.goes_on):
        text = " / ".join(last_paragraph(m.text) for m in others or violations)
        return Verdict.ERROR, None, f"TLC reports an error: {text}"
    if Code.SYMMETRY_LIVENESS in codes:
        reason = "symmetry together with a liveness property: TLC may miss violations"
        return Verdict.ERROR, None, reason
    # TLC 2.15 has been seen to lose violations there; it does not refuse.
    if Code.TEMPORAL_TABLEAU in codes and job.workers > 1:
        return (
            Verdict.ERROR,
            None,
            f"a liveness property needs one worker, the job has {job.workers}",
        )
    if violations and not job.goes_on:
        return _violation(job, violations[0], exit_code)
    return _success(job, exit_code, numbers)


def _violation(
    job: TlcJob, message: Message, exit_code: int | None
) -> tuple[Verdict, str | None, str]:
    verdict, expected = _VIOLATIONS[Code(message.code)]
    if exit_code != expected:
        reason = f"TLC reports a violation and exit code {exit_code} instead of {expected}"
        return Verdict.ERROR, None, reason
    if verdict is Verdict.DEADLOCK:
        return verdict, "deadlock", ""
    found = _NAMED.search(message.text)
    reported = found[1] if found else ""
    if verdict is Verdict.ASSUMPTION:
        return verdict, reported, ""
    sections = config_sections(job.config)
    invariants, properties = sections.get("INVARIANT", []), sections.get("PROPERTY", [])
    known = [*invariants, *properties] if verdict is Verdict.INVARIANT else properties
    if reported in known:
        return verdict, reported, ""
    # TLC names the conjunct of a refinement by its place or its own name, and a temporal property
    # not at all: with one property in the configuration there is no doubt which one it was.
    if len(properties) == 1:
        return verdict, properties[0], ""
    reason = (
        f"a property fell and TLC does not say which of {', '.join(properties) or 'none'} "
        f"({reported or 'no name given'}): one such property per run"
    )
    return Verdict.ERROR, None, reason


def _success(
    job: TlcJob, exit_code: int | None, numbers: _Numbers
) -> tuple[Verdict, str | None, str]:
    codes = numbers.codes
    missing: list[str] = []
    if exit_code != 0:
        missing.append(f"exit code 0 (it is {exit_code})")
    if Code.SUCCESS not in codes:
        missing.append("the message that model checking completed without error")
    if numbers.distinct is None:
        missing.append("the number of states")
    if job.dfid is None and numbers.left != 0:
        missing.append(f"an empty queue of states ({numbers.left} left)")
    ends = {Code.TEMPORAL_COMPLETE, Code.TEMPORAL_DONE}
    if Code.TEMPORAL_TABLEAU in codes and not ends.issubset(codes):
        missing.append("the end of the check of the temporal properties")
    if missing:
        return Verdict.ERROR, None, f"TLC reports no error, but lacks {'; '.join(missing)}"
    return Verdict.OK, None, ""
