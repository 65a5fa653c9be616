"""The disciplines: how a program of steps may be executed, as data.

A discipline never changes what a reply is, only how its steps meet those of other replies. The ids
and the numbers are those of the formal model; `sequential` is D1 restricted to one session, and is
numbered D0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leo.errors import DisciplineError

__all__ = ["DISCIPLINES", "Discipline", "get_discipline"]

Runtime = Literal["sync", "threads", "asyncio"]
Lock = Literal["none", "asyncio", "threading", "actor"]


@dataclass(frozen=True, slots=True)
class Discipline:
    """One way to execute a program.

    `commit`: every write at once (`step`), or all writes of a reply in one transaction (`reply`).
    `view`: kept from commit to commit (`cached`), or compared with the store's version first
    (`fresh`). `transaction`: what the unit of work begins with. `shielded`: a commit and the swap
    of the view happen as one, whatever the caller does. `instances`: how many share the store.
    `runnable`: a driver exists.
    """

    id: str
    number: str
    runtime: Runtime
    lock: Lock
    commit: Literal["step", "reply"]
    view: Literal["cached", "fresh"] = "cached"
    transaction: Literal["deferred", "immediate"] = "immediate"
    shielded: bool = False
    reentrant: bool = False
    instances: int = 1
    runnable: bool = False


_TABLE = (
    Discipline("sequential", "D0", "sync", "none", "step", runnable=True),
    Discipline("bare", "D1", "asyncio", "none", "step", runnable=True),
    Discipline("gil", "D2", "threads", "none", "step"),
    Discipline("threading-lock", "D3", "threads", "threading", "step"),
    Discipline("asyncio-lock", "D4", "asyncio", "asyncio", "step", runnable=True),
    Discipline("unit-of-work", "D5", "asyncio", "asyncio", "reply"),
    Discipline("shielded-unit-of-work", "D6", "asyncio", "asyncio", "reply", shielded=True),
    Discipline("actor", "D7", "asyncio", "actor", "reply", shielded=True),
    Discipline("threading-lock-in-async", "D8", "asyncio", "threading", "step"),
    Discipline("reentrant", "D9", "asyncio", "asyncio", "step", reentrant=True),
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
        view="fresh",
        shielded=True,
        instances=2,
    ),
    Discipline("optimistic", "D13", "asyncio", "none", "reply", view="fresh", shielded=True),
)

DISCIPLINES: dict[str, Discipline] = {discipline.id: discipline for discipline in _TABLE}


def get_discipline(id: str, runtime: Runtime | None = None) -> Discipline:
    """The runnable discipline of this id, on this runtime when one is named.

    Raises DisciplineError for an unknown id, for one that has no driver yet, and for the wrong
    runtime.
    """
    fitting = [d for d in _TABLE if d.runnable and runtime in (None, d.runtime)]
    runnable = ", ".join(d.id for d in fitting)
    found = DISCIPLINES.get(id)
    if found is None:
        raise DisciplineError(f"there is no discipline {id!r}; runnable here are {runnable}")
    if not found.runnable:
        raise DisciplineError(
            f"the discipline {id!r} ({found.number}) is specified but has no driver; "
            f"runnable here are {runnable}"
        )
    if found not in fitting:
        raise DisciplineError(
            f"the discipline {id!r} runs on {found.runtime}, not on {runtime}; "
            f"runnable here are {runnable}"
        )
    return found
