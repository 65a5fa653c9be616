"""Contexts for single modules, a tiny driver of all of them, and conversations for it.

The driver does in memory what the real ones do under a discipline, with the steps of the program:
rows are read together, the n-grams are observed, rows are written together with the snapshot, and
inner replies run after the reply that described them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.growth import growth_of
from leo.field.measure import Pulse, Quality
from leo.field.seed import SEED_TEXT
from leo.field.text import tokenize
from leo.field.view import View
from leo.modules import MODULES, Module
from leo.reply.active import Themes
from leo.reply.chorus import Outcome
from leo.reply.context import After, Before, Changes, InnerReply, Moment, Seen, Spoken
from leo.reply.program import (
    Given,
    ReplyState,
    chorus_for,
    generate_with,
    observe_with,
    recall_with,
)
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


def mute(*given: Any, **others: Any) -> Spoken:
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


SNAPSHOTS = """CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, origin TEXT, quality REAL, emotional REAL,
    created_at REAL, last_used_at REAL, use_count INTEGER DEFAULT 0
)"""


class TinyDriver:
    """A field in memory. `step` seconds pass per reply.

    `watch` is told what phase begins ("read", "write", or "" at its end);
    """

    def __init__(
        self,
        seed: int = 7,
        modules: Sequence[Module[Any]] = MODULES,
        step: float = 60.0,
        watch: Callable[[str], None] = lambda phase: None,
    ) -> None:
        self.conn = sqlite3.connect(":memory:", isolation_level=None)
        self.conn.execute("PRAGMA foreign_keys = ON")
        self.conn.execute(SNAPSHOTS)
        self.modules = modules
        self.seed = seed
        self.step = step
        self.now = 1_000_000.0
        self.view = View()
        self.counts: dict[str, int] = {}
        self.outcomes: list[tuple[str, Outcome]] = []
        self.watch = watch
        rows.create(self.conn, modules)
        self.observe(SEED_TEXT)

    def observe(self, *texts: str) -> None:
        """Add the counts of texts to the view."""
        delta = compute_delta(texts)
        ids = self.view.words.ids
        new = [token for token in delta.tokens if token not in ids]
        places = {token: len(ids) + n + 1 for n, token in enumerate(new)}
        known = [ids.get(token) or places[token] for token in delta.tokens]
        self.view.swap(growth_of(delta, known), decayed=False)

    def reply(self, prompt: str, session: str = "s1") -> str:
        """A reply and the inner replies that it asks for."""
        first = self.run(prompt, session)
        waiting = list(first.inner)
        while waiting:
            inner = waiting.pop(0)
            waiting.extend(self.run(inner.prompt, inner.session, inner).inner)
        return first.text

    def run(self, prompt: str, session: str, inner: InnerReply | None = None) -> Outcome:
        """One reply, outer or inner."""
        self.now += self.step
        number = self.counts[session] = self.counts.get(session, 0) + 1
        key = f"{self.seed}:{session}:{number}"
        name = f"{session}.{number}"
        chorus = chorus_for(tuple(self.modules), name, prompt, self.now, key, inner)
        state = ReplyState(prompt, self.now, Random(key), chorus)
        self.watch("read")
        with self.transaction("DEFERRED"):
            given = rows.parameters(chorus.moment.session, chorus.moment.tokens, self.now)
            found = rows.read(self.conn, chorus.modules, given)
        self.watch("")
        recall_with(state, Given(rows=found))
        observe_with(state, Given())
        self.observe(*chorus.learnt((prompt, *state.recalled.snippets)))
        generate_with(state, Given(view=self.view))
        assert state.quality is not None and state.pulse is not None and state.facts is not None
        self.watch("write")
        with self.transaction("IMMEDIATE"):
            self.conn.execute(
                "INSERT INTO snapshots (text, origin, quality, emotional, created_at, last_used_at)"
                " VALUES (?, 'leo', ?, ?, ?, ?)",
                (state.text, state.quality.overall, state.pulse.arousal, self.now, self.now),
            )
            rows.write(self.conn, state.marks)
        self.watch("")
        outcome = Outcome(state.text, state.marks, state.inner, state.facts)
        self.outcomes.append((session, outcome))
        return outcome

    @contextmanager
    def transaction(self, kind: str) -> Iterator[None]:
        """BEGIN ... COMMIT, or ROLLBACK."""
        self.conn.execute(f"BEGIN {kind}")
        try:
            yield
            self.conn.execute("COMMIT")
        finally:
            if self.conn.in_transaction:
                self.conn.execute("ROLLBACK")

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """All rows of a table."""
        return self.conn.execute(f"SELECT * FROM {name}").fetchall()

    def dump(self) -> str:
        """Everything as SQL."""
        return "\n".join(self.conn.iterdump())


TURNS: Final = 120
NAMES: Final = ("Marta", "Oskar", "Lisbon", "Emil", "Vienna", "Tereza", "Anton", "Nadia")
PLAIN: Final = (
    "The rain fell over the river and the river rose in the night.",
    "We carried the boats up to the meadow while the rain fell.",
    "In the morning the bread was warm and the kitchen smelled of it.",
    "ok",
    "Hm, go on.",
    "Tell me about the boats and the river, and about the long winter.",
    "What is a proof?",
    "Nobody said anything for a while.",
)
CHARGED: Final = (
    "NO! Stop it! STOP!",
    "Who are you, Leo?",
    "Silence remembers the grass, the voices, the ground.",
    "Are you real? Do you remember your field in the morning silence?",
    "What WONDERFUL news! We won! We won!",
)
# Said to nobody in particular: of the words that the field began with there are two.
EVERYDAY: Final = (
    "Hello there.",
    "How are you today?",
    "I had bread and coffee for breakfast.",
    "The weather is nice this morning.",
    "My sister is coming to visit next week.",
    "We went to the market after lunch.",
    "What should I cook for dinner?",
    "The train was late again.",
    "I read a book about whales.",
    "Our neighbour has a new dog.",
    "It is still raining outside.",
    "Can you tell me a story?",
    "I think I will go for a walk.",
    "The garden needs some work.",
    "Good night, see you tomorrow.",
)


def _script() -> list[str]:
    rng = Random(2)
    turns: list[str] = []
    while len(turns) < TURNS:
        lot = rng.random()
        if lot < 0.2:
            name = rng.choice(NAMES)
            turns += [f"Yesterday I met {name} near the river.", f"{name} is an old friend."]
        else:
            turns.append(rng.choice(CHARGED if lot < 0.4 else PLAIN))
    return turns[:TURNS]


SCRIPT: Final = _script()
