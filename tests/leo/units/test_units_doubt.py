"""Traces of units in which a version says less than it seems to, and long ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import leo.units.judge
from leo.units.doubt import Doubt
from leo.units.patterns import Block
from leo.units.report import to_fields
from tests.leo.units.writer import Writer


def overlapping(exact: str, long: str) -> Writer:
    """Two units write x: one in a moment, in the middle of the other's call."""
    trace = Writer()
    for unit in (exact, long):
        trace.add(unit, "Open")
    trace.add(exact, "Write", writes="x")
    trace.add(long, "Write", writes="x", since=2)
    return trace


@pytest.mark.parametrize("since", [None, 1])
def test_a_read_that_looks_back_behind_a_write_is_before_it(since: int | None) -> None:
    """Also where the write tells when it began: nothing else can have made what was read."""
    trace = Writer()
    trace.add("a", "Open")
    trace.add("a", "Write", writes="x", since=since)
    trace.add("a", "Close", outcome="returned")
    trace.add("r", "Open")
    trace.add("r", "Read", seen={"x": 0})
    trace.add("r", "Close", outcome="returned")
    verdict = trace.judge()
    assert set(verdict.broken) == {"StrictlySerializable"} and not verdict.undecided


def test_of_two_writes_that_overlapped_the_newer_may_have_acted_first() -> None:
    """Versions count the ends of calls: who reads the older one may have read the last."""
    trace = overlapping("b", "a")
    trace.add("a", "Close", outcome="returned")
    trace.add("b", "Close", outcome="returned")
    trace.add("r", "Open")
    trace.add("r", "Read", seen={"x": 1})
    trace.add("r", "Close", outcome="returned")
    verdict = trace.judge()
    assert not verdict.broken and verdict.undecided
    assert verdict.undecided.keys() <= {"Serializable", "StrictlySerializable"}


def test_what_a_read_found_is_undecided_where_a_write_overlapped_it() -> None:
    """A unit reads what it wrote itself at one moment, while another's long write goes on; that one
    fails. Whose value it found no version says.
    """
    trace = overlapping("a", "b")
    trace.add("b", "Close", outcome="raised")
    trace.add("a", "Read", reads="x")
    trace.add("a", "Close", outcome="returned")
    verdict = trace.judge()
    assert set(verdict.broken) == {"AllOrNothing"}
    assert set(verdict.undecided) == {"NoAbortedRead"}


@pytest.mark.parametrize("sweep", [1, 10_000])
@pytest.mark.parametrize("doubtful", [7, 8, 20])
def test_a_failed_write_is_not_forgotten_behind_many_doubtful_ones(
    monkeypatch: pytest.MonkeyPatch, sweep: int, doubtful: int
) -> None:
    """None of the writes after it may have happened: then it is what was read."""
    monkeypatch.setattr(leo.units.judge, "KEEP", sweep)
    trace = Writer()
    trace.add("d", "Open")
    trace.add("d", "Write", writes="x")
    trace.add("d", "Close", outcome="raised")
    for k in range(doubtful):
        trace.add(f"u{k}", "Open")
        trace.add(f"u{k}", "Write", writes="x", outcome="raised")
        trace.add(f"u{k}", "Close", outcome="returned")
    trace.add("r", "Open")
    trace.add("r", "Read", reads="x")
    trace.add("r", "Close", outcome="returned")
    assert "NoAbortedRead" in trace.judge().undecided


def test_a_trace_without_an_event_says_why_it_is_not_clean() -> None:
    """To programs too."""
    fields = to_fields(Writer().judge())
    assert not fields["clean"] and "nothing was checked" in fields["because"]


def waiting(units: int, *, look: bool) -> Writer:
    """Four callers of a method that waits for a lock: each call began when the one three before it
    was done. With `look` each of their units has read before.
    """
    trace = Writer()
    begun: dict[str, int] = {}
    for k in range(units + 3):
        if k < units:
            unit = f"u{k}"
            trace.add(unit, "Open")
            if look:
                trace.add(unit, "Read", reads="y")
            begun[unit] = len(trace.events)
        if k >= 3:
            unit = f"u{k - 3}"
            trace.add(unit, "Write", reads="x", writes="x", since=begun[unit])
            trace.add(unit, "Close", outcome="returned")
    return trace


