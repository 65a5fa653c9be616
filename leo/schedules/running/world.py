"""What a run sees of the outside world: time, randomness, temporary names, threads, databases.

During an exploration the functions below replace those of the standard library, in every module
that has them under a name of its own.  They act on the run in progress; for every other thread, and
between two runs, they are what they replace.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import os
import queue
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from multiprocessing.process import BaseProcess
from operator import is_not
from types import BuiltinFunctionType, CellType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import getweakrefcount

from leo.schedules.running import database, threads
from leo.schedules.running.marks import IDS
from leo.schedules.running.threads import Threads

if TYPE_CHECKING:
    from leo.schedules.running.choosing import ChoosingLoop

_MEMORY = "/dev/shm"
# What is above the frames of this file on the stack is no part of a run.
_CHOOSING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "choosing.py")
# The time at which every run begins, in seconds since 1970.
_EPOCH = 1_700_000_000.0
# Modules that keep the real ones: they look after threads and tests.
KEPT = (
    "threading.", "queue.", "selectors.", "logging.", "leo.", "_pytest.", "pytest.", "pluggy.",
    "xdist.", "execnet.", "hypothesis.", "coverage.", "concurrent.", "datetime.", "time.", "os.",
    "_datetime.", "posix.",
)  # fmt: skip


def _loop() -> ChoosingLoop | None:
    """The loop of the run that the calling thread takes part in."""
    active = Threads.active
    return active.loop if active is not None and active.mine() else None


def _clock(real: Callable[[], Any], scale: float, since: float) -> Callable[[], Any]:
    whole = scale != 1.0

    def now() -> Any:
        loop = _loop()
        if loop is None:
            return real()
        value = (since + loop.time()) * scale
        return int(value) if whole else value

    return now


def _calendar(real: Callable[..., Any], before: int) -> Callable[..., Any]:
    """A function of a time, which is the present one if it is left out."""

    def told(*args: Any) -> Any:
        loop = _loop()
        if loop is None or len(args) > before:
            return real(*args)
        now = _EPOCH + loop.time()
        return real(*args, now if real in _OF_SECONDS else _LOCALTIME(now))

    return told


def _sleep(seconds: float) -> None:
    if _loop() is None:
        _REAL_SLEEP(seconds)
    else:
        threads.sleep(seconds)


def _urandom(size: int) -> bytes:
    """The same bytes for the same call at the same point, in every order of the calls."""
    loop = _loop()
    if loop is None or _importing():
        return _REAL_URANDOM(size)
    owner = loop.running.partition(".")[0]
    drawn = loop.drawn[owner] = loop.drawn.get(owner, 0) + 1
    found = b""
    while len(found) < size:
        found += blake2b(f"{owner} {drawn} {len(found)}".encode()).digest()
    return found[:size]


class _Kind(type):
    """datetime.datetime as seen by code: its instances are those of the real one."""

    def __instancecheck__(cls, it: object) -> bool:
        return isinstance(it, _REAL_DATETIME)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _REAL_DATETIME)


class _Datetime(datetime.datetime, metaclass=_Kind):
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _REAL_DATETIME(*args, **kwargs)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        loop = _loop()
        if loop is None:
            return _REAL_DATETIME.now(tz)
        return _REAL_DATETIME.fromtimestamp(_EPOCH + loop.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


class _Ordered(set[Any]):
    """In place of `set` in asyncio.tasks: tasks come in the order in which they were put in.

    `asyncio.wait` and `as_completed` go through sets of tasks, whose order is that of addresses.
    """

    def __init__(self, items: Iterable[Any] = ()) -> None:
        self._order = dict.fromkeys(items)
        super().__init__(self._order)

    def add(self, item: Any) -> None:
        self._order[item] = None
        super().add(item)

    def pop(self) -> Any:
        item = next(iter(self))
        self.remove(item)
        return item

    def __iter__(self) -> Iterator[Any]:
        return iter([item for item in self._order if item in self])


def _refused(what: str, *places: tuple[Any, str]) -> Iterator[tuple[Any, str, Any]]:
    """Replacements that refuse to be called by a run, of what this system has."""
    for owner, name in places:
        if hasattr(owner, name):
            called = f"{owner.__name__}.{name}"
            yield owner, name, _refusing(what, getattr(owner, name), called)


def _refusing(what: str, real: Callable[..., Any], name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        loop = _loop()
        if loop is None or _importing():
            return real(*args, **kwargs)
        raise loop.refuse(f"{what} ({name})")

    return refuse


def _identity(it: object) -> int:
    """The id of an object; it differs from run to run, so shapes have to know it for one."""
    number, loop = _REAL_ID(it), _loop()
    if loop is not None:
        task = loop.labels.get(it, "") if isinstance(it, asyncio.Task) else ""
        named = isinstance(it, type | FunctionType)
        IDS[number] = getattr(it, "__qualname__", "") if named else task
        if not getweakrefcount(it):
            # The number must not be another object's later: whether it is would be chance.
            loop.asked.append(it)
    return number


def _noting(real: Callable[..., Any], paths: int = 1) -> Callable[..., Any]:
    """A function of paths in place of one, by which a run is known to use these files."""

    def noting(*args: Any, **kwargs: Any) -> Any:
        loop = _loop()
        for path in args[:paths]:
            if loop is not None and isinstance(path, str | bytes | os.PathLike):
                name = os.path.abspath(os.fsdecode(path))
                if not name.endswith((".py", ".pyc")) and not name.startswith(
                    ("/dev/null", "/proc/")
                ):
                    loop.files[name] = None
        return real(*args, **kwargs)

    return noting


def contents(loop: ChoosingLoop) -> dict[str, Any]:
    """What is in the files that a run has opened, but for databases."""
    found: dict[str, Any] = {}
    databases = {connection.leo_file for connection in loop.connections}
    for path in sorted(loop.files.keys() - databases):
        try:
            with _REAL_OPEN(path, "rb") as file:
                found[path] = file.read()
        except OSError as error:
            found[path] = type(error).__name__
    return found


def _get_loop(it: Any) -> Any:
    """A lock made at import serves each run, as if the program had begun with it."""
    loop = _loop()
    if loop is not None:
        it._loop = loop
    return _REAL_GET_LOOP(it)


def _importing() -> bool:
    """Is a module being imported? What it starts then belongs to no schedule."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != _CHOOSING:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


