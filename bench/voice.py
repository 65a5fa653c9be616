"""What Resonance does to a conversation: is something taken up, is it repeated, does it end?

    python -m bench.voice --seeds 30

Twelve prompts of our own, in one order, on a new field for each seed; with all modules, and
with all but Resonance. The clock is injected: the same seeds give the same figures.
"""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from leo import MODULES, LeoField
from leo.field.metrics import token_ratio_current
from leo.field.seed import SEED_TEXT
from leo.field.sentences import split_sentences
from leo.field.text import is_word, tokenize
from leo.modules.resonance import RUN, content_words, runs_of, sentence_words
from leo.reply.module import Module

__all__ = ["PROMPTS", "Figures", "converse", "measure", "repeats"]

PROMPTS: Final = (
    "My dog died last winter and the house is quiet.",
    "I planted tomatoes in the garden behind the kitchen.",
    "Do you remember the river near my school?",
    "The train to the mountains was late again.",
    "My sister plays the violin every evening.",
    "I dreamed of a lighthouse that kept walking.",
    "What should I cook for eleven guests?",
    "The neighbour's cat sleeps on my keyboard.",
    "There is a storm over the harbour tonight.",
    "I lost my favourite umbrella in the library.",
    "Grandmother taught me to bake bread.",
    "Tell me something about the violin and the storm.",
)
# A word counts as taken up within so many replies.
WITHIN: Final = 5


class Figures(NamedTuple):
    """Shares in [0, 1], means over the prompts: of a prompt's content words that come back within
    five replies, of runs of four words said before in the same reply; of all sentences, those that
    begin or end with a word that began or ended none that was heard, and those that were said in
    the last WITHIN replies; external_vocab; tokens of a reply.
    """

    taken_up: float
    repeated: float
    torn: float
    refrains: float
    external_vocab: float
    tokens: float


def converse(modules: tuple[Module[Any], ...], seed: int) -> list[str]:
    """The replies to PROMPTS on a new field; a minute passes with each reading of the clock."""
    clock = count(1000, 60)
    with (
        TemporaryDirectory() as folder,
        LeoField.open(
            Path(folder) / "field", seed=seed, modules=modules, clock=lambda: float(next(clock))
        ) as field,
    ):
        return [field.reply(prompt) for prompt in PROMPTS]


def repeats(tokens: list[str]) -> int:
    """How many runs of RUN words were said before in the same reply."""
    runs = runs_of(sentence_words(tokens))
    return len(runs) - len(set(runs))


def measure(replies: list[str]) -> Figures:
    """The figures of one conversation."""
    said = [tokenize(reply) for reply in replies]
    taken, external = [], []
    for number, prompt in enumerate(PROMPTS):
        asked = content_words(tokenize(prompt))
        back = {word for tokens in said[number : number + WITHIN] for word in content_words(tokens)}
        taken.append(len(back.intersection(asked)) / len(asked))
        external.append(token_ratio_current(replies[number], prompt))
    runs = sum(max(1, sum(map(is_word, tokens)) - RUN + 1) for tokens in said)
    sentences = [list(map(sentence_words, split_sentences(tokens))) for tokens in said]
    known = [*split_sentences(tokenize(SEED_TEXT)), *map(tokenize, PROMPTS)]
    begins, ends = ({words[place] for words in map(sentence_words, known)} for place in (0, -1))
    torn = [words[0] not in begins or words[-1] not in ends for one in sentences for words in one]
    refrains = [
        any(words in earlier for earlier in sentences[max(0, number - WITHIN) : number])
        for number, one in enumerate(sentences)
        for words in one
    ]
    return Figures(
        fmean(taken),
        sum(map(repeats, said)) / runs,
        fmean(torn),
        fmean(refrains),
        fmean(external),
        fmean(map(len, said)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.voice", description=__doc__)
    parser.add_argument("--seeds", type=int, default=30, help="conversations of each kind")
    seeds = range(parser.parse_args().seeds)
    without = tuple(module for module in MODULES if module.name != "resonance")
    print(f"{'':18}" + "".join(f"{name:>16}" for name in Figures._fields))
    for name, modules in (("without Resonance", without), ("with Resonance", MODULES)):
        rows = [measure(converse(modules, seed)) for seed in seeds]
        print(
            f"{name:18}" + "".join(f"{fmean(column):16.3f}" for column in zip(*rows, strict=True))
        )


if __name__ == "__main__":
    main()