def starving(units: int, *, look: bool) -> Writer:
    """Three calls wait for a lock all the time that so many other units have it in turn. With
    `look` each unit has read before.
    """
    trace = Writer()

    def open_(unit: str, item: str) -> None:
        trace.add(unit, "Open")
        if look:
            trace.add(unit, "Read", reads=item)

    begun = {}
    for unit in ("w1", "w2", "w3"):
        open_(unit, "z")
        begun[unit] = len(trace.events)
    for unit in [f"u{k}" for k in range(units)]:
        open_(unit, "y")
        trace.add(unit, "Write", reads="x", writes="x")
        trace.add(unit, "Close", outcome="returned")
    for unit, since in begun.items():
        trace.add(unit, "Write", reads="x", writes="x", since=since)
        trace.add(unit, "Close", outcome="returned")
    return trace


def looked_at(monkeypatch: pytest.MonkeyPatch, trace: Writer) -> int:
    """How many dependencies are looked at, each as often as it is; nothing may be found."""
    searches: list[tuple[int, Doubt]] = []

    def counted(block: Block) -> Doubt:
        doubt = Doubt(block)
        searches.append((doubt.effort, doubt))
        return doubt

    counted.needed = Doubt.needed  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(leo.units.judge, "Doubt", counted)
        assert trace.judge().clean
    return sum(before - doubt.effort for before, doubt in searches)


@pytest.mark.parametrize("history", [waiting, starving])
def test_the_work_grows_with_the_trace_and_not_faster(
    monkeypatch: pytest.MonkeyPatch, history: Callable[..., Writer]
) -> None:
    """Four times as many units of a correct program that waits inside its calls: about four times
    as much to look at. One call to a unit: no time runs back, and there is nothing to search.
    """
    short, long = (looked_at(monkeypatch, history(units, look=True)) for units in (100, 400))
    assert 0 < long < 5 * short
    assert looked_at(monkeypatch, history(100, look=False)) == 0


@pytest.mark.parametrize(
    ("written", "writes", "broken", "undecided"),
    [
        # What it missed may not have happened; if it did, the reader comes before it.
        ("raised", "", set(), {"StrictlySerializable"}),
        # What it missed did happen; its own write may have, after that, and closes a cycle then.
        ("ok", "x", {"StrictlySerializable"}, {"Serializable", "NoLostUpdate"}),
    ],
)
def test_a_read_that_looked_back_leads_back_in_time(
    written: str, writes: str, broken: set[str], undecided: set[str]
) -> None:
    """Also where each unit has one call, so that nothing else does."""
    trace = Writer()
    trace.add("a", "Open")
    trace.add("a", "Write", writes="x", outcome=written)
    trace.add("a", "Close", outcome="returned")
    trace.add("r", "Open")
    action, outcome = ("Write", "raised") if writes else ("Read", "ok")
    trace.add("r", action, seen={"x": 0}, writes=writes, outcome=outcome)
    trace.add("r", "Close", outcome="returned")
    verdict = trace.judge()
    assert set(verdict.broken) == broken
    assert set(verdict.undecided) == undecided


def test_a_unit_that_is_kept_can_lead_back_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that can be is forgotten after each unit; the one that is open has had its calls."""
    monkeypatch.setattr(leo.units.judge, "KEEP", 1)
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
    trace.add("b", "Write", writes="x", since=2)
    trace.add("a", "Read", reads="x", since=2)
    trace.add("b", "Close", outcome="returned")
    for unit, item in (("c", "y"), ("d", "z")):
        if unit == "d":
            trace.add("a", "Read", reads="y")
        trace.add(unit, "Open")
        trace.add(unit, "Write", writes=item)
        trace.add(unit, "Close", outcome="returned")
    trace.add("a", "Close", outcome="returned")
    assert set(trace.judge().undecided) == {"StrictlySerializable"}
