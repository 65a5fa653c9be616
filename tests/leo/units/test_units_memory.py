"""What the judge holds: what is open and what depends on it, and nothing at the end."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from leo.errors import TraceError
from leo.units import judge_bytes, uncollected
from leo.units.judge import UnitsJudge
from tests.leo.units.writer import Writer

KEEP = 40


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge keeps fewer units than it does for others."""
    monkeypatch.setattr("leo.units.judge.KEEP", KEEP)


def test_a_unit_that_has_done_nothing_holds_nothing_up() -> None:
    """Units beside it are judged and let go of, though it is open all the time."""
    trace = Writer()
    trace.add("idle", "Open")
    for k in range(4 * KEEP):
        trace.unit(f"u{k}", "wx")
    trace.add("idle", "Read", reads="x")
    trace.add("idle", "Close", outcome="returned")
    verdict = trace.judge()
    assert verdict.clean
    assert verdict.most <= 3 * KEEP + 2


def test_a_unit_that_has_read_is_waited_for() -> None:
    """The same, but it has read before, and reads again what has changed meanwhile."""
    trace = Writer()
    trace.add("slow", "Open")
    trace.add("slow", "Read", reads="x")
    for k in range(4 * KEEP):
        trace.unit(f"u{k}", "wx")
    trace.add("slow", "Read", reads="x")
    trace.add("slow", "Close", outcome="returned")
    assert set(trace.judge().broken) == {"StableRead", "Serializable"}


def test_nothing_is_looked_through_before_it_can_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a unit is open that has read, no more often the more units end beside it."""
    looked: list[bool] = []
    spans = UnitsJudge._spans

    def counted(judge: UnitsJudge, at_the_end: bool) -> Iterator[tuple[int, int]]:
        looked.append(at_the_end)
        return spans(judge, at_the_end)

    monkeypatch.setattr(UnitsJudge, "_spans", counted)
    trace = Writer()
    trace.add("slow", "Open")
    trace.add("slow", "Read", reads="x")
    for k in range(16 * KEEP):
        trace.unit(f"u{k}", "wx")
    trace.add("slow", "Close", outcome="returned")
    assert trace.judge().clean
    assert looked == [True]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[UnitsJudge]:
    """The judges that are made."""
    judges: list[UnitsJudge] = []
    enter = UnitsJudge.__enter__

    def entered(judge: UnitsJudge) -> UnitsJudge:
        judges.append(judge)
        return enter(judge)

    monkeypatch.setattr(UnitsJudge, "__enter__", entered)
    return judges


@pytest.mark.parametrize("broken", [False, True])
def test_the_judge_lets_go_of_units_and_leaves_the_collector_alone(
    broken: bool, made: list[UnitsJudge]
) -> None:
    """Also when a line is wrong; units and their calls are in circles that nobody collects."""
    trace = Writer()
    trace.unit("a", "wx rx")
    trace.add("b", "Open")
    trace.add("b", "Write", writes="x")
    data = trace.data()
    if broken:
        with pytest.raises(TraceError):
            judge_bytes(data + b"{}\n")
    else:
        judge_bytes(data)
    [judge] = made
    units = [*judge._closed, *judge._open.values()]
    assert len(units) == 2
    assert not any(unit.calls for unit in units)
    assert gc.isenabled()


def test_who_does_nothing_else_may_spare_the_collector() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
