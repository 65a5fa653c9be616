"""Small programs, wrong and right, recorded and judged (`programs.py`)."""

from __future__ import annotations

import pytest

from leo import instrument
from leo.units import judge_bytes
from tests.leo.units.programs import RIGHT, WRONG


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_program_is_told_in_plain_words(name: str) -> None:
    """The first finding says what happened, without the name of an anomaly, and the level that is
    left is the one expected."""
    program = WRONG[name]
    verdict = program.judge()
    said = [case.said for case in verdict.cases(sure=True)]
    assert said and said[0].startswith(program.says)
    assert verdict.level(sure=True) == program.level
    if name == "fire and forget":
        assert set(verdict.broken) == {"NoLateWrite"}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_holds(name: str) -> None:
    """It holds at the level that it keeps, with nothing left open."""
    program = RIGHT[name]
    verdict = program.judge()
    assert verdict.level(sure=True) == verdict.level(sure=False) == program.level


class Bell:
    """A write that is given nothing, and a read that returns something."""

    def __init__(self) -> None:
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1

    def count(self) -> int:
        return self.rung


@pytest.mark.parametrize("whole_class", [False, True])
def test_what_has_no_value_is_not_compared(whole_class: bool) -> None:
    """A write without an argument gives nothing that a read could return; nor does the object."""
    bell = Bell()
    target = Bell if whole_class else bell
    with instrument(target, reads={"count": "x"}, writes={"ring": "x"}, values=True) as recording:
        bell.ring()
        assert bell.count() == 1
    assert judge_bytes(recording.ndjson()).clean


def test_a_unit_that_commits_a_part_and_fails_is_half_done() -> None:
    """What it had not committed is undone; what it had is told."""

    class Ledger:
        def put(self, row: str) -> None:
            pass

        def commit(self) -> None:
            pass

    ledger = Ledger()
    with instrument(ledger, writes={"put": lambda row: row}, commits="commit") as recording:
        with pytest.raises(ValueError), recording.unit("order"):
            ledger.put("stock")
            ledger.commit()
            ledger.put("bill")
            raise ValueError
        with pytest.raises(ValueError), recording.unit("order"):
            ledger.put("stock")
            raise ValueError
        with pytest.raises(ValueError), recording.unit("order"):
            ledger.put("stock")
            ledger.commit()
            raise ValueError
    verdict = judge_bytes(recording.ndjson())
    [case] = verdict.cases(sure=True)
    assert case.said == "order.1 failed (ValueError) and left stock, but not bill"
    assert case.count == 1 and not verdict.undecided
