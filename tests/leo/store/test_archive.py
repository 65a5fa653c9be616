"""An archive is imported whole and sound, or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from leo import MODULES
from leo.commands.main import main
from leo.errors import ArchiveError, CallerError
from leo.store.archive import export_field, import_field
from leo.store.checkup import check_field
from leo.store.operations import get_versions
from leo.store.schema import connect, opened
from tests.leo.support import sync_field

Lines = list[dict[str, Any]]
HUGE = 2**63


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of an archive with rows of every module."""
    path = tmp_path_factory.mktemp("whole") / "field"
    with sync_field(path, modules=MODULES) as field:
        field.reply("What is a field? I wonder.")
    with closing(connect(path, keepers=MODULES)) as conn:
        return list(export_field(conn, MODULES))


def table_of(line: bytes) -> str:
    return str(json.loads(line).get("table"))


def number_of(lines: Lines, table: str) -> int:
    """Where the first row of a table is."""
    return next(i for i, line in enumerate(lines) if line.get("table") == table)


def test_what_was_exported_is_imported(whole: list[bytes], tmp_path: Path) -> None:
    """Byte for byte, and the field is sound; the head says how many rows each table has."""
    head, *rows = (json.loads(line) for line in whole)
    found = dict.fromkeys(head["rows"], 0)
    for row in rows:
        found[row["table"]] += 1
    assert head["rows"] == found and found["tokens"] > 100 and 0 in found.values()
    with closing(connect(tmp_path / "field")) as conn:
        assert import_field(conn, io.BytesIO(b"".join(whole)), "archive", MODULES) == len(rows)
        assert check_field(conn, MODULES) == [] and list(export_field(conn, MODULES)) == whole


def test_a_field_of_before_a_module_had_a_table_is_sound(tmp_path: Path) -> None:
    """It is exported, imported and opened, and gets the table then."""
    with sync_field(tmp_path / "field", modules=MODULES) as field:
        field.reply("The fox sleeps under the bridge.")
    told = "SELECT count(*) FROM resonance_told"
    with closing(opened(tmp_path / "field")) as conn:
        conn.execute("DROP TABLE resonance_told")
        conn.execute("DELETE FROM meta WHERE key = 'made resonance_told'")
        assert check_field(conn, MODULES) == []
        lines = b"".join(export_field(conn, MODULES))
    with closing(connect(tmp_path / "other")) as conn:
        assert import_field(conn, io.BytesIO(lines), "archive", MODULES)
    for name in ("field", "other"):
        with sync_field(tmp_path / name, modules=MODULES) as field:
            field.reply("The fox sleeps under the bridge.")
        with closing(opened(tmp_path / name)) as conn:
            assert conn.execute(told).fetchone() == (3,)


def test_the_rows_of_an_unknown_module_are_not_left_out(tmp_path: Path) -> None:
    """An export without them would be no copy."""
    with sync_field(tmp_path / "field", modules=MODULES) as field:
        field.reply("hello")
    with closing(connect(tmp_path / "field")) as conn, pytest.raises(CallerError, match="a module"):
        list(export_field(conn))


def in_row(table: str, column: int, value: object) -> Callable[[Lines], int]:
    """Another value in the first row of a table; the number of its line."""

    def change(lines: Lines) -> int:
        place = number_of(lines, table)
        lines[place]["row"][column] = value
        return place + 1

    return change


def in_head(**values: Any) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        lines[0].update(values)
        return 1

    return change


def versions(ngrams: int, snapshots: int, **more: int) -> Callable[[Lines], int]:
    return in_head(versions={"ngrams": ngrams, "snapshots": snapshots, **more})


def twice(lines: Lines) -> int:
    place = number_of(lines, "tokens") + 1
    lines.insert(place, lines[place - 1])
    return place + 1


def shorter(lines: Lines) -> int:
    place = number_of(lines, "co_occurrence")
    lines[place]["row"].pop()
    return place + 1


def anywhere(change: Callable[[Lines], int]) -> Callable[[Lines], int]:
    """A change of which the error names no line."""

    def changed(lines: Lines) -> int:
        change(lines)
        return 0

    return changed


