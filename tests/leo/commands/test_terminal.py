"""Terminals, pipes and progress bars."""

from __future__ import annotations

import fcntl
import io
import os
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import cycle
from pathlib import Path

import pytest

from leo.commands.conversation import _piped
from leo.commands.main import main
from leo.errors import CallerError
from leo.progress import Bar
from leo.store.archive import export_field, import_field
from leo.store.schema import connect
from tests.leo.support import dump, sync_field

UP = b"\x1b[A"
LEFT = b"\x1b[D"
# What GNU readline shows before a prompt, so that a paste comes between two marks of its own.
PASTING = b"\x1b[?2004h"
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
        while not self._saw(wanted):
            assert self._more(), self.shown

    def cancel(self, wanted: bytes) -> None:
        """Ctrl-C on a line that was begun, and read until the terminal shows what comes then.

        Python waits for the next key or signal when one comes while GNU readline takes a key.
        """
        for _ in range(6):
            self.type(b"\x03")
            while not self._saw(wanted):
                if not self._more(5):
                    break
            else:
                return
        raise AssertionError(self.shown)

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
        return [line.strip("\r") for line in text.split("\n")]

    def _saw(self, wanted: bytes) -> bool:
        place = self.shown.find(wanted, self._seen)
        if place >= 0:
            self._seen = place + len(wanted)
        return place >= 0

    def _more(self, seconds: float = 60) -> bool:
        if not select.select([self.keys], [], [], seconds)[0]:
            return False
        try:
            self.shown = (self.shown + os.read(self.keys, 4096)).replace(PASTING, b"")
        except OSError:
            # The terminal of somebody who has gone.
            return False
        return True


@contextmanager
def terminal(
    path: Path, *words: str, before: str = "", columns: int = 80, **env: str
) -> Iterator[Terminal]:
    """A conversation at a terminal, which it leaves as it was."""
    given = ("chat", "--field", str(path), "--seed", "1", *words)
    keys, screen = os.openpty()
    modes = termios.tcgetattr(screen)
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
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
            assert termios.tcgetattr(keys) == modes
        finally:
            os.close(keys)
            process.kill()


