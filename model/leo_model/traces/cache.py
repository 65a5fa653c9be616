"""TLC's verdicts on traces, kept by content: same trace, specification and jar, same verdict.

A verdict is kept only after a whole run of TLC ended well and judged each of its traces exactly
once, one file for each trace, renamed into its place.  A file that is cut, changed or of another
trace does not match its own checksum and counts as absent: the worst that a cache can do here is
to ask TLC again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leo_model.errors import ModelError

# In every key: raise it when the meaning of a verdict changes.
EDITION: Final = "1"


class CacheError(ModelError):
    """The folder of the cache cannot be made or written."""


@dataclass(frozen=True, slots=True)
class TlcVerdict:
    """What TLC says about a trace: ``kind`` is "accepted", "guard" or "data".

    ``line`` is the one that is no step, None when the trace is accepted: a line of the file in what
    ``judge`` returns, the number of the event in a cache.  ``broken`` are the properties that fell
    up to there.
    """

    kind: str
    line: int | None
    broken: frozenset[str]

    @property
    def accepted(self) -> bool:
        return self.line is None


class VerdictCache:
    """A folder of verdicts for one specification and one jar of TLC.

    ``asked`` and ``found`` count the look-ups and the verdicts that were there.
    """

    def __init__(self, folder: Path, *, spec: Path, jar: Path) -> None:
        """``spec`` is the folder of the modules. Raises OSError when it or ``jar`` is not there."""
        self.asked = 0
        self.found = 0
        self._folder = folder
        world = hashlib.sha256(EDITION.encode())
        for path in (*sorted(spec.glob("*.tla")), jar):
            world.update(b"\0" + path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        self._world = world.digest()

    def key(self, module: str, config: str) -> str:
        """Return the key of a trace, given as the module and configuration that hold it alone."""
        parts = (self._world, module.encode(), config.encode())
        return hashlib.sha256(b"\0".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()

    def get(self, key: str) -> TlcVerdict | None:
        """Return the verdict that was kept, None when there is none that can be trusted."""
        self.asked += 1
        try:
            entry = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(entry, dict) or entry.pop("sum", None) != _sum(key, entry):
            return None
        self.found += 1
        return TlcVerdict(entry["kind"], entry["line"], frozenset(entry["broken"]))

    def put(self, key: str, verdict: TlcVerdict) -> None:
        """Keep a verdict. Raises CacheError when the folder cannot be written."""
        entry = {"kind": verdict.kind, "line": verdict.line, "broken": sorted(verdict.broken)}
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
                json.dump({**entry, "sum": _sum(key, entry)}, file)
            os.replace(file.name, path)
        except OSError as error:
            raise CacheError(
                f"{path.parent}: the verdict of TLC cannot be kept ({error.strerror or error}); "
                "add --no-cache, or run where a folder `build` can be written"
            ) from error

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def _sum(key: str, entry: object) -> str:
    text = json.dumps([key, entry], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
