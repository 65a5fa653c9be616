"""Chorus: the modules of one reply, asked in their order. Like the modules it does no input or
output.

A driver reads the rows of `modules` in Recall's transaction and calls `hear`. In Generate it calls
`before`, walks, and calls `after`. It writes `puts` with the snapshot. Each hook of each module
gets its own random generator, so that no module changes the draws of another or of the walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any, Final, Generic, TypeVar

from leo.field.generation import MAX_TOKENS
from leo.field.measure import Pulse, Quality
from leo.field.text import tokenize
from leo.reply.active import NO_THEMES, Themes
from leo.reply.context import (
    After,
    Before,
    Changes,
    Facts,
    Heard,
    Hints,
    InnerReply,
    Moment,
    Seen,
    Speak,
    Spoken,
)
from leo.reply.module import NO_CHANCE, NO_HINTS, Module
from leo.reply.voice import Voice, blend_weights, compute_voice
from leo.store.rows import Put, Rows

Context = TypeVar("Context", bound=Before)
# The name of the voice in an inner reply, in which no expert speaks.
INNER_VOICE: Final = "inner"
SHORTEST: Final = 8
# What a context takes over from the one before it.
MOMENT: Final = tuple(item.name for item in fields(Moment))
BEFORE: Final = tuple(item.name for item in fields(Before))


@dataclass(frozen=True, slots=True)
class Speech:
    """How to walk: the voice (name and temperature) and the largest number of tokens."""

    voice: Voice
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reply leaves: its final text, rows for the snapshot, inner replies after it, facts."""

    text: str
    puts: tuple[Put, ...]
    inner: tuple[InnerReply, ...]
    facts: Facts


class Chorus:
    """The modules' part in one reply. `key` makes their randomness; `inner` describes the reply if
    it is an inner one, whose `moment.session` is then the outer session.
    """

    def __init__(
        self,
        modules: Sequence[Module[Any]],
        moment: Moment,
        key: str,
        inner: InnerReply | None = None,
    ) -> None:
        self.inner = inner
        self.moment = moment if inner is None else replace(moment, inner=inner.inner)
        self.modules = [o for o in modules if inner is None or inner.inner.kind in o.INNER]
        # What a module keeps out, an inner reply is not to bring in.
        self._all = modules
        self._key = key
        self._states: dict[str, Any] = {}
        self._before: Before | None = None
        self._seen = Seen()

    def hear(self, rows: Mapping[str, Rows]) -> Heard:
        """In Recall: what to observe with the prompt, boosts, used memories, corrected measures."""
        texts: list[str] = []
        used: list[int] = []
        boosts: dict[str, float] = {}
        starts: dict[str, float] = {}
        for module in self.modules:
            self._states[module.name] = state = module.load(rows[module.name])
            heard = module.hear(state, self.moment)
            texts.extend(heard.observe)
            used.extend(heard.used)
            for token, boost in heard.boosts.items():
                boosts[token] = boosts.get(token, 0.0) + boost
            for token, weight in heard.starts.items():
                starts[token] = starts.get(token, 0.0) + weight
            self.moment = _corrected(self.moment, heard)
        moment = self.moment
        return Heard(
            tuple(texts),
            boosts,
            tuple(used),
            moment.arousal,
            moment.trauma,
            moment.theme_words,
            moment.themes_known,
            starts,
        )

    def learnt(self, texts: Sequence[str]) -> Sequence[str]:
        """What every module leaves of the texts that the reply observes, the prompt first."""
        for module in self._all:
            texts = module.learnt(texts)
        return texts

    def remembered(self) -> Iterator[tuple[Module[Any], Any]]:
        """The modules that were asked, with what each had in mind when the reply began."""
        for module in self.modules:
            if module.name in self._states:
                yield module, self._states[module.name]

    @property
    def spoken_in(self) -> Before:
        """From `before` on: the context in which the reply is spoken, the modules' hints in it."""
        assert self._before is not None, "before comes before after"
        return self._before

    def before(
        self,
        novelty: float,
        themes: Themes = NO_THEMES,
        max_tokens: int = MAX_TOKENS,
        centres: tuple[str, ...] = (),
    ) -> Speech:
        """In Generate: how to speak. `novelty` in [0, 1]; `themes` and `centres` of the view."""
        self._seen = Seen(themes, centres=centres)
        if self.inner is not None:
            voice = Voice(INNER_VOICE, self.inner.temperature, 0.0)
            self._before = self._context(novelty, voice)
            return Speech(voice, self.inner.max_tokens)
        hints = Hints()
        context = self._context(novelty, self._voice(novelty, themes, hints))
        given = _Given(context)
        for module in self.modules:
            if _is_mute(module, "before"):
                continue
            rng = self._rng(module, "before")
            added = module.before(self._states[module.name], given.to(module), rng)
            if added != NO_HINTS:
                hints = _together(hints, added)
                context = replace(context, voice=self._voice(novelty, themes, hints))
                given = _Given(context)
        self._before = context
        return Speech(context.voice, max(SHORTEST, round(max_tokens * hints.length)))

    def after(self, spoken: Spoken, pulse: Pulse, quality: Quality, speak: Speak) -> Outcome:
        """Still in Generate: let the modules judge, choose, add. `speak` walks the same view.

        The quality is that of what was said first, even when another text is chosen (section 10).
        """
        seen = replace(self._seen, speak=speak)
        overthinking = any(module.name == "overthinking" for module in self.modules)
        context = After(
            **{**_values(self.spoken_in, BEFORE), "seen": seen},
            text=spoken.text,
            said=spoken.tokens,
            pulse=pulse,
            quality=quality,
            facts=Facts(trauma=self.moment.trauma, overthinking=overthinking),
        )
        puts: list[Put] = []
        inner: list[InnerReply] = []
        given = _Given(context)
        for module in self.modules:
            if _is_mute(module, "after"):
                continue
            rng = self._rng(module, "after")
            changes = module.after(self._states[module.name], given.to(module), rng)
            puts.extend(put for put in changes.puts if put.rows)
            inner.extend(changes.inner)
            new = _new(context, changes)
            if new:
                context = replace(context, **new)
                given = _Given(context)
        return Outcome(context.text, tuple(puts), tuple(inner), context.facts)

    def _context(self, novelty: float, voice: Voice) -> Before:
        return Before(**_values(self.moment, MOMENT), novelty=novelty, voice=voice, seen=self._seen)

    def _voice(self, novelty: float, themes: Themes, hints: Hints) -> Voice:
        moment, active = self.moment, len(themes.scores)
        weights = blend_weights(novelty, moment.arousal, moment.trauma, active, hints.weights)
        plain = compute_voice(weights)
        return Voice(
            hints.expert or plain.expert,
            plain.temperature * hints.factor + hints.shift,
            plain.semantic,
            hints.shift,
            plain.expert if hints.expert else "",
        )

    def _rng(self, module: Module[Any], hook: str) -> Random:
        return (
            Random(f"{self._key}:{module.name}:{hook}") if hook in module.USES_CHANCE else NO_CHANCE
        )


