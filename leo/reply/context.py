"""The arguments and results of a module's hooks: frozen data, one context per hook."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, Protocol

from leo.errors import UndeclaredError
from leo.field.measure import Pulse, Quality
from leo.reply.active import NO_THEMES, Themes
from leo.reply.voice import Voice
from leo.store.rows import Put


class Inner(NamedTuple):
    """What an inner reply is for: its kind ("ring", "dream") and its place among its kind."""

    kind: str
    place: int


class InnerReply(NamedTuple):
    """A reply to run after this one has ended, as an ordinary reply of an inner session.

    `temperature` and `max_tokens` are given: no expert speaks in an inner reply. `root` is the
    session that it belongs to.
    """

    session: str
    prompt: str
    temperature: float
    max_tokens: int
    inner: Inner
    root: str


class Spoken(NamedTuple):
    """Something said from the view: its text, its tokens, the entropy of its walk."""

    text: str
    tokens: tuple[str, ...]
    entropy: float


class Speak(Protocol):
    """A walk of so many tokens at most; its sentences may begin with one of `openings`, too.
    `starts` (token -> weight) stand in the place of what the modules heard.
    """

    def __call__(
        self,
        rng: Random,
        temperature: float,
        boosts: Mapping[str, float],
        most: int,
        *,
        starts: Mapping[str, float] = ...,
        openings: Collection[str] = (),
    ) -> Spoken: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What the view offers to a module: the active themes, the centres, and a walk through it."""

    themes: Themes = NO_THEMES
    speak: Speak | None = None
    centres: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The context of `hear`. `session` is the outer one, `turn` the number of its reply, from 1.

    `arousal` and `trauma` are in [0, 1]; `now` is in seconds of the injected clock. `theme_words`
    are the words of the themes that the prompt names and `themes_known` is the number of all themes
    that were ever active, both as far as the store knows.
    """

    prompt: str
    tokens: tuple[str, ...]
    session: str
    turn: int
    now: float
    arousal: float
    trauma: float = 0.0
    theme_words: frozenset[str] = frozenset()
    themes_known: int = 0
    inner: Inner | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before(Moment):
    """The context of `before`: the prompt's novelty and the voice as the modules so far left it."""

    novelty: float
    voice: Voice
    seen: Seen | None = None

    @property
    def looked(self) -> Seen:
        """What the view offers. Raises UndeclaredError for a module that does not read it."""
        if self.seen is None:
            raise UndeclaredError("the module reads 'view' without declaring it")
        return self.seen

    @property
    def themes(self) -> Themes:
        """The active themes. Raises UndeclaredError like `looked`."""
        return self.looked.themes

    @property
    def centres(self) -> tuple[str, ...]:
        """The view's centres, the heaviest first. Raises UndeclaredError like `looked`."""
        return self.looked.centres


@dataclass(frozen=True, slots=True)
class Facts:
    """What the modules found out about this reply, each for those after it."""

    trauma: float = 0.0
    emerging: float = 0.0
    fading: float = 0.0
    active: int = 0
    total: int = 0
    meta_weight: float = 0.0
    meta_used: bool = False
    overthinking: bool = False
    rings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class After(Before):
    """The context of `after`: what was said, and what it was worth."""

    text: str
    said: tuple[str, ...]
    pulse: Pulse
    quality: Quality
    facts: Facts = field(default_factory=Facts)

    @property
    def speak(self) -> Speak:
        """A walk through the view. Raises UndeclaredError for a module that does not read it."""
        if self.looked.speak is None:
            raise UndeclaredError("the module reads 'view' without declaring it")
        return self.looked.speak


@dataclass(frozen=True, slots=True)
class Heard:
    """Of `hear`: texts to observe with the prompt, boosts, memories used, measures corrected.

    `starts`: token -> weight, for the choice of the centre where a walk begins.
    """

    observe: tuple[str, ...] = ()
    boosts: Mapping[str, float] = field(default_factory=dict)
    used: tuple[int, ...] = ()
    arousal: float | None = None
    trauma: float | None = None
    theme_words: frozenset[str] | None = None
    themes_known: int | None = None
    starts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hints:
    """Of `before`: how to speak. The neutral value of each field changes nothing.

    `weights` are added to the experts' weights, `factor` multiplies the temperature, `shift` is
    added to it, `expert` replaces the name, `length` multiplies the number of tokens.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    factor: float = 1.0
    shift: float = 0.0
    expert: str | None = None
    length: float = 1.0


@dataclass(frozen=True, slots=True)
class Changes:
    """Of `after`: rows to write, another text, words appended, inner replies, facts."""

    puts: tuple[Put, ...] = ()
    text: str | None = None
    appended: str = ""
    inner: tuple[InnerReply, ...] = ()
    facts: Facts | None = None
