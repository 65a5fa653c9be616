"""Traces of units as files: the guide's examples, what is refused, the command, the examples."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leo
import leo.units.report
from leo.commands.main import main
from leo.errors import TraceError
from leo.units.judge import Watching, judge_bytes, judge_lines
from leo.units.log import UnitEvent
from leo.units.reader import lines_of
from leo.units.report import to_fields
from tests.examples import wallets
from tests.leo.units.definition import accesses, cyclic, dependencies
from tests.leo.units.writer import Writer

ROOM = Path(leo.__file__).parent / "units"
GUIDE = "".join((ROOM / f"{name}.md").read_text("utf-8") for name in ("GUIDE", "REFERENCE"))
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
TEXT = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
JSON = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)


def racing() -> Writer:
    """Two units that lose an update."""
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
        trace.add(unit, "Read", reads="x")
    for unit in "ab":
        trace.add(unit, "Write", writes="x")
        trace.add(unit, "Close", outcome="returned")
    return trace


def test_the_guide_has_the_blocks_that_are_run() -> None:
    """Every fenced block of both guides runs in the tests below, or is what a program prints."""
    assert (len(PYTHON), len(TEXT), len(JSON), GUIDE.count("```")) == (2, 1, 1, 8)


@pytest.mark.parametrize(
    ("block", "name", "code", "said"),
    [(0, "run.ndjson", 1, TEXT[0]), (1, "mine.ndjson", 0, "nothing broken")],
)
def test_the_guides_programs(
    block: int,
    name: str,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each program of the guide runs as it stands, and `leo validate` says what the guide says."""
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[block], "GUIDE.md", "exec"), {})
    assert main(["validate", name]) == code
    assert said in capsys.readouterr().out


def test_the_guides_json() -> None:
    """The lines in the guide are a trace, and what its program writes has the same shape."""
    verdict = judge_bytes(JSON[0].encode())
    assert verdict.clean
    assert verdict.closed
    assert verdict.units == 1


def left_open() -> bytes:
    """A unit that wrote and had not ended."""
    trace = Writer()
    trace.add("a", "Open")
    trace.add("a", "Write", writes="x")
    return trace.data()


TRACES = {
    "good": JSON[0].encode(),
    "racing": racing().data(),
    "open": left_open(),
    "no events": Writer().data(),
    "no end": Writer().data().splitlines(keepends=True)[0],
    "newer": b'{"schema":1,"kind":"units","spec":"units/9","run":"r"}\n',
}


