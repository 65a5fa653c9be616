"""`leo explore`: what it prints and how it ends; schedules and states have the same outcomes."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path

import pytest

from leo.commands.main import main
from leo.schedules.engine.depth_first import DepthFirst
from leo.schedules.engine.optimal import Optimal
from leo.schedules.engine.search import DEADLOCK, Plan, explore, walks
from leo.schedules.engine.system import Events, NormalForm, Walk, normal_form
from leo_model.checking.claims import Claims
from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.machine.reachable import bounded_world
from leo_model.machine.reachable import explore as reachable_graph
from leo_model.organism.case import Case
from leo_model.organism.organism import Organism
from tests.model.fallen import violations
from tests.model.organism.machine_system import Machine

QUIET = ("asyncio-lock", "unit-of-work", "shielded-unit-of-work", "threading-lock", "actor")


def run(*words: str, build: Path) -> int:
    return main(["explore", *words, "--build", str(build)])


def test_complete_and_nothing_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lock without faults: complete, nothing broken, exit code 0, and a result in a file."""
    assert run("asyncio-lock", build=tmp_path) == 0
    out = capsys.readouterr().out
    assert "asyncio-lock, 2x1 (sessions x turns), faults: none\noptimal: complete: " in out
    assert out.endswith("nothing is broken in them\n")
    (path,) = tmp_path.iterdir()
    result = json.loads(path.read_text())
    assert (result["complete"], result["violations"]) == (True, {})


def test_violation_with_table_and_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a lock the first schedule breaks what is claimed to fall: a table, tokens, 0."""
    assert run("D1", "--first", build=tmp_path) == 0
    out = capsys.readouterr().out
    assert "not complete: 1 schedule, 1 classes; stopped at the first violation" in out
    assert "✗ MutualExclusion: inside their program at once: s1.1, s2.1" in out
    assert "leo replay leo1.bare.2x1.7.0." in out
    assert "NOT CLAIMED" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_fall_that_nobody_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same fall is a finding when the claims do not expect it: it says so, and ends with 1."""
    monkeypatch.setattr(Claims, "may_fall", lambda *_, **__: {"Serializable"})
    assert run("D1", "--first", build=tmp_path) == 1
    assert "✗ MutualExclusion  NOT CLAIMED" in capsys.readouterr().out


