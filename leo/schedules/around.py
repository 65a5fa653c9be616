"""What calls share beside their object: globals, class attributes, defaults, closures, caches.

Which ones is read off the code: the names that the functions and classes mention, from `make` and
the calls on, as far as they lie in the user's own files.  They belong to the state if each run
begins with the same.
"""

from __future__ import annotations

import dis
import enum
import functools
import gc
import itertools
import os
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import Context, ContextVar
from functools import partial
from typing import Any, NamedTuple

from leo.schedules.kept import MISSING, Kept, Name, again
from leo.schedules.running import world
from leo.schedules.running.database import content
from leo.schedules.running.places import file_of, rank
from leo.schedules.running.shape import CLIENTS, CONSTANT, PLAIN, Opaque, Shape

# What code does, and no state.
_CODE = (
    *(it for it in CONSTANT if it is not ContextVar), types.FunctionType, types.MethodType,
    types.BuiltinFunctionType, staticmethod, classmethod, functools.cached_property,
    functools._lru_cache_wrapper, functools.partial, types.GenericAlias,
)  # fmt: skip
# A metaclass has attributes as other classes have.
_NO_STATE = tuple(it for it in CONSTANT if it is not type)
_CONTAINERS = frozenset(
    {dict, defaultdict, OrderedDict, Counter, list, deque, set, tuple, frozenset, itertools.count}
)
_ASYNCIO = ("asyncio.locks", "asyncio.queues")


class Place(NamedTuple):
    """A name whose value can change, as people know it; the holder is kept alive."""

    told: str
    name: Name