@pytest.mark.parametrize(
    ("trace", "options", "code", "said"),
    [
        ("good", "", 0, "nothing broken"),
        ("good", "--follow", 0, "nothing broken"),
        ("racing", "", 1, "b read x v0 (line 5), before a wrote v1 (line 6)"),
        ("newer", "", 2, "and this program reads 'units' of schema 1"),
        ("open", "", 1, "AllOrNothing at line"),
        # Where there is no event nothing was checked.
        ("no events", "", 1, "nothing was checked"),
        ("no end", "", 1, "nothing was checked"),
        # For a build server that lets doubt pass: but not what is broken.
        ("open", "--undecided 3", 3, "AllOrNothing at line"),
        ("racing", "--undecided 3", 1, ""),
        # What the promised level permits, and a property that is left out, is no finding.
        ("racing", "--promise linearizable", 1, ""),
        ("racing", "--promise snapshot-isolation", 1, ""),
        ("racing", "--promise read-atomic", 0, ""),
        ("racing", "--promise read-committed --undecided 7", 0, ""),
        ("racing", "--without NoLostUpdate", 1, ""),
        ("racing", "--without NoLostUpdate --without Serializable", 0, ""),
        ("racing", "--promise serialisable", 2, ""),
        ("racing", "--without LostUpdate", 2, ""),
        ("racing", "--limit-seconds 0", 2, ""),
    ],
)
def test_command(
    trace: str,
    options: str,
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1 for a finding (undecided is one), 0 for none, 2 for no trace; JSON says so too,
    and a build server sees the findings as failures, each with its story.
    """
    path, junit = tmp_path / "trace", tmp_path / "junit.xml"
    path.write_bytes(TRACES[trace])
    assert main(["validate", str(path), *options.split()]) == code
    assert said in "".join(capsys.readouterr())
    if code == 2 or options == "--follow":
        return
    again = ["validate", "--json", "--junit", str(junit), str(path), *options.split()]
    assert main(again) == code
    assert json.loads(capsys.readouterr().out)[0]["clean"] is (trace == "good")
    if trace == "racing" and not options:
        text = junit.read_text("utf-8")
        assert 'tests="12" failures="2"' in text and said in text


def test_a_limit_in_time_says_how_far_the_judge_came() -> None:
    """What was found up to there stands, the rest is undecided."""
    trace = racing()
    trace.add("open", "Open")
    trace.add("open", "Write", writes="y")
    for k in range(1_000):
        trace.unit(f"u{k}", "rx wx")
    trace.add("open", "Close", outcome="returned")
    seconds = iter(range(100))
    watching = Watching(seconds=0.5, clock=lambda: float(next(seconds)))
    verdict = judge_lines(lines_of(trace.data()), watching=watching)
    assert set(verdict.broken) == {"Serializable", "NoLostUpdate"}
    assert "AllOrNothing" not in verdict.undecided  # it may still close
    assert 10 < verdict.events < len(trace.events)
    line = verdict.events + 1
    assert verdict.cut == f"stopped after 0.5 s at line {line:,}: what follows is not judged"
    assert not verdict.clean
    assert to_fields(verdict)["because"] == verdict.cut


def test_a_recording_that_is_followed_tells_as_it_finds() -> None:
    """Each case once, long before the end."""
    trace = racing()
    for k in range(1_000):
        trace.unit(f"u{k}", "rx wx")
    told: list[tuple[str, int]] = []
    lines: list[int] = []
    watching = Watching(
        news=lambda case: told.append((case.broke, len(lines))), progress=lines.append
    )
    verdict = judge_lines(lines_of(trace.data()), watching=watching)
    assert [name for name, _ in told] == ["Serializable", "NoLostUpdate"]
    assert all(seen == 0 for _, seen in told)
    assert len(lines) > 3 and lines[-1] == len(trace.events) + 1
    assert set(verdict.broken) == {"Serializable", "NoLostUpdate"}


def test_the_verdict_has_a_schema() -> None:
    """What programs read is described: of what was found, and of nothing found."""
    schema = json.loads(
        Path(leo.units.report.__file__).with_name("verdict.schema.json").read_text()
    )
    for trace in (racing(), Writer()):
        jsonschema.validate(to_fields(trace.judge()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(to_fields(racing().judge()) | {"level": "high"}, schema)


@pytest.mark.parametrize(
    ("line", "change", "reason"),
    [
        (1, {"schema": 2}, "this program reads 'units' of schema 1"),
        (1, {"start": {"x": -1}}, "the versions of start"),
        (2, {"seq": 5}, "seq is 5 where 1 was expected"),
        (2, {"run": "other"}, "belongs to the run 'other'"),
        (2, {"action": "Call"}, "an action out of Open, Read, Write, Save"),
        (2, {"outcome": "returned"}, "the outcome of Open is 'returned'; expected ok"),
        (2, {"reads": {"x": 0}}, "all others to do neither"),
        (2, {"reply": ""}, "cannot be opened"),
        (3, {"reply": "A"}, "the unit 'A' is not open"),
        (3, {"reads": {}}, "a Read to read"),
        (3, {"reads": {"x": 1}}, "reads version 1 of 'x', which is at 0"),
        (3, {"reads": {"x": "0"}}, "Expected `int`, got `str`"),
        (3, {"since": 2}, "the call began after event 2; expected 1"),
        (3, {"since": 0}, "the call began after event 0; expected 1"),
        (4, {"reply": "a"}, "cannot be opened; expected a printable name that no open unit has"),
        (6, {"writes": {"x": 2}}, "writes version 2 of 'x', which is at 0; expected 1"),
        (10, {"events": 7}, "the end says 7 events and 8 precede it"),
    ],
)
def test_what_is_refused(line: int, change: dict[str, object], reason: str) -> None:
    """One wrong field: the line, what was found, what was expected."""
    lines = [msgspec.json.decode(raw) for raw in racing().data().splitlines()]
    lines[line - 1] |= change
    data = b"".join(msgspec.json.encode(each) + b"\n" for each in lines)
    with pytest.raises(TraceError, match=re.escape(reason)) as refused:
        judge_bytes(data)
    assert f"line {line}: " in str(refused.value)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [(1, "start", {}), (3, "action", "Read"), (3, "x", 0), (3, "since", 1), (10, "events", 8)],
)
def test_a_key_that_stands_twice_is_refused(line: int, key: str, value: object) -> None:
    """Twice the same key, in an event, in its versions, in the header or the end: refused, with the
    line and the key."""
    lines = racing().data().splitlines(keepends=True)
    told = f'"{key}":'.encode() + msgspec.json.encode(value)
    place = b'"reads":{' if key == "x" else b"{"
    more = told * 2 if key == "since" else told
    more = more.replace(b'1"', b'1,"') + b","
    lines[line - 1] = lines[line - 1].replace(place, place + more, 1)
    with pytest.raises(TraceError, match=rf"line {line}: the key '{key}' stands twice"):
        judge_bytes(b"".join(lines))


def test_the_header_is_looked_at_whole() -> None:
    """A misspelt field of the header is noticed; bytes that are no text are refused there too."""
    good = racing().data()
    assert "(strat)" in judge_bytes(good.replace(b'"start"', b'"strat"')).notices[0]
    with pytest.raises(TraceError, match="line 1: this is no header"):
        judge_bytes(good.replace(b'"start"', b'"st\x80rt"'))


def test_unknown_fields_and_a_missing_end_are_noticed() -> None:
    """What a newer writer adds is ignored with a notice; an end that is not there is told."""
    lines = [msgspec.json.decode(raw) for raw in racing().data().splitlines()][:-1]
    for each in lines[1:]:
        each["colour"] = "red"
    verdict = judge_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in lines))
    assert [notice.split(" ")[0] for notice in verdict.notices] == ["line", "the"]
    assert "unknown fields (colour)" in verdict.notices[0]
    assert "not closed" in verdict.notices[1]
    assert not verdict.closed
    assert set(verdict.broken) == {"Serializable", "NoLostUpdate"}


@pytest.mark.parametrize("left", [1, 20, 90])
def test_a_torn_last_line_is_left_out_when_asked(
    left: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recording that a crash cut inside a line is refused with the advice that helps: with it the
    whole lines are judged, and damage further up is refused all the same."""
    lines = racing().data().splitlines(keepends=True)
    path = tmp_path / "torn"
    path.write_bytes(b"".join(lines[:8]) + lines[8][:left])
    assert main(["validate", str(path)]) == 2
    assert "7 whole events precede it: add --torn" in " ".join(capsys.readouterr().err.split())
    assert main(["validate", "--torn", str(path)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "line 9 is cut and left out" in said
    assert "the recording was not closed" in said
    assert "AllOrNothing at line" in said
    path.write_bytes(b"".join(lines[:5]) + lines[5][:left] + b"\n" + b"".join(lines[6:]))
    assert main(["validate", "--torn", str(path)]) == 2
    assert "line 6: this is not JSON" in capsys.readouterr().err


@given(st.data())
@settings(max_examples=150)
def test_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    """Bytes changed, cut or doubled: a refusal, or a verdict that is the plain definition's of what
    the lines say now.
    """
    good = racing().data()
    at = data.draw(st.integers(0, len(good) - 1))
    kind: Callable[[], bytes] = data.draw(
        st.sampled_from(
            [
                lambda: good[:at] + data.draw(st.binary(max_size=3)) + good[at + 1 :],
                lambda: good[:at],
                lambda: good[:at] + good[at - data.draw(st.integers(0, 200)) :],
            ]
        )
    )
    bad = kind()
    try:
        verdict = judge_bytes(bad)
    except TraceError:
        return
    lines = [msgspec.json.decode(raw) for raw in bad.splitlines()]
    events = [msgspec.convert(line, UnitEvent) for line in lines if "seq" in line]
    returned = {event.reply for event in events if event.outcome == "returned"}
    calls = [event for event in events if event.reads or event.writes]
    assert ("Serializable" in verdict.broken) == cyclic(
        dependencies(accesses(calls, set()), returned)
    )


def test_wallets() -> None:
    """The class with the race: lost money is found; under its lock, only the half-done transfer."""
    racy, left = asyncio.run(wallets.run(lock=False))
    assert left != 30
    assert {"Serializable", "AllOrNothing"} <= set(racy.broken)
    locked, _ = asyncio.run(wallets.run(lock=True))
    assert set(locked.broken) == {"AllOrNothing"}
    assert not locked.undecided
