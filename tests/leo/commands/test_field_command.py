"""`leo field`, and where fields live."""

from __future__ import annotations

import io
import sqlite3
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from leo import MODULES
from leo.commands.conversation import converse, greet
from leo.commands.field import COMMAND as FIELD
from leo.commands.main import Command
from leo.commands.places import field_file, home, named_fields, shipped, shipped_text
from leo.commands.speakers import Speaker
from leo.commands.why import Account, tell_reply
from leo.errors import CallerError, LeoError
from leo.field.recall import Recalled
from leo.reply.program import ReplyState
from leo.store.archive import export_field
from leo.store.schema import connect
from tests.leo.field.test_walk import view_of
from tests.leo.support import PROMPTS, fold_tables, picture, reloaded, sync_field

BREAKS = {
    "UPDATE bigrams SET count = 0 WHERE src_id = 1": "rows of bigrams with a count",
    "DELETE FROM bigrams WHERE src_id = 1": "seen less often than as the first two",
    "UPDATE bigrams SET count = 1": "seen less often than",
    "UPDATE trigrams SET count = 4611686018427387904": "rows of trigrams with a",
    "UPDATE trigrams SET version = 99 WHERE first_id = 1": "rows of trigrams with a version",
    "DELETE FROM tokens WHERE id = 2": "rows name a token that does not exist",
    "UPDATE co_occurrence SET count = 0 WHERE word_id = 1": "rows of co_occurrence with a count",
    "UPDATE journal SET version = version + 50": "outside the last observations",
    "UPDATE folding SET version = version + 50": "in the tables that were never made",
    "UPDATE folding SET version = version - 50": "neither the tables nor the journal have",
    "UPDATE co_occurrence SET decays = 1 WHERE word_id = 1": "rows of co_occurrence with a decays",
    "UPDATE objects SET version = 1 WHERE name = 'snapshots'": "no write accounts for",
}


def grown(path: Path) -> Path:
    """A field that has talked."""
    with sync_field(path) as field:
        for prompt in PROMPTS:
            field.reply(prompt)
    fold_tables(path)
    return path


def command(command: Command, *words: str) -> int:
    """Run a command in this process."""
    parser = ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


@pytest.mark.parametrize("statement", BREAKS)
def test_what_is_wrong_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], statement: str
) -> None:
    """One break each: exit code 1, and the sentence for it, and what to do."""
    path = grown(tmp_path / "field")
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute(statement)
    assert command(FIELD, "check", str(path)) == 1
    told = capsys.readouterr().out
    assert BREAKS[statement] in told and "leo field restore" in told


