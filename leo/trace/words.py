"""Error messages for a line that a decoder has refused: what is wrong with it, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from leo.actions import Action

ACTIONS: Final = tuple(map(str, Action))

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

# The fields of the line with which a writer closes its recording.
END: Final[dict[str, tuple[Types, str]]] = {
    "kind": (str, '"end"'),
    "run": (str, "a string"),
    "writer": (str, "a string"),
    "events": (int, "an integer"),
}

# Of a trace without the lines with which its writers close it.
NOT_CLOSED: Final = "the recording was not closed: its end is missing, or it is still growing"

# Of a trace that says nothing.
NO_EVENTS: Final = "there is no event after the header, so nothing was checked"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` when something known is near, otherwise nothing."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def shown(value: object) -> str:
    """Write a value of the file in a message: quoted, and no longer than is useful."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def listed(words: Iterable[str]) -> str:
    """Write names of the file in a message: as they are if a screen can show them, or quoted."""
    text = ", ".join(word if word.isprintable() else repr(word) for word in words)
    return text if len(text) <= 200 else f"{text[:197]}..."


def is_name(word: str) -> bool:
    """Tell whether a word of the file can name something: it is shown in reports as it is."""
    return bool(word) and word.isprintable()


def repeated_key(raw: bytes, keys: int) -> str | None:
    """Tell which key of a decoded line stands twice in one of its objects; None if none does.

    ``keys`` is the number of keys that were decoded. A decoder keeps the last of two and says
    nothing; but each key has a colon after it, so a line with no more colons than keys has none
    twice, which is cheap to see. One with more is looked at closely: a name may hold a colon.
    """
    if raw.count(b":") == keys:
        return None
    twice: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        seen = set()
        for key, _ in pairs:
            if key in seen:
                twice.append(key)
            seen.add(key)

    try:
        json.loads(raw, object_pairs_hook=look)
    except RecursionError:
        # Only something that is nested in an unknown field is as deep, and it is ignored.
        return None
    if not twice:
        return None
    return f"the key {shown(twice[0])} stands twice in the line; expected each key once"


def explain_end(fields: dict[str, object], events: int | None, run: str) -> str | None:
    """Tell what is wrong with the closing line of a writer that has ``events`` lines in the file.

    ``events`` is None when the writer has closed its recording before; None when all is well.
    """
    missing = [name for name in END if name not in fields]
    if missing:
        return f"the closing line lacks {', '.join(missing)}; it has {', '.join(END)}"
    for name, (types, expected) in END.items():
        value = fields[name]
        if not isinstance(value, types) or isinstance(value, bool):
            return f"{name} of the closing line must be {expected}, and is {shown(value)}"
    writer = shown(fields["writer"])
    if fields["run"] != run:
        return (
            f"the closing line belongs to the run {shown(fields['run'])} and the header to "
            f"{shown(run)}; a file holds one run: do not join recordings"
        )
    if events is None:
        return f"the writer {writer} has closed its recording before; do not join recordings"
    if fields["events"] != events:
        return (
            f"the writer {writer} closed its recording after {fields['events']} events, and the "
            f"file has {events} of it: lines were lost or added; record the run again"
        )
    return None


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
