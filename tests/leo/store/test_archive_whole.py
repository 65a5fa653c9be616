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
from leo.store.archive import ArchiveError, export_field, import_field
from leo.store.operations import get_versions
from leo.store.schema import connect
from tests.leo.support import sync_field

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of an archive with rows of every module."""
    path = tmp_path_factory.mktemp("whole") / "field"
    with sync_field(path, modules=MODULES) as field:
        field.reply("What is a field? I wonder.")
    with closing(connect(path)) as conn:
        return list(export_field(conn))


def refusal(folder: Path, lines: list[bytes], capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says of an archive; no field is left where there was none."""
    archive = folder / "archive"
    archive.write_bytes(b"".join(lines))
    before = sorted(os.listdir(folder))
    assert main(["field", "import", str(archive), str(folder / "field")]) == 2
    out, told = capsys.readouterr()
    assert sorted(os.listdir(folder)) == before
    assert out == "" and told.startswith(f"leo: error: {archive}: ") and told.count("\n") == 1
    return told


def table_of(line: bytes) -> str:
    return str(json.loads(line).get("table"))


def test_an_archive_says_how_many_rows_it_has(whole: list[bytes]) -> None:
    """Of every table, those without any too."""
    head, *rows = (json.loads(line) for line in whole)
    found = dict.fromkeys(head["rows"], 0)
    for row in rows:
        found[row["table"]] += 1
    assert head["rows"] == found and found["tokens"] > 100 and 0 in found.values()


