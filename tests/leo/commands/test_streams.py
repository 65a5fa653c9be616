"""Standard streams that cannot show a letter, or that are closed: a sentence or silence, and no
traceback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leo.commands.conversation import _piped
from leo.errors import CallerError
from tests.leo.support import sync_field

pytestmark = pytest.mark.slow


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
    """Prompts and file names beyond ASCII, an output of ASCII: shown as a question mark, on both
    outputs, and the conversation goes on.
    """
    words = ("--seed", "1", "--modules", "none", "--field", str(tmp_path / "fïeld"))
    text = "Bücher. " * 40
    done = leo("", "chat", *words, given=f"{text}\n{text}\n/é\n/field\n".encode())
    assert done.returncode == 0, done.stderr
    assert b"B?cher" in done.stdout and b"version  3" in done.stdout
    assert b"There is no '/?'" in done.stderr or b"There is no '/\\xe9'" in done.stderr
    shown = leo("", "field", "check", str(tmp_path / "fïeld"))
    assert shown.returncode == 0 and shown.stdout.endswith(b"f?eld: sound\n")


def test_a_conversation_without_an_input_is_refused(tmp_path: Path) -> None:
    """Nothing is made, and the error says what is missing."""
    done = leo("<&-", "chat", "--field", str(tmp_path / "field"))
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.startswith(b"leo: error: standard input is closed")
    assert not (tmp_path / "field").exists()


def test_an_input_that_cannot_be_read_is_an_error() -> None:
    """Open for writing only, as after `0>file`: what cannot be read is said in a sentence."""
    here, there = os.pipe()
    os.close(here)
    with os.fdopen(there, "rb", closefd=True) as raw, pytest.raises(CallerError, match="input"):
        list(_piped(line.decode() for line in raw))


@pytest.mark.parametrize(
    ("redirection", "code", "error"),
    [
        (">&-", 2, b"leo: error: standard output is closed"),
        ("2>&-", 0, b""),
        (">&- 2>&-", 2, b""),
        ("<&-", 0, b""),
        ("<&- >&- 2>&-", 2, b""),
    ],
)
def test_closed_streams_give_no_traceback(
    tmp_path: Path, redirection: str, code: int, error: bytes
) -> None:
    """Without an output there is nothing to do; without an output for errors they are not shown."""
    sync_field(tmp_path / "field").close()
    done = leo(redirection, "field", "check", str(tmp_path / "field"))
    assert done.returncode == code
    assert done.stderr.startswith(error) and b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_notices_that_nobody_sees_are_not_among_the_replies(tmp_path: Path) -> None:
    """With the output for errors closed, an empty line is no line of the output."""
    done = leo("2>&-", "chat", "--field", str(tmp_path / "field"), given=b"\n\nhello\n")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1


def test_a_prompt_without_an_answer_is_a_line_and_a_failure(tmp_path: Path) -> None:
    """On a full disk: one line out for each line in, each failure said, and no success."""
    field = tmp_path / "field"
    sync_field(field).close()
    full = field.stat().st_size // 512 + 8
    given = "".join(f"the wall of path {'x' * 90}{n} is a field\n" * 9 for n in range(9))
    done = subprocess.run(
        ["sh", "-c", f'ulimit -f {full}; exec "$@"', "sh", sys.executable, "-m", "leo", "chat",
         "--field", str(field), "--modules", "none"],
        input=given.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert len(done.stdout.split(b"\n")) - 1 == given.count("\n")
    failures = done.stderr.count(b"Leo could not answer")
    assert 0 < failures == done.stdout.split(b"\n")[:-1].count(b"")


@pytest.mark.parametrize(
    "words", [["observe", "book.txt"], ["check", "bare"], ["field", "check", "x"]]
)
def test_a_folder_that_is_gone_is_said(tmp_path: Path, words: list[str]) -> None:
    """A command in a deleted folder: a sentence, exit code 2."""
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(folder), sys.executable, "-m", "leo",
         *words],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.startswith(b"leo: error: the current folder") and b"Trace" not in done.stderr
