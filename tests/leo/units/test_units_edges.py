"""Histories at the edge of what a trace says: before its beginning, of failed units, of names."""

from __future__ import annotations

import pytest

from leo.units.report import to_lines
from leo.units.verdict import UnitsVerdict
from tests.leo.units.writer import Writer


def names(verdict: UnitsVerdict) -> list[tuple[str, str]]:
    """What fell for sure, and under which name."""
    return [(case.broke, case.anomaly) for case in verdict.cases(sure=True)]


@pytest.mark.parametrize("recorded", [True, False])
def test_who_wrote_before_the_recording_is_a_unit_like_others(recorded: bool) -> None:
    """Reads of an object as it was before its start, and then as it was there: the same findings as
    when the writer is in the trace.
    """
    trace = Writer() if recorded else Writer(start={"x": 1}, versions={"x": 1})
    if recorded:
        trace.unit("w", "wx")
    trace.add("a", "Open")
    trace.add("a", "Read", seen={"x": 0})
    trace.add("a", "Read", seen={"x": 1})
    trace.add("a", "Close", outcome="returned")
    assert names(trace.judge()) == [("StableRead", ""), ("Serializable", "G-single read skew")]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_long_fork_over_what_was_there_at_the_start(recorded: bool) -> None:
    """Two readers see two changes in different orders, and the changes came before the recording,
    by two writers as far as anybody knows.
    """
    trace = (
        Writer() if recorded else Writer(start=dict.fromkeys("xy", 1), versions={"x": 1, "y": 1})
    )
    if recorded:
        trace.unit("v", "wx")
        trace.unit("w", "wy")
    for reader, x, y in (("a", 0, 1), ("b", 1, 0)):
        trace.add(reader, "Open")
        trace.add(reader, "Read", seen={"x": x})
        trace.add(reader, "Read", seen={"y": y})
        trace.add(reader, "Close", outcome="returned")
    assert names(trace.judge()) == [("Serializable", "G-nonadjacent long fork")]


@pytest.mark.parametrize("other", [False, True])
def test_a_unit_that_reads_past_its_own_write(other: bool) -> None:
    """Alone, and beside another writer: its own write is what it had to see."""
    trace = Writer()
    trace.add("a", "Open")
    trace.add("a", "Write", writes="x")
    if other:
        trace.unit("b", "wy")
    trace.add("a", "Read", seen={"x": 0})
    trace.add("a", "Close", outcome="returned")
    verdict = trace.judge()
    assert names(verdict) == [("ReadsOwnWrites", "")]
    assert verdict.level(sure=True) == "read-committed"


def test_what_a_failed_unit_overwrote_is_not_what_was_read() -> None:
    """b writes, a writes over it, c reads that, a fails, b writes again. c read what a wrote, so it
    depends on b in no way: there is an aborted read, and no cycle.
    """
    trace = Writer()
    trace.add("b", "Open")
    trace.add("c", "Open")
    trace.add("b", "Write", writes="x")
    trace.add("a", "Open")
    trace.add("a", "Write", writes="x")
    trace.add("c", "Read", reads="x")
    trace.add("a", "Close", outcome="raised")
    trace.add("b", "Write", writes="x")
    trace.add("b", "Close", outcome="returned")
    trace.add("c", "Close", outcome="returned")
    verdict = trace.judge()
    assert names(verdict) == [("AllOrNothing", ""), ("NoAbortedRead", "G1a aborted read")]
    assert not verdict.undecided


def test_units_on_a_cycle_are_not_out_of_order_in_time_as_well() -> None:
    """A long fork whose readers also came late: there is no order at all, which is said once."""
    trace = Writer()
    trace.unit("t", "wx wy")
    trace.unit("v", "wx")
    trace.unit("w", "wy")
    for reader, x, y in (("a", 2, 1), ("b", 1, 2)):
        trace.add(reader, "Open")
        trace.add(reader, "Read", seen={"x": x, "y": y})
        trace.add(reader, "Close", outcome="returned")
    verdict = trace.judge()
    assert names(verdict) == [("Serializable", "G-nonadjacent long fork")]
    assert not verdict.undecided


def test_names_reach_the_terminal_as_text() -> None:
    """The name of an object may hold what a terminal obeys."""
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
        trace.add(unit, "Read", reads=["\x1b[2Jx\n"])
    for unit in "ab":
        trace.add(unit, "Write", writes=["\x1b[2Jx\n"])
        trace.add(unit, "Close", outcome="returned")
    lines = list(to_lines(trace.judge()))
    assert all(line.isprintable() for line in lines)
    assert r"'\x1b[2Jx\n' v1" in " ".join(lines)


def test_a_long_cycle_is_shortened() -> None:
    """Two thousand units, each of which read what the next one changed: the report stays short."""
    trace = Writer()
    for k in range(2_000):
        trace.add(f"u{k}", "Open")
        trace.add(f"u{k}", "Read", reads=[f"x{k}"])
    for k in range(2_000):
        trace.add(f"u{k}", "Write", writes=[f"x{(k + 1) % 2_000}"])
    for k in range(2_000):
        trace.add(f"u{k}", "Close", outcome="returned")
    verdict = trace.judge()
    assert names(verdict) == [("Serializable", "G2-item write skew")]
    text = "\n".join(to_lines(verdict))
    assert "more: --json has them all" in text
    assert len(text) < 2_000
