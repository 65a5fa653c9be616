"""The claims: which properties each discipline keeps and loses, as data (``spec/claims.json``).

A claim is a cell of the table: (discipline, property) with a verdict.  For a property that falls
with faults, ``apart`` has the faults that suffice alone.  For each run of TLC that decides claims,
``runs`` has the number of distinct states and the depth.  For each discipline, ``actions`` has the
actions that must be reachable, so that no property holds because nothing happens.  A property
claimed of a few disciplines only has no column (``also``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from leo_model.disciplines import DISCIPLINES
from leo_model.errors import ClaimsError
from leo_model.files import spec_folder
from leo_model.machine.machine import ACTIONS
from leo_model.machine.properties import MORE, PROPERTIES

SPEC_VERSION = "field/1"

HOLDS = "holds"
FALLS = "falls"
FALLS_WITH_FAULTS = "falls-with-faults"
NEEDS_STRONG_FAIRNESS = "needs-strong-fairness"
NOT_APPLICABLE = "not-applicable"
VERDICTS = (HOLDS, FALLS, FALLS_WITH_FAULTS, NEEDS_STRONG_FAIRNESS)


@dataclass(frozen=True, slots=True)
class Claim:
    """One cell: a verdict, and the reason when the property does not apply."""

    discipline: str
    property: str
    verdict: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.discipline} / {self.property}: {self.verdict}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a run is known to find: distinct states, and the depth of the search.

    For an expected counterexample the depth is its number of states. 0 and None for a temporal
    property that falls: there TLC's speed decides how far it has searched.
    """

    distinct: int
    depth: int | None


@dataclass(frozen=True)
class Claims:
    """The whole file."""

    path: Path
    cells: dict[tuple[str, str], Claim]
    apart: dict[tuple[str, str], frozenset[str]]
    also: dict[tuple[str, str], str]
    actions: dict[str, frozenset[str]]
    numbers: dict[str, Numbers]

    def cell(self, discipline: str, title: str) -> Claim:
        return self.cells[discipline, title]

    def more(self, discipline: str, verdict: str) -> list[str]:
        """Return the properties without a column that have the verdict."""
        return [t for t in MORE if self.also.get((discipline, t)) == verdict]

    def titles(self, discipline: str, *verdicts: str) -> list[str]:
        """Return the properties with one of the verdicts, in the order of the table."""
        return [t for t in PROPERTIES if self.cells[discipline, t].verdict in verdicts]

    def may_fall(self, discipline: str, *, faults: bool) -> list[str]:
        """Return the properties that are claimed to fall, where faults strike or do not."""
        return self.titles(discipline, FALLS, *([FALLS_WITH_FAULTS] if faults else []))


class _NotApplicable(msgspec.Struct, forbid_unknown_fields=True, rename={"reason": NOT_APPLICABLE}):
    reason: str


class _File(msgspec.Struct):
    spec: str
    claims: dict[str, Any]
    apart: dict[str, Any]
    also: dict[str, dict[str, list[str]]]
    actions: dict[str, Any]
    runs: dict[str, Any]


