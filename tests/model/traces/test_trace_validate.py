"""`leo validate`: verdicts, exit codes, and a report that fits the screen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leo_model.checking.claims import load_claims
from leo_model.commands.validate import VALIDATE
from leo_model.machine.machine import Move
from leo_model.traces import validate as validation
from leo_model.traces.tlc_engine import Recorded, TlcVerdict
from leo_model.traces.validate import Engine, validate
from tests.model.traces.synth import scripted_trace, trace_world
from tests.model.traces.test_trace_reader import encode
from tests.model.validating import options, write


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLC's verdicts are kept under `build` of the folder where the command runs."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def locked(tmp_path: Path) -> str:
    return write(tmp_path / "locked.ndjson", "asyncio-lock")


@pytest.fixture
def bare(tmp_path: Path) -> str:
    return write(tmp_path / "bare.ndjson", "bare", faults=0.1)


@pytest.fixture
def pretended(tmp_path: Path) -> str:
    return write(tmp_path / "pretended.ndjson", "bare", claim="asyncio-lock")


def test_accepted_run_exits_0(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A run under the lock without faults is accepted and breaks nothing."""
    assert VALIDATE.run(options(locked)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{locked}: accepted\n  claims    asyncio-lock; 120 events, ")


def test_what_a_discipline_may_break_is_not_a_finding(
    bare: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a lock properties fall, with their witnesses; only --strict makes it a finding."""
    assert VALIDATE.run(options(bare)) == 0
    said = capsys.readouterr().out
    assert "broken    Serializable at line " in said
    assert "dependency cycle s" in said
    assert VALIDATE.run(options(bare, "--strict")) == 1


def test_broken_promise_exits_1(tmp_path: Path) -> None:
    """Half-applied replies under the lock are a finding unless the claims allow them."""
    path = write(tmp_path / "faults.ndjson", "asyncio-lock", faults=0.1)
    (report,) = validation.validate([path])
    assert report.accepted and "AllOrNothing" in report.broken
    assert report.finding(report.broken - {"AllOrNothing"})
    assert not report.finding(report.broken)
    assert VALIDATE.run(options(path)) == 0
    assert VALIDATE.run(options(path, "--strict")) == 1


def test_what_falls_only_with_faults_needs_a_fault(bare: str) -> None:
    """A trace without a disturbed reply may not break what holds without faults."""
    (report,) = validation.validate([bare])
    assert report.native is not None
    report.native.outcomes.clear()
    report.native.outcomes["returned"] = 1
    assert "AllOrNothing" not in validation.expected_to_break(load_claims(), report)
    report.native.outcomes["cancelled"] = 1
    assert "AllOrNothing" in validation.expected_to_break(load_claims(), report)


def test_rejected_run_exits_1_and_says_why(
    pretended: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line, the event, the conjunct that fails, what was possible, the state before."""
    assert VALIDATE.run(options(pretended)) == 1
    said = capsys.readouterr().out
    assert f"{pretended}: REJECTED at line " in said
    for word in (
        "  event     seq ",
        "  because   it is not so that ",
        "  possible  ",
        "  before    ",
    ):
        assert word in said


def test_file_that_is_no_trace_exits_2_and_the_others_are_judged(
    tmp_path: Path, locked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged file is told on standard error; the verdict on the others is still given."""
    damaged = tmp_path / "damaged.ndjson"
    damaged.write_bytes(Path(locked).read_bytes()[:-9])
    assert VALIDATE.run(options(str(damaged), locked)) == 2
    said = capsys.readouterr()
    assert f"{damaged}: not a trace" in said.out
    assert f"{locked}: accepted" in said.out
    assert said.err.startswith(f"leo: error: {damaged}: the last line (line 121) is cut")


def test_json_holds_the_same(bare: str, pretended: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--json: one array with one object for each file, violations and rejection included."""
    assert VALIDATE.run(options(bare, pretended, "--json")) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert first["accepted"] and "Serializable" in first["broken"]
    assert {v["property"] for v in first["native"]["violations"]} == set(first["broken"])
    assert not second["accepted"]
    assert second["native"]["rejection"]["kind"] == "guard"


def test_both_engines_from_a_pipe(locked: str) -> None:
    """A stream can be read once, and both engines judge it all the same."""
    done = subprocess.run(
        [sys.executable, "-m", "leo", "validate", "-", "--engine", "both"],
        input=Path(locked).read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"standard input: accepted\n")
    assert b"engines   native and TLC agree" in done.stdout


def test_tlc_alone(pretended: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--engine tlc gives the verdict and the line, without the explanation."""
    assert VALIDATE.run(options(pretended, "--engine", "tlc")) == 1
    native = validation.validate([pretended])[0].native
    assert native is not None and native.rejection is not None
    assert f"REJECTED at line {native.rejection.line}" in capsys.readouterr().out


def test_disagreement_is_an_error_of_ours(
    locked: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the engines differ, the report says what each of them said, and the exit code is 1."""

    def other(traces: list[Recorded], cache: object) -> list[TlcVerdict]:
        return [TlcVerdict("guard", 7, frozenset({"Refines"})) for _ in traces]

    monkeypatch.setattr(validation, "judge", other)
    assert VALIDATE.run(options(locked, "--engine", "both")) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "ERROR the engines disagree, which is an error of this program: native says" in said
    assert "accepted, broken: nothing; TLC says rejected at line 7 (guard), broken: Refines" in said


def test_disagreement_on_what_is_allowed_is_a_finding_too(
    bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both engines accept, and one of them has not seen an allowed property fall: exit code 1."""

    def blind(traces: list[Recorded], cache: object) -> list[TlcVerdict]:
        return [TlcVerdict("accepted", None, frozenset()) for _ in traces]

    monkeypatch.setattr(validation, "judge", blind)
    assert VALIDATE.run(options(bare, "--engine", "both")) == 1
    assert VALIDATE.run(options(bare)) == 0


@pytest.mark.parametrize("engine", ["native", "tlc", "both"])
def test_an_instance_that_was_never_there_hides_nothing(engine: Engine, tmp_path: Path) -> None:
    """A view that is behind the store is found; the same lines under a header of two instances,
    where a view need not be the newest, are refused by every engine."""
    actions = "Call Acquire Begin Recall Ingest Generate SaveSnapshot Commit CancelApplied"
    world = trace_world("unit-of-work", 1)
    header, events = scripted_trace(world, [Move(action, "s1") for action in actions.split()])
    paths = [tmp_path / "one", tmp_path / "two"]
    for path, instances in zip(paths, (["i1"], ["i1", "i2"]), strict=True):
        path.write_bytes(encode([{**header, "instances": instances}, *events]))
    one, two = validate(paths, engine)
    assert one.broken == {"ViewAgreesWithStore"}
    assert two.error is not None and "line 1: the trace is of 2 instances" in str(two.error)
