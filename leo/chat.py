"""`leo chat`: type, Leo answers, and the field grows and is there tomorrow.

From a terminal it is a conversation; from a pipe it is one prompt a line in, one reply a line out.
Ctrl-C while Leo thinks cancels the reply, and the field stays whole; at the prompt it ends the
conversation.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import Protocol, TextIO

from leo.afield import AsyncLeoField
from leo.cli import Command
from leo.disciplines import DEFAULT, DISCIPLINES
from leo.errors import StepError
from leo.field import LeoField
from leo.themes import compute_themes
from leo.view import View

__all__ = ["COMMAND", "converse"]

FIELD = "leo.sqlite3"
PROMPT = "> "
WELCOME = "Leo listens. /help says what else there is, /quit ends."
HELP = """\
Type anything and Leo answers; what you type becomes a part of the field.
/field   the size of the field, its centres and themes
/help    this text
/quit    end (so does Ctrl-D)
Ctrl-C   while Leo thinks: cancel the reply"""
EMPTY = "Leo waits for a word."
CANCELLED = "The reply was cancelled; the field is whole."


class _Field(Protocol):
    """What a conversation needs: someone who answers, and a view to describe."""

    @property
    def view(self) -> View: ...

    def speak(self, prompt: str) -> str: ...


class _Sync:
    def __init__(self, field: LeoField) -> None:
        self._field = field

    @property
    def view(self) -> View:
        return self._field.view

    def speak(self, prompt: str) -> str:
        return self._field.reply(prompt)


class _Async:
    """One event loop for the whole conversation; a Ctrl-C cancels the reply that runs on it."""

    def __init__(self, field: AsyncLeoField, runner: asyncio.Runner) -> None:
        self._field = field
        self._runner = runner

    @property
    def view(self) -> View:
        return self._field.view

    def speak(self, prompt: str) -> str:
        return self._runner.run(self._field.reply(prompt))


@contextmanager
def _opened(path: str, seed: int, discipline: str) -> Iterator[_Field]:
    if DISCIPLINES[discipline].runtime != "asyncio":
        with LeoField.open(path, seed=seed, discipline=discipline) as field:
            yield _Sync(field)
    else:
        with asyncio.Runner() as runner:
            opening = AsyncLeoField.open(path, seed=seed, discipline=discipline)
            afield = runner.run(opening)
            try:
                yield _Async(afield, runner)
            finally:
                runner.run(afield.close())


def converse(field: _Field, lines: Iterator[str], out: TextIO, notices: TextIO) -> None:
    """Answer line after line. Replies go to `out`, everything about the conversation to `notices`.

    A step that fails is reported, and the conversation goes on.
    """
    commands: dict[str, Callable[[], str]] = {
        "/field": lambda: describe(field.view),
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
            except StepError as error:
                print(f"Leo could not answer: {error}", file=notices)


def describe(view: View) -> str:
    """The size of the field, its centres, and its largest themes, for people."""
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
    return "\n".join(lines)


def _typed() -> Iterator[str]:
    """What somebody types, line by line, until Ctrl-D or Ctrl-C at the prompt."""
    while True:
        try:
            yield input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            return


def configure(parser: ArgumentParser) -> None:
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


def run(arguments: Namespace) -> int:
    seed = SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    with _opened(arguments.field, seed, arguments.discipline) as field:
        if sys.stdin.isatty():
            print(WELCOME)
            converse(field, _typed(), sys.stdout, sys.stdout)
        else:
            # A pipe may carry anything; a byte that is no UTF-8 is no letter either.
            if hasattr(sys.stdin, "reconfigure"):
                sys.stdin.reconfigure(encoding="utf-8", errors="replace")
            converse(field, iter(sys.stdin), sys.stdout, sys.stderr)
    return 0


COMMAND = Command(
    name="chat",
    help="talk with Leo; the field grows with every line and is kept in a file",
    example="leo chat --field leo.sqlite3",
    configure=configure,
    run=run,
)
