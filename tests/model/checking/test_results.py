"""Results that were changed by hand: what would be quoted of them is held to the claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from leo_model.checking.claims import load_claims
from leo_model.checking.results import closing_step, problems
from leo_model.machine.machine import Move
from tests.paper.artifact.results import check_results

Edit = Callable[[Any], object]
FALL = "asyncio-lock.falls.AllOrNothing.2x1.faults"


def all_hold(data: Any) -> None:
    for cell in data["claims"]:
        if cell["discipline"] == "asyncio-lock":
            cell["verdict"] = "holds"


def all_errors(data: Any) -> None:
    for run in data["runs"].values():
        run["verdict"] = "error"


def told(data: Any) -> Any:
    return data["counterexamples"][0]


EDITS: dict[str, Edit] = {
    "every cell holds": all_hold,
    "every run is an error": all_errors,
    "a cell is gone": lambda data: data["claims"].pop(),
    "a run is gone": lambda data: data["runs"].pop(FALL),
    "a run is of something else": lambda data: data["runs"][FALL].update(titles=["Durable"]),
    "something else fell": lambda data: data["runs"][FALL].update(property="Durable"),
    "other numbers": lambda data: data["runs"][FALL].update(distinct=7),
    "no number": lambda data: data["runs"][FALL].update(distinct="many"),
    "no list": lambda data: data.update(counterexamples=3),
    "half a counterexample": lambda data: told(data).update(schedule=told(data)["schedule"][:-1]),
    "another step": lambda data: told(data)["schedule"].__setitem__(2, ["Commit", "s1"]),
    "a step of nobody": lambda data: told(data)["schedule"].__setitem__(2, ["Recall", "s9"]),
    "no action": lambda data: told(data)["schedule"].__setitem__(2, ["Fly", "s1"]),
    "of another property": lambda data: told(data).update(property="Durable"),
    "of another bound": lambda data: told(data).update(sessions=3),
    "without faults": lambda data: told(data).update(faults=[]),
    "twice": lambda data: data["counterexamples"].append(told(data)),
}


def test_what_a_check_writes_is_believed() -> None:
    """Every claim, every search with its numbers, counterexamples that break what they say."""
    assert problems(check_results(), load_claims()) == []


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_what_was_changed_is_not(edit: Edit) -> None:
    """One edit, and the file is no source any more; no edit ends in a traceback."""
    data = json.loads(json.dumps(check_results()))
    edit(data)
    assert problems(data, load_claims())


def test_the_step_that_closes_a_circle() -> None:
    """TLC names the state that a behaviour comes back to; the step that leads there need not be the
    one that led there first."""
    steps = (
        "Call 1, Acquire 1, Begin 1, Recall 1, Ingest 1, Generate 1, Call 2, Acquire 2, Begin 2, "
        "Recall 2, Ingest 2, Generate 2, SaveSnapshot 2, Commit 2, SaveSnapshot 1, SwapView 2, "
        "Retry 1, Begin 1, Release 2"
    )
    words = [step.split() for step in steps.split(", ")]
    found = {
        "discipline": "optimistic", "property": "Answered", "faults": [], "sessions": 2, "turns": 0,
        "back_to": 4, "witness": "", "schedule": [(action, f"s{who}") for action, who in words],
    }  # fmt: skip
    assert closing_step(found) == Move("Return", "s2")
    assert closing_step({**found, "back_to": 5}) is None
    assert closing_step({**found, "back_to": None}) is None
