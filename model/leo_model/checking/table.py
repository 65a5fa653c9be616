"""The table of verdicts, generated from the claims: terminal, Markdown, LaTeX (booktabs), JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

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

SIGNS = {
    HOLDS: "✓",
    FALLS: "✗",
    FALLS_WITH_FAULTS: "✗f",
    NEEDS_STRONG_FAIRNESS: "sf",
    NOT_APPLICABLE: "–",
}
LATEX = {
    HOLDS: r"\checkmark",
    FALLS: r"$\times$",
    FALLS_WITH_FAULTS: r"$\times_{f}$",
    NEEDS_STRONG_FAIRNESS: r"\textsf{sf}",
    NOT_APPLICABLE: "--",
}
SHORT = {
    "MutualExclusion": "Mut",
    "Serializable": "Ser",
    "StableRead": "Sta",
    "ViewNotTorn": "Tor",
    "ReadsOwnObservation": "Own",
    "SnapshotProvenance": "Pro",
    "AllOrNothing": "AoN",
    "Durable": "Dur",
    "ViewAgreesWithStore": "Vie",
    "DeadlockFree": "Dea",
    "Answered": "Ans",
    "NoOvertaking": "NoO",
    "Refines": "Ref",
}
LEGEND = (
    "✓ holds, faults on   ✗ falls   ✗f falls only with faults\n"
    "sf holds only under strong fairness   – does not apply\n"
    "DeadlockFree is asked without faults (one may free who waits), sequential too"
)


def rows(claims: Claims, disciplines: Iterable[str]) -> list[tuple[str, str, list[str]]]:
    """Return (number, discipline, verdicts in the order of PROPERTIES)."""
    return [
        (DISCIPLINES[d].number, d, [claims.cell(d, title).verdict for title in PROPERTIES])
        for d in disciplines
    ]


def text(
    claims: Claims,
    disciplines: Iterable[str],
    wrong: frozenset[str] = frozenset(),
    replayed: Mapping[str, bool] | None = None,
) -> str:
    """Return the table for 80 columns; a cell that is not as claimed is marked ``!``.

    With ``replayed`` (by ``discipline / property``) a last column, past the 80, says how many of
    the counterexamples the organism has followed.
    """
    names = list(disciplines)
    width = 24
    columns = [SHORT[title] for title in PROPERTIES] + (["Replayed"] if replayed else [])
    out = [" " * (width + 4) + "".join(f"{column:<4}" for column in columns).rstrip()]
    for number, name, verdicts in rows(claims, names):
        cells = "".join(
            f"{SIGNS[verdict] + ('!' if f'{name} / {title}' in wrong else ''):<4}"
            for title, verdict in zip(PROPERTIES, verdicts, strict=True)
        )
        column = replayed_column(claims, name, replayed) if replayed else ""
        out.append(f"{number:<4}{_fit(name, width)}{cells}{column}".rstrip())
    return "\n".join(out) + "\n\n" + LEGEND + "\n"


def replayed_column(claims: Claims, discipline: str, replayed: Mapping[str, bool]) -> str:
    """Say how many of a discipline's counterexamples the organism has followed, of how many."""
    falling = claims.titles(discipline, FALLS, FALLS_WITH_FAULTS, NEEDS_STRONG_FAIRNESS)
    followed = sum(replayed.get(f"{discipline} / {title}", False) for title in falling)
    return f"{followed}/{len(falling)}" if falling else "–"


def _fit(name: str, width: int) -> str:
    short = name if len(name) < width else name.replace("unit-of-work", "uow")
    short = short.replace("threading-lock-in-async", "thr-lock-in-async")
    short = short.replace("december-refresh", "dec-refresh")
    return f"{short[: width - 1]:<{width}}"


def markdown(claims: Claims, disciplines: Iterable[str]) -> str:
    """Return the table in Markdown, with the reasons of what does not apply below it."""
    names = list(disciplines)
    out = [
        "| | discipline | " + " | ".join(PROPERTIES) + " |",
        "|---|---|" + ":-:|" * len(PROPERTIES),
    ]
    for number, name, verdicts in rows(claims, names):
        signs = " | ".join(SIGNS[verdict] for verdict in verdicts)
        out.append(f"| {number} | `{name}` | {signs} |")
    return "\n".join([*out, "", LEGEND.replace("\n", "   "), "", *reasons(claims, names)]) + "\n"


def reasons(claims: Claims, disciplines: Iterable[str]) -> list[str]:
    """Say why the properties that do not apply do not: one line for each reason."""
    found: dict[str, list[str]] = {}
    for name in disciplines:
        for title in PROPERTIES:
            claim = claims.cell(name, title)
            if claim.verdict == NOT_APPLICABLE:
                found.setdefault(claim.reason, []).append(f"{name} / {title}")
    return [f"- {', '.join(cells)}: {reason}." for reason, cells in found.items()]


def latex(claims: Claims, disciplines: Iterable[str]) -> str:
    """Return a ``tabular`` that needs the packages booktabs, amssymb and rotating."""
    heads = " & ".join(rf"\rotatebox{{90}}{{{title}}}" for title in PROPERTIES)
    out = [
        rf"\begin{{tabular}}{{ll{'c' * len(PROPERTIES)}}}",
        r"\toprule",
        rf" & discipline & {heads} \\",
        r"\midrule",
    ]
    for number, name, verdicts in rows(claims, disciplines):
        signs = " & ".join(LATEX[verdict] for verdict in verdicts)
        out.append(rf"{number} & \texttt{{{name}}} & {signs} \\")
    return "\n".join([*out, r"\bottomrule", r"\end{tabular}"]) + "\n"


def as_json(claims: Claims, disciplines: Iterable[str]) -> str:
    """Return the cells as JSON, with reasons."""
    cells = [
        {
            "discipline": name,
            "property": title,
            "verdict": claims.cell(name, title).verdict,
            "reason": claims.cell(name, title).reason,
        }
        for name in disciplines
        for title in PROPERTIES
    ]
    return json.dumps(cells, indent=1, ensure_ascii=False) + "\n"


FORMATS = {"text": text, "markdown": markdown, "latex": latex, "json": as_json}
