"""What README and ARTIFACT quote is put there by a command, and is of this state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leo_model.checking.check import spec_hash
from leo_model.checking.claims import load_claims
from leo_model.checking.plan import plan
from leo_model.commands.verify import WORKLOADS, recorded
from leo_model.errors import ModelError
from leo_model.machine.properties import PROPERTIES
from leo_model.readme import VERIFIED, brief, marked, printed, refreshed

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")
ARTIFACT = (ROOT / "ARTIFACT.md").read_text("utf-8")
COUNTED = "2 searches by TLC over 30 states; 0 not as claimed."
GOOD = f"the version\n\nthe table\n\n✓  a legend\n\n{COUNTED}\n\nThe shortest way\n{VERIFIED}\n"


@pytest.mark.parametrize(
    ("text", "name", "quoted"), [(README, "table", brief(GOOD) + "\n"), (ARTIFACT, "verify", GOOD)]
)
def test_the_output_goes_to_its_place(text: str, name: str, quoted: str) -> None:
    """The marked block is replaced, and nothing else."""
    old, new = marked(name).search(text), marked(name).search(refreshed(text, GOOD))
    assert old is not None and new is not None
    assert new[2] == quoted
    assert refreshed(text, GOOD) == text[: old.start(2)] + quoted + text[old.end(2) :]


def test_the_brief_table_names_every_column() -> None:
    """The README has the table, a sign and a name for each column, and the count, no more."""
    lines = brief(GOOD).splitlines()
    assert lines[0] == "the table" and lines[-1] == f"the version: {COUNTED}"
    for about in PROPERTIES.values():
        assert f"{about.short} {about.standard}" in " ".join(lines)


def numbers(text: str) -> dict[str, str]:
    """What an output of `make verify` says of the specification and of the searches."""
    found = re.search(
        r"specification \S+, SHA-256 (\w+),.*?(\d+) searches by TLC over ([\d,]+) states; (\d+) n",
        text,
        re.DOTALL,
    )
    assert found is not None, text
    return dict(zip(("hash", "runs", "states", "wrong"), found.groups(), strict=True))


def expected(states: str) -> dict[str, str]:
    """What it must say, by the specification here and the claims, if it counted so many `states`.

    Where a temporal property falls, TLC stops as soon as it sees it: those states are not recorded.
    """
    claims = load_claims()
    recorded = sum(claims.numbers[run.name].distinct for run in plan(claims))
    assert 0 <= int(states.replace(",", "")) - recorded < recorded / 50
    return {
        "hash": spec_hash()[:16],
        "runs": str(len(plan(claims))),
        "states": states,
        "wrong": "0",
    }


@pytest.mark.parametrize(("text", "name"), [(README, "table"), (ARTIFACT, "verify")])
def test_the_output_shown_is_of_this_specification(text: str, name: str) -> None:
    """After a change of the specification or the claims, `make readme` writes it anew."""
    block = marked(name).search(text)
    assert block is not None
    found = numbers(block[2])
    assert found == expected(found["states"])


def test_the_traces_shown_are_of_the_workloads_here() -> None:
    """Their sizes and disciplines, as `leo verify` tells them."""
    assert recorded(WORKLOADS) in ARTIFACT


def test_the_example_prints_what_is_shown() -> None:
    """The program in the README is executed, and its output is the block below it."""
    block = marked("example").search(README)
    assert block is not None
    assert printed(README) == block[2]


def test_an_output_that_is_not_whole_is_refused() -> None:
    """A run that was interrupted or found something is not quoted."""
    with pytest.raises(ModelError, match="found everything as expected"):
        refreshed(README, "the table\n")
    with pytest.raises(ModelError, match="counts the searches"):
        refreshed(README, GOOD.replace(COUNTED, ""))
    with pytest.raises(ModelError, match="the text has no place"):
        refreshed("no place", GOOD)
