"""What distinguishes the disciplines: the Python side of ``spec/Disciplines.tla``.

That module asks questions, and a discipline is a list of answers (``Rules``).  The transition
system uses the answers and never the name.  They are derived from the organism's table
(``leo.disciplines``); a test compares them with the module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo.disciplines import PUBLISHED, SEQUENTIAL, Discipline, Transaction
from leo.errors import unknown
from leo_model.errors import CheckError

LockKind = Literal["none", "fifo", "unfair", "blocking"]
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
        if self.name == SEQUENTIAL:
            return ()
        if self.published:
            return ("Cancel", "Raise", "Swallow", "Crash")
        faults = ("Raise", "Crash") if self.threads else ("Cancel", "Raise", "Crash")
        return (*faults, "Busy") if self.transaction == "immediate" else faults


# The organism's lock, by its runtime, as the specification sees it.
_LOCKS: dict[tuple[str, str], LockKind] = {
    ("sync", "none"): "none",
    ("threads", "none"): "none",
    ("asyncio", "none"): "none",
    ("asyncio", "asyncio"): "fifo",
    ("asyncio", "actor"): "fifo",
    ("asyncio", "threading"): "blocking",
    ("threads", "threading"): "unfair",
}
# The published programs, and what their sessions call.
_PROGRAMS: dict[str, tuple[Program, tuple[str, ...]]] = {
    "published-december": ("december", ("reply", "reply", "blank")),
    "published-december-refresh": ("december", ("reply", "refresh", "blank")),
    "published-february": ("february", ("reply", "observe", "reply")),
}


def _rules(one: Discipline) -> Rules:
    """The answers that follow from the organism's table.

    Raises KeyError for a lock, or a published program, that the tables above do not have.
    """
    program, asks = _PROGRAMS[one.id] if one.id in PUBLISHED else ("paper", ("reply",))
    return Rules(
        one.id,
        one.number,
        lock=_LOCKS[one.runtime, one.lock],
        threads=one.runtime == "threads",
        whole_reply=one.commit == "reply",
        shielded=one.shielded,
        transaction=one.transaction,
        detached=one.lock == "actor",
        reentrant=one.reentrant,
        instances=one.instances,
        program=program,
        asks=asks,
    )


DISCIPLINES = {name: _rules(one) for name, one in (RUNNABLE | PUBLISHED).items()}


# What this organism executes; the published programs are organisms of their own (`leo.published`).
IDEALISED = tuple(RUNNABLE)


def chosen(names: Iterable[str]) -> list[str]:
    """Return the named disciplines, by name or number; all when none is named.

    Raises CheckError for a name that no discipline has.
    """
    numbers = {rules.number: name for name, rules in DISCIPLINES.items()}
    found = [numbers.get(name, name) for name in names]
    for name in found:
        if name not in DISCIPLINES:
            raise CheckError(f"there is no discipline {unknown(name, DISCIPLINES)}")
    return found or list(DISCIPLINES)
