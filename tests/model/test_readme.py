"""The README's output of `make verify` is put there by a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import ModelError
from model.readme import MARKED, refreshed

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
GOOD = "the table\nverified: every claim and every trace is as expected\n"


def test_the_output_goes_to_its_place() -> None:
    """The marked block is replaced, and nothing else."""
    new = refreshed(README, GOOD)
    found = MARKED.search(new)
    assert found is not None and found[2] == GOOD
    old = MARKED.search(README)
    assert old is not None
    assert new.replace(GOOD, "") == README.replace(old[2], "")


def test_a_run_with_findings_is_not_shown() -> None:
    """Output that does not end in success, and a README without the marks, are refused."""
    with pytest.raises(ModelError, match="left as it is"):
        refreshed(README, "NOT AS CLAIMED")
    with pytest.raises(ModelError, match="0 places"):
        refreshed("# nothing", GOOD)
