"""`leo.instrument`: what is recorded, and that nothing changes for the program."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from leo.errors import TraceFileError
from leo.trace.events import Beginning
from leo.trace.recorder import NdjsonRecorder
from leo.trace.writer import Sink
from leo.units import Gate, Recording, instrument
from tests.leo.support import counting_clock


class Shelf:
    """A class that is not ours: sync and async methods of every kind."""

    shared: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def get(self, key: str, default: int = 0, *, deep: bool = False) -> int:
        """Get."""
        return self.values.get(key, default)

    async def put(self, key: str, value: int) -> str:
        """Put."""
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError(value)
        self.values[key] = value
        return key

    async def add(self, key: str) -> int:
        value = self.get(key)
        await self.put(key, value + 1)
        return value + 1

    @classmethod
    def count(cls) -> int:
        return len(cls.shared)

    @staticmethod
    async def wait() -> int:
        await asyncio.sleep(0)
        return 7

    @property
    def size(self) -> int:
        return len(self.values)

    def each(self) -> Iterator[str]:
        yield from self.values

    async def stream(self) -> AsyncIterator[str]:
        for key in self.values:
            yield key

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def later(self) -> Any:
        return self.put("late", 1)


def watch(
    shelf: Shelf,
    *,
    unit: str = "add",
    path: Path | None = None,
    gate: Gate | None = None,
    clock: Callable[[], float] | None = None,
) -> Recording:
    """A recording of a shelf, of which every key is an object."""
    return instrument(
        shelf,
        reads={"get": lambda key, *_, **__: f"shelf:{key}"},
        writes={"put": lambda key, _: f"shelf:{key}"},
        unit=unit,
        path=path,
        gate=gate,
        clock=clock or counting_clock(),
    )


def told(recording: Recording) -> list[tuple[str, str, dict[str, int], dict[str, int], str]]:
    """Each event as unit, action, reads, writes, outcome."""
    lines = [msgspec.json.decode(line) for line in recording.ndjson().splitlines()]
    assert lines[0]["kind"] == "units"
    return [
        (e["reply"], e["action"], e["reads"], e["writes"], e["outcome"])
        for e in lines[1:]
        if "seq" in e
    ]


def test_a_unit_reads_and_writes() -> None:
    """The calls of one unit, with the versions that they found and made."""
    shelf = Shelf()
    with watch(shelf) as recording:
        assert asyncio.run(shelf.add("a")) == 1
        assert shelf.get("b") == 0
    assert told(recording) == [
        ("add.1", "Open", {}, {}, "ok"),
        ("add.1", "Read", {"shelf:a": 0}, {}, "ok"),
        ("add.1", "Write", {}, {"shelf:a": 1}, "ok"),
        ("add.1", "Close", {}, {}, "returned"),
        ("get.1", "Open", {}, {}, "ok"),
        ("get.1", "Read", {"shelf:b": 0}, {}, "ok"),
        ("get.1", "Close", {}, {}, "returned"),
    ]


def test_failures_and_cancellations() -> None:
    """A write that raised or was cancelled may have happened; a unit ends as its call did."""

    async def main() -> Recording:
        shelf = Shelf()
        with watch(shelf) as recording:
            with pytest.raises(ValueError, match="-1"):
                await shelf.put("a", -1)
            task = asyncio.create_task(shelf.add("b"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert vars(shelf) == {"values": {}}
        return recording

    recording = asyncio.run(main())
    ended = [(unit, action, outcome) for unit, action, _, _, outcome in told(recording)]
    assert ended == [
        ("put.1", "Open", "ok"),
        ("put.1", "Write", "raised"),
        ("put.1", "Close", "raised"),
        ("add.1", "Open", "ok"),
        ("add.1", "Read", "ok"),
        ("add.1", "Write", "cancelled"),
        ("add.1", "Close", "cancelled"),
    ]


def test_tasks_and_threads_are_kept_apart() -> None:
    """Concurrent tasks have units of their own; a task or thread made inside one shares it."""

    async def main() -> Recording:
        shelf = Shelf()
        with watch(shelf) as recording:

            async def work(key: str) -> None:
                with recording.unit("work"):
                    await asyncio.gather(shelf.put(key, 1), asyncio.to_thread(shelf.get, key))

            async with asyncio.TaskGroup() as group:
                group.create_task(work("a"))
                group.create_task(work("b"))
            thread = threading.Thread(target=shelf.get, args=("c",))
            thread.start()
            thread.join()
        return recording

    events = told(asyncio.run(main()))
    units = {
        name: {unit for unit, _, reads, writes, _ in events if name in {**reads, **writes}}
        for name in ("shelf:a", "shelf:b", "shelf:c")
    }
    assert units == {"shelf:a": {"work.1"}, "shelf:b": {"work.2"}, "shelf:c": {"get.1"}}


def test_what_outlives_its_unit_is_a_unit_of_its_own() -> None:
    """A task that goes on after its unit has closed is not counted to it; nested units join."""

    async def main() -> Recording:
        shelf = Shelf()
        with watch(shelf) as recording:
            with recording.unit("outer") as name, recording.unit("inner") as same:
                assert name == same == "outer.1"
                late = asyncio.create_task(shelf.put("a", 1))
            await late
        return recording

    units = [unit for unit, action, *_ in told(asyncio.run(main())) if action == "Write"]
    assert units == ["put.1"]


def test_two_recordings_do_not_mix() -> None:
    """A unit of one recording is no unit of another, in both orders of nesting."""
    one, two = Shelf(), Shelf()
    with watch(one) as first, watch(two) as second, first.unit("a"), second.unit("b"):
        one.get("x")
        two.get("y")
    assert [event[0] for event in told(first)] == ["a.1"] * 3
    assert [event[0] for event in told(second)] == ["b.1"] * 3


def test_a_unit_may_end_in_another_context() -> None:
    """A block that is left in another context than it was entered in closes its unit."""
    shelf = Shelf()
    with watch(shelf) as recording:
        opening = recording.unit("a")
        other = contextvars.copy_context()
        other.run(opening.__enter__)
        opening.__exit__(None, None, None)
        other.run(shelf.get, "x")
    assert [event[0] for event in told(recording)] == ["a.1", "a.1", *["get.1"] * 3]


def test_the_gate_is_asked_around_each_call() -> None:
    """A scheduler can hold a task before and after every wrapped call of an async method."""
    asked = []

    async def gate(unit: str, method: str, when: str) -> None:
        asked.append((unit, method, when))
        await asyncio.sleep(0)

    shelf = Shelf()
    with watch(shelf, gate=gate):
        asyncio.run(shelf.add("a"))
    assert asked == [
        ("add.1", "add", "before"),
        ("add.1", "put", "before"),
        ("add.1", "put", "after"),
        ("add.1", "add", "after"),
    ]


def test_calls_after_the_end_are_not_recorded(tmp_path: Path) -> None:
    """A wrapper that somebody kept is the plain method once the recording is closed."""
    shelf = Shelf()
    recording = watch(shelf, path=tmp_path / "trace")
    kept: Callable[[str], int] = shelf.get
    recording.close()
    recording.close()
    assert kept("a") == 0
    lines = (tmp_path / "trace").read_bytes().splitlines()
    assert [msgspec.json.decode(line)["kind"] for line in lines] == ["units", "end"]
    in_memory = watch(shelf)
    kept = shelf.get
    in_memory.close()
    with in_memory.unit("late") as name:
        assert name == "late.1"
        assert kept("a") == 0
    assert told(in_memory) == []
    assert in_memory.ndjson().endswith(b'"events":0}\n')


def test_reads_that_fail_and_calls_that_outlive_the_recording_are_left_out() -> None:
    """Nothing is known of a read that raised; and nothing is recorded behind the end."""

    async def main() -> Recording:
        shelf = Shelf()
        vars(shelf)["values"] = None
        with watch(shelf) as recording:
            with pytest.raises(AttributeError):
                shelf.get("a")
            vars(shelf)["values"] = {}
            late = asyncio.create_task(shelf.put("b", 1))
            await asyncio.sleep(0)
        await late
        return recording

    assert [event[1] for event in told(asyncio.run(main()))] == ["Open", "Close", "Open"]


def test_the_file_and_the_memory_say_the_same(tmp_path: Path) -> None:
    """A trace in a file is that of one in memory, and is there after a flush; none is replaced."""
    texts = []
    for path in (None, tmp_path / "trace"):
        shelf = Shelf()
        with watch(shelf, path=path, clock=counting_clock()) as recording:
            shelf.get("a")
            recording.flush()
            if path is not None:
                assert len(path.read_bytes().splitlines()) == 4
                with pytest.raises(TraceFileError, match="not in memory"):
                    recording.ndjson()
        texts.append(recording.ndjson() if path is None else path.read_bytes())
    assert texts[0] == texts[1]
    with pytest.raises(TraceFileError, match="cannot be begun"):
        instrument(Shelf(), path=tmp_path / "trace")


def test_a_full_disk_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program goes on, with every answer; closing the recording tells of it."""

    def full(sink: Sink[bytes], line: bytes, size: int, *, hand_over: bool) -> None:
        raise TraceFileError("no room")

    shelf = Shelf()
    recording = watch(shelf, path=tmp_path / "trace")
    monkeypatch.setattr(Sink, "put", full)
    assert shelf.get("a") == 0
    with pytest.raises(TraceFileError, match="no room"):
        recording.close()
    assert vars(shelf) == {"values": {}}


