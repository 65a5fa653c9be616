"""`leo converse`: an observer talks with a field, theme after theme, and every turn is measured.

The dialogue goes to standard output with both definitions of external_vocab beside each turn, and
the paper's summary at the end. `--out` keeps it as JSON lines: a header, then one turn a line.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import wrap
from typing import Any, Final, NamedTuple, Protocol, TextIO

from leo import screen
from leo.commands.chat import configure_field
from leo.commands.main import Command
from leo.commands.speakers import opened
from leo.errors import CallerError
from leo.field.metrics import METRICS, Scores, score_turn, summarise
from leo.observers import THEMES, TURNS, Exchange, Observer, ScriptedObserver
from leo.reply.given import check_apart

# The key is read from here and from nowhere else: an argument could be seen in a list of processes.
KEY: Final = "LEO_OBSERVER_KEY"
SCHEMA: Final = 1


class _Speaker(Protocol):
    def speak(self, prompt: str, session: str = "s1") -> str: ...


class Turn(NamedTuple):
    """One turn: where it stands (counted from 0), what was said, what was answered, its scores."""

    theme: str
    turn: int
    message: str
    reply: str
    scores: Scores


def converse_themes(
    observer: Observer, field: _Speaker, themes: int = len(THEMES)
) -> Iterator[Turn]:
    """The first `themes` themes, four turns each, in a session of its own per theme."""
    for theme in list(THEMES)[:themes]:
        exchanges: list[Exchange] = []
        for turn in range(TURNS):
            message = observer.say(theme, turn, exchanges)
            exchange = Exchange(message, field.speak(message, theme))
            exchanges.append(exchange)
            scores = score_turn(exchange.reply, [one.message for one in exchanges])
            yield Turn(theme, turn, *exchange, scores)


def summary_table(turns: list[Turn]) -> str:
    """The paper's summary by both definitions. Raises CallerError for no turns."""
    rows = []
    for name in METRICS:
        found = summarise([getattr(turn.scores, name) for turn in turns])
        numbers = (f"{number:.3f}" for number in (found.mean, found.worst, found.best))
        rows.append([name, *numbers, f"{found.optimal} of {found.turns}", str(found.perfect)])
    heads = ["external_vocab", "mean", "worst", "best", "optimal", "perfect"]
    return screen.table(heads, rows, right=(1, 2, 3, 4, 5)).rstrip("\n")


def open_transcript(path: Path) -> TextIO:
    """A new file for a transcript. Raises CallerError when there is one, or none can be made."""
    try:
        # What was said is for its owner's eyes.
        return open(
            path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
        )
    except OSError as error:
        raise CallerError(
            f"{path}: the transcript cannot be begun ({error.strerror}); it is not to replace a "
            "file: name a new one, in a folder that exists and may be written"
        ) from error


def _describe(turn: Turn) -> str:
    lines = [] if turn.turn else [f"## {turn.theme.replace('_', ' and ')}", ""]
    for name, text in (("Observer", turn.message), ("Leo", turn.reply)):
        lines += wrap(f"{name}: {text}", screen.width(), subsequent_indent="  ")
    one, other = turn.scores
    return "\n".join([*lines, f"  ({one:.3f} of tokens, {other:.3f} of types)", ""])


def _count(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"expected a number from {least} to {most}, got {text!r}")
        return int(text)

    return convert


def configure(parser: ArgumentParser) -> None:
    configure_field(parser)
    parser.add_argument(
        "--observer",
        choices=("scripted", "http"),
        default="scripted",
        help="our own words, or a language model, which has three minutes for each message "
        "(default: scripted)",
    )
    parser.add_argument(
        "--themes",
        type=_count(1, len(THEMES)),
        default=len(THEMES),
        metavar="N",
        help=f"how many themes, of {TURNS} turns each (default: all {len(THEMES)})",
    )
    words = "the length of a message, in words"
    parser.add_argument("--words", type=_count(1, 1000), metavar="N", help=words)
    url = "for http: the address up to /chat/completions"
    parser.add_argument("--url", metavar="URL", help=url)
    parser.add_argument("--model", metavar="NAME", help="for http: the model to ask for")
    out = "keep the transcript, as JSON lines"
    parser.add_argument("--out", type=Path, metavar="FILE", help=out)


def _observer(arguments: Namespace, stack: ExitStack) -> Observer:
    if arguments.observer == "scripted":
        if arguments.url or arguments.model:
            raise CallerError(
                "--url and --model belong to --observer http; the scripted observer asks nobody"
            )
        scripted = ScriptedObserver(arguments.words, arguments.seed)
        # It does not listen, so it can say it all once: a length that some turn cannot have is
        # found before anything is made.
        for theme in list(THEMES)[: arguments.themes]:
            for turn in range(TURNS):
                scripted.say(theme, turn)
        return scripted
    if not arguments.url or not arguments.model:
        raise CallerError(
            "--observer http needs --url and --model, as in --url http://localhost:8080/v1 "
            f"--model NAME; the key, if the server wants one, comes from {KEY}"
        )
    # Here, because only this observer needs the extra.
    from leo.observers.http import HttpObserver  # noqa: PLC0415

    return stack.enter_context(
        HttpObserver(
            arguments.url,
            arguments.model,
            key=os.environ.get(KEY, ""),
            words=arguments.words,
            seed=arguments.seed,
            tell=lambda text: print(text, file=sys.stderr, flush=True),
        )
    )


def run(arguments: Namespace) -> int:
    """Talk, print, keep. What was said before an error is printed and in the transcript."""
    turns: list[Turn] = []
    with ExitStack() as stack:
        observer = _observer(arguments, stack)
        with ExitStack() as undo:
            out = None
            if arguments.out:
                check_apart(arguments.out, arguments.field, "a transcript")
                # Before the field, which is not to be made for a conversation that cannot be kept.
                out = stack.enter_context(open_transcript(arguments.out))
                # A transcript without a field would be in the way of the next try.
                undo.callback(arguments.out.unlink)
            field = stack.enter_context(opened(arguments))
            undo.pop_all()
        if out is not None:
            _keep(out, _header(arguments))
        for turn in converse_themes(observer, field, arguments.themes):
            turns.append(turn)
            print(_describe(turn), flush=True)
            if out is not None:
                _keep(out, {**turn._asdict(), "scores": turn.scores._asdict()})
            # What follows a reply comes before the next theme's, not beside it.
            field.settle(turn.theme)
    print(summary_table(turns))
    return 0


def _header(arguments: Namespace) -> dict[str, Any]:
    """What made the transcript. Neither the key nor the address: both may be private."""
    given = ("observer", "model", "words", "seed", "discipline", "modules")
    made = {name: getattr(arguments, name) for name in given}
    return {"kind": "transcript", "schema": SCHEMA, **made}


def _keep(out: TextIO, value: dict[str, Any]) -> None:
    # Turn by turn: what was said is kept, also when a later turn fails.
    try:
        print(json.dumps(value, ensure_ascii=False), file=out, flush=True)
    except OSError as error:
        raise CallerError(
            f"{out.name}: the transcript cannot be written ({error.strerror}); make room, or "
            "choose another folder"
        ) from error


COMMAND = Command(configure, run)
