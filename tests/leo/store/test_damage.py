"""Damage inside rows that SQLite itself finds nothing wrong with: `check` names it, and opening the
field is one paragraph.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from leo import MODULES
from leo.errors import LeoError, StepError, StoreDamagedError
from leo.field.growth import ChainGrowth, WordGrowth, encode
from leo.store.checkup import check_field
from leo.store.connection import Connection
from leo.store.inspection import inspected
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.schema import connect
from tests.leo.support import sync_field


def journal(words: WordGrowth, chains: ChainGrowth) -> str:
    """A statement after which an observation has added this."""
    return (
        f"UPDATE journal SET words = x'{encode(words).hex()}', chains = x'{encode(chains).hex()}'"
    )


# Two tokens of every field.
ONE, TWO = (6, ","), (12, ".")
UNSOUND = "journal entries that cannot be read, or with what no observation adds"
# A statement, and what `check_field` says of it.
DAMAGE = {
    "UPDATE journal SET words = x'ff00'": "journal entries that cannot be read",
    "UPDATE journal SET chains = x'93'": "journal entries that cannot be read",
    "UPDATE journal SET words = 'text'": "rows of journal with a value",
    "DELETE FROM objects": "versions of ngrams, snapshots",
    "DELETE FROM objects WHERE name = 'snapshots'": "versions of ngrams, snapshots",
    "UPDATE objects SET version = 'many' WHERE name = 'ngrams'": "versions of ngrams, snapshots",
    "DROP TABLE folding": "the table folding is missing",
    "DELETE FROM folding": "1 row in the table folding",
    "UPDATE mathbrain SET parameters = 'x'": "rows of mathbrain whose parameters",
    "UPDATE mathbrain SET parameters = '{}'": "rows of mathbrain whose parameters",
    "UPDATE flow_themes SET words = '[1]'": "rows of flow_themes whose words",
    "INSERT OR REPLACE INTO bias VALUES ('nope', 1)": "rows of bias whose centres",
    "INSERT OR REPLACE INTO bias VALUES (x'00', 1)": "rows of bias with a value",
    "UPDATE snapshots SET quality = 'good'": "rows of snapshots with a value",
    # Numbers that no field has reached: the next reply could not count on.
    "UPDATE snapshots SET quality = 9e999 WHERE id = 1": "rows of snapshots with a",
    "UPDATE tokens SET id = 1099511627776 WHERE id = 3": "rows of tokens with a",
    journal(WordGrowth([ONE, TWO], []), ChainGrowth([], [(12, 6, 1)])): UNSOUND,
    journal(WordGrowth([ONE], []), ChainGrowth([], [(6, 12, 1)])): UNSOUND,
    journal(WordGrowth([ONE], [(6, 6, 0)]), ChainGrowth([], [])): UNSOUND,
    journal(WordGrowth([ONE, (12, "!")], []), ChainGrowth([], [])): UNSOUND,
    journal(WordGrowth([(2**63, ONE[1])], []), ChainGrowth([], [])): UNSOUND,
    "DROP TABLE resonance_told": "resonance_told, a table or index of a module, is missing",
}
# Those of them after which the field cannot be opened.
FATAL = [*list(DAMAGE)[:4], *list(DAMAGE)[5:7], "DROP TABLE resonance_told"]
# What spoils every row of a module's table.
SPOILT = {
    "mathbrain": "parameters = 'nope'",
    "flow_themes": "words = 'nope' || words",
    "bias": "centres = 'nope' || centres",
}


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy with one statement carried out on it."""

    def damage(statement: str) -> Path:
        path = tmp_path / "field"
        shutil.copy(sound, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as conn:
            conn.execute(statement)
        return path

    return damage


def findings(path: Path) -> list[str]:
    with inspected(path) as conn:
        return check_field(conn, MODULES)


@pytest.mark.parametrize("statement", DAMAGE)
def test_damage_in_a_row_is_found(damaged: Callable[[str], Path], statement: str) -> None:
    """A sentence for it, and no exception."""
    assert any(DAMAGE[statement] in finding for finding in findings(damaged(statement)))


def test_what_an_observation_may_add_is_sound(damaged: Callable[[str], Path]) -> None:
    """The control for the journal: such rows, the right way round, of tokens that are there."""
    growth = WordGrowth([ONE, TWO], [(12, 6, 1)]), ChainGrowth([(6, 6, 12, 1)], [(6, 12, 1)])
    assert findings(damaged(journal(*growth))) == []


@pytest.mark.parametrize("statement", FATAL)
def test_opening_a_damaged_field_says_so(damaged: Callable[[str], Path], statement: str) -> None:
    """It names the file and what to do."""
    path = damaged(statement)
    with pytest.raises(StoreDamagedError, match=f"^{path}: .*leo field restore"):
        sync_field(path)


def test_a_view_that_falls_behind_a_damaged_journal_says_so(damaged: Callable[[str], Path]) -> None:
    """The loads by increments, too."""
    path = damaged("UPDATE journal SET words = x'ff00', chains = x'ff00'")
    loads: tuple[Callable[[Connection, int], object], ...] = (load_bigrams, load_trigrams)
    with closing(connect(path)) as conn:
        for load in loads:
            with pytest.raises(StoreDamagedError, match="observation 2 cannot be read"):
                load(conn, 1)


@pytest.mark.parametrize("table", SPOILT)
def test_a_reply_over_a_spoilt_row_of_a_module_says_which(
    damaged: Callable[[str], Path], table: str
) -> None:
    """The table and the command that looks at it, not a decoder's words alone."""
    path = damaged(f"UPDATE {table} SET {SPOILT[table]}")
    with sync_field(path, modules=MODULES) as field, pytest.raises(StepError) as caught:
        field.reply("What is a field? I wonder.")
    assert isinstance(caught.value.__cause__, LeoError)
    assert f"table {table}" in str(caught.value) and "leo field check" in str(caught.value)
