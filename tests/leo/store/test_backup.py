"""A field is copied while it is in use, and a copy put in its place; nothing begins anew unsaid."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from leo import MODULES
from leo.commands.main import main
from leo.errors import CallerError, LeoError, StoreDamagedError, StoreOwnedError
from leo.store.backup import backup_field, restore_field
from leo.store.checkup import check_field
from leo.store.operations import get_versions
from leo.store.schema import connect
from tests.leo.support import dump, sync_field

# Talks, says so, and waits to be killed: what it said is in the log beside the file.
TALKER = """
import sys, leo
field = leo.LeoField.open(sys.argv[1])
for number in range(int(sys.argv[2])):
    field.reply(f"a path is no wall, {number} times")
print("said", flush=True)
sys.stdin.read()
"""


def killed(path: Path, replies: int) -> None:
    """Leave a field behind as a process does that is killed after some replies."""
    with subprocess.Popen(
        [sys.executable, "-c", TALKER, str(path), str(replies)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "said\n"
        process.kill()


def versions(path: Path) -> dict[str, int]:
    with closing(connect(path)) as conn:
        assert check_field(conn, MODULES) == []
        return get_versions(conn)


def test_a_field_is_backed_up_while_it_is_in_use(tmp_path: Path) -> None:
    """One state of it, and the field goes on; the copy is for its owner's eyes."""
    path, copy = tmp_path / "field", tmp_path / "copy"
    with sync_field(path, modules=MODULES) as field:
        field.reply("hello")
        then = field._store.perform(get_versions)
        assert main(["field", "backup", str(path), str(copy)]) == 0
        field.reply("and now?")
        assert versions(copy) == then != field._store.perform(get_versions)
        with pytest.raises(CallerError, match="not to replace it"):
            backup_field(path, copy)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy", "field"]
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in tmp_path.iterdir())
    with sync_field(copy, modules=MODULES) as field:
        assert field.reply("and here?")


@pytest.mark.parametrize(("there", "link"), [(True, False), (False, True)])
def test_a_backup_takes_the_place_of_a_field_that_was_killed(
    tmp_path: Path, there: bool, link: bool
) -> None:
    """Its log is not applied to the copy: the field is what was backed up, and whole. What a link
    leads to is replaced.
    """
    path, copy = tmp_path / "field", tmp_path / "copy"
    with sync_field(path) as field:
        field.reply("grey herons wait")
    backup_field(path, copy)
    killed(path, 6)
    assert Path(f"{path}-wal").stat().st_size
    if not there:
        path.unlink()
    named = tmp_path / "link" if link else path
    if link:
        named.symlink_to(path)
    restore_field(copy, named, MODULES)
    assert versions(path) == {"ngrams": 2, "snapshots": 1} and dump(path) == dump(copy)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy", "field", *["link"] * link]
    assert named.is_symlink() is link


def test_no_copy_takes_the_place_of_a_field_that_is_open(tmp_path: Path) -> None:
    """Nor does one that is not sound, or none at all; the field stays as it was."""
    path, copy = tmp_path / "field", tmp_path / "copy"
    with sync_field(path) as field:
        field.reply("hello")
        backup_field(path, copy)
        with pytest.raises(StoreOwnedError):
            restore_field(copy, path)
        assert field.reply("and now?")
    before = dump(path)
    content = copy.read_bytes()
    copy.write_bytes(content[: len(content) // 2])
    for wrong in (copy, tmp_path / "none", path):
        with pytest.raises(LeoError):
            restore_field(wrong, path)
    assert dump(path) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy", "field"]


def test_a_file_without_its_log_is_no_new_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plain copy of a field in use is an empty database: no conversation begins in it, and a
    check says what it is.
    """
    killed(tmp_path / "field", 5)
    shutil.copy(tmp_path / "field", tmp_path / "hot")
    assert (tmp_path / "hot").stat().st_size == 4096
    with pytest.raises(StoreDamagedError, match=r"without the log .*leo field backup"):
        sync_field(tmp_path / "hot")
    assert main(["field", "check", str(tmp_path / "hot")]) == 1
    assert (tmp_path / "hot").stat().st_size == 4096
    # With its log it is the field, all of it.
    assert versions(tmp_path / "field") == {"ngrams": 6, "snapshots": 5}


@pytest.mark.parametrize(("empty", "link"), [(True, False), (False, True)])
def test_a_log_without_its_file_is_no_new_field(tmp_path: Path, empty: bool, link: bool) -> None:
    """The file was deleted, or emptied: the log would be applied to the next one."""
    path = tmp_path / "field"
    killed(path, 5)
    if empty:
        os.truncate(path, 0)
    else:
        path.unlink()
    named = tmp_path / "link" if link else path
    if link:
        named.symlink_to(path)
    with pytest.raises(StoreDamagedError, match="the field is gone, and its log"):
        sync_field(named)
    assert not path.exists() or not path.stat().st_size
    Path(f"{path}-wal").unlink()
    with sync_field(path) as field:
        assert field.reply("hello")


def test_a_field_that_was_killed_before_it_was_made_is_made(tmp_path: Path) -> None:
    """Its first page is there, and an empty log: nothing was ever said to it."""
    path = tmp_path / "field"
    killed(path, 0)
    shutil.copy(path, tmp_path / "page")
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "page", path)
    Path(f"{path}-wal").touch()
    with sync_field(path) as field:
        assert field.reply("hello")
