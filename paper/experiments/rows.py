"""The rows of an experiment on disk: JSON lines, appended cell by cell, the same bytes every time.

The first line is the stamp. Each further line is a cell with its rows. What follows the last whole
line was being written when the run stopped: it is cut off, and the cell measured again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Key, Row

STAMP = "stamp"


@dataclass
class Stored:
    """What a file of rows holds: the stamp, the rows by cell, and where the last whole cell ends
    (bytes).
    """

    stamp: Mapping[str, Any] | None = None
    cells: dict[Key, list[Row]] = field(default_factory=dict)
    end: int = 0

    @property
    def rows(self) -> list[Row]:
        """All rows in the order of the file."""
        return [row for rows in self.cells.values() for row in rows]


def dump(value: Any) -> str:
    """One line of JSON: keys in their order, no spaces to spare, no NaN."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def line_of(cell: Key, rows: Sequence[Row]) -> str:
    """A cell as its line."""
    return dump({"cell": list(cell), "rows": list(rows)})


def read_rows(path: Path) -> Stored:
    """Read a file of rows; a missing one holds nothing."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Stored()
    except OSError as error:
        raise ExperimentError(
            f"{path}: cannot be read ({error.strerror}); see to its permissions, or name another "
            "folder with --build"
        ) from None
    return parse_rows(data)


def parse_rows(data: bytes) -> Stored:
    """The rows of a file. A line that is no cell, or has no end, ends the reading: what comes after
    it cannot be trusted to be complete.
    """
    stored = Stored()
    for line in data.splitlines(keepends=True):
        try:
            value = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            break
        if stored.stamp is None:
            if not (isinstance(value, dict) and isinstance(value.get(STAMP), dict)):
                break
            stored.stamp = value[STAMP]
        elif isinstance(value, dict) and value.keys() == {"cell", "rows"}:
            cell = tuple(value["cell"])
            if cell in stored.cells:
                break
            stored.cells[cell] = value["rows"]
        else:
            break
        stored.end += len(line)
    return stored


class RowFile:
    """A file of rows that is being written. Rows of another stamp are kept aside, under a name of
    their own, and come back when their configuration does.
    """

    def __init__(self, path: Path, stamp: Mapping[str, Any], *, fresh: bool = False) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.stored = self._open(stamp, fresh)
        except OSError as error:
            raise ExperimentError(
                f"{path}: cannot be written ({error.strerror}); name a folder that can be written "
                "with --build"
            ) from None

    def _open(self, stamp: Mapping[str, Any], fresh: bool) -> Stored:
        stored = read_rows(self._path)
        if stored.stamp is not None and stored.stamp != stamp:
            self._path.replace(self._aside(stored.stamp))
            if (mine := self._aside(stamp)).exists():
                mine.replace(self._path)
            stored = read_rows(self._path)
        if fresh or stored.stamp != stamp:
            first = dump({STAMP: stamp}) + "\n"
            self._path.write_bytes(first.encode())
            return Stored(dict(stamp), {}, len(first.encode()))
        with self._path.open("r+b") as file:
            file.truncate(stored.end)
        return stored

    def _aside(self, stamp: Mapping[str, Any]) -> Path:
        return self._path.with_name(f"rows-{stamp.get('config_hash', 'unknown')}.jsonl")

    def put(self, cell: Key, rows: Sequence[Row]) -> None:
        """Append the rows of a cell, in one write."""
        if not rows:
            raise ExperimentError(f"the cell {cell} gave no rows; each cell has at least one")
        append(self._path, [line_of(cell, rows)])
        # What is kept is what a later reading would find, tuples and all.
        self.stored.cells[cell] = [json.loads(dump(row)) for row in rows]

    def ordered(self, cells: Iterable[Key]) -> list[Row]:
        """All rows in the order of the cells."""
        return [row for cell in cells for row in self.stored.cells[cell]]


def append(path: Path, lines: Sequence[str]) -> None:
    """Append lines in one write, so that a run that is stopped leaves at most one torn line."""
    data = "".join(f"{line}\n" for line in lines).encode()
    try:
        with path.open("ab", buffering=0) as file:
            file.write(data)
    except OSError as error:
        raise ExperimentError(
            f"{path}: cannot be written ({error.strerror}); make room, or name another folder "
            "with --build"
        ) from None


def trim(path: Path) -> None:
    """Cut off a last line that has no end; a missing file is left missing."""
    if path.exists():
        data = path.read_bytes()
        if not data.endswith(b"\n"):
            path.write_bytes(data[: data.rfind(b"\n") + 1])
