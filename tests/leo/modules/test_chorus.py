"""The chorus, the voice, the active themes: how what the modules say is put together."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from leo.field.measure import Pulse, Quality
from leo.field.text import PUNCTUATION, tokenize
from leo.reply.active import MAX_FOLLOWERS, active_themes
from leo.reply.chorus import Chorus
from leo.reply.context import (
    After,
    Before,
    Changes,
    Facts,
    Heard,
    Hints,
    Inner,
    InnerReply,
    Moment,
    Spoken,
)
from leo.reply.module import Module
from leo.reply.voice import BASE, blend_weights, compute_voice
from leo.store.rows import Put, Rows
from tests.leo.modules.support import FAIR, QUIET, TinyDriver, moment, mute

SPOKEN = Spoken("It rains.", ("It", "rains", "."), 0.5)
RING = InnerReply("s1~ring0", "x", 0.8, 30, Inner("ring", 0), "s1")


class Parrot(Module[str]):
    """Says what it was made to say, and remembers the contexts that it was given."""

    def __init__(
        self,
        name: str,
        heard: Heard = Heard(),  # noqa: B008
        hints: Hints = Hints(),  # noqa: B008
        changes: Changes = Changes(),  # noqa: B008
        inner: frozenset[str] = frozenset(),
    ) -> None:
        self._name, self.answers = name, (heard, hints, changes)
        self.inner = inner
        self.contexts: list[Any] = []

    @property
    def name(self) -> str:  # type: ignore[override]
        return self._name

    @property
    def INNER(self) -> frozenset[str]:  # type: ignore[override]
        return self.inner

    def load(self, rows: Rows) -> str:
        return self._name

    def hear(self, state: str, moment: Moment) -> Heard:
        assert state == self._name
        self.contexts.append(moment)
        return self.answers[0]

    def before(self, state: str, context: Before, rng: Random) -> Hints:
        self.contexts.append(context)
        return self.answers[1]

    def after(self, state: str, context: After, rng: Random) -> Changes:
        self.contexts.append(context)
        return self.answers[2]


def listening(*modules: Parrot, inner: InnerReply | None = None) -> tuple[Chorus, Heard]:
    """A chorus that has heard a prompt."""
    chorus = Chorus(modules, moment("x", arousal=0.2), "k", inner)
    return chorus, chorus.hear({module.name: {} for module in modules})


def test_what_is_heard_is_put_together() -> None:
    """Texts in order, boosts added, measures of the later module; each hears those before it."""
    one = Parrot("one", Heard(("a",), {"x": 0.1}, (1,), arousal=0.5, trauma=0.3))
    two = Parrot("two", Heard(("b",), {"x": 0.2, "y": 0.1}, (2,), arousal=0.7, themes_known=4))
    _, heard = listening(one, two)
    assert heard.observe == ("a", "b") and heard.used == (1, 2)
    assert heard.boosts == {"x": pytest.approx(0.3), "y": 0.1}
    assert (heard.arousal, heard.trauma, heard.themes_known) == (0.7, 0.3, 4)
    assert (one.contexts[0].arousal, two.contexts[0].arousal) == (0.2, 0.5)


def test_hints_are_put_together() -> None:
    """Weights and shifts add, factors and lengths multiply, the expert is replaced by name only."""
    one = Parrot("one", hints=Hints({"creative": 0.2}, factor=1.1, length=0.5))
    two = Parrot("two", hints=Hints({}, shift=0.1, expert="precise"))
    three = Parrot("three", hints=Hints({"creative": 0.1}, factor=0.9, length=0.5))
    chorus, _ = listening(one, two, three)
    speech = chorus.before(0.2, max_tokens=80)
    plain = compute_voice(blend_weights(0.2, 0.2, 0.0, 0, {"creative": 0.3}))
    voice = speech.voice
    assert voice.temperature == pytest.approx(plain.temperature * 0.99 + 0.1)
    assert (voice.expert, voice.instead_of) == ("precise", plain.expert)
    assert voice.shift == pytest.approx(0.1) and speech.max_tokens == 20
    # The second module heard the voice as the first had left it.
    halfway = compute_voice(blend_weights(0.2, 0.2, 0.0, 0, {"creative": 0.2}))
    assert two.contexts[1].voice.temperature == pytest.approx(halfway.temperature * 1.1)


def test_a_reply_is_never_too_short() -> None:
    """However short the modules want it, eight tokens are walked."""
    chorus, _ = listening(Parrot("one", hints=Hints(length=0.01)))
    assert chorus.before(0.2).max_tokens == 8


def test_changes_are_put_together() -> None:
    """A text replaces, words are appended, facts go on, writes without rows are left out."""
    put, empty = Put("sql", ((1,),)), Put("sql", ())
    one = Parrot("one", changes=Changes((put, empty), "It snows.", facts=Facts(trauma=0.9)))
    two = Parrot("two", changes=Changes((put,), appended="Snow?", inner=(RING,)))
    three = Parrot("three")
    chorus, _ = listening(one, two, three)
    chorus.before(0.2)
    outcome = chorus.after(SPOKEN, QUIET, FAIR, mute)
    assert outcome.text == "It snows. Snow?" and outcome.puts == (put, put)
    assert outcome.inner == (RING,) and outcome.facts == Facts(trauma=0.9)
    first, second, third = (module.contexts[-1] for module in (one, two, three))
    assert (first.text, second.text, third.text) == ("It rains.", "It snows.", "It snows. Snow?")
    assert second.said == ("It", "snows", ".") and second.facts.trauma == 0.9
    assert (first.pulse, first.quality) == (QUIET, FAIR)


def test_in_an_inner_reply_no_expert_speaks() -> None:
    """Only the modules of its kind take part; temperature and length are those described."""
    one, two = Parrot("one", inner=frozenset({"ring"})), Parrot("two", inner=frozenset({"dream"}))
    chorus, _ = listening(one, two, inner=RING)
    speech = chorus.before(0.9)
    assert (speech.voice.expert, speech.voice.temperature) == ("inner", 0.8)
    assert speech.max_tokens == 30
    chorus.after(SPOKEN, Pulse(0.9, 0.0, 0.5, 0.4), Quality(0.5, 0.5, 0.5), mute)
    assert two.contexts == [] and one.contexts[-1].inner == Inner("ring", 0)


def test_quiet_blend_by_hand() -> None:
    """.3 .2 .1 .2 0 over their sum of .8, and its mean temperature."""
    weights = blend_weights(0.0, 0.0, 0.0, 0, {})
    assert weights == {name: pytest.approx(weight / 0.8) for name, weight in BASE.items()}
    voice = compute_voice(weights)
    assert voice.expert == "structural"
    assert voice.temperature == pytest.approx((0.24 + 0.2 + 0.13 + 0.12) / 0.8)
    assert voice.semantic == pytest.approx((0.06 + 0.1 + 0.04 + 0.06) / 0.8)


def test_each_rule_by_hand() -> None:
    """Trauma, novelty, themes, arousal and boosts move the weights that section 9 names."""
    hurt = blend_weights(0.0, 0.0, 0.5, 0, {})
    assert hurt["wounded"] == pytest.approx(0.3 / 0.8)
    # At most .5, and what would fall below 0 is 0.
    assert blend_weights(0.0, 0.0, 1.0, 0, {})["wounded"] == pytest.approx(0.5 / 0.825)
    new = blend_weights(1.0, 0.0, 0.0, 0, {})
    assert new["creative"] == pytest.approx(0.3 / 0.9) and new["precise"] == pytest.approx(
        0.1 / 0.9
    )
    rich = blend_weights(0.0, 0.0, 0.0, 2, {})
    assert rich["semantic"] == pytest.approx(0.3 / 0.85)
    assert rich["structural"] == pytest.approx(0.25 / 0.85)
    loud = blend_weights(0.0, 1.0, 0.0, 0, {})
    assert loud["precise"] == pytest.approx(0.29 / 0.845)
    assert blend_weights(0.0, 0.0, 0.0, 0, {"creative": 0.2})["creative"] == pytest.approx(0.3)


# Seven words that stay the centres.
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
