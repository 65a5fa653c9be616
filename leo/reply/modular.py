"""The program with modules: the same four steps, in which a chorus is asked.

What a module reads comes with Recall's transaction and what it keeps goes with the snapshot's,
 so the actions, their order and the objects of a trace are those of the core program.
Observe and snapshot are the core's own functions; what modules change is what comes to mind and how
it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Final

from leo.actions import Touched
from leo.field import measure
from leo.field.recall import Recalled
from leo.field.text import tokenize
from leo.reply.active import active_themes
from leo.reply.chorus import Chorus
from leo.reply.context import InnerReply, Moment
from leo.reply.module import Module
from leo.reply.program import PROGRAM, Given, ReplyState, Step, Writes, judge, speak


# Bounded: a program that opens fields with modules of its own making would keep them all.
@lru_cache(maxsize=64)
def program_for(modules: tuple[Module[Any], ...]) -> tuple[Step, ...]:
    """The steps of a reply with these modules. Equal modules give equal steps everywhere."""
    if not modules:
        return PROGRAM
    touched = step_objects(modules)
    return tuple(
        replace(
            step,
            reads=touched[step.name].reads,
            writes=touched[step.name].writes,
            function=FUNCTIONS.get(step.name, step.function),
        )
        for step in PROGRAM
    )


def step_objects(modules: Iterable[Module[Any]]) -> Mapping[str, Touched]:
    """What each step of the program reads and writes with these modules.

    It follows from the declarations and from when a module's hooks run: rows are read in `recall`
    and written in `snapshot`, texts to observe reach the n-grams in `observe`, the view is read in
    `generate`. Without any module the steps observe, speak and keep the reply; they recall nothing.
    """
    listed = tuple(modules)
    reads = frozenset[str]().union(*(module.READS for module in listed))
    writes = frozenset[str]().union(*(module.WRITES for module in listed))
    return {
        "recall": Touched(reads - {"ngrams", "view"}, frozenset()),
        "observe": Touched(frozenset({"ngrams"}), frozenset({"ngrams", "view"})),
        "generate": Touched(frozenset({"view"}), frozenset()),
        "snapshot": Touched(frozenset(), (writes - {"ngrams", "view"}) | {"snapshots"}),
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


def recall(state: ReplyState, given: Given) -> Writes:
    """Let every module hear the prompt: what comes to mind, and how much it moves."""
    heard = _chorus(state).hear(given.rows)
    state.recalled = Recalled(heard.used, heard.observe, dict(heard.boosts))
    state.starts = heard.starts
    if heard.arousal is not None:
        state.arousal = heard.arousal
    return Writes()


def generate(state: ReplyState, given: Given) -> Writes:
    """Speak as the modules advise, then let them judge it, choose, add, and wish for more."""
    assert state.observed is not None, "observe comes before generate"
    chorus, view = _chorus(state), given.view
    novelty = measure.novelty(state.tokens, view, state.observed)
    themes = active_themes(view, view.words.id_of, state.tokens)
    centres = tuple(view.words.names[id] for id in view.words.centres())
    speech = chorus.before(novelty, themes, centres=centres)
    say = partial(speak, view, starts=state.starts)
    boosts = state.recalled.boosts
    spoken = say(state.rng, speech.voice.temperature, boosts, speech.max_tokens)
    judge(state, spoken, view, novelty)
    assert state.pulse is not None and state.quality is not None, "judged just now"
    outcome = chorus.after(spoken, state.pulse, state.quality, say)
    state.text, state.marks, state.inner = outcome.text, outcome.puts, outcome.inner
    state.voice, state.facts = speech.voice, outcome.facts
    return Writes()


FUNCTIONS: Final = {"recall": recall, "generate": generate}


def _chorus(state: ReplyState) -> Chorus:
    assert state.chorus is not None, "a program with modules has a chorus"
    return state.chorus
