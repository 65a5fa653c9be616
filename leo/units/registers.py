"""Histories of registers, each written whole: finds the order in which values were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from random import Random
from typing import Any, Final

from leo.trace.words import shown
from leo.units.anomalies import G1A, G1C, GARBAGE
from leo.units.calls import Unit
from leo.units.calls import shown as as_named
from leo.units.history import History, Transaction, all_orders, refuse_twice, writers_of
from leo.units.patterns import Found, plainly
from leo.units.search import TRIES, Orders, Step

# So many other orders of the writes are tried, where theirs is not known.
OTHERS: Final = 6
# The version that an operation finds or makes, by the numbers of its transaction and its own.
Places = dict[tuple[int, int], int]


class Registers:
    """A history of registers, each written whole. `twice`: a value may be written twice."""

    def __init__(self, found: list[Transaction], name: str, *, timed: bool, twice: bool) -> None:
        self._name, self._timed = name, timed
        self._writers = writers_of(found)
        # Texts of which pieces were written: who reads one finds what several wrote.
        self._texts = {op[1] for one in found for op in one.ops if op[0] == ":add"}
        self._unique = not self._texts and all(len(by) == 1 for by in self._writers.values())
        if not twice:
            refuse_twice(self._writers, name)
        # What was seen was carried out, and so was what that had to find.
        left = [one for one in found if one.done] if self._unique else []
        while left:
            for at in (op[1:] for op in left.pop().ops if op[0] == ":r"):
                for writer in self._writers.get(at, ()):
                    if writer.outcome == "cancelled":
                        writer.outcome = "returned"
                        left.append(writer)
        self._found = [one for one in found if one.outcome != "cancelled" or not self._unique]
        # What was found in the values, and whether there can be an order all the same.
        self._notes: list[tuple[str, str, list[Transaction], str]] = []
        self._sound = True
        # Reads that are left out: a transaction that did not see itself.
        self._odd: set[tuple[int, int]] = set()

    def history(self) -> History:
        for one in self._found:
            if one.done:
                self._look(one)
        strict = serial = False
        places: Places | None = None
        if self._sound:
            strict, places = self._search(in_order=True)
            if places is not None:
                return self._made(places)
            serial, places = self._search(in_order=False)
        if places is not None:
            history = self._made(places)
            if not strict:
                history.unsure.add("StrictlySerializable")
            return history
        orders, complete = self._orders()
        history, *history.others = [self._made(places) for places in orders]
        history.complete = complete
        said = "no order of the transactions, one after the other, explains what they read"
        if self._sound or not (self._unique or self._notes):
            who = tuple(Unit(one.name, 0, closed=one.line, end=one.line) for one in self._found[:3])
            perhaps = f"{TRIES:,} tries did not tell whether an order explains what they read"
            history.sure["Serializable"] = Found(
                plainly(said if serial else perhaps), who, sure=serial
            )
            if strict:
                said = "no order that keeps who came after whom explains what they read"
                history.sure["StrictlySerializable"] = Found(plainly(said), who, sure=True)
            if not self._unique:
                said = "values were written twice, so which write a read found is not known"
                graver = f"{said}: a graver anomaly is not ruled out"
                history.sure["NoLostUpdate"] = Found(plainly(graver), who, sure=False, name=G1C)
        return history

    def _look(self, one: Transaction) -> None:
        """Was what a transaction read written, and for all to see, and does it see itself?"""
        known: dict[str, tuple[Any, bool]] = {}
        for at, (verb, key, value) in enumerate(one.ops):
            if verb != ":r":
                known[key] = value, True
                continue
            if key in self._texts:
                continue
            by = self._writers.get((key, value), [])
            expected, mine = known.get(key, (value, False))
            said = f"{one.name} read {as_named(key)} as {shown(value)}"
            if value is not None and not by:
                self._note("ReadsWhatWasWritten", GARBAGE, one, f"{said}, which nobody wrote")
            elif expected != value and mine:
                said = f"{said}, after it had written {shown(expected)}"
                self._note("ReadsOwnWrites", "", one, said)
                self._odd.add((id(one), at))
            last = [dict(op[1:] for op in writer.ops if op[0] != ":r").get(key) for writer in by]
            if expected != value or (by and value not in last and one not in by):
                self._sound = False
            if value is not None and by and all(writer.outcome == "raised" for writer in by):
                self._sound = False
                if not self._unique:
                    # The judge is not told of versions, and cannot find it.
                    said = f"{one.name} read {as_named(key)} as {shown(value)}, and {by[0].name}"
                    self._notes.append(
                        ("NoAbortedRead", G1A, [one, by[0]], f"{said}, which wrote it, failed")
                    )
            known[key] = value, False

    def _note(self, name: str, anomaly: str, one: Transaction, said: str) -> None:
        self._notes.append((name, anomaly, [one], said))
        self._sound = False

    def _search(self, *, in_order: bool) -> tuple[bool, Places | None]:
        """Search for an order; `in_order` it keeps who came after whom, as far as that is known.
        Return whether all were tried, and the versions that one makes.
        """
        parts: dict[str, list[int]] = {}
        # Each object has an order of its own where transactions have one object each (Herlihy and
        # Wing), unless a session is to keep its order without a clock.
        apart = self._timed or not in_order
        apart = apart and all(len({op[1] for op in one.ops}) <= 1 for one in self._found)
        for k, one in enumerate(self._found):
            if one.ops and one.outcome != "raised":
                parts.setdefault(one.ops[0][1] if apart else "", []).append(k)
        places: Places = {}
        now: dict[str, int] = {}
        found = True
        for numbers in parts.values():
            steps = self._steps(numbers, in_order=in_order)
            orders = Orders(steps, in_time=in_order and self._timed)
            order = orders.find()
            if order is None and orders.exhausted:
                return True, None
            found = found and order is not None
            for k in (numbers[place] for place in order or ()):
                for at, (verb, key, _) in enumerate(self._found[k].ops):
                    now[key] = now.get(key, 0) + (verb != ":r")
                    places[k, at] = now[key]
        return found, places if found else None

    def _steps(self, numbers: Sequence[int], *, in_order: bool) -> list[Step]:
        steps: list[Step] = []
        latest: dict[str, int] = {}
        for one in (self._found[k] for k in numbers):
            finds: dict[str, Any] = {}
            leaves: dict[str, Any] = {}
            for verb, key, value in one.ops:
                if verb != ":r":
                    leaves[key] = value
                elif key not in leaves:
                    finds[key] = value
            after = latest.get(one.session, -1) if in_order and not self._timed else -1
            latest[one.session] = len(steps)
            adds = one.ops[0][0] == ":add" if one.ops else False
            steps.append(Step(finds, leaves, one.begin, one.end, not one.done, after, adds))
        return steps

    def _orders(self) -> tuple[list[Places], bool]:
        """The versions where no order is known: what a transaction read comes before what it then
        wrote. Return those of every order when these are few, else of the order of the ends and of
        some by chance; and whether these are all.
        """
        if not self._unique:
            return [{}], False
        before: dict[str, dict[Any, set[Any]]] = {}
        written: dict[str, list[Any]] = {}
        for one in sorted(self._found, key=lambda one: one.end):
            latest: dict[str, Any] = {}
            for verb, key, value in one.ops:
                if verb != ":r":
                    written.setdefault(key, []).append(value)
                    if latest.get(key) is not None:
                        before.setdefault(key, {}).setdefault(value, set()).add(latest[key])
                latest[key] = value
        if orders := list(all_orders(written, before, len(self._found))):
            return [self._placed(order) for order in orders], True
        found: list[Places] = []
        for number in range(1 + OTHERS):
            for key, values in written.items() if number else ():
                Random(f"{number} {key}").shuffle(values)
            places = self._placed(
                {key: _sorted(values, before.get(key, {})) for key, values in written.items()}
            )
            found += [] if places in found else [places]
        return found, False

    def _placed(self, order: Mapping[str, Sequence[Any]]) -> Places:
        versions: dict[tuple[str, Any], int] = {}
        for key, values in order.items():
            versions |= {(key, value): k for k, value in enumerate(values, 1)}
            versions[key, None] = 0
        return {
            (k, at): versions.get((key, value), 0)
            for k, one in enumerate(self._found)
            for at, (_, key, value) in enumerate(one.ops)
            if (value is None or (key, value) in versions) and (id(one), at) not in self._odd
        }

    def _made(self, places: Places) -> History:
        history = History(self._name, clock=self._timed)
        for note in self._notes:
            history.note(*note)
        for k, one in enumerate(self._found):
            calls: list[tuple[dict[str, int], dict[str, int], bool]] = []
            for at, (verb, key, _) in enumerate(one.ops):
                if (k, at) in places:
                    call = {key: places[k, at]}
                    calls.append((call, {}, False) if verb == ":r" else ({}, call, False))
            if one.outcome == "cancelled" and calls:
                one.outcome = "returned"
            if calls or one.outcome != "cancelled":
                history.add(one, calls)
        return history


def _sorted(values: Sequence[Any], before: Mapping[Any, set[Any]]) -> list[Any]:
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
