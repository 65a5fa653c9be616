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


@pytest.mark.parametrize("total", [1.0, 7, None])
def test_a_bar_is_for_a_terminal_and_what_takes_long(total: float | None) -> None:
    """Nothing for two seconds, then what is counted; in a file nothing at all."""
    screen, file, now = Terminal(), io.StringIO(), [0.0]
    with (
        Bar("book.txt", total, out=screen, clock=lambda: now[0]) as bar,
        Bar("book.txt", total, out=file, clock=lambda: now[0]) as unseen,
    ):
        for now[0] in (1.9, 2.1):
            for each in (bar, unseen):
                each.show(0.5)
            assert ("book.txt" in screen.getvalue()) == (now[0] > 2)
    assert file.getvalue() == ""


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
