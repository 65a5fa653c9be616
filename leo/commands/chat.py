"""`leo chat`: its arguments. `leo.commands.conversation` holds the conversation itself."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from random import SystemRandom

from leo.commands.main import Command, later
from leo.commands.places import field_file
from leo.disciplines import DEFAULT, DISCIPLINES

FIELD = "leo.sqlite3"
RUNNABLE = [id for id, discipline in DISCIPLINES.items() if not discipline.mistake]


def configure_field(parser: ArgumentParser) -> None:
    """The arguments that say which field, and how it replies."""
    named = (
        "a file; or a bare name, for one in ~/.local/share/leo, or leo in XDG_DATA_HOME "
        f"(default: {FIELD} here; made if missing)"
    )
    parser.add_argument("--field", metavar="FIELD", type=field_file, default=FIELD, help=named)
    seed = "equal seeds and prompts give equal replies (default: chance)"
    chance = SystemRandom().randrange(2**32)
    parser.add_argument("--seed", metavar="N", type=int, default=chance, help=seed)
    how = f"how replies are executed: {', '.join(RUNNABLE)} (default: {DEFAULT})"
    parser.add_argument("--discipline", metavar="ID", default=DEFAULT, choices=RUNNABLE, help=how)
    modules = "none: words and paths alone, without memory, moods, afterthoughts (default: all)"
    parser.add_argument("--modules", choices=("all", "none"), default="all", help=modules)


def _pace(text: str) -> float:
    if re.fullmatch(r"\d*\.?\d+", text) is None or float(text) > 60:
        raise ArgumentTypeError(f"expected seconds from 0 to 60, got {text!r}")
    return float(text)


def configure(parser: ArgumentParser) -> None:
    configure_field(parser)
    pace = "how long the words of a reply take to appear at a terminal (default: 1; 0: at once)"
    parser.add_argument("--pace", metavar="SECONDS", type=_pace, default=1.0, help=pace)


COMMAND = Command(configure, later("leo.commands.conversation:run"))
