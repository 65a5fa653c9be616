"""`/why`: how the last reply came about, for people.

A recorder keeps the actions of one reply in memory, with the versions that they read and wrote. The
reply's state holds what the modules did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any, Final, TypeVar

from leo.actions import Action
from leo.field.measure import Pulse
from leo.field.sentences import split_sentences
from leo.field.text import ENDINGS, compose, is_word, tokenize
from leo.field.view import View
from leo.modules import Module
from leo.modules.flowtracker import HOUR, FlowState, FlowTracker
from leo.modules.mathstate import unspoken_state
from leo.modules.ragbrain import RAGBrain
from leo.modules.resonance import Resonance, content_words, is_telling
from leo.modules.trauma import Trauma
from leo.reply.program import ReplyState, Step
from leo.reply.turn import INNER
from leo.reply.voice import Voice
from leo.screen import labelled, listed
from leo.trace.events import Beginning, Happened

M = TypeVar("M", bound=Module[Any])
NOTHING_YET = "Leo has not said anything yet."
# What a reply reads and writes without any module; the rest is theirs.
CORE: Final = frozenset({"ngrams", "snapshots", "view"})
MODULES: Final = "modules"
# The table that a statement of a module puts rows into; what it deletes is not counted.
TABLE: Final = re.compile(r"^(?:INSERT (?:OR \w+ )?INTO|UPDATE) (\w+)")

# Turns of a trajectory, the newest.
SHOWN: Final = 8


class Account:
    """A tracer that remembers the last reply that was called, and the inner replies since then."""

    def __init__(self) -> None:
        self.enabled = True
        self.start: Mapping[str, int] = {}
        self.reply = ""
        self.lines: list[str] = []
        self.inner: list[str] = []

    def begin(self, beginning: Beginning) -> None:
        """Keep the versions that the store had."""
        self.start = beginning.start

    def record(self, happened: Happened) -> None:
        """Keep what belongs to the last reply."""
        action, outcome = happened.action, happened.outcome
        if INNER in happened.session:
            if action is Action.Return:
                self.inner.append(happened.reply)
            return
        if action is Action.Call:
            self.reply, self.lines, self.inner = happened.reply, [], []
        touched = [
            f"{verb} {', '.join(f'{name} {version}' for name, version in versions.items())}"
            for verb, versions in (("reads", happened.reads), ("writes", happened.writes))
            if versions
        ]
        ended = [] if outcome == "ok" else [outcome]
        self.lines.append(f"  {action.value:<13} {'; '.join(touched + ended)}".rstrip())

    @property
    def returned(self) -> bool:
        """Whether the last reply has ended with an answer."""
        return bool(self.lines) and "returned" in self.lines[-1]

    def moment(self) -> AbstractContextManager[object]:
        """One instance, one conversation: there is nobody to hold back."""
        return nullcontext()


def explain_reply(account: Account, state: ReplyState | None, program: tuple[Step, ...]) -> str:
    """What the last reply did: its actions, the objects of its steps, its voice, its marks.

    `state` is that of the last reply that returned; a reply that did not has nothing but its
    actions to tell.
    """
    if not account.reply:
        return NOTHING_YET
    lines = [f"reply    {account.reply}", *account.lines]
    kept_by_modules = {name for step in program for name in step.reads | step.writes} - CORE
    for step in program:
        reads, writes = (
            # The modules read and write all that is theirs in one step each, as a rule: their names
            # stand below, once.
            listed({*(names & CORE), MODULES} if names >= kept_by_modules > set() else names)
            for names in (step.reads, step.writes)
        )
        lines += labelled("step", f"{step.name}: reads {reads}; writes {writes}")
    if kept_by_modules:
        lines += labelled(MODULES, listed(kept_by_modules))
    if state is not None and account.returned:
        lines += _from_state(state)
    if account.inner:
        lines += labelled("after", ", ".join(account.inner))
    return "\n".join(lines)


def tell_reply(state: ReplyState, view: View) -> str:
    """What the last reply took up, for who was answered: words, trigrams, a memory, the modules."""
    said = [token for token in tokenize(state.text) if is_word(token)]
    asked = set(content_words(state.tokens))
    heard = {
        word
        for _, remembered in _remembered(state, Resonance)
        for before in remembered.heard
        for word in content_words(before)
    }
    spoken = content_words(said)
    before = filter(is_telling, heard.intersection(spoken) - asked)
    lines = labelled("yours", f"words of your last line: {_words(asked.intersection(spoken))}")
    lines += labelled("earlier", f"words of your earlier lines: {_words(before)}")
    runs = Counter({run: view.trigram_count(*run) for run in zip(said, said[1:], said[2:])})  # noqa: B905
    often: list[str] = []
    told: set[str] = set()
    for run, count in runs.most_common():
        # Three windows on the same words would tell one thing three times.
        if count > 1 and told.isdisjoint(run) and any(map(is_telling, run)):
            often.append(f"{' '.join(run)} ({count} times)")
            told.update(run)
    known = f"three words in a row that it knows best: {', '.join(often[:3])}"
    lines += labelled("paths", known if often else "no three words in a row met more than once")
    for snippet in state.recalled.snippets[:1]:
        sentences = list(split_sentences(tokenize(snippet)))
        # A memory longer than the prompt is cut: half a sentence tells nothing.
        whole = [one for one in sentences if one[-1] in ENDINGS]
        memory = compose(chain.from_iterable(whole or sentences))
        if len(whole) < len(sentences):
            memory = f"{memory} …" if whole else f"{memory.removesuffix('.')}…"
        lines += labelled("memory", f"what Leo said or thought once: {memory}")
    if state.voice is not None:
        lines += labelled("voice", f"{_voice(state.voice)} (hotter: less likely words)")
    facts = state.facts
    if facts is not None:
        themes = "1 theme" if facts.active == 1 else f"{facts.active} themes"
        # One such word is in every second line that somebody says.
        touched = [row[0] for name, rows in _kept(state) if name == "trauma_words" for row in rows]
        notes = [
            text
            for text, so in (
                (f"you spoke of what Leo began with ({listed(touched)})", len(touched) > 1),
                (f"your line touched {themes} of the field", facts.active > 0),
                ("the inner voice found better words", facts.meta_used),
            )
            if so
        ]
        lines += labelled("modules", "; ".join(notes) or "none stood out")
    return "\n".join([*lines, "/why --steps tells what was read and written."])


def describe_pulse(pulse: Pulse | None) -> str:
    """The pulse of the last reply in one line."""
    if pulse is None:
        return "none yet"
    parts = zip(("novelty", "arousal", "entropy"), pulse[:3], strict=True)
    return f"{pulse.overall:.2f} ({', '.join(f'{name} {value:.2f}' for name, value in parts)})"


def describe_memory(state: ReplyState | None) -> list[str]:
    """What the modules of the last reply remembered when it began: the themes that come and go, by
    their core words, and the words that hurt. Rates, and the strengths in the last turns of a day,
    are told when the turns span an hour: in a talk of minutes a rate an hour says nothing.
    """
    if state is None:
        return []
    lines = []
    for flow, remembered in _remembered(state, FlowTracker):
        for what, themes in (
            ("rising", flow.emerging(remembered, state.now)),
            ("fading", flow.fading(remembered, state.now)),
        ):
            long = any(state.now - at >= HOUR for _, at in remembered.turns)
            shown = ", ".join(
                f"{theme} ({slope:+.1f} an hour: {_strengths(flow, remembered, theme, state)})"
                if long
                else theme
                for theme, slope in [item for item in themes if is_telling(item[0])][:3]
            )
            lines += labelled(what, shown) if shown else []
    for trauma, remembered in _remembered(state, Trauma):
        words = trauma.top_words(remembered, state.now)
        shown = ", ".join(f"{word} ({weight:.2f})" for word, weight in words)
        lines += labelled("wounds", shown) if shown else []
    return lines


def _strengths(flow: FlowTracker, remembered: FlowState, theme: str, state: ReplyState) -> str:
    points = flow.get_trajectory(remembered, theme, state.now)[-SHOWN:]
    return " ".join(f"{point.strength:g}" for point in points)


def _from_state(state: ReplyState) -> list[str]:
    lines = [f"pulse    {describe_pulse(state.pulse)}"]
    if state.quality is not None:
        lines.append(f"quality  {state.quality.overall:.2f}")
    ids, _, boosts = state.recalled
    lines.append(f"recalled replies: {len(ids)}; words lent weight: {len(boosts)}")
    if state.voice is not None:
        lines += labelled("voice", _voice(state.voice))
    lines += _likest(state)
    counts: Counter[str] = Counter()
    for table, rows in _kept(state):
        counts[table] += len(rows)
    if counts:
        kept = ", ".join(f"{table} ({count})" for table, count in sorted(counts.items()))
        lines += labelled("kept", kept)
    return lines


def _kept(state: ReplyState) -> Iterator[tuple[str, tuple[tuple[Any, ...], ...]]]:
    """The tables that the modules put rows into, and the rows."""
    for put in state.marks:
        if (table := TABLE.match(put.sql)) is not None:
            yield table[1], put.rows


def _words(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"


def _voice(voice: Voice) -> str:
    return f"{voice.expert}, temperature {voice.temperature:.2f}"


def _remembered(state: ReplyState | None, kind: type[M]) -> Iterator[tuple[M, Any]]:
    """The modules of a kind that the reply asked, with what each had in mind."""
    if state is not None and state.chorus is not None:
        for module, remembered in state.chorus.remembered():
            if isinstance(module, kind):
                yield module, remembered


def _likest(state: ReplyState) -> list[str]:
    """What came of the episodes that this reply was most like before it was spoken, if any."""
    lines = []
    for module, episodes in _remembered(state, RAGBrain):
        if episodes and state.chorus is not None:
            found = module.get_summary_for_state(episodes, unspoken_state(state.chorus.spoken_in))
            lines += labelled(
                "like",
                f"episodes: {found.count}, {found.mean_distance:.2f} away on average; quality "
                f"{found.avg_quality:.2f}, at best {found.max_quality:.2f}",
            )
    return lines
