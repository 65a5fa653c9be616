"""`leo chat` at a terminal of 80 columns: keys, lines that fit, Ctrl-C. Nothing here waits for a
clock: what is typed next is typed when the terminal shows what it answers.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest

from tests.leo.support import dump

pytestmark = pytest.mark.slow

UP = b"\x1b[A"
LEFT = b"\x1b[D"
# A session of its own that opens the terminal has it for its own, and Ctrl-C reaches it.
CONTROLLED = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
{before}
from leo.commands.main import main
sys.exit(main(sys.argv[1:]))
"""
WITHOUT_READLINE = "sys.modules['readline'] = None"


class Terminal:
    """What one types into, and what it has shown; the process at its other end."""

    def __init__(self, keys: int, process: subprocess.Popen[bytes]) -> None:
        self.keys = keys
        self.process = process
        self.shown = b""
        self._seen = 0

    def type(self, keys: bytes) -> None:
        os.write(self.keys, keys)

    def see(self, wanted: bytes) -> None:
        """Read until the terminal shows it, after what was waited for before."""
        while (place := self.shown.find(wanted, self._seen)) < 0:
            assert self._more(), self.shown
        self._seen = place + len(wanted)

    def interrupt(self) -> None:
        """Ctrl-C until the process ends: Python does not see one that comes after it has shown a
        prompt and before it waits for an answer, and GNU readline, when it is in the middle of
        keys that came together, sees it at the next key. Nobody but a test is quick enough for
        either.
        """
        for keys in cycle((b"\x03", b"\x03", b" ")):
            if self.process.poll() is not None:
                return
            with suppress(OSError):
                self.type(keys)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)

    def end(self) -> int:
        """The exit code, when all is shown."""
        while self._more():
            pass
        return self.process.wait(60)

    def lines(self) -> list[str]:
        """What it shows, without what only moves the cursor."""
        text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.shown).decode()
        return [line.rstrip("\r") for line in text.split("\n")]

    def _more(self) -> bool:
        if not select.select([self.keys], [], [], 60)[0]:
            return False
        try:
            self.shown += os.read(self.keys, 4096)
        except OSError:
            # The terminal of somebody who has gone.
            return False
        return True


@contextmanager
def terminal(path: Path, *words: str, before: str = "", **env: str) -> Iterator[Terminal]:
    """A conversation at a terminal of 80 columns."""
    keys, screen = os.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    given = ("chat", "--field", str(path), "--seed", "1", *words)
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLED.format(before=before), *given],
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        env={
            **{name: value for name, value in os.environ.items() if name != "COLUMNS"},
            "PYTHONIOENCODING": "utf-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "INPUTRC": os.devnull,
            **env,
        },
    ) as process:
        os.close(screen)
        try:
            yield Terminal(keys, process)
        finally:
            os.close(keys)
            process.kill()


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_byte_that_is_no_text_is_no_trouble(tmp_path: Path, errors: str) -> None:
    """Under the usual locales and under the one of plain C; the conversation goes on."""
    env = {"PYTHONIOENCODING": f"utf-8:{errors}", "TERM": "dumb"}
    with terminal(tmp_path / "field", "--modules", "none", **env) as here:
        here.type(b"caf\xe9 au lait\n/field\n/quit\n")
        assert here.end() == 0, here.shown
    assert b"version  2" in here.shown and b"could not answer" not in here.shown
    assert b"Trace" not in here.shown


def test_arrow_keys_edit_the_line_and_bring_the_last_ones_back(tmp_path: Path) -> None:
    """Up: the line before; left: into it. None of the keys is a word that Leo hears."""
    with terminal(tmp_path / "field", "--modules", "none") as here:
        here.see(b"> ")
        here.type("ein Rüher".encode() + LEFT * 4 + b"G" + b"\r")
        here.see(b"\n> ")
        here.type(b"/field\r")
        here.see(b"version  2")
        here.see(b"\n> ")
        here.type(UP + b"\r")
        here.see(b"version  2")
        here.see(b"\n> ")
        here.type(UP + UP + b"\r")
        here.see(b"\n> ")
        here.type(b"\x04")
        assert here.end() == 0, here.shown
    assert b"^[[" not in here.shown
    kept = dump(tmp_path / "field")
    assert kept.count("'RGüher'") == 1 and "[A" not in kept


def test_without_the_module_one_types_as_before(tmp_path: Path) -> None:
    """A Python without readline: no line editing, and no error."""
    with terminal(tmp_path / "field", before=WITHOUT_READLINE) as here:
        here.see(b"> ")
        here.type(b"hello\n/quit\n")
        assert here.end() == 0
    assert b"Error" not in here.shown


@pytest.mark.parametrize("before", ["", WITHOUT_READLINE])
def test_ctrl_c_at_the_prompt_ends_the_conversation(tmp_path: Path, before: str) -> None:
    """With line editing and without."""
    with terminal(tmp_path / "field", before=before) as here:
        here.see(b"> ")
        here.type(b"half a li")
        here.interrupt()
        assert here.end() == 0
    assert b"Trace" not in here.shown


def test_nothing_is_wider_than_the_screen(tmp_path: Path) -> None:
    """Replies and every command, in a conversation with all modules."""
    with terminal(tmp_path / "field") as here:
        for line in ("Hello Leo, who are you?", "/why --steps", "/field", "/help", "/discipline"):
            here.see(b"> ")
            here.type(f"{line}\r".encode())
        here.see(b"> ")
        here.type(b"/quit\r")
        assert here.end() == 0
    lines = here.lines()
    assert max(map(len, lines)) <= 80, lines
    reply = lines[lines.index("> Hello Leo, who are you?") + 1 : lines.index("> /why --steps")]
    assert len(reply) > 1 and all(len(line) > 50 for line in reply[:-1])
