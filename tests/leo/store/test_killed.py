"""A process that dies in the middle of a reply: what the next one finds in the file.

A child process talks and is killed (SIGKILL: it does not get to clean up) at an action's boundary.
The gate that kills stands before the action, so the action itself has not happened.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
