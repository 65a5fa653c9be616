"""The fields and slots of an object, read and set without any code of its own."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

SLOT = types.MemberDescriptorType


def fields_of(it: object) -> dict[str, Any]:
    """The fields and slots of an object."""
    dictionary = dictionary_of(type(it))
    return {**(dictionary(it) if dictionary is not None else {}), **dict(slots_of(it))}


def dictionary_of(kind: type) -> Callable[[object], dict[str, Any]] | None:
    """What gives the dictionary of an object; the object's own `__getattr__` is not asked."""
    for base in kind.__mro__:
        if isinstance(found := vars(base).get("__dict__"), types.GetSetDescriptorType):
            return found.__get__
    return None


def slots_of(it: object) -> Iterator[tuple[str, Any]]:
    """The slots of an object that have a value; nothing of its own code runs."""
    kind: Any = type(it)
    for field, slot in _slots(kind):
        # A slot without a value would make `getattr` call `__getattr__`.
        with suppress(AttributeError):
            yield field, slot.__get__(it)


def set_fields(it: object, fields: dict[str, Any]) -> None:
    """Give an object these fields and slots, and no others; nothing of its own code runs."""
    kind: Any = type(it)
    for field, slot in _slots(kind):
        # What is written in C has some that nobody can set.
        with suppress(AttributeError, TypeError):
            if field in fields:
                slot.__set__(it, fields.pop(field))
            else:
                slot.__delete__(it)
    if (dictionary := dictionary_of(type(it))) is not None:
        found = dictionary(it)
        found.clear()
        found.update(fields)


@functools.lru_cache(1024)
def _slots(kind: Any) -> list[tuple[str, Any]]:
    fields = [it for base in kind.__mro__ for it in vars(base).items()]
    return [(field, slot) for field, slot in fields if isinstance(slot, SLOT)]
