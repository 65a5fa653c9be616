"""SantaKlaus: recalls past good replies, has them observed again, boosts their tokens (organism,
section 12). `leo.field.recall` has the formulas; the snapshot's transaction notes their use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, cast

from leo.field.recall import MIN_QUALITY, Recalled, Row, choose_memories
from leo.field.text import tokenize
from leo.reply.context import Heard, Moment
from leo.reply.module import Module
from leo.store.operations import newest
from leo.store.rows import Rows

LOUDER: Final = 1
SHORTEST: Final = 12


class SantaKlaus(Module[Sequence[Row]]):
    """Memories in, what comes to mind out.

    `WRITES` has `ngrams` for the snippets that it has observed and `snapshots` for their use.
    """

    name = "santaklaus"
    READS = frozenset({"snapshots"})
    WRITES = frozenset({"ngrams", "snapshots"})
    INNER = frozenset({"ring", "dream"})
    QUERIES: ClassVar[Mapping[str, str]] = {"memories": newest(f"quality >= {MIN_QUALITY}")}

    def load(self, rows: Rows) -> Sequence[Row]:
        """The newest memories, those too poor to come to mind left out."""
        return cast(Sequence[Row], rows["memories"])

    def recall(
        self,
        memories: Iterable[Row],
        tokens: Iterable[str],
        arousal: float,
        now: float,
        themes: frozenset[str] = frozenset(),
    ) -> Recalled:
        """At most five memories, their snippets and boosts. `themes` are words, `now` in seconds.

        score = 0.4 Jaccard + 0.2 theme words + 0.2 closeness of arousal + 0.2 quality by freshness
        """
        return choose_memories(memories, tokens, arousal, now, themes)

    def hear(self, state: Sequence[Row], moment: Moment) -> Heard:
        """The snippets to observe with the prompt, and the boosts for the walk."""
        found = self.recall(state, moment.tokens, moment.arousal, moment.now, moment.theme_words)
        observed = as_loud_as(found.snippets, len(moment.tokens))
        return Heard(observe=observed, boosts=found.boosts, used=found.ids)


def as_loud_as(snippets: Sequence[str], tokens: int) -> tuple[str, ...]:
    """The first snippets, cut to LOUDER times as many tokens in all as the prompt has.

    Five memories of 64 tokens beside a prompt of ten would leave a field that knows its own words
    and nobody else's.
    """
    left, found = max(SHORTEST, LOUDER * tokens), []
    for text in snippets:
        said = tokenize(text)[:left]
        if not said:
            break
        found.append(text if len(said) == len(tokenize(text)) else " ".join(said))
        left -= len(said)
    return tuple(found)
