"""The commands of the documents run as they stand. That they exist is a rule of `make lint`."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules import ROOT, commands, documents

# Left to their own targets and tests: they take many minutes, ask for files or tokens that a reader
# has, write into the repository, or speak to the network.
NOT_RUN = (
    "check --history", "converse", "cover bare gil", "experiment", "paper", "prove --index",
    "replay", "site", "validate A", "validate run.ndjson",
)  # fmt: skip
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|\.\.\.|<|>|\|")
# A name alone is mostly a mention of the command; these are whole as they stand.
WHOLE = {"leo chat", "leo check", "leo cite", "leo prove", "leo verify"}


def runnable() -> list[str]:
    """The distinct `leo` commands of all documents that can be run as they stand, in order."""
    texts = (path.read_text("utf-8") for path in documents(ROOT))
    found = dict.fromkeys(command for text in texts for command in commands(text))
    return [
        command
        for command in found
        if command.startswith("leo ")
        and (len(command.split()) > 2 or command in WHOLE)
        and not PLACEHOLDER.search(command)
        and not command.removeprefix("leo ").startswith(NOT_RUN)
    ]


@pytest.mark.long
def test_commands_of_the_documents_run(tmp_path: Path) -> None:
    """Every command that stands complete in a document ends with 0, or 1 where it shows a finding.

    They run one after the other in one folder: some read what an earlier one wrote.
    """
    leo = Path(sys.executable).with_name("leo")
    commands_run = 0
    for command in runnable():
        words = shlex.split(command)
        ended = subprocess.run(
            [str(leo), *words[1:]], cwd=tmp_path, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert ended.returncode in {0, 1}, (
            f"{command}\n{ended.stdout[-500:]}\n{ended.stderr[-800:]}"
        )
        assert "Traceback" not in ended.stderr, command
        commands_run += 1
    assert commands_run > 20
