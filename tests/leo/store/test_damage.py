"""Damage inside rows and below them: `check` names it, everything else is one paragraph."""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from leo import MODULES
from leo.commands.main import main
from leo.errors import (
    LeoError,
    NotAFieldError,
    OtherSchemaError,
    StepError,
    StoreDamagedError,
    StoreError,
)
from leo.field.growth import ChainGrowth, WordGrowth, encode
from leo.store.checkup import check_field
from leo.store.connection import Connection, begin_writing, reading
from leo.store.inspection import inspected
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.owner import SUFFIX
from leo.store.schema import BESIDE, NAMING, connect
from tests.leo.support import sync_field


def journal(words: WordGrowth, chains: ChainGrowth) -> str:
    """A statement after which an observation has added this."""
    return (
        f"UPDATE journal SET words = x'{encode(words).hex()}', chains = x'{encode(chains).hex()}'"
    )


# Two tokens of every field.
ONE, TWO = (6, ","), (12, ".")
UNSOUND = "journal entries that cannot be read, or with what no observation adds"
# A statement, and what `check_field` says of it.
ROWS_DAMAGE = {
    "UPDATE journal SET words = x'ff00'": "journal entries that cannot be read",
    "UPDATE journal SET chains = x'93'": "journal entries that cannot be read",
    "UPDATE journal SET words = 'text'": "rows of journal with a value",
    "DELETE FROM objects": "versions of ngrams, snapshots",
    "DELETE FROM objects WHERE name = 'snapshots'": "versions of ngrams, snapshots",
    "UPDATE objects SET version = 'many' WHERE name = 'ngrams'": "versions of ngrams, snapshots",
    "DROP TABLE folding": "the table folding is missing",
    "DELETE FROM folding": "1 row in the table folding",
    "UPDATE mathbrain SET parameters = 'x'": "rows of mathbrain whose parameters",
    "UPDATE mathbrain SET parameters = '{}'": "rows of mathbrain whose parameters",
    "UPDATE flow_themes SET words = '[1]'": "rows of flow_themes whose words",
    "INSERT OR REPLACE INTO bias VALUES ('nope', 1)": "rows of bias whose centres",
    "INSERT OR REPLACE INTO bias VALUES (x'00', 1)": "rows of bias with a value",
    "UPDATE snapshots SET quality = 'good'": "rows of snapshots with a value",
    # Numbers that no field has reached: the next reply could not count on.
    "UPDATE snapshots SET quality = 9e999 WHERE id = 1": "rows of snapshots with a",
    "UPDATE tokens SET id = 1099511627776 WHERE id = 3": "rows of tokens with a",
    journal(WordGrowth([ONE, TWO], []), ChainGrowth([], [(12, 6, 1)])): UNSOUND,
    journal(WordGrowth([ONE], []), ChainGrowth([], [(6, 12, 1)])): UNSOUND,
    journal(WordGrowth([ONE], [(6, 6, 0)]), ChainGrowth([], [])): UNSOUND,
    journal(WordGrowth([ONE, (12, "!")], []), ChainGrowth([], [])): UNSOUND,
    journal(WordGrowth([(2**63, ONE[1])], []), ChainGrowth([], [])): UNSOUND,
    "DROP TABLE resonance_told": "resonance_told, a table or index of a module, is missing",
}
# Those of them after which the field cannot be opened.
FATAL = [*list(ROWS_DAMAGE)[:4], *list(ROWS_DAMAGE)[5:7], "DROP TABLE resonance_told"]
# What spoils every row of a module's table.
SPOILT = {
    "mathbrain": "parameters = 'nope'",
    "flow_themes": "words = 'nope' || words",
    "bias": "centres = 'nope' || centres",
}


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy with one statement carried out on it."""

    def damage(statement: str) -> Path:
        path = tmp_path / "field"
        shutil.copy(sound, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as conn:
            conn.execute(statement)
        return path

    return damage


def findings(path: Path) -> list[str]:
    with inspected(path) as conn:
        return check_field(conn, MODULES)


@pytest.mark.parametrize("statement", ROWS_DAMAGE)
def test_damage_in_a_row_is_found(damaged: Callable[[str], Path], statement: str) -> None:
    """A sentence for it, and no exception."""
    assert any(ROWS_DAMAGE[statement] in finding for finding in findings(damaged(statement)))


def test_what_an_observation_may_add_is_sound(damaged: Callable[[str], Path]) -> None:
    """The control for the journal: such rows, the right way round, of tokens that are there."""
    growth = WordGrowth([ONE, TWO], [(12, 6, 1)]), ChainGrowth([(6, 6, 12, 1)], [(6, 12, 1)])
    assert findings(damaged(journal(*growth))) == []


@pytest.mark.parametrize("statement", FATAL)
def test_opening_a_damaged_field_says_so(damaged: Callable[[str], Path], statement: str) -> None:
    """It names the file and what to do."""
    path = damaged(statement)
    with pytest.raises(StoreDamagedError, match=f"^{path}: .*leo field restore"):
        sync_field(path)


def test_a_view_that_falls_behind_a_damaged_journal_says_so(damaged: Callable[[str], Path]) -> None:
    """The loads by increments, too."""
    path = damaged("UPDATE journal SET words = x'ff00', chains = x'ff00'")
    loads: tuple[Callable[[Connection, int], object], ...] = (load_bigrams, load_trigrams)
    with closing(connect(path)) as conn:
        for load in loads:
            with pytest.raises(StoreDamagedError, match="observation 2 cannot be read"):
                load(conn, 1)


@pytest.mark.parametrize("table", SPOILT)
def test_a_reply_over_a_spoilt_row_of_a_module_says_which(
    damaged: Callable[[str], Path], table: str
) -> None:
    """The table and the command that looks at it, not a decoder's words alone."""
    path = damaged(f"UPDATE {table} SET {SPOILT[table]}")
    with sync_field(path, modules=MODULES) as field, pytest.raises(StepError) as caught:
        field.reply("What is a field? I wonder.")
    assert isinstance(caught.value.__cause__, LeoError)
    assert f"table {table}" in str(caught.value) and "leo field check" in str(caught.value)


