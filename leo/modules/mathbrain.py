"""MathBrain: predicts the quality of a reply from numbers, and regulates it (organism, section 13).

Before the walk it regulates (`leo.modules.multileo`). After the walk it learns from what was said,
and records the effect of the regulation. The weights are a row, saved with the reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Final

from leo.modules.mathstate import MathState, spoken_state, unspoken_state
from leo.modules.mlp import Network, fresh_network
from leo.modules.multileo import Profile, Scores, merge_profile, profile_key, regulate, scores
from leo.reply.context import After, Before, Changes, Hints
from leo.reply.module import Module, insert, keep_latest, keep_newest
from leo.store.rows import Put, Rows, unpacked

# Kinds of situations are combinations of words: only those met last are worth their reading.
PROFILES: Final = 128
# What came of regulations is in the profiles; so many events stay to be looked at later.
EVENTS: Final = 512


@dataclass(frozen=True, slots=True)
class Brain:
    """The network, and what is known of kinds of situations, by their key."""

    network: Network
    profiles: dict[str, Profile]


class MathBrain(Module[Brain]):
    """The network's and the regulator's place in a reply. `seed` makes the first weights."""

    name = "mathbrain"
    READS = frozenset({"mathbrain", "view"})
    WRITES = frozenset({"mathbrain"})
    DDL = (
        """CREATE TABLE mathbrain (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        parameters TEXT NOT NULL,
        observations INTEGER NOT NULL,
        loss REAL NOT NULL
    )""",
        """CREATE TABLE multileo_profiles (
        key TEXT PRIMARY KEY,
        samples INTEGER NOT NULL,
        boredom REAL NOT NULL,
        overwhelm REAL NOT NULL,
        stuck REAL NOT NULL,
        quality REAL NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID""",
        """CREATE TABLE multileo_events (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        session TEXT NOT NULL,
        key TEXT NOT NULL,
        boredom_before REAL NOT NULL,
        overwhelm_before REAL NOT NULL,
        stuck_before REAL NOT NULL,
        boredom_after REAL NOT NULL,
        overwhelm_after REAL NOT NULL,
        stuck_after REAL NOT NULL,
        quality_predicted REAL NOT NULL,
        quality REAL NOT NULL,
        temperature_before REAL NOT NULL,
        temperature_after REAL NOT NULL,
        expert_before TEXT NOT NULL,
        expert_after TEXT NOT NULL
    )""",
        "CREATE INDEX multileo_profiles_at ON multileo_profiles (at)",
    )
    ARRAYS: ClassVar[Mapping[str, str]] = {"mathbrain.parameters": "'real', 'integer'"}
    QUERIES: ClassVar[Mapping[str, str]] = {
        "network": "SELECT parameters, observations, loss FROM mathbrain",
        "profiles": "SELECT key, samples, boredom, overwhelm, stuck, quality "
        f"FROM multileo_profiles ORDER BY at DESC, key LIMIT {PROFILES}",
    }

    def __init__(self, seed: int = 0) -> None:
        self.seed: Final = seed

    def load(self, rows: Rows) -> Brain:
        """What was learned so far; a fresh network where there is none, or none that is finite."""
        network = fresh_network(self.seed)
        for parameters, observations, loss in rows["network"]:
            stored = Network(tuple(unpacked(parameters, "mathbrain")), observations, loss)
            network = stored if stored.finite() else network
        return Brain(network, {row[0]: Profile(*row[1:]) for row in rows["profiles"]})

    def predict(self, brain: Brain, state: MathState) -> float:
        """The quality in [0, 1] that is to be expected."""
        return brain.network.predict(state.features())

    def observe(self, brain: Brain, state: MathState, quality: float) -> Network:
        """The network that has learned from one reply; begun anew if a number is not finite."""
        network = brain.network.learned(state.features(), quality)
        return network if network.finite() else fresh_network(self.seed)

    def puts(self, network: Network) -> tuple[Put, ...]:
        """The row of the weights."""
        row = (1, network.dump(), network.observations, network.loss)
        return (insert("mathbrain", "id, parameters, observations, loss", (row,), replace=True),)

    def before(self, state: Brain, context: Before, rng: Random) -> Hints:
        """Regulate the voice that the other modules have agreed on."""
        key, found, _ = self._judge(state, context)
        expert = context.voice.expert
        profile = state.profiles.get(key, Profile())
        found_voice = regulate(context.voice.temperature, expert, found, profile)
        changed = found_voice.expert if found_voice.expert != expert else None
        return Hints(shift=found_voice.shift, expert=changed)

    def after(self, state: Brain, context: After, rng: Random) -> Changes:
        """Learn from the reply; where the voice was regulated, record what came of it."""
        said, quality = spoken_state(context), context.quality.overall
        puts = self.puts(self.observe(state, said, quality))
        if context.voice.shift or context.voice.instead_of:
            puts += self._outcome(state, context, said)
        return Changes(puts=puts)

    def _judge(self, state: Brain, context: Before) -> tuple[str, Scores, float]:
        """The kind of situation, its scores and the quality to expect, as before the walk.

        It looks past its own regulation, so `after` finds what `before` had found.
        """
        unspoken = unspoken_state(context)
        predicted = self.predict(state, unspoken)
        found = scores(unspoken, predicted)
        return profile_key(context.themes.scores, found), found, predicted

    def _outcome(self, state: Brain, context: After, said: MathState) -> tuple[Put, ...]:
        key, found, predicted = self._judge(state, context)
        quality, voice = context.quality.overall, context.voice
        then = scores(said, self.predict(state, said))
        profile = merge_profile(
            state.profiles.get(key, Profile()), found, then, quality - predicted
        )
        event = (
            *(context.now, context.session, key),
            *found,
            *then,
            *(predicted, quality),
            *(voice.temperature - voice.shift, voice.temperature),
            *(voice.instead_of or voice.expert, voice.expert),
        )
        events = (
            "at, session, key, boredom_before, overwhelm_before, stuck_before, boredom_after, "
            "overwhelm_after, stuck_after, quality_predicted, quality, temperature_before, "
            "temperature_after, expert_before, expert_after"
        )
        profiles = "key, samples, boredom, overwhelm, stuck, quality, at"
        return (
            insert("multileo_events", events, (event,)),
            insert("multileo_profiles", profiles, ((key, *profile, context.now),), replace=True),
            # Those that `load` cannot see would begin anew anyhow.
            keep_latest("multileo_profiles", PROFILES, "key"),
            keep_newest("multileo_events", EVENTS),
        )
