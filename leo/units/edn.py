"""EDN, as far as histories need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

# The key under which a map has the number of its line: no key of EDN is an empty text.
LINE: Final = ""

_TOKEN: Final = re.compile(
    r"""[\s,]+|;[^\n]*|(?P<open>[\[({]|\#\{)|(?P<close>[\])}])|(?P<string>"(?:\\.|[^"\\])*")"""
    r"""|(?P<tag>\#[\w.+/-]+)|(?P<atom>[^\s,\[\](){}";]+)"""
)
_WORDS: Final[dict[str, Any]] = {"nil": None, "true": True, "false": False}
_CLOSES: Final = {"[": "]", "(": ")", "{": "}", "#{": "}"}


def values_of(text: str) -> Iterator[Any]:
    """Yield the values of a text: keywords as text with their colon, tags left out.

    Raises ValueError where it is no EDN.
    """
    stack: list[tuple[str, list[Any], int]] = [("", [], 1)]
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"line {line}: {text[at : at + 20]!r}")
        if match["open"]:
            stack.append((match["open"], [], line))
        elif match["close"]:
            kind, found, began = stack.pop()
            if _CLOSES.get(kind) != match["close"]:
                raise ValueError(f"line {line}: {match['close']} closes nothing")
            stack[-1][1].append(_made(kind, found, began))
        elif match["string"]:
            stack[-1][1].append(msgspec.json.decode(match["string"]))
        elif match["atom"]:
            stack[-1][1].append(_atom(match["atom"]))
        line += text.count("\n", at, match.end())
        at = match.end()
        if len(stack) == 1:
            yield from stack[0][1]
            stack[0][1].clear()
    if len(stack) > 1:
        raise ValueError(f"line {stack[-1][2]}: {stack[-1][0]} is not closed")


def _made(kind: str, found: list[Any], line: int) -> Any:
    if kind != "{":
        return found
    if len(found) % 2:
        raise ValueError(f"line {line}: a map has a key without a value")
    return {LINE: line} | {str(k): value for k, value in zip(found[::2], found[1::2], strict=True)}


def _atom(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    try:
        return int(word.rstrip("N"))
    except ValueError:
        return word
