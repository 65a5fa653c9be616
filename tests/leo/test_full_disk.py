"""Output that cannot be written is a command that could not run, and no finding."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leo import field_command
from leo.errors import StoreUnwritableError
from leo.field_command import COMMAND as FIELD
from tests.leo.support import sync_field
from tests.leo.test_field_command import command

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
