"""Imports histories: Jepsen's (Elle) of lists and of registers, in EDN or JSON, plain lines of
transactions, and the text formats of other checkers (`leo.units.texts`).

Their versions are observed. The longest read of a list gives the order of its writes. For registers
an order of the transactions is searched in which each reads what it read (`leo.units.search`). This
file finds the anomalies that the values alone show; the judge finds the rest.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from leo.errors import TraceError
from leo.screen import visible
from leo.trace.words import shown
from leo.units import edn, texts
from leo.units.anomalies import DUPLICATE, G1A, GARBAGE, INCOMPATIBLE, LOST_UPDATE
from leo.units.calls import shown as as_named
from leo.units.history import History, Op, Transaction, all_orders, refuse_twice, writers_of
from leo.units.registers import Registers

__all__ = ["history_of", "is_history"]

# What is done to a register alone, to a text of which each write may be a piece, or to a lock.
_SHORT: Final = {":read": ":r", ":write": ":w", ":get": ":r", ":put": ":w", ":append": ":add"}
SINGLE: Final = (":read", ":write", ":cas", ":get", ":put", ":append", ":acquire", ":release")
_LOCK: Final = {":acquire": (None, "held"), ":release": ("held", None)}
_ENDS: Final = {":ok": "returned", ":fail": "raised", ":info": "cancelled"}


def is_history(first: bytes) -> str:
    """Tell by its first line what a file is: "elle", "transactions", "text", "binary", or ""."""
    text = first.lstrip()
    if b"\0" in first:
        return "binary"
    if texts.is_text(text):
        return "text"
    if re.match(rb"[;\[(]|\{\s*:|#jepsen", text) or (first and not text):
        return "elle"
    if text.startswith(b"{") and b'"seq"' not in text:
        if b'"calls"' in text:
            return "transactions"
        return "elle" if b'"type"' in text or b'"params"' in text else ""
    return ""


def history_of(kind: str, data: bytes, name: str) -> History:
    """Return what `data` holds. Raises TraceError when it is no history."""
    if kind == "binary":
        raise TraceError(
            f"{name}: this is binary, as the histories of Cobra and dbcop (bincode) are; expected "
            "text: convert it first, AWDIT's `convert --to plume` writes a form that is read here"
        )
    if kind == "transactions":
        return _plain(data, name)
    try:
        text = data.decode()
        if kind == "text" and not texts.is_log(text):
            return _sessions(texts.transactions(text, name), name)
        values = list(edn.values_of(texts.of_log(text) if kind == "text" else text))
    except ValueError as error:
        raise TraceError(
            f"{name}: this is neither EDN nor JSON ({error}); expected a history of Elle"
        ) from error
    if len(values) == 1 and isinstance(values[0], dict) and ":data" in values[0]:
        values = values[0][":data"]
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if values and all(isinstance(value, list) for value in values):
        return _sessions(texts.of_sessions(values, name), name)
    entries = [entry for entry in values if isinstance(entry, dict) and ":type" in entry]
    for entry in entries:
        entry[":type"] = _word(entry[":type"])
    timed = any(entry[":type"] == ":invoke" for entry in entries)
    found = _transactions(entries, name, timed=timed)
    if not found:
        raise _empty(name, "maps with :type, :process, :f and :value")
    verbs = {verb for one in found for verb, *_ in one.ops}
    if ":append" in verbs:
        if ":w" in verbs:
            raise TraceError(
                f"{name}: some objects are appended to and some are written whole; expected lists "
                "or registers in one history: split it"
            )
        return _Lists(_of_elements(found), name, timed=timed).history()
    if verbs == {":r"} and any(isinstance(op[2], list) for one in found for op in one.ops):
        return _Lists(_of_elements(found), name, timed=timed).history()
    for one in found:
        one.ops = [(verb, key, edn.plain(value)) for verb, key, value in one.ops]
    twice = all(_word(entry.get(":f")) in SINGLE for entry in entries if _of_client(entry))
    return Registers(found, name, timed=timed, twice=twice).history()


def _of_elements(found: list[Transaction]) -> list[Transaction]:
    """The same with lists of values that can be compared."""
    for one in found:
        for at, (verb, key, value) in enumerate(one.ops):
            some = verb == ":r" and isinstance(value, list)
            one.ops[at] = verb, key, [*map(edn.plain, value)] if some else edn.plain(value)
    return found


def _sessions(found: list[Transaction], name: str) -> History:
    if not found:
        raise _empty(name, "lines with operations")
    return Registers(found, name, timed=False, twice=False).history()


def _empty(name: str, expected: str) -> TraceError:
    return TraceError(f"{name}: there is no transaction; expected {expected}")


def _word(word: Any) -> str:
    """A keyword, which JSON writes without its colon."""
    return f":{str(word).lstrip(':')}"


def _of_client(entry: dict[str, Any]) -> bool:
    """It is no action of a nemesis, nor a word of the log."""
    process = entry.get(":process")
    return not isinstance(process, str) and (process is not None or ":value" in entry)


def _transactions(
    entries: Sequence[dict[str, Any]], name: str, *, timed: bool
) -> list[Transaction]:
    """The transactions of clients: what a nemesis does is no part of it."""
    found: list[Transaction] = []
    open_: dict[str, list[Transaction]] = {}
    # Of these is known what they had to find, however they ended.
    known: set[int] = set()
    for number, entry in enumerate(entries):
        process, kind, line = entry.get(":process"), entry[":type"], entry[edn.LINE]
        if not _of_client(entry):
            continue
        if kind not in (":invoke", *_ENDS):
            raise TraceError(
                f"{name}: line {line}: the type {shown(kind)}; expected :invoke, :ok, :fail or "
                ":info"
            )
        begun = open_.get(str(process), [])
        # What did not end well may say why in place of what it did.
        ops = _ops(entry, name) if kind in (":invoke", ":ok") or not begun else begun[0].ops
        session = str(process)
        if process is None:
            # Without a process an end belongs to what began the same.
            session = f"T{number}"
            begun = open_.get(key := repr([op[:2] if op[0] == ":r" else op for op in ops]), [])
        else:
            key = session
        if kind == ":invoke" or not begun:
            if kind == ":invoke" and begun and process is not None:
                raise TraceError(
                    f"{name}: line {line}: process {session} begins a transaction and has not "
                    "ended the one before; expected one at a time"
                )
            made = Transaction(
                f"T{entry.get(':index', number)}", session, "cancelled", number, number, line,
                line, ops,
            )  # fmt: skip
            found.append(made)
            if _word(entry.get(":f")) in (":cas", *_LOCK):
                known.add(id(made))
            if kind == ":invoke":
                open_.setdefault(key, []).append(made)
                continue
            begun = [made]
        ended = begun.pop(0)
        ended.outcome, ended.end, ended.line = _ENDS[kind], number, line
        if kind == ":info" and id(ended) not in known:
            # What it read nobody knows; a comparison that was carried out found what it had to.
            ops = [op for op in ops if op[0] != ":r"]
        ended.ops = ops
    for one in found:
        if one.outcome == "cancelled":
            # Nobody knows when it was over.
            one.end = len(entries)
            if id(one) not in known:
                one.ops = [op for op in one.ops if op[0] != ":r" or op[2] is not None]
    return found


def _ops(entry: dict[str, Any], name: str) -> list[Op]:
    """What an entry does: a list of operations, or one on a register."""
    verb = _word(entry.get(":f") or ":txn")
    value: Any = entry.get(":value")
    if verb in _LOCK and value is None:
        before, after = _LOCK[verb]
        return [(":r", "lock", before), (":w", "lock", after)]
    if verb in _SHORT and ":key" in entry:
        # An empty text is what is there before anything is written.
        text = None if value in (None, "") else str(edn.plain(value))
        return [(_SHORT[verb], str(entry[":key"]), text)]
    if verb in (":read", ":write", ":cas") and not _are_ops(value):
        key = "register"
        pair = isinstance(value, list) and len(value) == 2
        if pair and (verb != ":cas" or isinstance(value[1], list)):
            key, value = str(value[0]), value[1]
        if verb != ":cas" and not isinstance(value, tuple):
            return [(_SHORT[verb], key, value)]
        if isinstance(value, list) and len(value) == 2:
            return [(":r", key, value[0]), (":w", key, value[1])]
    if value is None and verb == ":txn":
        return []
    if not _are_ops(value):
        wrong = [op for op in value if not _are_ops([op])] if isinstance(value, list) else [value]
        raise TraceError(
            f"{name}: line {entry[edn.LINE]}: {verb} {shown(wrong[0])} is no operation; expected "
            "[:r KEY VALUE], [:w KEY VALUE] or [:append KEY VALUE], :f :read, :write or :cas with "
            "a value, :get, :put or :append with a :key, or :acquire or :release; no sets, "
            "counters or accounts"
        )
    return [(_verb(op), str(op[1]), op[2] if op[2:] else None) for op in value]


def _verb(op: list[Any]) -> str:
    word = _word(op[0])
    return word if word == ":append" else _SHORT.get(word, word)


def _are_ops(value: Any) -> bool:
    """It is a list of what is done to objects; what a read will find may be left out."""
    return isinstance(value, list) and all(
        isinstance(op, list)
        and len(op) in (2, 3)
        and _verb(op) in ((":r", ":w", ":append") if op[2:] else (":r",))
        for op in value
    )


class _Lists:
    """A history of lists that transactions append to."""

    def __init__(self, found: list[Transaction], name: str, *, timed: bool) -> None:
        self._found = found
        self._history = History(name, clock=timed)
        self._writers = writers_of(found)
        refuse_twice(self._writers, name)
        self._longest: dict[str, list[Any]] = {}

    def history(self) -> History:
        # Which reads are left out: they have no place in the order.
        odd: set[tuple[int, int]] = set()
        for k, one in enumerate(self._found):
            for at, (verb, key, value) in enumerate(one.ops):
                if verb == ":r" and not isinstance(value, list | None):
                    raise TraceError(
                        f"{self._history.name}: line {one.line}: {key} was read as {shown(value)}; "
                        "expected a list, as other transactions append to it"
                    )
                if verb == ":r" and one.done and not self._fits(one, key, value or []):
                    odd.add((k, at))
        versions = {
            (key, value): k
            for key, values in self._longest.items()
            for k, value in enumerate(values, 1)
        }
        for one in self._found:
            if one.outcome == "cancelled" and any(op[1:] in versions for op in one.ops):
                # It was seen, so it was carried out, and whole.
                one.outcome = "returned"
            self._see_itself(one)
        unseen = self._unseen(versions)
        before: dict[str, dict[Any, list[Any]]] = {}
        for one in self._found:
            mine: dict[str, list[Any]] = {}
            for verb, key, value in one.ops if one.done else ():
                if verb == ":append":
                    before.setdefault(key, {})[value] = [*mine.setdefault(key, [])]
                    mine[key].append(value)
        orders = [*all_orders(unseen, before, len(self._found))]
        loose: dict[str, dict[Any, Transaction]] = {}
        if not orders:
            orders = [{key: [*values] for key, values in unseen.items()}]
            loose = {key: values for key, values in unseen.items() if len(values) > 1}
            self._miss_each_other(unseen)
        history, *history.others = [self._made(versions, one, odd, loose) for one in orders]
        for other in (history, *history.others):
            other.found, other.complete = self._history.found, True
        return history

    def _made(
        self,
        seen: Mapping[tuple[str, Any], int],
        order: Mapping[str, Iterable[Any]],
        odd: Container[tuple[int, int]],
        loose: Mapping[str, Container[Any]],
    ) -> History:
        """The history, with what nobody read in an order, behind all that somebody read."""
        history, versions = History(self._history.name, clock=self._history.header.clock), {**seen}
        for key, values in order.items():
            last = len(self._longest.get(key, ()))
            versions |= {(key, value): last + k for k, value in enumerate(values, 1)}
        for k, one in enumerate(self._found):
            calls: list[tuple[dict[str, int], dict[str, int], bool]] = []
            for at, (verb, key, value) in enumerate(one.ops):
                if verb == ":r" and one.done and (k, at) not in odd:
                    calls.append(({key: versions[key, value[-1]] if value else 0}, {}, False))
                elif verb != ":r" and (key, value) in versions:
                    call = {key: versions[key, value]}
                    calls.append(({}, call, value in loose.get(key, ())))
            history.add(one, calls)
        return history

    def _unseen(self, versions: Container[tuple[str, Any]]) -> dict[str, dict[Any, Transaction]]:
        """Return what was appended and nobody read: it came after all that somebody read."""
        unseen: dict[str, dict[Any, Transaction]] = {}
        for one in self._found:
            for verb, key, value in one.ops if one.done else ():
                if verb == ":append" and (key, value) not in versions:
                    unseen.setdefault(key, {})[value] = one
        return unseen

    def _miss_each_other(self, unseen: Mapping[str, Mapping[Any, Transaction]]) -> None:
        """Of two that read a list and then append, unseen, the later one overwrites the other."""
        for key, values in unseen.items():
            who = dict[int, Transaction]()
            for value, one in values.items():
                before = one.ops[: one.ops.index((":append", key, value))]
                if any(op[:2] == (":r", key) for op in before):
                    who[id(one)] = one
            if len(who) > 1:
                first, second, *_ = who.values()
                text = (
                    f"{first.name} and {second.name} read {as_named(key)} and appended to it, and "
                    "neither had seen the other's"
                )
                self._history.note("NoLostUpdate", LOST_UPDATE, [first, second], text)

    def _fits(self, one: Transaction, key: str, value: list[Any]) -> bool:
        """Look at one read; False when it has no place in the order."""
        note = self._history.note
        if len(set(map(str, value))) < len(value):
            text = f"{one.name} read {as_named(key)} as {shown(value)}, which has an element twice"
            note("ReadsWhatWasWritten", DUPLICATE, [one], text)
            return False
        for element in value:
            by = self._writers.get((key, element), [])
            if not by:
                text = f"{one.name} read {shown(element)} in {as_named(key)}, which nobody appended"
                note("ReadsWhatWasWritten", GARBAGE, [one], text)
            elif by[0].outcome == "raised" and element != value[-1]:
                text = (
                    f"{one.name} read {shown(element)} in {as_named(key)}, which {by[0].name} "
                    "appended, and that failed"
                )
                note("NoAbortedRead", G1A, [one, by[0]], text)
        longest = self._longest.setdefault(key, [])
        less, more = sorted((longest, value), key=len)
        if more[: len(less)] != less:
            text = (
                f"{one.name} read {as_named(key)} as {shown(value)}, and another as "
                f"{shown(longest)}: neither is the beginning of the other"
            )
            note("ReadsWhatWasWritten", INCOMPATIBLE, [one], text)
            return False
        self._longest[key] = more
        return True

    def _see_itself(self, one: Transaction) -> None:
        """A transaction sees what it appended behind what it read, or at the end; and not before
        it has appended it.
        """
        coming = [op[1:] for op in one.ops if op[0] != ":r"]
        read: dict[str, list[Any]] = {}
        wrote: dict[str, list[Any]] = {}
        for verb, key, given in one.ops if one.done else ():
            mine = wrote.setdefault(key, [])
            if verb != ":r":
                mine.append(given)
                coming.remove((key, given))
                continue
            value = given or []
            early = [element for element in value if (key, element) in coming]
            if early:
                text = f"{one.name} read {as_named(key)} as {shown(value)} before it appended "
                self._history.note("ReadsOwnWrites", "", [one], f"{text}{shown(early[0])} itself")
            known = read.get(key)
            right = value[len(value) - len(mine) :] if known is None else value
            if right != (known or []) + mine:
                text = f"{one.name} read {as_named(key)} as {shown(value)}"
                if mine:
                    text = f"{text}, after it had appended {shown(mine)}"
                    self._history.note("ReadsOwnWrites", "", [one], text)
                else:
                    text = f"{text}, and before as {shown(known)}"
                    self._history.note("StableRead", "", [one], text)
            read[key], wrote[key] = value, []


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    reads: dict[str, int] = {}
    writes: dict[str, int] = {}


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """What a unit did, which versions it found and made, and when, if that is known."""

    unit: str
    calls: list[_Call]
    session: str | None = None
    begin: float | None = None
    end: float | None = None
    outcome: Literal["returned", "raised", "cancelled"] = "returned"


def _plain(data: bytes, name: str) -> History:
    """Take lines of transactions: with `begin` and `end` by one clock, else in the order of each
    session.
    """
    units: list[tuple[int, _Line]] = []
    decode = msgspec.json.Decoder(_Line).decode
    made: dict[tuple[str, int], int] = {}
    names: dict[str, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            unit = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TraceError(
                f"{name}: line {number}: {visible(str(error))}; expected a transaction with "
                "unit, calls (each with reads and writes, object to version), perhaps session, "
                "begin, end, outcome"
            ) from error
        if names.setdefault(unit.unit, number) != number or not unit.unit.isprintable():
            raise TraceError(
                f"{name}: line {number}: the unit {shown(unit.unit)} is on line "
                f"{names[unit.unit]} as well, or cannot be printed; expected a name of its own"
            )
        for call in unit.calls:
            for item, version, least in (
                *((item, version, 1) for item, version in call.writes.items()),
                *((item, version, 0) for item, version in call.reads.items()),
            ):
                if version < least:
                    raise TraceError(
                        f"{name}: line {number}: version {version} of {shown(item)}; expected 1 or "
                        "more for what is written, 0 for what nobody had written"
                    )
            for item, version in call.writes.items():
                if made.setdefault((item, version), number) != number:
                    raise TraceError(
                        f"{name}: line {number}: version {version} of {shown(item)} was written "
                        f"on line {made[item, version]} as well; expected each version once"
                    )
        units.append((number, unit))
    clock = all(unit.begin is not None and unit.end is not None for _, unit in units)
    history = History(name, clock=clock, values=False)
    for number, unit in units:
        begin, end = (unit.begin, unit.end) if clock else (number, number)
        if begin is None or end is None or begin > end:
            raise TraceError(
                f"{name}: line {number}: {unit.unit} begins at {begin} and ends at {end}; expected "
                "an end that is not before the beginning"
            )
        session = f"{unit.unit} alone" if unit.session is None else unit.session
        history.add(
            Transaction(unit.unit, session, unit.outcome, begin, end, number, number, []),
            [(call.reads, call.writes, False) for call in unit.calls],
        )
    return history
