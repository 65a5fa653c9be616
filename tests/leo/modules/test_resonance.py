"""Resonance: what was heard is taken up, nothing is pasted, and a reply ends."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bench.voice import converse, measure
from leo import MODULES, LeoField
from leo.field.generation import generate_walk
from leo.field.text import ENDINGS, tokenize
from leo.modules.resonance import PROMPTS, content_words, echoes, repeats, whole_sentences
from leo.modules.santaklaus import as_loud_as

TOKENS = st.lists(st.sampled_from(["one", "two", "three", "four", "five", ".", "?", ","]))


def test_more_is_taken_up_and_less_is_repeated() -> None:
    """Of the same conversations, with and without it; external_vocab stays below 0.2."""
    without = tuple(module for module in MODULES if module.name != "resonance")
    before = [measure(converse(without, seed)) for seed in range(3)]
    after = [measure(converse(MODULES, seed)) for seed in range(3)]
    for one, other in zip(before, after, strict=True):
        assert other.taken_up > one.taken_up
        assert other.repeated < one.repeated
        assert other.external_vocab < 0.2


def test_the_last_prompts_of_a_session_are_kept(tmp_path: Path) -> None:
    """Ten of them, by session, and no more."""
    clock = count(1000)
    with LeoField.open(
        tmp_path / "field", modules=MODULES, clock=lambda: float(next(clock))
    ) as field:
        for number in range(PROMPTS + 3):
            field.reply(f"Prompt {'abcdefghijklmnop'[number] * 5}", "ada")
        field.reply("Something else", "bob")
        heard = field._store.perform(
            lambda conn: conn.execute("SELECT session, words FROM resonance ORDER BY id").fetchall()
        )
    assert [session for session, _ in heard] == ["ada"] * PROMPTS + ["bob"]
    assert heard[0][1] == '["prompt", "ddddd"]'


@given(TOKENS)
def test_whole_sentences_end_and_differ(tokens: list[str]) -> None:
    """What is kept is sentences of the walk, each once; a walk without one is kept as it is."""
    kept = whole_sentences(tokens)
    if kept != tuple(tokens):
        assert kept[-1] in ENDINGS
        assert len(kept) <= len(tokens)


def test_repeats_and_echoes_are_counted() -> None:
    """Runs of four words, in any case, over punctuation."""
    said = tokenize("A b c d. A b c d again, my dog died last winter.")
    assert repeats(said) == 1
    assert echoes(said, tokenize("My dog died last Tuesday")) == 1
    assert content_words(tokenize("My Dog died, died!")) == ["died"]


def test_memories_are_as_loud_as_the_prompt() -> None:
    """A prompt of twenty tokens is not drowned; a short one still brings a memory to mind."""
    long = " ".join(["word"] * 64)
    assert sum(len(tokenize(text)) for text in as_loud_as((long, long), 20)) == 20
    assert as_loud_as(("A short one.",), 1) == ("A short one.",)


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