class Shown(io.StringIO):
    """It says that somebody looks at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "line",
    [
        "--help", "explore --help", "experiment published --help", "explre", "prove --list",
        "explore asyncio-lock --sessions 1 --faults Cancel", "cite", "field check nowhere.sqlite3",
    ],
)  # fmt: skip
def test_what_is_said_fits_the_terminal(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are broken between words; only a command that one may want to copy stays whole. No
    colour where NO_COLOR asks for none.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    for columns in (40, 66, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        out = Shown()
        with redirect_stdout(out), redirect_stderr(out), suppress(SystemExit):
            main(line.split())
        assert "\x1b[3" not in out.getvalue()
        lines = out.getvalue().split("\n")
        said = [told for told in lines if not re.match(r"\s*(\$ )?leo [a-z]", told)]
        assert len(said) > 1
        assert max(map(len, said)) <= columns


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_byte_that_is_no_text_is_no_trouble(tmp_path: Path, errors: str) -> None:
    """Under the usual locales and under the one of plain C; the conversation goes on."""
    encoding = f"utf-8:{errors}"
    with terminal(
        tmp_path / "field", "--modules", "none", PYTHONIOENCODING=encoding, TERM="dumb"
    ) as here:
        here.type(b"caf\xe9 au lait\n/field\n/quit\n")
        assert here.end() == 0, here.shown
    assert b"version  2" in here.shown and b"could not answer" not in here.shown
    assert b"Trace" not in here.shown


def test_arrow_keys_edit_the_line_and_bring_the_last_ones_back(tmp_path: Path) -> None:
    """Up: the line before, also of an earlier conversation; left: into it. None of the keys is a
    word that Leo hears.
    """
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
    with terminal(tmp_path / "field", "--modules", "none") as again:
        again.see(b"> ")
        again.type(UP + UP + b"\r")
        again.see(b"version  3")
        again.see(b"\n> ")
        again.type(b"\x04")
        assert again.end() == 0, again.shown
    assert (tmp_path / "field.history").stat().st_mode & 0o777 == 0o600
    assert b"^[[" not in here.shown
    kept = dump(tmp_path / "field")
    assert kept.count("'RGüher'") == 1 and "[A" not in kept


def test_a_paste_of_several_lines_is_one_prompt(tmp_path: Path) -> None:
    """In the history too, which knows nothing of the word that ends the conversation."""
    with terminal(tmp_path / "field", "--modules", "none") as here:
        here.see(b"> ")
        here.type(b"\x1b[200~Grey herons\rquit\rthe wind.\r\x1b[201~\r")
        here.see(b"\n> ")
        here.type(b"/field\r")
        here.see(b"version  2")
        here.see(b"\n> ")
        here.type(b"quit.\r")
        assert here.end() == 0
    # A terminal that was not asked for marks would send three lines.
    assert b"\x1b[?2004l" in here.shown
    kept = (tmp_path / "field.history").read_text().splitlines()
    assert kept == ["Grey herons quit the wind.", "/field"]


@pytest.mark.parametrize("before", ["", WITHOUT_READLINE])
def test_ctrl_c_at_the_prompt_ends_the_conversation(tmp_path: Path, before: str) -> None:
    """With line editing, and with a Python that has no readline, where one types as before. With
    it, the first one clears a line that was begun.
    """
    with terminal(tmp_path / "field", "--modules", "none", before=before) as here:
        here.see(b"> ")
        here.type(b"/discipline\n")
        here.see(b"shielded-unit-of-work (D6)")
        here.see(b"\n> ")
        here.type(b"half a li")
        if not before:
            here.see(b"half a li")
            here.cancel(b"\n> ")
        here.interrupt()
        assert here.end() == 0
    assert here.lines()[-2].startswith("leo chat --field ")
    assert b"Trace" not in here.shown and b"Error" not in here.shown


def test_nothing_is_wider_than_the_screen(tmp_path: Path) -> None:
    """Replies and every command, in a conversation with all modules."""
    told, asked = "My name is Hannah, and I live in a house by the canal.", "Who is Hannah?"
    with terminal(tmp_path / "field", columns=72) as here:
        for line in (told, asked, "/why --steps", "/field", "/help", "/discipline"):
            here.see(b"> ")
            here.type(f"{line}\r".encode())
        here.see(b"> ")
        here.type(b"/quit\r")
        assert here.end() == 0
    lines = here.lines()
    # The greeting has a command to copy, which stays whole.
    assert max(len(line) for line in lines if not line.startswith("leo ")) <= 72, lines
    reply = lines[lines.index(f"> {asked}") + 1 : lines.index("> /why --steps")]
    assert len(reply) > 1 and all(len(line) > 50 for line in reply[:-1])


def leo(redirection: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The command, with its standard streams as a shell redirects them."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "leo", *words],
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )


def test_a_letter_that_the_output_has_not_ends_nothing(tmp_path: Path) -> None:
    """Prompts and file names beyond ASCII, an output of ASCII."""
    words = ("--seed", "1", "--modules", "none", "--field", str(tmp_path / "fïeld"))
    text = "Bücher. " * 40
    done = leo("", "chat", *words, given=f"{text}\n{text}\n/é\n/field\n".encode())
    # The unknown command.
    assert done.returncode == 2, done.stderr
    assert b"B?cher" in done.stdout and b"version  3" in done.stdout
    assert b"There is no '/?'" in done.stderr or b"There is no '/\\xe9'" in done.stderr
    shown = leo("", "field", "check", str(tmp_path / "fïeld"))
    assert shown.returncode == 0 and shown.stdout.endswith(b"f?eld: sound\n")


def test_an_input_that_cannot_be_read_is_an_error() -> None:
    """Open for writing only, as after `0>file`: what cannot be read is said in a sentence."""
    here, there = os.pipe()
    os.close(here)
    with os.fdopen(there, "rb", closefd=True) as raw, pytest.raises(CallerError, match="input"):
        list(_piped(line.decode() for line in raw))


CHECK, CHAT = "field check", "chat --modules none --field"


@pytest.mark.parametrize(
    ("redirection", "words", "code", "lines", "error"),
    [
        ("<&- >&-", CHECK, 2, 0, b"leo: error: standard output is closed"),
        ("2>&-", CHECK, 0, 1, b""),
        ("<&- >&- 2>&-", CHECK, 2, 0, b""),
        ("<&-", CHAT, 2, 0, b"leo: error: standard input is closed"),
        # Notices that nobody sees are not among the replies.
        ("2>&-", CHAT, 0, 1, b""),
    ],
)
def test_closed_streams_give_no_traceback(
    tmp_path: Path, redirection: str, words: str, code: int, lines: int, error: bytes
) -> None:
    """Without an output or an input there is nothing to do; without an output for errors they are
    not shown.
    """
    sync_field(tmp_path / "field").close()
    done = leo(redirection, *words.split(), str(tmp_path / "field"), given=b"\n\nhello\n")
    assert done.returncode == code and len(done.stdout.splitlines()) == lines
    assert done.stderr.startswith(error) and b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_a_folder_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command in a deleted folder: a sentence, exit code 2."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for words in (["observe", "book.txt"], ["check", "bare"], ["field", "check", "x"]):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("leo: error: the current folder")


@pytest.mark.parametrize("total", [1.0, 7, None])
def test_a_bar_is_for_a_terminal_and_what_takes_long(total: float | None) -> None:
    """Nothing for two seconds, then what is counted; in a file nothing at all."""
    screen, file, now = Shown(), io.StringIO(), [0.0]
    with (
        Bar("book.txt", total, out=screen, clock=lambda: now[0]) as bar,
        Bar("book.txt", total, out=file, clock=lambda: now[0]) as unseen,
    ):
        for now[0] in (1.9, 2.1):
            for each in (bar, unseen):
                each.show(0.5)
            assert ("book.txt" in screen.getvalue()) == (now[0] > 2)
    assert file.getvalue() == ""


def test_an_archive_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From little to nearly all of it, on the way out and on the way in."""
    monkeypatch.setattr("leo.store.archive.SHOWN", 100)
    sync_field(tmp_path / "field").close()
    there, back = list[float](), list[float]()
    with closing(connect(tmp_path / "field")) as conn:
        lines = list(export_field(conn, (), there.append))
    with closing(connect(tmp_path / "copy")) as conn:
        import_field(conn, io.BytesIO(b"".join(lines)), "archive", (), back.append)
    for parts in (there, back):
        assert len(parts) == (len(lines) - 1) // 100 and parts == sorted(parts)
        assert 0 < parts[0] < 0.2 and 0.8 < parts[-1] <= 1
