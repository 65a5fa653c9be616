"""`leo observe FILE...`: grow a field from text files."""

from __future__ import annotations

import re
import signal
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TextIO

from leo.commands.chat import FIELD
from leo.commands.main import Command
from leo.commands.places import field_file, shipped, shipped_text
from leo.errors import CallerError, StoreError
from leo.front.threads import LeoField
from leo.progress import Bar
from leo.reply.given import check_apart

# Characters of one observation: enough for speed, and few enough to see the bar move.
PORTION = 16_384
# So many portions long a line may be: longer ones are cut, or nothing would move and no Ctrl-C be
# heeded until their end.
LONG_LINE = 4
# Bytes that are looked at in one go, to see whether a file is a text.
BLOCK = 1 << 20
SENTENCE_END = re.compile(r"[.!?]\s+")


def portions(text: str, size: int = PORTION) -> Iterator[str]:
    """The text in pieces of about `size` characters, each ending where a line does.

    Nothing reaches from one observation into the next, so a piece must not end inside a sentence
    that goes on: it ends with the line that makes it `size` long. Only lines of more than
    LONG_LINE * size characters are cut: after a sentence, else between two words, else anywhere.
    """
    piece: list[str] = []
    length = 0
    for line in _lines(text, LONG_LINE * size):
        piece.append(line)
        length += len(line)
        if length >= size:
            yield "".join(piece)
            piece, length = [], 0
    if piece:
        yield "".join(piece)


def _lines(text: str, most: int) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        begun = 0
        while len(line) - begun > most:
            end = begun + most
            places = [found.end() for found in SENTENCE_END.finditer(line, begun, end)]
            space = max(line.rfind(" ", begun, end), line.rfind("\t", begun, end)) + 1
            cut = places[-1] if places else space or end
            yield line[begun:cut]
            begun = cut
        yield line[begun:]


def tested(path: Path) -> bytes | None:
    """Read a file to its end and find it to be a text; give what can be read only once.

    None for an ordinary file, which is read again when its turn comes: many books need not be in
    memory at once. Raises CallerError when it cannot be read, or holds what no text does.
    """
    kept: list[bytes] = []
    length = 0
    try:
        with path.open("rb") as source:
            once = not path.is_file()
            while block := source.read(BLOCK):
                if (place := block.find(b"\0")) >= 0:
                    raise CallerError(
                        f"{path}: this is no text (byte {length + place} is a NUL); expected a "
                        "text in UTF-8: name another file, or convert this one if it is a text in "
                        "another encoding (iconv -f UTF-16 -t UTF-8)"
                    )
                length += len(block)
                if once:
                    kept.append(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return b"".join(kept) if once else None


def observe_file(
    observe: Callable[[str], None], path: Path, out: TextIO, kept: bytes | None = None
) -> int:
    """Take in a file, or what was `kept` of it; return the number of its characters.

    Ctrl-C is heeded between two portions, so that each is in the field whole or not at all. Then,
    and when the store fails, `out` is told how much was taken in. Raises CallerError when there is
    nothing to be read, and StoreError.
    """
    try:
        source = path.open("rb") if kept is None else BytesIO(kept)
        # What is no UTF-8 is no letter either.
        with TextIOWrapper(source, "utf-8", errors="replace") as lines:
            text = lines.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    done = 0
    bar = Bar(path.name, out=out)
    try:
        with _held_back() as heed:
            for piece in portions(text):
                observe(piece)
                done += len(piece)
                bar.show(done / len(text))
                heed()
    except (KeyboardInterrupt, StoreError):
        bar.clear()
        print(f"{path}: {done:,} of {len(text):,} characters were taken in", file=out)
        raise
    bar.clear()
    return done


def _unreadable(path: Path, error: OSError) -> CallerError:
    return CallerError(f"{path}: the text cannot be read ({error.strerror}); name a text file")


@contextmanager
def _held_back() -> Iterator[Callable[[], None]]:
    """Inside, a Ctrl-C waits until the function that is given here is called, or for the end.

    Where something else handles Ctrl-C (another thread, a handler of the caller's own), nothing
    changes.
    """
    presses: list[int] = []

    def heed() -> None:
        if presses:
            presses.clear()
            raise KeyboardInterrupt

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not ours:
        yield heed
        return
    signal.signal(signal.SIGINT, lambda number, frame: presses.append(number))
    try:
        yield heed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    heed()


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("texts", metavar="FILE", nargs="*", type=Path, help="text files, UTF-8")
    parser.add_argument(
        "--shipped",
        metavar="NAME",
        type=shipped_text,
        action="append",
        default=[],
        help=f"a small text of our own: {', '.join(shipped())}; may be given again",
    )
    parser.add_argument(
        "--field",
        metavar="FIELD",
        type=field_file,
        default=FIELD,
        help=f"a file, or a bare name for a field of your own (default: {FIELD}, made if missing)",
    )


def run(arguments: Namespace) -> int:
    named = [*arguments.shipped, *arguments.texts]
    if not named:
        raise CallerError(
            f"no text was named; name a file, or --shipped with one of {', '.join(shipped())}"
        )
    for path in named:
        check_apart(path, arguments.field, "a text")
    # All of them before the first: a command that is typed again, without the mistake, would take
    # in twice what came before it. And a field is made for a text only.
    texts = [(path, tested(path)) for path in named]
    with LeoField.open(arguments.field) as field:
        for path, kept in texts:
            length = observe_file(field.observe, path, sys.stderr, kept)
            size = field.view.size()
            told = path.name if path in arguments.shipped else path
            print(f"{told}: {length:,} characters; {size['trigrams']:,} trigrams in the field")
    return 0


COMMAND = Command(configure, run)
