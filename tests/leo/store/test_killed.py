"""What is killed in the middle of a reply, at each boundary or at any moment: what is found then.

Killed at a boundary (SIGKILL: it does not get to clean up): the gate that kills stands before the
action, so the action itself has not happened, and the next life of the field is the reader.

Killed at a moment that chance chooses, while it talks in several sessions and says each answer that
it was given: the reader is SQLite alone. Each acknowledged reply must be there, and none in half.
Of a reply its prompt has a word that no other has; it is one version of the n-grams, one of the
snapshots, and one episode of the modules if it is no inner reply. The field begins at version 1,
its seed.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from leo import LeoField
from leo.store.checkup import check_field
from leo.store.connection import Connection
from tests.leo.support import REPLY, UNIT, picture, reloaded

# With modules (but for those that wish for inner replies), many times: a process of one thread that
# has loaded everything forks for each death, which is cheaper than a new interpreter.
LIVES = """
import asyncio, os, signal, sys
from leo import MODULES, AsyncLeoField

modules = [module for module in MODULES if module.name not in ("dream", "overthinking")]

async def main(path, discipline, action, last):
    calls = 0

    async def gate(session, what):
        nonlocal calls
        calls += what == "Call"
        if calls == int(last) and what == action:
            os.kill(os.getpid(), signal.SIGKILL)

    field = await AsyncLeoField.open(path, discipline=discipline, gate=gate, modules=modules)
    while True:
        await field.reply(f"Grey herons wait in the reeds, {last} of them!")

for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(main(*line.split()))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def lives() -> Iterator[subprocess.Popen[str]]:
    """The process that forks; every line that it is given is a life; it answers how that ended."""
    command = [sys.executable, "-c", LIVES]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def found_in(path: Path) -> tuple[int, int, int]:
    """The observations of replies, the snapshots and the episodes of a field that is whole in
    itself.
    """

    def look(conn: Connection) -> tuple[int, int, int]:
        assert not check_field(conn)
        versions = dict(conn.execute("SELECT name, version FROM objects"))
        [episodes] = conn.execute("SELECT coalesce(max(id), 0) FROM episodes").fetchone()
        return versions["ngrams"] - 1, versions["snapshots"], episodes

    with LeoField.open(path) as field:
        assert picture(field.view) == field._store.perform(reloaded)
        return field._store.perform(look)


@pytest.mark.parametrize("deaths", [20, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("discipline", "actions", "first", "last"),
    [
        ("shielded-unit-of-work", UNIT, "Commit", "Commit"),
        *(
            pytest.param(other, UNIT, "Commit", "Commit", marks=pytest.mark.long)
            for other in ("actor", "optimistic")
        ),
        ("asyncio-lock", REPLY, "Ingest", "SaveSnapshot"),
    ],
)
def test_deaths_leave_what_the_specification_says(
    tmp_path: Path, discipline: str, actions: list[str], first: str, last: str, deaths: int
) -> None:
    """One field, killed at each boundary of a reply in turn, each life one to three
    replies long: what is found after every death is what all lives have committed, and the modules'
    rows came with their snapshots. Under D6 no reply is ever partial; under D4 those are that were
    killed after Ingest and before SaveSnapshot had happened, and no others.
    """
    path, boundaries = tmp_path / "field", actions[:-1]
    observed = kept = partial = 0
    with lives() as process:
        assert process.stdin is not None and process.stdout is not None
        for death in range(deaths):
            place, replies = death % len(boundaries), 1 + death // len(boundaries) % 3
            process.stdin.write(f"{path} {discipline} {boundaries[place]} {replies}\n")
            process.stdin.flush()
            assert int(process.stdout.readline()) == -signal.SIGKILL
            ingested = place > actions.index(first)
            saved = place > actions.index(last)
            observed += replies - 1 + ingested
            kept += replies - 1 + saved
            partial += ingested and not saved
            assert found_in(path) == (observed, kept, kept)
    # Five of the ten boundaries of step commit lie in between.
    assert partial == (deaths // 2 if discipline == "asyncio-lock" else 0)
    with LeoField.open(path) as field:
        assert field.reply("and now?")


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


@pytest.mark.parametrize(
    ("discipline", "modules", "times"),
    [
        *((*kind, 2) for kind in KINDS[::2]),
        *(pytest.param(*kind, 50, marks=pytest.mark.long) for kind in KINDS),
    ],
)
def test_a_killed_field_has_each_acknowledged_reply_and_no_half(
    tmp_path: Path, discipline: str, modules: str, times: int
) -> None:
    """So many lives of one field."""
    acknowledged, there = killed(tmp_path / "field", discipline, modules, times)
    # Under way at the moment are at most four, and inner ones.
    assert times <= acknowledged <= there
