"""`leo observe`: all files or none, texts only, and what was taken in when it ends early."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from leo import LeoField
from leo.commands.main import main
from leo.commands.observe import COMMAND as OBSERVE
from leo.commands.observe import portions
from leo.errors import CallerError, StoreFullError
from leo.store import ngrams
from leo.store.connection import Connection
from tests.leo.commands.test_field_command import command

LINE = "grey herons wait\n"


def test_observing_files_grows_the_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line of every file is in the field; a file that is not there is an error."""
    for name in ("one", "two"):
        (tmp_path / name).write_text("grey herons wait\n" * 3000)
    texts = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert command(OBSERVE, *texts, "--field", str(tmp_path / "field")) == 0
    assert "51,000 characters" in capsys.readouterr().out
    with LeoField.open(tmp_path / "field") as field:
        assert field.view.trigram_count("grey", "herons", "wait") == 6000
    with pytest.raises(CallerError, match="the text cannot be read"):
        command(OBSERVE, str(tmp_path / "none"), "--field", str(tmp_path / "field"))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a line\n" * 100 + "a last one", "\n"),
        # Or no Ctrl-C would be heeded until its end: after sentences, else words, else anywhere.
        ("He said no. " * 90, ". "), ("no stop " * 90, " "), ("x" * 700, "x"), ("", ""),
    ],
)  # fmt: skip
def test_portions_are_the_text_cut_where_it_can_be(text: str, end: str) -> None:
    """Put together they are the text; each but the last is long enough, and not too long."""
    pieces = list(portions(text, 50))
    assert "".join(pieces) == text and len(pieces) >= len(text) // 200
    assert all(50 <= len(piece) <= 200 and piece.endswith(end) for piece in pieces[:-1])
    # A long line is in the portion of what came before it, and what follows it is not.
    long = "short\n" + "x" * 30 + "\n"
    assert list(portions(f"{long}next\n", 20)) == [long, "next\n"]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (None, "the text cannot be read (No such file or directory)"),
        (b"grey\0herons", "byte 4 is a NUL"),
        ("grey herons".encode("utf-16"), "is a NUL"),
        (b"x" * (1 << 20) + b"\0", "byte 1048576 is a NUL"),
    ],
)
def test_a_bad_file_is_found_before_anything_is_taken_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: bytes | None, named: str
) -> None:
    """Missing or binary, after a good one: exit code 2, no field is made."""
    good, other, field = (tmp_path / name for name in ("good", "other", "field"))
    good.write_text(LINE)
    if bad is not None:
        other.write_bytes(bad)
    given = ["observe", str(good), str(other), "--field", str(field)]
    assert main(given) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and f"{other}: " in shown.err and named in shown.err
    assert not field.exists()
    other.write_text(LINE)
    assert main(given) == 0
    with LeoField.open(field) as opened:
        assert opened.view.trigram_count("grey", "herons", "wait") == 2


def test_what_can_be_read_only_once_is_read_once(tmp_path: Path) -> None:
    """A pipe by the name of a file, as a shell's <(...) makes it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(LINE * 9,))
    writer.start()
    assert command(OBSERVE, str(pipe), "--field", str(tmp_path / "field")) == 0
    writer.join()
    with LeoField.open(tmp_path / "field") as field:
        assert field.view.trigram_count("grey", "herons", "wait") == 9


def test_ctrl_c_says_how_much_was_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the middle of the second portion's transaction: the portion is in the field whole."""
    bump, begun = ngrams.bump, list[str]()

    def pressed(conn: Connection, name: str) -> int:
        version = bump(conn, name)
        begun.append(name)
        # The first is the seed text's.
        if len(begun) == 3:
            signal.raise_signal(signal.SIGINT)
        return version

    monkeypatch.setattr(ngrams, "bump", pressed)
    text, field = tmp_path / "text", tmp_path / "field"
    text.write_text(LINE * 3000)
    assert main(["observe", str(text), "--field", str(field)]) == 130
    two = sum(map(len, list(portions(LINE * 3000))[:2]))
    said = f"{text}: {two:,} of 51,000 characters were taken in\n"
    assert capsys.readouterr() == ("", said)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with LeoField.open(field) as opened:
        assert opened.view.trigram_count("grey", "herons", "wait") == two // len(LINE)


def test_ctrl_c_in_the_last_portion_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it is there, and the command was interrupted all the same: no other file follows."""
    observe = LeoField.observe

    def pressed(field: LeoField, text: str) -> None:
        signal.raise_signal(signal.SIGINT)
        observe(field, text)

    monkeypatch.setattr(LeoField, "observe", pressed)
    text = tmp_path / "text"
    text.write_text(LINE)
    assert main(["observe", str(text), str(text), "--field", str(tmp_path / "field")]) == 130
    assert capsys.readouterr() == ("", f"{text}: 17 of 17 characters were taken in\n")


def test_a_failing_store_says_how_much_was_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error of the store, after what is in it."""
    observe, pieces = LeoField.observe, list[str]()

    def failing(field: LeoField, text: str) -> None:
        if pieces:
            raise StoreFullError("no room")
        pieces.append(text)
        observe(field, text)

    monkeypatch.setattr(LeoField, "observe", failing)
    text = tmp_path / "text"
    text.write_text(LINE * 3000)
    assert main(["observe", str(text), "--field", str(tmp_path / "field")]) == 2
    said, error = capsys.readouterr().err.splitlines()
    assert said == f"{text}: {len(pieces[0]):,} of 51,000 characters were taken in"
    assert error == "leo: error: no room"
