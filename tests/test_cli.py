"""The command `leo`: what it prints, how it ends, and how it copes with what it cannot load."""

import os
import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random
from textwrap import dedent

import pytest

import leo.commands.main
from leo import __version__
from leo.commands.main import GROUP, Command, main
from leo.commands.overview import EXIT_CODES, HELP
from leo.errors import LeoError
from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import encode

COMMANDS = tuple(HELP)


class MadeError(LeoError):
    """An error of the tests' own, with an exit code of its own."""

    exit_code = 7


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="whom to greet")
    parser.add_argument("--loud", action="store_true")
    parser.add_argument("--tone", choices=("high", "low"))


def greet(arguments: Namespace) -> int:
    if arguments.name == "nobody":
        raise MadeError("expected somebody, got 'nobody'; name a person")
    if arguments.name == "stop":
        raise KeyboardInterrupt
    print(f"hello {arguments.name}")
    return 1 if arguments.name == "finding" else 0


GREET = Command(configure, greet)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Replace the subcommands by one called `greet`, from a package that is written for the test.

    The arguments are the package's name, a new one for each test, and the text of `__init__.py`.
    """

    def put(package: str, text: str) -> None:
        folder = tmp_path / "path" / package
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(dedent(text))
        monkeypatch.syspath_prepend(str(folder.parent))
        entry = EntryPoint("greet", f"{package}:GREET", GROUP)
        monkeypatch.setattr(leo.commands.main, "_entries", lambda: {"greet": entry})

    return put


@pytest.fixture
def greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the subcommands by one called `greet` that works."""
    entry = EntryPoint("greet", "never.imported:GREET", GROUP)
    monkeypatch.setattr(leo.commands.main, "_entries", lambda: {"greet": entry})
    monkeypatch.setattr(leo.commands.main, "_load", lambda _: GREET)


@pytest.mark.usefixtures("greeting")
def test_a_command_of_a_checkout_is_no_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is not installed it is said how to have it."""
    assert main(["prove"]) == 2
    assert "go to a checkout" in capsys.readouterr().err


def test_help_shows_every_command_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """`leo --help` ends 0, fits 80 columns, and has help and an example for each command."""
    assert tuple(leo.commands.main._entries()) == COMMANDS
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in COMMANDS:
        (at,) = [i for i, line in enumerate(lines) if line.split()[:1] == [name]]
        assert lines[at + 1].split()[:3] == ["$", "leo", name]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_command_ends_with_its_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`leo COMMAND --help` ends 0, fits 80 columns, and its last line is an example."""
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert shlex.split(lines[-1])[:2] == ["leo", name]


def test_no_arguments_prints_help_and_fails(
    greeting: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """`leo` alone explains itself on stderr and ends 2: nothing was asked, nothing was done."""
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: leo COMMAND" in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`leo --version` prints the distribution and its version."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"leo-field {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [["graet"], ["greet", "ada", "--laud"], ["greet"], ["greet", "ada", "--tone", "hiih"]],
    ids=" ".join,
)
def test_wrong_use_is_two_lines(
    greeting: None, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, with the word that was meant, and where the help is; exit code 2."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 2
    for meant in {"graet": ["greet"], "--laud": ["--loud"], "hiih": ["high"]}.get(words[-1], []):
        assert f"did you mean {meant}?" in err
    assert err.splitlines()[1] in ("see leo --help", "see leo greet --help")


@pytest.mark.parametrize(("name", "code"), [("ada", 0), ("finding", 1), ("stop", 130)])
def test_exit_code_is_the_commands(greeting: None, name: str, code: int) -> None:
    """The exit code is what the command returned, and 130 after an interruption."""
    assert main(["greet", name]) == code


def test_the_overview_lists_every_exit_code(
    greeting: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of a command, of an interruption, of a broken pipe, of a termination."""
    assert main(["--help"]) == 0
    codes = capsys.readouterr().out.partition("exit codes:")[2]
    assert re.findall(r"^  (\d+) ", codes, re.MULTILINE) == [str(code) for code in EXIT_CODES]


def test_error_is_one_line_and_its_exit_code(
    greeting: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A LeoError is printed as `leo: error: ...` without a traceback and decides the exit code."""
    assert main(["greet", "nobody"]) == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "leo: error: expected somebody, got 'nobody'; name a person\n"


@pytest.mark.parametrize(
    ("package", "text", "reason"),
    [
        ("lf_import", "__leo_field__ = True\nimport lf_absent", "No module named 'lf_absent'"),
        ("lf_syntax", "__leo_field__ = (", "SyntaxError"),
        ("lf_empty", "__leo_field__ = True", "has no attribute 'GREET'"),
        ("lf_type", "__leo_field__ = True\nGREET = 3", "is a int, not a leo.commands.main.Command"),
    ],
)
def test_broken_command_is_reported_when_asked_for(
    package: str,
    text: str,
    reason: str,
    install: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command that cannot be loaded ends 2 with the reason; the help does not load it."""
    install(package, text)
    assert main(["greet"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("leo: error: ")
    assert package in error
    assert reason in error
    assert main(["--help"]) == 0
    assert "greet" in capsys.readouterr().out


def into_a_closed_pipe(*words: str, unbuffered: bool = False) -> tuple[int, bytes]:
    """The exit code of `python -m leo` and what it says, when the reader of its output has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "leo", *words],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1" if unbuffered else ""},
            check=False,
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize("unbuffered", [False, True])
def test_closed_pipe_is_quiet(unbuffered: bool) -> None:
    """When the reader of the output has gone, the command ends without a word: with its own exit
    code when it had come to one, and otherwise as a program killed by SIGPIPE, never as a success.
    """
    code = 141 if unbuffered else 0
    assert into_a_closed_pipe("--version", unbuffered=unbuffered) == (code, b"")


def test_a_finding_is_not_lost_in_a_pipe(tmp_path: Path) -> None:
    """`leo validate BAD | head -0` under `pipefail` is no success: a trace that is not a behaviour
    of what it claims ends 1, with and without a reader of the report.
    """
    header, events = random_trace(trace_world("bare", 3), Random(2), 0.0, 120)
    trace = tmp_path / "bad.ndjson"
    trace.write_bytes(encode([header | {"discipline": "asyncio-lock"}, *events]))
    assert into_a_closed_pipe("validate", str(trace), "--engine", "native") == (1, b"")
    # Broken before the verdict was known.
    words = ("validate", str(trace), "--engine", "native")
    assert into_a_closed_pipe(*words, unbuffered=True) == (141, b"")


def test_a_shell_completes() -> None:
    """The script is one that bash takes, and it knows commands, options and disciplines."""
    done = subprocess.run(
        [sys.executable, "-m", "leo", "completion", "bash"], capture_output=True, check=True
    )
    asked = {"leo ch": "chat check", "leo check --pro": "--property", "leo field exp": "export"}
    for line, found in (asked | {"leo check asyn": "asyncio-lock"}).items():
        words = line.split()
        ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _leo; echo ${{COMPREPLY[@]}}"
        told = subprocess.run(
            ["bash", "-c", f"{done.stdout.decode()}\n{ask}"], capture_output=True, check=True
        )
        assert told.stdout.decode().split() == found.split()
