"""The fast path says what the full checker says, of every trace and in every word."""

from __future__ import annotations

import gzip
import io
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from leo.errors import TraceError
from leo.trace import lines as fast_blocks
from leo.trace.lines import Blocks, Packed
from leo_model.disciplines import DISCIPLINES
from leo_model.traces.events import Line
from leo_model.traces.fast import convert as fast_convert
from leo_model.traces.fast import engine as fast
from leo_model.traces.fast import state as fast_state
from leo_model.traces.fast.convert import is_fast
from leo_model.traces.fast.engine import feed_all
from leo_model.traces.native import CONCERNED, Checker, Outcome, check
from leo_model.traces.reader import TraceReader
from leo_model.traces.validate import run_native
from leo_model.traces.workload import Workload, record
from tests.model.traces.mutation import mutate
from tests.model.traces.synth import Fields, random_trace, trace_world

FAST = [name for name, rules in DISCIPLINES.items() if is_fast(rules, rules.instances)]


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks and no patience: the fast path begins and gives up as often as it can."""
    monkeypatch.setattr(fast, "BLOCK", 3000)
    monkeypatch.setattr(fast_blocks, "PIECE", 1000)
    monkeypatch.setattr(fast, "PATIENCE", 1)
    monkeypatch.setattr(fast, "MOST_PATIENCE", 4)


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lines were taken by the fast path each time; a test asks that some were."""
    taken: list[int] = []
    advance = fast.Front.advance

    def noted(self: fast.Front) -> tuple[int, int]:
        result = advance(self)
        taken.append(result[0])
        return result

    monkeypatch.setattr(fast.Front, "advance", noted)
    return taken


def to_bytes(header: Fields, events: list[Fields]) -> bytes:
    lines = (json.dumps(line, separators=(",", ":")) for line in (header, *events))
    return "".join(f"{line}\n" for line in lines).encode()


def said(data: bytes, *, by_fast: bool) -> tuple[Outcome | str, object]:
    """Everything that is said of a trace, and the state in which the checker was left."""
    try:
        trace = TraceReader("t", io.BytesIO(data))
        checker = Checker(trace.header)
    except TraceError as error:
        return str(error), None
    rejection = None
    try:
        if by_fast:
            rejection = feed_all(trace, checker)
        else:
            for line in trace:
                rejection = checker.feed(line)
                if rejection is not None:
                    break
    except TraceError as error:
        return str(error), None
    outcome = checker.outcome(trace.name, trace.notices, rejection)
    return outcome, (checker.state.key(), checker.watch.cyclic)


def assert_same(data: bytes) -> None:
    assert said(data, by_fast=True) == said(data, by_fast=False)


def traces(discipline: str, count: int, length: int, *, seed: int = 3) -> Iterator[bytes]:
    rng = Random(f"{discipline} {seed}")
    for _ in range(count):
        sessions = 1 if discipline == "sequential" else rng.randint(1, 6)
        rate = rng.choice([0.0, 0.01, 0.05])
        yield to_bytes(*random_trace(trace_world(discipline, sessions), rng, rate, length))


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_same_report_on_random_schedules(discipline: str, share: list[int]) -> None:
    """Verdict, counts, first lines and witnesses are equal, and so is the state at the end: the
    replies that are remembered, and each edge between them."""
    for data in traces(discipline, 3, 150):
        assert_same(data)
    if discipline in FAST:
        assert sum(share) > 100


