"""The owner of an open field: one process alone, or several that share it.

An open field has a small file beside it, `FILE-owner`. The processes that have the field open hold
a lock on it, exclusive or shared. The system frees the lock when a process dies in any way, so
nobody waits for a dead process. The name is removed before the lock is freed, so nobody finds the
file of a closed field. Its content names the owner, for the error of a process that is refused.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from leo.errors import CallerError, StoreOwnedError
from leo.screen import visible
from leo.store.connection import Connection, beside, unwritable
from leo.store.schema import check_place

SUFFIX: Final = "-owner"
# Longer than any that is written.
LONGEST: Final = 1000
SHARING: Final = 'give every process that uses it discipline="shared-store-immediate"'


class _Holder(msgspec.Struct):
    """What the file says: a process, when it began by the system's count, its discipline."""

    pid: int
    begun: int
    discipline: str


class Owner:
    """The right to have a field open, until `release`."""

    def __init__(self, path: Path, file: int, shared: bool) -> None:
        self._path = path
        self._pid = os.getpid()
        self._shared = shared
        self._name = beside(path, SUFFIX)
        self._file = file
        # Also when nobody closes the field and it is forgotten.
        self._let_go = weakref.finalize(self, os.close, file)

    @classmethod
    def take(cls, path: str | Path, discipline: str, shared: bool) -> Owner:
        """Have the field at `path`, alone or with others that share it.

        Raises StoreOwnedError when others have it and that does not go together, and what
        `check_place` raises for what cannot be the file of a field.
        """
        path = Path(path)
        check_place(path)
        name = beside(path, SUFFIX)
        while True:
            try:
                # What a link leads to would be written over.
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                file = os.open(name, flags, 0o600)
            except OSError as error:
                raise unwritable(path, str(error.strerror)) from error
            owner = cls(path, file, shared)
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StoreOwnedError(owner._refusal()) from error
            except OSError as error:
                raise unwritable(path, f"no lock can be taken there: {error.strerror}") from error
            if owner._is_current():
                pid = os.getpid()
                holder = _Holder(pid, _seen(pid)[1], discipline)
                os.ftruncate(file, 0)
                os.pwrite(file, msgspec.json.encode(holder), 0)
                return owner
            # The owner before us removed the name after we had opened the file.
            owner._let_go()

    def check(self) -> None:
        """Raise CallerError in a child that was forked off: it has no part in the field."""
        if os.getpid() != self._pid:
            raise CallerError(
                f"{self._path}: the field was opened by the process {self._pid}, and this is "
                f"another one, {os.getpid()}, forked off since: open the field in the process that "
                f"uses it; to use it in several, {SHARING}"
            )

    def watch(self, conn: Connection) -> None:
        """On the store: from now on a write finds out whether the file is still the same one."""
        conn.watch(alone=not self._shared)

    def release(self) -> None:
        """Give the field back. A second call does nothing, nor does one in a child."""
        if os.getpid() == self._pid and self._let_go.alive:
            with suppress(OSError):
                if self._shared:
                    # Only the last of several takes the name away.
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current():
                    os.unlink(self._name)
        self._let_go()

    def _is_current(self) -> bool:
        """Is the locked file still the one that has the name?"""
        try:
            named = os.stat(self._name)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self._file))

    def _refusal(self) -> str:
        """In one paragraph: who has it, since when, what to do."""
        try:
            found = msgspec.json.decode(os.pread(self._file, LONGEST, 0), type=_Holder)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # It has the lock, and has not written its name yet.
            found = _Holder(0, 0, "")
        since = datetime.fromtimestamp(os.fstat(self._file).st_mtime)
        state, begun = _seen(found.pid)
        if found.pid == os.getpid():
            who, advice = "this process", "use the field that is open, or close it"
        elif not state or begun != found.begun:
            who, advice = "another process", "close it there"
        elif state in "Tt":
            who = f"the process {found.pid}, which is stopped,"
            advice = f"let it go on (kill -CONT {found.pid}) and close the field, or end it"
        else:
            who, advice = f"the process {found.pid}", "close it there"
        return (
            f"{self._path}: {who} has had this field open since {since:%Y-%m-%d %H:%M:%S} under "
            f"{visible(found.discipline)[:40] or 'its own discipline'}: {advice}; or, to use it "
            f"in several places at once, {SHARING}"
        )


def _seen(pid: int) -> tuple[str, int]:
    """The state of a process as one letter, and when it began; nothing of one that is not there, or
    where the system does not tell.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", 0
    # The name of the program, in brackets, may have brackets and spaces in it.
    words = told.rpartition(")")[2].split()
    return words[0], int(words[19])