class Around:
    """The places of one exploration: `see` code, `begin` each run."""

    def __init__(self) -> None:
        # What a run finds in the places, as it was before the first.
        self.kept = Kept()
        self.places: dict[tuple[int, str], Place] = {}
        self.unseen: dict[str, None] = {}
        self._met = False
        # The names of those that runs do not find as the first one did.
        self.left: dict[str, None] = {}
        # Caches that were asked with objects and keep what may change: nobody compares it.
        self.by_object: dict[str, None] = {}
        # The state of `random` at the end of the last run.
        self.chance: Any = None
        # Places that came to light later: what is there is told from then on.
        self.late = 0
        # Caches with their size at the last look, and those that were empty at first.
        self._caches: dict[Any, int] = {}
        self._empty: list[Any] = []
        self._names: dict[int, tuple[Any, str, Callable[[], Any], set[str]]] = {}
        # What the methods close over, of a class that `make` makes anew.
        self._fresh: dict[str, Any] = {}
        # The modules of libraries that were looked at for counters, and how many there were.
        self._counted: set[str] = set()
        self._counters: list[tuple[Any, str, Any]] = []
        self._modules = 0
        self._seen: dict[int, Any] = {}
        self._first: dict[tuple[int, str], Any] = {}
        self._left: dict[tuple[int, str], Any] = {}

    @property
    def changes(self) -> int:
        """How often what belongs to the state has changed."""
        return self.late + len(self.left)

    def see(self, them: Iterable[Any]) -> None:
        """Note what functions, classes and methods mention, and what that mentions."""
        todo = list(them)
        while todo:
            it: Any = todo.pop()
            it = it if isinstance(it, _CODE) else type(it)
            if id(it) in self._seen:
                continue
            self._seen[id(it)] = it
            if isinstance(it, types.FunctionType):
                todo += self._function(it)
            elif isinstance(it, type):
                todo += self._class(it)
            elif isinstance(it, types.MethodType):
                kind = it.__self__ if isinstance(it.__self__, type) else type(it.__self__)
                todo += (it.__func__, kind)
            elif isinstance(it, property):
                todo += (it.fget, it.fset, it.fdel)
            elif isinstance(it, functools.partial | functools.cached_property):
                todo.append(it.func)
            else:
                if isinstance(it, functools._lru_cache_wrapper) and _of_user(it.__wrapped__):
                    self._caches[it] = 0
                    self._empty += [] if it.cache_info().currsize else [it]
                todo.append(getattr(it, "__wrapped__", None))

    def code(self, code: types.CodeType, names: dict[str, Any]) -> list[Any]:
        """Note what code mentions of its globals; what is to be seen as well."""
        if id(code) in self._seen or rank(file_of(code, names)) != 2:
            return []
        self._seen[id(code)] = code
        todo: list[Any] = []
        self._watch(names, "", lambda: names)
        if not {"environ", "getenv", "putenv"}.isdisjoint(code.co_names):
            variables: Any = os.environ
            self._add(os, "environ", "os.environ", lambda: variables._data)
        stored = {it.argval for it in dis.get_instructions(code) if it.opname == "STORE_GLOBAL"}
        for name in dict.fromkeys((*code.co_names, *sorted(stored))):
            found = names.get(name)
            if isinstance(found, types.ModuleType):
                if rank(getattr(found, "__file__", None) or "<frozen") == 2:
                    for other in code.co_names:
                        todo.append(self._in(vars(found), other, f"{name}.{other}", False))
            else:
                todo.append(self._in(names, name, name, name in stored))
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                todo += self.code(constant, names)
        return todo

    def _in(self, names: dict[str, Any], name: str, told: str, stored: bool) -> Any:
        if stored or name in names:
            self._add(names, name, told, partial(names.get, name, MISSING))
        return names.get(name)

    def _function(self, it: Any) -> list[Any]:
        todo = [getattr(it, "__wrapped__", None), *self.code(it.__code__, it.__globals__)]
        own = rank(file_of(it.__code__, it.__globals__)) == 2
        for name, cell in zip(it.__code__.co_freevars, it.__closure__ or (), strict=True):
            todo.append(_content(cell))
            if own and name != "__class__":
                self._add(cell, "", name, partial(_content, cell))
        for field in ("__defaults__", "__kwdefaults__", "__dict__") if own else ():
            told = it.__name__ if field == "__dict__" else f"defaults of {it.__name__}"
            self._add(it, field, told, partial(_of_function, it, field))
        return todo

    def _class(self, kind: type) -> list[Any]:
        todo: list[Any] = []
        for base in (*kind.__mro__, *type.mro(type(kind))):
            if not _own(base) or issubclass(base, enum.Enum):
                continue
            fields = dict(vars(base))
            self._watch(base, f"{base.__name__}.", partial(vars, base))
            todo += fields.values()
            functions = [getattr(it, "__func__", it) for it in fields.values()]
            stored = {
                step.argval
                for function in functions
                if isinstance(function, types.FunctionType)
                for step in dis.get_instructions(function)
                if step.opname == "STORE_ATTR"
            }
            for name in dict.fromkeys((*fields, *sorted(stored))):
                if not name.startswith(("__", "_abc_")):
                    self._add(
                        base,
                        name,
                        f"{base.__name__}.{name}",
                        partial(_named, partial(vars, base), name),
                    )
        return todo

    def _add(self, holder: Any, key: str, told: str, read: Callable[[], Any]) -> None:
        at, value = (id(holder), key), read()
        if at in self.places or at in self._left:
            return
        name = Name(holder, key, read)
        if isinstance(value, _CODE):
            if world.instead(value) is not value:
                self.kept.keep(name)
            return
        if type(value).__module__.partition(".")[0] in CLIENTS - {"threading", "_thread", "leo"}:
            return
        if isinstance(holder, type) and not (value is MISSING or _is_state(value)):
            # Objects of a framework in a class describe the class: they are no state.
            return
        while any(told == place.told for place in self.places.values()):
            told += "'"
        self.places[at] = Place(told, name)
        self.kept.keep(name)
        self.late += self._met

    def _watch(self, holder: Any, told: str, names: Callable[[], Any]) -> None:
        self._names.setdefault(id(holder), (holder, told, names, set(names())))

    def _come_to_light(self) -> None:
        """Note what the last run made under a name that no code mentions, or for a cache."""
        for holder, told, names, known in list(self._names.values()):
            found = names()
            for key in found.keys() - known if len(found) > len(known) else ():
                known.add(key)
                if not key.startswith(("__", "_abc_")) and _is_state(found[key]):
                    Name(holder, key, names).write(MISSING)
                    self._add(holder, key, told + key, partial(_named, names, key))
        for cache, before in self._caches.items():
            self._caches[cache] = size = cache.cache_info().currsize
            for given in _calls(cache) if size != before else ():
                value = cache(*given[0], **given[1])
                if type(value) in PLAIN or not _is_state(value):
                    continue
                if not all(type(it) in PLAIN for it in (*given[0], *given[1].values())):
                    # Another object each time: which value is whose in another run?
                    self.by_object[cache.__name__] = None
                    continue
                named = [f"{name}={it!r}" for name, it in given[1].items()]
                told = f"{cache.__name__}({', '.join([*map(repr, given[0]), *named])})"
                if (id(cache), told) in self.places:
                    continue
                self._add(cache, told, told, partial(_cached, cache, given))

    def _count_again(self, ahead: int, after: bool) -> None:
        """Libraries number what they make: each run begins with the same number, or `ahead`."""
        for name, module in list(sys.modules.items()) if len(sys.modules) > self._modules else ():
            if name in self._counted or rank(getattr(module, "__file__", None) or "<frozen") != 1:
                continue
            self._counted.add(name)
            own = [it for it in vars(module).values() if isinstance(it, type)]
            for holder in (module, *(it for it in own if it.__module__ == name)):
                for key, value in vars(holder).items():
                    bound = type(value) is types.MethodWrapperType
                    if type(value.__self__ if bound else value) is itertools.count:
                        self._counters.append((holder, key, value))
        self._modules = len(sys.modules)
        for holder, key, it in self._counters:
            counter = getattr(it, "__self__", it)
            fresh = again(counter, ahead)
            setattr(holder, key, it if after else fresh if it is counter else fresh.__next__)

    def put_back(self, *, ahead: int = 0, after: bool = False) -> None:
        """Before a run, or `after` the last one."""
        self._come_to_light()
        self._count_again(ahead, after)
        self.kept.put_back(after=after)
        for cache in self._empty if after else ():
            cache.cache_clear()

    def begin(self, target: Any) -> None:
        """A run begins: what is not as it was when the first one began is no part of endings.

        It has what an earlier run left and nobody could put back.  What only grows, a count of
        runs, is no part of states either: it would tell all of them apart.
        """
        if not self._met:
            self._met = True
            shape = Shape(data=True)
            shape.add(target)
            self.see([target, *shape.reached()])
        kind: Any = type(target)
        self._fresh = {
            f"{name} of {kind.__name__}": cell
            for it in (vars(kind).values() if id(kind) not in self._seen and _own(kind) else ())
            if isinstance(it, types.FunctionType)
            for name, cell in zip(it.__code__.co_freevars, it.__closure__ or (), strict=True)
        }
        for at, (told, name) in list(self.places.items()):
            value: Any = name.read()
            size = value if type(value) is int else len(value) if isinstance(value, Sized) else 0
            if type(value) not in PLAIN:
                shape = Shape(data=True)
                shape.add(None if value is MISSING else value)
                value = shape.digest()
            first, smallest = self._first.setdefault(at, (value, size))
            if first != value:
                self.left[told] = None
                if size > smallest:
                    del self.places[at]
                    self._left[at] = name

    def add_to(self, shape: Shape, context: Context) -> None:
        """Add all places to the shape of a state; `unseen` says what had to be left out."""
        for told, value in self.values(context):
            shape.mark("around", told)
            if _is_state(value):
                shape.add(value)
                continue
            try:
                shape.add(value)
            except Opaque as opaque:
                # A library's object, a client say: to compare no states at all would be worse.
                for at in [at for at, place in self.places.items() if place.told == told]:
                    self._left[at] = self.places.pop(at)
                what = f"{told} is taken to stay as it is: {opaque} cannot be looked into"
                self.unseen[what] = None

    def values(self, context: Context, *, ending: bool = False) -> Iterator[tuple[str, Any]]:
        """The places that have a value, by their names."""
        kept = [(told, name.read()) for told, name in self.places.values()]
        for told, found in [*kept, *((told, _content(it)) for told, it in self._fresh.items())]:
            value = context.get(found) if isinstance(found, ContextVar) else found
            if value is not found and type(value) in PLAIN:
                # Each call has a context of its own.
                continue
            if value is MISSING or isinstance(value, _CODE) or (ending and told in self.left):
                continue
            yield told, value


