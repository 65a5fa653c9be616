"""A file beside a field that has the name of one of SQLite's own: no command reads or writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from leo.commands.main import main
from leo.store.schema import BESIDE
from tests.leo.support import sync_field

# The words of a command over a file and a field.
COMMANDS = {
    "converse": ["converse", "--themes", "1", "--out", "{file}", "--field", "{field}"],
    "export": ["field", "export", "{field}", "--out", "{file}"],
    "import": ["field", "import", "{file}", "{field}"],
    "observe": ["observe", "{file}", "--field", "{field}"],
}
READING = ("import", "observe")


def found(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder; a link may lead to no file yet."""
    return {path.name: path.read_bytes() if path.exists() else None for path in folder.iterdir()}


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("end", ["", *BESIDE])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_sqlite_would_take_for_its_own_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, end: str, link: bool
) -> None:
    """Before anything is made; what is there stays as it is. A link is followed, as SQLite does."""
    field, file = tmp_path / "field", tmp_path / f"field{end}"
    if command == "export":
        sync_field(field).close()
    elif command in READING:
        file.write_text("grey herons wait")
    named = field
    if link:
        named = tmp_path / "link"
        named.symlink_to(field)
    before = found(tmp_path)
    words = [word.format(file=file, field=named) for word in COMMANDS[command]]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"leo: error: {file}: ") and told.count("\n") == 1
    assert ("beside the field" if end else "this is the file of the field") in told
    assert "name another file" in told
    assert found(tmp_path) == before


@pytest.mark.parametrize("command", ["converse", "export"])
def test_a_file_of_another_name_is_not_refused(tmp_path: Path, command: str) -> None:
    """The control: neither one that begins as the field does, nor one beside another field."""
    field = tmp_path / "field"
    sync_field(field).close()
    (tmp_path / "other").mkdir()
    for file in (tmp_path / "field-wall", tmp_path / "other" / "field-wal"):
        assert main([word.format(file=file, field=field) for word in COMMANDS[command]]) == 0
        assert file.read_text("utf-8").startswith("{")
