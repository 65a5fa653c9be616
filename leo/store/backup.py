"""A field copied while it is in use, and a copy put in the place of a field.

`cp` copies a file without its log, and can put a file beside the log of another, which SQLite then
applies to it. Here SQLite copies one state of the store; and the old file and its log are removed
before the new file gets its name.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from leo.errors import CallerError, StoreDamagedError, StoreFullError, StoreUnwritableError
from leo.store.checkup import check_field
from leo.store.connection import Connection, explain
from leo.store.inspection import inspected
from leo.store.owner import Owner
from leo.store.rows import Keeper
from leo.store.schema import BESIDE, check_place, faults, opened


def backup_field(path: Path, copy: Path) -> None:
    """Make a new file `copy` with one state of the field at `path`, which may be in use.

    Raises CallerError when there is such a file, StoreDamagedError when the field has `faults`,
    otherwise what `inspected` raises.
    """
    check_place(copy)
    with inspected(path) as conn, private_folder(copy) as folder:
        whole = folder / copy.name
        _copied(conn, whole)
        try:
            # Unlike a renaming it never takes the place of another file.
            copy.hardlink_to(whole)
        except FileExistsError as error:
            raise CallerError(
                f"{copy}: a file of this name exists, and a backup is not to replace it; name a "
                "file that does not exist"
            ) from error
        except OSError as error:
            raise _unplaced(copy, error) from error


def restore_field(copy: Path, path: Path, keepers: Sequence[Keeper] = ()) -> None:
    """Put the field in `copy` in the place of the field at `path`, or where there is none.

    The old file is there until the new one has its name. Raises StoreOwnedError when somebody has
    the field open, StoreDamagedError when the copy is not sound; then everything is as it was.
    """
    if os.path.realpath(copy) == os.path.realpath(path):
        raise CallerError(f"{path}: this is the copy itself; name the field that it is to replace")
    # What a link leads to is replaced, not the link: other names of the field lead there as well.
    path = Path(os.path.realpath(path))
    owner = Owner.take(path, "a restore", shared=False)
    try:
        with inspected(copy) as conn, private_folder(path) as folder:
            for finding in check_field(conn, keepers):
                raise StoreDamagedError(
                    f"{copy}: the copy is no sound field ({finding}), and nothing was restored: "
                    "name another copy"
                )
            whole = folder / path.name
            _copied(conn, whole)
            _settle(path)
            try:
                # First the log, which would be applied to the new file; then one name for another:
                # there is a field at every moment.
                for end in BESIDE:
                    with suppress(FileNotFoundError):
                        os.unlink(f"{path}{end}")
                whole.replace(path)
                _sync(path.parent)
            except OSError as error:
                raise _unplaced(path, error) from error
    finally:
        owner.release()


@contextmanager
def private_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` that goes afterwards, for a file that is to have that name when it is
    whole. Raises StoreUnwritableError where none can be made.
    """
    try:
        place = TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise StoreUnwritableError(
            f"{path}: no field can be made there ({error.strerror}); name a file in a folder that "
            "exists and may be written"
        ) from error
    with place as folder:
        yield Path(folder)


def _copied(conn: Connection, path: Path) -> None:
    """A new file, for its owner's eyes only, that is a field as it is closed: one file, no log."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(opened(path)) as copy:
            conn.backup(copy)
            for finding in faults(copy, ()):
                raise StoreDamagedError(
                    f"{conn.path}: {finding}, and a copy would be no better: restore it from an "
                    "earlier backup (leo field restore)"
                )
            copy.execute("PRAGMA synchronous = FULL")
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        found = explain(error, path)
        # Room is missing for the copy; what cannot be read is the field.
        raise found if isinstance(found, StoreFullError) else explain(error, conn.path) from error
    _sync(path)


def _settle(path: Path) -> None:
    """Let a field that is about to go have what is in its log: until then it may be all there is.
    Where that is refused there is nothing left to lose.
    """
    if path.exists():
        with suppress(sqlite3.Error, StoreDamagedError), closing(opened(path)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sync(path: Path) -> None:
    """The bytes are on the disk before anything goes that they replace."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _unplaced(path: Path, error: OSError) -> StoreUnwritableError:
    return StoreUnwritableError(
        f"{path}: the copy cannot be given its name ({error.strerror}); name a file on another "
        "disk, and correct the permissions of the folder"
    )
