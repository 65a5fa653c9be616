"""All modules together, over a scripted conversation and a store in memory."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from leo.field.text import tokenize
from leo.modules import MODULES
from leo.modules.emotion import charges
from leo.store import rows
from tests.leo.modules.driver import TinyDriver
from tests.leo.modules.script import EVERYDAY, SCRIPT

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def talked() -> TinyDriver:
    """A field after 200 turns."""
    driver = TinyDriver()
    for prompt in SCRIPT:
        driver.reply(prompt)
    return driver


def count(driver: TinyDriver, sql: str) -> int:
    """The number that a query gives."""
    number: int = driver.conn.execute(sql).fetchone()[0]
    return number


@pytest.mark.slow
def test_same_seed_same_rows() -> None:
    """Two runs with one seed give the same replies and rows; another seed gives others."""
    runs = []
    for seed in (7, 7, 8):
        driver = TinyDriver(seed)
        runs.append(([driver.reply(prompt) for prompt in SCRIPT[:40]], driver.dump()))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0]


@pytest.mark.slow
def test_hash_seeds_change_nothing() -> None:
    """The rows do not depend on how Python orders its sets."""
    code = (
        "from tests.leo.modules.driver import TinyDriver\n"
        "from tests.leo.modules.script import EVERYDAY, SCRIPT\n"
        "driver = TinyDriver()\n"
        "print([driver.reply(prompt) for prompt in SCRIPT[:24]], driver.dump())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM emotion",
        "SELECT count(*) FROM trauma_events",
        "SELECT count(*) >= 3 FROM flow_themes WHERE activations >= 5",
        "SELECT count(*) FROM metaleo WHERE tag = 'ring2'",
        "SELECT count(*) = 200 FROM episodes",
        "SELECT max(count) >= 3 FROM game_transitions",
        "SELECT observations = 200 FROM mathbrain",
        "SELECT count(*) FROM multileo_events WHERE key NOT LIKE '|%'",
        "SELECT max(samples) >= 3 FROM multileo_profiles",
        "SELECT count(*) FROM dream_turns WHERE speaker = 'friend' AND length(text) > 5",
        "SELECT count(*) FROM school_notes WHERE note IS NOT NULL",
    ],
)
def test_every_module_leaves_its_mark(talked: TinyDriver, sql: str) -> None:
    """Within 200 turns each module has written what it is there for."""
    assert count(talked, sql) > 0


@pytest.mark.slow
def test_what_was_not_said_stays_on_the_mind(talked: TinyDriver) -> None:
    """The inner voice keeps the lesser of two texts. Its buffer is short, so the end of a
    conversation need not have one.
    """
    puts = [put for _, outcome in talked.outcomes for put in outcome.puts]
    kept = [row[0] for put in puts if put.sql.startswith("INSERT INTO metaleo") for row in put.rows]
    assert kept.count("meta") >= 20


@pytest.mark.slow
def test_every_module_is_heard(talked: TinyDriver) -> None:
    """Questions are asked, other texts chosen, voices regulated; levels go up and down."""
    outer = [outcome for session, outcome in talked.outcomes if "~" not in session]
    assert len(outer) == len(SCRIPT)
    assert any(outcome.text.endswith("?") for outcome in outer)
    assert 0 < sum(outcome.facts.meta_used for outcome in outer) < len(outer)
    levels = [outcome.facts.trauma for outcome in outer]
    assert min(levels) < 0.3 and max(levels) > 0.5
    assert any(outcome.facts.emerging > 0.1 for outcome in outer)
    experts = {row[0] for row in talked.conn.execute("SELECT DISTINCT expert FROM episodes")}
    assert len(experts) >= 3
    shifted = count(
        talked, "SELECT count(*) FROM multileo_events WHERE temperature_before <> temperature_after"
    )
    assert shifted > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 7])
def test_everyday_talk_heals(seed: int) -> None:
    """What people say on any day, said twice, hurts now and then: between two wounds the level
    comes down, the other experts speak, and when it is no longer new the regulator replaces some.
    """
    driver = TinyDriver(seed, step=20.0)
    for prompt in ("Do you remember the silence of the morning, Leo?", *EVERYDAY, *EVERYDAY):
        driver.reply(prompt)
    first, *levels = [item.facts.trauma for session, item in driver.outcomes if "~" not in session]
    assert first > 0.5 and any(level > 0.5 for level in levels[3:])
    assert sum(level > 0.3 for level in levels) <= len(levels) // 3
    [_, *spoken] = [expert for (expert,) in driver.conn.execute("SELECT expert FROM episodes")]
    assert 0 < spoken.count("wounded") <= len(spoken) // 3
    assert len({*spoken} - {"wounded"}) >= 2
    replaced = "expert_before <> expert_after"
    assert count(driver, f"SELECT count(*) FROM multileo_events WHERE {replaced}") >= 3


@pytest.mark.slow
def test_rings_and_dreams_are_replies(talked: TinyDriver) -> None:
    """Three rings per reply; every inner reply is a snapshot like any other."""
    sessions = [session for session, _ in talked.outcomes]
    for ring in range(3):
        assert sessions.count(f"s1~ring{ring}") == len(SCRIPT)
    assert sessions.count("s1~dream") == count(talked, "SELECT count(*) FROM dream_turns")
    assert count(talked, "SELECT count(*) FROM snapshots") == len(sessions)


@pytest.mark.slow
def test_a_failed_reply_leaves_no_mark() -> None:
    """When the transaction of the snapshot fails, no module has kept anything of the reply."""
    driver = TinyDriver()
    for prompt in SCRIPT[:10]:
        driver.reply(prompt)
    before = driver.dump()

    def fail() -> None:
        raise sqlite3.OperationalError("disk full")

    driver.fault = fail
    with pytest.raises(sqlite3.OperationalError):
        driver.reply("Yesterday I met Marta near the river!")
    assert driver.dump() == before


@pytest.mark.slow
def test_rows_of_a_reply_do_not_grow_with_the_past(talked: TinyDriver) -> None:
    """What a reply reads of a module is bounded, however long the conversation was."""
    given = rows.parameters("s1", ("the", "river", "Marta"), talked.now)
    found = rows.read(talked.conn, MODULES, given)
    for module in MODULES:
        assert sum(map(len, found[module.name].values())) <= 600, module.name


def test_only_what_leo_is_told_leaves_a_charge() -> None:
    """The charged tokens are those that the prompts charge: no ring, no recalled reply adds one,
    though they repeat themselves.
    """
    driver, told = TinyDriver(), ("What WONDERFUL news! We won!", "a quiet line", "NO, no, NO")
    for prompt in told:
        driver.reply(prompt)
    charged = {token for prompt in told for token in charges(tokenize(prompt))}
    assert {token for token, *_ in driver.table("emotion")} == charged
    inner = [tokenize(outcome.text) for session, outcome in driver.outcomes if "~" in session]
    assert any(charges(tokens).keys() - charged for tokens in inner)


def test_sessions_have_games_of_their_own() -> None:
    """Two sessions on one field keep separate tails, and share what was learned."""
    driver = TinyDriver()
    for prompt in ("What is rain?", "ok"):
        driver.reply(prompt, "a")
        driver.reply(prompt, "b")
    assert [row[0] for row in driver.table("game_tail")] == ["a", "b"]
    assert count(driver, "SELECT sum(count) FROM game_turns") == 8
