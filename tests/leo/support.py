"""What the tests of the organism share: a clock that counts, a view copied naively, traces as
lists.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from leo import NO_TRACE, AsyncLeoField, LeoField, NdjsonRecorder
from leo.drivers.tasks import Gate
from leo.field.view import View
from leo.front.threads import ThreadGate
from leo.modules import Module
from leo.store.connection import Connection, transaction
from leo.store.fold import swept
from leo.store.operations import load_all
from leo.store.schema import connect
from leo.trace.events import End, Event, Header, Tracer

PROMPTS = ("What is a field?", "Who are you, LEO? Do say!", "A path is not a path.", "", "42 🌱 \0")

# The order of a reply's actions, from the contract between specification, model and organism.
REPLY = [
    "Call", "Acquire", "Recall", "Ingest", "LoadBigrams", "LoadTrigrams", "AssignView",
    "Generate", "SaveSnapshot", "Release", "Return",
]  # fmt: skip
WRITES = {"Ingest", "SaveSnapshot"}
# Asynchronous disciplines with a commit per step; the third works as long as nobody waits.
ASYNC = ("bare", "asyncio-lock", "threading-lock-in-async", "shared-store")
# The same under the disciplines that commit once per reply, and those disciplines.
UNIT = [
    "Call", "Acquire", "Begin", "Recall", "Ingest", "Generate", "SaveSnapshot", "Commit",
    "SwapView", "Release", "Return",
]  # fmt: skip
UNITS = (
    "unit-of-work",
    "shielded-unit-of-work",
    "actor",
    "shared-store-unit-of-work",
    "shared-store-immediate",
    "optimistic",
)


def counting_clock(start: float = 1000.0) -> Callable[[], float]:
    """A clock that moves by one second whenever it is read."""
    ticks = itertools.count(start)
    return lambda: next(ticks)


@contextmanager
def switching() -> Iterator[None]:
    """Threads take turns as often as Python lets them: what nothing protects is torn apart."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def dump(path: Path) -> str:
    """The contents of a store as SQL."""
    with closing(sqlite3.connect(path)) as conn:
        return "\n".join(conn.iterdump())


def picture(view: View) -> dict[str, Any]:
    """Everything that a view knows, in a form that can be compared."""
    words, chains = view.words, view.chains
    return {
        "versions": view.versions(),
        "names": dict(words.names),
        "ids": dict(words.ids),
        "bigrams": {source: dict(row) for source, row in words.followers.items()},
        "totals": dict(words.totals),
        "trigrams": {pair: dict(row) for pair, row in chains.followers.items()},
        "pairs": sorted(chains.co_occurrence.items()),
        "centres": list(words.centres()),
    }


def reloaded(conn: Connection) -> dict[str, Any]:
    """The picture of a view that was loaded whole."""
    return picture(View(loaded=load_all(conn)[1]))


def fold_tables(path: Path) -> None:
    """Let the tables of a field take in what its journal has for them."""
    with closing(connect(path)) as conn, transaction(conn):
        swept(conn)


def sync_field(
    path: Path,
    tracer: Tracer = NO_TRACE,
    discipline: str = "sequential",
    gate: ThreadGate | None = None,
    modules: Sequence[Module[Any]] = (),
) -> LeoField:
    """A synchronous field with seed 7 and a counting clock."""
    return LeoField.open(
        path,
        seed=7,
        discipline=discipline,
        modules=modules,
        clock=counting_clock(),
        tracer=tracer,
        gate=gate,
    )


async def async_field(
    path: Path,
    discipline: str,
    tracer: Tracer = NO_TRACE,
    gate: Gate | None = None,
    timeout: float = 5.0,
    instance: str = "i1",
    modules: Sequence[Module[Any]] = (),
) -> AsyncLeoField:
    """An asynchronous field with seed 7 and a counting clock."""
    return await AsyncLeoField.open(
        path,
        seed=7,
        discipline=discipline,
        modules=modules,
        clock=counting_clock(),
        tracer=tracer,
        gate=gate,
        timeout=timeout,
        instance=instance,
    )


def recorder(path: Path, instances: tuple[str, ...] = ("i1",)) -> NdjsonRecorder:
    """A recorder with a counting clock."""
    return NdjsonRecorder(path, run="test", instances=instances, clock=counting_clock())


def read_trace(path: Path) -> tuple[Header, list[Event]]:
    """The header and the events of a trace that was closed, decoded strictly."""
    first, *rest, last = path.read_bytes().splitlines()
    events = [msgspec.json.decode(line, type=Event) for line in rest]
    assert msgspec.json.decode(last, type=End).events == len(events)
    return msgspec.json.decode(first, type=Header), events


def actions(events: Iterable[Event], session: str = "s1") -> list[str]:
    """The actions of one session, in order."""
    return [event.action.value for event in events if event.session == session]
