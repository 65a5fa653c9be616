"""The commands of the documents run as they stand. That they exist is a rule of `make lint`."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.rules import ROOT, commands, documents

SCHEDULES = ROOT / "leo/schedules/GUIDE.md"
UNITS = ROOT / "leo/units/GUIDE.md", ROOT / "leo/units/REFERENCE.md"
GUIDES = (
    ROOT / "README.md",
    SCHEDULES,
    *UNITS,
    ROOT / "spec/README.md",
    ROOT / "spec/EXTENDING.md",
)
# Left to their own targets and tests: they take many minutes, ask for tokens that a reader has, or
# write into the repository.
NOT_RUN = (
    "check --history", "converse --observer", "cover bare gil", "experiment", "live",
    "paper", "prove --index", "replay", "site", "check NAME --record",
)  # fmt: skip
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|\.\.\.|<|>|\||module:")
# What a placeholder of a guide stands for here.
INSTEAD = {
    "leo check NAME": "leo check reentrant",
    "leo check --property NAME": "leo check --property StableRead",
}
# A name alone is mostly a mention of the command; these are whole as they stand.
WHOLE = {"chat", "check", "cite", "mutants", "noop", "orders", "prove", "verify"}
# Their answer takes seconds; TLC's and z3's take minutes.
QUICK = {"chat", "cite", "converse", "explore", "validate"}


def runnable(paths: Iterable[Path]) -> dict[str, str]:
    """The `leo` commands of documents that can be run, as they stand and as they are run."""
    texts = (path.read_text("utf-8") for path in paths)
    found = dict.fromkeys(command for text in texts for command in commands(text))
    return {
        command: INSTEAD.get(command, command)
        for command in found
        if command.startswith("leo ")
        and (len(command.split()) > 2 or command.split()[1] in WHOLE)
        and not PLACEHOLDER.search(INSTEAD.get(command, command))
        and not command.removeprefix("leo ").startswith(NOT_RUN)
    }


COMMANDS = list(runnable(documents(ROOT)).values())


def blocks(guide: Path) -> list[str]:
    """The programs of a guide."""
    return re.findall(r"^```python\n(.*?)^```", guide.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what somebody has who has followed the guides: their programs have run, and
    there are two traces of one store, and a history of Jepsen.
    """
    folder = tmp_path_factory.mktemp("reader")
    for number, block in enumerate(block for guide in UNITS for block in blocks(guide)):
        (folder / f"unit{number}.py").write_text(block)
        subprocess.run([sys.executable, f"unit{number}.py"], cwd=folder, check=True)
    (folder / "bank.py").write_text("".join(blocks(SCHEDULES)))
    header = {"schema": 1, "kind": "units", "spec": "units/1", "run": "r", "start": {"row": 0}}
    for version, name in ((1, "one"), (2, "two")):
        event = {
            "seq": 1, "writer": name, "run": "r", "time": 0.0, "instance": "", "store": "s",
            "session": name, "reply": "change", "action": "Open", "reads": {}, "writes": {},
            "outcome": "ok",
        }  # fmt: skip
        write = {**event, "seq": 2, "action": "Write", "writes": {"row": version}}
        close = {**event, "seq": 3, "action": "Close", "outcome": "returned"}
        end = {"kind": "end", "run": "r", "writer": name, "events": 3}
        lines = ({**header, "observed": True}, event, write, close, end)
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "history.edn").write_text(
        "{:type :invoke, :f :txn, :value [[:append 1 1]], :process 0}\n"
        "{:type :ok, :f :txn, :value [[:append 1 1]], :process 0}\n"
    )
    return folder


def test_leo_says_what_the_readme_quotes(tmp_path: Path) -> None:
    """The exchange, by the two commands before it."""
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    seed, said, answer = re.findall(r'`(--seed \d+)`, "(.+?)" gets "(.+?)"', text)[0]
    env, out = os.environ | {"XDG_DATA_HOME": str(tmp_path)}, ""
    read, talk = re.findall(r"`\.venv/bin/leo (.+? --field garden)`", text)
    for command in (read, f"{talk} {seed}"):
        words = [sys.executable, "-m", "leo", *command.split()]
        out = subprocess.check_output(words, input=said, text=True, env=env)
    assert out.strip() == answer


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(line, marks=[pytest.mark.long] * (line.split()[1] not in QUICK))
        for line in COMMANDS
    ],
)
def test_a_command_of_the_documents_runs(command: str, folder: Path) -> None:
    """Every command that stands complete in a document ends with 0, or with 1 where it shows a
    finding, and leaves no folder behind. Answers of minutes are left to `make test-long`."""
    leo = Path(sys.executable).with_name("leo")
    before = {path.name for path in folder.iterdir()}
    ended = subprocess.run(
        [str(leo), *shlex.split(command)[1:]], cwd=folder, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600, check=False,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
    )  # fmt: skip
    assert ended.returncode in {0, 1}, f"{ended.stdout[-500:]}\n{ended.stderr[-800:]}"
    assert "Traceback" not in ended.stderr
    new = {path.name for path in folder.iterdir()} - before
    assert new <= {"cache", "__pycache__", "leo.sqlite3"}


def test_what_no_test_runs() -> None:
    """Of the guides: what has a test of its own, and what is no command but a form of one."""
    found = {
        command
        for guide in GUIDES
        for command in commands(guide.read_text("utf-8"))
        if command.startswith("leo ") and len(command.split()) > 2
    }
    assert found - set(runnable(GUIDES)) == {
        # The experiments have tests of each, with fewer rows.
        "leo experiment concurrent", "leo experiment lock-isolation", "leo experiment long-run",
        "leo experiment ocean", "leo experiment perturbation", "leo experiment published",
        "leo experiment NAME --keep",
        # As long as all claims; `make nightly` runs it.
        "leo check --history",
        # It writes the claims: tests/model/checking/test_check_command.py.
        "leo check NAME --record",
    }  # fmt: skip
