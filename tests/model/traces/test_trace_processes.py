"""Two processes on one store, each recording its own file: merged, and judged as one trace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leo_model.commands.validate import VALIDATE
from leo_model.traces.validate import Report, validate, validate_merged
from tests.model.validating import options

# One process of a run: it opens the field and says so; each line that it is given is a number of
# replies that each of its two sessions is to make; the end of its input is its end.
PROCESS = """
import asyncio, sys
from leo import AsyncLeoField, NdjsonRecorder

async def main(folder, name, discipline):
    recorder = NdjsonRecorder(
        f"{folder}/{name}.ndjson", run="pair", writer=f"writer of {name}", instances=(name,)
    )
    with recorder:
        async with await AsyncLeoField.open(
            f"{folder}/field", seed=7, discipline=discipline, tracer=recorder, instance=name
        ) as field:
            print("open", flush=True)

            async def session(word, turns):
                for turn in range(turns):
                    await field.reply(f"grey herons wait {turn}", f"{name}-{word}")

            while line := await asyncio.to_thread(sys.stdin.readline):
                async with asyncio.TaskGroup() as group:
                    for word in ("anna", "ben"):
                        group.create_task(session(word, int(line)))
                print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Process:
    """A child that replies when it is told to."""

    def __init__(self, folder: Path, name: str, discipline: str) -> None:
        self.trace = folder / f"{name}.ndjson"
        self._child = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), name, discipline],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.wait("open")

    def say(self, turns: int) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{turns}\n")
        self._child.stdin.flush()

    def wait(self, word: str = "done") -> None:
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == f"{word}\n"

    def end(self) -> None:
        rest, _ = self._child.communicate(timeout=60)
        assert rest == ""
        assert self._child.returncode == 0


def good(report: Report) -> bool:
    return report.error is None and report.accepted and not report.broken


def test_two_processes_under_immediate_transactions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """D12: each file alone has versions from nowhere and is refused; together they are a behaviour
    that breaks nothing, and both engines say so."""
    pair = [Process(tmp_path, name, "shared-store-immediate") for name in ("i1", "i2")]
    for process in pair:
        process.say(3)
    for process in pair:
        process.wait()
        process.end()
    files = [str(process.trace) for process in pair]
    assert not all(good(report) for report in validate(files))
    whole = tmp_path / "whole.ndjson"
    words = [*files, "--merge", "--merged", str(whole), "--engine", "both", "--no-cache"]
    assert VALIDATE.run(options(*words)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{files[0]} + {files[1]}: accepted\n")
    assert "native and TLC agree" in said
    assert all(len(line) <= 80 for line in said.splitlines()[1:])
    (report,) = validate([whole])
    assert report.native is not None
    assert report.accepted and report.native.outcomes == {"returned": 12}
    # The recordings tell of the same run: 12 commits, no version twice.
    writes = [json.loads(line)["writes"] for line in whole.read_bytes().splitlines()[1:]]
    versions = [write["ngrams"] for write in writes if "ngrams" in write]
    assert versions == sorted(set(versions)) and len(versions) == 12


def test_a_process_that_opens_later(tmp_path: Path) -> None:
    """The second opens the store after six commits: until then it was down."""
    first = Process(tmp_path, "i1", "shared-store-immediate")
    first.say(3)
    first.wait()
    second = Process(tmp_path, "i2", "shared-store-immediate")
    for process in (first, second):
        process.say(2)
    for process in (first, second):
        process.wait()
        process.end()
    report = validate_merged([second.trace, first.trace], save=tmp_path / "whole.ndjson")
    assert good(report), report
    assert report.native is not None
    assert report.native.outcomes == {"returned": 14}
    (again,) = validate([tmp_path / "whole.ndjson"])
    assert again.accepted and again.native is not None
    actions = [
        json.loads(line).get("action")
        for line in (tmp_path / "whole.ndjson").read_bytes().splitlines()
    ]
    assert actions[1] == "Crash" and actions.count("Recover") == 1
