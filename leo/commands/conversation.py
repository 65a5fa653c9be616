"""A conversation with a field at a terminal or over a pipe. The field grows and is kept.

Over a pipe each line in is a prompt and each line out is a reply. At a terminal a reply appears
word after word, once it is committed. Ctrl-C while Leo thinks cancels the reply; while words
appear, it shows the rest; in a command it ends the command; at the prompt it clears a line that was
begun, and ends the conversation on an empty one.
The discipline decides what a cancelled reply leaves: nothing or everything where a reply is
committed once, a part where each step is committed. The conversation tells which.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import termios
import tty
from argparse import Namespace
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from select import select
from textwrap import fill
from typing import Final, NamedTuple, TextIO

from leo import screen
from leo.commands.ending import keep_interrupts
from leo.commands.observe import observe_file, tested
from leo.commands.places import home, shipped, shipped_text
from leo.commands.speakers import Speaker, describe_interruption, opened
from leo.commands.why import describe_pulse
from leo.disciplines import Discipline
from leo.errors import CallerError, LeoError
from leo.field.measure import Pulse
from leo.field.text import is_word
from leo.field.themes import survey_themes
from leo.field.view import View
from leo.modules.resonance import is_telling
from leo.reply.given import check_apart
from leo.screen import labelled

PROMPT = "> "
WELCOME = "/help says what else there is, quit ends."
# Also with a full stop. A "bye" is something that one says to Leo.
ENDINGS: Final = frozenset({"quit", "exit", "/quit", "/exit", ":q"})
OBSERVE: Final = "/observe"
HELP: Final = (
    (
        "/field",
        "the size of the field, its centres and themes, the pulse of the last reply; with "
        "modules, the themes that rise and fade, and the words that hurt",
    ),
    ("/why", "what the last reply took up: your words, a memory, the modules"),
    ("/why --steps", "its steps, what they read and wrote"),
    (f"{OBSERVE} TEXT", f"let Leo read a text: {', '.join(shipped())}, or a file of yours"),
    ("/discipline", "how replies are executed"),
    ("/help", "this text"),
    ("quit", "end (so do exit, /quit, /exit, :q and Ctrl-D); bye is talk, and Leo answers it"),
    (
        "Ctrl-C",
        "at the prompt: clear the line, or end if it is empty; while Leo thinks: cancel the reply, "
        "or what follows it; while its words appear: show the rest; in a command: end the command",
    ),
)
# Beside the commands: what happens with what is typed, and when an answer appears.
TYPED = "Type anything and Leo answers; what you type becomes a part of the field."
APPEARS = (
    "The words of a reply appear one by one after its commit, so that a crash takes none of them "
    "back. Any key shows the rest at once; leo chat --pace 0 always does."
)
EMPTY = "Leo waits for a word."
ENDED = "The command was ended; the field is as it was."
# Every candidate of a theme is compared with every theme: with all of a large field's tokens that
# takes minutes, and somebody waits.
CANDIDATES = 500


class Pacer(NamedTuple):
    """How a reply appears: word after word, in `seconds` altogether.

    `pauses` makes a generator of one reply. Each of its steps lets so many seconds pass, and it
    ends when the rest is to appear at once.
    """

    seconds: float
    pauses: Callable[[float], Generator[None]]

    def show(self, text: str, out: TextIO) -> None:
        """Write the text and a line end. A Ctrl-C ends the pauses."""
        words = re.findall(r"\s*\S+", text)
        with closing(self.pauses(self.seconds / max(1, len(words)))) as pauses:
            for word in words:
                try:
                    print(word, end="", file=out, flush=True)
                    next(pauses, None)
                except KeyboardInterrupt:
                    pauses.close()
        print(file=out, flush=True)


def until_a_key(seconds: float) -> Generator[None]:
    """Pauses that end when somebody types. What was typed is not shown, and kept for the prompt."""
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    try:
        # Not at a line's end alone; nothing that was typed already is thrown away.
        tty.setcbreak(keys, termios.TCSANOW)
        while not select([keys], [], [], seconds)[0]:
            yield
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)


def converse(
    field: Speaker,
    lines: Iterator[str],
    out: TextIO,
    notices: TextIO,
    width: int | None = None,
    paired: bool = False,
    pacer: Pacer | None = None,
    file: Path = Path(),
) -> int:
    """Answer line after line; return how many prompts and commands failed.

    Replies go to `out`, everything about the conversation to `notices`. A reply is one line, or as
    many of at most `width` columns as it takes, shown by `pacer` if there is one. One that fails is
    reported, and the conversation goes on; with `paired` an empty line stands in its place. What
    Leo goes on thinking about a reply comes after the answer is shown and before the next line is
    read. `file` is the field's, and so no text for it to read.
    """
    commands: dict[str, Callable[[], str]] = {
        "/field": lambda: "\n".join([describe(field.view, field.pulse), *field.memory()]),
        "/why": field.why,
        "/why --steps": lambda: field.why(steps=True),
        "/discipline": lambda: describe_discipline(field.discipline),
        "/help": describe_commands,
    }

    def show(text: Callable[[], str]) -> None:
        print(text(), file=out, flush=True)

    def observe(name: str) -> None:
        if not name:
            raise CallerError(f"no text was named; name {', '.join(shipped())} or a file")
        # Path.expanduser raises for an unknown person, and no name has a NUL.
        given = Path(os.path.expanduser(name.replace("\0", "\ufffd")))
        path = shipped_text(name.lower()) if name.lower() in shipped() else given
        if not os.path.exists(path):
            # Nor is one whose name the system refuses to look up.
            told = f"{name}: there is no such file; name {', '.join(shipped())} or a file"
            raise CallerError(told)
        check_apart(path, file, "a text")
        length = observe_file(field.observe, path, notices, tested(path))
        known = field.view.size()["tokens"]
        print(f"Leo has read {name}: {length:,} characters. It knows {known:,} words.", file=out)

    def answer(prompt: str) -> None:
        reply = field.speak(prompt)
        # One line, also of a field with words that nobody could have said.
        text = screen.visible(reply) if width is None else fill(reply, width)
        if pacer is None:
            print(text, file=out, flush=True)
        else:
            pacer.show(text, out)

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
        if is_ending(prompt):
            break
        if not prompt:
            # It may be the key that was to show the rest of a reply.
            if pacer is None:
                print(EMPTY, file=notices)
        elif prompt.lower() in commands:
            command = commands[prompt.lower()]
            failed += not attempt(partial(show, command), ENDED, "The command failed")
        elif prompt.split()[0].lower() == OBSERVE:
            named = prompt[len(OBSERVE) :].strip()
            failed += not attempt(
                partial(observe, named), "The rest was not read.", "Leo could not read"
            )
        elif prompt.startswith("/"):
            name = prompt.split()[0]
            known = name.lower() in (*commands, *ENDINGS)
            wrong = f"{name} takes nothing after it" if known else f"There is no {name!r}"
            failed += 1
            print(f"{wrong}; /help says what there is.", file=notices)
        elif attempt(partial(answer, prompt), cancelled, "Leo could not answer"):
            attempt(field.settle, dropped, "Leo could not think on")
        else:
            failed += 1
            if paired:
                print(file=out, flush=True)
    return failed


def is_ending(prompt: str) -> bool:
    """Whether this ends the conversation."""
    return prompt.strip().lower().rstrip(".!") in ENDINGS


def describe(view: View, pulse: Pulse | None = None) -> str:
    """The size of the field, its centres, its largest themes, and a pulse, for people."""
    size = ", ".join(f"{count:,} {name}" for name, count in view.size().items())
    size = size.replace("tokens", "words")
    centres = ", ".join(filter(is_word, (view.words.names[id] for id in view.words.centres())))
    themes, asked, candidates = survey_themes(view, CANDIDATES)
    largest = sorted(themes, key=lambda theme: (-len(theme.words), theme.id))
    named = (list(filter(is_telling, theme.centres))[:8] for theme in largest)
    bound = f", among the {asked} words of {candidates:,} with most contexts"
    lines = [
        *labelled("size", size.replace("_", "-")),
        *labelled("version", str(view.bigrams.version)),
        *labelled("centres", centres),
        *labelled("themes", f"{len(themes)}{bound if asked < candidates else ''}"),
    ]
    for words in list(filter(None, named))[:3]:
        lines += labelled("", ", ".join(words))
    lines += labelled("pulse", describe_pulse(pulse))
    return "\n".join(lines)


def greet(field: Speaker, file: Path, changed: float | None) -> str:
    """Which field listens, its size, and when it was last spoken to; `changed` is None for a new
    one.
    """
    known = f"It knows {field.view.size()['tokens']:,} words"
    taken = field.view.bigrams.version
    if changed is None:
        told = f"{file.stem} is new. {known}; {OBSERVE} {shipped()[0]} gives it more to talk of."
    elif not field.spoken_to:
        read = ", also from what it read" if taken > 1 else ""
        told = f"{file.stem} listens. {known}{read}. Nobody has spoken to it yet."
    else:
        when = datetime.fromtimestamp(changed).strftime("%d %B %Y, %H:%M").lstrip("0")
        told = (
            f"{file.stem} listens. {known}, and was last spoken to on {when}. It has taken in "
            f"{taken:,} texts: each line that it heard, what it read, its own afterthoughts."
        )
    return f"{_filled(told)}\n{_filled(WELCOME)}"


def part(file: Path) -> str:
    """What is said when somebody leaves: where the field is, and how to come back."""
    named = file.stem if file.parent == home() else str(file)
    return (
        f"{_filled(f'{file} keeps it all. To come back:')}\nleo chat --field {shlex.quote(named)}"
    )


def describe_commands() -> str:
    """What can be typed, as wide as the screen allows."""
    rows = [line for row in HELP for line in labelled(*row, label_width=14)]
    return "\n".join([_filled(TYPED), *rows, _filled(APPEARS)])


def _filled(text: str) -> str:
    return fill(text, screen.width(), break_on_hyphens=False)


def describe_discipline(discipline: Discipline) -> str:
    """A discipline in one sentence."""
    committed = "once per reply" if discipline.commit == "reply" else "after every step"
    return _filled(
        f"{discipline.id} ({discipline.number}): on {discipline.runtime}, lock {discipline.lock}, "
        f"commits {committed}"
    )


def _typed(begun: Callable[[], str] = str, keep: Callable[[str], object] = str) -> Iterator[str]:
    """What somebody types, until Ctrl-D, or Ctrl-C where no line is `begun`. What was pasted in
    several lines is one. `keep` is told of each, so that it can be found again.
    """
    while True:
        try:
            line = " ".join(input(PROMPT).splitlines())
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            if begun().strip():
                continue
            return
        keep(line)
        yield line


@contextmanager
def _line_editing(kept: Path) -> Iterator[Iterator[str]]:
    """What is typed, with what people expect of a prompt: arrow keys, pasting, and the lines before
    this one, also those of earlier conversations, which are `kept` beside the field.

    Not every Python has it, and without it one types as one did before.
    """
    try:
        import readline  # noqa: PLC0415
    except ImportError:
        yield _typed()
        return

    def keep(line: str) -> None:
        last = readline.get_history_item(readline.get_current_history_length())
        if line.strip() and line != last and not is_ending(line):
            readline.add_history(line)

    readline.set_auto_history(False)
    if os.environ.get("TERM", "dumb") != "dumb":
        readline.parse_and_bind("set enable-bracketed-paste on")
    # A history that cannot be read or written is none.
    with suppress(OSError):
        readline.read_history_file(kept)
    try:
        yield _typed(readline.get_line_buffer, keep)
    finally:
        with suppress(OSError):
            kept.touch(0o600)
            readline.set_history_length(1000)
            readline.write_history_file(kept)


def _piped(lines: Iterable[str]) -> Iterator[str]:
    """What a pipe or a file says, line by line. Raises CallerError when it cannot be read."""
    try:
        yield from lines
    except OSError as error:
        raise CallerError(
            f"the prompts cannot be read from standard input ({error.strerror or error}); type at "
            "a terminal, or send one prompt a line through a pipe"
        ) from error


def run(arguments: Namespace) -> int:
    keep_interrupts()
    if sys.stdin is None:
        raise CallerError(
            "standard input is closed, so nobody can speak to Leo; type at a terminal, or send one "
            "prompt a line through a pipe"
        )
    typed, file = sys.stdin.isatty(), Path(arguments.field)
    if isinstance(sys.stdin, TextIOWrapper):
        # Bytes that are no text, which keys may send as well, are no letters. A terminal's encoding
        # is its own.
        sys.stdin.reconfigure(encoding=None if typed else "utf-8", errors="replace")
    changed = file.stat().st_mtime if file.exists() and file.stat().st_size else None
    with opened(arguments) as field:
        if not typed:
            lines, out = _piped(sys.stdin), sys.stdout
            return 2 if converse(field, lines, out, sys.stderr, paired=True, file=file) else 0
        print(greet(field, file, changed))
        width = screen.width() if sys.stdout.isatty() else None
        with _line_editing(file.with_suffix(".history")) as lines:
            pacer = Pacer(arguments.pace, until_a_key) if width and arguments.pace else None
            converse(field, lines, sys.stdout, sys.stdout, width, pacer=pacer, file=file)
    print(part(file))
    return 0
