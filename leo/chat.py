"""`leo chat`: type, Leo answers, and the field grows and is there tomorrow.

From a terminal it is a conversation; from a pipe it is one prompt a line in, one reply a line out.
Ctrl-C while Leo thinks cancels the reply, and the field stays whole; at the prompt it ends the
conversation.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from random import SystemRandom
from typing import TextIO

from leo.cli import Command
from leo.disciplines import DEFAULT, DISCIPLINES, Discipline
from leo.errors import CallerError, LeoError
from leo.measure import Pulse
from leo.organs import ORGANS
from leo.speakers import Speaker, opened
from leo.themes import compute_themes
from leo.view import View
from leo.why import describe_pulse

__all__ = ["COMMAND", "configure_field", "converse"]

FIELD = "leo.sqlite3"
PROMPT = "> "
WELCOME = "Leo listens. /help says what else there is, /quit ends."
HELP = """\
Type anything and Leo answers; what you type becomes a part of the field.
/field       the size of the field, its centres and themes, the pulse of the last reply; with
             modules, the themes that rise and fade, and the words that hurt
/why         what the last reply did: its steps, what they read and wrote
/discipline  how replies are executed
/help        this text
/quit        end (so does Ctrl-D)
Ctrl-C       while Leo thinks: cancel the reply"""
EMPTY = "Leo waits for a word."
CANCELLED = "The reply was cancelled; the field is whole."


def converse(field: Speaker, lines: Iterator[str], out: TextIO, notices: TextIO) -> None:
    """Answer line after line. Replies go to `out`, everything about the conversation to `notices`.

    A reply that fails is reported, and the conversation goes on.
    """
    commands: dict[str, Callable[[], str]] = {
        "/field": lambda: "\n".join([describe(field.view, field.pulse), *field.memory()]),
        "/why": field.why,
        "/discipline": lambda: describe_discipline(field.discipline),
        "/help": lambda: HELP,
    }
    for line in lines:
        prompt = line.strip()
        if prompt == "/quit":
            return
        if not prompt:
            print(EMPTY, file=notices)
        elif prompt in commands:
            print(commands[prompt](), file=out, flush=True)
        elif prompt.startswith("/"):
            print(f"There is no {prompt.split()[0]!r}; /help says what there is.", file=notices)
        else:
            try:
                print(field.speak(prompt), file=out, flush=True)
            except KeyboardInterrupt:
                print(f"\n{CANCELLED}", file=notices)
            except LeoError as error:
                print(f"Leo could not answer: {error}", file=notices)


def describe(view: View, pulse: Pulse | None = None) -> str:
    """The size of the field, its centres, its largest themes, and a pulse, for people."""
    size = ", ".join(f"{count:,} {name}" for name, count in view.size().items())
    centres = ", ".join(view.words.names[id] for id in view.words.centres())
    themes = compute_themes(view)
    largest = sorted(themes, key=lambda theme: (-len(theme.words), theme.id))[:3]
    lines = [
        f"size     {size.replace('_', '-')}",
        f"version  {view.bigrams.version}",
        f"centres  {centres}",
        f"themes   {len(themes)}",
    ]
    lines += [f"         {', '.join(theme.centres[:8])}" for theme in largest]
    lines.append(f"pulse    {describe_pulse(pulse)}")
    return "\n".join(lines)


def describe_discipline(discipline: Discipline) -> str:
    """A discipline in one line."""
    committed = "once per reply" if discipline.commit == "reply" else "after every step"
    return (
        f"{discipline.id} ({discipline.number}): on {discipline.runtime}, lock {discipline.lock}, "
        f"commits {committed}"
    )


def _typed() -> Iterator[str]:
    """What somebody types, line by line, until Ctrl-D or Ctrl-C at the prompt."""
    while True:
        try:
            yield input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            return


def _piped(lines: Iterable[str]) -> Iterator[str]:
    """What a pipe or a file says, line by line. Raises CallerError when it cannot be read."""
    try:
        yield from lines
    except OSError as error:
        raise CallerError(
            f"the prompts cannot be read from standard input ({error.strerror or error}); type at "
            "a terminal, or send one prompt a line through a pipe"
        ) from error


def _forgive(lines: TextIO, encoding: str | None = None) -> None:
    """Read on, whatever comes: a byte that is no text is no letter either."""
    if isinstance(lines, TextIOWrapper):
        lines.reconfigure(encoding=encoding, errors="replace")


def configure_field(parser: ArgumentParser) -> None:
    """The arguments that say which field, and how it replies."""
    parser.add_argument(
        "--field",
        metavar="FILE",
        default=FIELD,
        help=f"the file (default: {FIELD}, made if missing)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        help="equal seeds and prompts give equal replies (default: chance)",
    )
    parser.add_argument(
        "--discipline",
        metavar="ID",
        default=DEFAULT,
        choices=[id for id, discipline in DISCIPLINES.items() if not discipline.mistake],
        help=f"how replies are executed: %(choices)s (default: {DEFAULT})",
    )
    parser.add_argument(
        "--modules",
        choices=("all", "none"),
        default="all",
        help="whether the modules of the organism take part (default: all)",
    )


def run(arguments: Namespace) -> int:
    if sys.stdin is None:
        raise CallerError(
            "standard input is closed, so nobody can speak to Leo; type at a terminal, or send one "
            "prompt a line through a pipe"
        )
    seed = SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    modules = ORGANS if arguments.modules == "all" else ()
    with opened(arguments.field, seed, arguments.discipline, modules) as field:
        if sys.stdin.isatty():
            # A terminal's keys may send anything, too; its encoding is its own.
            _forgive(sys.stdin)
            print(WELCOME)
            converse(field, _typed(), sys.stdout, sys.stdout)
        else:
            _forgive(sys.stdin, "utf-8")
            converse(field, _piped(sys.stdin), sys.stdout, sys.stderr)
    return 0


COMMAND = Command(
    name="chat",
    help="talk with Leo; the field grows with every line and stays in a file",
    example="leo chat --field leo.sqlite3",
    configure=configure_field,
    run=run,
)
