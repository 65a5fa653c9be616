"""What an experiment says: figures, tables, and the sentences that a template makes of the figures.

Each experiment has a `report.j2` beside its `report.py`. The module turns rows into a dictionary of
figures; the template has the words, in the blocks title, question, done, answer, findings, limits
and unexpected. The last three are lists: every line that begins with "- " begins an item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


class Estimate(NamedTuple):
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside the interval."""
        return not self.low <= value <= self.high


K = TypeVar("K")
V = TypeVar("V")
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

    def leans_right(self, place: int) -> bool:
        """Whether a column has numbers only."""
        cells = [row[place] for row in self.rows]
        return bool(cells) and not any(isinstance(cell, str) for cell in cells)


@dataclass(frozen=True)
class Summary:
    """`done` says what was measured; `answer` is one paragraph whose first sentence says the most
    important; `findings` are sentences; `unexpected` are findings that should not be (the command
    then ends with exit code 1); `facts` are the figures by name; `limits` say what the result does
    not mean.
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
    text = f"{value:,.{digits}f}".replace("-", "−")
    # Minus zero says nothing that zero does not.
    return text[1:] if text.startswith("−") and not text.strip("−0.,") else text


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """The values of each key, keys and values in the order in which they come."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def chance(p: float) -> str:
    """A p-value for people: a small one is not rounded to zero."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


# How templates write figures, also those of the artifact.
FIGURES: Final[Mapping[str, Callable[..., str]]] = {
    "number": number,
    "chance": chance,
    "form": lambda value, how: format(value, how).replace("-", "−"),
    "count": lambda value: f"{value:,}",
    "percent": lambda value: f"{value:.0%}".replace("-", "−"),
}
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # Markdown and plain sentences: pages and LaTeX escape in their own environments.
    autoescape=False,
)
_ENVIRONMENT.filters |= {**FIGURES, "bar": lambda text: text.replace("|", r"\|")}


def template(name: str) -> Template:
    """A template of this package, by its path below it."""
    return _ENVIRONMENT.get_template(name)


def tell(
    name: str, figures: Mapping[str, Any], tables: Sequence[Table] = (), **more: Any
) -> Summary:
    """The summary that a template makes of figures. `more` is for the sentences only; the figures
    are the facts of the summary too, for those who quote them.
    """
    words = template(name)
    context = words.new_context({**figures, **more})

    def text(block: str) -> str:
        return "".join(words.blocks[block](context)) if block in words.blocks else ""

    def items(block: str) -> tuple[str, ...]:
        found = f"\n{text(block)}".split("\n- ")[1:]
        return tuple(" ".join(item.split()) for item in found)

    def whole(block: str) -> str:
        return " ".join(text(block).split())

    return Summary(
        title=whole("title"),
        question=whole("question"),
        done=whole("done"),
        answer=whole("answer"),
        findings=items("findings"),
        limits=items("limits"),
        unexpected=items("unexpected"),
        tables=tuple(tables),
        facts=figures,
    )


def as_markdown(
    summary: Summary, stamp: Mapping[str, Any], plots: Sequence[tuple[str, str]]
) -> str:
    """The summary as Markdown; `plots` are (file name without ending, caption)."""
    return template("templates/summary.md").render(summary=summary, stamp=stamp, plots=plots)


def as_json(
    summary: Summary, stamp: Mapping[str, Any], plots: Sequence[tuple[str, str]] = ()
) -> str:
    """Everything, unrounded. An estimate is an object with value, low and high.

    Raises ValueError for a figure that JSON does not have, such as an infinite one.
    """
    value = {"stamp": stamp, **vars(summary)}
    value["tables"] = [vars(table) for table in summary.tables]
    value["plots"] = [{"name": name, "caption": caption} for name, caption in plots]
    return json.dumps(_jsonable(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _jsonable(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value._asdict()
    if isinstance(value, Mapping):
        return {name: _jsonable(one) for name, one in value.items()}
    return [_jsonable(one) for one in value] if isinstance(value, (list, tuple)) else value
