"""``leo validate --strength``: how much the check would notice, for people and programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from leo.errors import TraceError
from leo.trace.words import FIELDS
from leo_model.errors import CheckError
from leo_model.progress import Bar
from leo_model.traces.strength import Strength, Survivor, measure_strength, read_base
from leo_model.traces.strength_mutants import DOUBLE, DROP, END, HEADER, KIND, REPLY, SWAP

WIDTH: Final = 80
EVENTS: Final = 150
SITES: Final = 2
# As many holes are written out; --json has every survivor.
SHOWN: Final = 20
_FIELDS: Final = (*FIELDS, REPLY, KIND, DROP, DOUBLE, SWAP)
_SHORT: Final = {REPLY: "rpl", KIND: "knd", DROP: "drp", DOUBLE: "dbl", SWAP: "swp"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this report to a command with FILE arguments and ``--json``."""
    parser.add_argument(
        "--strength",
        action="store_true",
        help="mutate the traces and tell how many mutants the check refuses; 1 for a hole",
    )
    parser.add_argument(
        "--sites",
        type=int,
        default=SITES,
        metavar="N",
        help=f"with --strength: lines of each kind that are mutated (default: {SITES})",
    )
    parser.add_argument(
        "--events",
        type=int,
        default=EVENTS,
        metavar="N",
        help=f"with --strength: as much of a trace's beginning is used (default: {EVENTS})",
    )


def run(options: argparse.Namespace) -> int:
    """Print the reports. Returns 2 when a trace cannot be measured, 1 for a hole, else 0.

    Raises CheckError for numbers that make no sense.
    """
    if options.sites < 1 or options.events < 1:
        raise CheckError(
            f"--sites {options.sites} --events {options.events}: expected at least one of each"
        )
    found: list[Strength] = []
    errors: list[TraceError | CheckError] = []
    for path in options.files:
        try:
            found.append(_measured(path, options.events, options.sites))
        except (TraceError, CheckError) as error:
            errors.append(error)
    if options.json:
        print(json.dumps([to_builtins(strength) for strength in found], indent=1))
    else:
        print("\n\n".join(map(to_text, found)))
    for problem in errors:
        print(f"leo: error: {problem}", file=sys.stderr)
    return 2 if errors else int(any(strength.holes for strength in found))


def _measured(path: str, events: int, sites: int) -> Strength:
    base = read_base(path, events)
    bars: list[Bar] = []

    def begun(total: int) -> Callable[[str], object]:
        bars.append(Bar(total, "mutants"))
        return bars[0].step

    strength = measure_strength(Path(path).name, base, sites, begun=begun)
    for bar in bars:
        bar.finish()
    return strength


def to_text(strength: Strength) -> str:
    """Write one trace's block."""
    return "\n".join(_lines(strength))


def _lines(strength: Strength) -> Iterator[str]:
    total, rejected = strength.mutants, strength.rejected
    yield f"{strength.name}: {strength.discipline}, {strength.events:,} events, {total:,} mutants"
    for word, count in (
        ("rejected", rejected),
        ("changed", len(strength.changed)),
        ("equivalent", len(strength.equivalent)),
        ("holes", len(strength.holes)),
    ):
        yield f"  {word:<11} {count:>7,}  {100 * count / total:6.2f} %"
    yield from _table(strength)
    verdicts = Counter((s.lost, s.fell) for s in strength.changed)
    for (lost, fell), count in verdicts.most_common():
        parts = [f"{', '.join(sorted(lost))} no longer"] if lost else []
        parts += [f"{', '.join(sorted(fell))} as well"] if fell else []
        yield from wrap(
            f"{count:,} changed: accepted, and what falls is another: {'; '.join(parts)}",
            WIDTH, initial_indent="  ", subsequent_indent="    ",
        )  # fmt: skip
    reasons = Counter(s.why for s in strength.equivalent if s.why is not None)
    for why, count in reasons.most_common():
        yield from wrap(
            f"{count:,} equivalent: {why}", WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    for hole in strength.holes[:SHOWN]:
        yield from wrap(_said(hole), WIDTH, initial_indent="  HOLE ", subsequent_indent="    ")
    if len(strength.holes) > SHOWN:
        yield f"  and {len(strength.holes) - SHOWN} more holes (--json has all)"


def _said(hole: Survivor) -> str:
    return f"line {hole.number}, {hole.kind}: {hole.field}, {hole.how}: accepted"


def _word(survivor: Survivor) -> str:
    if survivor.why is None:
        return "hole"
    return "changed" if survivor.changed else "equivalent"


def _table(strength: Strength) -> Iterator[str]:
    """A row for each kind of event, a column for each field."""
    equivalent = Counter((s.kind, s.field) for s in strength.equivalent)
    changed = Counter((s.kind, s.field) for s in strength.changed)
    holes = Counter((s.kind, s.field) for s in strength.holes)
    marks = {"!": holes, "=": equivalent, "~": changed}
    kinds = list(dict.fromkeys(kind for kind, _ in strength.total))
    yield "  . all refused; ~ some accepted with another verdict; = some equivalent;"
    yield "  ! a hole; rpl: session and reply together; knd: another action in its form;"
    yield "  drp, dbl, swp: lines lost, doubled, swapped"
    yield f"{'':<13}" + "".join(f"{_SHORT.get(f, f[:3]):>3} " for f in _FIELDS).rstrip()
    for kind in kinds:
        if kind not in (HEADER, END):
            cells = (_cell(strength.total, marks, kind, field) for field in _FIELDS)
            yield (f"{kind:<13}" + "".join(f" {cell:<3}" for cell in cells)).rstrip()
    for kind in (HEADER, END):
        fields = [field for known, field in strength.total if known == kind]
        text = ", ".join(f"{field} {_cell(strength.total, marks, kind, field)}" for field in fields)
        if fields:
            yield from wrap(f"{kind}: {text}", WIDTH, initial_indent="  ", subsequent_indent="    ")


def _cell(
    total: Counter[tuple[str, str]],
    marks: dict[str, Counter[tuple[str, str]]],
    kind: str,
    field: str,
) -> str:
    """The mark of the worst that became of the mutants of a place."""
    place = (kind, field)
    worst = next((mark for mark, counts in marks.items() if counts[place]), ".")
    return worst if total[place] else ""


def to_builtins(strength: Strength) -> dict[str, Any]:
    """Return the report as JSON values, with every survivor."""
    return {
        "name": strength.name,
        "discipline": strength.discipline,
        "events": strength.events,
        "mutants": strength.mutants,
        "rejected": strength.rejected,
        "changed": len(strength.changed),
        "equivalent": len(strength.equivalent),
        "holes": len(strength.holes),
        "by_kind_and_field": [
            {"kind": kind, "field": field, "mutants": count}
            for (kind, field), count in strength.total.items()
        ],
        "survivors": [
            {
                "line": survivor.number,
                "kind": survivor.kind,
                "field": survivor.field,
                "how": survivor.how,
                "verdict": _word(survivor),
                "why": survivor.why,
                "lost": sorted(survivor.lost),
                "fell": sorted(survivor.fell),
            }
            for survivor in strength.survivors
        ],
    }
