"""A conversation of 200 turns, deterministic, that gives every module something to do; and what
people say on any day.
"""

from __future__ import annotations

from random import Random
from typing import Final

__all__ = ["EVERYDAY", "SCRIPT"]

TURNS: Final = 200
NAMES: Final = ("Marta", "Oskar", "Lisbon", "Emil", "Vienna", "Tereza", "Anton", "Nadia")
PLAIN: Final = (
    "The rain fell over the river and the river rose in the night.",
    "We carried the boats up to the meadow while the rain fell.",
    "In the morning the bread was warm and the kitchen smelled of it.",
    "ok",
    "Hm, go on.",
    "Tell me about the boats and the river, and about the long winter.",
    "What is a proof?",
    "Nobody said anything for a while.",
)
CHARGED: Final = (
    "NO! Stop it! STOP!",
    "Who are you, Leo?",
    "Silence remembers the grass, the voices, the ground.",
    "Are you real? Do you remember your field in the morning silence?",
    "What WONDERFUL news! We won! We won!",
)
# Said to nobody in particular: of the words that the field began with there are two.
EVERYDAY: Final = (
    "Hello there.",
    "How are you today?",
    "I had bread and coffee for breakfast.",
    "The weather is nice this morning.",
    "My sister is coming to visit next week.",
    "We went to the market after lunch.",
    "What should I cook for dinner?",
    "The train was late again.",
    "I read a book about whales.",
    "Our neighbour has a new dog.",
    "It is still raining outside.",
    "Can you tell me a story?",
    "I think I will go for a walk.",
    "The garden needs some work.",
    "Good night, see you tomorrow.",
)


def _script() -> list[str]:
    rng = Random(2)
    turns: list[str] = []
    while len(turns) < TURNS:
        lot = rng.random()
        if lot < 0.2:
            name = rng.choice(NAMES)
            turns += [f"Yesterday I met {name} near the river.", f"{name} is an old friend."]
        else:
            turns.append(rng.choice(CHARGED if lot < 0.4 else PLAIN))
    return turns[:TURNS]


SCRIPT: Final = _script()
