"""A conversation: type, Leo answers, and the field grows and is there tomorrow.

From a terminal it is a conversation; from a pipe it is one prompt a line in, one reply a line out.
Ctrl-C while Leo thinks cancels the reply, in a command it ends the command; at the prompt it ends
the conversation. What it leaves of a reply is the discipline's affair, and the conversation says
it: nothing or all where a reply is committed once, a part where each step is.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from io import TextIOWrapper
from random import SystemRandom
from textwrap import fill
from typing import TextIO

from leo import screen
from leo.commands.ending import keep_interrupts
from leo.commands.speakers import Speaker, describe_interruption, opened
from leo.commands.why import describe_pulse
from leo.disciplines import Discipline
from leo.errors import CallerError, LeoError
from leo.field.measure import Pulse
from leo.field.themes import survey_themes
from leo.field.view import View
from leo.modules import MODULES
from leo.screen import labelled

__all__ = ["converse", "describe", "describe_discipline", "run"]

PROMPT = "> "
WELCOME = "Leo listens. /help says what else there is, /quit ends."
HELP = """\
Type anything and Leo answers; what you type becomes a part of the field.
/field       the size of the field, its centres and themes, the pulse of the
             last reply; with modules, the themes that rise and fade, and the
             words that hurt
/why         what the last reply did: its steps, what they read and wrote
/discipline  how replies are executed
/help        this text
/quit        end (so does Ctrl-D)
Ctrl-C       while Leo thinks: cancel the reply, or what follows it; in a
             command: end the command"""
EMPTY = "Leo waits for a word."
ENDED = "The command was ended; the field is as it was."
# Every candidate of a theme is compared with every theme: with all of a large field's tokens that
# takes minutes, and somebody waits.
CANDIDATES = 500


def converse(
    field: Speaker,
    lines: Iterator[str],
    out: TextIO,
    notices: TextIO,
    width: int | None = None,
    paired: bool = False,
) -> int:
    """Answer line after line, and return how many prompts had no answer.

    Replies go to `out`, everything about the conversation to `notices`. A reply is one line, or as
    many of at most `width` columns as it takes. One that fails is reported, and the conversation
    goes on; with `paired` an empty line stands in its place. What Leo goes on thinking about a
    reply comes after the answer is shown and before the next line is read.
    """
    commands: dict[str, Callable[[], str]] = {
        "/field": lambda: "\n".join([describe(field.view, field.pulse), *field.memory()]),
        "/why": field.why,
        "/discipline": lambda: describe_discipline(field.discipline),
        "/help": lambda: HELP,
    }

    def show(text: Callable[[], str]) -> None:
        print(text(), file=out, flush=True)

    def answer(prompt: str) -> str:
        reply = field.speak(prompt)
        return reply if width is None else fill(reply, width)

    def attempt(act: Callable[[], None], interrupted: str, failed: str) -> bool:
        """Whether it was carried out to its end."""
        try:
            act()
        except KeyboardInterrupt:
            print(f"\n{interrupted}", file=notices)
        except LeoError as error:
            print(f"{failed}: {error}", file=notices)
        else:
            return True
        return False

    failed = 0
    cancelled, dropped = describe_interruption(field.discipline)
    for line in lines:
        prompt = line.strip()
        if prompt == "/quit":
            break
        if not prompt:
            print(EMPTY, file=notices)
        elif prompt in commands:
            attempt(partial(show, commands[prompt]), ENDED, "The command failed")
        elif prompt.startswith("/"):
            name = prompt.split()[0]
            wrong = (
                f"{name} takes nothing after it" if name in commands else f"There is no {name!r}"
            )
            print(f"{wrong}; /help says what there is.", file=notices)
        elif attempt(partial(show, partial(answer, prompt)), cancelled, "Leo could not answer"):
            attempt(field.settle, dropped, "Leo could not think on")
        else:
            failed += 1
            if paired:
                print(file=out, flush=True)
    return failed


def describe(view: View, pulse: Pulse | None = None) -> str:
    """The size of the field, its centres, its largest themes, and a pulse, for people."""
    size = ", ".join(f"{count:,} {name}" for name, count in view.size().items())
    centres = ", ".join(view.words.names[id] for id in view.words.centres())
    themes, asked, candidates = survey_themes(view, CANDIDATES)
    largest = sorted(themes, key=lambda theme: (-len(theme.words), theme.id))[:3]
    bound = f", among the {asked} tokens of {candidates:,} with most contexts"
    lines = [
        *labelled("size", size.replace("_", "-")),
        *labelled("version", str(view.bigrams.version)),
        *labelled("centres", centres),
        *labelled("themes", f"{len(themes)}{bound if asked < candidates else ''}"),
    ]
    for theme in largest:
        lines += labelled("", ", ".join(theme.centres[:8]))
    lines += labelled("pulse", describe_pulse(pulse))
    return "\n".join(lines)


def describe_discipline(discipline: Discipline) -> str:
    """A discipline in one sentence."""
    committed = "once per reply" if discipline.commit == "reply" else "after every step"
    return fill(
        f"{discipline.id} ({discipline.number}): on {discipline.runtime}, lock {discipline.lock}, "
        f"commits {committed}",
        screen.width(),
        break_on_hyphens=False,
    )


def _typed() -> Iterator[str]:
    """What somebody types, line by line, until Ctrl-D or Ctrl-C at the prompt."""
    while True:
        try:
            yield input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            print()
            return


def _load_line_editing() -> None:
    """Give `input` what people expect of a prompt: arrow keys, and the lines before this one.

    To import the module is all it takes. Not every Python has it, and without it one types as one
    did before.
    """
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415


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


def run(arguments: Namespace) -> int:
    keep_interrupts()
    if sys.stdin is None:
        raise CallerError(
            "standard input is closed, so nobody can speak to Leo; type at a terminal, or send one "
            "prompt a line through a pipe"
        )
    seed = SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    modules = MODULES if arguments.modules == "all" else ()
    with opened(arguments.field, seed, arguments.discipline, modules) as field:
        if sys.stdin.isatty():
            # A terminal's keys may send anything, too; its encoding is its own.
            _forgive(sys.stdin)
            print(WELCOME)
            _load_line_editing()
            width = screen.width() if sys.stdout.isatty() else None
            converse(field, _typed(), sys.stdout, sys.stdout, width)
            return 0
        _forgive(sys.stdin, "utf-8")
        return 2 if converse(field, _piped(sys.stdin), sys.stdout, sys.stderr, paired=True) else 0