def beside(run: Any) -> dict[str, Any]:
    """What belongs to the state beside the object, by its name."""
    found = dict(run.scenario.around.values(run.loop.context, ending=True))
    found.update(content(run.loop) if run.loop.connections else {})
    found.update(world.contents(run.loop))
    for label, task in run.loop.tasks.items():
        # A task in the background that fails, and nobody has seen it.
        own = label not in run.scenario.calls and task.done() and not task.cancelled()
        if own and getattr(task, "_log_traceback", False):
            found[f"task {label}"] = task
    return found


@functools.lru_cache(1024)
def _own(kind: Any) -> bool:
    """Is it a class of the user's?"""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    known = file is not None or kind.__module__ == "__main__"
    return known and rank(file or "?") == 2 and not issubclass(kind, _NO_STATE)


def _is_state(value: Any) -> bool:
    kind: Any = type(value)
    known = kind in PLAIN or kind in _CONTAINERS or kind.__module__ in _ASYNCIO
    return not isinstance(value, _CODE) and (known or _own(kind))


def _of_user(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and rank(file_of(code, function.__globals__)) == 2


_Given = tuple[tuple[Any, ...], dict[str, Any]]


def _calls(cache: Any) -> list[_Given]:
    """The arguments of which a cache has the results: to call it with these runs nothing."""
    fields, parameters = vars(cache), cache.cache_parameters()
    bounded = parameters["maxsize"] is not None
    # One with a bound has links, and shows what they hold as well: dictionaries, maybe.
    found = [
        entries
        for entries in gc.get_referents(cache)
        if type(entries) is dict and entries is not fields
        if not bounded or all(type(it).__name__ == "_lru_list_elem" for it in entries.values())
    ]
    keys = [key if type(key) is tuple else (key,) for entries in found for key in entries]
    return [_given(key, parameters["typed"]) for key in keys]


def _given(key: tuple[Any, ...], typed: bool) -> _Given:
    """The key of a cache has the arguments, a mark and names with values, and maybe all types."""
    mark = next((at for at, it in enumerate(key) if type(it) is object), None)
    if mark is None:
        return key[: len(key) // 2] if typed else key, {}
    rest = key[mark + 1 :]
    named = rest[: (len(rest) - mark) // 3 * 2] if typed else rest
    return key[:mark], dict(zip(named[::2], named[1::2], strict=True))


def _cached(cache: Any, given: _Given) -> Any:
    return cache(*given[0], **given[1]) if given in _calls(cache) else MISSING


def _named(names: Callable[[], Any], key: str) -> Any:
    return names().get(key, MISSING)


def _of_function(it: Any, field: str) -> Any:
    return getattr(it, field) or None


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING
