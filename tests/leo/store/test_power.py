"""Power cuts and failing disks, below SQLite: a reply is there whole or not at all, and under
`full_sync` every acknowledged one is there.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from leo.store.checkup import check_field
from leo.store.operations import get_versions
from leo.store.schema import connect
from tests.leo.store.power import Disk, Files, states, talk
from tests.leo.support import sync_field

REPLIES = 20


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field that was closed: one file, all of it on the disk."""
    path = tmp_path_factory.mktemp("base") / "field"
    sync_field(path).close()
    return path


def kept(path: Path) -> set[int]:
    """The replies that a field has, which is sound, and has each of them whole."""
    with closing(connect(path)) as conn:
        assert check_field(conn) == []
        versions = get_versions(conn)
        found = [int(text) for (text,) in conn.execute("SELECT text FROM snapshots")]
    # Each was observed and kept in one transaction; the seed text was observed before.
    assert versions == {"ngrams": 1 + len(found), "snapshots": len(found)}
    return set(found)


def left(folder: Path, files: Files) -> set[int]:
    """The replies of what a cut has left."""
    folder.mkdir()
    for name, content in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    found = kept(folder / "field")
    shutil.rmtree(folder)
    return found


def cut_everywhere(base: Path, folder: Path, step: int, *, full_sync: bool) -> tuple[int, int]:
    """Cut the power after every `step`-th call; how many states there were, and in how many of them
    a reply was missing that had been acknowledged.
    """
    path = folder / "field"
    shutil.copy(base, path)
    before = {"field": bytearray(base.read_bytes())}
    disk = Disk()
    assert talk(path, disk, REPLIES, full_sync=full_sync) == list(range(REPLIES))
    syncs = sum(call[0] == "sync" for call in disk.calls)
    copied = sum(call[:2] == ("write", "field") for call in disk.calls)
    # Otherwise nothing was ever checkpointed, and little was tried.
    assert copied > 20 and syncs > (REPLIES if full_sync else 3)
    seen: set[bytes] = set()
    missing = 0
    for end in range(0, len(disk.calls) + 1, step):
        calls = disk.calls[:end]
        told = {place for kind, _, place, _ in calls if kind == "told"}
        for files in states(before, calls, Random(end)):
            content = sorted((name, bytes(data)) for name, data in files.items())
            mark = sha256(repr((len(told), content)).encode()).digest()
            if mark in seen:
                continue
            seen.add(mark)
            found = left(folder / "cut", files)
            # The first ones, without a gap; and none that was not asked for yet.
            assert found == set(range(len(found))) and len(found) <= len(told) + 1
            missing += not told <= found
    return len(seen), missing


LONG = pytest.mark.long


@pytest.mark.parametrize(("step", "most"), [(23, 20), pytest.param(1, 400, marks=LONG)])
@pytest.mark.parametrize("full_sync", [True, False])
def test_a_power_cut_leaves_whole_replies(
    base: Path, tmp_path: Path, full_sync: bool, step: int, most: int
) -> None:
    """A prefix of them by default; all that were acknowledged when each commit waits for the disk.
    That by default some are lost shows that the cuts are cuts. After every single call to the disk
    in `make test-long`.
    """
    tried, missing = cut_everywhere(base, tmp_path, step, full_sync=full_sync)
    assert tried > most and (missing == 0 if full_sync else missing > 0)


def fail_everywhere(base: Path, folder: Path, step: int) -> int:
    """Let every `step`-th call to the disk fail, once each; how many runs there were."""
    path = folder / "field"
    shutil.copy(base, path)
    disk = Disk()
    talk(path, disk, REPLIES, full_sync=True)
    for number in range(0, len(disk.calls), step):
        for one in folder.iterdir():
            one.unlink()
        shutil.copy(base, path)
        failing = Disk(fail=number)
        told = set(talk(path, failing, REPLIES, full_sync=True))
        # Others go on after it; the one that met it may be there, and is whole then.
        assert len(told) >= REPLIES - 1 and told <= kept(path)
    return number // step + 1


@pytest.mark.parametrize(("step", "most"), [(23, 10), pytest.param(1, 200, marks=LONG)])
def test_a_disk_that_fails_once_costs_one_reply_at_most(
    base: Path, tmp_path: Path, step: int, most: int
) -> None:
    """Nothing half, nothing lost that was acknowledged, and the field goes on."""
    assert fail_everywhere(base, tmp_path, step) > most