def test_property_that_the_fast_path_does_not_know_keeps_it_away(
    share: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its falls would be skipped without a word."""
    (data,) = traces("asyncio-lock", 1, 150)
    monkeypatch.setitem(CONCERNED, "Ninth", "replies that broke it")
    trace = TraceReader("t", io.BytesIO(data))
    assert feed_all(trace, Checker(trace.header)) is None
    assert sum(share) == 0


@pytest.mark.parametrize("discipline", FAST)
def test_same_report_on_mutated_traces(discipline: str) -> None:
    """Dropped, doubled, swapped, renamed lines and wrong versions are refused in the same words."""
    rng = Random(discipline)
    for _ in range(3):
        sessions = 1 if discipline == "sequential" else 4
        world = trace_world(discipline, sessions)
        header, events = random_trace(world, rng, 0.01, 150)
        _, changed = mutate(discipline, events, rng)
        assert_same(to_bytes(header, changed))


def test_last_lines_are_the_last_lines() -> None:
    """Both paths show the same lines before a refusal."""
    rng, seen = Random(6), 0
    for _ in range(12):
        header, events = random_trace(trace_world("asyncio-lock", 3), rng, 0.0, 120)
        _, changed = mutate("asyncio-lock", events, rng)
        plain, quick = (TraceReader("t", io.BytesIO(to_bytes(header, changed))) for _ in range(2))
        recent: deque[Line] = deque(maxlen=14)
        rejection = feed_all(quick, Checker(quick.header), recent)
        lines = list(plain)
        end = len(lines) if rejection is None else rejection.line - 1
        assert list(recent) == lines[max(0, end - 14) : end]
        seen += rejection is not None
    assert seen > 3


@pytest.mark.parametrize("plain", [b',"store"', b',\r"store"'], ids=["long", "return"])
def test_last_lines_may_be_long_or_hold_a_carriage_return(plain: bytes) -> None:
    """Lines of several thousand bytes, and white space that is no end of a line, are shown."""
    header, events = random_trace(trace_world("asyncio-lock", 3), Random(2), 0.0, 150)
    run = "r" * 3000
    data = to_bytes({**header, "run": run}, [{**event, "run": run} for event in events])
    quick = TraceReader("t", io.BytesIO(data.replace(b',"store"', plain)))
    recent: deque[Line] = deque(maxlen=14)
    assert feed_all(quick, Checker(quick.header), recent) is None
    assert [line.number for line in recent] == list(range(138, 152))
    assert list(recent) == list(TraceReader("t", io.BytesIO(data)))[-14:]


def byte_mutants(data: bytes, count: int, rng: Random) -> Iterator[bytes]:
    """Bytes changed, dropped, doubled, and whole pieces of lines moved."""
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(mutant))
            match rng.randrange(6):
                case 0:
                    mutant[at] = rng.randrange(256)
                case 1:
                    del mutant[at : at + rng.randint(1, 3)]
                case 2:
                    mutant[at:at] = mutant[at : at + rng.randint(1, 40)]
                case 3:
                    mutant[at:at] = rng.choice([b"\n", b" ", b'"', b"\r\n", b'"x":1,', b"\\u0073"])
                case 4:
                    digit = mutant.find(b"1", at)
                    if digit >= 0:
                        mutant[digit] = rng.choice(b"0237")
                case _:
                    end = mutant.find(b"\n", at)
                    if end >= 0:
                        mutant[end : end + 1] = rng.choice([b"", b"\n\n", b" \n", b"\n "])
        yield bytes(mutant)


@pytest.mark.parametrize("discipline", FAST)
def test_same_report_on_damaged_bytes(discipline: str) -> None:
    """Both refuse a damaged byte with the same text, or accept it with the same notices."""
    rng = Random(discipline)
    for data in traces(discipline, 1, 100, seed=8):
        for mutant in byte_mutants(data, 15, rng):
            assert_same(mutant)


@pytest.mark.long
@pytest.mark.parametrize("discipline", FAST)
def test_same_report_on_many_damaged_bytes(discipline: str) -> None:
    """The same at length. A damaged key that is now another one of the line is known to be seen by
    the full checker only, where the line is plain otherwise (model/README.md).
    """
    rng = Random(f"long {discipline}")
    compared = doubled = 0
    for data in traces(discipline, 60, 250, seed=9):
        assert_same(data)
        for mutant in byte_mutants(data, 60, rng):
            if "stands twice in the line" in str(said(mutant, by_fast=False)[0]):
                doubled += 1
            else:
                assert_same(mutant)
                compared += 1
    # A sixth of the damage doubles a piece of a line, which rarely is a whole key with its value.
    assert doubled < compared // 20


@pytest.mark.parametrize("discipline", FAST)
def test_same_report_on_recorded_runs(discipline: str, tmp_path: Path, share: list[int]) -> None:
    """Runs of the organism: most of their lines are the fast path's."""
    sessions = 1 if discipline == "sequential" else 6
    for cancel in (0.0, 0.02) if discipline != "sequential" else (0.0,):
        path = record(Workload(discipline, sessions, 5, cancel=cancel), tmp_path)
        assert_same(path.read_bytes())
        if not cancel:
            assert sum(share) > sessions * 5 * 11 // 2


def wide(run: str, line: str) -> bytes:
    """A whole reply by one session, with one line written in another way."""
    header, events = random_trace(trace_world("asyncio-lock", 1), Random(1), 0.0, 11 * 6)
    text = to_bytes({**header, "run": run}, [{**event, "run": run} for event in events]).decode()
    lines = text.splitlines()
    lines[40] = line.replace("LINE", lines[40])
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    "line",
    [
        "LINE ", " LINE", "LINE\n", "LINE\n\n", "\nLINE", "LINELINE", "LINE,LINE", "LINE\r",
        '{"new":1,LINE', '{"kind":"end"}', "[]", "", "\xa0",
    ],
)  # fmt: skip
def test_lines_in_another_form_are_left_to_the_reader(line: str) -> None:
    """White space, two events on a line, something else than an event: the reader decides."""
    assert_same(wide("r", line))


