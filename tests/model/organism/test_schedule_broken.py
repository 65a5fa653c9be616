"""Eleven broken organisms are caught, each by a schedule that can be carried out again; whole
ones are not.
"""

from __future__ import annotations

from itertools import islice

import pytest

from leo.schedules.engine.search import Plan, walks
from leo.schedules.engine.system import Choice
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.organism.case import Case, from_token, to_token
from leo_model.organism.organism import Organism
from leo_model.organism.replay import replay
from tests.model.broken import BROKEN, Broken

ENOUGH = 40


def claimed(case: Case) -> set[str]:
    """What may break, by the claims."""
    verdicts = (FALLS, FALLS_WITH_FAULTS) if case.faults else (FALLS,)
    return set(load_claims().titles(case.discipline, *verdicts))


def first_violation(
    organism: Organism, limit: int, permitted: set[str]
) -> tuple[int, set[str], tuple[Choice, ...]] | None:
    """The number of the first schedule that breaks more than is permitted, what, and how."""
    for number, walk in enumerate(islice(walks(organism, Plan("pct", limit=limit)), limit), 1):
        surplus = set(walk.outcome.violations) - permitted
        if surplus:
            return number, surplus, tuple(step.choice for step in walk.steps)
    return None


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_organism_is_caught(broken: Broken) -> None:
    """Within 40 schedules; its token, carried out by the same double, shows it again."""
    with broken.organism() as organism:
        found = first_violation(organism, ENOUGH, claimed(broken.case))
        assert found is not None
        _, titles, choices = found
        case, again = from_token(to_token(broken.case, choices))
        assert case == broken.case
        assert titles <= set(replay(organism, again).outcome.violations)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_the_whole_organism_is_not(broken: Broken) -> None:
    """The same schedules, without the double: nothing breaks but what is claimed to."""
    with Organism(broken.case, most=1) as organism:
        assert first_violation(organism, ENOUGH, claimed(broken.case)) is None


def test_no_lock_within_five_schedules() -> None:
    """The organism without a lock: a property falls in one of the first five schedules."""
    for discipline in ("bare", "gil"):
        with Organism(Case(discipline)) as organism:
            found = first_violation(organism, 5, set())
        assert found is not None


def test_the_cancelled_commit_within_fifty_schedules() -> None:
    """D5's trap: cancelled between the commit and the swap, and the view stays behind."""
    with Organism(Case("unit-of-work", faults=("Cancel",)), most=1) as organism:
        found = first_violation(organism, 50, set())
    assert found is not None
    _, titles, choices = found
    assert "ViewAgreesWithStore" in titles
    assert sum(choice.what == "cancel" for choice in choices) == 1
