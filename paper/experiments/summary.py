"""What an experiment says: findings in words, tables, facts. One table, three formats."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "Cell",
    "Estimate",
    "Summary",
    "Table",
    "as_json",
    "as_latex",
    "as_markdown",
    "chance",
    "markdown_table",
    "number",
]


class Estimate(NamedTuple):
    """A value with its confidence interval."""

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside the interval."""
        return not self.low <= value <= self.high


Cell = str | int | float | Estimate | None


@dataclass(frozen=True)
class Table:
    """A table with a name for references. `digits` are the decimals of its floats; estimates are
    printed with their interval. A cell that is None prints as a dash.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 3


@dataclass(frozen=True)
class Summary:
    """`done` says what was measured; `answer` is one paragraph that answers the question, and its
    first sentence says the most important; `findings` are sentences; `unexpected`
    are findings that should not be (the command then ends with exit code 1); `facts` are figures
    for whoever quotes them, by name; `limits` say what the result does not mean.
    """

    title: str
    question: str
    answer: str
    findings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    done: str = ""


def number(value: Cell, digits: int = 3) -> str:
    """A cell for people."""
    if value is None:
        return "–"
    if isinstance(value, Estimate):
        low, high = number(value.low, digits), number(value.high, digits)
        return f"{number(value.value, digits)} [{low}, {high}]"
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:,.{digits}f}"
    # Minus zero says nothing that zero does not.
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def chance(p: float) -> str:
    """A p-value for people: a small one is not rounded to zero."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def as_markdown(
    summary: Summary, stamp: Mapping[str, Any], plots: Sequence[tuple[str, str]]
) -> str:
    """The summary as Markdown; `plots` are (file name without ending, caption)."""
    out = [f"# {summary.title}", "", f"**Question.** {summary.question}", ""]
    out += [f"**Done.** {summary.done}", ""] if summary.done else []
    out += [f"**Answer.** {summary.answer}", ""]
    out += [f"**Not as expected.** {text}\n" for text in summary.unexpected]
    if summary.findings:
        out += ["## Findings", "", *(f"- {text}" for text in summary.findings), ""]
    for table in summary.tables:
        out += [f"## {table.caption}", "", markdown_table(table), ""]
    for name, caption in plots:
        out += [f"![{caption}]({name}.png)", "", f"*{caption}*", ""]
    if summary.limits:
        out += ["## What this does not mean", "", *(f"- {text}" for text in summary.limits), ""]
    return "\n".join([*out, "## How it was made", "", *stamp_lines(stamp)]) + "\n"


def stamp_lines(stamp: Mapping[str, Any]) -> list[str]:
    """The stamp as a list, for people."""
    config = ", ".join(f"{name} {_plain(value)}" for name, value in stamp["config"].items())
    kept = stamp.get("kept")
    return [
        *([f"- kept on {kept['date']}, from a run on {kept['machine']}"] if kept else []),
        f"- command: `{stamp['command']}`",
        f"- leo-field {stamp['version']}, specification {stamp['spec'][:16]}, "
        f"sources {stamp['sources'][:16]}",
        f"- configuration {stamp['config_hash']}: {config}",
    ]


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value)


def markdown_table(table: Table) -> str:
    """A table in Markdown; columns of numbers lean to the right."""
    right = [_numeric(table, place) for place in range(len(table.columns))]
    lines = [_bar(table.columns), _bar(["--:" if is_number else "---" for is_number in right])]
    lines += [
        _bar([number(cell, table.digits).replace("|", r"\|") for cell in row]) for row in table.rows
    ]
    return "\n".join(lines)


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _numeric(table: Table, place: int) -> bool:
    cells = [row[place] for row in table.rows]
    return bool(cells) and not any(isinstance(cell, str) for cell in cells)


LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "–": "--",
        "—": "---",
        "×": r"$\times$",
        "±": r"$\pm$",
        "→": r"$\rightarrow$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "−": "$-$",
        "…": r"\dots{}",
    }
)


def as_latex(summary: Summary, stamp: Mapping[str, Any]) -> str:
    """The tables as LaTeX fragments. They need the package booktabs."""
    head = [
        f"% {stamp['experiment']}: leo-field {stamp['version']}, spec {stamp['spec'][:16]}, "
        f"seed {stamp['seed']}, config {stamp['config_hash']}",
        "% needs \\usepackage{booktabs}",
    ]
    return "\n".join([*head, *(latex_table(table) for table in summary.tables)]) + "\n"


def latex_table(table: Table) -> str:
    """One table, as a floating `table` with caption and label."""
    sides = "".join("r" if _numeric(table, n) else "l" for n in range(len(table.columns)))
    heads = " & ".join(text.translate(LATEX) for text in table.columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{table.caption.translate(LATEX)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{sides}}}",
        r"\toprule",
        rf"{heads} \\",
        r"\midrule",
    ]
    for row in table.rows:
        cells = " & ".join(number(cell, table.digits).translate(LATEX) for cell in row)
        lines.append(rf"{cells} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def as_json(
    summary: Summary, stamp: Mapping[str, Any], plots: Sequence[tuple[str, str]] = ()
) -> str:
    """Everything, unrounded. An estimate is an object with value, low and high."""
    tables = [
        {
            "name": table.name,
            "caption": table.caption,
            "columns": list(table.columns),
            "digits": table.digits,
            "rows": [[_jsonable(cell) for cell in row] for row in table.rows],
        }
        for table in summary.tables
    ]
    value = {
        "stamp": stamp,
        "title": summary.title,
        "question": summary.question,
        "done": summary.done,
        "answer": summary.answer,
        "findings": list(summary.findings),
        "unexpected": list(summary.unexpected),
        "limits": list(summary.limits),
        "facts": {name: _jsonable(fact) for name, fact in summary.facts.items()},
        "tables": tables,
        "plots": [{"name": name, "caption": caption} for name, caption in plots],
    }
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _jsonable(value: Any) -> Any:
    return value._asdict() if isinstance(value, Estimate) else value
