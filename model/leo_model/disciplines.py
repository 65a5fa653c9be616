"""What tells the disciplines apart: the Python side of ``spec/Disciplines.tla``.

Each discipline is the answers to the questions there; the transition system asks for the answers
and never for the name.  A test compares them with the module, another with the organism's table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from leo.errors import unknown
from leo_model.errors import CheckError

LockKind = Literal["none", "fifo", "unfair", "blocking"]
Transaction = Literal["none", "deferred", "immediate", "checked"]
Program = Literal["paper", "december", "february"]

# At which labels no await lets another task run: question 9 of the module.
_END = frozenset({"generate", "release", "return"})
_REPLY = _END | {"recall", "ingest", "snapshot"}
_STRETCHES: dict[tuple[Program, str], frozenset[str]] = {
    **dict.fromkeys([("december", call) for call in ("reply", "blank", "refresh")], _END),
    ("february", "reply"): _REPLY,
    ("february", "blank"): _REPLY,
    ("february", "observe"): _END - {"generate"},
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The answers of one discipline (formal model, section 3).

    ``program``: the paper's, or one of the published programs. ``asks``: what the sessions of the
    bounded model call, in turn.
    """

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
    program: Program = "paper"
    asks: tuple[str, ...] = ("reply",)

    @property
    def published(self) -> bool:
        """A program of module Published, not of module Field."""
        return self.program != "paper"

    def parts(self, call: str) -> int:
        """In how many writes a call makes its observation."""
        if call in {"blank", "refresh"}:
            return 0
        return 2 if call == "observe" or self.program == "december" else 1

    def stretch(self, call: str) -> frozenset[str]:
        """The labels of a call at which no await lets another task run."""
        return _STRETCHES.get((self.program, call), frozenset())

    @property
    def possible_faults(self) -> tuple[str, ...]:
        """The faults that can strike at all: threads cannot be cancelled, for example."""
        if self.name == "sequential":
            return ()
        if self.published:
            return ("Cancel", "Raise", "Swallow", "Crash")
        faults = ("Raise", "Crash") if self.threads else ("Cancel", "Raise", "Crash")
        return (*faults, "Busy") if self.transaction == "immediate" else faults


def _unit(name: str, number: str, **answers: object) -> Rules:
    """A discipline with one shielded commit per reply."""
    return Rules(name, number, whole_reply=True, shielded=True, **answers)  # type: ignore[arg-type]


def _published(name: str, number: str, program: Program, *asks: str) -> Rules:
    """A program as it was published: a commit per step under an ``asyncio.Lock``."""
    return Rules(name, number, lock="fifo", program=program, asks=asks)


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
        _published("published-december", "P1", "december", "reply", "reply", "blank"),
        _published("published-december-refresh", "P2", "december", "reply", "refresh", "blank"),
        _published("published-february", "P3", "february", "reply", "observe", "reply"),
    )
}


# What this organism executes; the published programs are organisms of their own (`leo.published`).
IDEALISED = tuple(name for name, rules in DISCIPLINES.items() if not rules.published)


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
