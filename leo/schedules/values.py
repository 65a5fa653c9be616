"""What people see of a state: its parts by their names, and where versions of it differ.

A difference that the search sees has to be visible: a value that is too long, or whose own text
hides what differs, is opened, down to the element or field.
"""

from __future__ import annotations

import asyncio
import random
import re
import types
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import lru_cache, partial
from hashlib import blake2b
from reprlib import Repr
from typing import Any

from leo.schedules.around import beside
from leo.schedules.running.fields import fields_of
from leo.schedules.running.marks import without_ids
from leo.schedules.running.shape import (
    CLIENTS,
    CONSTANT,
    ELSEWHERE,
    PLAIN,
    made_by_python,
    waits,
)

# A text of a value is not longer, nor a line of what has changed has more parts.
_LONG, _MOST = 60, 6
# So many parts of a state are looked at.
_PARTS = 200_000
# In a larger state only what is opened has a text.
_LARGE = 2000
_DEEP = 60
# What differs from run to run.
ADDRESS = re.compile(r"(?: at |@)?\b0x[0-9a-f]{6,}|@\d{9,}")
_NUMBERS, _SMALL = frozenset({int, bool, float}), 10**13
_ID = re.compile(r"\b(?:1[34]\d{13}|9[345]\d{12})\b")
_CODE = (*CONSTANT, types.FunctionType, types.BuiltinFunctionType, Enum, BaseException)
_NONE, _EMPTY = "–", frozenset({"{}", "[]", "()", "set()", "frozenset()", "deque([])"})


_PLACED = (dict, list, tuple, deque)


