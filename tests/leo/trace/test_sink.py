"""The thread that writes: whom it is woken by, and that nothing is lost or believed written."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import leo.trace.writer
from leo.errors import TraceFileError
from leo.trace.writer import Sink

# As long waits a test for what has to happen at once: only a sink that is broken takes it.
PATIENCE = 10


def put(sink: Sink[bytes], line: bytes, *, hand_over: bool = False) -> None:
    sink.put(line, len(line), hand_over=hand_over)


class Kept(BytesIO):
    """A file in memory whose content outlives its closing."""

    content = b""

    def close(self) -> None:
        if not self.closed:
            self.content = self.getvalue()
        super().close()


class Rests:
    """A thread's rests, one by one: it goes on when the test says so."""

    def __init__(self) -> None:
        self._asked: queue.Queue[tuple[threading.Event, float | None]] = queue.Queue()
        self._over: queue.Queue[None] = queue.Queue()

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """What the sink calls to rest."""
        self._asked.put((woken, seconds))
        self._over.get(timeout=PATIENCE)

    def next(self) -> tuple[threading.Event, float | None]:
        """Wait for the thread to rest."""
        return self._asked.get(timeout=PATIENCE)

    def end(self) -> None:
        """Let the thread go on, woken or not."""
        self._over.put(None)


def flushes(sink: Sink[bytes]) -> None:
    put(sink, b"flushed\n")
    sink.flush()


def hands_over(sink: Sink[bytes]) -> None:
    put(sink, b"handed over\n", hand_over=True)


def gathers(sink: Sink[bytes]) -> None:
    put(sink, b"x" * leo.trace.writer.BATCH)


def closes(sink: Sink[bytes]) -> None:
    sink.close()


WAKING = [(call, rest) for call in (flushes, gathers, closes) for rest in ("idle", "pause")]


# In a pause the end of a reply wakes nobody.
@pytest.mark.parametrize(("call", "rest"), [*WAKING, (hands_over, "idle")])
def test_a_call_that_needs_the_thread_wakes_it(
    tmp_path: Path, call: Callable[[Sink[bytes]], None], rest: str
) -> None:
    """A thread that rests goes on at once for a call that waits for it or brings much, and an idle
    one for the end of a reply: nobody is left with what the thread would find late, if ever."""
    resting: queue.Queue[float | None] = queue.Queue()
    over: queue.Queue[bool] = queue.Queue()

    def wait(woken: threading.Event, seconds: float | None) -> None:
        resting.put(seconds)
        # Ends at once when it is woken; a sink that forgets to goes on late, and the test is red.
        over.put(woken.wait(PATIENCE))

    sink: Sink[bytes] = Sink(tmp_path / "trace", Kept(), b"".join, wait=wait)
    assert resting.get(timeout=PATIENCE) is None
    if rest == "pause":
        put(sink, b"first\n", hand_over=True)
        assert over.get(timeout=PATIENCE)
        assert resting.get(timeout=PATIENCE) == leo.trace.writer.PAUSE
    call(sink)
    assert over.get(timeout=2 * PATIENCE), f"a sink that {call.__name__} wakes nobody"
    if call is not closes:
        assert resting.get(timeout=PATIENCE) == leo.trace.writer.PAUSE
        sink.close()
        assert over.get(timeout=PATIENCE), "a sink that closes wakes nobody"


def test_what_comes_during_a_write_is_not_taken_for_written(tmp_path: Path) -> None:
    """A flush after it waits for it: the file has it when the flush returns, and not before."""
    rests = Rests()
    late = [b"late\n"]

    def lines(items: Sequence[bytes]) -> bytes:
        if late:
            put(sink, late.pop())
        return b"".join(items)

    file = Kept()
    sink: Sink[bytes] = Sink(tmp_path / "trace", file, lines, wait=rests.wait)
    rests.next()
    put(sink, b"first\n", hand_over=True)
    rests.end()
    rests.next()
    assert file.getvalue() == b"first\n"
    assert sink._written == len(b"first\n")
    rests.end()
    sink.flush()
    assert file.getvalue() == b"first\nlate\n"
    rests.end()
    sink.close()