CHANGES: dict[str, Callable[[Lines], int]] = {
    "a count below 1": in_row("bigrams", 2, -5),
    "a count beyond all": in_row("bigrams", 2, 2**62),
    "a row from the future": in_row("trigrams", 4, 99),
    "an id beyond all": in_row("tokens", 0, 2**40),
    "an id that SQLite cannot hold": in_row("tokens", 0, HUGE),
    "an id of no snapshot": in_row("snapshots", 0, 2**63 - 1),
    "a word for a number": in_row("bigrams", 2, "many"),
    "no token": in_row("tokens", 1, None),
    "a number for a token": in_row("tokens", 1, 2),
    "a row twice": twice,
    "a column too few": shorter,
    "no array of numbers": anywhere(in_row("mathbrain", 1, "[NaN]")),
    "no array of words": anywhere(in_row("flow_themes", 4, "{}")),
    "a version beyond all": versions(2**63 - 1, 1),
    "a version below 0": versions(-3, 1),
    "a version too many": versions(5, 1, walls=1),
    "another kind": in_head(kind="diary"),
    "an older schema": in_head(schema=3),
    "a newer schema": in_head(schema=5),
    "an older format": in_head(format=1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_archive_that_was_changed_is_refused(
    whole: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """In one paragraph with the line at fault, and no field is left where there was none."""
    lines: Lines = [json.loads(line) for line in whole]
    number = CHANGES[name](lines)
    told = refusal(tmp_path, [json.dumps(line).encode() + b"\n" for line in lines], capsys)
    assert not number or f": line {number}: " in told


def refusal(folder: Path, lines: list[bytes], capsys: pytest.CaptureFixture[str]) -> str:
    archive = folder / "archive"
    archive.write_bytes(b"".join(lines))
    before = sorted(os.listdir(folder))
    assert main(["field", "import", str(archive), str(folder / "field")]) == 2
    out, told = capsys.readouterr()
    assert sorted(os.listdir(folder)) == before
    assert out == "" and told.startswith(f"leo: error: {archive}: ") and told.count("\n") == 1
    return told


def test_an_archive_that_lacks_rows_is_refused(
    whole: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut between two lines, without one table, with a row too many: the table is named."""
    tokens = json.loads(whole[0])["rows"]["tokens"]
    kept = sum(table_of(line) == "tokens" for line in whole[:50])
    told = refusal(tmp_path, whole[:50], capsys)
    assert f"{kept:,} rows of tokens" in told and f"expected {tokens:,}" in told
    for table, count in json.loads(whole[0])["rows"].items():
        if count:
            lines = [line for line in whole if table_of(line) != table]
            assert f"0 rows of {table}, expected {count:,}" in refusal(tmp_path, lines, capsys)
    more = [*whole, b'{"table":"meta","row":["mine","x"]}\n']
    meta = json.loads(whole[0])["rows"]["meta"]
    assert f"{meta + 1} rows of meta, expected {meta}" in refusal(tmp_path, more, capsys)


class Endless(io.RawIOBase):
    """A line without an end, and how much of it was read."""

    def __init__(self, head: bytes) -> None:
        self.head, self.taken = head, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.head[: len(buffer)] or b"x" * len(buffer)
        self.head = self.head[len(part) :]
        buffer[: len(part)] = part
        self.taken += len(part)
        return len(part)


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_a_line_without_an_end_is_not_read_whole(
    whole: list[bytes], tmp_path: Path, lines: int
) -> None:
    """Only as much of it as shows that it is none."""
    source = Endless(b"".join(whole[:lines]))
    with (
        closing(connect(tmp_path / "field")) as conn,
        pytest.raises(ArchiveError, match=f"line {lines + 1}: this line is longer than"),
    ):
        import_field(conn, io.BufferedReader(source), "archive", MODULES)
    assert source.taken < 1 << 23


def test_a_failed_import_leaves_a_field_of_before_as_it_was(
    whole: list[bytes], tmp_path: Path
) -> None:
    """One without an observation, which an import could fill; and one that has grown."""
    connect(tmp_path / "empty").close()
    sync_field(tmp_path / "grown").close()
    for name in ("empty", "grown"):
        with closing(connect(tmp_path / name)) as conn:
            before = get_versions(conn)
            with pytest.raises((ArchiveError, CallerError)):
                import_field(conn, io.BytesIO(b"".join(whole[:-1])), "archive", MODULES)
            assert get_versions(conn) == before


@pytest.mark.parametrize("lines", [None, -1])
def test_a_field_that_another_process_made_meanwhile_is_kept(
    whole: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int | None
) -> None:
    """And talks to, while an import goes on that succeeds, or that fails: nothing of it is lost."""
    archive, field = tmp_path / "archive", tmp_path / "field"
    archive.write_bytes(b"".join(whole[:lines]))

    def late(path: Path, **rest: Any) -> Any:
        assert not field.exists()
        with sync_field(field) as theirs:
            theirs.reply("hello")
        return connect(path, **rest)

    monkeypatch.setattr("leo.commands.field.connect", late)
    assert main(["field", "import", str(archive), str(field)]) == 2
    with closing(connect(field)) as conn:
        assert get_versions(conn) == {"ngrams": 2, "snapshots": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "field"]


@pytest.mark.parametrize(
    "refused", ["pathlib.Path.hardlink_to", "leo.store.backup.TemporaryDirectory"]
)
def test_a_place_for_no_field_is_an_error(
    whole: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """A folder that nothing can be written in, and a disk on which a file has one name only."""
    archive, field = tmp_path / "archive", tmp_path / "field"
    archive.write_bytes(b"".join(whole))

    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError(1, "No, Sir")

    monkeypatch.setattr(refused, refuse)
    assert main(["field", "import", str(archive), str(field)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_a_log_of_a_field_that_is_gone_is_not_taken_for_the_new_ones(
    whole: list[bytes], tmp_path: Path
) -> None:
    """SQLite would apply it to the next file of the name."""
    archive, field, log = (tmp_path / name for name in ("archive", "field", "field-wal"))
    archive.write_bytes(b"".join(whole))
    log.write_bytes(b"of another life")
    assert main(["field", "import", str(archive), str(field)]) == 2
    assert not field.exists() and log.read_bytes() == b"of another life"
