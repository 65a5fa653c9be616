"""Files with damage in what SQLite knows of the tables, or in its header: `check` names it, and
every other command ends with one paragraph.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from leo.commands.main import main
from leo.errors import StoreDamagedError
from leo.store.connection import Connection, begin_writing, reading
from tests.leo.support import without_folds


def replace(field: Path, old: bytes, new: bytes) -> None:
    """Other bytes in the first place that has these."""
    content = field.read_bytes()
    assert old in content and len(old) == len(new)
    field.write_bytes(content.replace(old, new, 1))


def set_byte(field: Path, place: int, value: int) -> None:
    content = bytearray(field.read_bytes())
    content[place] = value
    field.write_bytes(content)


def checked(field: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What a check finds; it is a finding and no failure."""
    assert main(["field", "check", str(field)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert all(line.startswith(f"{field}: ") for line in lines)
    return [line.removeprefix(f"{field}: ") for line in lines]


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("snapshots", b"last_used_at REAL", b"last_used_at R AL"),
        ("folding", b"pairs INTEGER", b"pairs ZNTEGER"),
        ("journal", b"version INTEGER PRIMARY", b"versjon INTEGER PRIMARY"),
    ],
)
def test_a_column_that_is_another_one_is_found(
    field: Path, capsys: pytest.CaptureFixture[str], table: str, old: bytes, new: bytes
) -> None:
    """Of another type or name: SQLite does not mind either."""
    replace(field, old, new)
    assert checked(field, capsys) == [f"the columns of the table {table} are not those of a field"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"NOT NULL REFERENCES tokens(id)", b"NOT NULL REFERENCES tokens(iX)"),
        (b"id INTEGER PRIMARY KEY,\n        token", b"id INTEGERxPRIMARY KEY,\n        token"),
        (b"CHECK (word_id <= context_id)", b"CHECK ((word_id, context_id))"),
    ],
)
def test_a_table_that_sqlite_can_make_nothing_of_is_found(
    field: Path, capsys: pytest.CaptureFixture[str], old: bytes, new: bytes
) -> None:
    """It opens, and refuses some of the questions of the check: that is what it is asked for."""
    replace(field, old, new)
    assert checked(field, capsys)


@pytest.mark.parametrize("schema", [-1, 0, 1, 2, 3])
def test_a_schema_that_the_tables_do_not_have_is_found(
    field: Path, capsys: pytest.CaptureFixture[str], schema: int
) -> None:
    """The number in the header is damaged: there is no moving on from there."""
    with closing(sqlite3.connect(field, isolation_level=None)) as conn:
        conn.execute(f"PRAGMA user_version = {schema}")
    [finding] = checked(field, capsys)
    assert finding.startswith(f"the file says that the field has schema {schema}, ")
    assert "restore the file from a copy" in finding


def test_what_can_be_read_is_exported_whatever_its_column_is_called(
    field: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the word for a type is damaged: no row has suffered, and the archive is whole."""
    assert main(["field", "export", str(field)]) == 0
    lines = capsys.readouterr().out
    replace(field, b"use_count INTEGER", b"use_count INTEGUR")
    assert main(["field", "export", str(field)]) == 0
    assert capsys.readouterr().out == lines


@pytest.mark.parametrize(
    ("new", "quoted"),
    [
        (b'pairs "NTEGER', '"NTEGER NOT NULL, word_id INTEGER NOT NULL, context_id'),
        (b"pairs \x1bNTEGER", 'token: "?"'),
    ],
)
def test_what_sqlite_quotes_of_a_damaged_file_stays_one_line(
    field: Path, capsys: pytest.CaptureFixture[str], new: bytes, quoted: str
) -> None:
    """A quotation mark makes it quote the rest of a statement; no terminal is to obey a file."""
    replace(field, b"pairs INTEGER", new)
    [finding] = checked(field, capsys)
    assert quoted in finding
    assert main(["field", "export", str(field)]) == 2
    told = capsys.readouterr().err
    assert quoted in told and told.count("\n") == 1


def test_a_name_that_is_no_text_is_found(field: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite quotes it when it refuses, and Python cannot make an error of such words."""
    replace(field, b"tableflow_turns", b"tablefl\xc9w_turns")
    unread = "a part of the field cannot be read (a name in the schema is no UTF-8)"
    assert any(finding.startswith(unread) for finding in checked(field, capsys))
    text = field.with_name("text")
    text.write_text("grey herons wait")
    for command in (["field", "export", str(field)], ["observe", str(text), "--field", str(field)]):
        assert main(command) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"leo: error: {field}: {unread}; ") and told.count("\n") == 1
        assert "restore the file from a copy" in told


def test_a_name_that_is_no_text_ends_what_joins_a_transaction(field: Path) -> None:
    """A read and a write that come after a BEGIN, which looks at no table."""
    replace(field, b"tableflow_turns", b"tablefl\xc9w_turns")
    with closing(sqlite3.connect(field, isolation_level=None, factory=Connection)) as conn:
        conn.path, conn.timeout = field, 0.0
        conn.execute("BEGIN")
        with pytest.raises(StoreDamagedError, match="no UTF-8"), reading(conn):
            conn.execute("SELECT * FROM tokens")
        with pytest.raises(StoreDamagedError, match="no UTF-8"):
            begin_writing(conn)


def test_a_name_that_is_no_text_in_a_file_that_may_be_anything(
    field: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing says that it is a field: to look at it and to open it is refused alike."""
    replace(field, b"tableflow_turns", b"tablefl\xc9w_turns")
    replace(field, b"LEOF", b"\0\0\0\0")
    for command in (["field", "check", str(field)], ["converse", "--field", str(field)]):
        assert main(command) == 2
        out, told = capsys.readouterr()
        assert out == "" and "no UTF-8" in told and told.count("\n") == 1


@pytest.mark.parametrize("old", [False, True])
def test_a_field_that_sqlite_will_not_write_is_found(
    field: Path, capsys: pytest.CaptureFixture[str], old: bool
) -> None:
    """It takes the file for that of a program to come, and can read it. A conversation, which is
    told of permissions first, is sent to the check.
    """
    if old:
        without_folds(field)
    set_byte(field, 18, 3)
    [finding] = checked(field, capsys)
    assert finding.startswith("the header names the format 3 of SQLite's files")
    assert main(["field", "export", str(field)]) == 2
    assert capsys.readouterr() == ("", f"leo: error: {field}: {finding}\n")
    text = field.with_name("text")
    text.write_text("grey herons wait")
    assert main(["observe", str(text), "--field", str(field)]) == 2
    assert f"see what `leo field check {field}` says" in capsys.readouterr().err


@pytest.mark.parametrize("place", [16, 19, 21])
def test_a_header_that_sqlite_does_not_take_for_one_is_found(
    field: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    """The size of its pages, the number that one has to know to read it, the shares of a page: the
    rest of the header says that this is a field.
    """
    set_byte(field, place, 99)
    [finding] = checked(field, capsys)
    assert finding.startswith("the header of the file is damaged")
    assert "restore the file from a copy" in finding
    assert main(["field", "export", str(field)]) == 2
    assert capsys.readouterr().err == f"leo: error: {field}: {finding}\n"