_LOOPS: tuple[tuple[Any, str], ...] = (
    (asyncio, "new_event_loop"), (asyncio.events, "new_event_loop"),
    *((asyncio.BaseEventLoop, name) for name in (
        "run_forever", "create_task", "create_future", "call_soon", "call_soon_threadsafe",
        "call_later", "call_at", "run_in_executor",
    )),
)  # fmt: skip
_SOCKET = ("connect", "connect_ex", "bind", "sendto")
# The other functions of `os` that start one use these, or subprocess.
_PROCESSES = ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve")
_REFUSED: list[tuple[Any, str, Any]] = [
    *_refused("a process", *((os, name) for name in _PROCESSES)),
    *_refused("a process", (subprocess.Popen, "__init__"), (BaseProcess, "start")),
    *_refused("a socket", *((socket.socket, name) for name in _SOCKET)),
    *_refused("a loop that is not the running one", *_LOOPS),
]
_BOUND: Any = asyncio.mixins._LoopBoundMixin
_REAL_GET_LOOP = _BOUND._get_loop
_REAL_DATETIME = datetime.datetime
_REAL_SLEEP, _REAL_URANDOM = time.sleep, os.urandom  # noqa: TID251 - kept to be put back
_REAL_OPEN, _REAL_ID = open, id
_LOCALTIME = time.localtime
_OF_SECONDS = (time.localtime, time.gmtime, time.ctime)
_PATHS = (os.open, os.remove, os.unlink, os.truncate, os.mkdir, os.rmdir)
_FILE_LOCKS: list[tuple[Any, Any]] = []
with contextlib.suppress(ImportError):
    # Windows has none.
    import fcntl

    _FILE_LOCKS = [(real, threads.file_lock(real)) for real in (fcntl.flock, fcntl.lockf)]
