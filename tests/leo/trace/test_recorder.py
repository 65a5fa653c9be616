"""The recorder: whole lines, true numbers, no file lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

import leo.reply.turn
import leo.trace.writer
from leo import NO_TRACE, NdjsonRecorder
from leo.actions import Action
from leo.errors import TraceFileError
from leo.trace.events import Beginning, Happened, NoTrace, Tracer
from leo.trace.recorder import Row
from leo.trace.writer import Sink
from tests.leo.support import (
    PROMPTS,
    REPLY,
    any_field,
    counting_clock,
    read_trace,
    recorder,
    switching,
)

KINDS = ("sequential", "asyncio-lock", "shielded-unit-of-work", "actor")
BEGINNING = Beginning("i1", "main", "bare", "asyncio", ("recall",), {"ngrams": 3}, 9)


def record(tracer: NdjsonRecorder, session: str = "s1") -> None:
    tracer.record(
        Happened(Action.Ingest, "i1", "main", session, f"{session}.1", {}, {"ngrams": 4}, "ok")
    )


async def converse(path: Path, discipline: str, tracer: Tracer) -> list[str]:
    """The answers of one session."""
    async with any_field(path, discipline, tracer) as field:
        return [await field.reply(prompt) for prompt in PROMPTS]


def record_many(tracer: NdjsonRecorder, count: int) -> None:
    for _ in range(count):
        record(tracer)


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
        '{"kind":"end","run":"test","writer":"w1","events":1}\n'
    )


def test_the_end_of_a_reply_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the header and what ends a reply ask to be written soon."""
    asked: list[bool] = []
    monkeypatch.setattr(Sink, "put", lambda *_, hand_over: asked.append(hand_over))
    with recorder(tmp_path / "trace") as tracer:
        tracer.begin(BEGINNING)
        for outcome in ("ok", "returned", "cancelled"):
            tracer.record(Happened(Action.Return, "i1", "main", "s1", "s1.1", {}, {}, outcome))
    assert asked == [True, False, True, True, True]


