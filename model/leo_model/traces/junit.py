"""The report on traces as JUnit XML, for CI systems: one suite a trace, one case a question."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from leo.errors import TraceError
from leo.units import PROPERTIES
from leo_model.machine.properties import SAFETY
from leo_model.traces.report import headline, to_text
from leo_model.traces.validate import Report

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
                said = "; ".join(report.units.broken[title].witness)
        else:
            yield Case(title)
            continue
        if title in permitted:
            yield Case(title, said=f"{said} (the discipline does not promise it)")
        else:
            yield Case(title, "failure", said)


def _clean(text: str) -> str:
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
