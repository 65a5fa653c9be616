"""A disk that loses what was not synchronised: SQLite's writes and syncs below the store, recorded,
and every state that a power cut may leave of them.

The store's own operations run on the SQLite of `apsw`, because that lets a file system be written
in Python; what a cut leaves is read by the store itself. What a file holds after a cut: everything
that was written before its last sync, and of what was written since, any part, in its order.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast

import apsw

from leo.field.counts import compute_delta
from leo.field.decay import faded
from leo.store.connection import Connection
from leo.store.operations import NewSnapshot, process_reply
from leo.store.schema import write_ahead

TEXT = "reply {} of the field: a path is no wall, and a wall is no path in the grey morning {}"
# Pages in the log before they are copied into the file: so few that it happens several times.
CHECKPOINT = 25


# What was asked of the disk: (kind, file, place, bytes).
Call = tuple[str, str, int, bytes]


@dataclass
class Disk:
    """What was asked of it, in order, the acknowledgements among it.

    `fail` is the number of the call that fails, once; the files of the field are on a real disk
    below.
    """

    fail: int = -1
    calls: list[Call] = field(default_factory=list)

    def note(self, kind: str, name: str, place: int = 0, data: bytes = b"") -> None:
        number = len(self.calls)
        self.calls.append((kind, os.path.basename(name), place, data))
        if number == self.fail:
            raise apsw.IOError("the disk fails, once")

    def acknowledge(self, number: int) -> None:
        """A reply was told that it is kept."""
        self.calls.append(("told", "", number, b""))


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: Any) -> None:
        super().__init__("unix", name, flags)
        self._disk, self._name = disk, name.filename() if hasattr(name, "filename") else str(name)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.note("write", self._name, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.note("cut", self._name, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.note("sync", self._name)
        super().xSync(flags)


class _System(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "unix")
        self._disk = disk

    def xOpen(self, name: Any, flags: Any) -> apsw.VFSFile:
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._disk.note("gone", filename)
        super().xDelete(filename, syncdir)


class _Found:
    """What the store asks of a cursor."""

    def __init__(self, cursor: apsw.Cursor, lastrowid: int) -> None:
        self._cursor, self.lastrowid = cursor, lastrowid

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def fetchall(self) -> list[Any]:
        return list(self._cursor)

    def fetchone(self) -> Any:
        row = next(iter(self._cursor), None)
        self._cursor.close()
        return row


class _Conn:
    """What the store asks of a connection."""

    def __init__(self, conn: apsw.Connection, path: Path) -> None:
        self._conn, self.path, self.timeout = conn, path, 0.0
        self.close = conn.close

    @property
    def in_transaction(self) -> bool:
        return self._conn.in_transaction

    def execute(self, sql: str, given: Any = ()) -> _Found:
        cursor = self._conn.execute(sql, given)
        return _Found(cursor, self._conn.last_insert_rowid())

    def executemany(self, sql: str, rows: Iterable[Any]) -> None:
        for row in rows:
            self._conn.execute(sql, row)

    def check_there(self, *, own: bool = False) -> None:
        """The disk is watched in another way here."""


_names = itertools.count()


def talk(path: Path, disk: Disk, replies: int, *, full_sync: bool) -> list[int]:
    """Commit replies to the field at `path`, one after the other, as the store does; give those
    that were acknowledged. One that fails is not repeated.
    """
    name = f"cuts{next(_names)}"
    system = _System(name, disk)
    conn = apsw.Connection(str(path), vfs=name)
    told: list[int] = []
    try:
        conn.create_scalar_function("faded", faded, 2, deterministic=True)
        ours = cast(Connection, _Conn(conn, path))
        write_ahead(ours, path)
        conn.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
        conn.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        for number in range(replies):
            text = TEXT.format(number, "x" * number)
            new = NewSnapshot(str(number), "leo", 0.8, 0.1, float(number), ())
            try:
                process_reply(ours, compute_delta((text,)), new)
            except apsw.Error:
                continue
            told.append(number)
            disk.acknowledge(number)
    finally:
        with suppress(apsw.Error):
            conn.close()
        system.unregister()
    return told


Files = dict[str, bytearray]


def _carried_out(files: Files, call: Call) -> None:
    kind, name, place, data = call
    content = files.setdefault(name, bytearray())
    if kind == "write":
        content.extend(bytes(max(0, place + len(data) - len(content))))
        content[place : place + len(data)] = data
    elif kind == "cut":
        del content[place:]


def states(base: Files, calls: list[Call], chance: Random) -> Iterator[Files]:
    """What a cut after these calls may leave, beginning with files that were on the disk."""
    safe = {name: bytearray(content) for name, content in base.items()}
    late: dict[str, list[Call]] = {}
    for call in calls:
        kind, name = call[:2]
        if kind == "sync":
            for one in late.pop(name, []):
                _carried_out(safe, one)
        elif kind == "gone":
            safe.pop(name, None)
            late.pop(name, None)
        elif kind != "told":
            late.setdefault(name, []).append(call)
    pending = [call for each in late.values() for call in each]
    choices = [[True] * len(pending), [False] * len(pending)]
    for lost in {0, len(pending) // 2, len(pending) - 1} if pending else ():
        choices.append([place != lost for place in range(len(pending))])
    choices += [[chance.random() < 0.5 for _ in pending] for _ in range(3 if pending else 0)]
    for kept in choices:
        files = {name: bytearray(content) for name, content in safe.items()}
        for call, there in zip(pending, kept, strict=True):
            if there:
                _carried_out(files, call)
            elif call is pending[-1] and call[0] == "write":
                # The last one is torn.
                kind, name, place, data = call
                _carried_out(files, (kind, name, place, data[: len(data) // 2]))
        yield files
