"""The command `leo`: it finds the subcommands, runs one, and turns errors into exit codes.

The subcommands are entry points, because most of them live in the package `leo_model`, which `leo`
must not import. Only the subcommand that was asked for is loaded. One that cannot be loaded is
reported when it is asked for, and does not take the others down.

Exit codes: 0 as expected, 1 a finding, 2 the command could not run, 130 interrupted by Ctrl-C, 141
the reader of the output had gone before the command knew how it ends.
"""

from __future__ import annotations

import argparse
import errno
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from io import TextIOWrapper
from textwrap import fill

from leo import __version__
from leo.errors import CommandError, LeoError

__all__ = ["Command", "main"]

DISTRIBUTION = "leo-field"
GROUP = "leo.commands"
# Commands of packages that no wheel contains: in a checkout they are there, elsewhere not at all.
CHECKOUT_GROUP = "leo.commands.checkout"
DESCRIPTION = "A field organism on a SQLite store, and the model its replies are checked against."
WIDTH = 80
# What writing to an open file raises: a full disk, a quota, a limit, a broken device.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

# What a shell says of a program that SIGPIPE ended, 128 + 13. Python ignores that signal.
BROKEN_PIPE = 141

# What importing a module, or looking a name up in it, raises when the installation is broken.
BROKEN = (ImportError, AttributeError, NameError, SyntaxError)


@dataclass(frozen=True)
class Command:
    """One subcommand of `leo`.

    `help` is one line without a full stop, `example` a command line that works, `configure` adds
    the arguments to a parser, `run` does the work and returns the exit code.
    """

    name: str
    help: str
    example: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that `argv` names and return the exit code.

    `argv` is what follows the program's name; by default the process's own.
    """
    if not _prepare_streams():
        return 2
    code: int | None = None
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        # Output that waits in the buffer can fail too: better here than at the interpreter's exit.
        sys.stdout.flush()
    except LeoError as error:
        print(f"leo: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output (`leo check | head`) has had enough. That makes no success of it:
        # under `set -o pipefail` a finding must not be lost.
        _silence()
        return BROKEN_PIPE if code is None else code
    except OSError as error:
        if error.filename is not None or error.errno not in NO_ROOM:
            raise
        _silence()
        print(
            f"leo: error: the output cannot be written ({error.strerror}); make room, or send it "
            "to another place",
            file=sys.stderr,
        )
        return 2
    return code


def _prepare_streams() -> bool:
    """Make the outputs such that showing something is no error; False when there is none.

    A letter that an output's encoding does not have is a question mark there, in a prompt or in the
    name of a file: it must not end a command that has done its work.
    """
    if sys.stderr is None:
        # Closed by whoever started us. `print` would send what is for it to the standard output,
        # and the next file to be opened would get its number.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        print(
            "leo: error: standard output is closed, so there is nowhere to answer; leave it open, "
            f"or send it to {os.devnull}",
            file=sys.stderr,
        )
        return False
    for stream in (sys.stdout, sys.stderr):
        # The other ways to deal with such a letter show it in some form already.
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")
    return True


def _silence() -> None:
    """Point the output where nothing fails: the interpreter flushes once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(argv: list[str]) -> int:
    if not argv:
        print(_overview(), file=sys.stderr)
        return 2
    word = argv[0]
    if word in ("-h", "--help"):
        print(_overview())
        return 0
    if word == "--version":
        print(f"{DISTRIBUTION} {__version__}")
        return 0
    entries = _entries()
    if word not in entries:
        known = ", ".join(entries)
        raise CommandError(
            f"there is no command {word!r}; the commands are {known}: see leo --help"
        )
    command = _load(entries[word])
    parser = argparse.ArgumentParser(
        prog=f"leo {command.name}",
        description=_sentence(command.help),
        epilog=f"example:\n  {command.example}",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    command.configure(parser)
    return command.run(parser.parse_args(argv[1:]))


def _entries() -> dict[str, EntryPoint]:
    """The subcommands of our own distribution, in the order of the alphabet.

    Another distribution's entry points of the same group are left out: the public index has a
    program called `leo` as well.
    """
    try:
        found = [
            entry
            for entry in distribution(DISTRIBUTION).entry_points
            if entry.group == GROUP or (entry.group == CHECKOUT_GROUP and _is_here(entry))
        ]
    except PackageNotFoundError:
        raise CommandError(
            f"the distribution {DISTRIBUTION} is not installed for {sys.executable}, so its "
            "commands cannot be found; run `make setup` in a checkout and use .venv/bin/leo"
        ) from None
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def _is_here(entry: EntryPoint) -> bool:
    """Is the package of a command that stays in the checkout there at all?"""
    return importlib.util.find_spec(entry.module.partition(".")[0]) is not None


def _load(entry: EntryPoint) -> Command:
    """Import the subcommand of an entry point. Raises CommandError when that is not possible."""
    try:
        command = entry.load()
    except BROKEN as error:
        raise CommandError(
            f"the command {entry.name!r} cannot be loaded from {entry.value}: "
            f"{type(error).__name__}: {error}; "
            f"install {DISTRIBUTION} again, in an environment of its own"
        ) from error
    if not isinstance(command, Command):
        raise CommandError(
            f"the command {entry.name!r} at {entry.value} is a {type(command).__name__}, "
            f"not a leo.commands.main.Command; install {DISTRIBUTION} again"
        )
    return command


def _overview() -> str:
    lines = [
        "usage: leo COMMAND [ARGUMENT ...]",
        "       leo COMMAND --help | leo --help | leo --version",
        "",
        fill(DESCRIPTION, WIDTH),
        "",
        "commands:",
    ]
    for name, entry in _entries().items():
        try:
            command = _load(entry)
        except CommandError:
            lines += [f"  {name:<11}not available; `leo {name}` says why"]
            continue
        lines += [f"  {name:<11}{command.help}", f"  {'':<11}$ {command.example}"]
    lines += ["", "exit codes: 0 as expected, 1 a finding, 2 the command could not run,"]
    lines += ["            130 interrupted by Ctrl-C, 141 the output's reader left too early"]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _formatter(prog: str) -> argparse.HelpFormatter:
    # RawDescription keeps the example on the line it was written on.
    return argparse.RawDescriptionHelpFormatter(prog, width=WIDTH)
