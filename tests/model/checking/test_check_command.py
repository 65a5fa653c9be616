"""`leo check` and its neighbours, as commands: what they refuse, what they leave behind; results
that were changed by hand, which are held to the claims.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leo.commands.main import main
from leo_model.checking import check as checking
from leo_model.checking.claims import load_claims
from leo_model.checking.results import closing_step, problems
from leo_model.commands import check as commands_check
from leo_model.commands import replay as command_replay
from leo_model.files import spec_folder
from leo_model.machine.machine import Move
from leo_model.tlc.job import TlcJob, TlcResult, Verdict
from tests.paper.artifact.results import check_results, write_results

TLC = "TLC2 Version 2.15 of a day"
RUN = "actor.holds.3x1_2x2.quiet"


def refused(capsys: pytest.CaptureFixture[str], said: str, *words: str) -> bool:
    """The command ends with 2 and one line that says why, before it has printed anything."""
    code = main(list(words))
    told = capsys.readouterr()
    short = told.err.startswith("leo: error: ") and told.err.count("\n") <= 2
    assert (code, told.out, short) == (2, "", True), told
    assert said in told.err
    return True


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A claims file that may be written."""
    return Path(shutil.copy(spec_folder() / "claims.json", tmp_path / "claims.json"))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What TLC finds in every run, in the place of TLC: the fields of a result."""
    fields: dict[str, Any] = {"verdict": Verdict.OK, "complete": True, "version": TLC}

    def run_many(jobs: list[TlcJob], **_: object) -> list[TlcResult]:
        return [TlcResult(job.name, **fields) for job in jobs]

    monkeypatch.setattr(checking, "run_many", run_many)
    return fields


def checked(copy: Path, *words: str) -> int:
    """Check one run of the actor by the copied claims, or record it."""
    return main(
        ["check", "actor", "--property", "DeadlockFree", "--claims", str(copy),
         "--build", str(copy.parent / "build"), *words]
    )  # fmt: skip


def test_record_leaves_results_without_findings(
    copy: Path, found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is recorded is no finding any more, but is shown: a mistake may hide in it."""
    found.update(distinct=5, depth=3)
    results = copy.parent / "build" / commands_check.PARTIAL
    assert checked(copy) == 1
    assert len(json.loads(results.read_text())["findings"]) == 1
    capsys.readouterr()
    assert checked(copy, "--record") == 0
    assert "recorded  actor / " in capsys.readouterr().err
    assert json.loads(results.read_text())["findings"] == []
    assert load_claims(copy).numbers[RUN].distinct == 5
    assert checked(copy) == 0


def test_a_part_of_the_runs_shows_what_it_decided_and_how(
    copy: Path, found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A cell has a verdict only if all of its runs were made; each has its bound and its faults."""
    numbers = load_claims(copy).numbers[RUN]
    found.update(distinct=numbers.distinct, depth=numbers.depth)
    assert checked(copy) == 0
    told = capsys.readouterr().out
    row, searched = (line for line in told.splitlines() if line.startswith("D7 "))
    assert (row.count("✓"), row.count("·")) == (1, 11)
    assert searched.startswith("D7  3x1 and 2x2; without faults; ")
    assert checked(copy, "--json") == 0
    cells = json.loads(capsys.readouterr().out)
    assert [cell["property"] for cell in cells if cell["verdict"] == "holds"] == ["DeadlockFree"]


@pytest.mark.parametrize(
    "words", ["asyncio-lock", "--property Durable", "--history", "--claims copy"]
)
def test_some_results_do_not_take_the_place_of_all(
    copy: Path, found: dict[str, Any], tmp_path: Path, words: str
) -> None:
    """What the paper and the pages quote is there after any check of less than all claims, or by
    another claims file; its own results go to a file of their own."""
    copy.write_text(json.dumps(json.loads(copy.read_text())))
    build = write_results(tmp_path / "build")
    before = (build / commands_check.RESULTS).read_bytes()

    assert main(["check", *words.replace("copy", str(copy)).split(), "--build", str(build)]) == 1
    assert (build / commands_check.RESULTS).read_bytes() == before
    assert json.loads((build / commands_check.PARTIAL).read_text())["findings"]


def test_all_results_take_the_place_of_the_old_ones(found: dict[str, Any], tmp_path: Path) -> None:
    """A check of every claim is what the paper quotes from then on, also when it has findings."""
    build = write_results(tmp_path / "build")
    assert main(["check", "--build", str(build)]) == 1
    assert json.loads((build / commands_check.RESULTS).read_text())["findings"]
    assert not (build / commands_check.PARTIAL).exists()


def test_numbers_of_other_searches_are_not_recorded(
    copy: Path, found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A search without VIEW and symmetry, and one of another TLC, leave the claims as they are."""
    before = copy.read_bytes()
    found.update(distinct=5, depth=3)
    assert checked(copy, "--record", "--history") == 2
    assert "record without --history" in capsys.readouterr().err
    found["version"] = "TLC2 Version 2.19 of another day"
    assert checked(copy, "--record") == 2
    assert "TLC2 Version 2.19" in capsys.readouterr().err
    assert copy.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "sequential", "--jobs", "0"), "0 runs of TLC at a time"),
        (("check", "sequential", "--jobs", "-3"), "-3 runs of TLC at a time"),
        (("replay", "--claims", "--jobs", "0"), "0 runs of TLC at a time"),
        (("replay", "--claims", "sequential"), "no property is claimed to fall"),
        (("check", "D6", "--distributed", "0"), "error: --distributed 0: expected at least one"),
        (("check", "D6", "--distributed", "-1"), "error: --distributed -1: expected at least one"),
        (("cover", "nosuch"), "there is no discipline 'nosuch'"),
        (("validate", "x", "y", "--merge", "--states", "-1"), "--states -1"),
        (("validate", "x", "--coverage", "--bound", "3x2"), "or 3x1; the graph of 3x2"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """Numbers that make no sense and questions without an answer: exit code 2, one paragraph."""
    build = () if words[0] == "validate" else ("--build", str(tmp_path))
    assert refused(capsys, said, *words, *build)


@pytest.mark.parametrize(
    "words",
    ["check sequential", "ask discipline=bare", "mutants", "noop", "verify",
     "explore bare --limit 1", "cover sequential", "replay --claims"],
)  # fmt: skip
def test_a_build_folder_that_is_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """--build with the name of a file is named in the error of each command."""
    file = tmp_path / "file"
    file.write_text("")
    assert main([*words.split(), "--build", str(file)]) == 2
    error = capsys.readouterr().err
    assert str(file) in error.splitlines()[-1] and "Traceback" not in error


def test_distributed_needs_a_recorded_number(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A distributed search is compared with a recorded number; without one it is refused."""
    data = json.loads(copy.read_text())
    data["runs"] = {}
    copy.write_text(json.dumps(data))
    words = ("check", "sequential", "--distributed", "1", "--claims", str(copy))
    assert refused(capsys, "records no number of states for sequential.holds", *words)


def test_nothing_replayed_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When TLC gives no counterexample, none was carried out, and the exit code says so."""
    monkeypatch.setattr(command_replay, "check", lambda *_, **__: checking.Report())
    words = ("replay", "--claims", "bare", "--build", str(tmp_path))
    assert main(list(words)) == 1
    assert "0 of 0 replayed" in capsys.readouterr().out


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
