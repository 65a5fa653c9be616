"""Counterexamples and broken organisms: followed on the organism, caught by a schedule that can be
carried out again, and refused when they are not its own.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from leo.commands.main import main
from leo.schedules.engine.search import Plan, walks
from leo.schedules.engine.system import Choice
from leo_model.checking.check import Counterexample
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.checking.plan import Bound, negative_bound
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move
from leo_model.machine.reachable import bounded_world, explore
from leo_model.organism.case import Case, from_token, to_token
from leo_model.organism.organism import Organism
from leo_model.organism.replay import ask_engines, carry_out, circle_of, replay
from tests.model.broken import BROKEN, Broken
from tests.model.fallen import violations

TWO = Bound(2, 1)
SMALL = ("unit-of-work", "threading-lock", "reentrant", "optimistic")


def counterexample(
    discipline: str,
    title: str,
    schedule: list[Move],
    faults: tuple[str, ...] = (),
    bound: Bound = TWO,
    back_to: int | None = None,
) -> Counterexample:
    """What a check makes of TLC's."""
    text, path = "", Path("none")
    return Counterexample(
        discipline, title, len(schedule), text, "", path, tuple(schedule), faults, bound, back_to
    )


def shortest(discipline: str) -> list[Counterexample]:
    """The shortest violation of every property that is claimed to fall, by our own search."""
    claims, found = load_claims(), []
    for verdict, strikes in ((FALLS, ()), (FALLS_WITH_FAULTS, None)):
        titles = claims.titles(discipline, verdict)
        faults = DISCIPLINES[discipline].possible_faults if strikes is None else strikes
        bound = negative_bound(discipline, bool(faults))
        world = bounded_world(discipline, bound.sessions, bound.turns, faults)
        found += [
            counterexample(discipline, v.property, list(v.schedule), faults, bound)
            for v in violations(world, explore(world))
            if v.property in titles
        ]
    return found


@pytest.mark.parametrize("discipline", SMALL)
def test_what_falls_in_the_specification_falls_in_the_organism(
    discipline: str, tmp_path: Path
) -> None:
    """Each property that is claimed to fall, by the word of the validator on the recorded trace."""
    attempts = [carry_out(found, tmp_path) for found in shortest(discipline)]
    ask_engines(attempts, "native")
    assert attempts and all(attempt.yes for attempt in attempts), [a.why for a in attempts]
    for attempt in attempts:
        assert attempt.trace is not None and attempt.trace.is_file()
        assert attempt.token.startswith(f"leo1.{discipline}.2x")


REPLY = (
    "Acquire", "Recall", "Ingest", "LoadBigrams", "LoadTrigrams", "AssignView", "GenerateBegin",
    "GenerateEnd", "SaveSnapshot", "Release", "Return", "Call",
)  # fmt: skip
STARVED = [Move("Call", "s1"), Move("Call", "s2"), *(Move(action, "s2") for action in REPLY)]


def test_a_call_that_is_never_answered(tmp_path: Path) -> None:
    """A lock that is no queue: s2 has it again and again, and s1 waits all the while."""
    found = counterexample("threading-lock", "Answered", STARVED, (), Bound(2, 0), back_to=4)
    attempt = carry_out(found, tmp_path)
    assert attempt.yes, attempt.why
    assert "s1 not answered" in attempt.why
    assert len(circle_of(found)) == len(REPLY)


def test_a_circle_that_does_not_come_round(tmp_path: Path) -> None:
    """With the lock in a queue the same moves are none of the organism's."""
    queue = counterexample("asyncio-lock", "Answered", STARVED[:3], (), Bound(2, 0), back_to=2)
    attempt = carry_out(queue, tmp_path)
    assert not attempt.yes
    assert "s2 cannot step here" in attempt.why


def test_what_does_not_fall_is_not_called_replayed(tmp_path: Path) -> None:
    """A schedule that breaks nothing, and one that is not the organism's, are told apart."""
    quiet = [Move("Call", "s1"), Move("Acquire", "s1")]
    attempt = carry_out(counterexample("bare", "Serializable", quiet), tmp_path)
    assert (attempt.yes, attempt.why) == (False, "the trace breaks nothing")
    other = [Move("Call", "s1"), Move("Recall", "s1")]
    attempt = carry_out(counterexample("bare", "Serializable", other), tmp_path)
    assert not attempt.yes and "the organism did s1 Acquire" in attempt.why
    dead = carry_out(counterexample("bare", "DeadlockFree", quiet), tmp_path)
    assert not dead.yes and "possible are s1" in dead.why


@pytest.mark.long
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """TLC's own counterexamples of one discipline, judged by both engines."""
    asked = ["replay", "--claims", "unit-of-work", "--build", str(tmp_path)]
    assert main(asked) == 0
    assert "4 of 4 replayed" in capsys.readouterr().out
    data = json.loads((tmp_path / "schedules" / "replayed.json").read_text())
    assert all(cell["replayed"] for cell in data["cells"].values())
    assert data["cells"]["unit-of-work / Serializable"]["engines"][0] == "accepted"


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
