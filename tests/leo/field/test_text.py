"""The tokenizer and the composer (organism, sections 2 and 8.9)."""

import string
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from leo.field.text import ENDINGS, PUNCTUATION, compose, is_word, tokenize, whole

LETTERS = set(string.ascii_letters) | {chr(c) for c in range(0xC0, 0x100)} - {"×", "÷"} | {"'"}
TOKENS = st.lists(st.sampled_from(["leo", "Field", "I", "été", *sorted(PUNCTUATION)]), max_size=30)


def texts(any_sign: st.SearchStrategy[str], often: str) -> st.SearchStrategy[str]:
    """Texts of any signs, with some of them often: an alphabet for `st.text` has no weights."""
    return st.lists(any_sign | st.sampled_from(often), max_size=60).map("".join)


def scan(text: str) -> list[str]:
    """The tokenizer's rules, letter by letter."""
    tokens: list[str] = []
    open_word = False
    for letter in text:
        if letter in LETTERS:
            if open_word:
                tokens[-1] += letter
            else:
                tokens.append(letter)
            open_word = True
        else:
            open_word = False
            if letter in ".,!?;:—-":
                tokens.append(letter)
    return tokens


@given(texts(st.characters(), "aÉ÷×'.,—-!\0🌱"))
def test_tokenize_equals_the_rules_letter_by_letter(text: str) -> None:
    """Runs of Latin letters and apostrophes, single punctuation marks; the rest vanishes."""
    assert tokenize(text) == scan(text)


def test_tokenize_keeps_case_and_drops_what_is_not_latin() -> None:
    """Case is preserved; digits, Cyrillic, emoji, NUL and the signs × and ÷ vanish."""
    assert tokenize("LEO's Été — 42×7 слово, 🌱\0ok!") == ["LEO's", "Été", "—", ",", "ok", "!"]


@given(TOKENS)
def test_composed_text_is_made_of_differing_sentences_that_begin_and_end(tokens: list[str]) -> None:
    """A capital first, an ending last, no doubled marks, no sentence twice; or nothing."""
    text = compose(tokens)
    if not any(map(is_word, tokens)):
        assert text == ""
        return
    again = tokenize(text)
    assert is_word(again[0]) and text[0] == text[0].upper() and text[-1] in ENDINGS
    assert all(is_word(one) or is_word(other) for one, other in pairwise(again))
    ends = "".join("|" if token in ENDINGS else f" {token}" for token in again)
    sentences = [sentence.casefold() for sentence in ends.strip("|").split("|")]
    assert len(sentences) == len(set(sentences))


def test_compose_spaces_and_capitals() -> None:
    """Marks close up, dashes stand free, a repeated sentence is said once."""
    tokens = [",", "leo", ",", "leo", "—", "here", "!", "?", "yes", "-", ".", "Yes", "!"]
    assert compose(tokens) == "Leo, leo — here! Yes."


def mended(text: str) -> str:
    """The rule for halves of signs, half by half."""
    signs: list[str] = []
    for half in text:
        if "\udc00" <= half <= "\udfff" and signs and "\ud800" <= signs[-1] <= "\udbff":
            high, low = ord(signs.pop()) - 0xD800, ord(half) - 0xDC00
            signs.append(chr(0x10000 + (high << 10) + low))
        else:
            signs.append(half)
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in signs)


@given(texts(st.characters(exclude_categories=()), "a \ud83c\udf31\U0001f331"))
def test_a_whole_text_can_be_written(text: str) -> None:
    """Only halves of signs are replaced, two that meet by their sign: all else is as it was."""
    written = whole(text)
    written.encode()
    # As ASCII: a report of a failure has to be written, too.
    assert ascii(written) == ascii(mended(text))


def test_halves_of_a_sign() -> None:
    """Two that belong together are the sign; one alone is no sign, whichever it is."""
    # As ASCII: a report of a failure has to be written, too.
    assert ascii(whole("a\ud83c\udf31b")) == ascii("a\U0001f331b")
    assert ascii(whole("\ud83ca\udf31")) == ascii("\ufffda\ufffd")
    assert ascii(whole("\udf31\ud83c")) == ascii("\ufffd\ufffd")
