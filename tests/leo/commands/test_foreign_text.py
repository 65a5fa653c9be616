"""What others have written, shown by every command that shows it: nothing that a terminal obeys.

Nor does a line of theirs become one of the command's.

One text with an escape, a carriage return, a line, a mark that turns the direction of writing, a
control of eight bits and a lone surrogate goes in at each place where a file, a name or an answer
of somebody else does.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leo import screen
from leo.commands.main import main
from tests.leo.observers.test_observers_http import serving
from tests.leo.support import sync_field
from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import encode

FOREIGN = "w\x1b[2Jx\ry\naccepted: FORGED\u202ez\x9b1m\u2028q"
LONE = FOREIGN + "\udc9b"


def shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command; what it shows has nothing that is obeyed, and no forged line."""
    main(words)
    told = "".join(capsys.readouterr())
    assert screen.OBEYED.findall(told) == []
    assert [line for line in told.splitlines() if line.startswith("accepted: FORGED")] == []
    return told


# The commands that take a name of somebody else's, {} in its place.
NAMED = [
    "ask {}", "chat --field {} --modules none", "check {}", "check --claims {}",
    "check --build {}", "converse --field {}", "cover {}", "explore {}", "explore bare --save {}",
    "field backup {} copy", "field check {}", "field export {}", "field import {} new",
    "field restore {} field", "field backup field {}", "field export field --out {}", "{}",
    "experiment {}", "experiment reanalyse {}", "live --field {}", "noop --build {}",
    "observe {} --field field", "observe --field {} --shipped {}", "orders {}", "paper --out {}",
    "prove {}", "record {}", "record --discipline {}", "replay {}", "site --build {}",
    "validate {}", "validate --merge {} b", "validate {} --strength", "validate {} --coverage",
    "verify --claims {}", "mutants {}", "cite {}", "completion {}",
]  # fmt: skip


