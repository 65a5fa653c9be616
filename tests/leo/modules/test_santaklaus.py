"""SantaKlaus: a thin object over the recall (organism, section 12)."""

from leo.field.recall import Memory, choose_memories
from leo.field.text import tokenize
from leo.modules.santaklaus import SantaKlaus
from tests.leo.modules.contexts import moment

MEMORIES = [
    Memory(3, "The river rose.", 0.8, 0.0, 10.0, 10.0, 0),
    Memory(2, "Bread is good.", 0.9, 0.0, 10.0, 10.0, 0),
    Memory(1, "Poor words.", 0.1, 0.0, 10.0, 10.0, 0),
]


def test_it_says_what_the_recall_says() -> None:
    """Snippets, boosts and used memories are those of leo.field.recall, theme words included."""
    santa, prompt = SantaKlaus(), "the river"
    words = frozenset({"Bread"})
    heard = santa.hear(MEMORIES, moment(prompt, theme_words=words))
    wanted = choose_memories(MEMORIES, tokenize(prompt), 0.0, 1000.0, words)
    assert heard.observe == wanted.snippets and heard.used == wanted.ids
    assert heard.boosts == wanted.boosts and 3 in heard.used and 1 not in heard.used
