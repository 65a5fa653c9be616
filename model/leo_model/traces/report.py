"""The report on traces: for people (80 columns), as JSON values, and as JUnit XML for CI."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple
from xml.etree import ElementTree

import msgspec

from leo.errors import TraceError
from leo.trace.events import Event
from leo.trace.words import NOT_CLOSED
from leo.units import PROPERTIES, to_fields, to_lines
from leo_model.machine.properties import SAFETY
from leo_model.traces.explain import FAULTS, Rejection
from leo_model.traces.native import CONCERNED, Violation
from leo_model.traces.story import Story, lanes_of
from leo_model.traces.validate import Report

WIDTH = 80


def to_text(report: Report, stories: Sequence[Story] = ()) -> str:
    """Write one block about a trace, with the stories of what fell."""
    return "\n".join([*_lines(report), *_told(stories)])


def headline(report: Report) -> str:
    """Say in one line what became of a trace."""
    native, tlc = report.native, report.tlc
    if report.error is not None:
        return f"{report.name}: not a trace"
    if report.undecided is not None:
        return f"{report.name}: UNDECIDED"
    if report.stuck:
        return f"{report.name}: REJECTED: no order of the lines is a behaviour"
    count = len(report.broken)
    fell = f", {count} propert{'y' if count == 1 else 'ies'} broken" if count else ""
    if report.accepted:
        return f"{report.name}: accepted{fell}"
    line = native.rejection.line if native and native.rejection else tlc and tlc.line
    return f"{report.name}: REJECTED at line {line}{fell}"


def _lines(report: Report) -> Iterator[str]:
    native, tlc = report.native, report.tlc
    if report.units is not None:
        yield from to_lines(report.units)
        return
    yield headline(report)
    if report.error is not None:
        return
    if report.undecided is not None:
        yield from _item("because", f"{report.undecided}; undecided is not accepted")
    if native is not None:
        ends = [f"{n} {word}" for word, n in sorted(native.outcomes.items())]
        ends += [f"{native.open} open"] if native.open else []
        yield from _item(
            "claims",
            f"{report.discipline}; {native.events:,} events, {native.replies:,} replies"
            + (f" ({', '.join(ends)})" if ends else ""),
        )
        for notice in native.notices:
            yield from _item("notice", notice)
        if native.rejection is not None:
            yield from _rejection(native.rejection)
            yield ""
            yield lanes_of(
                report.recent,
                f"line {native.rejection.line} is no step",
                first=[report.recent[-1].actor] if report.recent else (),
            ).rstrip("\n")
        for violation in native.violations.values():
            if violation.property not in report.unsure:
                yield from _violation(violation)
    else:
        yield from _item("claims", report.discipline)
        for name in sorted(report.broken):
            yield from _item("broken", name)
    if report.accepted and not report.closed:
        yield from _item("notice", NOT_CLOSED)
    for found in report.stuck:
        yield from _rejection(found)
    if report.unsure and report.accepted:
        yield from _item(
            "undecided",
            f"{', '.join(sorted(report.unsure))}: it depends on the order of lines of different "
            "processes, which no version tells",
        )
    difference = report.disagreement()
    if difference is not None:
        yield from _item(
            "ERROR", f"the engines disagree, which is an error of this program: {difference}"
        )
    elif native is not None and tlc is not None:
        yield from _item("engines", "native and TLC agree")


def _violation(violation: Violation) -> Iterator[str]:
    yield from _item(
        "broken",
        f"{violation.property} at line {violation.line}; {violation.count:,} "
        f"{CONCERNED[violation.property]}",
    )
    yield from _item("", violation.witness)


def _told(stories: Sequence[Story]) -> Iterator[str]:
    for story in stories:
        yield ""
        named = f": {story.anomaly}" if story.anomaly else ""
        fell = story.violation
        yield from _item("story", f"{fell.property} at line {fell.line}{named}")
        for sentence in story.sentences:
            yield from _item("", sentence)
        yield story.diagram.rstrip("\n")


def _item(word: str, text: str) -> Iterator[str]:
    """A word in the margin, and its text in the column beside it."""
    for k, line in enumerate(wrap(text, WIDTH - 12) or [""]):
        yield f"  {word if k == 0 else '':<9} {line}"


def _rejection(found: Rejection) -> Iterator[str]:
    yield from _item("event", describe_event(found.event))
    for reason in found.reasons:
        # A failing conjunct is a sentence that should have held.
        yield from _item(
            "because", reason if found.kind == "data" else f"it is not so that {reason}"
        )
    steps = [f"{m.actor} {m.action}" for m in found.enabled if m.action not in FAULTS]
    faults = [f"{m.actor} {m.action}" for m in found.enabled if m.action in FAULTS]
    if found.nearest is not None and found.kind == "guard":
        yield from _item(
            "nearest", f"{found.event.session or found.event.instance} {found.nearest}"
        )
    yield from _item("possible", ", ".join(steps) or "no step")
    if faults:
        yield from _item("", f"or a fault: {', '.join(faults)}")
    for k, sentence in enumerate(found.state):
        yield from _item("before" if k == 0 else "", sentence)


def describe_event(event: Event) -> str:
    """Write an event on one line."""
    parts = [f"seq {event.seq} of {event.writer}: {event.reply or event.instance} {event.action}"]
    for word, versions in (("reads", event.reads), ("writes", event.writes)):
        if versions:
            parts.append(f"{word} " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    return ", ".join(parts)


def to_builtins(report: Report) -> dict[str, Any]:
    """Return the report as JSON values."""
    if report.error is not None:
        return {"file": report.name, "error": str(report.error)}
    if report.units is not None:
        return to_fields(report.units)
    result: dict[str, Any] = {
        "file": report.name,
        "discipline": report.discipline,
        "accepted": report.accepted,
        "closed": report.closed,
        "broken": sorted(report.broken),
        "disagreement": report.disagreement(),
        "undecided": report.undecided,
        "unsure": sorted(report.unsure),
        "stuck": [_rejection_fields(found) for found in report.stuck],
    }
    native, tlc = report.native, report.tlc
    if native is not None:
        result["native"] = {
            "events": native.events,
            "replies": native.replies,
            "outcomes": dict(native.outcomes),
            "open": native.open,
            "notices": native.notices,
            "rejection": _rejection_fields(native.rejection),
            "violations": msgspec.to_builtins(list(native.violations.values())),
        }
    if tlc is not None:
        result["tlc"] = {"kind": tlc.kind, "line": tlc.line, "broken": sorted(tlc.broken)}
    return result


def _rejection_fields(found: Rejection | None) -> dict[str, Any] | None:
    if found is None:
        return None
    event = {"seq": found.event.seq, "event": describe_event(found.event)}
    return msgspec.to_builtins(found) | event  # type: ignore[no-any-return]


# The properties that one trace can break.
ASKED = (*SAFETY, "Refines")
# What XML 1.0 has no way to write.
UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(NamedTuple):
    """A question about a trace; ``verdict`` is "", "failure" or "error", with what is to be said.

    What is said without a verdict is a remark.
    """

    name: str
    verdict: str = ""
    said: str = ""


def to_junit(reports: Sequence[tuple[Report, Collection[str]]]) -> str:
    """Return the XML; each report comes with the properties that its trace may break."""
    root = ElementTree.Element("testsuites", name="leo validate")
    for report, permitted in reports:
        cases = list(_cases(report, frozenset(permitted)))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_clean(report.name),
            tests=str(len(cases)),
            failures=str(sum(case.verdict == "failure" for case in cases)),
            errors=str(sum(case.verdict == "error" for case in cases)),
        )
        for case in cases:
            element = ElementTree.SubElement(
                suite, "testcase", name=case.name, classname=_clean(report.name)
            )
            if case.verdict:
                found = ElementTree.SubElement(
                    element, case.verdict, message=_clean(headline(report))
                )
                found.text = _clean(case.said)
            elif case.said:
                ElementTree.SubElement(element, "system-out").text = _clean(case.said)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def write_junit(path: Path, reports: Sequence[tuple[Report, Collection[str]]]) -> None:
    """Write the XML to a file. Raises TraceError when it cannot be written."""
    try:
        path.write_text(to_junit(reports), "utf-8")
    except OSError as error:
        raise TraceError(
            f"{path}: the JUnit report cannot be written ({error.strerror or error}); name a file "
            "in a folder that exists and may be written"
        ) from error


def _cases(report: Report, permitted: frozenset[str]) -> Iterator[Case]:
    """The question whether it is a behaviour, then one for each property."""
    if report.error is not None:
        yield Case("conformance", "error", str(report.error))
        return
    if not report.accepted or report.disagreement() is not None:
        yield Case("conformance", "failure", to_text(report))
        return
    yield Case("conformance", said=headline(report))
    found = report.native.violations if report.native is not None else {}
    for title in ASKED if report.units is None else PROPERTIES:
        if title in report.unsure:
            said = "undecided: it depends on the order of what overlapped"
        elif title in report.broken:
            said = found[title].witness if title in found else "it fell"
            if report.units is not None:
                said = "; ".join(report.units.broken[title].first.witness)
        else:
            yield Case(title)
            continue
        if title in permitted:
            yield Case(title, said=f"{said} (the discipline does not promise it)")
        else:
            yield Case(title, "failure", said)


def _clean(text: str) -> str:
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