_OF_PATHS = [
    *((real, _noting(real)) for real in (open, *_PATHS)),
    *((real, _noting(real, 2)) for real in (os.rename, os.replace)),
]
_INSTEAD: list[tuple[Any, Any]] = [
    (time.time, _clock(time.time, 1.0, _EPOCH)),
    (time.monotonic, _clock(time.monotonic, 1.0, 0.0)),
    (time.perf_counter, _clock(time.perf_counter, 1.0, 0.0)),
    (time.time_ns, _clock(time.time_ns, 1e9, _EPOCH)),
    (time.monotonic_ns, _clock(time.monotonic_ns, 1e9, 0.0)),
    (time.perf_counter_ns, _clock(time.perf_counter_ns, 1e9, 0.0)),
    (_REAL_SLEEP, _sleep),
    *((real, _calendar(real, 0)) for real in (*_OF_SECONDS, time.asctime)),
    (time.strftime, _calendar(time.strftime, 1)),
    (os.urandom, _urandom),
    (datetime.datetime, _Datetime),
    (queue.SimpleQueue, threads.HeldQueue),
    (sqlite3.connect, database.connect),
    (id, _identity),
    *_OF_PATHS,
    *_FILE_LOCKS,
    *(
        (getattr(owner, name), fake)
        for owner, name, fake in _REFUSED
        if not isinstance(owner, type)
    ),
]
# Attributes of modules and classes that code looks up when it uses them.
_PLACES: list[tuple[Any, str, Any]] = [
    *((time, real.__name__, fake) for real, fake in _INSTEAD[:12]),
    *((os, real.__name__, fake) for real, fake in _OF_PATHS[1:]),
    *((fcntl, real.__name__, fake) for real, fake in _FILE_LOCKS),
    (os, "urandom", _urandom),
    (datetime, "datetime", _Datetime),
    (queue, "SimpleQueue", threads.HeldQueue),
    (sqlite3, "connect", database.connect),
    (threading.Thread, "start", threads.start),
    (threading.Thread, "join", threads.join),
    (threading.Condition, "wait", threads.wait),
    (ThreadPoolExecutor, "submit", threads.submit),
    (threading, "Lock", threads.lock),
    (threading, "RLock", threads.rlock),
    *_REFUSED,
    (_BOUND, "_get_loop", _get_loop),
    (asyncio.tasks, "set", _Ordered),
]


_STAND_INS = {id(real): fake for real, fake in _INSTEAD}


def instead(value: Any) -> Any:
    """What a run has in place of a clock, also of one that is held; any other value itself."""
    if id(value) in _STAND_INS:
        return _STAND_INS[id(value)]
    kind = type(value)
    parts: tuple[Any, ...] = ()
    if kind is staticmethod:
        parts = (value.__func__,)
    elif kind is partial:
        parts = (value.func, *value.args)
    elif kind is tuple:
        parts = value
    elif kind is BuiltinFunctionType and value.__self__ is _REAL_DATETIME:
        return getattr(_Datetime, value.__name__)
    fakes = tuple(map(instead, parts))
    if not any(map(is_not, parts, fakes)):
        return value
    return fakes if kind is tuple else kind(*fakes, **getattr(value, "keywords", {}))


