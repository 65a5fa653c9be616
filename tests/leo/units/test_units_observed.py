"""Versions that the store tells: observed by a recording, of several processes, or imported."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leo import instrument
from leo.commands.main import main
from leo.errors import TraceError
from leo.units import history_of, judge_bytes
from leo.units.log import UnitsHeader


class Row:
    """A row with a counter of its own, in a store that several processes share."""

    def __init__(self) -> None:
        self.version = 0

    async def load(self) -> int:
        return self.version

    async def save(self) -> int:
        await asyncio.sleep(0)
        self.version += 1
        return self.version

    async def change(self) -> None:
        await self.load()
        await self.save()


def process(row: Row, path: Path | None = None) -> Any:
    """A recording of one process."""
    return instrument(
        row,
        reads={"load": "row"},
        writes={"save": "row"},
        unit="change",
        version=lambda result: result,
        path=path,
    )


def test_the_stores_versions_are_recorded() -> None:
    """Not those that the recording would count: here another process wrote in between."""

    async def run() -> bytes:
        row = Row()
        with process(row) as recording:
            await row.change()
            row.version += 1
            await row.change()
        data: bytes = recording.ndjson()
        return data

    data = asyncio.run(run())
    events = [json.loads(line) for line in data.splitlines()]
    told = [(e["reads"], e["writes"]) for e in events if e.get("call")]
    assert told == [({"row": 0}, {}), ({}, {"row": 1}), ({"row": 2}, {}), ({}, {"row": 3})]
    verdict = judge_bytes(data)
    assert verdict.clean


@pytest.mark.parametrize("lines", ["all", "one missing"])
def test_the_traces_of_several_processes_are_one_history(
    lines: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes lose an update of each other; with a line missing, what hangs on it is
    undecided, and the rest is judged.
    """
    paths = [tmp_path / "one", tmp_path / "two"]

    async def run() -> None:
        row = Row()
        with process(row, paths[0]):
            await row.change()
            begun = asyncio.ensure_future(row.change())
            await asyncio.sleep(0)
        await begun

    asyncio.run(run())
    first = paths[0].read_bytes()
    header, *_ = first.splitlines(keepends=True)
    write_traces(paths, header, lose=lines != "all")
    code = main(["validate", "--merge", "--json", *map(str, paths)])
    [verdict] = json.loads(capsys.readouterr().out)
    assert code == 1
    found = {(f["property"], f["sure"]) for f in verdict["findings"]}
    assert ("NoLostUpdate", lines == "all") in found
    if lines != "all":
        assert any("missing" in notice for notice in verdict["notices"])


def test_a_version_that_two_processes_wrote_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a store has lost one of the two writes, and no order can be told by its versions."""
    paths = [tmp_path / "one", tmp_path / "two"]
    header = UnitsHeader(1, "units", "units/1", "units", {}, observed=True)
    write_traces(paths, msgspec.json.encode(header) + b"\n", lose=False)
    paths[1].write_bytes(paths[1].read_bytes().replace(b'"row": 2', b'"row": 1'))
    assert main(["validate", "--merge", *map(str, paths)]) == 2
    assert "'row'" in capsys.readouterr().err


def write_traces(paths: list[Path], header: bytes, *, lose: bool) -> None:
    """Both read version 0; one writes version 1, the other version 2."""
    for path, version in zip(paths, (1, 2), strict=True):
        steps: list[tuple[str, dict[str, int], dict[str, int], str]] = [
            ("Open", {}, {}, "ok"),
            ("Read", {"row": 0}, {}, "ok"),
            ("Write", {}, {"row": version}, "ok"),
            ("Close", {}, {}, "returned"),
        ]
        out = [header]
        for seq, (action, reads, writes, outcome) in enumerate(steps, 1):
            if lose and version == 1 and action == "Write":
                continue
            event = {
                "seq": seq, "writer": "w", "run": "units", "time": 0.0, "instance": "",
                "store": "s", "session": "", "reply": "change", "action": action, "reads": reads,
                "writes": writes, "outcome": outcome,
            }  # fmt: skip
            out.append(json.dumps(event).encode() + b"\n")
        out.append(b'{"kind":"end","run":"units","writer":"w","events":4}\n')
        path.write_bytes(b"".join(out))


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("elle", "{:type :ok", "is not closed"),
        ("elle", "[]", "there is no transaction"),
        ("elle", "{:type :ok :value [[:cas x 1]]}", "is no operation"),
        ("elle", "{:type :ok :f :add :value 3}", ":add '?3'? is no operation"),
        ("elle", "{:type :ok :value [[:w x 1]]} {:type :ok :value [[:w x 1]]}", "to x twice"),
        ("elle", '[[{"events": 3}]]', "no sessions of dbcop"),
        ("elle", "{:type :ok :f :read :value #{1 2}}", "no sets"),
        ("elle", "{:type :ok :value [[:append x 1] [:w y 1]]}", "split it"),
        ("text", "// nothing", "there is no transaction; expected lines"),
        ("text", "w(1,2,3,4)\nx(1,2,3,4)", "line 2: 'x.1,2,3,4.' is no operation"),
        ("text", "w(1,2,3,4)\nw(1,2,3,5)", "to 1 twice .lines 1 and 2."),
        ("text", "[x:=1 y=2]", "line 1: 'y=2' is no operation"),
        ("binary", "\0", "this is binary"),
    ],
)
def test_what_is_no_history_is_refused(kind: str, text: str, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        history_of(kind, text.encode(), "history")


def test_plain_lines_of_transactions(tmp_path: Path) -> None:
    """With times they are strict, without in the order of each session; the file is recognised."""
    one = {"unit": "a", "session": "s", "calls": [{"writes": {"x": 1}}], "begin": 1, "end": 2}
    two = {"unit": "b", "session": "t", "calls": [{"reads": {"x": 0}}], "begin": 3, "end": 4}
    path = tmp_path / "history"
    path.write_text("".join(json.dumps(line) + "\n" for line in (one, two)))
    assert main(["validate", str(path)]) == 1
    assert main(["validate", str(path), "--promise", "serializable"]) == 0
    bare = [{k: v for k, v in line.items() if k not in ("begin", "end")} for line in (one, two)]
    path.write_text("".join(json.dumps(line) + "\n" for line in bare))
    assert main(["validate", str(path)]) == 0
    bare[1]["session"] = "s"
    path.write_text("".join(json.dumps(line) + "\n" for line in bare))
    assert main(["validate", str(path)]) == 1
    path.write_text(json.dumps(one | {"calls": [{"wrote": {}}]}) + "\n")
    assert main(["validate", str(path)]) == 2
