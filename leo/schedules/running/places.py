"""The current place in the user's code: file, line and function, without frames of libraries."""

from __future__ import annotations

import asyncio
import gc
import linecache
import os
import sysconfig
from types import CodeType, FrameType
from typing import Any, NamedTuple

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = (_HERE + os.sep, os.path.join(os.path.dirname(_HERE), "units") + os.sep)
_STANDARD = tuple(
    path + os.sep for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))
)
_GENERATED = f"site-packages{os.sep}"


class Place(NamedTuple):
    """A line of code: `str` gives `inventory.py:42 reserve`."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """The line itself."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line} {self.function}"


def rank(file: str) -> int:
    """2: the user's file, 1: a library's, 0: the standard library's, or ours."""
    if file.startswith(_OURS) or file.startswith("<frozen"):
        return 0
    if "site-packages" in file or "dist-packages" in file:
        return 0 if f"{os.sep}anyio{os.sep}" in file else 1
    return 0 if file.startswith(_STANDARD) else 2


def file_of(code: CodeType, names: dict[str, Any]) -> str:
    """The file of code with these globals.

    What was generated from a text, as containers and dataclasses do, belongs to the module that it
    runs in; to a library if it has globals of its own.
    """
    file = code.co_filename
    if rank(file) != 2 or os.path.isabs(file) or names.get("__name__") == "__main__":
        return file
    # A text that linecache has was given to it, by a document that is tested for example.
    known = not file.startswith("<") and linecache.getline(file, 1)
    return file if known or rank(names.get("__file__") or _GENERATED) == 2 else _GENERATED + file


def innermost(places: list[Place]) -> Place | None:
    """Of places from the outermost to the innermost: the last one that is the user's.

    If there is none, the last one of a library.
    """
    best: Place | None = None
    for place in places:
        if rank(place.file) >= (rank(best.file) if best is not None else 1):
            best = place
    return best


def suspended(coroutine: Any) -> list[Place]:
    """Where a coroutine that is suspended stands, from the outermost frame to the innermost."""
    found = []
    while coroutine is not None:
        frame = None
        for prefix in ("cr", "gi", "ag"):
            frame = frame or getattr(coroutine, f"{prefix}_frame", None)
        if frame is not None and frame.f_lasti >= 0:
            found.append(_at(frame, frame.f_lineno))
        inner = None
        for name in ("cr_await", "gi_yieldfrom", "ag_await"):
            inner = inner if inner is not None else getattr(coroutine, name, None)
        if inner is None and type(coroutine).__name__.startswith("async_generator_a"):
            inner = _generator_of(coroutine)
        coroutine = inner
    return found


def _at(frame: FrameType, line: int) -> Place:
    code = frame.f_code
    return Place(file_of(code, frame.f_globals), line, code.co_name)


def _generator_of(asend: Any) -> Any:
    """The async generator that an `asend()` drives; only the garbage collector sees it."""
    found = [it for it in gc.get_referents(asend) if type(it).__name__ == "async_generator"]
    return found[0] if found else None


def place_of(task: asyncio.Task[Any]) -> Place | None:
    """The user's line at which a task is suspended; None before its first step."""
    return innermost(suspended(task.get_coro()))


def raised_at(error: BaseException) -> Place | None:
    """The user's line at which an exception came up."""
    return innermost(_way(error))


def in_library(error: BaseException, name: str) -> bool:
    """Has an exception come through the code of a library?"""
    return any(f"{os.sep}{name}{os.sep}" in place.file for place in _way(error))


def _way(error: BaseException) -> list[Place]:
    """The lines that an exception has come through, the one where it was raised last."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(_at(trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return places


def standing(frame: FrameType | None) -> Place | None:
    """The user's line of a frame and those that called it, up to the scheduler's."""
    places: list[Place] = []
    while frame is not None:
        ours = frame.f_code.co_filename.startswith(_HERE + os.sep)
        if ours and places:
            break
        if not ours:
            places.append(_at(frame, frame.f_lineno))
        frame = frame.f_back
    return innermost(places[::-1])