@contextmanager
def world() -> Iterator[None]:
    """Replace what is replaced, for one exploration."""
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in _PLACES]
    # What looks at runs asks for ids all the time: those are not the run's.
    ours = [vars(module) for name, module in sys.modules.items() if name.startswith("leo.")]
    for module in ours:
        module["id"] = _REAL_ID
    names, folder = tempfile._name_sequence, tempfile.tempdir  # type: ignore[attr-defined]
    _sweep({id(real): (real, fake) for real, fake in _INSTEAD})
    _Defaults.look()
    for function, _, after in _Defaults.found:
        function.__defaults__, function.__kwdefaults__ = after
    cells = [(cell, cell.cell_contents) for cell in _Defaults.cells]
    for cell, clock in cells:
        cell.cell_contents = instead(clock)
    # What is there before need not be looked at again when a run collects what it left.
    gc.freeze()
    collects = gc.isenabled()
    # In the middle of a run it would call what an earlier one left, by chance.
    gc.disable()
    with warnings.catch_warnings():
        # What a broken schedule leaves open is what was asked about.
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        try:
            if folder is None and os.access(_MEMORY, os.W_OK):
                # A schedule lasts milliseconds, and making a folder on a disk as long.
                tempfile.tempdir = _MEMORY
            for owner, name, fake in _PLACES:
                setattr(owner, name, fake)
            yield
        finally:
            if Threads.active is not None:
                # A run was interrupted: its loop must not stay the running one.
                loop = Threads.active.loop
                loop.__exit__()
                over(loop)
            for owner, name, real in before:
                if real is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, real)
            tempfile._name_sequence = names  # type: ignore[attr-defined]
            tempfile.tempdir = folder
            _sweep({id(fake): (fake, real) for real, fake in _INSTEAD})
            for module in ours:
                module.pop("id", None)
            for function, defaults, _ in _Defaults.found:
                function.__defaults__, function.__kwdefaults__ = defaults
            for cell, clock in cells:
                cell.cell_contents = clock
            gc.collect()
            gc.unfreeze()
            if collects:
                gc.enable()


class _Defaults:
    """Functions that have a clock as a default, with these defaults and those in their place.

    And the cells where dataclasses keep one that makes a default.
    Looked for once, and again when modules have been imported: it takes a look at every object.
    """

    modules = 0
    found: ClassVar[list[tuple[FunctionType, Any, Any]]] = []
    cells: ClassVar[list[CellType]] = []

    @classmethod
    def look(cls) -> None:
        if cls.modules == len(sys.modules):
            return
        cls.modules, cls.found = len(sys.modules), []
        holders = gc.get_referrers(*(real for real, _ in _INSTEAD))
        kept = {id(it): it for it in holders if type(it) in (tuple, dict)}
        cells = {id(it): it for it in holders if type(it) is CellType}
        # What a dataclass generates comes from no file.
        made = [
            it
            for it in gc.get_referrers(*gc.get_referrers(*cells.values()))
            if isinstance(it, FunctionType) and it.__code__.co_filename == "<string>"
        ]
        held = {id(it) for function in made for it in function.__closure__ or ()}
        cls.cells = [cell for at, cell in cells.items() if at in held]
        for it in gc.get_referrers(*kept.values()):
            before = getattr(it, "__defaults__", None), getattr(it, "__kwdefaults__", None)
            if (
                isinstance(it, FunctionType)
                and not kept.keys().isdisjoint(map(id, before))
                and not f"{it.__module__}.".startswith(KEPT)
            ):
                named = before[1] and {name: instead(value) for name, value in before[1].items()}
                cls.found.append((it, before, (instead(before[0]), named)))


def _sweep(instead: dict[int, tuple[Any, Any]]) -> None:
    """Replace objects in every module that has them as a global."""
    for name, module in list(sys.modules.items()):
        if f"{name}.".startswith(KEPT) or not hasattr(module, "__dict__"):
            continue
        for attribute, value in list(vars(module).items()):
            found = instead.get(id(value))
            if found is not None and found[0] is value:
                setattr(module, attribute, found[1])


def begin(loop: ChoosingLoop, seed: int | None) -> None:
    """A run begins in this thread: it sees its own time and chance."""
    Threads.active = loop.threads
    IDS.clear()
    names = (f"{_temporary()}{number}" for number in range(1_000_000))
    tempfile._name_sequence = names  # type: ignore[attr-defined]
    if seed is not None:
        random.seed(seed)  # noqa: TID251 - it is the chance of the code that is explored


def over(loop: ChoosingLoop) -> None:
    """The run is over: the next one makes its temporary files under the same names."""
    Threads.active = None
    for path in loop.files:
        if _temporary() in os.path.basename(path):
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            elif os.path.exists(path):
                os.remove(path)


def _temporary() -> str:
    return f"leo-{os.getpid()}-"
