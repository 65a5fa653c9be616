"""MultiLeo: regulation of temperature and expert by three scores (organism, section 13).

It uses what it learned: if a kind of situation was regulated at least three times and the quality
fell, the next nudge is half as strong. (The published caller skipped it when a theme was active.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from leo.modules.mathstate import MathState

CUTS: Final = (0.33, 0.66)
SAMPLES: Final = 3
TELLING: Final = 0.05
COOLEST, HOTTEST = 0.1, 1.5


class Scores(NamedTuple):
    """How bored, overwhelmed and stuck; each in [0, 1]."""

    boredom: float
    overwhelm: float
    stuck: float


class Regulation(NamedTuple):
    """What to add to the temperature, and the expert to speak."""

    shift: float
    expert: str


class Profile(NamedTuple):
    """Running means of what happened to the scores and to quality in one kind of situation."""

    samples: int = 0
    boredom: float = 0.0
    overwhelm: float = 0.0
    stuck: float = 0.0
    quality: float = 0.0


def scores(state: MathState, predicted: float) -> Scores:
    """boredom = .35 (1 - novelty) + .35 (1 - arousal) + .15 (1 - trauma) + .15 evenness;
    overwhelm = max(trauma, .6 arousal + .4 entropy); stuck = .7 (1 - predicted) + .3 (1 - active).

    evenness = max(0, 1 - 2 |entropy - .5|). Without active themes the last term of stuck is 0.
    """
    evenness = max(0.0, 1.0 - 2.0 * abs(state.entropy - 0.5))
    silent = 0.3 * (1.0 - state.active) if state.active else 0.0
    return Scores(
        0.35 * (1.0 - state.novelty)
        + 0.35 * (1.0 - state.arousal)
        + 0.15 * (1.0 - state.trauma)
        + 0.15 * evenness,
        max(state.trauma, 0.6 * state.arousal + 0.4 * state.entropy),
        0.7 * (1.0 - predicted) + silent,
    )


def regulate(temperature: float, expert: str, found: Scores, profile: Profile) -> Regulation:
    """Warmer when bored (b > .6: .2 (b - .6) / .4) or stuck (> .6: .1), cooler when overwhelmed
    (o > .7: .2 (o - .7) / .3); the temperature stays in [0.1, 1.5].

    Another expert: creative when b > .75, precise when o > .85, semantic when s > .75; the later
    rule wins. The wounded stay wounded.
    """
    shift, chosen = 0.0, expert
    if found.boredom > 0.6:
        shift += 0.2 * (found.boredom - 0.6) / 0.4
        if found.boredom > 0.75 and chosen not in ("creative", "wounded"):
            chosen = "creative"
    if found.overwhelm > 0.7:
        shift -= 0.2 * (found.overwhelm - 0.7) / 0.3
        if found.overwhelm > 0.85 and chosen not in ("precise", "structural", "wounded"):
            chosen = "precise"
    if found.stuck > 0.6:
        shift += 0.1
        if found.stuck > 0.75 and chosen == "structural":
            chosen = "semantic"
    if profile.samples >= SAMPLES and profile.quality < -TELLING:
        shift /= 2
    if shift:
        shift = min(HOTTEST, max(COOLEST, temperature + shift)) - temperature
    return Regulation(shift, chosen)


def profile_key(themes: Iterable[str], found: Scores) -> str:
    """Up to three core words, sorted, and the scores as L, M, H (cut at .33 and .66)."""
    levels = "".join("LMH"[sum(score > cut for cut in CUTS)] for score in found)
    return f"{' '.join(sorted(themes)[:3])}|{levels}"


def merge_profile(profile: Profile, before: Scores, after: Scores, quality: float) -> Profile:
    """One more sample: quality is the difference to what was predicted."""
    deltas = (*(b - a for a, b in zip(before, after, strict=True)), quality)
    count = profile.samples + 1
    means = [mean + (delta - mean) / count for mean, delta in zip(profile[1:], deltas, strict=True)]
    return Profile(count, *means)
