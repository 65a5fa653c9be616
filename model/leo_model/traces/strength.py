"""``leo validate --strength``: how many small changes of a trace does the check notice?

The native engine judges each mutant of an accepted trace (``leo_model.traces.mutate``).  A mutant
that it refuses is *rejected*; one that it accepts is a survivor.  The specification, not the native
engine, decides whether a survivor may be accepted:

- the change is no part of a behaviour (``INFORMATIVE``: the schema calls these fields informative,
  or it is only the name of a session), and the input of TLC is unchanged, which has sessions by
  number; or
- the input of TLC is changed, and TLC on ``TraceField.tla`` accepts it: the mutant is another
  behaviour.

Any other survivor is a *hole*: accepted, and not a behaviour; or changed in a field that is neither
checked nor known to be informative.  A survivor that may be accepted is *changed* when other
properties fall than in the trace (the verdict shows the change), and *equivalent* when the same
ones do.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Any, Final, NamedTuple

import msgspec

from leo import screen
from leo.errors import TraceError
from leo.progress import Bar
from leo.trace.events import Event
from leo.trace.lines import Lines, open_stream
from leo_model.errors import CheckError
from leo_model.traces.events import NOTHING
from leo_model.traces.mutate import (
    DOUBLE,
    DROP,
    END,
    HEADER,
    KIND,
    NEW,
    REPLY,
    SWAP,
    Base,
    Fields,
    Mutant,
    mutants,
)
from leo_model.traces.reader import NOT_DECODED, trace_of
from leo_model.traces.tlc_engine import Recorded, TlcVerdict, judge
from leo_model.traces.validate import run_native

Judge = Callable[[list[Recorded]], list[TlcVerdict]]

# Fields of the events and of the header that are no part of a behaviour, each with the reason.
INFORMATIVE: Final = {
    "time": "the time only informs: the order is that of the sequence numbers",
    "seed": "the seed only informs: a behaviour does not say how chance fell",
    NEW: "a field that a newer schema may add is ignored, with a notice",
}
_ENDS: Final = "a recording that was not closed is the beginning of a behaviour"
_OLDER: Final = "older recorders did not tell the buffer: it is assumed, with a notice"
_NAMES: Final = "the same behaviour, with its sessions under other names"
_WHY: Final = {
    SWAP: "two events that commute: both orders are behaviours",
    DROP: "nothing that follows depends on the event: without it, it is a shorter behaviour",
    KIND: "the reply could have done that as well: another behaviour",
    REPLY: "another session could have done that: another behaviour",
    "discipline": "the run is a behaviour under that discipline as well",
    "instances": "another instance without a reply, or another order of them: another behaviour",
}
_OTHER: Final = "another behaviour"


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that was accepted; ``why`` is None for a hole.

    ``lost`` are the properties that fall in the trace and not in the mutant, ``fell`` those that
    fall in the mutant only.
    """

    line: int
    kind: str
    field: str
    how: str
    why: str | None
    lost: frozenset[str] = NOTHING
    fell: frozenset[str] = NOTHING

    @property
    def changed(self) -> bool:
        """Tell whether its verdict is another than that of the trace; a hole's does not count."""
        return self.why is not None and bool(self.lost or self.fell)


@dataclass(slots=True)
class Strength:
    """What became of the mutants of one trace; the counts are by kind and field."""

    name: str
    discipline: str
    events: int
    total: Counter[tuple[str, str]] = field(default_factory=Counter)
    survivors: list[Survivor] = field(default_factory=list)

    @property
    def mutants(self) -> int:
        return self.total.total()

    @property
    def holes(self) -> list[Survivor]:
        return [survivor for survivor in self.survivors if survivor.why is None]

    @property
    def changed(self) -> list[Survivor]:
        return [survivor for survivor in self.survivors if survivor.changed]

    @property
    def equivalent(self) -> list[Survivor]:
        return [s for s in self.survivors if s.why is not None and not s.changed]

    @property
    def rejected(self) -> int:
        return self.mutants - len(self.survivors)


