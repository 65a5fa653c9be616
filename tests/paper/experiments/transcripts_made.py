"""Transcripts made for the tests, in both published formats, from words of our own."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from leo.field.metrics import score_turn

SHARED = [
    "stone", "river", "paper", "lamp", "winter", "bread", "window", "silver", "garden", "letter",
]  # fmt: skip
OWN = [
    "murmur", "hollow", "kestrel", "amber", "thistle", "harbour", "velvet", "cinder", "lantern",
    "meadow",
]  # fmt: skip
SYNC_TURN = "#### Turn {turn}\n\n**Observer:** {message}\n\n**Leo:** {reply}\n\n{metric}\n"
ASYNC_TURN = "**Turn {turn}** [12:00:0{turn}]\n\nObserver: {message}\n\nLeo: {reply}\n\n{metric}\n"

Talks = Sequence[Sequence[tuple[str, str]]]


def talks(seed: int, words: int, share: float = 0.5, themes: int = 5, turns: int = 4) -> Talks:
    """Conversations of random words: messages of `words` words, replies of 20, of which `share`
    come from the words that messages are made of.
    """
    rng = Random(seed)

    def reply() -> str:
        return " ".join(rng.choice(SHARED if rng.random() < share else OWN) for _ in range(20))

    return [
        [(" ".join(rng.choices([*SHARED, *OWN[:3]], k=words)), reply()) for _ in range(turns)]
        for _ in range(themes)
    ]


def sync_text(conversations: Talks, *, printed: bool = True) -> str:
    """The synchronous format, with the synchronous definition printed."""
    parts = ["# A report\n\nSome words before the first section.\n"]
    for n, talk in enumerate(conversations):
        parts.append(f"### theme {n}\n")
        for turn, (message, reply) in enumerate(talk, 1):
            value = score_turn(reply, [message]).token_ratio_current
            metric = f"*Metrics: external_vocab={value:.3f}, entropy=0.500*" if printed else ""
            parts.append(SYNC_TURN.format(turn=turn, message=message, reply=reply, metric=metric))
        parts.append("---\n")
    return "\n".join(parts)


def async_text(conversations: Talks) -> str:
    """The asynchronous format, with the asynchronous definition printed."""
    parts = ["# A report\n\n## Conversations\n"]
    for n, talk in enumerate(conversations, 1):
        parts.append(f"### {n}. theme {n}\n")
        heard: list[str] = []
        for turn, (message, reply) in enumerate(talk, 1):
            heard.append(message)
            value = score_turn(reply, heard).type_ratio_current_plus_3
            metric = f"*external_vocab={value:.3f}*"
            parts.append(ASYNC_TURN.format(turn=turn, message=message, reply=reply, metric=metric))
    return "\n".join(parts)
