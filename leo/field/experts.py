"""The experts: a temperature each, chosen by what the prompt is like (organism, section 9)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EXPERTS", "Expert", "choose_expert"]


class Expert(NamedTuple):
    """A way to speak. `semantic` is the weight that is reported, not used in sampling."""

    name: str
    temperature: float
    semantic: float


EXPERTS = {
    expert.name: expert
    for expert in (
        Expert("structural", 0.8, 0.2),
        Expert("semantic", 1.0, 0.5),
        Expert("creative", 1.3, 0.4),
        Expert("precise", 0.6, 0.3),
        Expert("wounded", 0.9, 0.6),
    )
}


def choose_expert(novelty: float) -> Expert:
    """`creative` for a prompt that is mostly new (above 0.7), else `structural`."""
    return EXPERTS["creative" if novelty > 0.7 else "structural"]
