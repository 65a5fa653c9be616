"""The disciplines: how a program of steps may be executed, as data.

A discipline never changes the steps of a reply, only how they interleave with those of other
replies. The ids and the numbers are those of the formal model; `sequential` is D1 restricted to one
session, and is numbered D0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leo.actions import Action
from leo.errors import DisciplineError

Runtime = Literal["sync", "threads", "asyncio"]
Lock = Literal["none", "asyncio", "threading", "actor"]
Transaction = Literal["none", "deferred", "immediate", "checked"]

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
    lock: Lock = "none"
    commit: Literal["step", "reply"] = "step"
    transaction: Transaction = "none"
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


def _shielded(
    id: str, number: str, lock: Lock, transaction: Transaction = "none", instances: int = 1
) -> Discipline:
    """A unit of work with a shield."""
    return Discipline(
        id, number, "asyncio", lock, "reply", transaction, shielded=True, instances=instances
    )


_TABLE = (
    Discipline(SEQUENTIAL, "D0", "sync"),
    Discipline("bare", "D1", "asyncio"),
    Discipline("gil", "D2", "threads"),
    Discipline("threading-lock", "D3", "threads", "threading"),
    Discipline("asyncio-lock", "D4", "asyncio", "asyncio"),
    Discipline("unit-of-work", "D5", "asyncio", "asyncio", "reply"),
    _shielded("shielded-unit-of-work", "D6", "asyncio"),
    _shielded("actor", "D7", "actor"),
    Discipline("threading-lock-in-async", "D8", "asyncio", "threading", mistake=True),
    Discipline("reentrant", "D9", "asyncio", "asyncio", reentrant=True, mistake=True),
    Discipline("shared-store", "D10", "asyncio", "asyncio", instances=2),
    _shielded("shared-store-unit-of-work", "D11", "asyncio", "deferred", instances=2),
    _shielded("shared-store-immediate", "D12", "asyncio", "immediate", instances=2),
    _shielded("optimistic", "D13", "none", "checked"),
)
# Programs of their own, as they were published (`leo.published` runs them).
_PUBLISHED = tuple(
    Discipline(f"published-{name}", number, "asyncio", "asyncio")
    for name, number in (("december", "P1"), ("december-refresh", "P2"), ("february", "P3"))
)

PUBLISHED: dict[str, Discipline] = {discipline.id: discipline for discipline in _PUBLISHED}
DISCIPLINES: dict[str, Discipline] = {discipline.id: discipline for discipline in _TABLE}


def get_discipline(id: str, *runtimes: Runtime) -> Discipline:
    """The discipline of this id on one of these runtimes. Raises DisciplineError for any other."""
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
