"""The VIEW of MCField: states that it takes for one have the same future and the same verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.checking.plan import Bound, Run, config, job
from leo_model.files import spec_folder
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob

# Prints a line for every value of the view, and one for each that it has in a state in which the
# property holds, and in one in which it does not.
COUNT = r"""---- MODULE CountViews ----
EXTENDS MCField
ASSUME \A k \in 1 .. 3 : TLCSet(k, {})
New(k, name) == \/ EssentialState \in TLCGet(k)
                \/ TLCSet(k, TLCGet(k) \cup {EssentialState}) /\ PrintT(name)
Counted == New(1, "value") /\ IF PROPERTY THEN New(2, "good") ELSE New(3, "bad")
===="""


def searches(run: Run) -> tuple[TlcJob, TlcJob]:
    """The search by VIEW alone, and a plain one that counts the kinds of states it meets.

    Neither checks the property, which would end them at the first state that breaks it; from such
    a state they do not go on.
    """
    (title,) = run.titles
    lines = [line for line in config(run).splitlines() if line.strip() != title]
    lines.append(f"CONSTRAINT {title}")
    by_view = "\n".join(line for line in lines if not line.startswith("SYMMETRY"))
    plain = by_view.replace("VIEW EssentialState\n", "").replace("    TypeOK", "    Counted")
    root = COUNT.replace("PROPERTY", title)
    made = replace(job(run), deadlock=False)
    return (
        replace(made, name="view", config=by_view + "\n"),
        replace(made, name="plain", root=root, config=plain + "\n", library=(spec_folder(),)),
    )


@pytest.mark.parametrize(
    ("discipline", "title", "turns", "faults"),
    [
        pytest.param("shared-store-immediate", "MutualExclusion", 2, (), marks=pytest.mark.long),
        ("shared-store-unit-of-work", "ViewAgreesWithStore", 1, ("Crash",)),
    ],
)
def test_view_of_one_property_misses_nothing(
    tmp_path: Path, discipline: str, title: str, turns: int, faults: tuple[str, ...]
) -> None:
    """Up to the first states that break the property, the search by VIEW meets every value that a
    plain search meets, and no two states of one value differ in the property."""
    run = Run(discipline, "holds", Bound(2, turns), faults, (title,))
    by_view, plain = run_many(searches(run), parallel=2, work=tmp_path)
    assert (by_view.verdict, plain.verdict) == ("ok", "ok"), (by_view.reason, plain.reason)
    value, good, bad = (plain.output.count(f'"{word}"') for word in ("value", "good", "bad"))
    assert value == good + bad
    assert by_view.distinct == good > 20
