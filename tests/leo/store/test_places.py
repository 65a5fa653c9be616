"""What can be the file of a field: a regular file, or nothing yet."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest

from leo.commands.main import main
from leo.errors import StoreUnwritableError
from tests.leo.support import async_field, sync_field

NOWHERE = ":memory:"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A FIFO that nobody reads or writes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The archive of a field that has heard one sentence."""
    folder = tmp_path_factory.mktemp("archive")
    with sync_field(folder / "field") as field:
        field.reply("hello")
    assert main(["field", "export", str(folder / "field"), "--out", str(folder / "archive")]) == 0
    return str(folder / "archive")


@pytest.mark.parametrize(
    "words",
    [
        ("chat", "--field"), ("observe", "ARCHIVE", "--field"), ("field", "import"),
        # A pipe would be waited for, a device read without end.
        ("field", "check"), ("field", "export"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [NOWHERE, "/dev/null", "pipe"])
def test_a_field_needs_a_regular_file(
    pipe: Path,
    archive: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    place: str,
) -> None:
    """Making a field elsewhere is refused before a word is lost; no file is made."""
    monkeypatch.chdir(pipe.parent)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    capsys.readouterr()
    known = [archive if word == "ARCHIVE" else word for word in words]
    between = [archive] if words[-1] == "import" else []
    assert main([*known, *between, place]) == 2
    out, told = capsys.readouterr()
    looking = words[-1] in ("check", "export")
    wanted = "no regular file" if place != NOWHERE else "no field" if looking else "no file"
    assert out == "" and told.startswith(f"leo: error: {place}: ") and wanted in told
    assert told.count("\n") == 1
    if not looking:
        assert "; name " in told and "copy" not in told
    assert os.listdir(pipe.parent) == ["pipe"]


def test_both_kinds_of_field_refuse_to_live_in_no_file() -> None:
    """A program that opens one is told, too: its replies would be gone with it."""
    with pytest.raises(StoreUnwritableError, match="no file"):
        sync_field(Path(NOWHERE))
    with pytest.raises(StoreUnwritableError, match="no file"):
        asyncio.run(async_field(Path(NOWHERE), "bare"))
