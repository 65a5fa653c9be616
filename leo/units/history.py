"""A history of transactions that was imported, in the form that the judge reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial, prod
from typing import Any, Final

import msgspec

from leo.errors import TraceError
from leo.trace.words import shown
from leo.units.calls import Unit
from leo.units.log import UNITS_SCHEMA, UNITS_SPEC, UnitAction, UnitEvent, UnitsHeader
from leo.units.patterns import Found, plainly

# What was done to an object: ":r", ":w", ":append" (to a list) or ":add" (to a text), the object,
# and the value.
Op = tuple[str, str, Any]
# So many transactions are judged in other orders of their writes, where theirs is not known.
MOST: Final = 20_000


@dataclass(slots=True)
class Transaction:
    """`begin` and `end` are its places in the history, `first` and `line` their lines. What nobody
    knows the end of was `cancelled`.
    """

    name: str
    session: str
    outcome: str
    begin: float
    end: float
    first: int
    line: int
    ops: list[Op]

    @property
    def done(self) -> bool:
        return self.outcome == "returned"


class History:
    """What the judge reads: its events, and what was `found` in it already.

    What the judge finds of the `unsure` properties is undecided. `sure` is said where it finds
    nothing of a property. The `others` have the writes in other orders, as possible as this one:
    what falls in one and not in another is undecided, or did not happen when these are `complete`.
    """

    def __init__(self, name: str, *, clock: bool, values: bool = True) -> None:
        self.name = name
        self.header = UnitsHeader(
            UNITS_SCHEMA, "units", UNITS_SPEC, name, {}, True, values, True, clock
        )
        self.notices: list[str] = []
        self.closed = True
        self.found: list[tuple[str, Found]] = []
        self.sure: dict[str, Found] = {}
        self.unsure: set[str] = set()
        self.others: list[History] = []
        self.complete = False
        self._steps: list[tuple[tuple[float, int, int], int, tuple[Any, ...]]] = []

    def add(
        self,
        who: Transaction,
        calls: Iterable[tuple[Mapping[str, int], Mapping[str, int], bool]],
    ) -> None:
        """A transaction, what its calls read and wrote, and whether what they wrote overwrites
        nothing.
        """
        end = who.end
        number = len(self._steps)
        says = self._steps.append
        says(((who.begin, 1, number), who.first, (who, UnitAction.Open, {}, {}, "ok", False)))
        at = (end, 0 if who.begin < end else 2, number)
        for reads, writes, appends in calls:
            action = UnitAction.Write if writes else UnitAction.Read
            says((at, who.line, (who, action, reads, writes, "ok", appends)))
        says((at, who.line, (who, UnitAction.Close, {}, {}, who.outcome, False)))

    def note(self, name: str, anomaly: str, who: Sequence[Transaction], said: str) -> None:
        """Something was found in the values."""
        units = tuple(
            Unit(one.name, 0, one.session, closed=one.line, end=one.line, outcome=one.outcome)
            for one in who
        )
        told = f"{who[0].name} is on line {who[0].line}"
        self.found.append((name, Found(plainly(said, told), units, sure=True, name=anomaly)))

    def pieces(self) -> Iterator[Iterable[tuple[int, UnitEvent]]]:
        """Yield the events, each with the number of its line, as a reader does."""
        return ((one,) for one in self)

    def __iter__(self) -> Iterator[tuple[int, UnitEvent]]:
        self._steps.sort(key=lambda step: step[0])
        for seq, (_, line, (who, action, reads, writes, outcome, appends)) in enumerate(
            self._steps, 1
        ):
            yield (
                line,
                UnitEvent(
                    seq, "import", self.name, 0.0, "", "main", who.session, who.name, action,
                    dict(reads), dict(writes), outcome,
                    appends=True if appends else msgspec.UNSET,
                ),
            )  # fmt: skip


def all_orders(
    written: Mapping[str, Collection[Any]],
    before: Mapping[str, Mapping[Any, Collection[Any]]],
    count: int,
) -> Iterator[Mapping[str, Sequence[Any]]]:
    """Yield every order of the values written to each object, that keeps what comes `before` what;
    none when these are too many to judge each with `count` transactions, or there is none.
    """
    if count * prod(factorial(min(len(values), 9)) for values in written.values()) > MOST:
        return
    choices = [
        [
            order
            for order in permutations(values)
            if not any(
                one in order[at:]
                for at, value in enumerate(order)
                for one in before.get(key, {}).get(value, ())
            )
        ]
        for key, values in written.items()
    ]
    for chosen in product(*choices):
        yield dict(zip(written, chosen, strict=True))


Writers = dict[tuple[str, Any], list[Transaction]]


def writers_of(found: Iterable[Transaction]) -> Writers:
    """Who wrote what, by object and value."""
    writers: Writers = {}
    for one in found:
        for verb, key, value in one.ops:
            if verb != ":r":
                writers.setdefault((key, value), []).append(one)
    return writers


def refuse_twice(writers: Writers, name: str) -> None:
    """Refuse what was written twice."""
    for (key, value), by in writers.items():
        if len(by) > 1:
            raise TraceError(
                f"{name}: {shown(value)} was written to {key} twice (lines {by[0].line} and "
                f"{by[1].line}); expected each value once: a read cannot tell which of the two it "
                "found"
            )
