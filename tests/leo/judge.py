"""What the specification says of a trace that the organism recorded, for the organism's tests."""

from __future__ import annotations

from pathlib import Path

from leo_model.checking.claims import load_claims
from leo_model.traces.native import Outcome
from leo_model.traces.report import to_text
from leo_model.traces.validate import expected_to_break, validate

CLAIMS = load_claims()


def judge(trace: Path) -> Outcome:
    """The verdict on a trace that must be a behaviour and break nothing that the claims promise."""
    [report] = validate([trace])
    assert report.error is None, str(report.error)
    assert report.accepted, to_text(report)
    assert report.broken <= expected_to_break(CLAIMS, report), to_text(report)
    assert report.native is not None
    return report.native
