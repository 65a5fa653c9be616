"""What is wrong with a line, in words: used only after a decoder has refused it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from model.machine import ACTIONS

Types = type | tuple[type, ...]

# The fields of an event, with the JSON type that each must have.
FIELDS: Final[dict[str, tuple[Types, str]]] = {
    "seq": (int, "an integer"),
    "writer": (str, "a string"),
    "run": (str, "a string"),
    "time": ((int, float), "a number of seconds"),
    "instance": (str, "a string"),
    "store": (str, "a string"),
    "session": (str, "a string"),
    "reply": (str, "a string"),
    "action": (str, "a string"),
    "reads": (dict, "an object that maps names to versions"),
    "writes": (dict, "an object that maps names to versions"),
    "outcome": (str, "a string"),
}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` when something known is near, otherwise nothing."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def shown(value: object) -> str:
    """Write a value of the file in a message: quoted, and no longer than is useful."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def explain_event(fields: object) -> str | None:
    """Tell what makes a decoded line no event; None when only unknown fields do.

    ``fields`` is any JSON value.
    """
    if not isinstance(fields, dict):
        return f"expected an event as a JSON object and found {shown(fields)}"
    if fields.get("kind") == "header":
        return "a second header; a file holds one recording: do not join recordings"
    missing = [name for name in FIELDS if name not in fields]
    if missing:
        return (
            f"the event lacks {', '.join(missing)}; every event of schema 1 has {', '.join(FIELDS)}"
        )
    for name, (types, expected) in FIELDS.items():
        value = fields[name]
        # bool is an int in Python and not in JSON.
        if not isinstance(value, types) or isinstance(value, bool):
            return f"{name} must be {expected}, and is {shown(value)}"
    for name in ("reads", "writes"):
        for key, version in fields[name].items():
            if not isinstance(version, int) or isinstance(version, bool):
                item = f"the version of {shown(key)} in {name}"
                return f"{item} must be an integer, and is {shown(version)}"
    action = fields["action"]
    if action not in ACTIONS:
        hint = nearest(action, ACTIONS) or "."
        return f"unknown action {shown(action)}{hint} The actions are {', '.join(ACTIONS)}"
    return None
