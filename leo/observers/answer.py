"""What a chat server answered: the message in it, or what is wrong with it.

No error repeats what a server sent, because a server may send back what it was sent: the key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from leo.errors import ObserverError
from leo.field.text import whole

__all__ = ["Answer", "message_of", "retry_after"]

# What a server may say in Retry-After is bounded by what a person waits for.
LONGEST_WAIT: Final = 60.0


class Answer(NamedTuple):
    """Status, seconds that the server asks to wait, body (of a status 200 only)."""

    status: int
    asked: float
    body: bytes


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that the server asks for; 0 when it says nothing, or a date."""
    try:
        seconds = float(headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
    return min(LONGEST_WAIT, max(0.0, seconds)) if math.isfinite(seconds) else 0.0


def message_of(answer: Answer, place: str) -> str:
    """The text of an answer. Raises ObserverError, with the status and never with the body."""
    if answer.status in (401, 403):
        raise ObserverError(
            f"the observer at {place} refused the key (status {answer.status}); set the "
            "environment variable that holds it to a valid one"
        )
    if answer.status != 200:
        raise ObserverError(
            f"the observer at {place} answered with status {answer.status}, expected 200; "
            "see that the address ends where /chat/completions begins (often /v1) and that the "
            "server has the model"
        )
    try:
        text = json.loads(answer.body)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise ObserverError(
            f"the observer at {place} answered something that is no chat completion; expected a "
            "JSON object with choices[0].message.content, a text: see that the server is compatible"
        )
    # One line: a transcript and a terminal show one message a turn.
    said = " ".join(whole(text).split())
    if not said:
        raise ObserverError(
            f"the observer at {place} answered with an empty message; try again, or another model"
        )
    return said
