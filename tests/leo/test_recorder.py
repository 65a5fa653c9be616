"""The recorder: whole lines, true numbers, no file lost."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

import leo.recorder
from leo import NO_TRACE, NdjsonRecorder
from leo.actions import Action
from leo.errors import TraceFileError
from leo.trace import Beginning
from tests.leo.support import read_trace, recorder

BEGINNING = Beginning("i1", "main", "bare", "asyncio", ("recall",), {"ngrams": 3}, 9)


def record(tracer: NdjsonRecorder, session: str = "s1") -> None:
    tracer.record(
        Action.Ingest,
        instance="i1",
        store="main",
        session=session,
        reply=f"{session}.1",
        reads={},
        writes={"ngrams": 4},
        outcome="ok",
    )


def test_lines_are_those_of_the_schema(tmp_path: Path) -> None:
    """Header and event, key by key, in the order of the contract."""
    with recorder(tmp_path / "trace") as tracer:
        tracer.begin(BEGINNING)
        record(tracer)
    text = (tmp_path / "trace").read_text()
    assert text == (
        '{"schema":1,"kind":"header","spec":"field/1","run":"test","discipline":"bare",'
        '"runtime":"asyncio","program":["recall"],"instances":["i1"],"stores":["main"],'
        '"start":{"ngrams":3},"seed":9}\n'
        '{"seq":1,"writer":"w1","run":"test","time":1.0,"instance":"i1","store":"main",'
        '"session":"s1","reply":"s1.1","action":"Ingest","reads":{},"writes":{"ngrams":4},'
        '"outcome":"ok"}\n'
    )


def test_threads_share_one_numbering(tmp_path: Path) -> None:
    """Four threads: no number missing or twice, and the lines are in the order of the numbers."""
    with recorder(tmp_path / "trace") as tracer:
        tracer.begin(BEGINNING)

        def work() -> None:
            for _ in range(500):
                record(tracer)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    _, events = read_trace(tmp_path / "trace")
    assert [event.seq for event in events] == list(range(1, 2001))


def test_the_file_always_ends_with_a_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has reached the file when the process dies is a readable trace."""
    monkeypatch.setattr(leo.recorder, "BATCH", 1000)
    path = tmp_path / "trace"
    sizes = set()
    with recorder(path) as tracer:
        tracer.begin(BEGINNING)
        for _ in range(50):
            record(tracer)
            content = path.read_bytes()
            sizes.add(len(content))
            assert content == b"" or content.endswith(b"\n")
            assert all(json.loads(line) for line in content.splitlines())
        tracer.flush()
        assert len(path.read_bytes().splitlines()) == 51
    assert len(sizes) > 3
    tracer.close()


def test_an_existing_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    """A recording is evidence: it is not overwritten by mistake."""
    path = tmp_path / "trace"
    path.write_text("precious")
    with pytest.raises(
        TraceFileError, match=f"^{re.escape(str(path))}: a file of this name exists"
    ):
        recorder(path)
    assert path.read_text() == "precious"
    NdjsonRecorder(path, run="test", overwrite=True).close()
    assert path.read_text() == ""


def test_a_trace_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """No such folder; no room; after close."""
    with pytest.raises(TraceFileError, match="the trace cannot be begun: No such file"):
        recorder(tmp_path / "nowhere" / "trace")
    full = NdjsonRecorder("/dev/full", run="test", overwrite=True)
    full.begin(BEGINNING)
    with pytest.raises(TraceFileError, match="the trace cannot be written: No space left"):
        full.close()
    closed = recorder(tmp_path / "trace")
    closed.close()
    closed.begin(BEGINNING)
    with pytest.raises(TraceFileError, match="the trace cannot be written"):
        closed.flush()


def test_instances_are_announced(tmp_path: Path) -> None:
    """The header names every instance, so a stranger is refused, and one header serves all."""
    with recorder(tmp_path / "trace") as tracer:
        with pytest.raises(TraceFileError, match="an event came before the header"):
            record(tracer)
        tracer.begin(BEGINNING)
        tracer.begin(BEGINNING)
        stranger = Beginning("i2", "main", "bare", "asyncio", (), {}, 0)
        with pytest.raises(TraceFileError, match="of the instances i1 on main, not of i2 on main"):
            tracer.begin(stranger)
    assert read_trace(tmp_path / "trace")[1] == []


def test_the_default_tracer_is_off() -> None:
    """With no recorder a reply asks once per action and builds nothing."""
    assert NO_TRACE.enabled is False