def test_break_inside_an_event_is_not_taken_for_an_end_of_line() -> None:
    """An event on two lines followed by two on one line: as many breaks as events, and refused."""
    data = wide("r", "LINE")
    lines = data.split(b"\n")
    lines[41] = lines[41].replace(b',"store"', b',\n"store"')
    lines[42:44] = [lines[42] + lines[43]]
    broken = b"\n".join(lines)
    assert broken.count(b"\n") == data.count(b"\n")
    assert_same(broken)
    outcome, _ = said(broken, by_fast=True)
    assert isinstance(outcome, str) and "line 42" in outcome


def test_break_inside_a_name_is_not_taken_for_another_name() -> None:
    """A break in place of a comma's blank, and two events on a line that a comma parts: as many
    breaks as events again, and refused.
    """
    data = wide("r", "LINE").replace(b'"s1', b'"s, 1')
    lines = data.split(b"\n")
    lines[40] = lines[40].replace(b"s, 1", b"s\n1", 1)
    lines[42:44] = [lines[42] + b"," + lines[43]]
    broken = b"\n".join(lines)
    assert broken.count(b"\n") == data.count(b"\n")
    assert_same(broken)


def test_names_that_need_escapes_are_compared_as_names() -> None:
    """A run whose name is not ASCII, or is escaped in the file, is the same run."""
    for run in ("löwe", 'a"b', "tab\\t"):
        assert_same(wide(run, "LINE"))


def test_packed_and_damaged_files_are_read_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzip file that was cut or damaged is refused beyond the same line."""
    monkeypatch.setattr(fast_blocks, "PIECE", 1 << 16)
    world = trace_world("asyncio-lock", 4)
    packed = gzip.compress(to_bytes(*random_trace(world, Random(3), 0.0, 3000)))
    damaged = [packed[:-cut] + bytes(end) for cut in (40, 2000) for end in (0, cut)]
    damaged += [
        packed[:at] + b"\xff" * 60 + packed[at + 60 :] for at in range(3000, len(packed), 9000)
    ]
    for data in (packed, *damaged):
        results = []
        for judge in (lambda trace: run_native(trace, keep=False)[0], check):
            trace = TraceReader("t", Packed(fileobj=io.BytesIO(data)))
            try:
                result: object = judge(trace)
            except TraceError as error:
                result = str(error)
            results.append(result)
        assert results[0] == results[1]
        assert isinstance(results[0], str) == (data is not packed)


def test_blocks_give_every_line_once() -> None:
    """Looking ahead takes nothing; lines, pieces and blocks together are the stream."""
    data = b"".join(b"%d\n" % (k * 7919) for k in range(500)) + b"torn"
    rng = Random(1)
    blocks, got = Blocks(io.BytesIO(data)), b""
    while True:
        match rng.randrange(3):
            case 0:
                piece = blocks.readline(1000)
                assert piece.endswith(b"\n") or len(got) + len(piece) == len(data)
            case 1:
                piece = blocks.peek(rng.randint(1, 200))
                blocks.drop(len(piece))
                assert piece == b"" or piece.endswith(b"\n")
            case _:
                piece = blocks.read(1)
        got += piece
        if len(got) == len(data):
            break
    assert got == data
    assert blocks.readline(10) == blocks.read(1) == blocks.peek(10) == b""


def test_long_line_is_given_up_to_the_limit() -> None:
    """A line without an end is not read into memory."""
    blocks = Blocks(io.BytesIO(b"x" * 100_000))
    assert len(blocks.readline(500)) == 500


def nothing(*_: object) -> int:
    return 0


def no_edges(*_: object) -> frozenset[object]:
    return frozenset()


@pytest.mark.parametrize(
    ("where", "name", "wrong"),
    [
        (fast_state.Books, "merge", nothing),
        (fast_state.Books, "settle", nothing),
        (fast_convert, "_edges", no_edges),
        (fast_state, "_stand", lambda runs, last: runs[0]),
    ],
    ids=["cycles", "forgetting", "edges", "names"],
)
def test_wrong_fast_path_is_noticed(
    where: object, name: str, wrong: object, monkeypatch: pytest.MonkeyPatch, share: list[int]
) -> None:
    """A fast path that counts, forgets or gives back something else is noticed."""
    data = list(traces("bare", 8, 260))
    right = [said(each, by_fast=False) for each in data]
    assert [said(each, by_fast=True) for each in data] == right
    monkeypatch.setattr(where, name, wrong)
    assert [said(each, by_fast=True) for each in data] != right
    assert sum(share) > 300
