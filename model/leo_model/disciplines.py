"""What tells the disciplines apart: the Python side of ``spec/Disciplines.tla``.

Each discipline is seven answers; the transition system asks for the answers and never for the
name.  A test compares them with the module, another with the organism's own table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from leo.errors import unknown
from leo_model.errors import CheckError

LockKind = Literal["none", "fifo", "unfair", "blocking"]
Transaction = Literal["none", "deferred", "immediate", "checked"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The seven answers of one discipline (formal model, section 3)."""

    name: str
    number: str
    lock: LockKind = "none"
    threads: bool = False
    whole_reply: bool = False
    shielded: bool = False
    transaction: Transaction = "none"
    detached: bool = False
    reentrant: bool = False
    instances: int = 1

    @property
    def possible_faults(self) -> tuple[str, ...]:
        """The faults that can strike at all: threads cannot be cancelled, for example."""
        if self.name == "sequential":
            return ()
        faults = ("Raise", "Crash") if self.threads else ("Cancel", "Raise", "Crash")
        return (*faults, "Busy") if self.transaction == "immediate" else faults


def _unit(name: str, number: str, **answers: object) -> Rules:
    """A discipline with one shielded commit per reply."""
    return Rules(name, number, whole_reply=True, shielded=True, **answers)  # type: ignore[arg-type]


DISCIPLINES: dict[str, Rules] = {
    rules.name: rules
    for rules in (
        Rules("sequential", "-"),
        Rules("bare", "D1"),
        Rules("gil", "D2", threads=True),
        Rules("threading-lock", "D3", lock="unfair", threads=True),
        Rules("asyncio-lock", "D4", lock="fifo"),
        Rules("unit-of-work", "D5", lock="fifo", whole_reply=True),
        _unit("shielded-unit-of-work", "D6", lock="fifo"),
        _unit("actor", "D7", lock="fifo", detached=True),
        Rules("threading-lock-in-async", "D8", lock="blocking"),
        Rules("reentrant", "D9", lock="fifo", reentrant=True),
        Rules("shared-store", "D10", lock="fifo", instances=2),
        _unit("shared-store-unit-of-work", "D11", lock="fifo", transaction="deferred", instances=2),
        _unit("shared-store-immediate", "D12", lock="fifo", transaction="immediate", instances=2),
        _unit("optimistic", "D13", transaction="checked"),
    )
}


def chosen(names: Iterable[str]) -> list[str]:
    """Return the named disciplines, by name or number; all when none is named.

    Raises CheckError for a name that no discipline has.
    """
    numbers = {rules.number: name for name, rules in DISCIPLINES.items() if rules.number != "-"}
    found = [numbers.get(name, name) for name in names]
    for name in found:
        if name not in DISCIPLINES:
            raise CheckError(f"there is no discipline {unknown(name, DISCIPLINES)}")
    return found or list(DISCIPLINES)
