"""Following a trace that is being written: whole lines only, to its end or until stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leo.errors import TraceError
from leo_model.commands.validate import followed
from leo_model.traces.validate import Report
from tests.model.traces.test_trace_reader import encode, end, sample


class Writer:
    """Writes the next piece at each pause; the pause after the last one stops the follower."""

    def __init__(self, path: Path, pieces: list[bytes]) -> None:
        self.path = path
        self.pieces = pieces
        self.stop = False
        path.write_bytes(b"")

    def pause(self) -> None:
        if self.pieces:
            with self.path.open("ab") as file:
                file.write(self.pieces.pop(0))
        else:
            self.stop = True

    def follow(self, said: list[str] | None = None) -> Report:
        say = None if said is None else said.append
        return followed(str(self.path), pause=self.pause, stopped=lambda: self.stop, say=say)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[k : k + size] for k in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 100_000])
def test_a_closed_recording_ends_the_following(tmp_path: Path, size: int) -> None:
    """However the lines arrive, the verdict is that of the whole, and it comes by itself."""
    writer = Writer(tmp_path / "t", pieces(encode([*sample(), end()]), size))
    report = writer.follow()
    assert report.accepted and report.closed and not writer.stop
    assert report.native is not None and report.native.events == 30


def test_stopping_sums_up_the_whole_lines(tmp_path: Path) -> None:
    """Half a line is not there yet: no error, and not judged."""
    writer = Writer(tmp_path / "t", [encode(sample()[:20]), encode(sample()[20:21])[:40]])
    report = writer.follow()
    assert report.accepted and not report.closed
    assert report.native is not None and report.native.events == 19


def test_news_come_with_their_line(tmp_path: Path) -> None:
    """A property that falls is told at once, and once."""
    lines = sample("bare", 40)
    said: list[str] = []
    writer = Writer(tmp_path / "t", pieces(encode(lines), 300))
    report = writer.follow(said)
    assert report.native is not None
    assert said == [
        f"line {v.line}: {v.property} falls: {v.witness}" for v in report.native.violations.values()
    ]
    assert said


def test_a_refused_line_ends_the_following(tmp_path: Path) -> None:
    """Nothing after it can be judged."""
    lines = sample()
    lines[9] = {**lines[9], "reply": f"{lines[9]['session']}.9"}
    writer = Writer(tmp_path / "t", pieces(encode(lines), 500))
    report = writer.follow()
    assert report.native is not None and report.native.rejection is not None
    assert report.native.rejection.line == 10
    assert writer.pieces


def test_a_file_that_shrinks_is_an_error(tmp_path: Path) -> None:
    """A recording that was begun again under the same name is another recording."""
    path = tmp_path / "t"
    path.write_bytes(encode(sample()))

    def shrink() -> None:
        path.write_bytes(b"")

    report = followed(str(path), pause=shrink, stopped=lambda: False, say=None)
    assert isinstance(report.error, TraceError)
    assert "became shorter while it was followed" in str(report.error)


@pytest.mark.parametrize(
    ("what", "holds", "why"),
    [
        ("-", None, "one file that a recorder is writing"),
        ("missing", None, "one file that a recorder is writing"),
        ("packed", b"\x1f\x8b123", "one file that a recorder is writing"),
        ("elle", b"{:type :ok, :f :txn, :value [[:r x nil]]}\n", "a history of transactions"),
        ("lines", b'{"unit":"a","calls":[]}\n', "a history of transactions"),
    ],
)
def test_what_cannot_be_followed(tmp_path: Path, what: str, holds: bytes | None, why: str) -> None:
    """Each is refused in one paragraph that says what it is."""
    path = tmp_path / what
    if holds is not None:
        path.write_bytes(holds)
    name = "-" if what == "-" else str(path)
    report = followed(name, pause=lambda: None, stopped=lambda: False, say=None)
    assert why in str(report.error)


def test_ctrl_c_ends_with_a_summary(tmp_path: Path) -> None:
    """The real command on a file that nobody closes: Ctrl-C brings the summary, exit code 0."""
    path = tmp_path / "t"
    lines = sample("bare", 40)
    path.write_bytes(encode(lines))
    with subprocess.Popen(
        [sys.executable, "-m", "leo", "validate", "--follow", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        assert " falls: " in first
        os.kill(child.pid, signal.SIGINT)
        rest = child.stdout.read()
    assert f"{path}: accepted" in rest and "40 events" in rest
    assert child.returncode == 0
