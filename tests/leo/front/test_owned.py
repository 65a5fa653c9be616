"""A field has an owner while it is open: others are refused, or share it; the file stays."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from leo import AsyncLeoField
from leo.errors import CallerError, StepError, StoreGoneError, StoreMovedError, StoreOwnedError
from leo.field.counts import compute_delta
from leo.store.operations import process_text
from leo.store.owner import SUFFIX, Owner
from leo.store.schema import connect
from tests.leo.support import any_field, async_field, dump, sync_field

ALONE = ["bare", "asyncio-lock", "shielded-unit-of-work", "actor", "optimistic"]
SHARED = ["shared-store", "shared-store-unit-of-work", "shared-store-immediate"]
# Has a field open, says so, and waits.
HOLDER = """
import sys, leo
field = leo.LeoField.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the field open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def take(path: Path, shared: bool = False) -> Owner:
    return Owner.take(path, "sequential", shared)


@pytest.mark.parametrize("first", ["gil", "bare", "actor", *SHARED])
@pytest.mark.parametrize(
    "second", ["sequential", "shielded-unit-of-work", "shared-store-immediate"]
)
async def test_a_second_opener_is_refused_unless_all_share(
    tmp_path: Path, first: str, second: str
) -> None:
    """In one paragraph; and the field can be opened when it is closed. Nothing stays beside it."""
    path = tmp_path / "field"
    async with any_field(path, first):
        if first in SHARED and second in SHARED:
            async with any_field(path, second):
                pass
        else:
            with pytest.raises(StoreOwnedError, match=f"^{path}: this process ") as caught:
                async with any_field(path, second):
                    pass
            assert "\n" not in str(caught.value)
    async with any_field(path, second):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["field"]


