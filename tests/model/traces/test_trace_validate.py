"""`leo validate`: verdicts, exit codes, JUnit, torn ends, merges, a report that fits the screen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from leo.errors import TraceError
from leo.trace.words import NOT_CLOSED
from leo_model.checking.claims import load_claims
from leo_model.commands import validate as commands_validate
from leo_model.commands.validate import VALIDATE
from leo_model.traces import validate as validation
from leo_model.traces.tlc_engine import Recorded, TlcVerdict
from leo_model.traces.validate import validate
from tests.model.traces.synth import BEHIND, moves, random_trace, scripted_trace, trace_world
from tests.model.traces.test_trace_merge import split
from tests.model.traces.test_trace_merge import write as write_parts
from tests.model.traces.test_trace_reader import encode, end, sample
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


@pytest.mark.parametrize(
    ("of", "verdict", "told"),
    [
        ("locked", TlcVerdict("guard", 7, frozenset({"Refines"})),
         "accepted, broken: nothing; TLC says rejected at line 7 (guard), broken: Refines"),
        # Both accept, and one of them has not seen an allowed property fall.
        ("bare", TlcVerdict("accepted", None, frozenset()), "TLC says accepted, broken: nothing"),
    ],
)  # fmt: skip
def test_disagreement_is_an_error_of_ours(
    of: str, verdict: TlcVerdict, told: str, request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """When the engines differ, the report says what each of them said, and the exit code is 1."""
    monkeypatch.setattr(validation, "judge", lambda traces, cache: [verdict for _ in traces])
    path = request.getfixturevalue(of)
    assert VALIDATE.run(options(path, "--engine", "both")) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "ERROR the engines disagree, which is an error of this program: native says" in said
    assert told in said
    assert VALIDATE.run(options(path)) == 0


def test_an_instance_that_was_never_there_hides_nothing(tmp_path: Path) -> None:
    """A view that is behind the store is found; the same lines under a header of two instances,
    where a view need not be the newest, are refused by every engine."""
    header, events = scripted_trace(trace_world("unit-of-work", 1), moves(BEHIND))
    paths = [tmp_path / "one", tmp_path / "two"]
    for path, instances in zip(paths, (["i1"], ["i1", "i2"]), strict=True):
        path.write_bytes(encode([{**header, "instances": instances}, *events]))
    one, two = validate(paths, "both")
    assert one.broken == {"ViewAgreesWithStore"}
    assert two.error is not None and "line 1: the trace is of 2 instances" in str(two.error)


def cases(path: Path) -> dict[str, dict[str, str]]:
    """What the JUnit file says: suite -> case -> the tag of its verdict."""
    root = ElementTree.parse(path).getroot()
    return {
        suite.attrib["name"]: {
            case.attrib["name"]: case[0].tag if len(case) else "" for case in suite
        }
        for suite in root
    }


def test_junit_has_a_case_for_each_question(tmp_path: Path) -> None:
    """Accepted: conformance and every property; rejected: conformance fails; no trace: an error.
    The counts in the file are those of its cases."""
    good = write(tmp_path / "good", "asyncio-lock")
    bare = write(tmp_path / "bare", "bare", faults=0.1)
    wrong = write(tmp_path / "wrong", "bare", claim="asyncio-lock")
    bad = tmp_path / "bad\x01"
    bad.write_text("hello \x00 \x1b world\n")
    out = tmp_path / "junit.xml"
    assert VALIDATE.run(options(good, bare, wrong, str(bad), "--junit", str(out))) == 2
    found = cases(out)
    assert list(found) == [good, bare, wrong, f"{tmp_path}/bad\N{REPLACEMENT CHARACTER}"]
    assert found[good]["Serializable"] == "" and len(found[good]) == 12
    assert found[bare]["Serializable"] == "system-out"
    assert found[wrong] == {"conformance": "failure"}
    assert list(found.values())[3] == {"conformance": "error"}
    for suite in ElementTree.parse(out).getroot():
        for verdict in ("failure", "error"):
            count = sum(len(case) and case[0].tag == verdict for case in suite)
            assert suite.attrib[f"{verdict}s"] == str(count)
        assert suite.attrib["tests"] == str(len(suite))


def test_junit_fails_what_strict_fails(tmp_path: Path) -> None:
    """With --strict a property that the discipline does not promise is a failure too."""
    bare = write(tmp_path / "bare", "bare", faults=0.1)
    out = tmp_path / "junit.xml"
    assert VALIDATE.run(options(bare, "--strict", "--junit", str(out))) == 1
    assert cases(out)[bare]["Serializable"] == "failure"
    with pytest.raises(TraceError, match="the JUnit report cannot be written"):
        VALIDATE.run(options(bare, "--junit", str(tmp_path)))


def test_torn_end_is_judged_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --torn a cut trace is no trace; with it the whole lines are judged, with a notice."""
    path = Path(write(tmp_path / "torn", "asyncio-lock"))
    path.write_bytes(path.read_bytes()[:-9])
    assert VALIDATE.run(options(str(path))) == 2
    assert "add --torn to have them checked" in capsys.readouterr().err
    assert VALIDATE.run(options(str(path), "--torn")) == 0
    said = capsys.readouterr().out
    assert "119 events" in said
    assert "  notice    line 121 is cut and left out: the recorder may have crashed" in said


