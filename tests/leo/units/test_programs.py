"""Small programs, wrong and right, recorded and judged (`programs.py`)."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_holds(name: str) -> None:
    """It holds at the level that it keeps, with nothing left open."""
    program = RIGHT[name]
    verdict = program.judge()
    assert verdict.level(sure=True) == verdict.level(sure=False) == program.level
