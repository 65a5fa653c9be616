"""The table of verdicts, generated from the claims: for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import product
from textwrap import wrap

from leo import screen
from leo_model.checking.claims import (
    FALLS,
    FALLS_WITH_FAULTS,
    HOLDS,
    NEEDS_STRONG_FAIRNESS,
    NOT_APPLICABLE,
    Claims,
)
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.properties import PROPERTIES

# Pairs of a discipline and a property.
Cells = Collection[tuple[str, str]]

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
}
EXCEPTION = (
    "A fault may free a reply that waits, so Dea is asked without; D0 is the program alone and "
    "unharmed. A sign followed by ! is not as claimed."
)
# In the place of a verdict that the runs did not decide.
UNDECIDED = "·"
COLOURS = {"✓": "green", "–": "dim", "sf": "yellow", UNDECIDED: "dim"}
# With fewer columns the table is a list.
LEAST = 76


def text(
    claims: Claims,
    disciplines: Iterable[str],
    wrong: frozenset[str] = frozenset(),
    decided: Cells | None = None,
) -> str:
    """Return the table for a terminal, with its legend; the cells in ``wrong`` are marked, and
    those that are not ``decided`` (None: all are) have no verdict.
    """
    names = list(disciplines)
    signs = {cell: _sign(claims, cell, wrong, decided) for cell in product(names, PROPERTIES)}
    draw = _matrix if screen.columns() >= LEAST else _list
    partial = any(sign == UNDECIDED for sign, _ in signs.values())
    return draw(names, signs) + "\n" + faults_apart(claims, names, decided) + legend(partial)


def _sign(
    claims: Claims, cell: tuple[str, str], wrong: frozenset[str], decided: Cells | None
) -> tuple[str, str]:
    """The sign of a cell, and the mark of a wrong one."""
    verdict = claims.cell(*cell).verdict
    if decided is not None and cell not in decided and verdict != NOT_APPLICABLE:
        return UNDECIDED, ""
    return SIGNS[verdict], "!" if " / ".join(cell) in wrong else ""


def faults_apart(claims: Claims, disciplines: Iterable[str], decided: Cells | None = None) -> str:
    """Say of each ✗f which faults are enough, each of them alone."""
    lines: list[str] = []
    for name in disciplines:
        groups: dict[str, list[str]] = {}
        for title in claims.titles(name, FALLS_WITH_FAULTS):
            if decided is not None and (name, title) not in decided:
                continue
            enough = claims.apart[name, title]
            faults = ", ".join(f for f in DISCIPLINES[name].possible_faults if f in enough)
            groups.setdefault(faults, []).append(PROPERTIES[title].short)
        told = "; ".join(f"{', '.join(titles)}: {faults}" for faults, titles in groups.items())
        lines += screen.labelled(DISCIPLINES[name].number, told, label_width=4) if told else []
    head = screen.labelled("✗f", "with each of these faults alone", label_width=4)
    return "\n".join([*head, *lines, "", ""]) if lines else ""


def _matrix(disciplines: list[str], signs: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    # A sign, the mark of a wrong one and a gap for each property; the number before the name.
    room = screen.columns() - 4 * len(PROPERTIES) - 5

    def coloured(cell: tuple[str, str]) -> str:
        sign, mark = signs[cell]
        return f"[{COLOURS.get(sign, 'red')}]{sign}{mark}[/]"

    rows = [
        [
            DISCIPLINES[name].number,
            "\n".join(wrap(name, room)),
            *(coloured((name, title)) for title in PROPERTIES),
        ]
        for name in disciplines
    ]
    return screen.table(["", "", *(about.short for about in PROPERTIES.values())], rows, gap=0)


def _list(disciplines: list[str], signs: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    lines: list[str] = []
    for name in disciplines:
        lines.append(f"{DISCIPLINES[name].number} {name}")
        for sign in (*SIGNS.values(), UNDECIDED):
            told = [f"{t}{signs[name, t][1]}" for t in PROPERTIES if signs[name, t][0] == sign]
            lines += screen.labelled(f"  {sign}", ", ".join(told), label_width=5) if told else []
    return "\n".join(lines) + "\n"


def legend(partial: bool) -> str:
    """Say what the signs mean, and what each property is."""
    signs = {sign: WORDS[verdict] for verdict, sign in SIGNS.items()}
    if partial:
        signs[UNDECIDED] = "not decided by these runs"
    lines = [
        line for sign, word in signs.items() for line in screen.labelled(sign, word, label_width=4)
    ]
    lines += [*screen.labelled("", EXCEPTION, label_width=0), ""]
    for title, about in PROPERTIES.items():
        told = f"{title} ({about.standard}): {about.meaning}"
        lines += screen.labelled(about.short, told, label_width=4)
    return "\n".join(lines) + "\n"


def cells(
    claims: Claims,
    disciplines: Iterable[str],
    wrong: frozenset[str] = frozenset(),
    decided: Cells | None = None,
) -> list[dict[str, object]]:
    """Return the cells as JSON values, with reasons, and whether each was decided and found as
    claimed.
    """
    return [
        {
            "discipline": name,
            "property": title,
            "verdict": claims.cell(name, title).verdict,
            "reason": claims.cell(name, title).reason,
            "apart": sorted(claims.apart.get((name, title), ())),
            "decided": claims.cell(name, title).verdict != NOT_APPLICABLE
            and (decided is None or (name, title) in decided),
            "as_claimed": f"{name} / {title}" not in wrong,
        }
        for name in disciplines
        for title in PROPERTIES
    ]
