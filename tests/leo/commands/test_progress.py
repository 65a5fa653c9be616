"""How far long work is, for whoever looks."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import pytest

from leo.progress import Bar
from leo.store.archive import export_field, import_field
from leo.store.schema import connect
from tests.leo.support import sync_field


class Terminal(io.StringIO):
    """It says that somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_for_a_terminal_and_leaves_nothing() -> None:
    """Drawn on one line and wiped; in a file there is nothing of it."""
    screen, file = Terminal(), io.StringIO()
    for out in (screen, file):
        bar = Bar(out, "book.txt")
        bar.show(0.5)
        bar.clear()
    assert file.getvalue() == ""
    drawn, wiped = screen.getvalue().split("\r")[1:3]
    assert drawn.rstrip() == f"[{'#' * 12}{'.' * 12}] book.txt"
    assert len(drawn) == len(wiped) == 78 and wiped.isspace()


def test_an_archive_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From little to nearly all of it, on the way out and on the way in."""
    monkeypatch.setattr("leo.store.archive.SHOWN", 100)
    sync_field(tmp_path / "field").close()
    there, back = list[float](), list[float]()
    with closing(connect(tmp_path / "field")) as conn:
        lines = list(export_field(conn, (), there.append))
    with closing(connect(tmp_path / "copy")) as conn:
        import_field(conn, io.BytesIO(b"".join(lines)), "archive", (), back.append)
    for parts in (there, back):
        assert len(parts) == (len(lines) - 1) // 100 and parts == sorted(parts)
        assert 0 < parts[0] < 0.2 and 0.8 < parts[-1] <= 1