def test_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A search that is cut off decides nothing: exit code 2."""
    assert run("shielded-unit-of-work", "--limit", "3", build=tmp_path) == 2
    assert "not complete: 3 schedules" in capsys.readouterr().out


@pytest.mark.parametrize("strategy", ["bounded", "random", "pct"])
def test_other_strategies_never_say_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    """A search that was asked for a part executes it, finds nothing, and says what it is not."""
    words = ("asyncio-lock", "--strategy", strategy, "--limit", "5", "--bound", "0")
    assert run(*words, build=tmp_path) == 0
    assert f"{strategy}: not complete: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "there is no discipline 'nobody'"),
        (("nobody",), "module:scenario"),
        (("bare", "--faults", "Bad"), "--faults Bad: under bare these can strike: Cancel"),
        (("bare", "--most", "-1"), "--most -1: expected"),
        (("bare", "--strategy", "random"), "never ends by itself: give it a limit"),
        (("bare", "--limit", "0"), "a limit of 0 runs"),
        (("bare", "--sessions", "0"), "0 sessions"),
    ],
)
def test_wrong_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """A question that cannot be answered: one paragraph, exit code 2."""
    assert main(["explore", *words, "--build", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") <= 2


@pytest.mark.parametrize(
    ("discipline", "faults"),
    [
        ("asyncio-lock", ()),
        pytest.param("unit-of-work", ("Cancel",), marks=pytest.mark.long),
        pytest.param("shielded-unit-of-work", ("Cancel",), marks=pytest.mark.long),
    ],
)
def test_the_organism_by_brute_force(discipline: str, faults: tuple[str, ...]) -> None:
    """The real organism: each class of brute force once, none redundant, and the same broken."""
    events = Events()
    with Organism(Case(discipline, 2, 1, faults), most=1) as organism:
        best = explore(organism)
        once, fallen = classes_of(organism, Optimal(organism.start, events=events))
        every, fell = classes_of(organism, DepthFirst(organism.start, events=events, reduce=False))
    assert (best.runs, best.redundant, best.complete) == (len(once), 0, True)
    assert (len(once), set(once)) == (len(set(every)), set(every))
    assert set(best.found) == fallen == fell


FAULTS = [(name, (fault,)) for name in IDEALISED for fault in DISCIPLINES[name].possible_faults]
LARGE = ("bare", "gil", "optimistic", *(name for name in IDEALISED if "store" in name))


@pytest.mark.parametrize(
    ("discipline", "faults"),
    [
        *((name, ()) for name in IDEALISED if name not in LARGE),
        *(("reentrant", faults) for faults in (("Cancel",), ("Crash",))),
        *(pytest.param(name, (), marks=pytest.mark.long) for name in LARGE),
        *(pytest.param(*it, marks=pytest.mark.long) for it in FAULTS if it[0] not in LARGE),
    ],
)
def test_no_run_of_the_organism_is_given_up(discipline: str, faults: tuple[str, ...]) -> None:
    """As many runs as complete ones by sleep sets, which are one of each class; none given up."""
    case = Case(discipline, 1 if discipline == "sequential" else 2, 1, faults)
    with Organism(case, most=1) as organism:
        best, asleep = explore(organism), explore(organism, Plan("reduced"))

    assert (best.runs, best.redundant, best.complete) == (asleep.runs, 0, True)
    assert set(best.found) == set(asleep.found)


def classes_of(organism: Organism, search: DepthFirst) -> tuple[list[NormalForm], set[str]]:
    """The class of each run of a search, and the titles of what is broken."""
    classes, fell = list[NormalForm](), set[str]()
    for walk in walks(organism, Plan(), search):
        classes.append(normal_form(search.events or Events(), search.numbers()))
        fell.update(walk.outcome.violations)
    return classes, fell


@pytest.mark.parametrize(
    ("discipline", "faults"),
    [
        *((name, ()) for name in QUIET),
        # Replies overlap: thousands of schedules for a few hundred states.
        pytest.param("bare", (), marks=pytest.mark.long),
        pytest.param("shared-store-immediate", (), marks=pytest.mark.long),
        ("unit-of-work", ("Cancel",)),
        pytest.param("asyncio-lock", ("Cancel",), marks=pytest.mark.long),
    ],
)
def test_machine_has_the_ends_of_its_graph(discipline: str, faults: tuple[str, ...]) -> None:
    """One schedule of each class reaches every end of the reachable graph and breaks the same; so
    when any one of the replies is cancelled at any moment."""
    check_against_graph(discipline, faults)


@pytest.mark.parametrize("sessions", [1, pytest.param(2, marks=pytest.mark.long)])
def test_machine_that_crashes(sessions: int) -> None:
    """A crash takes the sessions of its instance along: as many runs as classes, the same ends."""
    ends: dict[str, set[Hashable]] = {"optimal": set(), "brute": set()}
    machine = Machine("asyncio-lock", sessions, 1, ("Crash", "Raise"), most=1)
    best = explore(machine, Plan(), lambda w: ends["optimal"].add(w.outcome.final["state"]))
    brute = explore(machine, Plan("brute"), lambda w: ends["brute"].add(w.outcome.final["state"]))
    assert best.complete
    assert (best.runs, set(best.found)) == (brute.classes, set(brute.found))
    assert ends["optimal"] == ends["brute"]


def check_against_graph(discipline: str, faults: tuple[str, ...]) -> None:
    """Explore the transition system by schedules and by states, and compare.

    Without a bound on the faults, as the graph has none.
    """
    ends: set[Hashable] = set()

    def note(walk: Walk) -> None:
        if walk.end == "complete":
            ends.add(walk.outcome.final["state"])

    report = explore(Machine(discipline, 2, 1, faults), Plan(), note)
    world = bounded_world(discipline, 2, 1, faults)
    graph = reachable_graph(world)
    assert report.complete
    assert report.redundant == 0
    assert ends == {graph.states[at].key() for at in (*graph.finished, *graph.deadlocks)}
    assert set(report.found) - {DEADLOCK} == {
        found.property for found in violations(world, graph)
    } - {DEADLOCK}
