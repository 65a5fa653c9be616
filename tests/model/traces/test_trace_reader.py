"""A trace that is not in the schema is refused, with the file, the line and what to do."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leo.errors import TraceError
from leo.trace.lines import MAX_LINE, open_stream
from leo_model.traces.native import check
from leo_model.traces.reader import TraceReader, open_trace, trace_of
from tests.model.traces.synth import random_trace, trace_world

Lines = list[Any]


def sample(discipline: str = "asyncio-lock", length: int = 30) -> Lines:
    """A header and the events of two sessions."""
    header, events = random_trace(trace_world(discipline, 2), Random(3), 0.0, length)
    return [header, *events]


def encode(lines: Lines) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def read(data: bytes) -> int:
    """Read every line; returns their number."""
    return sum(1 for _ in TraceReader("t.ndjson", io.BytesIO(data)))


def changed(at: int, **fields: object) -> bytes:
    """The sample with other fields in one line."""
    lines = sample()
    lines[at] = {**lines[at], **fields}
    return encode(lines)


def without(at: int, name: str) -> bytes:
    lines = sample()
    del lines[at][name]
    return encode(lines)


def end(**fields: object) -> dict[str, object]:
    """The closing line of the sample, with other fields."""
    return {"kind": "end", "run": sample()[0]["run"], "writer": "w1", "events": 30, **fields}


def first(action: str) -> int:
    """The place of the first line of this action in the sample."""
    return next(k for k, line in enumerate(sample()) if line.get("action") == action)


RECALL, CALL, ASSIGN = first("Recall"), first("Call"), first("AssignView")

BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", r"^t\.ndjson: the file is empty; expected \{"),
    "not NDJSON": (b"hello\nworld\n", r"^t\.ndjson: line 1: this is not NDJSON"),
    "one JSON array": (encode([sample()]), r"line 1: there is no header, but \["),
    "binary": (bytes(range(256)) + b"\n", r"line 1: this is not NDJSON"),
    "not UTF-8": (b'{"kind":"\xff"}\n', r"line 1: this is not NDJSON"),
    "byte order mark": (b"\xef\xbb\xbf" + encode(sample()), r"line 1: this is not NDJSON"),
    "no header": (encode(sample()[1:]), r"line 1: there is no header"),
    "newer schema": (changed(0, schema=2),
        r"line 1: the schema's version is 2.*newer program: use that one$"),
    "other spec": (changed(0, spec="field/9"),
        r"line 1: .*'field/9', and this program has 'field/1'"),
    "unknown discipline": (changed(0, discipline="asyncio-lok"),
        r"line 1: unknown discipline 'asyncio-lok'; did you mean 'asyncio-lock'\?"),
    "other program": (changed(0, program=["recall"]), r"line 1: the program is recall;"),
    "two stores": (changed(0, stores=["a", "b"]), r"line 1: the trace is of 2 stores"),
    "an instance too many": (changed(0, instances=["i1", "i2"]),
        r"line 1: the trace is of 2 instances \(i1, i2\), and replies under asyncio-lock have one"),
    "no instances": (changed(0, instances=[]), r"line 1: instances must be different"),
    "start from nowhere": (changed(0, start={"ngrams": 1}), r"line 1: start must hold"),
    "header lacks run": (without(0, "run"), r"line 1: the header lacks run;"),
    "header wrong type": (changed(0, seed="x"), r"line 1: the header is not of schema 1: Expected"),
    "unknown action": (changed(2, action="Aquire"),
        r"line 3: .*'Aquire'.* did you mean 'Acquire'\?"),
    "foreign action": (changed(2, action="Zzz"), r"line 3: .*'Zzz'.*action"),
    "gap": (encode([*sample()[:5], *sample()[6:]]),
        r"line 6: a gap .* seq 6 where 5 .* 1 event is"),
    "repeat": (encode([*sample()[:5], sample()[4], *sample()[5:]]),
        r"line 6: a repeat in the sequence: writer 'w1' has seq 4 where 5 was expected"),
    "cut in the middle": (encode(sample())[:-30],
        r"^t\.ndjson: the last line \(line 31\) is cut; .*crashed.* 29 whole events precede it"),
    "no newline at the end": (encode(sample())[:-1], r"the last line \(line 31\) is cut"),
    "cut JSON with a newline": (encode(sample())[:-30] + b"\n",
        r"the last line \(line 31\) is cut; .* 29 whole events precede it"),
    "cut in the first event": (encode(sample()[:1]) + b'{"seq', r" 0 whole events precede it"),
    "cut in the header": (encode(sample())[:20], r"the first line is cut"),
    "broken in the middle": (encode(sample()[:3]) + b'{"seq\n' + encode(sample()[4:]),
        r"line 4: this is not JSON .*expected one event"),
    "empty line": (encode(sample()[:3]) + b"\n" + encode(sample()[3:]),
        r"line 4: this is not JSON"),
    "10 MB on one line": (encode(sample()[:3]) + b"x" * 10_000_000 + b"\n",
        r"line 4 is longer than 1 MiB"),
    "deep": (encode(sample()[:3]) + b"[" * 500_000 + b"\n" + encode(sample()[3:]), r"line 4: "),
    "an array": (encode([*sample()[:3], [1]]), r"line 4: expected an event as a JSON object"),
    "second header": (encode([*sample(), sample()[0]]), r"line 32: a second header"),
    "lacks outcome": (without(4, "outcome"), r"line 5: .*`outcome`; expected events"),
    "seq a boolean": (changed(1, seq=True), r"line 2: .*`int`.*\$\.seq"),
    "version a string": (changed(RECALL, reads={"snapshots": "3"}), r"`int`.*\$\.reads"),
    "version negative": (changed(RECALL, reads={"snapshots": -1}), r"out of range"),
    "version beyond 64 bits": (changed(RECALL, reads={"snapshots": 10**30}), r"version of|range"),
    "version missing": (changed(RECALL, reads={}),
        r"Recall under asyncio-lock reads snapshots, and the event has reads of nothing"),
    "half of the versions": (changed(ASSIGN, writes={"view.bigrams": 3}),
        r"AssignView under asyncio-lock writes view\.bigrams, view\.trigrams, and"),
    "version where none belongs": (changed(CALL, writes={"ngrams": 3}),
        r"Call under asyncio-lock writes nothing, and the event has writes of ngrams"),
    "outcome of another action": (changed(CALL, outcome="returned"),
        r"the outcome of Call is 'ok'"),
    "reply of another session": (changed(CALL, reply="s9.1"), r"'s9\.1' does not belong to"),
    "reply without number": (changed(CALL, reply="s1"), r"the reply 's1' does not belong"),
    "no session": (changed(CALL, session="", reply=".1"), r"'' cannot be the name of a session"),
    "session that is nobody": (changed(1, session="nobody", reply="nobody.1"),
        r"'nobody' cannot be the name of a session"),
    "session with an escape": (changed(1, session="\x1b[2J", reply="\x1b[2J.1"), r"printable"),
    "writer with an escape": (changed(1, writer="\x1b[2J"), r"cannot be the name of a writer"),
    "no writer": (changed(1, writer=""), r"line 2: '' cannot be the name of a writer"),
    "objects with line ends": (changed(RECALL, reads={"s\napshots": 3}),
        r"Recall under asyncio-lock reads snapshots, and the event has reads of 's\\napshots'"),
    "unknown instance": (changed(4, instance="i7"), r"the instance 'i7' is not in the header"),
    "unknown store": (changed(4, store="mine"), r"the store 'mine' is not in the header"),
    "another run": (changed(4, run="r2"), r"belongs to the run 'r2' and the header to"),
    "end of another run": (encode([*sample(), end(run="r2")]),
        r"line 32: the closing line belongs"),
    "end twice": (encode([*sample(), end(), end()]), r"line 33: the writer 'w1' has closed its"),
    "end with another count": (encode([*sample()[:-1], end()]),
        r"line 31: the writer 'w1' closed its recording after 30 events, and the file has 29"),
    "end without a count": (encode([*sample(), {"kind": "end", "run": "r", "writer": "w1"}]),
        r"line 32: .*`events`; expected ends .* kind, run, writer, events"),
    "event after the end": (encode([*sample()[:-1], end(events=29), sample()[-1]]),
        r"line 32: an event of the writer 'w1', which has closed its recording"),
    "crash of a session": (changed(1, action="Crash", outcome="crashed"),
        r"line 2: Crash happens to an instance: session and reply must be empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_trace_is_refused(name: str) -> None:
    """Each kind of damage gets one paragraph that names the file and what was expected; exit 2."""
    data, expected = BAD[name]
    with pytest.raises(TraceError, match=expected) as caught:
        read(data)
    text = str(caught.value)
    assert text.startswith("t.ndjson: ")
    assert "\n" not in text and "\x1b" not in text
    assert len(text) < 900
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("at", "old", "new", "key"),
    [
        (0, b'"kind": ', b'"kind": "units", "kind": ', "kind"),
        (5, b'"action": ', b'"action": "Recall", "action": ', "action"),
        (5, b'"acti', b'"acti\\u006fn": "Recall", "acti', "action"),
        (5, b'"seq": 5', b'"seq" : 5, "se\\u0071": 5', "seq"),
        (4, b'"snapshots": ', b'"snapshots": 7, "snapshots": ', "snapshots"),
        (6, b'{"seq', b'{"later": 1, "later": 1, "seq', "later"),
        (31, b'"events": ', b'"events": 1, "events": ', "events"),
    ],
)
def test_a_key_that_stands_twice_is_refused(at: int, old: bytes, new: bytes, key: str) -> None:
    """A decoder takes the last of the two and says nothing: the line is refused, with its number
    and the key. Colons in names are none of that."""
    lines = encode([*sample(), end()]).splitlines(keepends=True)
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new)
    with pytest.raises(TraceError, match=rf"line {at + 1}: the key '{key}' stands twice"):
        read(b"".join(lines))
    named = encode(sample()).replace(b'"s1', b'"s:1').replace(b'"s2', b'"s\\u003a2')
    assert read(named) == 30


def test_session_belongs_to_one_instance() -> None:
    """A session that moves to another instance is refused: InstanceOf is a constant of the spec."""
    header, events = random_trace(trace_world("shared-store", 2), Random(1), 0.0, 30)
    session = events[0]["session"]
    place = next(k for k, e in enumerate(events) if k and e["session"] == session)
    other = "i2" if events[place]["instance"] == "i1" else "i1"
    events[place] = {**events[place], "instance": other}
    with pytest.raises(TraceError, match=rf"line {place + 2}: the session .* one instance$"):
        check(trace_of("t", header, events))


def test_unknown_fields_are_ignored_with_one_notice() -> None:
    """A later schema may add fields: they are ignored, and one notice says so."""
    lines = [{**line, "later\n": [1]} for line in sample()]
    trace = TraceReader("t", io.BytesIO(encode(lines)))
    assert sum(1 for _ in trace) == 30
    assert len(trace.notices) == 2  # the header's, and one for all events
    assert "'later\\n'" in trace.notices[1] and "\n" not in "".join(trace.notices)


def test_closed_recordings_are_told_from_cut_ones() -> None:
    """A closing line says that the recording is whole; later fields in it are noticed once."""
    for lines, closed in (([*sample(), end(later=1)], True), (sample(), False)):
        trace = TraceReader("t", io.BytesIO(encode(lines)))
        assert sum(1 for _ in trace) == 30
        assert trace.closed is closed
        assert len(trace.notices) == closed


@pytest.mark.parametrize("bytes_left", [5, 29, 1])
def test_torn_last_line_can_be_left_out(bytes_left: int) -> None:
    """With ``torn``, the whole lines are read, and a notice says what is missing; damage anywhere
    else is refused all the same."""
    data = encode(sample()[:-1]) + encode(sample()[-1:])[:bytes_left]
    trace = TraceReader("t", io.BytesIO(data), torn=True)
    assert sum(1 for _ in trace) == 29
    assert trace.notices == [
        "line 31 is cut and left out: the recorder may have crashed while it wrote. 29 whole "
        "events precede it"
    ]
    with pytest.raises(TraceError, match="this is not JSON"):
        list(TraceReader("t", io.BytesIO(data + b"\n" + encode(sample()[-1:])), torn=True))


def test_windows_line_ends_are_read() -> None:
    """A carriage return before the newline is white space to JSON."""
    assert read(encode(sample()).replace(b"\n", b"\r\n")) == 30


def test_line_is_read_in_bounded_pieces() -> None:
    """No more than one MiB of a line is ever read, however long it is."""

    class Endless(io.RawIOBase):
        taken = 0

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None and 0 < size <= MAX_LINE + 1
            self.taken += size
            return b"x" * size

    source = Endless()
    with pytest.raises(TraceError, match="longer than 1 MiB"):
        TraceReader("t", source)
    assert source.taken <= MAX_LINE + 1


def test_gzip_is_read_and_damage_is_told(tmp_path: Path) -> None:
    """A packed trace is recognised by its content; a damaged one is an error, not a traceback."""
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(encode(sample())))
    with open_trace(path) as trace:
        assert sum(1 for _ in trace) == 30
    path.write_bytes(gzip.compress(encode(sample()))[:-20])
    with pytest.raises(TraceError, match="cannot be read beyond line"), open_trace(path) as trace:
        list(trace)


@pytest.mark.parametrize("make", [lambda p: p / "none", lambda p: p], ids=["missing", "folder"])
def test_file_that_cannot_be_opened(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """A file that is not there, or is a folder, is named together with the system's reason."""
    with (
        pytest.raises(TraceError, match=f"^{tmp_path}.*: the trace cannot be opened: "),
        open_stream(make(tmp_path)),
    ):
        pass


def test_standard_input_is_read() -> None:
    """`-` reads standard input, packed or not."""
    program = (
        "from leo_model.traces.reader import open_trace\n"
        "with open_trace('-') as trace: print(trace.name, sum(1 for _ in trace))"
    )
    for data in (encode(sample()), gzip.compress(encode(sample()))):
        done = subprocess.run(
            [sys.executable, "-c", program], input=data, capture_output=True, check=True
        )
        assert done.stdout == b"standard input 30\n"
