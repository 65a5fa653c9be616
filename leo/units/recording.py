"""`instrument`: records the calls of an object as reads and writes of named objects by units.

What an event says, and what it does not:
1. A call is taken to act at one moment between its beginning and its end, which the wrapper cannot
   see. So an event has both ends (`since` and its own number). If two calls overlapped, the judge
   leaves open which acted first.
2. A write gets its version when its call ends. A write whose call raised or was cancelled gets one
   too, with that outcome: it may have happened.
3. A read whose call raised or was cancelled returned nothing, and is not recorded.
4. A call outside a unit is a unit of its own. Tasks made inside a unit belong to it until it
   closes; threads do when they were given its context (`asyncio.to_thread` does that).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

from msgspec import UNSET

from leo.errors import InstrumentError
from leo.units.call import Call, Gate, Naming, Opening, Token, Version
from leo.units.log import NO_MORE, Log, More, UnitAction
from leo.units.wrap import Patches, label_of

__all__ = ["Gate", "Naming", "Recording", "instrument", "token_of"]

# Values in longer words are told by their beginning, and a hash.
LONGEST: Final = 60


class Recording:
    """What is recorded, and the wrappers that record it; a context manager that undoes them.

    `path` is the trace's file, which must not exist; without one the trace stays in memory.
    `start` holds versions of objects that were written before. `gate` is awaited around every
    wrapped call of an async method. `clock` gives seconds. `commits` says that units commit what
    they write. `values` records what reads returned and writes were given (their last argument), in
    words; a function makes other words of a value. `version` gets what a call returned and gives
    the store's own version of the object, or a version for each object; without it versions are
    counted. Raises TraceFileError when the file cannot be made.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        run: str = "units",
        start: Mapping[str, int] | None = None,
        gate: Gate | None = None,
        clock: Callable[[], float] = time.monotonic,
        commits: bool = False,
        values: bool | Token = False,
        version: Version | None = None,
    ) -> None:
        observed = version is not None
        self._log = Log(
            path, run, start or {}, clock, commits=commits, values=bool(values), observed=observed
        )
        self._gate = gate
        self._values: Token | None = token_of if values is True else values or None
        self._version = version
        self._patches = Patches()

    def wrap(
        self,
        target: object,
        *,
        reads: Mapping[str, Naming] | None = None,
        writes: Mapping[str, Naming] | None = None,
        appends: Mapping[str, Naming] | None = None,
        commits: str | Iterable[str] = (),
        rolls_back: str | Iterable[str] = (),
        unit: str | Iterable[str] = (),
        exact: bool = False,
    ) -> None:
        """Wrap methods of an object, or of a class for all its objects.

        `reads` and `writes` map the name of a method to what it reads or writes: a name, or a
        function that gets the call's arguments and returns names (for a class, `self` is the first
        argument; what it raises, the caller of the method sees, and what is no name, `close`
        raises). `appends` maps methods whose writes overwrite nothing. `commits` and `rolls_back`
        name methods with which a unit keeps or takes back what it wrote since it did so last.
        `unit` names methods whose calls are units. `exact` says that these methods act
        at the end of their calls, as one that awaits first and then changes a dictionary does:
        nothing is left open then. Raises InstrumentError, with nothing changed, for what cannot be
        wrapped.
        """
        for word, named in (("reads", reads), ("writes", writes), ("appends", appends)):
            if not isinstance(named, Mapping | None):
                raise InstrumentError(
                    f"{word}={named!r}: expected a mapping from the name of each method to what it "
                    f"{word}, for instance {word}={{'method': 'stock'}}"
                )
        reads, writes, appends = reads or {}, writes or {}, appends or {}
        ends = dict.fromkeys(_names(commits), UnitAction.Save)
        ends |= dict.fromkeys(_names(rolls_back), UnitAction.Undo)
        label = label_of(target)
        patches = Patches()
        units = _names(unit)
        try:
            for name in dict.fromkeys((*units, *reads, *writes, *appends, *ends)):
                if name in units and name in reads and (name in writes or name in appends):
                    raise InstrumentError(
                        f"{label}.{name} is a unit, and both reads and writes: a call is one "
                        "moment, so that nothing could come between the two. Name the methods "
                        "that it calls to read and to write; if it is one step of a store, as an "
                        "increment is, leave it out of `unit`"
                    )
                if name in writes and name in appends:
                    raise InstrumentError(
                        f"{label}.{name} is named in writes and in appends: a write either "
                        "overwrites or does not; name it once"
                    )
                more = self._more(appends=name in appends, ends=ends.get(name))
                call = Call(
                    self._log, f"{label}.{name}", reads.get(name),
                    writes.get(name, appends.get(name)), self._gate, exact, more, self._values,
                    self._version, isinstance(target, type),
                )  # fmt: skip
                patches.put(target, name, call.wrap)
        except InstrumentError:
            patches.restore()
            raise
        self._patches.join(patches)

    def _more(self, *, appends: bool, ends: UnitAction | None) -> More:
        if not appends and ends is None and self._version is None:
            return NO_MORE
        return More(True if appends else UNSET, ends)

    def unit(self, kind: str) -> Opening:
        """A context manager, for sync and async code: what happens inside is one unit.

        Inside another unit of this recording it is a part of that one.
        """
        return Opening(self._log, kind)

    def ndjson(self) -> bytes:
        """The trace so far. Raises TraceFileError when it goes to a file."""
        return self._log.data()

    def flush(self) -> None:
        """Wait until what was recorded so far is in the file. Raises TraceFileError when it cannot
        be.
        """
        self._log.flush()

    def close(self) -> None:
        """Take the wrappers out and end the trace; calls that are under way are not recorded.

        Raises InstrumentError when a wrapper had been replaced, and TraceFileError when the trace
        could not be written whole. A second call does nothing.
        """
        try:
            self._patches.restore()
        finally:
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


def instrument(
    target: object,
    *,
    reads: Mapping[str, Naming] | None = None,
    writes: Mapping[str, Naming] | None = None,
    appends: Mapping[str, Naming] | None = None,
    commits: str | Iterable[str] = (),
    rolls_back: str | Iterable[str] = (),
    unit: str | Iterable[str] = (),
    exact: bool = False,
    values: bool | Token = False,
    version: Version | None = None,
    path: str | Path | None = None,
    run: str = "units",
    start: Mapping[str, int] | None = None,
    gate: Gate | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Recording:
    """Record the calls of one object until the recording is closed.

    The arguments are those of `Recording` and `Recording.wrap`, and so are the errors; to record
    several objects in one trace, call `wrap` of the result for each of the others.
    """
    recording = Recording(
        path, run=run, start=start, gate=gate, clock=clock, commits=bool(_names(commits)),
        values=values, version=version,
    )  # fmt: skip
    try:
        recording.wrap(
            target, reads=reads, writes=writes, appends=appends, commits=commits,
            rolls_back=rolls_back, unit=unit, exact=exact,
        )  # fmt: skip
    except InstrumentError:
        recording.close()
        raise
    return recording


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def token_of(value: object) -> str | None:
    """A value in words: equal words for equal values. None for an object that has no words of its
    own, since its address says nothing of what it holds.
    """
    words = repr(value)
    if " at 0x" in words:
        return None
    if len(words) <= LONGEST:
        return words
    return f"{words[:24]}... {blake2b(words.encode(errors='replace'), digest_size=8).hexdigest()}"
