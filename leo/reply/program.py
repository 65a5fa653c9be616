"""The program of a reply, as data: what its steps are, what they read and write, and what they
compute.

A step is a plain function. It is given what it declares to read, returns what it wants written, and
does no input or output: the driver does that, under the discipline's rules. Every driver runs these
same objects, so two executions can only differ in how their steps met.

This is the core program; `leo.reply.modular` has the one that asks modules in its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from leo.actions import Action, touched
from leo.errors import UndeclaredError
from leo.field import measure
from leo.field.counts import Delta, compute_delta
from leo.field.generation import MAX_TOKENS, NO_STARTS, SILENCE, generate_walk
from leo.field.measure import Pulse, Quality
from leo.field.reading import Readable
from leo.field.recall import Memory, Recalled, choose_memories
from leo.field.text import compose, tokenize
from leo.reply.chorus import Chorus
from leo.reply.context import Facts, InnerReply, Spoken
from leo.reply.voice import Voice, choose_expert
from leo.store.operations import NewSnapshot
from leo.store.rows import Put, Rows


@dataclass(slots=True)
class ReplyState:
    """What a reply carries from step to step. `now` is in seconds; the clock is read once per
    reply. `chorus` asks the modules, if there are any; `marks` is what they keep of the reply,
    `inner` the replies that they want after it, `facts` what they found out.
    """

    prompt: str
    now: float
    rng: Random
    chorus: Chorus | None = None
    tokens: list[str] = field(init=False)
    arousal: float = field(init=False)
    recalled: Recalled = Recalled((), (), {})
    starts: Mapping[str, float] = field(default_factory=dict)
    observed: Delta | None = None
    text: str = ""
    pulse: Pulse | None = None
    quality: Quality | None = None
    voice: Voice | None = None
    facts: Facts | None = None
    marks: tuple[Put, ...] = ()
    inner: tuple[InnerReply, ...] = ()

    def __post_init__(self) -> None:
        self.tokens = tokenize(self.prompt)
        self.arousal = measure.arousal(self.tokens)


class Given:
    """What a step may read: only what it declared can be taken."""

    __slots__ = ("_memories", "_rows", "_view")

    def __init__(
        self,
        memories: Sequence[Memory] | None = None,
        view: Readable | None = None,
        rows: Mapping[str, Rows] | None = None,
    ) -> None:
        self._memories = memories
        self._rows = rows
        self._view = view

    @property
    def memories(self) -> Sequence[Memory]:
        """What Recall read. Raises UndeclaredError when the step does not declare it."""
        if self._memories is None:
            raise UndeclaredError("the step reads 'snapshots' without declaring it")
        return self._memories

    @property
    def rows(self) -> Mapping[str, Rows]:
        """What Recall read for the modules, by name. Raises UndeclaredError in any other step."""
        if self._rows is None:
            raise UndeclaredError("the step reads the modules' rows without declaring it")
        return self._rows

    @property
    def view(self) -> Readable:
        """The field to read. Raises UndeclaredError when the step does not declare it."""
        if self._view is None:
            raise UndeclaredError("the step reads 'view' without declaring it")
        return self._view


@dataclass(frozen=True, slots=True)
class Writes:
    """What a step wants written: counts to the n-grams and the view, a row to the snapshots."""

    ngrams: Delta | None = None
    snapshot: NewSnapshot | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A named step: its actions under step commit, the objects that it reads and writes, its
    function.

    Without modules the objects follow from the actions (`leo.actions`).
    """

    name: str
    actions: tuple[Action, ...]
    reads: frozenset[str]
    writes: frozenset[str]
    function: Callable[[ReplyState, Given], Writes]


def recall(state: ReplyState, given: Given) -> Writes:
    """Let past replies come to mind (organism, section 12)."""
    state.recalled = choose_memories(given.memories, state.tokens, state.arousal, state.now)
    return Writes()


def observe(state: ReplyState, given: Given) -> Writes:
    """Take in the prompt and what was recalled, in one observation (sections 2 and 12)."""
    state.observed = compute_delta((state.prompt, *state.recalled.snippets))
    return Writes(ngrams=state.observed)


def generate(state: ReplyState, given: Given, most: int = MAX_TOKENS) -> Writes:
    """Speak `most` tokens from the view, and judge what was said (sections 8 and 9)."""
    assert state.observed is not None, "observe comes before generate"
    view = given.view
    novelty = measure.novelty(state.tokens, view, state.observed)
    expert = choose_expert(novelty)
    spoken = speak(view, state.rng, expert.temperature, state.recalled.boosts, most)
    state.text = spoken.text
    judge(state, spoken, view, novelty)
    return Writes()


def speak(
    view: Readable,
    rng: Random,
    temperature: float,
    boosts: Mapping[str, float],
    most: int = MAX_TOKENS,
    *,
    starts: Mapping[str, float] = NO_STARTS,
) -> Spoken:
    """Walk through the view, `most` tokens at most, and put the words together."""
    walk = generate_walk(view, rng, temperature, boosts, most, starts)
    return Spoken(compose(walk.tokens) or compose((SILENCE,)), walk.tokens, walk.entropy)


def judge(state: ReplyState, spoken: Spoken, view: Readable, novelty: float) -> None:
    """Give the reply its pulse and its quality, those of what was said first."""
    coverage = measure.trigram_coverage(spoken.tokens, view)
    structural = measure.structural_quality(spoken.tokens, state.tokens, coverage)
    even = measure.entropy_quality(spoken.entropy)
    state.pulse = measure.presence(novelty, state.arousal, spoken.entropy)
    state.quality = Quality(structural, even, (structural + even) / 2)


def snapshot(state: ReplyState, given: Given) -> Writes:
    """Keep the reply. Every reply is kept; recall looks at the good ones only (section 10)."""
    assert state.quality is not None, "generate comes before snapshot"
    inner = state.chorus.inner if state.chorus is not None else None
    new = NewSnapshot(
        state.text,
        inner.inner.kind if inner is not None else "leo",
        state.quality.overall,
        state.arousal,
        state.now,
        state.recalled.ids,
        state.marks,
    )
    return Writes(snapshot=new)


def _step(function: Callable[[ReplyState, Given], Writes], *actions: Action) -> Step:
    return Step(function.__name__, actions, *touched(*actions), function)


PROGRAM: Final[tuple[Step, ...]] = (
    _step(recall, Action.Recall),
    _step(observe, Action.Ingest, Action.LoadBigrams, Action.LoadTrigrams, Action.AssignView),
    _step(generate, Action.Generate),
    _step(snapshot, Action.SaveSnapshot),
)


def declared(step: Step, writes: Writes) -> Writes:
    """The writes, when the step declares them. Raises UndeclaredError otherwise."""
    for name, value in (("ngrams", writes.ngrams), ("snapshots", writes.snapshot)):
        if value is not None and name not in step.writes:
            raise UndeclaredError(f"the step writes {name!r} without declaring it")
    return writes