def test_stories_are_of_findings_or_of_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a discipline may break has a story only on request; a finding always has one."""
    bare = write(tmp_path / "bare", "bare", faults=0.1)
    VALIDATE.run(options(bare))
    assert "story" not in capsys.readouterr().out
    VALIDATE.run(options(bare, "--explain"))
    said = capsys.readouterr().out
    assert "  story     Serializable at line " in said and "✗ Serializable: " in said
    VALIDATE.run(options(bare, "--strict"))
    assert "  story     Serializable at line " in capsys.readouterr().out


def processes(folder: Path) -> list[str]:
    """The files of two processes of one run."""
    world = trace_world("shared-store-immediate", 4)
    return list(map(str, write_parts(folder, split(*random_trace(world, Random(5), 0.0, 80)))))


def test_merge_and_what_is_undecided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Accepted when there is an order; undecided, exit code 1, when the bound does not suffice."""
    files = processes(tmp_path)
    out = tmp_path / "whole.ndjson"
    assert VALIDATE.run(options(*files, "--merge", "--merged", str(out))) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{files[0]} + {files[1]}: accepted")
    assert "  undecided NoOvertaking: " in said
    assert VALIDATE.run(options(str(out))) == 0
    capsys.readouterr()
    junit = tmp_path / "junit.xml"
    words = [*files, "--merge", "--states", "2", "--junit", str(junit)]
    assert VALIDATE.run(options(*words)) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"{files[0]} + {files[1]}: UNDECIDED\n  because   after ")
    assert "accepted" not in said.replace("undecided is not accepted", "")
    assert list(cases(junit).values()) == [{"conformance": "failure"}]


def test_undecided_is_never_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is a report without any verdict; --json says so too. What depends on the order of lines
    is neither broken nor kept: a finding where it is promised.
    """
    undecided = validation.Report("t", "bare", undecided="too many")
    for report in (validation.Report("t", "bare"), undecided):
        assert report.accepted is False and report.finding(())
    VALIDATE.run(options(*processes(tmp_path), "--merge", "--states", "2", "--json"))
    said = capsys.readouterr().out
    assert '"accepted": false' in said and '"undecided": "after ' in said
    verdict = TlcVerdict("accepted", None, frozenset({"Refines"}))
    report = validation.Report("t", "bare", tlc=verdict)
    report.unsure = frozenset({"Refines"})
    assert report.accepted and not report.broken
    assert report.finding(()) and not report.finding({"Refines"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "--merge"], "--merge: there is nothing to merge"),
        (["a", "a", "--merge"], "--merge: there is nothing to merge"),
        (["a", "--merged", "b"], "--merged: there is a merged trace only with --merge"),
        (["a", "b", "--follow"], "--follow takes one file"),
        (["a", "--follow", "--engine", "both"], "and the native engine only"),
    ],
)
def test_what_cannot_be_asked_for(words: list[str], message: str) -> None:
    """One paragraph, exit code 2."""
    with pytest.raises(TraceError, match=message) as caught:
        VALIDATE.run(options(*words))
    assert caught.value.exit_code == 2


def test_tlc_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command keeps TLC's verdicts under build/; --no-cache asks again."""
    path = write(tmp_path / "t", "asyncio-lock")
    asked: list[object] = []

    def judge(traces: list[Recorded], cache: object) -> list[TlcVerdict]:
        asked.append(cache)
        return [TlcVerdict("accepted", None, frozenset()) for _ in traces]

    monkeypatch.setattr(validation, "judge", judge)
    monkeypatch.setattr(commands_validate, "open_cache", lambda: "the cache")
    VALIDATE.run(options(path, "--engine", "tlc"))
    VALIDATE.run(options(path, "--engine", "tlc", "--no-cache"))
    VALIDATE.run(options(path))
    assert asked == ["the cache", None]


@pytest.mark.parametrize("engine", ["native", "tlc"])
def test_a_lost_end_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    """A trace that is accepted and was not closed says so for every engine: lines may have been
    lost at its end. One that was closed says nothing."""
    accepted = TlcVerdict("accepted", None, frozenset())
    monkeypatch.setattr(validation, "judge", lambda traces, **_: [accepted for _ in traces])
    closed, cut = tmp_path / "closed", tmp_path / "cut"
    closed.write_bytes(encode([*sample(), end()]))
    cut.write_bytes(encode(sample()[:20]))
    words = ("--engine", engine, "--no-cache")
    assert VALIDATE.run(options(str(closed), *words)) == 0
    assert NOT_CLOSED not in " ".join(capsys.readouterr().out.split())
    assert VALIDATE.run(options(str(cut), *words)) == 0
    said = capsys.readouterr().out
    assert "accepted" in said and NOT_CLOSED in " ".join(said.split())


@pytest.mark.parametrize("engine", ["native", "tlc"])
@pytest.mark.parametrize("ends", [0, 1, 2])
def test_a_trace_without_events_is_undecided(
    ends: int, engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no event nothing was checked: undecided, exit code 1, whether the header
    stands alone or the recordings of one writer or of two were closed."""
    path = tmp_path / "none"
    closing = [{**end(), "events": 0, "writer": f"w{k}"} for k in range(ends)]
    path.write_bytes(encode([sample()[0], *closing]))
    assert VALIDATE.run(options(str(path), "--engine", engine)) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: UNDECIDED\n") and "nothing was checked" in said


def test_closed_standard_input_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`leo validate - <&-` says that there is nothing to read."""
    monkeypatch.setattr("sys.stdin", None)
    assert VALIDATE.run(options("-")) == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_strength_of_no_trace_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trace is judged before its mutants are made: what is none gives an error that names it."""
    header, *events = sample()
    for number, lines in enumerate(([header], [header, {**events[0], "action": "Nope"}])):
        path = tmp_path / f"damaged{number}"
        path.write_bytes(encode(lines))
        assert VALIDATE.run(options(str(path), "--strength")) == 2
        assert capsys.readouterr().err.startswith("leo: error: damaged")
