"""The program of a reply, as data: its steps, what they read and write, and what they compute.

A step is a plain function. It gets what it declares to read, returns what is to be written, and
does no input or output: the driver does that, under the rules of the discipline. Every driver runs
these same objects, so two executions can differ only in how their steps interleave.

With modules a program has the same four steps, which also ask a chorus. The rows of a module are
read in Recall's transaction and written in the snapshot's, so the actions, their order and the
objects of a trace are those of the core program.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from random import Random
from typing import Any, Final

from leo.actions import Action, Touched, touched
from leo.errors import UndeclaredError
from leo.field import measure
from leo.field.counts import Delta, compute_delta
from leo.field.generation import MAX_TOKENS, NO_STARTS, SILENCE, generate_walk
from leo.field.measure import Pulse, Quality
from leo.field.reading import Readable
from leo.field.recall import Memory, Recalled, choose_memories
from leo.field.sentences import opening_words, whole_sentences
from leo.field.text import compose, tokenize
from leo.reply.active import active_themes
from leo.reply.chorus import Chorus
from leo.reply.context import Facts, InnerReply, Moment, Spoken
from leo.reply.module import Module
from leo.reply.voice import Voice, choose_expert
from leo.store.operations import NewSnapshot
from leo.store.rows import Put, Rows

# Walks for one whole sentence, at most.
TRIES: Final = 3


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
    openings: Collection[str] = (),
    tries: int = 0,
) -> Spoken:
    """Walk through the view, `most` tokens at most, and put the words together: all of them, or
    those in whole sentences, if there are any in so many tries.
    """
    walk = generate_walk(view, rng, temperature, boosts, most, starts)
    text = ""
    for _ in range(tries):
        if text := compose(whole_sentences(walk.tokens, view, openings)):
            break
        # No sentence of a short walk was whole; its half would be learnt as one.
        walk = generate_walk(view, rng, temperature, boosts, MAX_TOKENS, starts)
    return Spoken(text or compose(walk.tokens) or compose((SILENCE,)), walk.tokens, walk.entropy)


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


# Bounded: a program that opens fields with modules of its own making would keep them all.
@lru_cache(maxsize=64)
def program_for(modules: tuple[Module[Any], ...]) -> tuple[Step, ...]:
    """The steps of a reply with these modules. Equal modules give equal steps everywhere."""
    if not modules:
        return PROGRAM
    objects = step_objects(modules)
    return tuple(
        Step(step.name, step.actions, *objects[step.name], FUNCTIONS.get(step.name, step.function))
        for step in PROGRAM
    )


def step_objects(modules: Iterable[Module[Any]]) -> Mapping[str, Touched]:
    """What each step of the program reads and writes with these modules.

    Rows of modules are read in `recall` and written in `snapshot`; the rest follows from the
    actions. Without any module nothing is recalled.
    """
    listed = tuple(modules)
    reads = frozenset[str]().union(*(module.READS for module in listed))
    writes = frozenset[str]().union(*(module.WRITES for module in listed))
    return {step.name: Touched(step.reads, step.writes) for step in PROGRAM} | {
        "recall": Touched(reads - {"ngrams", "view"}),
        "snapshot": Touched(writes=(writes - {"ngrams", "view"}) | {"snapshots"}),
    }


def chorus_for(
    modules: tuple[Module[Any], ...],
    reply: str,
    prompt: str,
    now: float,
    key: str,
    inner: InnerReply | None,
) -> Chorus:
    """The modules of one attempt. An inner reply counts its own turns, in the outer session."""
    session, _, count = reply.rpartition(".")
    tokens = tuple(tokenize(prompt))
    moment = Moment(
        prompt=prompt,
        tokens=tokens,
        session=session if inner is None else inner.root,
        turn=int(count),
        now=now,
        arousal=measure.arousal(tokens),
    )
    return Chorus(modules, moment, key, inner)


def recall_with(state: ReplyState, given: Given) -> Writes:
    """Let every module hear the prompt: what comes to mind, and how much it moves."""
    heard = _chorus(state).hear(given.rows)
    state.recalled = Recalled(heard.used, heard.observe, dict(heard.boosts))
    state.starts = heard.starts
    if heard.arousal is not None:
        state.arousal = heard.arousal
    return Writes()


def observe_with(state: ReplyState, given: Given) -> Writes:
    """Take in what the modules leave of the prompt and of what was recalled."""
    texts = _chorus(state).learnt((state.prompt, *state.recalled.snippets))
    state.observed = compute_delta(texts)
    return Writes(ngrams=state.observed)


def generate_with(state: ReplyState, given: Given) -> Writes:
    """Speak as the modules advise, then let them judge it, choose, add, and wish for more."""
    assert state.observed is not None, "observe comes before generate"
    chorus, view = _chorus(state), given.view
    novelty = measure.novelty(state.tokens, view, state.observed)
    themes = active_themes(view, view.words.id_of, state.tokens)
    centres = tuple(view.words.names[id] for id in view.words.centres())
    speech = chorus.before(novelty, themes, centres=centres)
    say = partial(
        speak, view, starts=state.starts, openings=opening_words(state.tokens), tries=TRIES
    )
    boosts = state.recalled.boosts
    spoken = say(state.rng, speech.voice.temperature, boosts, speech.max_tokens)
    judge(state, spoken, view, novelty)
    assert state.pulse is not None and state.quality is not None, "judged just now"
    outcome = chorus.after(spoken, state.pulse, state.quality, say)
    state.text, state.marks, state.inner = outcome.text, outcome.puts, outcome.inner
    state.voice, state.facts = speech.voice, outcome.facts
    return Writes()


FUNCTIONS: Final = {"recall": recall_with, "observe": observe_with, "generate": generate_with}


def _chorus(state: ReplyState) -> Chorus:
    assert state.chorus is not None, "a program with modules has a chorus"
    return state.chorus