def test_the_dead_the_stopped_and_the_living_are_told_apart(tmp_path: Path) -> None:
    """Tried again and again: never two owners, never a field that nobody can open."""
    path = tmp_path / "field"
    with holder(path) as process:
        for _ in range(100):
            with pytest.raises(StoreOwnedError, match=f"the process {process.pid} has had"):
                take(path)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        for _ in range(100):
            with pytest.raises(StoreOwnedError, match=f"{process.pid}, which is stopped"):
                take(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # It could not tidy up: its name is there, and nobody is told that it has the field.
        assert path.with_name(f"field{SUFFIX}").exists()
        for _ in range(100):
            take(path).release()
        with sync_field(path) as field:
            assert field.reply("hello")


def test_never_two_owners(tmp_path: Path) -> None:
    """Eight that take and give back as fast as they can; nobody waits, and some get it."""
    path = tmp_path / "field"
    inside, most, taken = [0], [0], [0]
    guard = threading.Lock()

    def work() -> None:
        for _ in range(100):
            try:
                owner = take(path)
            except StoreOwnedError:
                continue
            with guard:
                inside[0] += 1
                taken[0] += 1
                most[0] = max(most[0], inside[0])
            with guard:
                inside[0] -= 1
            owner.release()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and taken[0] > 8
    assert list(tmp_path.iterdir()) == []


def test_sharers_leave_one_by_one(tmp_path: Path) -> None:
    """The one that wants it alone waits for the last; a field that is forgotten is given back."""
    path = tmp_path / "field"
    one, other = take(path, shared=True), take(path, shared=True)
    one.release()
    with pytest.raises(StoreOwnedError):
        take(path)
    del other
    take(path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_the_same_field(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "field")
    with sync_field(tmp_path / "field"), pytest.raises(StoreOwnedError):
        sync_field(tmp_path / "link")


def test_a_child_that_is_forked_off_has_no_part_in_the_field(tmp_path: Path) -> None:
    """It is told so, and takes nothing from its parent, whose field goes on."""
    field = sync_field(tmp_path / "field")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover (another process)
        try:
            field.reply("hello")
        except CallerError as error:
            os.write(write, str(error).encode())
        field._owner.release()  # type: ignore[union-attr]
        os._exit(0)
    os.close(write)
    with open(read, "rb") as told:
        assert (
            f"opened by the process {os.getpid()}, and this is another one" in told.read().decode()
        )
    os.waitpid(child, 0)
    with pytest.raises(StoreOwnedError):
        take(tmp_path / "field")
    assert field.reply("hello")
    field.close()


def test_a_field_belongs_to_one_event_loop(tmp_path: Path) -> None:
    """A call on another loop is refused at once, for every kind of call."""

    async def opened() -> AsyncLeoField:
        return await async_field(tmp_path / "field", "shielded-unit-of-work")

    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as pool:
        field = runner.run(opened())
        for ask in (field.reply, field.observe):
            with pytest.raises(CallerError, match="event loop that it was opened on"):
                pool.submit(asyncio.run, ask("hello")).result()
        assert runner.run(field.reply("hello"))
        runner.run(field.close())


async def asked(path: Path, discipline: str, meanwhile: Callable[[Path], object]) -> object:
    """What a reply fails with, after one that returned and something that happens then."""
    async with any_field(path, discipline) as field:
        assert await field.reply("hello")
        meanwhile(path)
        with pytest.raises(StepError) as caught:
            await field.reply("and now?")
    return caught.value.__cause__


def write(path: Path) -> None:
    """A writer that asks nobody."""
    with closing(connect(path)) as conn:
        process_text(conn, compute_delta(("grey herons wait",)))


@pytest.mark.parametrize("discipline", ["gil", *ALONE])
async def test_what_gets_past_the_lock_is_an_error_and_no_wrong_answer(
    tmp_path: Path, discipline: str
) -> None:
    """Every reply compares the store's versions before it answers; it has written nothing."""
    path = tmp_path / "field"
    after: list[str] = []

    def meanwhile(path: Path) -> None:
        write(path)
        after.append(dump(path))

    assert isinstance(await asked(path, discipline, meanwhile), StoreMovedError)
    assert dump(path) == after[0]
    with sync_field(path) as field:
        assert field.view.trigram_count("grey", "herons", "wait") == 1 and field.reply("hello")


def away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def other(path: Path) -> None:
    sync_field(path.with_name("other")).close()
    path.with_name("other").replace(path)


def over(path: Path) -> None:
    """`cp` keeps the file and puts other bytes into it."""
    sync_field(path.with_name("other")).close()
    shutil.copyfile(path.with_name("other"), path)


@pytest.mark.parametrize("happens", [Path.unlink, away, other, over])
@pytest.mark.parametrize("discipline", ["sequential", "asyncio-lock", "optimistic"])
async def test_a_file_that_goes_underfoot_is_noticed_before_a_reply_is_acknowledged(
    tmp_path: Path, discipline: str, happens: Callable[[Path], object]
) -> None:
    """Moved, deleted, replaced, written over."""
    found = await asked(tmp_path / "field", discipline, happens)
    assert isinstance(found, StoreGoneError) and "leo field restore" in str(found)


async def test_a_file_that_others_share_is_watched_as_well(tmp_path: Path) -> None:
    """That it is there, and the same one."""
    for discipline in SHARED:
        path = tmp_path / discipline
        assert isinstance(await asked(path, discipline, Path.unlink), StoreGoneError)


def test_a_checkpoint_of_our_own_is_no_alarm(tmp_path: Path) -> None:
    """The file changes with every one of them."""
    with sync_field(tmp_path / "field") as field:
        conn = field._store._conn
        assert conn is not None
        conn.execute("PRAGMA wal_autocheckpoint = 1")
        sizes = set()
        for number in range(12):
            assert field.reply(f"a path is no wall, {number} times")
            sizes.add((tmp_path / "field").stat().st_mtime_ns)
        assert len(sizes) > 3
    with closing(sqlite3.connect(tmp_path / "field")) as check:
        assert check.execute("SELECT version FROM objects WHERE name = 'ngrams'").fetchone() == (
            13,
        )


def test_a_lock_on_a_name_that_is_gone_is_no_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner gives the field back between another's opening of the name and its lock: the other
    one begins again, and has the name that the next one finds.
    """
    first, lock = take(tmp_path / "field"), fcntl.flock

    def late(file: int, how: int) -> None:
        monkeypatch.setattr("leo.store.owner.fcntl.flock", lock)
        first.release()
        lock(file, how)

    monkeypatch.setattr("leo.store.owner.fcntl.flock", late)
    second = take(tmp_path / "field")
    with pytest.raises(StoreOwnedError):
        take(tmp_path / "field")
    second.release()
    assert list(tmp_path.iterdir()) == []
