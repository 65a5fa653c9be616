"""Resonance: what is taken up, what is told again, and what is no source of a reply."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain, count, islice, pairwise
from pathlib import Path
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.voice import converse, measure, repeats
from leo import MODULES, LeoField
from leo.field.generation import generate_walk
from leo.field.seed import SEED_TEXT
from leo.field.sentences import asks, split_sentences
from leo.field.text import ENDINGS, tokenize
from leo.modules.resonance import (
    FEW,
    MOST,
    PROMPTS,
    REPLIES,
    SEED_RUNS,
    Paths,
    chosen,
    content_words,
    fresh_sentences,
    runs_of,
    sentence_words,
)

TOKENS = st.lists(st.sampled_from(["one", "two", "three", "four", "five", ".", "?", ","]))


def test_more_is_taken_up_and_less_is_repeated() -> None:
    """Of the same conversations, with and without it; external_vocab stays below 0.2."""
    without = tuple(module for module in MODULES if module.name != "resonance")
    before = [measure(converse(without, seed)) for seed in range(3)]
    after = [measure(converse(MODULES, seed)) for seed in range(3)]
    for one, other in zip(before, after, strict=True):
        assert other.taken_up > one.taken_up
        assert other.repeated < one.repeated
        assert other.torn < 0.05 and other.refrains < 0.05 < one.refrains
        assert other.external_vocab < 0.2


def test_the_last_prompts_of_a_session_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of them, by session, and no more; of all sessions so many, however many there are."""
    monkeypatch.setattr("leo.modules.resonance.KEPT", PROMPTS + 2)
    clock = count(1000)
    with LeoField.open(
        tmp_path / "field", modules=MODULES, clock=lambda: float(next(clock))
    ) as field:
        for number in range(PROMPTS + 3):
            field.reply(f"Prompt {'abcdefghijklmnop'[number] * 5}", "ada")
        for session in ("bob", "carl", "dora"):
            field.reply("Something else", session)
        heard = field._store.perform(
            lambda conn: conn.execute("SELECT session, words FROM resonance ORDER BY id").fetchall()
        )
    assert [name for name, _ in heard] == ["ada"] * (PROMPTS - 1) + ["bob", "carl", "dora"]
    assert heard[0][1] == '["Prompt", "eeeee"]'


@given(TOKENS)
def test_fresh_sentences_end_and_differ(tokens: list[str]) -> None:
    """What is kept is sentences with an end, each once, and none of those that were said."""
    kept = fresh_sentences(tokens, {("one", "two", "three")})
    assert all(sentence[-1] in ENDINGS for sentence in kept.values())
    assert all(words == sentence_words(sentence) for words, sentence in kept.items())
    assert ("one", "two", "three") not in kept
    assert not any(one == other for words in kept for one, other in pairwise(words))


def words_of(*texts: str) -> list[tuple[str, ...]]:
    """The words of each text."""
    return [sentence_words(tokenize(text)) for text in texts]


STOCK = words_of("I do not store the world", "Speak, and the leaning stays", "I can be mistaken")
HEARD = words_of("The sea is old and grey", "The sky is cold", "An oak is tall", "Elms are few")


def test_the_worthiest_are_said_and_one_of_the_seed_text() -> None:
    """MOST sentences, one less where it is worth nothing; no run of words twice; of the seed text
    FEW alone, and one among others.
    """
    assert chosen({words: -place for place, words in enumerate(STOCK)}) == STOCK[:FEW]
    again = words_of("So the sea is old")
    worths = {words: 9.0 - place for place, words in enumerate(STOCK + again + HEARD)}
    assert chosen(worths) == [STOCK[0], *again, *HEARD[1:3]] and MOST == 4
    assert chosen(dict.fromkeys(HEARD, 0.0)) == HEARD[: MOST - 1]


def test_paths_tell_a_torn_sentence() -> None:
    """A step off three known words counts, an end is a step; so does a beginning known from within
    a sentence alone. What is not known at all is no fault.
    """
    paths = Paths(words_of("What I hear is not lost", "I hear you", "Let each of them finish"))
    torn = "let each of them slow down", "what I hear is not"
    assert [paths.astray(words) for words in words_of(*torn)] == [1, 1]
    assert not any(
        map(paths.astray, words_of("What I hear is not lost", "The oak is tall and old"))
    )
    tears = map(
        paths.tears, words_of("each of them", "is not lost", "I hear you", "an oak is tall")
    )
    assert list(tears) == [True, True, False, False]


SMALL_TALK = (
    "My neighbour keeps bees on the roof.",
    "They are called Ada and Bertha, all four hundred of them!",
    "What do bees do when it snows?",
    "Yesterday I walked to the mill and back.",
    "The miller sold me flour. I paid with honey.",
    "Do you like honey?",
    "My knee hurts. I should sit down.",
    "Where did I walk yesterday?",
    "I found a coin under the bench.",
    "What did I pay with?",
)
RUFUS = ("My dog was called Rufus.", "Who was Rufus?", "dog")
BAKER = ("The baker is called Anselm.", "who is the baker?", "anselm")
LAMP = ("we bought the lamp in Riga", "Do you like my lamp?", "riga")


