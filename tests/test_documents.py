"""Every command in every document is one that exists, with the arguments it has."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from leo.cli import Command

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for folder in ("", "spec", "model", "leo", "leo/organs", "proofs", "bench", "tests",
                   "model/artifact", "model/experiments", "model/schedules", "leo/observers")
    for path in (ROOT / folder).glob("*.md")
)  # fmt: skip
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
    """The command parses with the parser of its subcommand; a target of make is in the Makefile."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert set(targets) <= TARGETS, f"{path.name}: {command}"
        return
    if words[0] != "leo" or len(words) == 1 or words[1].isupper() or words[1].startswith("-"):
        return
    # A document may leave the rest to the reader; what a shell adds is not the command's.
    given = [word for word in words[2:] if word not in {"...", "--help"}]
    for sign in (">", "|", "<"):
        given = given[: given.index(sign)] if sign in given else given
    bare = len(words) == 2 or {"...", "--help"} & set(words)
    if not bare:
        parser_of(words[1]).parse_args(given)
    else:
        parser_of(words[1])
