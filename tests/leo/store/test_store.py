"""The store: versions, the cap, and files that are no fields or cannot be used."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pytest

from leo.commands.main import main
from leo.errors import (
    NotAFieldError,
    StepError,
    StoreClosedError,
    StoreError,
    StoreLockedError,
    StoreUnwritableError,
)
from leo.field.counts import compute_delta
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.store.checkup import check_field
from leo.store.connection import Connection, transaction
from leo.store.fold import swept
from leo.store.operations import (
    CAP,
    EVICTED,
    NewSnapshot,
    get_memories,
    load_all,
    process_delta,
    process_seed,
    process_snapshot,
)
from leo.store.schema import APPLICATION_ID, SCHEMA_VERSION, connect
from tests.leo.support import async_field, dump, sync_field

NOBODY = 65534


def new(text: str, now: float = 0.0, used: tuple[int, ...] = ()) -> NewSnapshot:
    return NewSnapshot(text, "leo", 0.8, 0.1, now, used)


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    """An empty store."""
    with closing(connect(tmp_path / "field")) as conn:
        yield conn


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can reach, unlike the private ones of pytest."""
    path = Path(mkdtemp())
    path.chmod(0o777)
    yield path
    path.chmod(0o777)
    shutil.rmtree(path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Permissions mean nothing to root: become nobody for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_new_store_is_marked_and_in_wal_mode(conn: Connection) -> None:
    """application_id, user_version, WAL, foreign keys; both objects at version 0."""
    pragmas = ("application_id", "user_version", "journal_mode", "foreign_keys")
    values = [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert values == [APPLICATION_ID, SCHEMA_VERSION, "wal", 1]
    assert load_all(conn)[0] == {"ngrams": 0, "snapshots": 0}


@pytest.mark.parametrize(("full_sync", "level"), [(False, 1), (True, 2)])
def test_a_field_can_be_told_to_wait_for_the_disk(
    tmp_path: Path, full_sync: bool, level: int
) -> None:
    """synchronous is NORMAL (1), with which a power cut may lose the last commits, or FULL (2), for
    either kind of field.
    """

    def pragma(conn: Connection) -> int:
        value: int = conn.execute("PRAGMA synchronous").fetchone()[0]
        return value

    async def asynchronous() -> int:
        async with await AsyncLeoField.open(tmp_path / "field", full_sync=full_sync) as field:
            return await field._store.perform(pragma)

    with LeoField.open(tmp_path / "field", full_sync=full_sync) as field:
        assert field._store.perform(pragma) == level
    assert asyncio.run(asynchronous()) == level


def test_every_write_moves_its_object_by_one(conn: Connection) -> None:
    """Ingest bumps `ngrams` even without tokens, SaveSnapshot bumps `snapshots`; reads bump
    nothing.
    """
    assert [process_delta(conn, compute_delta([text])) for text in ("a b", "", "c")] == [1, 2, 3]
    assert [process_snapshot(conn, new("x")) for _ in range(2)] == [1, 2]
    assert get_memories(conn)[0] == 2
    assert load_all(conn)[0] == {"ngrams": 3, "snapshots": 2}


def test_rows_carry_the_version_that_last_touched_them(conn: Connection) -> None:
    """What a load after version v must bring is exactly what was touched since."""
    process_delta(conn, compute_delta(["a b", "c d"]))
    process_delta(conn, compute_delta(["a b"]))
    with transaction(conn):
        swept(conn)
    rows = conn.execute("SELECT src_id, dst_id, count, version FROM bigrams ORDER BY src_id")
    assert rows.fetchall() == [(1, 2, 2, 2), (3, 4, 1, 1)]


def test_the_seed_is_given_once(conn: Connection) -> None:
    """A store that was ever written to does not get the seed text again."""
    for _ in range(2):
        process_seed(conn, compute_delta(["hello there"]), "name")
    assert load_all(conn)[0]["ngrams"] == 1
    assert conn.execute("SELECT * FROM meta").fetchall() == [("seed_text", "name")]


def test_the_cap_drops_the_least_used_and_the_oldest_of_them(conn: Connection) -> None:
    """The 513th snapshot drives out 51 in the same transaction; used ones and itself stay."""
    for count in range(CAP):
        process_snapshot(conn, new(str(count), now=count))
    process_snapshot(conn, new("last", now=CAP, used=(1, 3)))
    version, memories = get_memories(conn)
    ids = [memory.id for memory in memories]
    gone = set(range(1, CAP + 2)) - set(ids)
    assert version == CAP + 1 and len(gone) == EVICTED
    assert gone == set(range(1, EVICTED + 3)) - {1, 3}
    assert ids == sorted(ids, reverse=True) and memories[0].text == "last"
    assert {memory.id: memory.use_count for memory in memories if memory.use_count} == {1: 1, 3: 1}


def test_a_store_of_used_memories_still_learns(conn: Connection) -> None:
    """Even when every old snapshot was used, the new one is kept."""
    for count in range(CAP):
        process_snapshot(conn, new(str(count), used=(count,)))
    process_snapshot(conn, new("last", used=(CAP,)))
    assert get_memories(conn)[1][0].text == "last"


@pytest.mark.parametrize("content", [b"x", b"hello, I am text\n" * 200, b"\0" * 4096])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """The error names the file and the file keeps its bytes; nothing appears beside it."""
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(NotAFieldError, match=r"notes: this is not a field: it is not a SQLite"):
        sync_field(path)
    with pytest.raises(NotAFieldError):
        asyncio.run(async_field(path, "bare"))
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_places_that_are_no_files(tmp_path: Path) -> None:
    """A folder, and a file in a folder that does not exist."""
    with pytest.raises(StoreUnwritableError, match="this is a folder, not a field"):
        sync_field(tmp_path)
    with pytest.raises(
        StoreUnwritableError, match="nowhere does not exist or may not be entered; make it"
    ):
        sync_field(tmp_path / "nowhere" / "field")


@pytest.mark.parametrize(
    ("of_folder", "of_file"), [(0o555, None), (0o555, 0o644), (0o777, 0o444), (0o000, None)]
)
def test_a_field_that_cannot_grow_is_refused_at_once(
    folder: Path, of_folder: int, of_file: int | None
) -> None:
    """Not at the first reply: it needs its file and its folder; an existing one is not changed."""
    path = folder / "field"
    if of_file is not None:
        sync_field(path).close()
        path.chmod(of_file)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    folder.chmod(of_folder)
    refused = pytest.raises(StoreUnwritableError, match=r"may not be entered|be opened for writing")
    with unprivileged(), refused:
        sync_field(path)
    folder.chmod(0o777)
    assert {file: file.read_bytes() for file in before} == before


def test_a_locked_file_is_reported_and_nothing_is_half_done(tmp_path: Path) -> None:
    """Beyond the busy timeout the step fails, the store is as before, and the next reply works."""
    path = tmp_path / "field"

    async def scenario() -> None:
        field = await async_field(path, "asyncio-lock", timeout=0.01)
        async with field:
            before = dump(path)
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StepError, match=r"'observe' of reply s1\.1 failed") as caught:
                    await field.reply("hello")
                assert isinstance(caught.value.__cause__, StoreLockedError)
                other.execute("ROLLBACK")
            assert dump(path) == before
            assert await field.reply("hello")

    asyncio.run(scenario())


@pytest.mark.parametrize("place", [":memory:", "field"])
def test_a_sound_store_that_has_grown_is_sound(tmp_path: Path, place: str) -> None:
    """The steps of a check are bound by the file as it is then, and without a file by nothing."""
    chance = Random(1)
    with closing(connect(place if place == ":memory:" else tmp_path / place)) as conn:
        words = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(6_000)]
        process_delta(conn, compute_delta([" ".join(words)]))
        assert check_field(conn) == []


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Closing twice is fine; using a closed field is an error of its own, under both drivers."""
    field = sync_field(tmp_path / "field")
    field.close()
    field.close()
    with pytest.raises(StepError, match="the field was closed"):
        field.reply("hello")
    with pytest.raises(StoreClosedError):
        field.observe("hello")

    async def scenario() -> None:
        field = await async_field(tmp_path / "field", "bare")
        await field.close()
        await field.close()
        with pytest.raises(StepError, match="the field was closed"):
            await field.reply("hello")

    asyncio.run(scenario())


def test_a_transaction_that_raises_leaves_nothing(conn: Connection) -> None:
    """An error in the middle undoes the whole transaction, and foreign keys are on."""
    # The second token is none: the first is there already when that is found out.
    broken = replace(compute_delta(["a b"]), tokens=("a", None))  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="does not fit into its table"):
        process_delta(conn, broken)
    assert not conn.in_transaction
    assert load_all(conn)[0] == {"ngrams": 0, "snapshots": 0}
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        conn.execute("INSERT INTO bigrams VALUES (8, 9, 1, 1)")


NOWHERE = ":memory:"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A FIFO that nobody reads or writes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The archive of a field that has heard one sentence."""
    folder = tmp_path_factory.mktemp("archive")
    with sync_field(folder / "field") as field:
        field.reply("hello")
    assert main(["field", "export", str(folder / "field"), "--out", str(folder / "archive")]) == 0
    return str(folder / "archive")


