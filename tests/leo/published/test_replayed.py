"""Every way in which a published program loses a property, followed by the program itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.checking.plan import Bound, negative_bound
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move
from leo_model.machine.reachable import bounded_world, explore, violations
from leo_model.organism.case import ScheduleError
from leo_model.organism.published import carry_out
from leo_model.traces.validate import validate

PUBLISHED = [name for name, rules in DISCIPLINES.items() if rules.published]
# Nobody records the death of a process.
FAULTS = ("Cancel", "Raise", "Swallow")


def schedules(discipline: str) -> dict[str, list[Move]]:
    """A shortest schedule for each property that is claimed to fall, by our own search."""
    claims, found = load_claims(), {}
    for verdict, faults, bound in (
        (FALLS, (), negative_bound(discipline, False)),
        (FALLS_WITH_FAULTS, FAULTS, Bound(2, 1)),
    ):
        world = bounded_world(discipline, bound.sessions, bound.turns, faults)
        titles = claims.titles(discipline, verdict)
        for violation in violations(world, explore(world)) if titles else ():
            if violation.property in titles:
                found[violation.property] = list(violation.schedule)
    return found


@pytest.mark.parametrize("discipline", PUBLISHED)
def test_what_falls_in_the_specification_falls_in_the_program(
    discipline: str, tmp_path: Path
) -> None:
    """Action for action, by the word of both engines on what was recorded."""
    found = schedules(discipline)
    claims = load_claims()
    assert set(found) == set(claims.titles(discipline, FALLS, FALLS_WITH_FAULTS))
    traces = {}
    for title, schedule in found.items():
        traces[title] = tmp_path / f"{title}.ndjson"
        carry_out(discipline, schedule, traces[title])
    for title, report in zip(traces, validate(list(traces.values()), "both"), strict=True):
        assert report.accepted and report.disagreement() is None, title
        assert title in report.broken


def test_a_schedule_of_another_program_is_not_followed(tmp_path: Path) -> None:
    """The program does what it does: a schedule that says otherwise is refused, not adjusted."""
    call, acquire = Move("Call", "s1"), Move("Acquire", "s1")
    for wrong, why in (
        (Move("Recall", "s1"), "s1 Recall was to come, and the program never did it"),
        (Move("Crash", "i1"), "a dead process records nothing"),
    ):
        with pytest.raises(ScheduleError, match=why):
            carry_out("published-december", [call, wrong, acquire], tmp_path / "a.ndjson", 0.5)