def read_base(path: str | Path, events: int) -> Base:
    """Read the header and at most ``events`` events of a trace file, as JSON values.

    Raises TraceError when the file cannot be read; what is in the lines is for the engine.
    """
    with open_stream(path) as (name, stream):
        lines = Lines(name, stream)
        found: list[Fields] = []
        while len(found) <= events + 1 and (raw := lines.next()) is not None:
            try:
                line = msgspec.json.decode(raw)
            except NOT_DECODED as error:
                raise TraceError(f"{name}: line {lines.number}: not JSON ({error})") from error
            if not isinstance(line, dict):
                raise TraceError(f"{name}: line {lines.number}: not an event but {line!r:.60}")
            found.append(line)
    if not found:
        raise TraceError(f"{name}: the file is empty; expected a trace")
    header, rest = found[0], found[1:]
    end = next((line for line in rest if line.get("kind") == END), None)
    return Base(header, [line for line in rest if "action" in line][:events], end)


def measure_strength(
    name: str,
    base: Base,
    sites: int,
    ask: Judge = judge,
    begun: Callable[[int], Callable[[str], object]] | None = None,
) -> Strength:
    """Judge every mutant of a trace. ``begun`` is told how many there are, once the trace itself
    was accepted, and returns what is told of the kind of each.

    Raises TraceError for a trace that is not in the schema, CheckError for one that is refused (of
    what is no behaviour, every change would be refused), and the errors of
    ``leo_model.traces.tlc_engine``.
    """
    if not base.events:
        raise CheckError(f"{name}: there is no event to change; expected a trace with some")
    original = _judged(name, base.lines())
    if original is None:
        raise CheckError(
            f"{name}: the trace is refused as it is; the strength of the check is measured on a "
            "trace that is accepted: see what `leo validate` says of it"
        )
    result = Strength(name, str(base.header["discipline"]), len(base.events))
    open_: list[tuple[Mutant, Judged]] = []
    step = begun(sum(1 for _ in mutants(base, sites))) if begun is not None else None
    for mutant in mutants(base, sites):
        result.total[mutant.kind, mutant.field] += 1
        if step is not None:
            step(mutant.kind)
        judged = _accepted(mutant)
        if judged is not None:
            open_.append((mutant, judged))
    asked = dict.fromkeys(judged.recorded for _, judged in open_)
    asked.pop(original.recorded, None)
    verdicts = dict(zip(asked, ask(list(asked)), strict=True)) if asked else {}
    for mutant, judged in open_:
        verdict = verdicts.get(judged.recorded)
        why = _why(mutant, verdict is not None and verdict.accepted, verdict)
        lost, fell = original.broken - judged.broken, judged.broken - original.broken
        result.survivors.append(Survivor(*mutant[:4], why, lost, fell))
    return result


def _why(mutant: Mutant, accepted: bool, verdict: TlcVerdict | None) -> str | None:
    """Tell why the specification allows a survivor; None for a hole."""
    if verdict is None:
        if mutant.kind == END and mutant.field == DROP:
            return _ENDS
        if mutant.field in (SWAP, REPLY):
            return _NAMES
        if mutant.how == "without buffer":
            return _OLDER
        return INFORMATIVE.get(mutant.field)
    return _WHY.get(mutant.field, _OTHER) if accepted else None


class Judged(NamedTuple):
    """An accepted trace: what TLC would be given, and the properties that fell."""

    recorded: Recorded
    broken: frozenset[str]


def _judged(name: str, lines: Iterable[Fields]) -> Judged | None:
    """Return the verdict of the native engine, None for a trace that is refused.

    Raises TraceError.
    """
    header, *rest = lines
    outcome, recorded = run_native(trace_of(name, header, rest), keep=True)
    if not outcome.accepted or recorded is None:
        return None
    return Judged(recorded, frozenset(outcome.violations))


def _accepted(mutant: Mutant) -> Judged | None:
    try:
        return _judged("mutant", mutant.lines)
    except TraceError:
        return None


