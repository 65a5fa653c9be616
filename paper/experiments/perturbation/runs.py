"""One conversation with one defect at a known moment, and the same conversation without it.

A defect is a changed step of the program, for one reply: what it does to the field is what the
runtime's defect of that name does, and everything else stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from leo.field.counts import compute_delta
from leo.field.view import View
from leo.front.threads import LeoField
from leo.reply.program import PROGRAM, Given, ReplyState, Step, Writes
from paper.experiments.arms import open_changed
from paper.experiments.perturbation.views import Context, picture_of

NONE: Final = "none"
# stale: generate reads the view of before the observation. lost: nothing is written. doubled: it is
# written twice. reordered: it is written with, and after, that of the next reply.
KINDS: Final = ("stale", "lost", "doubled", "reordered")
SESSION: Final = "s1"
NOW: Final = 1_767_139_200.0

Counts = dict[Context, dict[str, int]]


@dataclass
class Conversation:
    """The replies, what each of them observed, and pictures of the field: before the observation of
    the moment, and after that reply.
    """

    replies: list[str] = field(default_factory=list)
    without: Counts = field(default_factory=dict)
    after: Counts = field(default_factory=dict)
    observed: list[tuple[str, ...]] = field(default_factory=list)


class _Defect:
    """The steps of the core program, changed for the reply of the moment."""

    def __init__(self, kind: str, moment: int) -> None:
        self._kind = kind
        self._moment = moment
        self._reply = -1
        self._held: tuple[str, ...] = ()
        self.stale: View | None = None
        self.observed: list[tuple[str, ...]] = []
        self._steps = {step.name: step.function for step in PROGRAM}

    def program(self) -> tuple[Step, ...]:
        """The four steps."""
        mine = {"recall": self.recall, "observe": self.observe, "generate": self.generate}
        return tuple(replace(step, function=mine.get(step.name, step.function)) for step in PROGRAM)

    def recall(self, state: ReplyState, given: Given) -> Writes:
        self._reply += 1
        return self._steps["recall"](state, given)

    def observe(self, state: ReplyState, given: Given) -> Writes:
        whole = self._steps["observe"](state, given)
        texts = (state.prompt, *state.recalled.snippets)
        self.observed.append(texts)
        if self._reply == self._moment:
            if self._kind == "lost":
                return Writes()
            if self._kind == "doubled":
                return Writes(ngrams=compute_delta(texts * 2))
            if self._kind == "reordered":
                self._held = texts
                return Writes()
        held, self._held = self._held, ()
        return Writes(ngrams=compute_delta((*texts, *held))) if held else whole

    def generate(self, state: ReplyState, given: Given) -> Writes:
        if self._kind == "stale" and self._reply == self._moment:
            assert self.stale is not None, "taken before the reply"
            return self._steps["generate"](state, Given(view=self.stale))
        return self._steps["generate"](state, given)


def run_with(
    kind: str, moment: int, messages: Sequence[str], seed: int, path: Path
) -> Conversation:
    """Talk on the field at `path`, with a defect of a kind (or NONE) in the reply of the number
    `moment`, counted from 0.
    """
    defect, found = _Defect(kind, moment), Conversation()
    with open_changed(path, seed, lambda: NOW, defect.program()) as leo:
        for number, message in enumerate(messages):
            if number == moment:
                defect.stale = _loaded(path)
                found.without = picture_of(defect.stale)
            found.replies.append(leo.reply(message, SESSION))
            if number == moment:
                found.after = picture_of(leo.view)
    found.observed = defect.observed
    return found


def _loaded(path: Path) -> View:
    """The field as a new instance on the store sees it now."""
    with LeoField.open(path) as other:
        return other.view