def load_claims(path: Path | None = None) -> Claims:
    """Read and check the claims file; raise ClaimsError when it does not say what it must."""
    path = spec_folder() / "claims.json" if path is None else path
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise ClaimsError(
            f"{path}: cannot be read ({error.strerror}); name a claims file"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ClaimsError(
            f"{path}: is no claims file ({error}); expected an object with "
            f"{', '.join(_File.__struct_fields__)}, as spec/claims.json has them"
        ) from None
    if file.spec != SPEC_VERSION:
        raise ClaimsError(
            f"{path}: expected claims of {SPEC_VERSION}, found {file.spec!r}; use the claims file "
            "that belongs to this specification"
        )
    cells = _cells(path, file.claims)
    apart = _apart(path, file.apart, cells)
    also: dict[tuple[str, str], str] = {}
    for title, verdicts in file.also.items():
        _known(path, "property of also", title, MORE)
        for verdict, disciplines in verdicts.items():
            _known(path, f"verdict of {title}", verdict, (HOLDS, FALLS))
            for discipline in disciplines:
                _known(path, f"discipline of {title}", discipline, DISCIPLINES)
                also[discipline, title] = verdict
    actions: dict[str, frozenset[str]] = {}
    for discipline, names in file.actions.items():
        _known(path, "discipline", discipline, DISCIPLINES)
        actions[discipline] = _shaped(path, f"actions of {discipline}", names, frozenset[str])
        for name in actions[discipline]:
            _known(path, f"action of {discipline}", name, ACTIONS)
    numbers = {run: _shaped(path, f"run {run}", each, Numbers) for run, each in file.runs.items()}
    return Claims(path, cells, apart, also, actions, numbers)


def _shaped(path: Path, place: str, value: object, kind: Any) -> Any:
    """A part of the file as values of a kind; the decoder alone would not say which part it is."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ClaimsError(f"{path}: {place}: {error}; found {value!r}") from None


def _cells(path: Path, table: dict[str, Any]) -> dict[tuple[str, str], Claim]:
    """Every property of every discipline has a verdict."""
    cells: dict[tuple[str, str], Claim] = {}
    for discipline, entry in table.items():
        _known(path, "discipline", discipline, DISCIPLINES)
        row = _shaped(path, f"claims of {discipline}", entry, dict[str, Any])
        for title, verdict in row.items():
            _known(path, f"property of {discipline}", title, PROPERTIES)
            value = _shaped(path, f"{discipline} / {title}", verdict, str | _NotApplicable)
            if isinstance(value, _NotApplicable):
                claim = Claim(discipline, title, NOT_APPLICABLE, value.reason)
            else:
                _known(path, f"verdict of {discipline} / {title}", value, VERDICTS)
                claim = Claim(discipline, title, value)
            cells[discipline, title] = claim
    missing = [f"{d} / {t}" for d in DISCIPLINES for t in PROPERTIES if (d, t) not in cells]
    if missing:
        raise ClaimsError(
            f"{path}: no verdict for {missing[0]} and {len(missing) - 1} more; every property of "
            f'every discipline needs one, or {{"{NOT_APPLICABLE}": "the reason"}}'
        )
    return cells


def _apart(
    path: Path, table: dict[str, Any], cells: dict[tuple[str, str], Claim]
) -> dict[tuple[str, str], frozenset[str]]:
    """Each cell that falls with faults has the list of those that are enough alone."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for discipline, entry in table.items():
        _known(path, "discipline of apart", discipline, DISCIPLINES)
        possible = DISCIPLINES[discipline].possible_faults
        row = _shaped(path, f"apart: {discipline}", entry, dict[str, frozenset[str]])
        for title, faults in row.items():
            for fault in faults:
                _known(path, f"fault of apart: {discipline} / {title}", fault, possible)
            found[discipline, title] = faults
    falling = {cell for cell, claim in cells.items() if claim.verdict == FALLS_WITH_FAULTS}
    for discipline, title in sorted(falling ^ set(found)):
        raise ClaimsError(
            f"{path}: apart: {discipline} / {title}: expected a list of faults for each cell that "
            f"{FALLS_WITH_FAULTS}, and for no other"
        )
    return found


def _known(path: Path, what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise ClaimsError(f"{path}: unknown {what}: {name!r}; {hint}")


def record_numbers(claims: Claims, numbers: dict[str, Numbers], planned: Collection[str]) -> None:
    """Write the numbers of the runs into the claims file, leaving the verdicts alone.

    Numbers of runs that are not ``planned`` any more are dropped.
    """
    data = json.loads(claims.path.read_text("utf-8"))
    merged = {run: entry for run, entry in data["runs"].items() if run in planned} | {
        run: {"distinct": found.distinct, "depth": found.depth} for run, found in numbers.items()
    }
    lines = [f'  "{run}": {json.dumps(merged[run])}' for run in sorted(merged)]
    data["runs"] = {}
    text = json.dumps(data, indent=1, ensure_ascii=False)
    head, _, tail = text.rpartition('"runs": {}')
    body = '"runs": {\n' + ",\n".join(lines) + "\n }"
    claims.path.write_text(head + body + tail + "\n", "utf-8")
