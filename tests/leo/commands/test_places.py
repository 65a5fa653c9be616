"""Named fields, the shipped texts, and what a conversation says of both."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from leo import MODULES
from leo.commands.conversation import converse, greet
from leo.commands.places import field_file, home, named_fields, shipped, shipped_text
from leo.commands.speakers import SyncSpeaker
from leo.commands.why import Account
from leo.errors import CallerError
from leo.field.text import PUNCTUATION
from tests.leo.support import sync_field


def test_a_bare_name_is_a_field_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives in the data folder; a suffix, a folder or a file that is there makes a path."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert field_file("leo.sqlite3") == Path("leo.sqlite3")
    assert field_file("a/garden") == Path("a/garden")
    assert not home().exists()
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
    with sync_field(tmp_path / "garden.sqlite3") as field:
        new = greet(SyncSpeaker(field), tmp_path / "garden.sqlite3", None)
        old = greet(SyncSpeaker(field), tmp_path / "garden.sqlite3", 1_000_000.0)
    assert new.startswith("garden is new.") and "leo observe --shipped" in new
    assert old.startswith("garden listens.") and "1970" in old


@pytest.mark.parametrize("word", ["quit", "exit", "/quit", "Exit"])
def test_words_that_end_a_conversation(word: str, tmp_path: Path) -> None:
    """Nothing after them is said."""
    out = io.StringIO()
    with sync_field(tmp_path / "field") as field:
        converse(SyncSpeaker(field), iter([word, "never"]), out, out)
    assert out.getvalue() == ""


def test_why_says_what_was_taken_up(tmp_path: Path) -> None:
    """The prompt's words that the reply has, words from before, a memory; no steps."""
    out, account = io.StringIO(), Account()
    with sync_field(tmp_path / "field", account, modules=MODULES) as field:
        said = ["The lighthouse whispers.", "The lighthouse whispers again, and again.", "/why"]
        converse(SyncSpeaker(field, account), iter(said), out, out)
        latest = field.latest
    assert latest is not None
    told = dict(line.split(maxsplit=1) for line in out.getvalue().splitlines() if "  " in line)
    taken = {word for word in ("lighthouse", "whispers", "again") if word in latest.text.lower()}
    assert {*told["yours"].split(", ")} - {"-"} == taken
    assert "Ingest" not in out.getvalue()


def test_a_field_is_described_in_words(tmp_path: Path) -> None:
    """No punctuation among centres and themes."""
    out = io.StringIO()
    with sync_field(tmp_path / "field") as field:
        field.reply("One, two, three; one, two, three: one, two!")
        converse(SyncSpeaker(field), iter(["/field"]), out, out)
    lines = out.getvalue().splitlines()
    [centres] = [line.split(maxsplit=1)[1] for line in lines if line.startswith("centres")]
    assert not PUNCTUATION.intersection(centres.replace(", ", ""))
