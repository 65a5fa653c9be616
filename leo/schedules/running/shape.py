"""The shape of objects: plain values by which two executions are compared.

A shape is a list of plain values, in the order in which the objects are reached, with a number for
an object that was reached before.  Two states of a run have equal shapes only if the same steps can
follow and have the same effects: it contains the fields of the object, and where each suspended
coroutine stands, with its locals and what is on its stack (`gc.get_referents` shows both).  For
objects that cannot be looked into (open files, C extensions) there is no such answer: `Opaque`.

With `data=True` a shape is that of data alone, for comparing results and final states: tasks and
locks count by what they have come to, and what cannot be looked into counts by its type.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import datetime
import enum
import functools
import gc
import io
import logging
import marshal
import random
import re
import sqlite3
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Set
from concurrent.futures import Executor
from hashlib import blake2b
from pickle import PicklingError
from typing import Any

from leo.schedules.running.fields import SLOT, dictionary_of, slots_of
from leo.schedules.running.marks import ADDRESS, IDS, is_time, without_ids
from leo.schedules.running.places import rank
from leo.schedules.running.threads import HeldLock, HeldQueue
from leo.units.log import Log

_LARGE = 1 << 24
PLAIN = frozenset({int, str, bool, type(None), float, bytes, complex, type(...)})
CONSTANT = (
    type, types.ModuleType, types.CodeType, logging.Logger, logging.Handler, threading.Thread,
    Executor, asyncio.AbstractEventLoop, re.Pattern, types.GetSetDescriptorType,
    types.MemberDescriptorType, property, contextvars.ContextVar, contextvars.Token,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.FrameType, types.TracebackType,
    Log,
)  # fmt: skip
_SORTED = PLAIN | {tuple}
# What objects of these libraries hold are connections and caches of statements, no state of the
# user's; rows are looked at where they are.
CLIENTS = frozenset({"threading", "_thread", "leo", "aiosqlite", "sqlalchemy", "databases",
                     "tortoise", "httpx", "httpcore", "redis", "aiohttp"})  # fmt: skip
_NAMED = (contextvars.ContextVar, logging.Logger)
_LOCAL = type(threading.local())
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())


class Opaque(Exception):
    """An object that cannot be looked into; its type."""


class Shape:
    """Collects a shape: `add` objects, then take the `digest`.

    `labels` names tasks; a task counts by its label only, so a caller who needs more adds its
    coroutine.
    """

    def __init__(
        self,
        labels: dict[asyncio.Task[Any], str] | None = None,
        *,
        data: bool = False,
        around: Any = None,
        timeless: bool = False,
    ) -> None:
        self.out: list[Any] = []
        self.around = around
        # Are all times equal?
        self.timeless = timeless
        # Of data: the objects that are equal to themselves only, and types not looked into.
        self.same: list[int] = []
        self.opaque: dict[str, None] = {}
        self.labels = labels or {}
        self.data = data
        self._seen: dict[int, int] = {}
        self._keep: list[Any] = []
        # Where ids stand that may be those of objects still to come.
        self._ids: list[int] = []

    def digest(self) -> bytes:
        """What equal shapes have in common, and others have not."""
        for order, at in enumerate(self._ids):
            number = self.out[at]
            self.out[at] = ("id", self._seen.setdefault(number, -1 - order))
        self._ids.clear()
        out = ["a time" if is_time(it) else it for it in self.out] if self.timeless else self.out
        return blake2b(marshal.dumps(out, 0), digest_size=16).digest()

    def add(self, it: Any) -> None:
        """Add an object and all that is reached from it."""
        kind = type(it)
        if kind in PLAIN:
            if kind is str:
                it = ADDRESS.sub("", it) if "0x" in it else it
                it = without_ids(it) if IDS and self.data else it
            elif kind is int and it > _LARGE:
                it = self._id(it)
            self.out.append(it)
            return
        handler = _HANDLERS.get(kind)
        if handler is None:
            handler = _HANDLERS[kind] = _handler_for(kind)
        if handler is _tuple:
            _tuple(self, it)
            return
        number = self._seen.get(id(it))
        if number is not None:
            self.out.append(("again", number))
            return
        self._seen[id(it)] = len(self._seen)
        self._keep.append(it)
        handler(self, it)

    def _id(self, number: int) -> Any:
        """A number that may be the `id` of an object: by its name, or up to renaming."""
        name = IDS.get(number)
        if name:
            return ("id", name)
        if name is not None and self.data:
            self.same.append(number)
            return ("id",)
        if name is not None:
            self._ids.append(len(self.out))
        elif number in self._seen:
            return ("id", self._seen[number])
        return number

    def reached(self) -> list[Any]:
        """The objects that were added, without plain values."""
        return self._keep

    def add_all(self, them: Iterable[Any]) -> None:
        for it in them:
            self.add(it)

    def mark(self, word: str, *more: Any) -> None:
        self.out.append((word, *more))

    def alone(self, it: Any, numbers: bool = True) -> bytes:
        """The digest of one object, with those known so far by their numbers."""
        other = Shape(self.labels, data=self.data, timeless=self.timeless)
        other._seen = dict(self._seen)
        other.add(it)
        self._keep += other._keep
        if not numbers:
            other.out = [it for it in other.out if type(it) is not int]
        return other.digest()


Handler = Callable[[Shape, Any], None]


def _tuple(shape: Shape, it: Any) -> None:
    shape.out.append(("tuple", len(it)))
    for item in it:
        shape.add(item)


def _list(shape: Shape, it: Any) -> None:
    shape.out.append(("list", len(it)))
    for item in it:
        shape.add(item)


def _dict(shape: Shape, it: Any) -> None:
    items = list(it.items())
    if shape.data:
        # The order in which keys came in is no difference between two final states.
        items.sort(key=lambda item: _place(shape, *item))
    shape.out.append(("dict", len(items)))
    for key, value in items:
        shape.add(key)
        shape.add(value)


def _place(shape: Shape, key: Any, value: Any) -> tuple[str, bytes, bytes]:
    """By what a key is sorted: where it has ids, which differ from run to run, by its value.

    At first without numbers: one that differs must not change the place of all.
    """
    text = told = repr(key) if type(key) in _SORTED else ""
    if not IDS or (told := without_ids(text)) == text:
        return told, b"", b""
    return told, shape.alone(value, numbers=False), shape.alone(value)


def _view(shape: Shape, it: Any) -> None:
    items = list(it)
    if shape.data and isinstance(it, Set):
        items.sort(key=repr)
    _list(shape, items)


def _set(shape: Shape, it: Any) -> None:
    shape.out.append(("set", len(it)))
    if all(type(item) in PLAIN for item in it):
        if IDS and shape.data:
            shape.out.extend(sorted(without_ids(repr(item)) for item in it))
            return
        shape.out.extend(sorted(it, key=lambda item: (type(item).__name__, repr(item))))
    else:
        for _, item in sorted(((shape.alone(item), item) for item in it), key=lambda two: two[0]):
            shape.add(item)


def _deque(shape: Shape, it: Any) -> None:
    shape.mark("deque", len(it), it.maxlen)
    shape.add_all(it)


def _constant(shape: Shape, it: Any) -> None:
    named = it.name if isinstance(it, _NAMED) else getattr(it, "__qualname__", "")
    named = getattr(it, "leo_label", named) if isinstance(it, threading.Thread) else named
    told = without_ids(str(named)) if IDS and shape.data else str(named)
    shape.mark("constant", type(it).__name__, told)


def _function(shape: Shape, it: Any) -> None:
    # A code object is made once, however often its function is.
    shape.mark("function", it.__qualname__ if shape.data else id(it.__code__))
    if it.__closure__:
        shape.add_all(it.__closure__)
    if it.__defaults__:
        shape.add_all(it.__defaults__)
    if it.__kwdefaults__:
        shape.add(it.__kwdefaults__)
    if it.__dict__:
        shape.add(it.__dict__)


def _cell(shape: Shape, it: Any) -> None:
    try:
        content = it.cell_contents
    except ValueError:
        shape.mark("empty")
    else:
        shape.mark("cell")
        shape.add(content)


def _method(shape: Shape, it: Any) -> None:
    shape.mark("method")
    shape.add(it.__func__)
    shape.add(it.__self__)


def _builtin(shape: Shape, it: Any) -> None:
    shape.mark("builtin", it.__name__)
    owner = it.__self__
    if owner is not None and not isinstance(owner, types.ModuleType):
        shape.add(owner)


def _future(shape: Shape, it: Any) -> None:
    state = it._state
    shape.mark("future", state)
    if state == "FINISHED":
        if it._exception is not None:
            shape.add(it._exception)
        else:
            shape.add(it._result)
    elif state == "PENDING" and not shape.data:
        for callback, context in it._callbacks or ():
            shape.add(callback)
            shape.add(context)


def _task(shape: Shape, it: Any) -> None:
    if shape.data:
        _future(shape, it)
        return
    shape.mark("task", shape.labels.get(it, ""))
    if it.done():
        _future(shape, it)


def _coroutine(shape: Shape, it: Any) -> None:
    frame = getattr(it, _FRAMES[type(it)])
    if frame is None or shape.data:
        shape.mark("ended" if frame is None else "suspended", it.__qualname__)
        if shape.data and not isinstance(it, types.CoroutineType):
            shape.opaque[type(it).__name__] = None
        return
    names = frame.f_locals
    shape.mark("at", id(frame.f_code), frame.f_lasti, *names)
    if shape.around is not None:
        shape.around.see(shape.around.code(frame.f_code, frame.f_globals))
    skip = {id(frame), id(frame.f_code), id(names)}
    if frame.f_code is asyncio.as_completed.__code__:
        # Its last loop over a set leaves a task behind, which one is by chance.
        skip.add(id(names.get("f")))
    _referents(shape, it, skip)


_FRAMES = {
    types.CoroutineType: "cr_frame",
    types.GeneratorType: "gi_frame",
    types.AsyncGeneratorType: "ag_frame",
}


def _referents(shape: Shape, it: Any, skip: Set[int] = frozenset()) -> None:
    """What the garbage collector sees of an object: for a coroutine its locals and its stack."""
    shape.mark(type(it).__name__)
    for other in gc.get_referents(it):
        if id(other) not in skip:
            shape.add(other)


def _handle(shape: Shape, it: Any) -> None:
    shape.mark("handle", it._cancelled)
    if not it._cancelled and not shape.data:
        shape.add(it._callback)
        shape.add(it._args)


def _local(shape: Shape, it: Any) -> None:
    # Of its values those of this thread count, which is the loop's.
    shape.mark("local")
    shape.add(dict(vars(it)))


def _lock(shape: Shape, it: Any) -> None:
    shape.mark("lock", it.locked() if isinstance(it, _LOCK) else "locked" in repr(it)[:12])


# How an object says that it has no such parts: written in C (ValueError: a pointer of ctypes), by
# pickle's own error (a ZoneInfo of a file), or in a method that a subclass has of its own.
_NOT_REDUCED = (TypeError, ValueError, PicklingError, NotImplementedError, AttributeError)


def _reduced(shape: Shape, it: Any) -> None:
    """By the protocol of pickle: iterators, partial functions, dates and decimals."""
    try:
        parts = it.__reduce_ex__(4)
    except _NOT_REDUCED:
        _opaque(shape, it)
        return
    shape.mark("reduced", type(it).__qualname__)
    if isinstance(parts, str):
        shape.mark(parts)
        return
    shape.mark("by", getattr(parts[0], "__qualname__", type(parts[0]).__qualname__))
    for part in parts[1:]:
        if isinstance(part, tuple | dict | int | str | bytes | None):
            shape.add(part)
        else:
            shape.add(list(part))


def _iterator(shape: Shape, it: Any) -> None:
    parts = it.__reduce__()
    shape.mark("iterator", type(it).__name__)
    for part in parts[1:]:
        shape.add(part)


def _buffer(shape: Shape, it: Any) -> None:
    shape.mark("closed" if it.closed else "buffer")
    if not it.closed:
        shape.mark("buffer", it.getvalue(), it.tell())


def _lru(shape: Shape, it: Any) -> None:
    # A cache is no difference between two final states.
    shape.mark("cached")
    if not shape.data:
        _referents(shape, it)


def _opaque(shape: Shape, it: Any) -> None:
    if it in (sys.stdout, sys.stderr):
        return
    if not shape.data:
        raise Opaque(type(it).__qualname__)
    shape.opaque[type(it).__qualname__] = None
    shape.mark("object", type(it).__qualname__)


def _client(shape: Shape, it: Any) -> None:
    shape.mark("object", type(it).__qualname__)


def _cursor(shape: Shape, it: Any) -> None:
    if not shape.data and not hasattr(it, "leo_origin"):
        raise Opaque(type(it).__qualname__)
    shape.mark("cursor")
    if not shape.data:
        shape.add((*it.leo_origin, it.leo_fetched, it.lastrowid, it.rowcount))


def _database(shape: Shape, it: Any) -> None:
    # What is committed is kept beside the shape (`ChoosingLoop.contents`).
    if not shape.data and not hasattr(it, "leo_name"):
        raise Opaque(type(it).__qualname__)
    shape.mark("database", getattr(it, "leo_name", ""))


def _context(shape: Shape, it: Any) -> None:
    if shape.data:
        return
    shape.mark("context", len(it))
    for variable, value in it.items():
        shape.mark(variable.name)
        shape.add(value)


_REFERENTS = (
    "async_generator_asend", "async_generator_athrow", "coroutine_wrapper", "anext_awaitable",
    "_lru_list_elem",
    "_asyncio.FutureIter", "FutureIter",
)  # fmt: skip

_ORDER = collections.OrderedDict[Any, Any]()
_HANDLERS: dict[type, Handler] = {
    tuple: _tuple,
    list: _list,
    dict: _dict,
    set: _set,
    frozenset: _set,
    collections.deque: _deque,
    types.FunctionType: _function,
    types.CellType: _cell,
    types.MethodType: _method,
    types.BuiltinFunctionType: _builtin,
    types.CoroutineType: _coroutine,
    types.GeneratorType: _coroutine,
    types.AsyncGeneratorType: _coroutine,
    types.MappingProxyType: _dict,
    collections.defaultdict: _dict,
    **{
        type(view): _view
        for it in (dict[Any, Any](), _ORDER)
        for view in (it.keys(), it.values(), it.items())
    },
    weakref.ReferenceType: lambda shape, it: shape.add(("weak", it())),
    _LOCK: _lock,
    _RLOCK: _lock,
    **dict.fromkeys((bytearray, memoryview), lambda shape, it: shape.mark("bytes", bytes(it))),
    contextvars.Context: _context,
    functools._lru_cache_wrapper: _lru,
    object: _constant,
    type(NotImplemented): _constant,
}


def made_by_python(kind: type) -> bool:
    """Is a class written in Python, with no fields but those in its dictionary and its slots?"""
    if not kind.__flags__ & _HEAP or kind.__flags__ & _IMMUTABLE:
        return False
    slots = sum(isinstance(value, SLOT) for value in vars(kind).values())
    # A dictionary and weak references take a word each.
    return kind.__basicsize__ - (kind.__base__ or object).__basicsize__ <= 8 * (slots + 2)


_HEAP, _IMMUTABLE = 1 << 9, 1 << 8


def _handler_for(kind: type) -> Handler:
    """How objects of a type are looked at; found out once."""
    for base, handler in _BASES:
        if issubclass(kind, base):
            return handler
    if kind.__name__ in _REFERENTS:
        return _referents
    known = _known_handler(kind)
    if kind.__module__.partition(".")[0] not in CLIENTS:
        return known
    return lambda shape, it: _client(shape, it) if shape.data else known(shape, it)


def _known_handler(kind: type) -> Handler:
    base = kind
    while made_by_python(base):
        base = base.__base__ or object
    if base is object:
        return _with_fields(kind, None)
    if issubclass(base, BaseException):
        return _with_fields(kind, _exception)
    if issubclass(base, asyncio.Future):
        return _with_fields(kind, _future)
    if base is not kind and base in _HANDLERS:
        return _with_fields(kind, _HANDLERS[base])
    if base is not kind and base in PLAIN:
        return _with_fields(kind, _as(base))
    if hasattr(kind, "__next__"):
        plain: Any = object.__reduce__
        return _opaque if kind.__reduce__ is plain else _iterator
    return _reduced


def _as(base: Any) -> Handler:
    """A number or a text of a class of its own counts as what it is."""
    return lambda shape, it: shape.add(base(it))


def _exception(shape: Shape, it: Any) -> None:
    # anyio puts the address of its scope into the message.
    shape.add(() if isinstance(it, asyncio.CancelledError) else it.args)


# The loop is known, and anyio's reason has an address in it.
ELSEWHERE = frozenset({"_loop", "_cancel_reason", "__dict__", "__weakref__"})
# What only says who waits: no difference between two final states.
_WAITING = frozenset({"_waiters", "_getters", "_putters"})


def waits(field: str, value: Any) -> bool:
    """Does a field only say who waits?  How many do is state."""
    return field in _WAITING and type(value) is not int


def _with_fields(kind: type, content: Handler | None) -> Handler:
    """A handler for objects with fields: in `__dict__`, in slots, and those of their class."""
    classes = [base for base in kind.__mro__ if made_by_python(base)]
    own = rank(getattr(sys.modules.get(kind.__module__), "__file__", None) or "?") == 2
    equal: Any = object.__eq__
    named = own and content is None and kind.__eq__ is equal
    elsewhere = ELSEWHERE - {"_loop"} if own else ELSEWHERE
    name = f"{kind.__module__}.{kind.__qualname__}"
    dictionary = dictionary_of(kind)
    slotted = any(isinstance(it, SLOT) for base in classes for it in vars(base).values())

    def add(shape: Shape, it: Any) -> None:
        shape.out.append(name)
        if named and shape.data:
            shape.same.append(id(it))
        if content is not None:
            content(shape, it)
        fields = None if dictionary is None else dictionary(it)
        if fields:
            # The order in which fields were set is no difference between two final states.
            for field in sorted(fields) if shape.data else list(fields):
                if field not in elsewhere and not (shape.data and waits(field, fields[field])):
                    shape.out.append(field)
                    shape.add(fields[field])
            shape.out.append(...)
        if slotted:
            for field, value in slots_of(it):
                if field not in elsewhere and not (shape.data and waits(field, value)):
                    shape.out.append(field)
                    shape.add(value)

    return add


_BASES: tuple[tuple[Any, Handler], ...] = (
    (enum.Enum, lambda shape, it: shape.mark("enum", type(it).__qualname__, str(it))),
    (CONSTANT, _constant),
    (datetime.datetime, lambda shape, it: shape.add_all(("datetime", it.fold, it.isoformat()))),
    (asyncio.Task, _task),
    (asyncio.Handle, _handle),
    (sqlite3.Connection, _database),
    (sqlite3.Cursor, _cursor),
    (random.SystemRandom, _constant),
    (random.Random, lambda shape, it: shape.add(("random", it.getstate()))),
    (_LOCAL, _local),
    ((io.BytesIO, io.StringIO), _buffer),
    (HeldLock, lambda shape, it: _lock(shape, it._lock)),
    (HeldQueue, lambda shape, it: shape.add(it.items)),
)
