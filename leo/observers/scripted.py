"""What an observer is, and the scripted one: the same words in each run, as many as requested.

It does not look at the replies, so that two runs to be compared get the same messages.
The published arms differed in the length of the observer's messages (71 and 19 words on average),
and length alone moves the metric: here it is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple, Protocol

from leo.errors import CallerError
from leo.observers.themes import FILLERS, SENTENCES, THEMES, TURNS


class Exchange(NamedTuple):
    """What the observer said in a turn, and what the field answered."""

    message: str
    reply: str


class Observer(Protocol):
    """Says the next message of a conversation."""

    def say(self, theme: str, turn: int, so_far: Sequence[Exchange] = ()) -> str:
        """The message of a turn, counted from 0, after the turns `so_far` of the same theme.

        Raises LeoError when there is nothing to say or nobody to ask.
        """


class ScriptedObserver:
    """Five themes of four turns. `words`: the number of words (split on white space) of every
    message, or None for the bare prompt. `variant` chooses which sentences follow a prompt, and in
    which order: equal variants say the same.
    """

    def __init__(self, words: int | None = None, variant: int = 0) -> None:
        self.words: Final = words
        self.variant: Final = variant

    def say(self, theme: str, turn: int, so_far: Sequence[Exchange] = ()) -> str:
        """The message of a turn; `so_far` changes nothing.

        Raises CallerError for a theme or a turn that there is not, and for a length that the
        theme's words do not reach or that its prompt exceeds.
        """
        if theme not in THEMES or not 0 <= turn < TURNS:
            raise CallerError(
                f"the scripted observer has nothing on turn {turn} of the theme {theme!r}; its "
                f"themes are {', '.join(THEMES)}, of turns 0 to {TURNS - 1} each"
            )
        prompt = THEMES[theme][turn]
        if self.words is None:
            return prompt
        rng = Random(f"{self.variant}:{theme}:{turn}")
        more = rng.sample(SENTENCES[theme], len(SENTENCES[theme]))
        said, missing = [prompt], self.words - len(prompt.split())
        # The longest filler first: what is left then is the length of a shorter one, or none.
        for sentence in (*more, *reversed(FILLERS)):
            length = len(sentence.split())
            if length <= missing:
                said.append(sentence)
                missing -= length
        if missing:
            least, most = _range(theme, turn)
            raise CallerError(
                f"the scripted observer cannot say turn {turn} of {theme!r} in {self.words} words: "
                f"choose from {least} to {most}, or leave the length open"
            )
        return " ".join(said)


def _range(theme: str, turn: int) -> tuple[int, int]:
    """The fewest and the most words of a message."""
    least = len(THEMES[theme][turn].split())
    more = sum(len(sentence.split()) for sentence in (*SENTENCES[theme], *FILLERS))
    return least, least + more
