"""The disciplines: how a program of steps may be executed, as data.

A discipline never changes what a reply is, only how its steps meet those of other replies. The ids
and the numbers are those of the formal model; `sequential` is D1 restricted to one session, and is
numbered D0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leo.actions import Action
from leo.errors import DisciplineError

__all__ = ["DEFAULT", "DISCIPLINES", "PUBLISHED", "SEQUENTIAL", "Discipline", "get_discipline"]

Runtime = Literal["sync", "threads", "asyncio"]
Lock = Literal["none", "asyncio", "threading", "actor"]

# The one that keeps every property with every fault, in the caller's own task.
DEFAULT = "shielded-unit-of-work"
# One session, one thread, nothing at the same time.
SEQUENTIAL = "sequential"


@dataclass(frozen=True, slots=True)
class Discipline:
    """One way to execute a program.

    `commit`: every write at once (`step`), or all writes of a reply in one transaction (`reply`).
    `transaction`: what surrounds the reads of a unit of work: nothing, SQLite's deferred or
    immediate transaction, or a comparison of versions at the commit (`checked`). The view is kept
    from commit to commit; only under `immediate` is it compared with the store first, and brought
    up to date. `shielded`: a commit and the swap of the view happen as one; no cancellation comes
    between them. `mistake`: it cannot work, and shows how. `instances`: how many share the store.
    """

    id: str
    number: str
    runtime: Runtime
    lock: Lock
    commit: Literal["step", "reply"]
    transaction: Literal["none", "deferred", "immediate", "checked"] = "none"
    shielded: bool = False
    reentrant: bool = False
    mistake: bool = False
    instances: int = 1

    @property
    def carried_out(self) -> frozenset[Action]:
        """After these actions a cancellation finds a write carried out: it is `CancelApplied`."""
        return _UNIT if self.commit == "reply" else _STEP


_STEP = frozenset({Action.Ingest, Action.SaveSnapshot})
_UNIT = frozenset({Action.Commit, Action.SwapView})

_TABLE = (
    Discipline(SEQUENTIAL, "D0", "sync", "none", "step"),
    Discipline("bare", "D1", "asyncio", "none", "step"),
    Discipline("gil", "D2", "threads", "none", "step"),
    Discipline("threading-lock", "D3", "threads", "threading", "step"),
    Discipline("asyncio-lock", "D4", "asyncio", "asyncio", "step"),
    Discipline("unit-of-work", "D5", "asyncio", "asyncio", "reply"),
    Discipline("shielded-unit-of-work", "D6", "asyncio", "asyncio", "reply", shielded=True),
    Discipline("actor", "D7", "asyncio", "actor", "reply", shielded=True),
    Discipline("threading-lock-in-async", "D8", "asyncio", "threading", "step", mistake=True),
    Discipline("reentrant", "D9", "asyncio", "asyncio", "step", reentrant=True, mistake=True),
    Discipline("shared-store", "D10", "asyncio", "asyncio", "step", instances=2),
    Discipline(
        "shared-store-unit-of-work",
        "D11",
        "asyncio",
        "asyncio",
        "reply",
        transaction="deferred",
        shielded=True,
        instances=2,
    ),
    Discipline(
        "shared-store-immediate",
        "D12",
        "asyncio",
        "asyncio",
        "reply",
        transaction="immediate",
        shielded=True,
        instances=2,
    ),
    Discipline(
        "optimistic",
        "D13",
        "asyncio",
        "none",
        "reply",
        transaction="checked",
        shielded=True,
    ),
)

# Programs of their own, as they were published (`leo.published` runs them).
_PUBLISHED = (
    Discipline("published-december", "P1", "asyncio", "asyncio", "step"),
    Discipline("published-december-refresh", "P2", "asyncio", "asyncio", "step"),
    Discipline("published-february", "P3", "asyncio", "asyncio", "step"),
)

PUBLISHED: dict[str, Discipline] = {discipline.id: discipline for discipline in _PUBLISHED}
DISCIPLINES: dict[str, Discipline] = {discipline.id: discipline for discipline in _TABLE}


def get_discipline(id: str, *runtimes: Runtime) -> Discipline:
    """The discipline of this id, on one of these runtimes when any is named.

    Raises DisciplineError for an unknown id and for the wrong runtime.
    """
    fitting = [d for d in _TABLE if not runtimes or d.runtime in runtimes]
    runnable = ", ".join(d.id for d in fitting)
    found = DISCIPLINES.get(id)
    if id in PUBLISHED:
        raise DisciplineError(
            f"{id!r} is a program as it was published, and leo.published runs it; "
            f"runnable here are {runnable}"
        )
    if found is None:
        raise DisciplineError(f"there is no discipline {id!r}; runnable here are {runnable}")
    if found not in fitting:
        raise DisciplineError(
            f"the discipline {id!r} runs on {found.runtime}, not on {' or '.join(runtimes)}; "
            f"runnable here are {runnable}"
        )
    return found
