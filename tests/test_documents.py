"""Every command in every document is one that exists, with the arguments it has."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from leo.commands.main import Command

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("spec", "leo", "model", "proofs", "bench", "tests")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(p for part in PARTS for p in (ROOT / part).rglob("*.md"))]
)
IN_TEXT = re.compile(r"`((?:leo|make) [a-z][^`\n]*)`")
INDENTED = re.compile(r"^(?: {4,}|\t)\$? ?((?:leo|make|\.venv/bin/\S+) .+)$", re.MULTILINE)
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED_LINE = re.compile(r"^\$? ?((?:leo|make) [a-z].*)$", re.MULTILINE)


def commands(text: str) -> list[str]:
    """The commands of a document, without the remark that a table of commands has after them."""
    found = IN_TEXT.findall(text) + INDENTED.findall(text)
    for block in FENCED.findall(text):
        found += FENCED_LINE.findall(block)
    return [re.split(r"\s{2,}|\s#", command)[0].strip() for command in found]


CASES = [(path, command) for path in DOCUMENTS for command in commands(path.read_text("utf-8"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def parser_of(name: str) -> ArgumentParser:
    (entry,) = [
        entry
        for group in ("leo.commands", "leo.commands.checkout")
        for entry in entry_points(group=group)
        if entry.name == name
    ]
    command = entry.load()
    assert isinstance(command, Command)
    parser = ArgumentParser(prog=f"leo {name}", exit_on_error=False)
    command.configure(parser)
    return parser


def test_there_are_commands_to_look_at() -> None:
    """The documents are found, and so are the commands in them."""
    assert len(DOCUMENTS) >= 10
    assert len(CASES) >= 60
    assert ("leo check asyncio-lock") in {command for _, command in CASES}


@pytest.mark.parametrize(
    ("path", "command"), CASES, ids=[f"{p.relative_to(ROOT)}: {c}" for p, c in CASES]
)
def test_command_of_a_document_exists(path: Path, command: str) -> None:
    """The command parses with the parser of its subcommand; a target of make is in the Makefile, a
    module that Python is to run is there.
    """
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert set(targets) <= TARGETS, f"{path.name}: {command}"
        return
    if words[0] != "leo":
        assert words[:2] == [".venv/bin/python", "-m"], command
        assert find_spec(words[2]) is not None, command
        return
    # A document may leave the rest to the reader; what a shell adds is not the command's.
    given = [word for word in words[2:] if word not in {"...", "--help"}]
    for sign in (">", "|", "<"):
        given = given[: given.index(sign)] if sign in given else given
    parser = parser_of(words[1])
    if len(words) > 2 and not {"...", "--help"} & set(words):
        parser.parse_args(given)


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
    found = dict.fromkeys(command for _, command in CASES if command.startswith("leo "))
    return [
        command
        for command in found
        if (len(command.split()) > 2 or command in WHOLE)
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
