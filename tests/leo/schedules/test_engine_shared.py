"""An optimal search that is shared, interrupted, kept in a file and gone on with stays optimal."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leo.errors import LeoError
from leo.schedules.checkpoint import load, save
from leo.schedules.engine import Plan, Report, explore
from leo.schedules.frontier import Frontier
from leo.schedules.shared import Master, Order, explore_shared, work
from leo.schedules.tasks import LOST_UPDATE, Tasks
from tests.leo.schedules.test_engine import CROSSED, Program, programs


@given(programs(), st.integers(1, 9))
@example(([("acquire b",), ("release b", "r x")], 1), 3)
@settings(max_examples=30)
def test_interrupted_again_and_again(case: tuple[Program, int], chunk: int) -> None:
    """Cut after every few runs and read back from JSON: the same number of runs, none redundant."""
    make = partial(Tasks, *case)
    whole = explore(make())
    frontier, report = Frontier(), Report("optimal")
    for _ in range(whole.runs + 10):
        plan = Plan(limit=report.runs + chunk)
        report, frontier = explore_shared(make, plan, frontier=frontier, report=report)
        frontier = Frontier.load(json.loads(json.dumps(frontier.dump())))
        if report.complete:
            break

    assert (report.runs, report.redundant, report.complete) == (whole.runs, 0, True)
    assert report.broken == whole.broken


WOKEN_LATE = [("w x",), ("acquire b", "w y"), ("r y", "w x"), ("acquire b", "release b")]


@given(programs(), st.randoms(use_true_random=False))
@example((WOKEN_LATE, 0), Random(3))
@example((WOKEN_LATE, 0), Random(7))
@settings(max_examples=30)
def test_workers_in_any_order(case: tuple[Program, int], chance: Random) -> None:
    """Whoever takes which branch, and gives it back when: the runs of one process, no others."""
    system = Tasks(*case)
    whole = explore(system)
    master, busy = Master(Frontier(), Report("optimal"), Plan()), list[Order]()
    while True:
        master.chunk = chance.randint(1, 6)
        order = master.order(busy) if not busy or chance.random() < 0.7 else None
        if order is not None:
            busy.append(order)
            continue
        if not busy:
            break
        order = busy.pop(chance.randrange(len(busy)))
        result = work(system, order)
        if result.rest is None:
            busy = []
            master.begin_anew(result)
        else:
            master.settle(order, result)
            master.frontier.forget_finished([other.task for other in busy])

    assert (master.report.runs, master.report.redundant) == (whole.runs, 0)
    assert (master.report.broken, master.frontier.planned()) == (whole.broken, 0)


@pytest.mark.slow
def test_two_processes() -> None:
    """Two processes carry out exactly the runs of one."""
    alone = explore(Tasks([LOST_UPDATE] * 2, 1))
    shared, left = explore_shared(partial(Tasks, [LOST_UPDATE] * 2, 1), Plan(), workers=2)

    assert (shared.runs, shared.redundant, shared.complete) == (alone.runs, 0, True)
    assert (shared.broken, set(shared.found)) == (alone.broken, set(alone.found))
    assert left.planned() == 0


@pytest.mark.long
def test_two_processes_three_tasks() -> None:
    """7,134 runs, whoever carries them out."""
    shared, _ = explore_shared(partial(Tasks, [LOST_UPDATE] * 3), Plan(), workers=2)

    assert (shared.runs, shared.redundant, shared.complete) == (7_134, 0, True)


def test_what_is_left_is_said() -> None:
    """A search that was cut off knows of branches, and says that it is not complete."""
    report, left = explore_shared(partial(Tasks, [LOST_UPDATE] * 2), Plan(limit=5))

    assert left.planned() > 0
    assert str(report).startswith("not complete: 5 schedules, 5 classes; stopped at the limit of 5")


def test_first_violation_stops() -> None:
    """With `first` a search ends where something is broken, and is not complete."""
    report, _ = explore_shared(partial(Tasks, CROSSED), Plan(first=True))

    assert set(report.found) == {"DeadlockFree"}
    assert not report.complete


def test_file_keeps_everything(tmp_path: Path) -> None:
    """Counts, violations and what is left come back from the file."""
    path, what = tmp_path / "search.json", {"name": "crossed"}
    report, left = explore_shared(partial(Tasks, CROSSED, 1), Plan(limit=12))
    save(path, what, report, left)
    again, rest = load(path, what)
    done, _ = explore_shared(partial(Tasks, CROSSED, 1), Plan(), frontier=rest, report=again)

    assert again.found == report.found
    assert (done.runs, done.complete) == (explore(Tasks(CROSSED, 1)).runs, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no search to go on with"),
        ("{", "cannot be read as a search"),
        ("[]", "is not a search of format 1"),
        ('{"format": 2}', "is not a search of format 1"),
        ('{"format": 1, "what": {"name": "b"}}', "name was 'b' and is 'a'"),
    ],
)
def test_file_of_something_else(tmp_path: Path, text: str | None, said: str) -> None:
    """A file that is missing, damaged or of another search is refused, with what differs."""
    path = tmp_path / "search.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LeoError, match=said):
        load(path, {"name": "a"})


def test_only_an_optimal_search_is_shared() -> None:
    """The others have no tree to share."""
    with pytest.raises(LeoError, match="only an optimal search can be shared, not brute"):
        explore_shared(partial(Tasks, CROSSED), Plan("brute"))