class _Texts(Repr):
    """The text of a value: of a task its name, and a `__repr__` that raises is no end of it."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxother = 8, 1 << 20
        self.maxarray = self.maxother
        for name in ("tuple", "list", "dict", "set", "frozenset", "deque"):
            setattr(self, f"max{name}", 20)

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, asyncio.Task):
            return f"<task {x.get_name()}>"
        if isinstance(x, asyncio.Future):
            return f"<{_told_future(x)}>"
        if isinstance(x, types.MethodType):
            # Of what it is bound to the text is elsewhere.
            return f"<method {x.__qualname__}>"
        if type(x) in PLAIN:
            # `repr` of a number refuses thousands of digits.
            return hex(x) if type(x) is int and x.bit_length() > 10_000 else repr(x)
        if isinstance(x, random.Random) and not isinstance(x, random.SystemRandom):
            state = blake2b(repr(x.getstate()).encode(), digest_size=3)
            return f"<{type(x).__name__} {state.hexdigest()}>"
        return str(super().repr1(x, level))

    def repr_instance(self, x: Any, level: int) -> str:
        plain: Any = object.__repr__
        if type(x).__repr__ is plain and type(x) is not object:
            return f"<{type(x).__name__}>"
        text = super().repr_instance(x, level)
        return f"<{type(x).__name__}>" if text.startswith(f"<{type(x).__name__} instance") else text


_TEXTS = _Texts()


def text_of(value: Any, ids: bool = False) -> str:
    """A value in one line, without addresses; with `ids`, other numbers that may be some stay."""
    kind = type(value)
    if (kind in _NUMBERS and -_SMALL < value < _SMALL) or (kind is str and value.isalpha()):
        # Nothing in it to leave out, and there may be many.
        return repr(value)
    text = ADDRESS.sub("", " ".join(_TEXTS.repr(value).split()))
    return without_ids(text) if ids else _ID.sub("(id)", text)


def cut(text: str, begin: int = 0, most: int = _LONG) -> str:
    """A text from some place on, not too long."""
    told = f"…{text[begin:]}" if begin else text
    return told if len(told) <= most else f"{told[: most - 1]}…"


def short(value: Any) -> str:
    """A value in one line that is not too long."""
    return cut(text_of(value))


@dataclass(slots=True)
class Part:
    """A value by its text and its parts, which have names like `.field` and `[0]`.

    `shut`: the text says it, as long as it is short and differs where the value does.
    """

    text: str
    shut: bool = True
    parts: dict[str, Part] = field(default_factory=dict)


def look(value: Any, ids: bool = False) -> Part:
    """A value as it is now; what is reached in several ways is shown once, by its shortest name."""
    root = Part("")
    todo: deque[tuple[Part, Any, str, int]] = deque([(root, value, "", 0)])
    seen: dict[int, str] = {}
    count = 0
    while todo:
        part, it, name, depth = todo.popleft()
        if isinstance(it, weakref.ReferenceType):
            it = it()
        if type(it) is not tuple and not isinstance(it, _CODE):
            if id(it) in seen:
                part.text = f"({seen[id(it)] or 'itself'})"
                continue
            seen[id(it)] = named(name)
        if count > _LARGE and type(it) in _PLACED:
            part.text, part.shut = f"<{type(it).__name__}>", False
        else:
            part.text, part.shut = _text(it, ids)
        if depth == _DEEP or count > _PARTS:
            continue
        for told, item in _parts(it, ids):
            key = told if told not in part.parts else f"{told} #{len(part.parts) + 1}"
            count += 1
            if type(item) in PLAIN:
                part.parts[key] = Part(text_of(item, ids))
                continue
            part.parts[key] = inner = Part("")
            todo.append((inner, item, name + key, depth + 1))
    return root


def _text(it: Any, ids: bool) -> tuple[str, bool]:
    if isinstance(it, asyncio.Future):
        return _told_future(it), True
    if type(it).__module__ in ("asyncio.locks", "asyncio.queues"):
        return _told_lock(it), True
    plain: Any = object.__repr__
    fields = is_dataclass(it) or type(it).__repr__ is plain
    return text_of(it, ids), not (isinstance(it, Mapping) or (fields and not isinstance(it, _CODE)))


def _told_future(future: asyncio.Future[Any]) -> str:
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    # To ask for its exception would count as somebody's look at it.
    error = future._exception
    return f"raised {text_of(error)}" if error is not None else f"done: {text_of(future.result())}"


def _told_lock(lock: Any) -> str:
    if isinstance(lock, asyncio.Event):
        return "set" if lock.is_set() else "not set"
    if isinstance(lock, asyncio.Queue):
        return f"{lock.qsize()} queued"
    locked = getattr(lock, "locked", None)
    return ("locked" if locked() else "free") if locked is not None else type(lock).__name__


def _parts(it: Any, ids: bool) -> Iterator[tuple[str, Any]]:
    """The parts of an object; none of its own code runs."""
    if isinstance(it, types.FunctionType):
        for name, cell in zip(it.__code__.co_freevars, it.__closure__ or (), strict=True):
            with suppress(ValueError):
                yield f".{name}", cell.cell_contents
    if isinstance(it, (*_CODE, asyncio.Future)) or _client(it):
        return
    if isinstance(it, dict | types.MappingProxyType):
        for key, item in dict.items(it) if isinstance(it, dict) else it.items():
            yield f"[{cut(text_of(key, ids))}]", item
    elif isinstance(it, list | tuple | deque):
        base: Any = next(base for base in (list, tuple, deque) if isinstance(it, base))
        for number, item in enumerate(base.__iter__(it)):
            yield f"[{number}]", item
    elif isinstance(it, set | frozenset):
        for text in sorted(map(short, it)):
            yield f"{{{text}}}", "in it"
    elif isinstance(it, types.MethodWrapperType | types.MethodType):
        yield ".__self__", it.__self__
    elif isinstance(it, partial):
        yield from ((".args", it.args), (".keywords", it.keywords))
    kind: Any = type(it)
    for key, item in fields_of(it).items() if _has_fields(kind) else ():
        if key not in ELSEWHERE and not waits(key, item) and not _client(item):
            yield f".{key}", item


@lru_cache(1024)
def _has_fields(kind: Any) -> bool:
    """Is any of it written in Python?  To ask others for their fields can change them."""
    return any(map(made_by_python, kind.__mro__[:-1]))


def _client(it: Any) -> bool:
    return type(it).__module__.partition(".")[0] in CLIENTS


def named(name: str) -> str:
    """The name of a part for people."""
    return name.removeprefix(".")


def state_of(run: Any, ids: bool = False) -> Part:
    """The state of a run by its parts."""
    if run.scenario.state is not None:
        return look(run.state_parts()[0], ids)
    found = look(run.target, ids)
    for told, value in beside(run).items():
        name = told.replace("\\", "/").rpartition("/")[2]
        short_name = told in run.loop.files or isinstance(value, Mapping)
        key = f".{name if short_name else told}"
        if key in found.parts:
            # A field has that name as well.
            key += " beside the object"
        found.parts[key] = look(value, ids)
    return found


def leaves(part: Part, name: str = "") -> dict[str, str]:
    """The texts of the last parts, by their names."""
    if not part.parts:
        return {named(name): part.text}
    return {k: v for key, it in part.parts.items() for k, v in leaves(it, name + key).items()}


def differing(
    versions: Sequence[Part | None], name: str = ""
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The places at which versions of a value differ: a name, and the text in each of them."""
    if all(it == versions[0] for it in versions):
        return
    there = [it for it in versions if it is not None]
    keys = dict.fromkeys(key for it in there for key in it.parts)
    texts = [_NONE if it is None else it.text for it in versions]
    # An object in some, and None or nothing in others.
    mixed = len(there) < len(versions) or any(
        not it.parts and it.text not in _EMPTY for it in there
    )
    shut = all(it.shut for it in there) and max(map(len, texts)) <= _LONG
    if not keys or ((mixed or shut) and _apart(versions, texts)):
        yield named(name), _cut(texts)
        return
    for key in keys:
        yield from differing([it and it.parts.get(key) for it in versions], name + key)


def _apart(versions: Sequence[Part | None], texts: Sequence[str]) -> bool:
    """Do texts, not too long, tell versions apart?"""
    first: dict[str, Part | None] = {}
    both = zip(map(cut, texts), versions, strict=True)
    return all(first.setdefault(text, one) == one for text, one in both)


def _cut(texts: Sequence[str]) -> tuple[str, ...]:
    """Texts that are not too long, with the place at which they begin to differ."""
    if max(map(len, texts)) <= _LONG:
        return tuple(texts)
    columns = enumerate(zip(*texts, strict=False))
    at = next((at for at, column in columns if len(set(column)) > 1), min(map(len, texts)))
    return tuple(cut(text, max(0, at - _LONG // 3)) for text in texts)


def changes(before: Part, after: Part) -> str:
    """What is different, in one line."""
    told = [f"{name or 'state'}: {one} → {two}" for name, (one, two) in differing([before, after])]
    return some(told)


def some(told: Sequence[str], most: int = _MOST) -> str:
    """Texts in one line, not more than some."""
    more = [f"{len(told) - most} more"] if len(told) > most else []
    return ", ".join([*told[:most], *more])
