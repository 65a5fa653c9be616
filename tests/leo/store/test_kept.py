"""What stays in memory when a reply has ended, a session has fallen silent, a field was closed.

Objects are counted, never bytes or seconds: a program that talks for long may keep what it observed
and nothing else.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import pkgutil
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CoroutineType, FrameType, GeneratorType, ModuleType

import pytest

import leo
from leo import DISCIPLINES, MODULES
from leo.field.view import View
from tests.leo.support import any_field, async_field

# The largest number of entries of a cache. Beyond some thousands an entry is kept for minutes or
# hours after it was last of use, and filling the cache looks like a leak.
ENTRIES = 4096
# What the last reply read of the modules' tables, or a bounded cache holds of them: as many as
# there are rows, and the tables have bounds of their own.
ROWS = {"Episode", "Fragment", "MathState", "Memory", "Profile"}
MACHINERY = (CoroutineType, FrameType, GeneratorType, asyncio.Future, asyncio.Task)
# Threads, a lock, one transaction, an actor; `make test-long` takes all.
QUICK = ("sequential", "asyncio-lock", "shielded-unit-of-work", "actor")
ANSWERING = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.long)
    for name in DISCIPLINES
    if name != "reentrant"
]


def modules() -> Iterator[ModuleType]:
    """Every module of `leo` but the one that runs when it is imported."""
    for found in pkgutil.walk_packages(leo.__path__, "leo."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def alive() -> Counter[str]:
    """The number of objects by type: those of `leo`, and what a suspended computation is made
    of.
    """
    gc.collect()
    found: Counter[str] = Counter()
    for kind, count in Counter(map(type, gc.get_objects())).items():
        # A class may have something else than a name there.
        if issubclass(kind, MACHINERY) or str(kind.__module__).partition(".")[0] == "leo":
            found[kind.__qualname__] += count
    return found


def more(after: Counter[str], before: Counter[str]) -> dict[str, int]:
    """The types of which there are more objects than before, rows of tables aside."""
    return {name: count for name, count in (after - before).items() if name not in ROWS}


def test_no_cache_grows_for_long() -> None:
    """Every cache of the package is bounded, and by a number that a conversation soon reaches."""
    caches = {
        f"{thing.__module__}.{thing.__qualname__}": thing.cache_parameters()["maxsize"]
        for module in modules()
        for thing in vars(module).values()
        if hasattr(thing, "cache_parameters")
    }
    assert "leo.field.decay.faded" in caches and len(caches) > 5
    assert {name: most for name, most in caches.items() if most is None or most > ENTRIES} == {}


@pytest.mark.parametrize("discipline", ANSWERING)
def test_nothing_of_a_reply_stays(tmp_path: Path, discipline: str) -> None:
    """After more replies, inner ones among them, there are no more objects than after a few."""
    counts: list[Counter[str]] = []

    async def scenario() -> None:
        async with any_field(tmp_path / "f", discipline, modules=MODULES) as field:
            for number in range(8):
                await field.reply("A path is not a path.")
                if DISCIPLINES[discipline].runtime == "asyncio":
                    await field.settle()
                if number in (3, 7):
                    counts.append(alive())

    asyncio.run(scenario())
    assert more(counts[1], counts[0]) == {}


@pytest.mark.parametrize("discipline", ["shielded-unit-of-work", "actor"])
def test_nothing_of_a_silent_session_stays(tmp_path: Path, discipline: str) -> None:
    """Sessions that speak once and never again leave no object, with a lock and with an actor."""

    async def scenario() -> tuple[Counter[str], Counter[str]]:
        async with await async_field(tmp_path / "f", discipline, modules=MODULES) as field:
            counts: list[Counter[str]] = []
            for several in (range(4), range(4, 8)):
                for number in several:
                    await field.reply("A path is not a path.", f"s{number}")
                    inner = [t for t in asyncio.all_tasks() if "inner replies" in t.get_name()]
                    assert len(inner) == 1
                    await asyncio.wait(inner)
                    del inner
                counts.append(alive())
            return counts[0], counts[1]

    before, after = asyncio.run(scenario())
    assert more(after, before) == {}


@pytest.mark.parametrize("discipline", ["sequential", "shielded-unit-of-work", "actor"])
def test_a_closed_field_is_let_go(tmp_path: Path, discipline: str) -> None:
    """Nothing in the package holds a view whose field was closed and forgotten."""

    async def scenario() -> weakref.ref[View]:
        async with any_field(tmp_path / "f", discipline, modules=MODULES) as field:
            await field.reply("A path is not a path.")
            return weakref.ref(field.view)

    view = asyncio.run(scenario())
    gc.collect()
    assert view() is None
