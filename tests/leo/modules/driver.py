"""A tiny driver for tests: one connection, one session at a time, every module on.

It does in memory what the real drivers do under a discipline: the rows of the modules are read
together, the n-grams are observed, the modules' rows are written together with the snapshot, and
inner replies run after the reply that described them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from leo.field import measure
from leo.field.counts import compute_delta
from leo.field.generation import generate_walk
from leo.field.growth import growth_of
from leo.field.measure import Quality
from leo.field.seed import SEED_TEXT
from leo.field.text import compose, tokenize
from leo.field.view import View
from leo.modules import MODULES, Chorus, Module
from leo.reply.active import active_themes
from leo.reply.chorus import Outcome
from leo.reply.context import InnerReply, Moment, Spoken
from leo.store import rows

SNAPSHOTS = """CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, origin TEXT, quality REAL, emotional REAL,
    created_at REAL, last_used_at REAL, use_count INTEGER DEFAULT 0
)"""


class TinyDriver:
    """A field in memory. `step` seconds pass per reply.

    `watch` is told what phase begins ("read", "write", or "" at its end); `fault` is called inside
    the transaction of the snapshot, after everything was written.
    """

    def __init__(
        self,
        seed: int = 7,
        modules: Sequence[Module[Any]] = MODULES,
        step: float = 60.0,
        watch: Callable[[str], None] = lambda phase: None,
        fault: Callable[[], None] = lambda: None,
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
        self.fault = fault
        self.starts: Mapping[str, float] = {}
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

    def speak(
        self, rng: Random, temperature: float, boosts: Mapping[str, float], most: int
    ) -> Spoken:
        """A walk through the view."""
        walk = generate_walk(self.view, rng, temperature, boosts, most, self.starts)
        return Spoken(compose(walk.tokens), walk.tokens, walk.entropy)

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
        tokens = tuple(tokenize(prompt))
        moment = Moment(
            prompt=prompt,
            tokens=tokens,
            session=inner.root if inner else session,
            turn=number,
            now=self.now,
            arousal=measure.arousal(tokens),
        )
        chorus = Chorus(self.modules, moment, key, inner)
        self.watch("read")
        with self.transaction("DEFERRED"):
            given = rows.parameters(moment.session, tokens, self.now)
            found = rows.read(self.conn, chorus.modules, given)
        self.watch("")
        heard = chorus.hear(found)
        self.starts = heard.starts
        observed = compute_delta((prompt, *heard.observe))
        self.observe(prompt, *heard.observe)
        novelty = measure.novelty(tokens, self.view, observed)
        themes = active_themes(self.view, self.view.words.ids.get, tokens)
        centres = tuple(self.view.words.names[id] for id in self.view.words.centres())
        speech = chorus.before(novelty, themes, centres=centres)
        rng = Random(key)
        spoken = self.speak(rng, speech.voice.temperature, heard.boosts, speech.max_tokens)
        pulse = measure.presence(novelty, heard.arousal or 0.0, spoken.entropy)
        coverage = measure.trigram_coverage(spoken.tokens, self.view)
        structural = measure.structural_quality(spoken.tokens, tokens, coverage)
        even = measure.entropy_quality(spoken.entropy)
        quality = Quality(structural, even, (structural + even) / 2)
        outcome = chorus.after(spoken, pulse, quality, self.speak)
        self.watch("write")
        with self.transaction("IMMEDIATE"):
            self.conn.execute(
                "INSERT INTO snapshots (text, origin, quality, emotional, created_at, last_used_at)"
                " VALUES (?, 'leo', ?, ?, ?, ?)",
                (outcome.text, quality.overall, pulse.arousal, self.now, self.now),
            )
            rows.write(self.conn, outcome.puts)
            self.fault()
        self.watch("")
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
