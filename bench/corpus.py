"""Text to grow fields from: any amount, the same for the same seed, with the shape of real text.

A few words are very common and most are rare (Zipf-Mandelbrot over 50,000 made-up words), and a
word is followed by some words more often than by others, or three tokens in a row would hardly
ever come twice. Nothing here is a claim about a language: it gives tables of a realistic shape.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from random import Random

__all__ = ["prompts", "sentences"]

WORDS = 50_000
SHIFT, POWER = 2.7, 1.05
# How often a word is followed by one of its own, and by how many of them at most.
HABIT, HABITS = 0.5, 40
ONSETS = ("b", "br", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st", "t", "w")
VOWELS = ("a", "e", "i", "o", "u", "ea", "oo")


def sentences(seed: int = 1) -> Iterator[str]:
    """Sentences without end, one line each."""
    rng = Random(seed)
    common = list(accumulate((rank + SHIFT) ** -POWER for rank in range(WORDS)))
    habits = list(accumulate(1 / (place + 1) for place in range(HABITS)))

    def any_word(chance: Random) -> int:
        return bisect(common, chance.random() * common[-1], hi=WORDS - 1)

    followers: dict[int, list[int]] = {}
    words = [_word(rank) for rank in range(WORDS)]
    while True:
        word = any_word(rng)
        line = [words[word].capitalize()]
        for _ in range(rng.randint(3, 18)):
            if rng.random() < HABIT:
                own = followers.get(word)
                if own is None:
                    taste = Random(word)
                    own = followers[word] = [any_word(taste) for _ in range(HABITS)]
                word = own[bisect(habits, rng.random() * habits[-1], hi=HABITS - 1)]
            else:
                word = any_word(rng)
            line.append(words[word])
            if rng.random() < 0.07:
                line[-1] += ","
        yield " ".join(line).rstrip(",") + "."


def prompts(count: int, seed: int = 2) -> list[str]:
    """Prompts of the same kind of text, one sentence each."""
    source = sentences(seed)
    return [next(source)[:-1] + "?" for _ in range(count)]


def _word(rank: int) -> str:
    """The rank written in syllables: common words are short, and no two are alike."""
    syllables = len(ONSETS) * len(VOWELS)
    text = ""
    left = rank + 1
    while left:
        left, place = divmod(left - 1, syllables)
        text += ONSETS[place % len(ONSETS)] + VOWELS[place // len(ONSETS)]
    return text
