"""The table of verdicts, generated from the claims: for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from textwrap import wrap

from leo import screen
from leo_model.checking.claims import (
    FALLS,
    FALLS_WITH_FAULTS,
    HOLDS,
    NEEDS_STRONG_FAIRNESS,
    NOT_APPLICABLE,
    Claim,
    Claims,
)
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.properties import PROPERTIES

# The verdict of a cell not all of whose runs were made; no claims file has it.
UNDECIDED = "undecided"
SIGNS = {
    HOLDS: "✓",
    FALLS: "✗",
    FALLS_WITH_FAULTS: "✗f",
    NEEDS_STRONG_FAIRNESS: "sf",
    NOT_APPLICABLE: "–",
}
WORDS = {
    HOLDS: "holds, with every fault that can strike (Dea and D0: without)",
    FALLS: "falls",
    FALLS_WITH_FAULTS: "falls only with faults",
    NEEDS_STRONG_FAIRNESS: "holds only under strong fairness",
    NOT_APPLICABLE: "does not apply",
    UNDECIDED: "not decided by these runs",
}
EXCEPTION = (
    "A fault may free a reply that waits, so Dea is asked without; D0 is the program alone and "
    "unharmed. A sign followed by ! is not as claimed."
)
MARKS = SIGNS | {UNDECIDED: "·"}
COLOURS = {HOLDS: "green", NEEDS_STRONG_FAIRNESS: "yellow"}
COLOURS |= dict.fromkeys((NOT_APPLICABLE, UNDECIDED), "dim")
# With fewer columns the table is a list.
LEAST = 76


def decided(claims: Claims, cells: Collection[tuple[str, str]]) -> Claims:
    """The claims with no verdict but of these cells, and where a property does not apply."""

    def shown(claim: Claim) -> Claim:
        known = (claim.discipline, claim.property) in cells or claim.verdict == NOT_APPLICABLE
        return claim if known else replace(claim, verdict=UNDECIDED)

    return replace(claims, cells={cell: shown(claim) for cell, claim in claims.cells.items()})


def text(claims: Claims, disciplines: Iterable[str], wrong: frozenset[str] = frozenset()) -> str:
    """Return the table for a terminal, with its legend; the cells in ``wrong`` are marked."""
    names = list(disciplines)
    draw = _matrix if screen.columns() >= LEAST else _list
    partial = any(claims.titles(name, UNDECIDED) for name in names)
    said = legend(MARKS if partial else SIGNS)
    return draw(claims, names, wrong) + "\n" + faults_apart(claims, names) + said


def faults_apart(claims: Claims, disciplines: Iterable[str]) -> str:
    """Say of each ✗f which faults are enough, each of them alone."""
    lines: list[str] = []
    for name in disciplines:
        groups: dict[str, list[str]] = {}
        for title in claims.titles(name, FALLS_WITH_FAULTS):
            enough = claims.apart[name, title]
            faults = ", ".join(f for f in DISCIPLINES[name].possible_faults if f in enough)
            groups.setdefault(faults, []).append(PROPERTIES[title].short)
        told = "; ".join(f"{', '.join(titles)}: {faults}" for faults, titles in groups.items())
        lines += screen.labelled(DISCIPLINES[name].number, told, label_width=4) if told else []
    head = screen.labelled("✗f", "with each of these faults alone", label_width=4)
    return "\n".join([*head, *lines, "", ""]) if lines else ""


def _matrix(claims: Claims, disciplines: list[str], wrong: frozenset[str]) -> str:
    # A sign, the mark of a wrong one and a gap for each property; the number before the name.
    room = screen.columns() - 4 * len(PROPERTIES) - 5
    rows = [
        [
            DISCIPLINES[name].number,
            "\n".join(wrap(name, room)),
            *(_cell(claims, name, title, wrong) for title in PROPERTIES),
        ]
        for name in disciplines
    ]
    return screen.table(["", "", *(about.short for about in PROPERTIES.values())], rows, gap=0)


def _list(claims: Claims, disciplines: list[str], wrong: frozenset[str]) -> str:
    lines: list[str] = []
    for name in disciplines:
        lines.append(f"{DISCIPLINES[name].number} {name}")
        for verdict, sign in MARKS.items():
            titles = [
                f"{title}!" if f"{name} / {title}" in wrong else title
                for title in claims.titles(name, verdict)
            ]
            lines += (
                screen.labelled(f"  {sign}", ", ".join(titles), label_width=5) if titles else []
            )
    return "\n".join(lines) + "\n"


def _cell(claims: Claims, discipline: str, title: str, wrong: frozenset[str]) -> str:
    verdict = claims.cell(discipline, title).verdict
    mark = "!" if f"{discipline} / {title}" in wrong else ""
    colour = COLOURS.get(verdict, "red")
    return f"[{colour}]{MARKS[verdict]}{mark}[/]"


def legend(signs: Mapping[str, str]) -> str:
    """Say what the signs mean, and what each property is."""
    lines = [
        line
        for verdict, sign in signs.items()
        for line in screen.labelled(sign, WORDS[verdict], label_width=4)
    ]
    lines += [*screen.labelled("", EXCEPTION, label_width=0), ""]
    for title, about in PROPERTIES.items():
        told = f"{title} ({about.standard}): {about.meaning}"
        lines += screen.labelled(about.short, told, label_width=4)
    return "\n".join(lines) + "\n"


def cells(
    claims: Claims, disciplines: Iterable[str], wrong: frozenset[str] = frozenset()
) -> list[dict[str, object]]:
    """Return the cells as JSON values, with reasons, and whether each was found as claimed."""
    return [
        {
            "discipline": name,
            "property": title,
            "verdict": claims.cell(name, title).verdict,
            "reason": claims.cell(name, title).reason,
            "apart": sorted(claims.apart.get((name, title), ())),
            "as_claimed": f"{name} / {title}" not in wrong,
        }
        for name in disciplines
        for title in PROPERTIES
    ]
