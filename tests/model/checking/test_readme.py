"""The README's output of `make verify` is put there by a command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leo_model.checking.check import spec_hash
from leo_model.checking.claims import load_claims
from leo_model.checking.plan import plan
from leo_model.errors import ModelError
from leo_model.readme import MARKED, refreshed

README = (Path(__file__).resolve().parents[3] / "README.md").read_text("utf-8")
GOOD = "the table\nverified: every claim and every trace is as expected\n"


def test_the_output_goes_to_its_place() -> None:
    """The marked block is replaced, and nothing else."""
    new = refreshed(README, GOOD)
    found = MARKED.search(new)
    assert found is not None and found[2] == GOOD
    old = MARKED.search(README)
    assert old is not None
    assert new.replace(GOOD, "") == README.replace(old[2], "")


def numbers(text: str) -> dict[str, str]:
    """What an output of `make verify` says of the specification and of the searches."""
    found = re.search(
        r"specification \S+, SHA-256 (\w+),.*?(\d+) runs of TLC over ([\d,]+) states; (\d+) not as",
        text,
        re.DOTALL,
    )
    assert found is not None, text
    return dict(zip(("hash", "runs", "states", "wrong"), found.groups(), strict=True))


def expected() -> dict[str, str]:
    """What it must say, by the specification here and the claims."""
    claims = load_claims()
    states = sum(claims.numbers[run.name].distinct for run in plan(claims))
    return {
        "hash": spec_hash()[:16],
        "runs": str(len(plan(claims))),
        "states": f"{states:,}",
        "wrong": "0",
    }


def test_the_output_shown_is_of_this_specification() -> None:
    """The block in the README is that of the specification and the claims that are here; after a
    change of either, `make readme` writes it anew."""
    block = MARKED.search(README)
    assert block is not None
    assert numbers(block[2]) == expected()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (spec_hash()[:16], "0123456789abcdef"),
        (" runs of TLC", "0 runs of TLC"),
        (" states; ", "1 states; "),
        ("; 0 not as", "; 1 not as"),
    ],
)
def test_an_output_of_another_specification_is_noticed(old: str, new: str) -> None:
    """The comparison can fail, for each of the numbers."""
    told = (
        "specification field/1, SHA-256 {hash}, TLC 2.15\n{runs} runs of TLC over {states} states; "
    )
    text = (told + "{wrong} not as claimed.").format(**expected())
    assert numbers(text) == expected()
    assert old in text
    assert numbers(text.replace(old, new)) != expected()


def test_a_run_with_findings_is_not_shown() -> None:
    """Output that does not end in success, and a README without the marks, are refused."""
    with pytest.raises(ModelError, match="left as it is"):
        refreshed(README, "NOT AS CLAIMED")
    with pytest.raises(ModelError, match="0 places"):
        refreshed("# nothing", GOOD)
