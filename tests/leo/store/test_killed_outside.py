"""Killed at any moment, read by somebody who knows nothing of the project.

A process talks in several sessions and says each answer that it was given; SIGKILL comes at a
moment that chance chooses. The reader is SQLite alone: each acknowledged reply must be there, and
none in half. Of a reply its prompt has a word that no other has; it is one version of the n-grams,
one of the snapshots, and one episode of the modules if it is no inner reply. The field begins at
version 1, its seed.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

TALK = """
import asyncio, os, sys
from leo import MODULES, AsyncLeoField

INNER = [module for module in MODULES if module.name in ("dream", "overthinking")]

async def main(path, discipline, modules, life):
    left_out = {"none": MODULES, "all": (), "no inner replies": INNER}[modules]
    chosen = [module for module in MODULES if module not in left_out]
    field = await AsyncLeoField.open(path, discipline=discipline, modules=chosen)

    async def talk(session):
        for turn in range(10 ** 6):
            word = "z" + "".join(chr(97 + int(digit)) for digit in f"{life}9{session}9{turn}")
            await field.reply(f"Grey herons wait in the reeds, {word}!", f"s{session}")
            os.write(1, f"{word}\\n".encode())

    await asyncio.gather(*(talk(session) for session in range(4)))

asyncio.run(main(*sys.argv[1:]))
"""


def life(path: Path, discipline: str, modules: str, number: int, moment: float) -> list[str]:
    """The words of the replies that were acknowledged before the end."""
    with subprocess.Popen(
        [sys.executable, "-c", TALK, str(path), discipline, modules, str(number)],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        said += process.stdout.read()
    # A line is written at once, and so is there whole or not at all.
    assert said.endswith(b"\n")
    return said.decode().split()


def look(path: Path, acknowledged: list[str], modules: str) -> int:
    """The number of replies in a file that must have at least these, each of them whole."""
    with closing(sqlite3.connect(path)) as conn:

        def one(sql: str) -> int:
            [found] = conn.execute(sql).fetchone()
            return int(found)

        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        known = {token for (token,) in conn.execute("SELECT token FROM tokens")}
        assert [word for word in acknowledged if word not in known] == []
        replies = one("SELECT version - 1 FROM objects WHERE name = 'ngrams'")
        assert one("SELECT version FROM objects WHERE name = 'snapshots'") == replies
        assert one("SELECT max(id) FROM snapshots") == replies
        # What the tables have not taken in is in the journal, without a gap.
        done = one("SELECT version FROM folding")
        assert one(f"SELECT count(*) FROM journal WHERE version > {done}") == replies + 1 - done
        if modules == "no inner replies":
            assert one("SELECT max(id) FROM episodes") == replies
        return replies


def killed(path: Path, discipline: str, modules: str, times: int) -> tuple[int, int]:
    """Kill so many lives of one field; return how many replies were acknowledged, and are there."""
    chance = Random(f"{discipline} {modules}")
    acknowledged: list[str] = []
    there = 0
    for number in range(times):
        acknowledged += life(path, discipline, modules, number, chance.uniform(0.0, 0.4))
        before, there = there, look(path, acknowledged, modules)
        assert there > before
    return len(acknowledged), there


KINDS = [
    ("shielded-unit-of-work", "none"),
    ("shielded-unit-of-work", "all"),
    ("actor", "no inner replies"),
    ("shared-store-immediate", "no inner replies"),
]


@pytest.mark.parametrize(("discipline", "modules"), KINDS[::2])
def test_a_killed_field_has_each_acknowledged_reply_and_no_half(
    tmp_path: Path, discipline: str, modules: str
) -> None:
    """Two lives of one field."""
    acknowledged, there = killed(tmp_path / "field", discipline, modules, 2)
    # Under way at the moment are at most four, and inner ones.
    assert 2 <= acknowledged <= there


@pytest.mark.long
@pytest.mark.parametrize(("discipline", "modules"), KINDS)
def test_two_hundred_killed_lives(tmp_path: Path, discipline: str, modules: str) -> None:
    """Fifty of each kind, nothing lost in any."""
    acknowledged, there = killed(tmp_path / "field", discipline, modules, 50)
    print(f"{discipline}, {modules}: {acknowledged:,} acknowledged, {there:,} there")
    assert 50 <= acknowledged <= there