PAGE = 4096


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field with rows of every module, and many pages."""
    path = tmp_path_factory.mktemp("sound") / "field"
    with sync_field(path, modules=MODULES) as field:
        for prompt in ("What is a field? I wonder.", "grey herons wait in the morning", "who?"):
            field.reply(prompt)
    return path


def page(begin: int, length: int = 3000) -> Callable[[Path], None]:
    """Random bytes, the same every time, from `begin` on."""

    def spoil(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(begin)
            file.write(random.Random(begin).randbytes(length))

    return spoil


def other(old: bytes, new: bytes) -> Callable[[Path], None]:
    """Other bytes in the first place that has these."""

    def spoil(path: Path) -> None:
        content = path.read_bytes()
        assert old in content and len(old) == len(new)
        path.write_bytes(content.replace(old, new, 1))

    return spoil


def statement(sql: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as conn:
            conn.execute(sql)

    return spoil


def hidden(path: Path) -> None:
    """A trigger under a name that SQLite keeps for itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute(
            "INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_t', 'tokens', 0, "
            "'CREATE TRIGGER sqlite_t AFTER INSERT ON tokens BEGIN SELECT 1; END')"
        )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


DAMAGE: dict[str, Callable[[Path], None]] = {
    "the second page": page(PAGE),
    "a later page": page(3 * PAGE + 100),
    "cut": cut,
    "another type": other(b"last_used_at REAL", b"last_used_at R AL"),
    "another name": other(b"version INTEGER PRIMARY", b"versjon INTEGER PRIMARY"),
    "no such column": other(b"REFERENCES tokens(id)", b"REFERENCES tokens(iX)"),
    "no statement": other(b"CHECK (word_id <= context_id)", b"CHECK ((word_id, context_id))"),
    "a quotation mark": other(b"pairs INTEGER", b'pairs "NTEGER'),
    "an escape": other(b"pairs INTEGER", b"pairs \x1bNTEGER"),
    "a name that is no text": other(b"tableflow_turns", b"tablefl\xc9w_turns"),
    "a token that is no text": statement("UPDATE tokens SET token = CAST(x'ff0a' AS TEXT)"
        " WHERE id = 3"),
    "a trigger": statement("CREATE TRIGGER t AFTER INSERT ON tokens BEGIN SELECT 1; END"),
    "a trigger like one of SQLite's": statement("CREATE TRIGGER sqliteXt AFTER INSERT ON tokens "
        "BEGIN SELECT 1; END"),
    "a trigger of SQLite's": hidden,
    "a view": statement("CREATE VIEW strange AS SELECT * FROM tokens"),
    "an index": statement("CREATE INDEX strange ON tokens (hex(token))"),
    "a version beyond all": statement("UPDATE objects SET version = 1 << 62"),
    "a virtual table": statement("CREATE VIRTUAL TABLE strange USING fts5(x)"),
    "a computed column": statement("ALTER TABLE tokens ADD COLUMN x AS (id + 1)"),
    **{sql: statement(sql) for sql in FATAL},
}  # fmt: skip


