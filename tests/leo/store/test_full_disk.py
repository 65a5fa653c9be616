"""Output that cannot be written is a command that could not run, and no finding."""

from __future__ import annotations

import errno
import io
import sqlite3
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from leo.commands import field as field_command
from leo.commands.field import COMMAND as FIELD
from leo.errors import StoreDamagedError, StoreFullError, StoreUnwritableError
from leo.store.connection import explain
from tests.leo.commands.test_field_command import command
from tests.leo.support import sync_field

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field that has talked."""
    path = tmp_path_factory.mktemp("full") / "field"
    with sync_field(path) as opened:
        opened.reply("What is a field?")
    return path


@pytest.mark.parametrize(
    "words", [("field", "check"), ("field", "export"), ("chat", "--modules", "none", "--field")]
)
def test_a_full_disk_is_one_paragraph_and_exit_code_2(field: Path, words: tuple[str, ...]) -> None:
    """Whether the output is flushed at once or at the end."""
    with FULL.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "leo", *words, str(field)],
            input=b"hello\n",
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("leo: error: the output cannot be written (No space left on device); ")


class Full(io.RawIOBase):
    """A file on a disk that has just become full."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_half_an_archive_is_removed(
    field: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the archive, and no file of its name stays."""
    path = tmp_path / "archive"

    def opened(path: Path, mode: str) -> Full:
        path.touch(exist_ok=False)
        return Full()

    monkeypatch.setattr(field_command, "_opened", opened)
    with pytest.raises(StoreUnwritableError, match=f"^{path}: .*No space left on device.*; .*room"):
        command(FIELD, "export", str(field), "--out", str(path))
    assert not path.exists()


# A conversation that may make no file longer than a field is already.
LIMITED = """
import resource, sys
from leo.commands.main import main
size = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
sys.exit(main(["chat", "--modules", "none", "--field", sys.argv[2]]))
"""


def test_a_limit_on_the_size_of_files_is_no_damage(field: Path, tmp_path: Path) -> None:
    """Advice to restore a sound file from a copy would lose what the copy does not have."""
    path = tmp_path / "limited"
    path.write_bytes(field.read_bytes())
    words = list(map("".join, product("abcdefghijklmnop", repeat=4)))
    # In prompts of a length that is taken in.
    many = "\n".join(" ".join(words[place::8]) for place in range(2))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path.stat().st_size), str(path)],
        input=many + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and len(done.stdout.splitlines()) == many.count("\n") + 1
    assert done.stderr.count("Leo could not answer") == done.stdout.splitlines().count("") > 0
    assert f"{path}: the field cannot be written (disk I/O error)" in done.stderr
    assert "nothing was written" in done.stderr and "limit" in done.stderr
    assert "restore" not in done.stderr and "Traceback" not in done.stderr
    assert command(FIELD, "check", str(path)) == 0


@pytest.mark.parametrize("what", ["WRITE", "FSYNC", "DIR_FSYNC", "TRUNCATE", "SHMSIZE"])
def test_a_failed_write_is_told_from_a_failed_read(what: str) -> None:
    """By the extended code: the plain one is the same."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_IOERR_{what}")
    assert isinstance(explain(error, Path("field")), StoreFullError)
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    assert isinstance(explain(error, Path("field")), StoreDamagedError)
