"""The command `leo`: it finds the subcommands, runs one, and turns errors into exit codes.

The subcommands are entry points, because most of them live in the package `leo_model`, which `leo`
must not import. Only the requested subcommand is loaded, so one that cannot be loaded does not
break the others.

Exit codes are in `leo.commands.overview.EXIT_CODES`.
"""

from __future__ import annotations

import argparse
import errno
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from io import TextIOWrapper
from textwrap import fill
from typing import NoReturn, TextIO, cast

from leo import __version__, screen
from leo.commands import ending
from leo.commands.overview import EXIT_CODES, HELP, Help
from leo.errors import CommandError, LeoError, nearest, unknown

DISTRIBUTION = "leo-field"
GROUP = "leo.commands"
# Commands of packages that no wheel contains: in a checkout they are there, elsewhere not at all.
CHECKOUT_GROUP = "leo.commands.checkout"
DESCRIPTION = "A field organism on a SQLite store, and the model its replies are checked against."
# Rooms that are no commands, and the command of each.
_MEANT = {"units": "validate", "instrument": "validate", "schedules": "explore"}
# As argparse words it, from the word to the words that are known.
CHOICE = re.compile(r"invalid choice: '(.+?)' \(choose from (.+)\)")
# What writing to an open file raises: a full disk, a quota, a limit, a broken device.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

# What a shell says of a program that SIGPIPE ended, 128 + 13. Python ignores that signal.
BROKEN_PIPE = 141

# What importing a module, or looking a name up in it, raises when the installation is broken.
BROKEN = (ImportError, AttributeError, NameError, SyntaxError)


@dataclass(frozen=True)
class Command:
    """One subcommand of `leo`; what its help says is in `leo.commands.overview`.

    `configure` adds the arguments to a parser. `run` does the work and returns the exit code;
    `later` makes one of a name, so that the help does not load what the work needs.
    """

    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def later(place: str) -> Callable[[argparse.Namespace], int]:
    """The function at `module:function`, loaded when it is called."""

    def run(arguments: argparse.Namespace) -> int:
        module, _, name = place.partition(":")
        found: Callable[[argparse.Namespace], int] = getattr(import_module(module), name)
        return found(arguments)

    return run


class Parser(argparse.ArgumentParser):
    """A parser whose errors are two lines: what is wrong, and where the help is."""

    def error(self, message: str) -> NoReturn:
        wrong = CHOICE.search(message)
        if wrong is not None:
            known = [word.strip(" '\"") for word in wrong[2].split(",")]
            message = f"{message[: wrong.start()]}{unknown(wrong[1], known)}"
        elif message.startswith("unrecognized arguments: "):
            word = message.split()[2].partition("=")[0]
            message += nearest(word, self._option_string_actions)
        raise CommandError(f"{message}\nsee {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that `argv` (the process's own by default) names; return the exit code."""
    if not _prepare_streams():
        return 2
    out, errors = (cast(TextIO, screen.Screen(one)) for one in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(errors):
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(argv: list[str]) -> int:
    code: int | None = None
    try:
        code = _dispatch(argv)
        # Output that waits in the buffer can fail too: better here than at the interpreter's exit.
        sys.stdout.flush()
    except LeoError as error:
        print(f"leo: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the output (`leo check | head`) has had enough. That makes no success of it:
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
        # Closed by the program that started this one. `print` would write to standard output, and
        # the next file to be opened would get its number.
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
    try:
        os.getcwd()
    except OSError as error:
        raise CommandError(
            f"the current folder cannot be used ({error.strerror}); go to one that exists"
        ) from None
    entries = _entries()
    if word not in entries:
        if word in HELP:
            raise CommandError(
                f"the command {word!r} needs what no wheel contains: go to a checkout of "
                f"{DISTRIBUTION} and run make setup there, then .venv/bin/leo {word}"
            )
        told = (
            f"{word!r}; did you mean {_MEANT[word]}?" if word in _MEANT else unknown(word, entries)
        )
        raise CommandError(f"there is no command {told}\nsee leo --help")
    for given in argv:
        # A name on the disk need not be UTF-8: its other bytes come as surrogates.
        if (shown := screen.visible(given)) != given.encode("utf-8", "replace").decode():
            raise CommandError(
                f"the argument {shown!r:.80} has a character that a terminal would obey, a line "
                "end for instance, and would be shown in messages: leave it out, or rename the file"
            )
    command = _load(entries[word])
    help = HELP.get(word)
    parser = Parser(
        prog=f"leo {word}",
        description=None if help is None else _sentence(help.what),
        epilog=None if help is None else f"example:\n  {help.example}",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    command.configure(parser)
    arguments = parser.parse_args(argv[1:])
    return command.run(arguments)


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
        # A signal in the middle of an import may look like this as well.
        if ending.ended_by(None, broken=True) is not None:
            raise SystemExit from error
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
    width = screen.width()
    lines = [
        "usage: leo COMMAND [ARGUMENT ...]",
        "       leo COMMAND --help | leo --help | leo --version",
        "",
        fill(DESCRIPTION, width),
        "",
        "commands:",
    ]
    for name in _entries():
        help = HELP.get(name, Help("", f"leo {name} --help"))
        lines += screen.labelled(f"  {name}", help.what, label_width=13)
        lines += screen.labelled("", f"$ {help.example}", label_width=13)
    lines += ["", "exit codes:"]
    for code, meaning in EXIT_CODES.items():
        lines += screen.labelled(f"  {code}", meaning, label_width=13)
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"


def _formatter(prog: str) -> argparse.HelpFormatter:
    # RawDescription keeps the example on the line it was written on.
    return argparse.RawDescriptionHelpFormatter(prog, width=screen.width())