UNTOUCHED = {
    "a trigger", "a trigger like one of SQLite's", "a trigger of SQLite's", "a view",
    "a virtual table", "an index", "a computed column", "a version beyond all", "another type",
    "the second page",
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_a_finding_and_ends_an_export(
    field: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Each finding is one line that names the file and holds nothing that a terminal would obey;
    the file is as it was, and no archive is left. No conversation begins in what is no field of
    ours, before a word of it is run or written.
    """
    DAMAGE[name](field)
    before = field.read_bytes()
    if name in UNTOUCHED:
        with pytest.raises(StoreDamagedError, match="leo field restore"):
            sync_field(field, modules=MODULES)
    assert main(["field", "check", str(field)]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == "" and lines and len(lines) == len(set(lines))
    assert all(line.startswith(f"{field}: ") and line.isprintable() for line in lines)
    archive = field.parent.parent / "archive"
    code = main(["field", "export", str(field), "--out", str(archive)])
    told = capsys.readouterr().err
    assert field.read_bytes() == before
    if name == "a later page" and code == 0:
        return
    assert code == 2 and not archive.exists() and told.count("\n") == 1
    assert (
        told.startswith(f"leo: error: {field}: ") and "restore" in told and told[:-1].isprintable()
    )


def test_wherever_the_damage_is_no_command_breaks(
    field: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page by page."""
    content = field.read_bytes()
    found = 0
    for begin in range(100, len(content), PAGE):
        field.write_bytes(content)
        page(begin)(field)
        code = main(["field", "check", str(field)])
        out, err = capsys.readouterr()
        assert (code, bool(out), bool(err)) in {(0, True, False), (1, True, False)}
        found += code
        code = main(["field", "export", str(field)])
        told = capsys.readouterr().err
        assert code == 0 or (code == 2 and told.count("\n") == 1)
    assert found > 15


def empty(path: Path) -> None:
    path.write_bytes(b"")


FOREIGN: dict[str, Callable[[Path], None]] = {
    "no magic": page(0, 4),
    "no mark": other(b"LEOF", b"\0\0\0\0"),
    "schema 0": statement("PRAGMA user_version = 0"),
    "schema 3": statement("PRAGMA user_version = 3"),
    "schema 5": statement("PRAGMA user_version = 5"),
    "empty": empty,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_does_not_say_that_it_is_our_field_is_no_finding(
    field: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The command could not run, nor is the field opened; the file keeps its bytes, and nothing
    appears beside it.
    """
    FOREIGN[name](field)
    before = field.read_bytes()
    for action in ("check", "export"):
        assert main(["field", action, str(field)]) == 2
        out, told = capsys.readouterr()
        assert out == "" and told.startswith(f"leo: error: {field}: ") and told.count("\n") == 1
    if name != "empty":
        # Into which a new field may go.
        with pytest.raises((NotAFieldError, OtherSchemaError)):
            sync_field(field)
    assert field.read_bytes() == before and list(field.parent.iterdir()) == [field]


def test_a_name_that_is_no_text_ends_what_joins_a_transaction(field: Path) -> None:
    """A read and a write that come after a BEGIN, which looks at no table."""
    DAMAGE["a name that is no text"](field)
    with closing(sqlite3.connect(field, isolation_level=None, factory=Connection)) as conn:
        conn.path, conn.timeout = field, 0.0
        conn.execute("BEGIN")
        with pytest.raises(StoreDamagedError, match="no UTF-8"), reading(conn):
            conn.execute("SELECT * FROM tokens")
        with pytest.raises(StoreDamagedError, match="no UTF-8"):
            begin_writing(conn)


def test_a_view_in_place_of_a_table_is_not_asked(field: Path) -> None:
    """A view that never ends would hang every command that reads it."""
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, 'a', 1 FROM n"
    )
    statement("ALTER TABLE tokens RENAME TO words")(field)
    statement(f"CREATE VIEW tokens AS {endless}")(field)
    with pytest.raises(StoreDamagedError):
        sync_field(field)
    assert main(["field", "check", str(field)]) == 1
    assert main(["field", "export", str(field)]) == 2


def test_what_a_file_computes_is_not_computed(
    field: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index over an expression, which a look at all pages would compute for every row, and find
    that the rows are others.
    """
    statement("CREATE INDEX strange ON tokens (hex(token))")(field)
    with closing(sqlite3.connect(field, isolation_level=None)) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("UPDATE sqlite_master SET sql = replace(sql, 'hex', 'lower')")
    assert main(["field", "check", str(field)]) == 1
    assert capsys.readouterr().out.startswith(f"{field}: no field has the index strange\n")


def circular(path: Path, root: int) -> None:
    """Pages above those of a tree each lead 600 times to the one below: 600 to the sixth ways."""
    pages = [path.read_bytes()[at : at + PAGE] for at in range(0, path.stat().st_size, PAGE)]
    # The first page has the header of the file, and with all modules others below it already.
    begin = 100 if root == 1 else 0
    [child] = struct.unpack_from(">I", pages[0], begin + 8) if begin else [len(pages) + 1]
    pages += [] if begin else [pages[root - 1]]
    for level in range(6):
        # One cell, which all of them are: a page to the left, and a key.
        head = struct.pack(">BHHHBI", 5, 0, 600, PAGE - 5, 0, child)
        cells = (head + struct.pack(">H", PAGE - 5) * 600).ljust(PAGE - 105, b"\0")
        cells += bytes(100 - begin if level == 5 else 100) + struct.pack(">IB", child, 1)
        if level == 5:
            pages[root - 1] = pages[root - 1][:begin] + cells
        else:
            pages.append(cells)
            child = len(pages)
    pages[0] = pages[0][:28] + struct.pack(">I", len(pages)) + pages[0][32:]
    path.write_bytes(b"".join(pages))


@pytest.mark.parametrize("table", ["sqlite_master", "journal"])
def test_pages_that_lead_to_each_other_are_not_followed(field: Path, table: str) -> None:
    """They would be read for years: by SQLite, before it knows of any table, or by us."""
    with closing(sqlite3.connect(field)) as conn:
        found = conn.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
        [root] = found.fetchone() or [1]
    circular(field, root)
    done = subprocess.run(
        [sys.executable, "-c", ALL_COMMANDS, field, f"{field}2"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[1, 2, 2, 2]", done
    assert done.stderr.count("leo field restore") == 3 == done.stderr.count(f" {field}: ")


def names(field: Path, other: Path) -> None:
    """A journal that is to be rolled back, and says that another file goes with it."""
    name = bytes(other)
    head = struct.pack(">8s5I", NAMING, 0, 0, field.stat().st_size // PAGE, 512, PAGE)
    page = (1 << 30) // PAGE + 1
    end = struct.pack(">II8s", len(name), sum(name), NAMING)
    content = head.ljust(512, b"\0") + struct.pack(">I", page) + name + end
    field.with_name(f"{field.name}-journal").write_bytes(content)


LEADING: dict[str, Callable[[Path, Path], None]] = {
    "names": names,
    **{
        end: lambda field, other, end=end: Path(f"{field}{end}").symlink_to(other)  # type: ignore[misc]
        for end in (*BESIDE, SUFFIX)
    },
}


@pytest.mark.parametrize("name", LEADING)
def test_no_file_beside_a_field_leads_to_another(
    field: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """SQLite would write to it, or delete it."""
    other = tmp_path / "precious"
    other.write_bytes(b"precious")
    LEADING[name](field, other)
    with pytest.raises(StoreError, match=str(field)):
        sync_field(field, modules=MODULES)
    if name != SUFFIX:
        assert main(["field", "check", str(field)]) == 1
        assert main(["field", "export", str(field)]) == 2
        assert main(["field", "backup", str(field), str(tmp_path / "copy")]) == 2
    assert other.read_bytes() == b"precious"


ALL_COMMANDS = """
import sys
from leo.commands.main import main
field, copy = sys.argv[1:]
commands = ("field check", field), ("field export", field), ("chat --field", field)
print([main([*f"{words}".split(), name]) for words, name in commands]
      + [main(["field", "backup", field, copy])])
"""
