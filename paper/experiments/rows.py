"""The rows of an experiment on disk: JSON lines, appended cell by cell, the same bytes every time.

The first line is the stamp. Each further line is one row with the key of its cell, its number and
the number of rows of that cell; a cell counts when all of them are there. Whatever follows the last
whole cell was being written when the run stopped: it is cut off, and the cell measured again.
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
OWN = ("cell", "row", "of")


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


def line_of(cell: Key, number: int, of: int, row: Row) -> str:
    """A row as its line. Raises ExperimentError for a row that uses the framework's own names."""
    if clash := sorted(set(OWN) & row.keys()):
        raise ExperimentError(
            f"a row of the cell {cell} has the name {clash[0]!r}, which the file uses itself; "
            "give it another name"
        )
    return dump({"cell": list(cell), "row": number, "of": of, **row})


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
    """The rows of a file. A line that is no row, at the end or before, ends the reading at the last
    whole cell before it: what comes after it cannot be trusted to be complete.
    """
    stored = Stored()
    pending: list[Row] = []
    begun: Key | None = None
    at = 0
    for line in data.splitlines(keepends=True):
        at += len(line)
        value = _parse(line)
        if value is None:
            break
        if stored.stamp is None:
            stamp = value.get(STAMP)
            if not isinstance(stamp, dict):
                break
            stored.stamp, stored.end = stamp, at
            continue
        cell, number, of = _place(value)
        if cell is None or cell in stored.cells or number != len(pending):
            break
        if number and cell != begun:
            break
        begun = cell
        pending.append({name: item for name, item in value.items() if name not in OWN})
        if len(pending) == of:
            stored.cells[cell], stored.end = pending, at
            pending, begun = [], None
    return stored


def _parse(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _place(value: dict[str, Any]) -> tuple[Key | None, int, int]:
    cell, number, of = (value.get(name) for name in OWN)
    if not (isinstance(cell, list) and isinstance(number, int) and isinstance(of, int)):
        return None, 0, 0
    return tuple(cell), number, of


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
        lines = [line_of(cell, number, len(rows), row) for number, row in enumerate(rows)]
        if not lines:
            raise ExperimentError(f"the cell {cell} gave no rows; each cell has at least one")
        append(self._path, lines)
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