EVENTS: Final = 150
SITES: Final = 2
# As many holes are written out; --json has every survivor.
SHOWN: Final = 20
_FIELDS: Final = (*Event.__struct_fields__, REPLY, KIND, DROP, DOUBLE, SWAP)
_LEGEND: Final = (
    ". all refused; ~ some accepted with another verdict; = some equivalent; ! a hole; "
    "rpl: session and reply together; knd: another action in its form; "
    "drp, dbl, swp: lines lost, doubled, swapped"
)
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
        screen.show_json([to_builtins(strength) for strength in found])
    else:
        print("\n\n".join("\n".join(to_lines(strength)) for strength in found))
    for problem in errors:
        print(f"leo: error: {problem}", file=sys.stderr)
    return 2 if errors else int(any(strength.holes for strength in found))


def _measured(path: str, events: int, sites: int) -> Strength:
    base = read_base(path, events)
    with ExitStack() as stack:

        def begun(total: int) -> Callable[[str], object]:
            return stack.enter_context(Bar("mutants", total)).step

        return measure_strength(Path(path).name, base, sites, begun=begun)


def _wrapped(text: str, begin: str = "  ") -> list[str]:
    return wrap(text, screen.width(), initial_indent=begin, subsequent_indent="    ")


def to_lines(strength: Strength) -> Iterator[str]:
    """Write one trace's block."""
    total, rejected = strength.mutants, strength.rejected
    yield f"{strength.name}: {strength.discipline}, {strength.events:,} events, {total:,} mutants"
    counts = [
        [word, f"{count:,}", f"{100 * count / total:.2f} %"]
        for word, count in (
            ("rejected", rejected),
            ("changed", len(strength.changed)),
            ("equivalent", len(strength.equivalent)),
            ("holes", len(strength.holes)),
        )
    ]
    yield from screen.table(["", "mutants", ""], counts, right=(1, 2)).splitlines()
    yield from _table(strength)
    verdicts = Counter((s.lost, s.fell) for s in strength.changed)
    for (lost, fell), count in verdicts.most_common():
        parts = [f"{', '.join(sorted(lost))} no longer"] if lost else []
        parts += [f"{', '.join(sorted(fell))} as well"] if fell else []
        yield from _wrapped(
            f"{count:,} changed: accepted, and what falls is another: {'; '.join(parts)}"
        )
    reasons = Counter(s.why for s in strength.equivalent if s.why is not None)
    for why, count in reasons.most_common():
        yield from _wrapped(f"{count:,} equivalent: {why}")
    for hole in strength.holes[:SHOWN]:
        said = f"line {hole.line}, {hole.kind}: {hole.field}, {hole.how}: accepted"
        yield from _wrapped(said, "  HOLE ")
    if len(strength.holes) > SHOWN:
        yield f"  and {len(strength.holes) - SHOWN} more holes (--json has all)"


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
    yield from wrap(_LEGEND, screen.width())
    rows = [
        [kind, *(_cell(strength.total, marks, kind, field) for field in _FIELDS)]
        for kind in kinds
        if kind not in (HEADER, END)
    ]
    heads = ["", *(_SHORT.get(field, field[:3]) for field in _FIELDS)]
    yield from screen.table(heads, rows, gap=0).splitlines()
    for kind in (HEADER, END):
        fields = [field for known, field in strength.total if known == kind]
        text = ", ".join(f"{field} {_cell(strength.total, marks, kind, field)}" for field in fields)
        if fields:
            yield from _wrapped(f"{kind}: {text}")


def _cell(
    total: Counter[tuple[str, str]],
    marks: dict[str, Counter[tuple[str, str]]],
    kind: str,
    field: str,
) -> str:
    """The mark of the worst outcome among the mutants of a place."""
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
            {"verdict": _word(survivor)} | msgspec.to_builtins(survivor, order="deterministic")
            for survivor in strength.survivors
        ],
    }
