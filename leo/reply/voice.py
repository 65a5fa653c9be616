"""The voice of a reply: experts with a temperature each, one chosen by measures of the prompt, or
all blended into one temperature (organism, section 9; the blend is that of the later version).

The rule for an entropy below 0.4 is left out. The entropy of a reply is unknown before it is
generated, and the published program passed the constant 0.5, so the rule never applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from leo.field.draw import plain_sum


class Expert(NamedTuple):
    """A way to speak. `semantic` is reported, not used in sampling; `base` is its plain weight."""

    name: str
    temperature: float
    semantic: float
    base: float


EXPERTS = {
    expert.name: expert
    for expert in (
        Expert("structural", 0.8, 0.2, 0.3),
        Expert("semantic", 1.0, 0.5, 0.2),
        Expert("creative", 1.3, 0.4, 0.1),
        Expert("precise", 0.6, 0.3, 0.2),
        Expert("wounded", 0.9, 0.6, 0.0),
    )
}
BASE: Final = {expert.name: expert.base for expert in EXPERTS.values()}


def choose_expert(novelty: float) -> Expert:
    """`creative` for a prompt that is mostly new (above 0.7), else `structural`."""
    return EXPERTS["creative" if novelty > 0.7 else "structural"]


class Voice(NamedTuple):
    """The dominant expert, the temperature to speak at, and the semantic weight (reported only).

    `shift` is what MultiLeo added to the temperature, and `instead_of` the expert that it replaced.
    """

    expert: str
    temperature: float
    semantic: float
    shift: float = 0.0
    instead_of: str = ""


def blend_weights(
    novelty: float, arousal: float, trauma: float, active: int, boosts: Mapping[str, float]
) -> dict[str, float]:
    """The share of each expert; the shares are at least 0 and their sum is 1.

    `active` is the number of active themes, `boosts` are the modules' additions by expert name.
    """
    weights = {name: weight + boosts.get(name, 0.0) for name, weight in BASE.items()}
    if trauma > 0.3:
        weights["wounded"] = min(0.5, 0.6 * trauma)
        for name in weights:
            if name != "wounded":
                weights[name] -= weights["wounded"] / 4
    if novelty > 0.5:
        _move(weights, "creative", "precise", 0.4 * (novelty - 0.5))
    if active >= 2:
        _move(weights, "semantic", "structural", min(0.2, 0.05 * active))
    if arousal > 0.7:
        _move(weights, "precise", "creative", 0.3 * (arousal - 0.7))
    floored = {name: max(0.0, weight) for name, weight in weights.items()}
    total = plain_sum(floored.values())
    return {name: weight / total for name, weight in floored.items()}


def compute_voice(weights: Mapping[str, float]) -> Voice:
    """Temperature and semantic weight as weighted means; the heaviest expert gives its name.

    Of equally heavy experts it is the one that the table of experts names first.
    """
    return Voice(
        max(EXPERTS, key=lambda name: weights[name]),
        plain_sum(EXPERTS[name].temperature * weight for name, weight in weights.items()),
        plain_sum(EXPERTS[name].semantic * weight for name, weight in weights.items()),
    )


def _move(weights: dict[str, float], to: str, other: str, amount: float) -> None:
    weights[to] += amount
    weights[other] -= amount / 2