class _Given(Generic[Context]):
    """A context, with what the view offers only for modules that declare to read it."""

    def __init__(self, context: Context) -> None:
        self._whole = context
        self._blind: Context | None = None

    def to(self, module: Module[Any]) -> Context:
        """What this module is given."""
        if "view" in module.READS:
            return self._whole
        # Made once for all of them, and not before one asks.
        self._blind = self._blind or replace(self._whole, seen=None)
        return self._blind


def _new(context: After, changes: Changes) -> dict[str, Any]:
    """What a module has changed of the context of those after it."""
    new: dict[str, Any] = {}
    if changes.facts is not None:
        new["facts"] = changes.facts
    if changes.text is not None:
        new["text"], new["said"] = changes.text, tuple(tokenize(changes.text))
    if changes.appended:
        new["text"] = f"{new.get('text', context.text)} {changes.appended}"
    return new


def _is_mute(module: Module[Any], hook: str) -> bool:
    """Whether a module has left a hook as it was: it need not be given randomness then."""
    return getattr(type(module), hook, None) is getattr(Module, hook)


def _values(context: Moment, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(context, name) for name in names}


def _together(hints: Hints, added: Hints) -> Hints:
    """Weights and shifts add, factors multiply, the later expert wins."""
    names = sorted({*hints.weights, *added.weights})
    return Hints(
        {name: hints.weights.get(name, 0.0) + added.weights.get(name, 0.0) for name in names},
        hints.factor * added.factor,
        hints.shift + added.shift,
        added.expert or hints.expert,
        hints.length * added.length,
    )


def _corrected(moment: Moment, heard: Heard) -> Moment:
    """The moment with what a module knows better."""
    better = {
        name: value
        for name in ("arousal", "trauma", "theme_words", "themes_known")
        if (value := getattr(heard, name)) is not None
    }
    return replace(moment, **better) if better else moment
