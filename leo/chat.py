"""`leo chat`: type, Leo answers, and the field grows and is there tomorrow.

From a terminal it is a conversation; from a pipe it is one prompt a line in, one reply a line out.
Ctrl-C while Leo thinks cancels the reply, and the field stays whole; at the prompt it ends the
conversation.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import SystemRandom
from typing import Any, Protocol, TextIO

from leo.afield import AsyncLeoField
from leo.cli import Command
from leo.disciplines import DEFAULT, DISCIPLINES, Discipline
from leo.errors import StepError
from leo.field import LeoField
from leo.measure import Pulse
from leo.organs import ORGANS, Organ
from leo.themes import compute_themes
from leo.view import View
from leo.why import Account, describe_pulse, explain_reply

__all__ = ["COMMAND", "configure_field", "converse", "opened"]

FIELD = "leo.sqlite3"
PROMPT = "> "
WELCOME = "Leo listens. /help says what else there is, /quit ends."
HELP = """\
Type anything and Leo answers; what you type becomes a part of the field.
/field       the size of the field, its centres and themes, the pulse of the last reply
/why         what the last reply did: its steps, what they read and wrote
/discipline  how replies are executed
/help        this text
/quit        end (so does Ctrl-D)
Ctrl-C       while Leo thinks: cancel the reply"""
EMPTY = "Leo waits for a word."
CANCELLED = "The reply was cancelled; the field is whole."


class _Field(Protocol):
    """What a conversation needs: someone who answers, and a view to describe."""

    @property
    def view(self) -> View: ...

    @property
    def pulse(self) -> Pulse | None: ...

    @property
    def discipline(self) -> Discipline: ...

    def why(self) -> str: ...

    def speak(self, prompt: str, session: str = "s1") -> str: ...


class _Seen:
    """What a conversation shows of a field, whichever kind it is."""

    def __init__(self, field: LeoField | AsyncLeoField, account: Account | None = None) -> None:
        self._field = field
        self._account = account or Account()

    @property
    def view(self) -> View:
        return self._field.view

    @property
    def pulse(self) -> Pulse | None:
        latest = self._field.latest
        return None if latest is None else latest.pulse

    @property
    def discipline(self) -> Discipline:
        return self._field.discipline

    def why(self) -> str:
        return explain_reply(self._account, self._field.latest, self._field.program)


class _Sync(_Seen):
    def __init__(self, field: LeoField, account: Account | None = None) -> None:
        super().__init__(field, account)
        self._replying = field

    def speak(self, prompt: str, session: str = "s1") -> str:
        return self._replying.reply(prompt, session)


class _Async(_Seen):
    """One event loop for the whole conversation; a Ctrl-C cancels the reply that runs on it."""

    def __init__(
        self, field: AsyncLeoField, runner: asyncio.Runner, account: Account | None = None
    ) -> None:
        super().__init__(field, account)
        self._replying = field
        self._runner = runner

    def speak(self, prompt: str, session: str = "s1") -> str:
        return self._runner.run(self._replying.reply(prompt, session))


@contextmanager
def opened(
    path: str, seed: int, discipline: str, modules: Sequence[Organ[Any]]
) -> Iterator[_Field]:
    """A field for a conversation, whichever kind the discipline wants, closed at the end."""
    account = Account()
    if DISCIPLINES[discipline].runtime != "asyncio":
        with LeoField.open(
            path, seed=seed, discipline=discipline, modules=modules, tracer=account
        ) as field:
            yield _Sync(field, account)
    else:
        with asyncio.Runner() as runner:
            opening = AsyncLeoField.open(
                path, seed=seed, discipline=discipline, modules=modules, tracer=account
            )
            afield = runner.run(opening)
            try:
                yield _Async(afield, runner, account)
            finally:
                runner.run(afield.close())


def converse(field: _Field, lines: Iterator[str], out: TextIO, notices: TextIO) -> None:
    """Answer line after line. Replies go to `out`, everything about the conversation to `notices`.

    A step that fails is reported, and the conversation goes on.
    """
    commands: dict[str, Callable[[], str]] = {
        "/field": lambda: describe(field.view, field.pulse),
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
            except StepError as error:
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
    seed = SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    modules = ORGANS if arguments.modules == "all" else ()
    with opened(arguments.field, seed, arguments.discipline, modules) as field:
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
    help="talk with Leo; the field grows with every line and stays in a file",
    example="leo chat --field leo.sqlite3",
    configure=configure_field,
    run=run,
)
