"""A reader of EDN, as far as histories use it, and of the same histories in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

# The key under which a map has the number of its line: no key of EDN is an empty text.
LINE: Final = ""

_TOKEN: Final = re.compile(
    r"""[\s,]+|;[^\n]*|(?P<open>[\[({]|\#\{)|(?P<close>[\])}])|(?P<string>"(?:\\.|[^"\\])*")"""
    r"""(?P<key>:)?|(?P<tag>\#[\w.+/-]+)|(?P<atom>[^\s,\[\](){}";]+)|(?P<wrong>.)"""
)
_WORDS: Final[dict[str, Any]] = {"nil": None, "null": None, "true": True, "false": False}
_CLOSES: Final = {"[": "]", "(": ")", "{": "}", "#{": "}"}


def values_of(text: str) -> Iterator[Any]:
    """Yield the values of a text: keywords, and the keys of JSON, as text with a colon, tags left
    out.

    Raises ValueError where it is no EDN.
    """
    stack: list[tuple[str, list[Any], int]] = [("", [], 1)]
    found = stack[0][1]
    known = dict(_WORDS)
    at, line = 0, 1
    for match in _TOKEN.finditer(text):
        what, word = match.lastgroup, match.group()
        if what == "atom":
            if word not in known:
                known[word] = _atom(word)
            found.append(known[word])
        elif what == "open":
            line += text.count("\n", at, match.start())
            at = match.start()
            found = []
            stack.append((word, found, line))
        elif what == "close":
            kind, inner, began = stack.pop()
            if _CLOSES.get(kind) != word:
                raise ValueError(f"line {line}: {word} closes nothing")
            found = stack[-1][1]
            found.append(_made(kind, inner, began))
        elif what == "string":
            found.append(msgspec.json.decode(word))
        elif what == "key":
            found.append(f":{msgspec.json.decode(match['string'])}")
        elif what == "wrong":
            raise ValueError(f"line {line}: {text[match.start() : match.start() + 20]!r}")
        if len(stack) == 1 and found:
            yield from found
            found.clear()
    if len(stack) > 1:
        raise ValueError(f"line {stack[-1][2]}: {stack[-1][0]} is not closed")


def _made(kind: str, found: list[Any], line: int) -> Any:
    """A list; a set is a tuple, so that nobody takes it for one."""
    if kind == "#{":
        return tuple(found)
    if kind != "{":
        return found
    if len(found) % 2:
        raise ValueError(f"line {line}: a map has a key without a value")
    return {LINE: line} | {str(k): value for k, value in zip(found[::2], found[1::2], strict=True)}


def plain(value: Any) -> Any:
    """A value that can be compared and looked up: what has parts in words, equal for equal ones."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k} {plain(v)}' for k, v in value.items() if k != LINE)}}}"
    return (
        f"[{' '.join(map(str, map(plain, value)))}]" if isinstance(value, list | tuple) else value
    )


def _atom(word: str) -> Any:
    try:
        return int(word.rstrip("N"))
    except ValueError:
        return word