@pytest.mark.parametrize(
    ("moment", "pauses"),
    [
        ("it has looked", [leo.trace.writer.PAUSE, leo.trace.writer.PAUSE, None]),
        ("it is idle", [leo.trace.writer.PAUSE, None, leo.trace.writer.PAUSE, None]),
    ],
)
def test_a_line_that_comes_as_the_thread_falls_idle_is_written(
    tmp_path: Path, moment: str, pauses: list[float | None]
) -> None:
    """Whenever the end of a reply comes, it is in the file without a flush: also when the thread
    has just looked in vain, and when it has said that it is idle and does not wait yet."""
    path = tmp_path / "trace"
    seen: queue.Queue[float | None] = queue.Queue()
    late = [b"late\n"]

    class Items(deque[bytes]):
        """Gets another item behind the back of who looks in vain."""

        def __len__(self) -> int:
            found = super().__len__()
            if not found and late and moment == "it has looked":
                put(sink, late.pop(), hand_over=True)
            return found

        def __bool__(self) -> bool:
            found = super().__len__() > 0
            if not found and late and moment == "it is idle":
                put(sink, late.pop(), hand_over=True)
            return found

    def wait(woken: threading.Event, seconds: float | None) -> None:
        seen.put(seconds)
        woken.wait(PATIENCE if seconds is None else 0)

    sink: Sink[bytes] = Sink(path, path.open("wb", buffering=0), b"".join, wait=wait)
    assert seen.get(timeout=PATIENCE) is None
    sink._items = Items()
    put(sink, b"first\n", hand_over=True)
    assert [seen.get(timeout=PATIENCE) for _ in pauses] == pauses
    assert path.read_bytes() == b"first\nlate\n"
    sink.close()


@given(st.lists(st.sampled_from("abc!")), st.integers(1, 5), st.sets(st.integers(0, 20)))
def test_what_comes_before_a_line_that_cannot_be_made_is_written(
    letters: list[str], chunk: int, flushed: set[int]
) -> None:
    """Items become lines in their order, however many at a time. At the first that is no line the
    file ends, with a whole line, and everybody is told from then on."""

    def lines(items: Sequence[str]) -> bytes:
        assert len(items) <= chunk
        if "!" in items:
            raise TraceFileError("no line")
        return "".join(f"{item}\n" for item in items).encode()

    file = Kept()
    told = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leo.trace.writer, "CHUNK", chunk)
        sink = Sink(Path("trace"), file, lines)
        for number, letter in enumerate(letters):
            try:
                sink.put(letter, 1, hand_over=False)
                if number in flushed:
                    sink.flush()
                    assert "!" not in letters[: number + 1]
            except TraceFileError as error:
                assert str(error) == "no line"
                told += 1
        try:
            sink.close()
        except TraceFileError as error:
            assert str(error) == "no line"
            told += 1
    good = "".join(letters).partition("!")[0]
    assert file.content == "".join(f"{letter}\n" for letter in good).encode()
    assert bool(told) == ("!" in letters)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_leaves_nobody_waiting(tmp_path: Path) -> None:
    """No memory for the lines, say: a flush ends with an error, and so does all that follows."""

    def lines(items: Sequence[bytes]) -> bytes:
        raise MemoryError

    sink: Sink[bytes] = Sink(tmp_path / "trace", Kept(), lines)
    put(sink, b"line\n")
    for call in (sink.flush, partial(put, sink, b"line\n"), sink.close):
        with pytest.raises(TraceFileError, match="the thread that wrote it has died"):
            call()


def test_a_file_that_cannot_be_closed_is_reported(tmp_path: Path) -> None:
    """Some disks say only at the end that there was no room."""

    class Full(BytesIO):
        def close(self) -> None:
            super().close()
            raise OSError(28, "No space left on device")

    sink: Sink[bytes] = Sink(tmp_path / "trace", Full(), b"".join)
    put(sink, b"line\n")
    with pytest.raises(TraceFileError, match="cannot be written: No space left on device"):
        sink.close()
