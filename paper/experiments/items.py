"""The paper's list of what was pending or claimed, in its order, and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paper.experiments.published.data import CLAIMED

__all__ = ["ITEMS", "Item"]

# The paper asks for more turns than these.
WANTED_TURNS = 1000


@dataclass(frozen=True)
class Item:
    """One entry of the paper's list: where it stands, what was `pending` or `claimed` there, in our
    words, and which experiments answer it. `formal`: the claims and the theorems answer it as well.
    `still`: what of it the results of its experiments leave open.
    """

    title: str
    place: str
    status: str
    said: str
    experiments: tuple[str, ...]
    formal: bool = False
    still: Callable[[Mapping[str, Any]], str] | None = None


def _still_longer(summary: Mapping[str, Any]) -> str:
    """What a long run leaves open of the week that the paper's list asks for."""
    turns = summary["stamp"]["config"]["turns"]
    more = (
        ""
        if turns > WANTED_TURNS
        else f"more than {WANTED_TURNS:,} turns in one conversation (here {turns:,}; `leo "
        "experiment long-run --turns 100000` is the long one), and "
    )
    return f"Still open: {more}a week by the clock. Turns follow one another without pauses here."


ITEMS = (
    Item(
        "Lock isolation test",
        "8.6.7 and 8.6.9",
        "pending",
        "Put a threading.Lock around the synchronous reply and measure the metric, so that the "
        "effect of the lock is separated from that of the refactoring.",
        ("lock-isolation",),
    ),
    Item(
        "Concurrent sessions",
        "8.6.7 and 8.6.9",
        "pending",
        "A stress test with several sessions at a time, three to five parallel observers.",
        ("concurrent",),
    ),
    Item(
        "Long-term stability",
        "8.6.7 and 8.6.9",
        "pending",
        f"More than {WANTED_TURNS:,} turns, observed over a week.",
        ("long-run",),
        still=_still_longer,
    ),
    Item(
        "Theoretical formalization",
        "8.6.9",
        "pending",
        "A mathematical model of execution that preserves coherence.",
        (),
        formal=True,
    ),
    Item(
        "The 47 % improvement",
        "8.6.2",
        "claimed",
        f"The asynchronous run has a lower external_vocab, {CLAIMED['async']['mean']} against "
        f"{CLAIMED['sync']['mean']}, and only the execution model is said to differ.",
        ("published",),
    ),
    Item(
        "Hypotheses H1 to H3",
        "8.6.3",
        "claimed",
        "H1, the lock, and H2, the refactoring, are said to have made the difference together; "
        "H3, a difference in the baseline, was dismissed.",
        ("confound",),
    ),
    Item(
        "The crystal and the ocean",
        "8.6.5",
        "claimed",
        "A field is said to keep a defect for ever, where a transformer would not notice it.",
        ("perturbation", "ocean"),
    ),
)
