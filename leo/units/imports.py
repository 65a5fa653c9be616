"""Histories of others as traces of units: Elle's (Jepsen) in EDN, and plain lines of JSON.

An imported history has observed versions: who wrote which version of an object, its reads tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, Final

import msgspec

from leo.errors import TraceError
from leo.screen import visible
from leo.trace.words import shown
from leo.units.log import UNITS_SCHEMA, UNITS_SPEC, UnitAction, UnitEvent, UnitsEnd, UnitsHeader

__all__ = ["is_history", "trace_of"]


def is_history(first: bytes) -> str:
    """Tell by its first line what a file is: "elle", "transactions", or "" for neither."""
    text = first.lstrip()
    if re.match(rb"\[?\s*\{\s*:", text) or text.startswith(b"#jepsen"):
        return "elle"
    if text.startswith(b"{") and b'"calls"' in text and b'"seq"' not in text:
        return "transactions"
    return ""


def trace_of(kind: str, data: bytes, name: str) -> bytes:
    """Return the trace of units that a history is. Raises TraceError when it is none."""
    events = _Events(name)
    if kind == "elle":
        _elle(events, data, name)
    else:
        _transactions(events, data, name)
    return events.data()


class _Events:
    """The events of a trace, numbered as they come."""

    def __init__(self, name: str) -> None:
        self.clock = True
        self._run = name
        self._events: list[UnitEvent] = []

    def add(
        self,
        unit: str,
        session: str,
        action: UnitAction,
        outcome: str = "ok",
        reads: dict[str, int] | None = None,
        writes: dict[str, int] | None = None,
    ) -> None:
        self._events.append(
            UnitEvent(
                len(self._events) + 1, "import", self._run, 0.0, "", "main", session, unit, action,
                reads or {}, writes or {}, outcome,
            )
        )  # fmt: skip

    def data(self) -> bytes:
        header = UnitsHeader(
            UNITS_SCHEMA, "units", UNITS_SPEC, self._run, {}, observed=True, clock=self.clock
        )
        end = UnitsEnd("end", self._run, "import", len(self._events))
        return msgspec.json.Encoder().encode_lines([header, *self._events, end])


# EDN, as far as histories need it.
_TOKEN: Final = re.compile(
    r"""[\s,]+|;[^\n]*|(?P<open>[\[({]|\#\{)|(?P<close>[\])}])|(?P<string>"(?:\\.|[^"\\])*")"""
    r"""|(?P<tag>\#[\w.+/-]+)|(?P<atom>[^\s,\[\](){}";]+)"""
)
_WORDS: Final[dict[str, Any]] = {"nil": None, "true": True, "false": False}
_CLOSES: Final = {"[": "]", "(": ")", "{": "}", "#{": "}"}


def edn(text: str) -> Iterator[Any]:
    """Yield the values of a text in EDN: keywords as text with their colon, tags left out.

    Raises ValueError where it is none.
    """
    stack: list[tuple[str, list[Any]]] = [("", [])]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no EDN at {text[at : at + 20]!r}")
        at = match.end()
        if match["open"]:
            stack.append((match["open"], []))
        elif match["close"]:
            kind, found = stack.pop()
            if _CLOSES.get(kind) != match["close"]:
                raise ValueError(f"{match['close']} closes nothing at {text[at - 20 : at]!r}")
            stack[-1][1].append(_made(kind, found))
        elif match["string"]:
            stack[-1][1].append(msgspec.json.decode(match["string"]))
        elif match["atom"]:
            stack[-1][1].append(_atom(match["atom"]))
        if len(stack) == 1:
            yield from stack[0][1]
            stack[0][1].clear()
    if len(stack) > 1:
        raise ValueError(f"{stack[-1][0]} is not closed")


def _made(kind: str, found: list[Any]) -> Any:
    if kind == "{":
        if len(found) % 2:
            raise ValueError("a map has a key without a value")
        return {str(key): value for key, value in zip(found[::2], found[1::2], strict=True)}
    return found


def _atom(word: str) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    try:
        return int(word.rstrip("N"))
    except ValueError:
        return word


Op = tuple[str, str, Any]


def _elle(events: _Events, data: bytes, name: str) -> None:
    """Take a history of list-append or of rw-register transactions.

    Of a list the order of the writes is that of the longest read. Of a register it is what the
    transactions that read before they wrote tell, and the order in which they completed for the
    rest.
    """
    try:
        found = list(edn(data.decode()))
    except ValueError as error:
        raise TraceError(f"{name}: this is no EDN ({error}); expected a history of Elle") from error
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    entries = [entry for entry in found if isinstance(entry, dict) and ":type" in entry]
    entries = [entry for entry in entries if isinstance(entry.get(":value"), list)]
    if not entries:
        raise TraceError(f"{name}: there is no transaction; expected maps with :type and :value")
    done = [_ops(entry, name) for entry in entries]
    lists = any(v == ":append" or isinstance(value, list) for ops in done for v, _, value in ops)
    versions = (_list_orders if lists else _register_orders)(entries, done, name)
    open_: dict[str, str] = {}
    seen = {
        (key, value if not isinstance(value, list) else value[-1])
        for entry, ops in zip(entries, done, strict=True)
        if entry[":type"] == ":ok"
        for verb, key, value in ops
        if verb == ":r" and value not in (None, [])
    }
    for number, (entry, ops) in enumerate(zip(entries, done, strict=True)):
        session, kind = str(entry.get(":process")), entry[":type"]
        if kind == ":invoke":
            open_[session] = f"T{number}"
            events.add(f"T{number}", session, UnitAction.Open)
            continue
        unit = open_.pop(session, "")
        if not unit:
            unit = f"T{number}"
            events.add(unit, session, UnitAction.Open)
        # Nobody knows how it ended: what others saw of it tells that it was carried out.
        saw = any(verb != ":r" and (key, value) in seen for verb, key, value in ops)
        if kind == ":info" and not saw:
            continue
        for verb, key, value in ops:
            if verb == ":r":
                if kind == ":ok":
                    last = value[-1] if isinstance(value, list) and value else value
                    version = versions[key].get(last, 0) if last not in (None, []) else 0
                    events.add(unit, session, UnitAction.Read, reads={key: version})
            elif value in versions[key]:
                events.add(unit, session, UnitAction.Write, writes={key: versions[key][value]})
        ended = "raised" if kind == ":fail" else "returned"
        events.add(unit, session, UnitAction.Close, ended)


def _ops(entry: dict[str, Any], name: str) -> list[Op]:
    ops = []
    for op in entry[":value"]:
        if not isinstance(op, list) or len(op) != 3 or op[0] not in (":r", ":w", ":append"):
            raise TraceError(
                f"{name}: {shown(op)} is no operation; expected [:r KEY VALUE], [:w KEY VALUE] or "
                "[:append KEY VALUE]"
            )
        ops.append((op[0], str(op[1]), op[2]))
    return ops


Orders = dict[str, dict[Any, int]]


def _list_orders(entries: Sequence[dict[str, Any]], done: list[list[Op]], name: str) -> Orders:
    longest: dict[str, list[Any]] = {}
    for entry, ops in zip(entries, done, strict=True):
        for verb, key, value in ops:
            longest.setdefault(key, [])
            if verb == ":r" and entry[":type"] == ":ok" and value:
                one, other = sorted((longest[key], value), key=len)
                if other[: len(one)] != one:
                    raise TraceError(
                        f"{name}: {key} was read as {shown(one)} and as {shown(other)}: neither is "
                        "the beginning of the other, so its writes have no order"
                    )
                longest[key] = other
    return {key: {value: k for k, value in enumerate(values, 1)} for key, values in longest.items()}


def _register_orders(entries: Sequence[dict[str, Any]], done: list[list[Op]], name: str) -> Orders:
    written: dict[str, list[Any]] = {}
    before: dict[str, dict[Any, set[Any]]] = {}
    for entry, ops in zip(entries, done, strict=True):
        latest: dict[str, Any] = {}
        for verb, key, value in ops if entry[":type"] != ":invoke" else ():
            written.setdefault(key, [])
            if verb == ":w":
                if value in written[key]:
                    raise TraceError(
                        f"{name}: {shown(value)} was written to {key} twice; expected each value "
                        "once: a read cannot tell which of the two it found"
                    )
                written[key].append(value)
                if latest.get(key) is not None:
                    before.setdefault(key, {}).setdefault(value, set()).add(latest[key])
            if verb == ":w" or entry[":type"] == ":ok":
                latest[key] = value
    for ops in done:
        for _, key, _ in ops:
            written.setdefault(key, [])
    return {
        key: {value: k for k, value in enumerate(_sorted(values, before.get(key, {})), 1)}
        for key, values in written.items()
    }


def _sorted(values: Sequence[Any], before: dict[Any, set[Any]]) -> list[Any]:
    """The values in an order that keeps what comes before what, and else as they are; those that
    come before one another are left as they are.
    """
    place = {value: k for k, value in enumerate(values)}
    missing = {value: len(before.get(value, set()) & place.keys()) for value in values}
    after: dict[Any, list[Any]] = {}
    for value in values:
        for one in before.get(value, ()):
            after.setdefault(one, []).append(value)
    free = [place[value] for value in values if not missing[value]]
    heapify(free)
    ordered = []
    while free:
        value = values[heappop(free)]
        ordered.append(value)
        for later in after.get(value, ()):
            missing[later] -= 1
            if not missing[later]:
                heappush(free, place[later])
    known = set(ordered)
    return [*ordered, *(value for value in values if value not in known)]


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    reads: dict[str, int] = {}
    writes: dict[str, int] = {}


class _Transaction(msgspec.Struct, forbid_unknown_fields=True):
    """A line: what a unit did, which versions it found and made, and when, if that is known."""

    unit: str
    calls: list[_Call]
    session: str = ""
    begin: float | None = None
    end: float | None = None
    outcome: str = "returned"


def _transactions(events: _Events, data: bytes, name: str) -> None:
    """Take lines of transactions: with `begin` and `end` by one clock, else in the order of each
    session.
    """
    units: list[_Transaction] = []
    decode = msgspec.json.Decoder(_Transaction).decode
    for number, line in enumerate(data.splitlines(), 1):
        try:
            units.append(decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TraceError(
                f"{name}: line {number}: {visible(str(error))}; expected a transaction with "
                "unit, calls (each with reads and writes, object to version), perhaps session, "
                "begin, end, outcome"
            ) from error
    events.clock = all(unit.begin is not None and unit.end is not None for unit in units)
    steps: list[tuple[float, int, Callable[[], None]]] = []
    for place, unit in enumerate(units):
        begin, end = (unit.begin, unit.end) if events.clock else (3.0 * place, 3.0 * place + 1)
        if begin is None or end is None or begin > end:
            raise TraceError(f"{name}: {unit.unit} begins at {begin} and ends at {end}")
        steps.append((begin, 1, partial(_open, events, unit)))
        steps.append((end, 0 if begin < end else 2, partial(_close, events, unit)))
    for _, _, step in sorted(steps, key=lambda one: one[:2]):
        step()


def _open(events: _Events, unit: _Transaction) -> None:
    events.add(unit.unit, unit.session, UnitAction.Open)


def _close(events: _Events, unit: _Transaction) -> None:
    for call in unit.calls:
        action = UnitAction.Write if call.writes else UnitAction.Read
        events.add(unit.unit, unit.session, action, reads=call.reads, writes=call.writes)
    events.add(unit.unit, unit.session, UnitAction.Close, unit.outcome)
