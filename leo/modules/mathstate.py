"""MathState: a reply as numbers, for the network and the episodes (organism, sections 13, 14)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Final

from leo.field.measure import presence
from leo.reply.context import After, Before
from leo.reply.voice import EXPERTS

LENGTH: Final = 64
UNKNOWN_ENTROPY: Final = 0.5


@dataclass(frozen=True, slots=True)
class MathState:
    """Sixteen numbers in [0, 1] (`expert_temperature` in [0, 2]) and the name of the expert.

    `active` is the share of active themes among all that were ever active, `length` the number of
    tokens / 64, at most 1; the last three are 0 or 1. Values outside are clamped, NaN becomes 0.
    """

    entropy: float
    novelty: float
    arousal: float
    pulse: float
    trauma: float
    active: float
    emerging: float
    fading: float
    length: float
    unique_ratio: float
    expert_temperature: float
    expert_semantic: float
    meta_weight: float = 0.0
    meta_used: float = 0.0
    overthinking: float = 0.0
    rings: float = 0.0
    expert: str = "structural"
    # The sixteen numbers at length 1: an episode is compared again in every reply.
    unit: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in SCALARS:
            most = 2.0 if name == "expert_temperature" else 1.0
            value = getattr(self, name)
            # Stored states need no correction, and a reply reads many of them.
            if not 0.0 <= value <= most:
                clamped = 0.0 if math.isnan(value) else min(most, max(0.0, float(value)))
                object.__setattr__(self, name, clamped)
        object.__setattr__(self, "unit", unit_of(self.scalars()))

    def scalars(self) -> tuple[float, ...]:
        """The sixteen numbers, in the order of SCALARS."""
        numbers: tuple[float, ...] = _scalars(self)
        return numbers

    def features(self) -> tuple[float, ...]:
        """The sixteen and the expert as one of five; an unknown name counts as structural."""
        expert = self.expert if self.expert in EXPERTS else "structural"
        return (*self.scalars(), *(float(name == expert) for name in EXPERTS))


# The order of the network's inputs, and the columns of an episode.
SCALARS: Final = tuple(item.name for item in fields(MathState) if item.init)[:-1]
_scalars = attrgetter(*SCALARS)


def unit_of(numbers: Sequence[float]) -> tuple[float, ...]:
    """The vector over its length; a zero vector as it is."""
    length = math.hypot(*numbers) or 1.0
    return tuple([number / length for number in numbers])


def unspoken_state(context: Before) -> MathState:
    """The state before anything was said: an even entropy, and a full, unrepetitive reply."""
    pulse = presence(context.novelty, context.arousal, UNKNOWN_ENTROPY)
    active = len(context.themes.scores)
    return MathState(
        entropy=UNKNOWN_ENTROPY,
        novelty=context.novelty,
        arousal=context.arousal,
        pulse=pulse.overall,
        trauma=context.trauma,
        active=active / max(active, context.themes_known) if active else 0.0,
        emerging=0.0,
        fading=0.0,
        length=1.0,
        unique_ratio=1.0,
        expert_temperature=context.voice.temperature - context.voice.shift,
        expert_semantic=context.voice.semantic,
        expert=context.voice.instead_of or context.voice.expert,
    )


def spoken_state(context: After) -> MathState:
    """The state after the reply, with what the modules found out about it."""
    said, facts = context.said, context.facts
    return MathState(
        entropy=context.pulse.entropy,
        novelty=context.pulse.novelty,
        arousal=context.pulse.arousal,
        pulse=context.pulse.overall,
        trauma=facts.trauma,
        active=facts.active / facts.total if facts.total else 0.0,
        emerging=facts.emerging,
        fading=facts.fading,
        length=len(said) / LENGTH,
        unique_ratio=len(set(said)) / len(said) if said else 0.0,
        expert_temperature=context.voice.temperature,
        expert_semantic=context.voice.semantic,
        meta_weight=facts.meta_weight,
        meta_used=facts.meta_used,
        overthinking=facts.overthinking,
        rings=facts.rings > 0,
        expert=context.voice.expert,
    )