@pytest.mark.parametrize(
    "words",
    [
        ("chat", "--field"), ("observe", "ARCHIVE", "--field"), ("field", "import"),
        # A pipe would be waited for, a device read without end.
        ("field", "check"), ("field", "export"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [NOWHERE, "/dev/null", "pipe"])
def test_a_field_needs_a_regular_file(
    pipe: Path,
    archive: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    place: str,
) -> None:
    """Making a field elsewhere is refused before a word is lost; no file is made."""
    monkeypatch.chdir(pipe.parent)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    capsys.readouterr()
    known = [archive if word == "ARCHIVE" else word for word in words]
    between = [archive] if words[-1] == "import" else []
    assert main([*known, *between, place]) == 2
    out, told = capsys.readouterr()
    looking = words[-1] in ("check", "export")
    wanted = "no regular file" if place != NOWHERE else "no field" if looking else "no file"
    assert out == "" and told.startswith(f"leo: error: {place}: ") and wanted in told
    assert told.count("\n") == 1
    if not looking:
        assert "; name " in told and "copy" not in told
    assert os.listdir(pipe.parent) == ["pipe"]


def test_both_kinds_of_field_refuse_to_live_in_no_file() -> None:
    """A program that opens one is told, too: its replies would be gone with it."""
    with pytest.raises(StoreUnwritableError, match="no file"):
        sync_field(Path(NOWHERE))
    with pytest.raises(StoreUnwritableError, match="no file"):
        asyncio.run(async_field(Path(NOWHERE), "bare"))
