"""School: whom it asks about, when it keeps silent, what it keeps (organism, section 15d)."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.measure import Pulse, Quality
from leo.modules.school import Note, Roll, School, SchoolState, candidates
from leo.reply.context import Changes, Facts
from tests.leo.modules.contexts import Store, after, moment

MARTA = "Yesterday Marta came."
FRESH = SchoolState({}, Roll(), 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MARTA, ["Marta"]),
        ("Marta came. Oskar left.", []),
        ("With Marta, Oskar and Marta", ["Marta", "Oskar"]),
        ("I said You and The and Al", []),
        (f"so A{'a' * 40}", []),
        ("well, Émile!", ["Émile"]),
        ("Hello Leo, who are you? And LEO?", []),
        ("", []),
    ],
)
def test_candidates(text: str, found: list[str]) -> None:
    """Capitalised, 3 to 40 letters, not first in a sentence, no pronoun, not Leo; each once."""
    assert candidates(text) == found


@given(st.text(max_size=80))
def test_candidates_are_words_of_the_text(text: str) -> None:
    """Whatever the text, each candidate stands in it and is capitalised."""
    assert all(word in text and word[0].isupper() for word in candidates(text))


def ask(state: SchoolState = FRESH, prompt: str = MARTA, **given: Any) -> str | None:
    """What it asks about."""
    return School().maybe_ask(state, after(prompt, **given))


def test_it_asks_about_what_it_does_not_know() -> None:
    """A new name is asked about; one with a note, or asked about last, is passed over."""
    both = "Yesterday Marta met Oskar."
    assert ask() == "Marta"
    assert ask(SchoolState({"marta": Note("Marta", "a friend")}, Roll(), 0), both) == "Oskar"
    assert ask(SchoolState({"marta": Note("Marta", None)}, Roll(), 0), both) == "Marta"
    assert ask(SchoolState({}, Roll(1, 0.0, "marta"), 0), both) == "Oskar"


def test_it_keeps_silent() -> None:
    """Too soon, too often, too busy; too hurt, too excited, too lost."""
    assert ask(SchoolState({}, Roll(1, 996.0, "x"), 0)) is None
    assert ask(SchoolState({}, Roll(1, 995.0, "x"), 0)) == "Marta"
    assert ask(SchoolState({}, Roll(15, 0.0, "x"), 0)) is None
    assert ask(SchoolState({}, Roll(14, 0.0, "x"), 0)) == "Marta"
    assert ask(SchoolState({}, Roll(15, 0.0, "x"), 0), now=86400.0) == "Marta"
    assert Roll(15, 0.0).asked_by(86399.0) == 15 and Roll(15, 0.0).asked_by(86400.0) == 0
    assert ask(SchoolState({}, Roll(), 30)) is None
    assert ask(facts=Facts(trauma=0.71)) is None
    assert ask(pulse=Pulse(0.0, 0.86, 0.5, 0.0)) is None
    flat = Pulse(0.0, 0.0, 0.01, 0.0)
    assert ask(pulse=flat, quality=Quality(0.2, 0.2, 0.2)) is None
    assert ask(pulse=flat, quality=Quality(0.3, 0.3, 0.3)) == "Marta"
    assert ask(pulse=flat) == "Marta"


def turn(store: Store, prompt: str, now: float) -> Changes:
    """One reply's part of School."""
    school = School()
    state = school.load(store.read(prompt, now=now))
    changes = school.after(state, after(prompt, now=now), Random(0))
    store.write(changes)
    return changes


def test_the_next_prompt_is_the_answer_even_after_a_restart() -> None:
    """The question is appended; the next prompt becomes the note, and is recalled later."""
    school = School()
    store = Store(school)
    assert turn(store, MARTA, 1000.0).appended == "Marta?"
    assert school.load(store.read()).roll == Roll(1, 1000.0, "marta", True)
    assert turn(store, "She plays the cello.", 1001.0).appended == ""
    assert school.load(store.read()).roll.pending is False
    prompt = "Marta again? Marta?"
    heard = school.hear(school.load(store.read(prompt)), moment(prompt))
    assert heard.observe == ("Marta: She plays the cello.",)
    assert turn(store, MARTA, 2000.0).appended == ""


def test_an_empty_prompt_answers_nothing() -> None:
    """A prompt without tokens leaves the question open."""
    store = Store(School())
    turn(store, MARTA, 1000.0)
    turn(store, "42", 1001.0)
    assert School().load(store.read()).roll.pending is True
    assert store.all("SELECT note FROM school_notes") == [(None,)]


def test_answers_are_appended_up_to_a_limit() -> None:
    """A second answer follows the first; a note has at most 4096 characters."""
    school, roll = School(), Roll(1, 0.0, "marta", True)
    state = SchoolState({"marta": Note("Marta", "a friend")}, roll, 0)
    (put,) = school.register_answer(state, "plays", 5.0)
    assert put.rows == (("a friend\nplays", 5.0, "marta"),)
    (put,) = school.register_answer(state, "x" * 5000, 5.0)
    assert len(put.rows[0][0]) == 4096


def test_at_most_three_tellings_of_a_hundred_characters() -> None:
    """Three words of the prompt, each once, 100 characters of each note."""
    notes = {name: Note(name.upper(), "n" * 200) for name in ("ab", "cd", "ef", "gh")}
    told = School().recall_knowledge(SchoolState(notes, Roll(), 0), ("ab", "AB", "cd", "ef", "gh"))
    assert told == [f"{name}: {'n' * 100}" for name in ("AB", "CD", "EF")]
