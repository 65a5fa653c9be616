"""A process that dies in the middle of a reply: what the next one finds in the file.

A child process talks and is killed (SIGKILL: it does not get to clean up) at an action's boundary.
The gate that kills stands before the action, so the action itself has not happened.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leo import LeoField
from leo.connection import Connection
from tests.leo.support import REPLY, UNIT, picture, reloaded

CHILD = """
import asyncio, os, signal, sys
from leo import AsyncLeoField

async def main(path, discipline, action):
    calls = 0

    async def gate(session, what):
        nonlocal calls
        calls += what == "Call"
        if calls == 2 and what == action:
            os.kill(os.getpid(), signal.SIGKILL)

    field = await AsyncLeoField.open(path, seed=7, discipline=discipline, gate=gate)
    for _ in range(3):
        await field.reply("grey herons wait in the reeds")

asyncio.run(main(*sys.argv[1:]))
"""


def killed_before(path: Path, discipline: str, action: str) -> tuple[int, int]:
    """Kill a child before an action of its second reply; return the replies' writes that are found:
    observations and snapshots. The field must open, be whole in itself, and answer.
    """
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), discipline, action], check=False, timeout=60
    )
    assert child.returncode == -signal.SIGKILL

    def look(conn: Connection) -> tuple[int, int]:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert conn.execute("PRAGMA foreign_key_check").fetchone() is None
        versions = dict(conn.execute("SELECT name, version FROM objects"))
        return versions["ngrams"] - 1, versions["snapshots"]

    with LeoField.open(path) as field:
        found = field._store.perform(look)
        assert picture(field.view) == field._store.perform(reloaded)
        assert field.reply("and now?")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("action", UNIT[:-1])
def test_a_unit_of_work_is_there_or_is_not(tmp_path: Path, action: str) -> None:
    """D6: whole replies only, at every boundary."""
    committed = 1 + (UNIT.index(action) > UNIT.index("Commit"))
    found = killed_before(tmp_path / "field", "shielded-unit-of-work", action)
    assert found == (committed, committed)


@pytest.mark.slow
@pytest.mark.parametrize("action", REPLY[:-1])
def test_step_commit_leaves_half_replies(tmp_path: Path, action: str) -> None:
    """D4: between Ingest and SaveSnapshot an observation is there without its snapshot, as the
    specification says; elsewhere not.
    """
    place = REPLY.index(action)
    observed = 1 + (place > REPLY.index("Ingest"))
    kept = 1 + (place > REPLY.index("SaveSnapshot"))
    assert killed_before(tmp_path / "field", "asyncio-lock", action) == (observed, kept)