def test_a_missing_field_is_not_made(tmp_path: Path) -> None:
    """Checking and exporting want a field that is there."""
    for action in ("check", "export"):
        with pytest.raises(LeoError, match="there is no field"):
            command(FIELD, action, str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_export_and_import_are_a_round_trip(tmp_path: Path) -> None:
    """Equal lines before and after; the imported field is sound, and answers as the other would."""
    path, archive, copy = grown(tmp_path / "f"), tmp_path / "archive", tmp_path / "copy"
    assert command(FIELD, "export", str(path), "--out", str(archive)) == 0
    assert command(FIELD, "import", str(archive), str(copy)) == 0
    with closing(connect(copy)) as conn:
        assert b"".join(export_field(conn)) == archive.read_bytes()
    assert command(FIELD, "check", str(copy)) == 0
    with sync_field(path) as one, sync_field(copy) as other:
        for prompt in PROMPTS:
            assert one.reply(prompt) == other.reply(prompt)
        assert picture(other.view) == other._store.perform(reloaded) == picture(one.view)


def test_a_bare_name_is_a_field_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It lives in the data folder; a suffix, a folder or a file that is there makes a path."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert field_file("leo.sqlite3") == Path("leo.sqlite3")
    assert field_file("a/garden") == Path("a/garden")
    assert command(FIELD, "list") == 0
    assert not home().exists() and "leo chat --field NAME" in capsys.readouterr().err
    path = field_file("garden")
    assert path == tmp_path / "data" / "leo" / "garden.sqlite3"
    assert home().stat().st_mode & 0o077 == 0
    path.touch()
    assert named_fields() == [path]
    (tmp_path / "garden").touch()
    assert field_file("garden") == Path("garden")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(CallerError, match="the folder of named fields cannot be made"):
        field_file("other")


def test_shipped_texts_are_there() -> None:
    """Three small ones of our own; a name that none has is answered with those that are."""
    assert shipped() == ["garden", "harbour", "night_train"]
    assert all(shipped_text(name).stat().st_size > 500 for name in shipped())
    with pytest.raises(CallerError, match="there is no text 'harbor'; did you mean"):
        shipped_text("harbor")


def test_a_field_greets_by_what_it_is(tmp_path: Path) -> None:
    """Its name, its size, when it was last spoken to; a new one says how to give it more."""
    path, greetings = tmp_path / "garden.sqlite3", list[str]()
    for changed in (None, 1_000_000.0, 1_000_000.0):
        with sync_field(path, account := Account()) as field:
            speaker = Speaker(field, account)
            greetings.append(greet(speaker, path, changed))
            speaker.observe("The tide comes in.") if changed is None else field.reply("Who speaks?")
    new, read, old = greetings
    assert new.startswith("garden is new.") and "/observe garden" in new
    assert "from what it read" in read and "1970" not in read
    assert old.startswith("garden listens.") and "1970" in old


@pytest.mark.parametrize("word", ["quit", "exit", "/quit", "Exit", "/exit", ":q", "quit.", "Exit!"])
def test_words_that_end_a_conversation(word: str, tmp_path: Path) -> None:
    """Nothing after them is said."""
    out = io.StringIO()
    with sync_field(tmp_path / "field") as field:
        converse(Speaker(field), iter([word, "never"]), out, out)
    assert out.getvalue() == ""


def test_why_says_what_was_taken_up(tmp_path: Path) -> None:
    """The prompt's words that the reply has, words from before, a memory; no steps."""
    out, account = io.StringIO(), Account()
    with sync_field(tmp_path / "field", account, modules=MODULES) as field:
        said = ["The lighthouse whispers.", "The lighthouse whispers again, and again.", "/why"]
        converse(Speaker(field, account), iter(said), out, out)
        latest = field.latest
    assert latest is not None
    told = next(line for line in out.getvalue().splitlines() if line.startswith("yours"))
    words = told.rpartition(": ")[2].split(", ")
    taken = {word for word in ("lighthouse", "whispers", "again") if word in latest.text.lower()}
    assert {*words} - {"nothing"} == taken
    assert "Ingest" not in out.getvalue()


def test_why_tells_a_path_once_and_a_memory_in_whole_sentences() -> None:
    """Of paths that overlap the first; of a memory that is cut nothing after its last end, unless
    there is none. What was cut is marked.
    """
    state = ReplyState("hello", 0.0, Random(0))
    state.text = "herons wait by the river at dawn."
    state.recalled = Recalled((1,), ("The sea sings. The cat sle",), {})
    told = " ".join(tell_reply(state, view_of(state.text, state.text)).split())
    assert ": herons wait by (2 times), the river at (2 times) memory" in told
    assert ": The sea sings. … /why" in told
    state.recalled = Recalled((1,), ("the cat sle",), {"cat": 0.3})
    assert ": The cat sle… /why" in tell_reply(state, view_of("")).replace("\n", " ")


@pytest.mark.parametrize(("said", "told"), [("I like words", False), ("A field of words", True)])
def test_why_tells_of_leos_first_words_when_there_are_several(
    said: str, told: bool, tmp_path: Path
) -> None:
    """A single one is in every second line of a talk, and says nothing."""
    with sync_field(tmp_path / "field", account := Account(), modules=MODULES) as field:
        field.reply(said)
        assert ("Leo began with" in Speaker(field, account).why()) == told