def talk(path: Path, seed: int, prompts: Sequence[str]) -> list[list[tuple[str, ...]]]:
    """The sentences of each reply on a new field, by their words."""
    clock = count(1000.0, 60.0)
    with LeoField.open(
        path / str(seed), seed=seed, modules=MODULES, clock=partial(next, clock)
    ) as field:
        replies = list(map(field.reply, prompts))
    return [list(map(sentence_words, split_sentences(tokenize(reply)))) for reply in replies]


@pytest.mark.parametrize(
    ("told", "between"),
    [(RUFUS, 0), (BAKER, 0), (LAMP, 0), (BAKER, 2), (RUFUS, PROMPTS)],
)
def test_a_question_gets_what_was_told(
    tmp_path: Path, told: tuple[str, str, str], between: int
) -> None:
    """With seven seeds of ten at least the reply has the word that was told with the asked one:
    after more prompts than are remembered, and when Leo has said it a moment ago.
    """
    first, question, answer = told
    prompts = (first, *SMALL_TALK[:between], question)
    found = (seed for seed in range(10) if answer in chain(*talk(tmp_path, seed, prompts)[-1]))
    assert len(list(islice(found, 7))) == 7


UNENDED = ("my cat is called Olive", "what is my cat called", "she sleeps all day",
           "who sleeps all day", "the roof leaks", "what leaks", "I put a bucket underneath",
           "do you like buckets", "tell me about olive", "Who is Olive? What leaks?")  # fmt: skip


@pytest.mark.parametrize("prompts", [SMALL_TALK, UNENDED])
def test_a_question_is_no_source(tmp_path: Path, prompts: Sequence[str]) -> None:
    """No three words in a row are a question's alone, whether it has its mark or not; and the end
    of a line leads to an end, in an afterthought too.
    """
    lines = [list(split_sentences(tokenize(prompt))) for prompt in (SEED_TEXT, *prompts)]
    runs = {
        asking: {run for line in lines for one in line if asks(one) == asking
                 for run in runs_of(sentence_words(one), 3)}
        for asking in (True, False)
    }  # fmt: skip
    clock = partial(next, count(1000.0, 60.0))
    with LeoField.open(tmp_path / "field", seed=6, modules=MODULES, clock=clock) as field:
        for prompt in prompts:
            field.reply(prompt)
            field.settle()
        words = field.view.words
        for asked in runs[True] - runs[False]:
            assert field.view.trigram_count(*asked) == 0, asked
    for line in lines[1:]:
        last = words.id_of(line[-1][-1])
        if last is not None and line[-1][-1] not in ENDINGS and not asks(line[-1]):
            assert {words.names[id] for id in words.followers.get(last) or ()} <= {*ENDINGS}, line


def test_people_are_heard_above_the_seed_text(tmp_path: Path) -> None:
    """Of the sentences of a new field 55 % at most have four words of the seed text in a row."""
    replies = [reply for seed in range(5) for reply in talk(tmp_path, seed, SMALL_TALK)]
    sentences = list(chain(*replies))
    assert fmean(any(map(SEED_RUNS.__contains__, runs_of(one))) for one in sentences) < 0.55


def test_what_was_said_a_moment_ago_is_not_said_again(tmp_path: Path) -> None:
    """No sentence of the last REPLIES replies, nor of the prompt; another process knows, too."""
    clock = count(1000)
    said: list[set[tuple[str, ...]]] = []
    for prompt in ("How do you work?", "asdf", "How do you work?", "Tell me more.") * 2:
        with LeoField.open(
            tmp_path / "field", seed=4, modules=MODULES, clock=lambda: float(next(clock))
        ) as field:
            reply = field.reply(prompt)
        found = set(map(sentence_words, split_sentences(tokenize(reply))))
        assert found.isdisjoint(map(sentence_words, split_sentences(tokenize(prompt))))
        assert found.isdisjoint(words for one in said[-REPLIES:] for words in one)
        said.append(found)


def test_repeats_are_counted() -> None:
    """Runs of four words, in any case, over punctuation."""
    said = tokenize("A b c d. A b c d again, my dog died last winter.")
    assert repeats(said) == 1
    assert content_words(tokenize("My Dog died, died!")) == ["died"]


def test_a_named_start_is_one_beside_the_centres(tmp_path: Path) -> None:
    """A word that `starts` names begins some walks; without one the centres begin them all."""
    with LeoField.open(tmp_path / "field") as field:
        field.reply("Lighthouse keepers whisper.")
        view = field.view
    centres = {view.words.names[id] for id in view.words.centres()}
    plain = {generate_walk(view, Random(n), 1.0, {}, 1).tokens[0] for n in range(60)}
    named = {
        generate_walk(view, Random(n), 1.0, {}, 1, {"Lighthouse": 3.0}).tokens[0] for n in range(60)
    }
    assert plain == centres
    assert named == centres | {"Lighthouse"}
