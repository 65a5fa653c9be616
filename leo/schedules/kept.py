"""Puts back what schedules change beside their object, so that each one begins with the same.

What a name holds, and what is in the containers and objects that it holds, is kept from before the
first run, object by object: a dictionary stays the same dictionary.  What cannot be looked into, as
a connection or a generator, stays as a run leaves it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from itertools import chain, pairwise
from operator import is_not
from types import CellType, SimpleNamespace
from typing import Any, Generic, NamedTuple

from leo.schedules.running import world
from leo.schedules.running.fields import fields_of, set_fields
from leo.schedules.running.shape import CLIENTS, CONSTANT, made_by_python

MISSING: Any = object()
_Flat = tuple[Any, ...]
_CONTAINERS = (dict, list, deque, set, bytearray)
_BASES = frozenset({object, Generic, SimpleNamespace, OrderedDict, defaultdict, *_CONTAINERS})
# What the scheduler, running tasks and the test framework hold is not put back.
_OTHERS = (*CONSTANT, asyncio.Future, BaseException)
_LIBRARIES = (*world.KEPT, *(f"{name}." for name in CLIENTS), "weakref.", "_weakrefset.", "io.")


class Name(NamedTuple):
    """A name in a holder; `read` gives its value, MISSING if it has none."""

    holder: Any
    key: str
    read: Callable[[], Any]

    def write(self, value: Any) -> None:
        if isinstance(self.holder, _lru_cache_wrapper):
            # A cache that was cleared cannot be filled again.
            return
        if isinstance(self.holder, CellType):
            if value is MISSING:
                del self.holder.cell_contents
            else:
                self.holder.cell_contents = value
        elif isinstance(self.holder, dict):
            self.holder.pop(self.key, None)
            if value is not MISSING:
                self.holder[self.key] = value
        elif value is MISSING:
            delattr(self.holder, self.key)
        else:
            setattr(self.holder, self.key, value)


class Kept:
    """`keep` names, `put_back` what they were.  In a run clocks are those of the run."""

    def __init__(self) -> None:
        # Each with what is there after the last run, and in a run.
        self._names: list[tuple[Name, Any, Any]] = []
        self._inside: dict[int, tuple[Any, _Flat, _Flat]] = {}

    def keep(self, name: Name) -> None:
        value = name.read()
        if name.key == "__dict__":
            # `read` gives None for the empty dictionary of a function.
            value = vars(name.holder)
        else:
            self._names.append((name, value, world.instead(value)))
        todo = [value]
        while todo:
            it = todo.pop()
            if type(it) in (tuple, frozenset):
                todo += it
            elif id(it) not in self._inside and (content := _content(it)) is not None:
                self._inside[id(it)] = it, content, tuple(map(world.instead, content))
                todo += content

    def put_back(self, *, after: bool = False) -> None:
        """Before a run, or `after` the last one: then clocks are the real ones again."""
        for it, real, in_run in self._inside.values():
            wanted, found = real if after else _counting(in_run), _content(it) or ()
            if len(wanted) != len(found) or any(map(is_not, wanted, found)):
                _fill(it, wanted)
        for name, value, instead in self._names:
            (wanted,) = (value,) if after else _counting((instead,))
            if wanted is not name.read():
                name.write(wanted)


def _counting(flat: _Flat) -> _Flat:
    """The same, with counters of their own: a run would use them up."""
    if itertools.count not in map(type, flat):
        return flat
    return tuple(again(it) if type(it) is itertools.count else it for it in flat)


def again(counter: Any, ahead: int = 0) -> Any:
    """A counter that stands where another one does, or so many further on."""
    kind, (start, *step) = counter.__reduce__()[:2]
    return kind(start + ahead, *step)


def _content(it: Any) -> _Flat | None:
    """What is in a container or an object, key after key and value; None for any other."""
    if type(it) is random.Random:
        return (it.getstate(),)
    kind: Any = type(it)
    if not _open(kind) or (kind is dict and "__builtins__" in it):
        return None
    fields = chain.from_iterable(fields_of(it).items())
    if isinstance(it, dict):
        items = list(it.items())
        return (len(items), *chain.from_iterable(items), *fields)
    if isinstance(it, _CONTAINERS):
        return (len(it), *it, *fields)
    return tuple(fields)


@lru_cache(1024)
def _open(kind: Any) -> bool:
    """Can all that objects of a class hold be seen, and set?"""
    return (
        not issubclass(kind, _OTHERS)
        and not f"{kind.__module__}.".startswith(_LIBRARIES)
        and all(base in _BASES or made_by_python(base) for base in kind.__mro__)
    )


def _fill(it: Any, content: _Flat) -> None:
    into: Any = it
    if type(it) is random.Random:
        it.setstate(content[0])
        return
    own: _Flat = ()
    if isinstance(it, dict):
        base = OrderedDict if isinstance(it, OrderedDict) else dict
        own, content = content[1 : 1 + 2 * content[0]], content[1 + 2 * content[0] :]
        base.clear(it)
        for key, value in _pairs(own):
            base.__setitem__(it, key, value)
    elif isinstance(it, _CONTAINERS):
        own, content = content[1 : 1 + content[0]], content[1 + content[0] :]
        into.clear()
        if isinstance(it, set):
            into.update(own)
        else:
            into.extend(own)
    set_fields(it, dict(_pairs(content)))


def _pairs(flat: _Flat) -> list[tuple[Any, Any]]:
    return list(pairwise(flat))[::2]