def test_an_archive_that_was_cut_is_refused(
    whole: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between two lines, where every line that is left can be read."""
    tokens = json.loads(whole[0])["rows"]["tokens"]
    kept = sum(table_of(line) == "tokens" for line in whole[:50])
    told = refusal(tmp_path, whole[:50], capsys)
    assert f"{kept:,} rows of tokens" in told and f"expected {tokens:,}" in told


def test_a_table_that_was_left_out_is_missed(
    whole: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of them, whether another table needs it or not; and rows that were added."""
    for table, count in json.loads(whole[0])["rows"].items():
        if count:
            lines = [line for line in whole if table_of(line) != table]
            told = refusal(tmp_path, lines, capsys)
            assert f"0 rows of {table}, expected {count:,}" in told
    more = [*whole, b'{"table":"meta","row":["mine","x"]}\n']
    assert "2 rows of meta, expected 1" in refusal(tmp_path, more, capsys)


def test_an_archive_of_before_has_no_numbers_of_rows(whole: list[bytes], tmp_path: Path) -> None:
    """What an older program wrote can be imported; what this one writes must have them."""
    head = json.loads(whole[0])
    counts = head.pop("rows")
    with (
        closing(connect(tmp_path / "other")) as conn,
        pytest.raises(ArchiveError, match=r"line 1: .*rows"),
    ):
        import_field(conn, io.BytesIO(first(head) + b"".join(whole[1:])), "archive")
    del head["format"]
    with closing(connect(tmp_path / "field")) as conn:
        rows = import_field(conn, io.BytesIO(first(head) + b"".join(whole[1:])), "archive")
        assert rows == sum(counts.values()) and list(export_field(conn)) == whole


def first(head: dict[str, Any]) -> bytes:
    return json.dumps(head).encode() + b"\n"


def number_of(lines: Lines, table: str) -> int:
    """Where the first row of a table is."""
    return next(i for i, line in enumerate(lines) if line.get("table") == table)


def bigram(count: int) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        place = number_of(lines, "bigrams")
        lines[place]["row"][2] = count
        return place + 1

    return change


def id_of(table: str, id: int) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        place = number_of(lines, table)
        lines[place]["row"][0] = id
        return place + 1

    return change


def version(name: str, value: int, at: str | None = None) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        lines[0]["versions"][name] = value
        return 1 if at is None else number_of(lines, at) + 1

    return change


def text_of(table: str, column: int, text: str) -> Callable[[Lines], int]:
    def change(lines: Lines) -> int:
        lines[number_of(lines, table)]["row"][column] = text
        return 0

    return change


def newest(lines: Lines) -> int:
    place = number_of(lines, "trigrams")
    lines[place]["row"][4] = 99
    return place + 1


CHANGES: list[tuple[Callable[[Lines], int], str]] = [
    (bigram(-5), "-5 for the column count of the table bigrams; expected 1 to "),
    (bigram(2**62), f"{2**62} for the column count of the table bigrams"),
    (newest, "99 for the column version of the table trigrams; expected 1 to 5:"),
    (id_of("tokens", 2**40), f"{2**40} for the column id of the table tokens"),
    (id_of("snapshots", 2**63 - 1), f"{2**63 - 1} for the column id of the table snapshots"),
    (version("ngrams", 2**63 - 1), "the versions are "),
    (version("snapshots", 2**40), "the versions are "),
    (version("snapshots", 0, "snapshots"), "for the column id of the table snapshots"),
    (text_of("mathbrain", 1, "[NaN]"), "1 rows of mathbrain whose parameters"),
    (text_of("flow_themes", 4, "{}"), "1 rows of flow_themes whose words"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_what_a_check_would_find_is_not_imported(
    whole: list[bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Lines], int],
    message: str,
) -> None:
    """A conversation would fail with it; the line is named where one line is at fault."""
    lines: Lines = [json.loads(line) for line in whole]
    number = change(lines)
    told = refusal(tmp_path, [json.dumps(line).encode() + b"\n" for line in lines], capsys)
    assert message in told and "leo field export" in told
    assert not number or f": line {number}: " in told


def test_a_failed_import_leaves_a_field_of_before_as_it_was(
    whole: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One without an observation, which an import could fill; and one that has grown."""
    archive = tmp_path / "archive"
    archive.write_bytes(b"".join(whole[:-1]))
    connect(tmp_path / "empty").close()
    sync_field(tmp_path / "grown").close()
    for name in ("empty", "grown"):
        with closing(connect(tmp_path / name)) as conn:
            before = get_versions(conn)
        assert main(["field", "import", str(archive), str(tmp_path / name)]) == 2
        capsys.readouterr()
        with closing(connect(tmp_path / name)) as conn:
            assert get_versions(conn) == before


@pytest.mark.parametrize("lines", [None, -1])
def test_a_field_that_somebody_else_made_meanwhile_is_kept(
    whole: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lines: int | None,
) -> None:
    """And talks to, while an import goes on that succeeds, or that fails: nothing of it is lost."""
    archive, field = tmp_path / "archive", tmp_path / "field"
    archive.write_bytes(b"".join(whole[:lines]))

    def late(path: Path) -> Any:
        assert not field.exists()
        with sync_field(field) as theirs:
            theirs.reply("hello")
        return connect(path)

    monkeypatch.setattr("leo.commands.field.connect", late)
    assert main(["field", "import", str(archive), str(field)]) == 2
    said = "cut or changed" if lines else f"{field}: somebody else has made this file"
    assert said in capsys.readouterr().err
    with closing(connect(field)) as conn:
        assert get_versions(conn) == {"ngrams": 2, "snapshots": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "field"]


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (
            "pathlib.Path.hardlink_to",
            "cannot be given its name (No, Sir), and nothing was imported",
        ),
        ("leo.commands.field.TemporaryDirectory", "no field can be made there (No, Sir); name a"),
    ],
)
def test_a_place_for_no_field_is_named(
    whole: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refused: str,
    said: str,
) -> None:
    """A folder that nothing can be written in, and a disk on which a file has one name only."""
    archive, field = tmp_path / "archive", tmp_path / "field"
    archive.write_bytes(b"".join(whole))

    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError(1, "No, Sir")

    monkeypatch.setattr(refused, refuse)
    assert main(["field", "import", str(archive), str(field)]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_a_log_of_a_field_that_is_gone_is_not_taken_for_the_new_ones(
    whole: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite would apply it to whatever bears the name next."""
    archive, field, log = (tmp_path / name for name in ("archive", "field", "field-wal"))
    archive.write_bytes(b"".join(whole))
    log.write_bytes(b"of another life")
    assert main(["field", "import", str(archive), str(field)]) == 2
    assert f"{log}: SQLite kept this for a field that is gone" in capsys.readouterr().err
    assert not field.exists() and log.read_bytes() == b"of another life"
