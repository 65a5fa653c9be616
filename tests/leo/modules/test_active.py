"""Active themes around a prompt (organism, section 6, applied locally)."""

import pytest

from leo.field.text import PUNCTUATION, tokenize
from leo.reply.active import MAX_FOLLOWERS, active_themes
from tests.leo.modules.driver import TinyDriver

# Seven words that are the centres, whatever else is heard.
TREES = "oak elm ash fir yew bay box. "
WEATHER = (
    "Rain fell over the wide grey sea while gulls cried. "
    "Rain fell over the old grey harbour while boats rocked. "
    "Rain fell over the far grey island while people slept. "
)


@pytest.fixture
def driver() -> TinyDriver:
    """A field that has heard of the weather."""
    tiny = TinyDriver(modules=())
    tiny.observe(WEATHER * 3)
    tiny.observe(TREES * 100)
    return tiny


def active(driver: TinyDriver, prompt: str) -> dict[str, int]:
    """Core word -> score."""
    found = active_themes(driver.view, driver.view.words.ids.get, tokenize(prompt))
    assert set(found.scores) == set(found.words)
    return found.scores


def test_a_word_with_co_occurrence_is_a_theme(driver: TinyDriver) -> None:
    """A word of the prompt that co-occurs is a core; the score counts the prompt's words."""
    assert active(driver, "Rain again") == {"Rain": 1}
    assert active(driver, "Rain fell over it")["Rain"] == 3
    assert active(driver, "nobody knows these") == {}


def test_alike_words_are_one_theme(driver: TinyDriver) -> None:
    """Words with the same contexts merge, and the older one names the theme."""
    assert list(active(driver, "over Rain")) == ["Rain"]


def test_the_key_survives_the_growth_of_the_field(driver: TinyDriver) -> None:
    """New themes, older or younger, do not rename the one that was there."""
    before = active(driver, "Rain again")
    driver.observe("Bread and butter and honey on the table, bread and butter and honey. " * 5)
    assert active(driver, "Rain again") == before


def test_punctuation_and_centres_are_no_cores(driver: TinyDriver) -> None:
    """What is near everything is the core of nothing."""
    assert active(driver, "Rain . , !") == {"Rain": 1}
    names = driver.view.words.names
    centres = " ".join(names[id] for id in driver.view.words.centres())
    assert active(driver, f"{centres} . , !") == {}


def test_punctuation_is_in_no_theme(driver: TinyDriver) -> None:
    """It follows every one of these, and near everything it would make all themes alike."""
    driver.observe("Tea, milk and sugar. Tea, cream and honey. Tea, bread and jam. " * 5)
    found = active_themes(driver.view, driver.view.words.ids.get, ["Tea"])
    assert {"Tea", "milk", "honey"} <= found.words["Tea"]
    assert found.words["Tea"].isdisjoint(PUNCTUATION)


def test_a_word_near_everything_is_no_core(driver: TinyDriver) -> None:
    """With more than MAX_FOLLOWERS followers a word is too common; with as many it is not."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"{a}{b}x" for a in letters for b in letters]
    driver.observe(" ".join(f"zephyr {word}." for word in words[:MAX_FOLLOWERS]))
    assert list(active(driver, "zephyr")) == ["zephyr"]
    driver.observe(f"zephyr {words[MAX_FOLLOWERS]}")
    assert active(driver, "zephyr") == {}
