"""Files with damage below the rows: `check` names it, everything else is one paragraph."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from leo import MODULES
from leo.commands.main import main
from tests.leo.store.test_damage import FATAL
from tests.leo.support import fold_tables, sync_field, without_folds

PAGE = 4096


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field with rows of every module, and many pages."""
    path = tmp_path_factory.mktemp("sound") / "field"
    with sync_field(path, modules=MODULES) as field:
        for prompt in ("What is a field? I wonder.", "grey herons wait in the morning", "who?"):
            field.reply(prompt)
    return path


def spoil(path: Path, begin: int, length: int) -> None:
    """Random bytes, the same every time, from `begin` on."""
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(random.Random(begin).randbytes(length))


def exported(field: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of an export to a file and what it says; a failed one leaves no file."""
    out = field.parent.parent / "archive"
    code = main(["field", "export", str(field), "--out", str(out)])
    assert out.exists() == (code == 0)
    out.unlink(missing_ok=True)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(("begin", "found"), [(PAGE, "a part of"), (3 * PAGE + 100, "SQLite: ")])
def test_a_damaged_page_is_found(
    field: Path, capsys: pytest.CaptureFixture[str], begin: int, found: str
) -> None:
    """Exit code 1, with all that SQLite has found before it gave up."""
    spoil(field, begin, 3000)
    assert main(["field", "check", str(field)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert all(line.startswith(f"{field}: ") for line in out) and len(out) == len(set(out))
    assert any(line.startswith(f"{field}: {found}") for line in out)


def test_a_damaged_page_ends_an_export_with_one_paragraph(
    field: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To a file and to standard output."""
    spoil(field, PAGE, 3000)
    code, told = exported(field, capsys)
    assert code == 2 and told.startswith(f"leo: error: {field}: a part of the field cannot be read")
    assert "restore the file from a copy" in told and told.count("\n") == 1
    assert main(["field", "export", str(field)]) == 2
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("old", [False, True])
def test_wherever_the_damage_is_no_command_breaks(
    field: Path, capsys: pytest.CaptureFixture[str], old: bool
) -> None:
    """Page by page, in a file of this schema and of an older one."""
    if old:
        without_folds(field)
    content = field.read_bytes()
    found = 0
    for begin in range(100, len(content), PAGE):
        field.write_bytes(content)
        spoil(field, begin, 3000)
        code = main(["field", "check", str(field)])
        out, err = capsys.readouterr()
        assert (code, bool(out), bool(err)) in {(0, True, False), (1, True, False)}
        found += code
        code, told = exported(field, capsys)
        assert code == 0 or (code == 2 and told.count("\n") == 1)
    assert found > 20


@pytest.mark.parametrize("statement", FATAL)
def test_damage_that_nothing_can_be_exported_with_is_named(
    field: Path, capsys: pytest.CaptureFixture[str], statement: str
) -> None:
    """What every field has is not there."""
    with closing(sqlite3.connect(field, isolation_level=None)) as conn:
        conn.execute(statement)
    code, told = exported(field, capsys)
    assert code == 2 and told.startswith(f"leo: error: {field}: ") and told.count("\n") == 1
    assert "restore the file from a copy" in told


def test_a_text_that_is_none_is_found(field: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no UTF-8: SQLite does not mind them, who reads them does."""
    with closing(sqlite3.connect(field, isolation_level=None)) as conn:
        conn.execute("UPDATE tokens SET token = CAST(x'ff0aff' AS TEXT) WHERE id = 3")
    assert main(["field", "check", str(field)]) == 1
    assert f"{field}: a text of tokens is no UTF-8\n" in capsys.readouterr().out
    code, told = exported(field, capsys)
    assert code == 2 and "a part of the field cannot be read" in told and told.count("\n") == 1


def test_a_file_that_was_cut_is_a_finding(field: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its first page says that it is a field."""
    field.write_bytes(field.read_bytes()[:20_000])
    assert main(["field", "check", str(field)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{field}: a part of the field cannot be read") and err == ""
    assert "restore the file from a copy" in out and out.count("\n") == 1


@pytest.mark.parametrize("begin", [0, 68])
def test_a_file_that_is_no_field_is_no_finding(
    field: Path, capsys: pytest.CaptureFixture[str], begin: int
) -> None:
    """Nor one whose first page does not say so any more: the command could not run."""
    spoil(field, begin, 4)
    assert main(["field", "check", str(field)]) == 2
    assert "this is not a field" in capsys.readouterr().err
    field.write_bytes(field.read_bytes()[:20_000])
    assert main(["field", "check", str(field)]) == 2
    assert capsys.readouterr().out == ""


def test_numbers_that_no_field_has_reached_are_found(
    field: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next reply could not count on."""
    fold_tables(field)
    with closing(sqlite3.connect(field, isolation_level=None)) as conn:
        conn.execute("UPDATE objects SET version = 9223372036854775807 WHERE name = 'snapshots'")
        conn.execute("UPDATE tokens SET id = 1099511627776 WHERE id = 3")
        conn.execute("UPDATE trigrams SET count = 4611686018427387904")
        conn.execute("UPDATE snapshots SET quality = 9e999 WHERE id = 1")
    assert main(["field", "check", str(field)]) == 1
    out = capsys.readouterr().out
    assert "1 rows of snapshots with a number beyond 1e+100" in out
    assert "1 versions beyond 1,073,741,824" in out and " trigrams with a count beyond" in out
    assert "1 tokens with an id beyond" in out
