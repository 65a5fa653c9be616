"""The text formats in which checkers of isolation keep histories, and the lines of Jepsen's logs.

PolySI, Plume and IsoVista write an operation a line: `r(key,value,session,transaction)`. AWDIT
writes `r key value`, dashes between transactions, equals signs between sessions. dbcop writes a
transaction in brackets (`[x:=1 y==2 z==?]`, with a `!` behind it when it failed), dashes between
sessions, or JSON. None of them has a clock: what counts is the order of each session.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from leo.errors import TraceError
from leo.trace.words import shown
from leo.units.history import Op, Transaction

_CALL: Final = re.compile(r"([rw])\((-?\w+),(-?\w+),(-?\w+),(-?\w+)\)")
_WORDS: Final = re.compile(r"([rw])\s+(\S+)\s+(\S+)")
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\](!?)")
_PART: Final = re.compile(r"(\w+)(:=|==)(\d+|\?)")
_BETWEEN: Final = re.compile(r"-+|=+")
# A line of Jepsen's log ends with what was done: process, type, function and value.
_LOGGED: Final = re.compile(
    r"(?:.*\s)?(\d+|:nemesis)\s+(:invoke|:ok|:fail|:info)\s+(:[\w-]+)\s*\t([^\t]*).*"
)

# A session, a transaction in it, whether that is done, what it does, and the line.
_Said = tuple[str, str, bool, Op, int]


def is_text(first: bytes) -> bool:
    """Tell by its first line whether a file is in one of the formats without braces."""
    line = first.decode("utf-8", "replace").strip()
    known = (_CALL, _WORDS, _BRACKETS, _LOGGED)
    return line.startswith("//") or any(
        one.match(line) and (one is not _BRACKETS or _PART.match(line[1:])) for one in known
    )


def of_log(text: str) -> str:
    """The entries that a log of Jepsen tells of, each on its line."""
    found = (_LOGGED.fullmatch(line.strip()) for line in text.splitlines())
    return "\n".join(
        f"{{:process {m[1]} :type {m[2]} :f {m[3]} :value {m[4] or 'nil'}}}" if m else ""
        for m in found
    )


def is_log(text: str) -> bool:
    """Jepsen's log, and none of the other formats."""
    return _LOGGED.match(text.partition("\n")[0].strip()) is not None


def transactions(text: str, name: str) -> list[Transaction]:
    """The transactions of a text. Raises TraceError for a line in none of the formats."""
    return _together(_lines(text, name))


def of_sessions(sessions: Sequence[Any], name: str) -> list[Transaction]:
    """The transactions of dbcop's JSON: sessions of `events` and whether they are `committed`.

    Raises TraceError for what is none.
    """

    def said() -> Iterator[_Said]:
        for number, session in enumerate(sessions):
            for at, one in enumerate(session):
                for event in one[":events"]:
                    [(verb, what)] = ((v, w) for v, w in event.items() if v)
                    op = (f":{verb[1].lower()}", str(what[":variable"]), what[":version"])
                    yield str(number), f"{number}.{at}", one[":committed"], op, one[""]

    try:
        return _together(said())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TraceError(
            f"{name}: these are no sessions of dbcop ({error!r}); expected lists of transactions "
            "with events (Read or Write, each with variable and version) and committed"
        ) from error


def _lines(text: str, name: str) -> Iterator[_Said]:
    session = transaction = 0
    brackets = False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("//")[0].strip()
        if found := _CALL.fullmatch(line):
            yield found[4], found[5], True, (f":{found[1]}", found[2], found[3]), number
        elif found := _WORDS.fullmatch(line):
            op = (f":{found[1]}", found[2], found[3])
            yield str(session), str(transaction), True, op, number
        elif _BETWEEN.fullmatch(line):
            transaction += 1
            session += brackets or line[0] == "="
        elif line and not _BRACKETS.sub("", line).strip():
            brackets = True
            for what, failed in _BRACKETS.findall(line):
                transaction += 1
                for part in what.split():
                    if not (found := _PART.fullmatch(part)):
                        raise _refused(name, number, part)
                    value = None if found[3] == "?" else found[3]
                    op = (":w" if found[2] == ":=" else ":r", found[1], value)
                    yield str(session), str(transaction), not failed, op, number
        elif line:
            raise _refused(name, number, line)


def _refused(name: str, number: int, what: str) -> TraceError:
    return TraceError(
        f"{name}: line {number}: {shown(what)} is no operation; expected the same format in every "
        "line: r(key,value,session,transaction), or r key value, or [x:=1 y==2]"
    )


def _together(said: Iterator[_Said]) -> list[Transaction]:
    """The transactions in the order in which they are first named. A read of 0 that nobody wrote
    found what was there at the start.
    """
    found: dict[tuple[str, str], Transaction] = {}
    for session, transaction, done, op, line in said:
        one = found.get((session, transaction))
        if one is None:
            at = len(found)
            outcome = "returned" if done else "raised"
            one = found[session, transaction] = Transaction(
                f"T{transaction}", f"session {session}", outcome, at, at, line, line, []
            )
        one.line = line
        one.ops.append(op)
    wrote = {op[1:] for one in found.values() for op in one.ops if op[0] == ":w"}
    for one in found.values():
        one.ops = [
            (verb, key, None if str(value) == "0" and (key, value) not in wrote else value)
            for verb, key, value in one.ops
        ]
    return [*found.values()]
