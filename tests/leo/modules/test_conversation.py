"""All modules over a scripted conversation; their rows, and who awaits them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest

from leo.errors import StoreError
from leo.field.text import tokenize
from leo.modules import (
    MODULES,
    AsyncMathBrain,
    AsyncRAGBrain,
    AsyncSantaKlaus,
    SantaKlaus,
    flowtracker,
    mathbrain,
    ragbrain,
    trauma,
)
from leo.modules.emotion import charges
from leo.modules.faces import Perform, store
from leo.modules.mathbrain import Brain
from leo.modules.mathstate import SCALARS, MathState
from leo.modules.mlp import fresh_network
from leo.modules.ragbrain import Episode, RAGBrain
from leo.store import operations as sql
from leo.store import rows
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection
from leo.store.operations import NewSnapshot
from leo.store.rows import Put
from leo.store.schema import connect
from tests.leo.modules.support import EVERYDAY, SCRIPT, TinyDriver
from tests.leo.modules.test_registry import OWNERS
from tests.leo.support import sync_field

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def talked() -> TinyDriver:
    """A field after 120 turns."""
    driver = TinyDriver()
    for prompt in SCRIPT:
        driver.reply(prompt)
    return driver


def count(driver: TinyDriver, sql: str) -> int:
    """The number that a query gives."""
    number: int = driver.conn.execute(sql).fetchone()[0]
    return number


@pytest.mark.parametrize("prompts", [12, pytest.param(24, marks=pytest.mark.long)])
def test_hash_seeds_change_nothing(prompts: int) -> None:
    """The rows do not depend on how Python orders its sets."""
    code = (
        "from tests.leo.modules.support import TinyDriver\n"
        "from tests.leo.modules.support import EVERYDAY, SCRIPT\n"
        "driver = TinyDriver()\n"
        f"print([driver.reply(prompt) for prompt in SCRIPT[:{prompts}]], driver.dump())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM emotion",
        "SELECT count(*) FROM trauma_events",
        "SELECT count(*) >= 3 FROM flow_themes WHERE activations >= 5",
        "SELECT count(*) FROM metaleo WHERE tag = 'ring2'",
        "SELECT count(*) = 120 FROM episodes",
        "SELECT max(count) >= 3 FROM game_transitions",
        "SELECT observations = 120 FROM mathbrain",
        "SELECT count(*) FROM multileo_events WHERE key NOT LIKE '|%'",
        "SELECT max(samples) >= 3 FROM multileo_profiles",
        "SELECT count(*) FROM dream_turns WHERE speaker = 'friend' AND length(text) > 5",
        "SELECT count(*) FROM school_notes WHERE note IS NOT NULL",
    ],
)
def test_every_module_leaves_its_mark(talked: TinyDriver, sql: str) -> None:
    """Within 120 turns each module has written what it is there for."""
    assert count(talked, sql) > 0


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


@pytest.mark.parametrize("seed", [7, pytest.param(1, marks=pytest.mark.long)])
def test_everyday_talk_heals(seed: int) -> None:
    """What people say on any day, said twice, hurts now and then."""
    driver = TinyDriver(seed, step=20.0)
    for prompt in ("Do you remember the silence of the morning, Leo?", *EVERYDAY, *EVERYDAY):
        driver.reply(prompt)
    first, *levels = [item.facts.trauma for session, item in driver.outcomes if "~" not in session]
    assert first > 0.5 and any(level > 0.5 for level in levels[3:])
    assert sum(level > 0.3 for level in levels) <= len(levels) // 3
    [_, *spoken] = [expert for (expert,) in driver.conn.execute("SELECT expert FROM episodes")]
    assert 0 < spoken.count("wounded") <= len(spoken) // 3
    # Several are chosen; the regulator puts another in the place of some.
    events = "FROM multileo_events WHERE expert_before <>"
    assert count(driver, f"SELECT count(DISTINCT expert_before) {events} 'wounded'") >= 2
    assert count(driver, f"SELECT count(*) {events} expert_after") >= 3


def test_rows_of_a_reply_do_not_grow_with_the_past(talked: TinyDriver) -> None:
    """What a reply reads of a module is bounded, however long the conversation was."""
    given = rows.parameters("s1", ("the", "river", "Marta"), talked.now)
    found = rows.read(talked.conn, MODULES, given)
    for module in MODULES:
        assert sum(map(len, found[module.name].values())) <= 600, module.name


def test_only_what_leo_is_told_leaves_a_charge() -> None:
    """The charged tokens are those that the prompts charge."""
    driver, told = TinyDriver(), ("What WONDERFUL news! We won!", "a quiet line", "NO, no, NO")
    for prompt in told:
        driver.reply(prompt)
    charged = {token for prompt in told for token in charges(tokenize(prompt))}
    assert {token for token, *_ in driver.table("emotion")} == charged
    inner = [tokenize(outcome.text) for session, outcome in driver.outcomes if "~" in session]
    assert any(charges(tokens).keys() - charged for tokens in inner)


TEXTS = {"session", "prompt", "reply", "expert", "key", "expert_before", "expert_after"}


def test_a_field_gets_the_tables_of_its_modules(tmp_path: Path) -> None:
    """When it is opened with them first; all it had stays. Without any it needs none of them."""
    path = tmp_path / "field"

    def tables() -> set[str]:
        with closing(sqlite3.connect(path)) as conn:
            return {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}

    with sync_field(path) as field:
        field.reply("hello there")
    assert not set(OWNERS) & tables()
    with sync_field(path, modules=MODULES[:2]) as field:
        assert field.reply("and now?")
    assert set(OWNERS) & tables() == {"bias", "emotion"}
    with sync_field(path, modules=MODULES) as field:
        assert field.view.versions()["view.bigrams"] == 3
        assert field.reply("and then?")
    assert set(OWNERS) <= tables()
    with sync_field(path) as field:
        assert field.reply("and alone?")


LOGS = {
    "episodes": ragbrain.KEPT,
    "flow_turns": flowtracker.TURNS,
    "multileo_events": mathbrain.EVENTS,
    "trauma_events": trauma.EVENTS,
}


def test_the_logs_of_the_modules_do_not_grow_for_ever(tmp_path: Path) -> None:
    """After its next entry a log has no more than it keeps, the newest."""
    path = tmp_path / "field"
    talk = ("What is a field?", "I am AFRAID of the dark!", "who are you, leo?", "wide grey water")

    def reply() -> None:
        with sync_field(path, modules=MODULES) as field:
            for prompt in talk:
                field.reply(prompt)

    reply()
    newest = {}
    with closing(sqlite3.connect(path)) as conn, conn:
        for table, kept in LOGS.items():
            columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")][1:]
            values = ", ".join("'x'" if name in TEXTS else "5" for name in columns)
            for id in range(1000, 1000 + kept + 5):
                conn.execute(f"INSERT INTO {table} VALUES ({id}, {values})")
            newest[table] = id
        for number in range(mathbrain.PROFILES + 5):
            conn.execute("INSERT INTO multileo_profiles VALUES (?, 1, 0, 0, 0, 0, 0)", (number,))
    reply()
    with closing(connect(path)) as conn:
        for table, kept in LOGS.items():
            count, last = conn.execute(f"SELECT count(*), max(id) FROM {table}").fetchone()
            assert last > newest[table] and count <= kept, table
        [profiles] = conn.execute("SELECT count(*) FROM multileo_profiles").fetchone()
        assert profiles == mathbrain.PROFILES


FACES_TEXTS = ("The river rose.", "Bread is good.", "Poor words.")


def state(novelty: float) -> MathState:
    """A state of halves with a novelty."""
    return MathState(**({name: 0.5 for name in SCALARS} | {"novelty": novelty}), expert="precise")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Perform]:
    """A real store that has the modules' tables."""
    store = await AsyncStore.open(path / "field.db", 5.0, keepers=MODULES)
    try:
        yield store.perform
    finally:
        await store.close()