def test_threads_share_one_numbering(tmp_path: Path) -> None:
    """Four threads: no number missing or twice, and the lines are in the order of the numbers."""
    with recorder(tmp_path / "trace") as tracer, switching():
        tracer.begin(BEGINNING)
        threads = [threading.Thread(target=record_many, args=(tracer, 2000)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    _, events = read_trace(tmp_path / "trace")
    assert [event.seq for event in events] == list(range(1, 8001))


def test_the_file_always_ends_with_a_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written at a time is whole lines, whenever that is, and what was there at a flush has
    reached the file. Who reads in the very moment of a write may see the half of it.
    """
    written: list[bytes] = []
    write = Sink._write

    def watched(sink: Sink[Row], data: bytes) -> None:
        written.append(data)
        write(sink, data)

    monkeypatch.setattr(leo.trace.writer, "BATCH", 1000)
    monkeypatch.setattr(Sink, "_write", watched)
    path = tmp_path / "trace"
    with recorder(path) as tracer:
        tracer.begin(BEGINNING)
        for count in range(1, 51):
            record(tracer)
            if count % 10 == 0:
                tracer.flush(sync=count % 20 == 0)
                assert len(path.read_bytes().splitlines()) == 1 + count
    tracer.close()
    content = b"".join(written)
    assert content == path.read_bytes() and len(written) > 5
    assert all(data.endswith(b"\n") for data in written)
    assert all(json.loads(line) for line in content.splitlines())


def test_a_recording_never_waits_for_the_disk(tmp_path: Path) -> None:
    """A pipe that nobody reads from takes 64 KiB and then blocks its writer: 5,000 events are
    recorded all the same, and all of them are there when somebody reads at last."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    tracer = NdjsonRecorder(path, run="test", clock=counting_clock(), overwrite=True)
    tracer.begin(BEGINNING)
    run = threading.Thread(target=record_many, args=(tracer, 5000), daemon=True)
    closing = threading.Thread(target=tracer.close)
    with reader:
        run.start()
        run.join(30)
        assert not run.is_alive(), "recording waits for the reader of the pipe"
        os.set_blocking(reader.fileno(), True)
        closing.start()
        lines = reader.read().splitlines()
    closing.join()
    assert [json.loads(line)["seq"] for line in lines[1:-1]] == list(range(1, 5001))
    assert json.loads(lines[-1])["events"] == 5000


def test_a_disk_that_never_keeps_up_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in memory is bounded, in bytes: with names of 10 kB the bound is reached after a
    hundred events, where short ones would let two thousand wait. Beyond it recording is an error,
    never a wait."""
    monkeypatch.setattr(leo.trace.writer, "BATCH", 1000)
    monkeypatch.setattr(leo.trace.writer, "LIMIT", 1 << 21)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    tracer = NdjsonRecorder(path, run="test", overwrite=True)
    tracer.begin(BEGINNING)
    kept = 0
    with reader, pytest.raises(TraceFileError, match="2 MiB wait for a disk that is too slow"):
        for count in range(2000):
            record(tracer, f"{count:010000}")
            kept += 1
    assert 90 <= kept < 200
    # With nobody to read, the pipe breaks, and closing says that lines are missing.
    with pytest.raises(TraceFileError, match="cannot be written: Broken pipe"):
        tracer.close()


def test_a_refused_event_uses_up_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a disk that was too slow for a while the numbers go on where they were."""
    with recorder(tmp_path / "trace") as tracer:
        tracer.begin(BEGINNING)
        record(tracer)
        with monkeypatch.context() as slow:
            slow.setattr(leo.trace.writer, "BATCH", 0)
            slow.setattr(leo.trace.writer, "LIMIT", 0)
            with pytest.raises(TraceFileError, match="too slow"):
                record(tracer)
        record(tracer)
    lines = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    assert [line["seq"] for line in lines[1:-1]] == [1, 2] and lines[-1]["events"] == 2


def test_a_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    """Half a surrogate pair cannot be written: the next to flush, record or close is told so, and
    what came before it is in the file, in whole lines."""
    path = tmp_path / "trace"
    tracer = recorder(path)
    tracer.begin(BEGINNING)
    record_many(tracer, 3)
    record(tracer, "s\ud800")
    record(tracer)
    for call in (tracer.flush, partial(record, tracer), tracer.close):
        with pytest.raises(TraceFileError, match="a line cannot be written as JSON: 'utf-8' codec"):
            call()
    assert [json.loads(line).get("seq") for line in path.read_text().splitlines()] == [
        None,
        1,
        2,
        3,
    ]


CHILD = """
import os, signal, sys
from leo import NdjsonRecorder
from leo.actions import Action
from leo.trace.events import Beginning, Happened

tracer = NdjsonRecorder(sys.argv[1], run="test")
tracer.begin(Beginning("i1", "main", "bare", "asyncio", ("recall",), {"ngrams": 0}, 0))
for count in range(int(sys.argv[2])):
    tracer.record(Happened(Action.Call, "i1", "main", "s1", "s1.1", {}, {}, "ok"))
    if count % 1000 == 999:
        tracer.flush()
        print(count + 1, flush=True)
if sys.argv[3] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("way", ["kill", "exit"])
def test_what_was_acknowledged_outlives_the_process(tmp_path: Path, way: str) -> None:
    """Killed, a process leaves every event that a flush has acknowledged, in whole lines, and no
    closing line; one that merely ends without closing leaves all of them."""
    path = tmp_path / "trace"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), "5500", way],
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    acknowledged = int(done.stdout.split()[-1])
    content = path.read_bytes()
    assert content.endswith(b"\n")
    events = [json.loads(line)["seq"] for line in content.splitlines()[1:]]
    assert acknowledged == 5000 and events == list(range(1, len(events) + 1))
    assert len(events) == 5500 if way == "exit" else 5000 <= len(events) <= 5500


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
        full.flush()
    with pytest.raises(TraceFileError, match="the trace cannot be written: No space left"):
        record(full)
    with pytest.raises(TraceFileError, match="the trace cannot be written: No space left"):
        full.close()
    closed = recorder(tmp_path / "trace")
    closed.close()
    closed.flush()
    with pytest.raises(TraceFileError, match="the trace cannot be written: it is closed"):
        closed.begin(BEGINNING)


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


@pytest.mark.parametrize("discipline", KINDS)
async def test_without_a_recorder_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """With no recorder nothing is made for one: no event, no header, no moment."""

    def built(*what: object) -> NoReturn:
        raise AssertionError(f"built for nobody: {what}")

    assert NO_TRACE.enabled is False
    monkeypatch.setattr(leo.reply.turn, "Happened", built)
    monkeypatch.setattr(leo.reply.turn, "Beginning", built)
    for method in ("begin", "record", "moment"):
        monkeypatch.setattr(NoTrace, method, built)
    assert await converse(tmp_path / "field", discipline, NO_TRACE)


@pytest.mark.parametrize("discipline", KINDS)
async def test_what_was_told_does_not_change(tmp_path: Path, discipline: str) -> None:
    """A recorder writes later what it was told now, so nobody changes the versions in it."""
    kept: list[tuple[Happened, bytes]] = []

    class Keeping(NoTrace):
        enabled = True  # type: ignore[misc]

        def record(self, happened: Happened) -> None:
            kept.append((happened, msgspec.json.encode(happened)))

    await converse(tmp_path / "field", discipline, Keeping())
    assert len(kept) > 2 * len(REPLY)
    assert [msgspec.json.encode(happened) for happened, _ in kept] == [then for _, then in kept]
