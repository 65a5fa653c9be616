"""Histories of others with known verdicts (`histories.py`): each is judged right, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from leo.commands.main import main
from leo.units import history_of, is_history, judge_reader
from tests.leo.units.histories import LISTS, PLAIN, REGISTERS, SINGLES, Told

ALL = [
    pytest.param(told, id=f"{kind}: {name}")
    for kind, some in (
        ("list", LISTS),
        ("register", REGISTERS),
        ("single", SINGLES),
        ("plain", PLAIN),
    )
    for name, told in some.items()
]


@pytest.mark.parametrize("told", ALL)
def test_history(told: Told, tmp_path: Path) -> None:
    """The strongest level that holds, what is found and what is left open; the command says so."""
    data = told.text.encode()
    kind = is_history(data.partition(b"\n")[0] + b"\n")
    verdict = judge_reader(history_of(kind, data, "history"))
    names = {case.anomaly for case in verdict.cases(sure=True)} - {""}
    assert (verdict.level(sure=True), verdict.level(sure=False)) == (told.level, told.level)
    assert names >= set(told.names)
    assert set(verdict.undecided) == set(told.undecided)
    path = tmp_path / "history"
    path.write_bytes(data)
    assert main(["validate", str(path)]) == int(told.level != "strict-serializable")
    if told.level:
        assert main(["validate", str(path), "--promise", told.level]) == 0