@pytest.mark.parametrize("words", NAMED)
def test_names_of_files_and_other_arguments(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused in one paragraph, before anything is done, also where such a file exists."""
    monkeypatch.chdir(tmp_path)
    sync_field(tmp_path / "field").close()
    (tmp_path / FOREIGN).write_text("?")
    told = shown([word.replace("{}", FOREIGN) for word in words.split()], capsys)
    assert told.startswith("leo: error: ")
    assert sorted(os.listdir(tmp_path)) == sorted(["field", FOREIGN])


def test_a_name_that_is_no_text_is_shown_with_question_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name on a disk may be any bytes."""
    path = tmp_path / os.fsdecode(b"f\xffeld")
    sync_field(path).close()
    assert "f?eld: sound" in shown(["field", "check", str(path)], capsys)


def run_trace(old: str, new: str) -> bytes:
    """A trace of the organism with other names in it."""
    header, events = random_trace(trace_world("bare", 3), Random(2), 0.0, 40)
    lines = encode([header, *events]).decode()
    assert f'"{old}"' in lines
    return lines.replace(f'"{old}"', json.dumps(new)).encode("utf-8", "surrogatepass")


def units(**other: str) -> bytes:
    """A lost update, recorded as transactions."""
    names = {"unit": "t1", "session": "ann", "read": "x", **other}
    lines = [
        {"unit": names["unit"], "session": names["session"], "begin": 1, "end": 4,
         "calls": [{"reads": {names["read"]: 0}}, {"writes": {names["read"]: 2}}]},
        {"unit": "t2", "session": "bob", "begin": 2, "end": 3,
         "calls": [{"reads": {names["read"]: 0}}, {"writes": {names["read"]: 1}}]},
    ]  # fmt: skip
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


EDN = """{:type :invoke, :f :txn, :value [[:append KEY 1]], :process 0, :index 0}
{:type :ok, :f :txn, :value [[:append KEY 1]], :process 0, :index 1}
{:type :OTHER, :f :OTHER, :value [[:OTHER KEY nil]], :process "OTHER", :index 2}
"""
TRACES: dict[str, Callable[[str], bytes]] = {
    "a session": lambda text: run_trace("s1", text),
    "an action": lambda text: run_trace("Call", text),
    "an instance": lambda text: run_trace("i1", text),
    "an object": lambda text: run_trace("ngrams", text),
    "a field of the trace": lambda text: run_trace("outcome", text),
    "a field of the header": lambda text: run_trace("discipline", text),
    "a discipline": lambda text: run_trace("bare", text),
    "a field of units": lambda text: units().replace(b'"calls"', json.dumps(text).encode(), 1),
    "a call of units": lambda text: units().replace(b'"reads"', json.dumps(text).encode(), 1),
    "a unit": lambda text: units(unit=text),
    "a session of units": lambda text: units(session=text),
    "an object of units": lambda text: units(read=text),
    "a line that is no JSON": lambda text: (
        text.encode("utf-8", "surrogatepass") + b"\n" + run_trace("s1", "s1")
    ),
    "a keyword of EDN": lambda text: EDN.replace("OTHER", text).encode("utf-8", "surrogatepass"),
    "a key of EDN": lambda text: EDN.replace("KEY", json.dumps(text)).encode(),
}


@pytest.mark.parametrize("options", [[], ["--json"], ["--explain"], ["--coverage"], ["--strength"]])
@pytest.mark.parametrize("place", TRACES)
def test_names_in_traces(
    place: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused, or shown as they can be."""
    (tmp_path / "trace").write_bytes(TRACES[place](LONE))
    assert shown(["validate", str(tmp_path / "trace"), *options], capsys)


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """A field in which every text is somebody else's."""
    path = tmp_path / "field"
    with sync_field(path) as opened:
        for _ in range(3):
            opened.reply("grey herons wait in the reeds")
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("UPDATE tokens SET token = token || ?", (FOREIGN,))
        conn.execute("UPDATE snapshots SET text = ?, origin = ?", (FOREIGN, FOREIGN))
        conn.execute("UPDATE meta SET value = ?", (FOREIGN,))
    return path


def test_texts_of_a_field(
    field: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spoken, described, explained, checked."""
    shown(["field", "check", str(field)], capsys)
    shown(["field", "check", "--json", str(field)], capsys)
    said = tmp_path / "said"
    said.write_text("herons wait\n/field\n/why\n/why --steps\n/x\x1b[2J\rforged\n" * 3)
    for modules in ("none", "all"):
        with said.open() as lines:
            monkeypatch.setattr("sys.stdin", lines)
            told = shown(
                ["chat", "--seed", "1", "--modules", modules, "--field", str(field)], capsys
            )
        assert "accepted" in told


@pytest.mark.parametrize("modules", ["none", "all"])
def test_texts_of_a_conversation(
    field: Path, capsys: pytest.CaptureFixture[str], modules: str
) -> None:
    """Spoken to an observer. With a seed, what is said first to a field is no chance."""
    words = ["--themes", "1", "--seed", "1", "--modules", modules, "--field", str(field)]
    assert "accepted" in shown(["converse", *words], capsys)


def test_texts_of_an_archive(
    field: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused or taken in, the line that is wrong is named."""
    archive = tmp_path / "archive"
    assert main(["field", "export", str(field), "--out", str(archive)]) == 0
    shown(["field", "import", str(archive), str(tmp_path / "new")], capsys)
    lines = archive.read_text("utf-8").split("\n")
    values: list[dict[str, Any]] = [{"table": FOREIGN}, {"row": [FOREIGN]}, {FOREIGN: 1}]
    for number, value in enumerate(values):
        row = json.loads(lines[1]) | value
        archive.write_text("\n".join([lines[0], json.dumps(row), *lines[2:]]))
        assert "line 2" in shown(
            ["field", "import", str(archive), str(tmp_path / f"new{number}")], capsys
        )
    head = json.loads(lines[0])
    for change in ({"kind": FOREIGN}, {"versions": {FOREIGN: 1}}, {"rows": {FOREIGN: 1}}):
        archive.write_text("\n".join([json.dumps({**head, **change}), *lines[1:]]))
        shown(["field", "import", str(archive), str(tmp_path / "other")], capsys)


def test_answers_of_an_observer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spoken by it, or an error of its own, in its headers too."""
    monkeypatch.setenv("LEO_OBSERVER_KEY", "k")
    one = FOREIGN.replace("\n", " ").replace("\r", " ")
    header = one.encode("utf-8").decode("latin-1")
    good = json.dumps({"choices": [{"message": {"content": FOREIGN}}]}).encode()
    bodies = [(200, good), (400, FOREIGN.encode()), (401, good), (200, b'{"a": "\x1b"}')]
    for status, body in bodies:
        with serving((status, {"X-Strange": header, "Content-Type": header}, body)) as (_, url):
            words = ["--observer", "http", "--model", "m", "--url", url, "--themes", "1"]
            shown(["converse", *words, "--field", str(tmp_path / f"f{status}{len(body)}")], capsys)
