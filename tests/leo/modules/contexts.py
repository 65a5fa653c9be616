"""Contexts for single modules, with everything quiet that a test does not name."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from random import Random
from typing import Any

from hypothesis import strategies as st

from leo.field.measure import Pulse, Quality
from leo.field.text import tokenize
from leo.modules import MODULES
from leo.reply.active import Themes
from leo.reply.context import After, Before, Changes, Moment, Seen, Spoken
from leo.reply.module import Module
from leo.reply.voice import Voice
from leo.store import rows
from leo.store.rows import Put, Rows

UNIT = st.floats(0, 1)
VOICE = Voice("structural", 0.8, 0.2)
QUIET = Pulse(0.0, 0.0, 0.5, 0.15)
FAIR = Quality(0.8, 0.8, 0.8)


def plain(prompt: str) -> dict[str, Any]:
    """What every context has."""
    tokens = tuple(tokenize(prompt))
    return {"prompt": prompt, "session": "s1", "turn": 1, "now": 1000.0, "arousal": 0.0,
            "tokens": tokens}  # fmt: skip


def moment(prompt: str = "", **given: Any) -> Moment:
    """The context of `hear`."""
    return Moment(**(plain(prompt) | given))


def before(prompt: str = "", themes: Mapping[str, int] | None = None, **given: Any) -> Before:
    """The context of `before`; `themes` are core words with their scores."""
    scores = dict(themes or {})
    seen = Seen(Themes(scores, {core: frozenset({core}) for core in scores}), mute)
    return Before(**(plain(prompt) | {"novelty": 0.5, "voice": VOICE, "seen": seen} | given))


def after(
    prompt: str = "",
    text: str = "I listen and I answer.",
    themes: Mapping[str, int] | None = None,
    **given: Any,
) -> After:
    """The context of `after`."""
    start = before(prompt, themes)
    plain: dict[str, Any] = {name: getattr(start, name) for name in start.__dataclass_fields__}
    plain |= {"said": tuple(tokenize(text)), "pulse": QUIET, "quality": FAIR}
    return After(text=text, **(plain | given))


def mute(rng: Random, temperature: float, boosts: Mapping[str, float], most: int) -> Spoken:
    """A voice with nothing to say."""
    return Spoken("", (), 0.0)


# The field's own objects; every other object belongs to one module.
FIELD = frozenset({"ngrams", "snapshots", "view"})


def own_objects() -> dict[str, str]:
    """Object -> name of the module that it belongs to."""
    return {name: one.name for one in MODULES for name in (one.READS | one.WRITES) - FIELD}


def kept_with(name: str) -> str:
    """The object of the specification that an object's history is that of: a module's rows are read
    and written in the same two transactions as the snapshots.
    """
    return name if name in FIELD else "snapshots"


class Store:
    """The tables of one module in memory."""

    def __init__(self, module: Module[Any]) -> None:
        self.conn = sqlite3.connect(":memory:")
        self.conn.execute("PRAGMA foreign_keys = ON")
        self.module = module
        rows.create(self.conn, [module])

    def read(self, prompt: str = "", now: float = 1000.0, session: str = "s1") -> Rows:
        """What the module's queries find."""
        given = rows.parameters(session, tokenize(prompt), now)
        return rows.read(self.conn, [self.module], given)[self.module.name]

    def write(self, changes: Changes | tuple[Put, ...]) -> None:
        """Carry out writes."""
        puts = changes.puts if isinstance(changes, Changes) else changes
        rows.write(self.conn, [put for put in puts if put.rows])

    def all(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with closing(self.conn.execute(sql)) as cursor:
            return cursor.fetchall()
