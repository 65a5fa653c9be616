"""`leo observe FILE...`: grow a field from text files."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from leo.cli import Command
from leo.errors import CallerError
from leo.field import LeoField

__all__ = ["COMMAND", "observe_file", "portions"]

FIELD = "leo.sqlite3"
# Characters of one observation: enough for speed, and few enough to see the bar move.
PORTION = 16_384
WIDTH = 24


def portions(text: str, size: int = PORTION) -> Iterator[str]:
    """The text in pieces of about `size` characters, each ending where a line does.

    Nothing reaches from one observation into the next, so a piece must not end inside a sentence
    that goes on: it ends with the line that makes it `size` long, however long that line is.
    """
    piece: list[str] = []
    length = 0
    for line in text.splitlines(keepends=True):
        piece.append(line)
        length += len(line)
        if length >= size:
            yield "".join(piece)
            piece, length = [], 0
    if piece:
        yield "".join(piece)


def observe_file(field: LeoField, path: Path, out: TextIO) -> int:
    """Take in a file; return the number of its characters. Raises CallerError when there is none
    to be read.
    """
    try:
        # What is no UTF-8 is no letter either.
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise CallerError(
            f"{path}: the text cannot be read ({error.strerror}); name a text file"
        ) from error
    done = 0
    for piece in portions(text):
        field.observe(piece)
        done += len(piece)
        if out.isatty():
            filled = WIDTH * done // len(text)
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {path.name}"
            print(f"\r{bar[:78]:<78}", end="", file=out, flush=True)
    if out.isatty():
        print("\r" + " " * 78 + "\r", end="", file=out, flush=True)
    return done


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("texts", metavar="FILE", nargs="+", type=Path, help="text files, UTF-8")
    parser.add_argument(
        "--field",
        metavar="FILE",
        default=FIELD,
        help=f"the field (default: {FIELD}, made if missing)",
    )


def run(arguments: Namespace) -> int:
    with LeoField.open(arguments.field) as field:
        for path in arguments.texts:
            length = observe_file(field, path, sys.stderr)
            size = field.view.size()
            print(f"{path}: {length:,} characters; {size['trigrams']:,} trigrams in the field")
    return 0


COMMAND = Command(
    name="observe",
    help="grow a field from text files",
    example="leo observe book.txt --field leo.sqlite3",
    configure=configure,
    run=run,
)