async def test_awaited_modules_do_what_the_plain_ones_do(tmp_path: Path) -> None:
    """The memories of the store come to mind as they do when they are given, the network is the one
    that was saved, and episodes are found in the order of their distance.
    """
    tokens = tokenize("the river")
    async with opened(tmp_path) as perform:
        for quality, text in zip((0.8, 0.9, 0.1), FACES_TEXTS, strict=True):
            new = NewSnapshot(text, "leo", quality, 0.0, 10.0, ())
            await perform(partial(sql.process_snapshot, new=new))
        _, memories = await perform(sql.get_memories)
        recalled = await AsyncSantaKlaus(perform).recall_stored("s1", tokens, 0.0, 1000.0)
        assert recalled == SantaKlaus().recall(memories, tokens, 0.0, 1000.0)
        assert len(recalled.ids) == 2
        brain = AsyncMathBrain(perform, seed=4)
        assert await brain.recollect(5.0) == Brain(fresh_network(4), {})
        await brain.save(fresh_network(9))
        assert await brain.recollect(5.0) == Brain(fresh_network(9), {})
        rag = AsyncRAGBrain(perform)
        episodes = [Episode(state(novelty), novelty, 5.0) for novelty in (0.1, 0.5, 0.9)]
        for episode in episodes:
            await rag.observe_episode("p", "r", "s1", episode)
        found = await rag.query_stored(state(0.5), now=9.0, top=2)
        assert found == RAGBrain().query_similar(episodes[::-1], state(0.5), top=2)
        assert found[0][1] == episodes[1]


async def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """When one of several writes fails, none is kept, and the error is the store's."""
    insert = "INSERT INTO metaleo (tag, text, at) VALUES (?, ?, ?)"
    async with opened(tmp_path) as perform:
        puts = (Put(insert, (("meta", "kept?", 1.0),)), Put(insert, (("meta", None, 1.0),)))
        with pytest.raises(StoreError):
            await store(perform, puts)

        def count(conn: Connection) -> int:
            number: int = conn.execute("SELECT count(*) FROM metaleo").fetchone()[0]
            return number

        assert await perform(count) == 0
