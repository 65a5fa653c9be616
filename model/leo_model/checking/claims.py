"""The claims: what each discipline is said to keep and to lose, as data (``spec/claims.json``).

A claim is a cell of the table, (discipline, property) with a verdict.  Of a cell that falls with
faults the file also says with which of them alone.  Beside the verdicts it records, for every run
of TLC that decides them, the number of distinct states and the depth; and for every discipline the
actions that must be reachable, so that nothing holds for lack of events.  Some properties are
claimed of a few disciplines only and have no column (``also``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def load_claims(path: Path | None = None) -> Claims:
    """Read and check the claims file; raise ClaimsError when it does not say what it must."""
    path = spec_folder() / "claims.json" if path is None else path
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ClaimsError(
            f"{path}: cannot be read ({error.strerror}); name a claims file"
        ) from None
    except ValueError as error:
        raise ClaimsError(
            f"{path}: is not JSON ({error}); correct the file at that place"
        ) from None
    if not isinstance(data, dict) or data.get("spec") != SPEC_VERSION:
        found = data.get("spec") if isinstance(data, dict) else type(data).__name__
        raise ClaimsError(
            f'{path}: expected an object with "spec": "{SPEC_VERSION}", found {found!r}; '
            "use the claims file that belongs to this specification"
        )
    cells = dict(_cells(path, _table(path, data, "claims")))
    missing = [f"{d} / {t}" for d in DISCIPLINES for t in PROPERTIES if (d, t) not in cells]
    if missing:
        raise ClaimsError(
            f"{path}: no verdict for {missing[0]} and {len(missing) - 1} more; every property of "
            'every discipline needs one, or {"not-applicable": "the reason"}'
        )
    apart = _apart(path, _table(path, data, "apart"), cells)
    also = _also(path, _table(path, data, "also"))
    actions = {}
    for discipline, names in _table(path, data, "actions").items():
        _known(path, "discipline", discipline, DISCIPLINES)
        if not isinstance(names, list):
            raise ClaimsError(
                f"{path}: actions of {discipline}: expected a list of names, found {names!r}"
            )
        for name in names:
            _known(path, f"action of {discipline}", name, ACTIONS)
        actions[discipline] = frozenset(names)
    numbers = {run: _numbers(path, run, entry) for run, entry in _table(path, data, "runs").items()}
    return Claims(path, cells, apart, also, actions, numbers)


def _apart(
    path: Path, table: dict[str, Any], cells: dict[tuple[str, str], Claim]
) -> dict[tuple[str, str], frozenset[str]]:
    """Each cell that falls with faults has the list of those that are enough alone."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for discipline, row in table.items():
        _known(path, "discipline of apart", discipline, DISCIPLINES)
        possible = DISCIPLINES[discipline].possible_faults
        for title, faults in row.items() if isinstance(row, dict) else ():
            if not isinstance(faults, list) or not set(faults) <= set(possible):
                raise ClaimsError(
                    f"{path}: apart: {discipline} / {title}: expected a list of some of "
                    f"{', '.join(possible)}, found {faults!r}"
                )
            found[discipline, title] = frozenset(faults)
    falling = {cell for cell, claim in cells.items() if claim.verdict == FALLS_WITH_FAULTS}
    for discipline, title in sorted(falling ^ set(found)):
        raise ClaimsError(
            f"{path}: apart: {discipline} / {title}: expected a list of faults for each cell that "
            f"{FALLS_WITH_FAULTS}, and for no other"
        )
    return found


def _also(path: Path, table: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The verdicts of the properties that have no column, of the disciplines that are listed."""
    found: dict[tuple[str, str], str] = {}
    for title, verdicts in table.items():
        _known(path, "property of also", title, MORE)
        for verdict, disciplines in verdicts.items() if isinstance(verdicts, dict) else ():
            _known(path, f"verdict of {title}", verdict, (HOLDS, FALLS))
            for discipline in disciplines:
                _known(path, f"discipline of {title}", discipline, DISCIPLINES)
                found[discipline, title] = verdict
    return found


def _numbers(path: Path, run: str, entry: object) -> Numbers:
    found = entry if isinstance(entry, dict) else {}
    distinct, depth = found.get("distinct"), found.get("depth", -1)
    if type(distinct) is not int or not (depth is None or (type(depth) is int and depth >= 0)):
        raise ClaimsError(
            f'{path}: run {run}: expected {{"distinct": a number, "depth": a number or null}}, '
            f"found {entry!r}; `leo check --record` writes it"
        )
    return Numbers(distinct, depth)


def _table(path: Path, data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise ClaimsError(f"{path}: {key!r} must be an object, found {type(value).__name__}")
    return value


def _cells(path: Path, table: dict[str, Any]) -> list[tuple[tuple[str, str], Claim]]:
    cells = []
    for discipline, row in table.items():
        _known(path, "discipline", discipline, DISCIPLINES)
        if not isinstance(row, dict):
            raise ClaimsError(
                f"{path}: claims of {discipline}: expected an object from properties to verdicts, "
                f"found {type(row).__name__}"
            )
        for title, value in row.items():
            _known(path, f"property of {discipline}", title, PROPERTIES)
            if isinstance(value, dict) and set(value) == {NOT_APPLICABLE}:
                claim = Claim(discipline, title, NOT_APPLICABLE, value[NOT_APPLICABLE])
            elif isinstance(value, str) and value in VERDICTS:
                claim = Claim(discipline, title, value)
            else:
                raise ClaimsError(
                    f"{path}: {discipline} / {title}: {value!r} is no verdict; expected one of "
                    f'{", ".join(VERDICTS)}, or {{"not-applicable": "the reason"}}'
                )
            cells.append(((discipline, title), claim))
    return cells


def _known(path: Path, what: str, name: object, known: Any) -> None:
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name), list(known), 1)
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