class Slow(io.FileIO):
    """A disk that takes a few bytes at a time."""

    def write(self, data: Any, /) -> int:
        return super().write(memoryview(data)[:7])


@pytest.mark.parametrize("kind", ["units", "replies"])
def test_a_disk_that_takes_little_at_a_time_gets_every_line(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write may take a part of what it is given: the rest is written after it."""

    def opened(path: Path, mode: str, buffering: int) -> io.FileIO:
        assert mode == "xb" and buffering == 0
        return Slow(path, mode)

    path = tmp_path / "trace"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        if kind == "units":
            recording = instrument(Shelf(), reads={"get": "shelf"}, path=path)
            with recording, recording.unit("turn"):
                pass
        else:
            with NdjsonRecorder(path, run="r") as recorder:
                recorder.begin(Beginning("i1", "main", "bare", "asyncio", (), {}, 0))
    whole = path.read_bytes()
    assert whole.endswith(b"}\n")
    assert [msgspec.json.decode(line)["run"] for line in whole.splitlines()]


def test_several_objects_in_one_recording() -> None:
    """`wrap` adds an object; an exact call has no interval."""
    shelf, other = Shelf(), Shelf()
    with watch(shelf) as recording:
        recording.wrap(other, reads={"get": "value"}, exact=True)
        with recording.unit("both"):
            shelf.get("a")
            other.get("b")
    lines = [msgspec.json.decode(line) for line in recording.ndjson().splitlines()]
    assert [line["instance"] for line in lines if line.get("action") == "Read"] == [
        "Shelf",
        "Shelf",
    ]
    assert ["since" in line for line in lines if line.get("action") == "Read"] == [True, False]
