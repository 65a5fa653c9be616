"""What an author pastes into section 8.6: a paragraph for each subsection, three tables, a listing;
and what becomes of each part that stands there.

The paragraphs are in `templates/section.j2`, the listing is the code of `recommended.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from paper.artifact import recommended
from paper.artifact.results import Json, Results
from paper.artifact.section import SUBSECTIONS, blocks, evidence
from paper.artifact.tex import estimate

# The additions for other sections of the paper.
ADDITIONS: Final[Mapping[str, str]] = {
    "abstract": "Abstract, after the recovery metrics",
    "item": "Section 1.6, item 7",
    "quotes": "Key quotes",
}
ELSEWHERE: Final = "other"
_HINT: Final = re.compile(r"(?<=\w): (?:[A-Z]\w+(?:\[[\w, ]+\])?|str)(?=[,)])| -> \w+(?=:)")
# What stands in the section (all but its headings, which stay), and what to do with it.
THERE: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "8.6.1": (("both paragraphs", "replace by the paragraph"),),
    "8.6.2": (
        ("table of metrics", "replace by the table here"),
        ("conditions, note", "drop: the conditions differed, and the test was carried out"),
    ),
    "8.6.3": (("H1, H2, H3 and the conclusion", "replace by the paragraph; figures go with it"),),
    "8.6.4": (
        ("listing of the synchronous reply()", "keep"),
        ("listing of the asynchronous reply()", "keep; comment it: `isolation, not atomicity`"),
        ("the paragraphs below them", "replace by the paragraph"),
    ),
    "8.6.5": (
        ("crystal, ocean and key finding", "replace by the paragraph and the table here"),
    ),
    "8.6.6": (
        ("listing of the core lock pattern", "replace by the listing here, which a test executes"),
        ("scalability model", "replace by the paragraph"),
        ("migration scope", "keep: a history, of which nothing is claimed here"),
        ("total implementation time", "drop, or keep as a recollection: no record is here"),
    ),
    "8.6.7": (("validation table", "replace by the table here"),),
    "8.6.8": (
        ("the principle, as quoted", "keep, and call it a hypothesis"),
        ("the paragraphs around it", "replace by the paragraph"),
    ),
    "8.6.9": (("the list of four", "replace by the paragraph"),),
    "8.6.10": (("all three paragraphs", "replace by the paragraph"),),
    ELSEWHERE: (
        ("additions for the abstract and 1.6, key quotes", "replace by the additions here"),
        ("review history, consensus",
         "keep, with the version that was reviewed: nobody there has read this revision"),
        ("end mark, signature", "drop"),
    ),
}  # fmt: skip


class Table(NamedTuple):
    """A table to paste. A row of one cell is a heading inside it; a width is a share of the line,
    and 0 what the column needs. Cells are prose.
    """

    label: str
    caption: str
    widths: Sequence[float]
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def revised(results: Results) -> dict[str, Any]:
    """What article and pages say of the section. `sentences`: its evidence. `paragraphs`, `tables`,
    `there`: by the number of a subsection. `abstract`: about 150 words. `additions`: what replaces
    those for other sections, by where they go. `listing`: the recommended class.
    """
    told = blocks("section.j2", results)
    return {
        "sentences": evidence(results),
        "paragraphs": {place: told[f"s{place.replace('.', '_')}"] for place in SUBSECTIONS},
        "tables": tables(results),
        "there": THERE,
        "abstract": told["abstract"],
        "additions": {place: told[f"addition_{name}"] for name, place in ADDITIONS.items()},
        "listing": listing(),
    }


def listing() -> str:
    """The recommended class, without what only a type checker reads."""
    _, start, code = Path(recommended.__file__).read_text("utf-8").partition("class AsyncLeoField")
    return f"import asyncio\n\n\n{_HINT.sub('', start + code)}"


def tables(results: Results) -> dict[str, Table]:
    """The tables of the section, by subsection."""
    found = {"8.6.2": _metrics(results.experiments["published"]["facts"])}
    if "ocean" in results.experiments:
        found["8.6.5"] = _ocean(results.experiments["ocean"]["facts"])
    return found | {"8.6.7": _validation(results)}


def _metrics(facts: Json) -> Table:
    arms = ("sync", "async")
    rows: list[list[str]] = []
    for key, name in (
        ("tokens", "share of tokens, current message:"),
        ("types", "share of distinct words, current message and three before:"),
    ):
        rows.append([name])
        rows += [
            [words, *(estimate(facts["arms"][arm][key][row]) for arm in arms)]
            for row, words in (
                ("mean", "mean over turns"), ("optimal", "share of turns below 0.2"),
                ("worst", "worst turn"), ("best", "best turn"), ("perfect", "turns at 0.000"),
            )
        ]  # fmt: skip
        talks = facts[f"talks_{key}"]
        rows.insert(-4, ["mean over conversations", *(estimate(talks[arm]) for arm in arms)])
    rows.append(["For both:"])
    words, claimed = facts["observer_words"], facts["claimed"]
    rows.append(["words of the observer's message", *(estimate(words[arm], 1) for arm in arms)])
    rows.append(["as first printed", f"{estimate(claimed['sync']['mean'])} (first definition)",
                 f"{estimate(claimed['async']['mean'])} (second, one run)"])  # fmt: skip
    turns = [f"{facts['reproduced'][arm]['printed']} turns" for arm in arms]
    return Table(
        "metrics",
        "The metrics, each definition on both arms, over all published turns. Means and shares "
        "with 95 % intervals over conversations (resampled within an arm).",
        (0, 0, 0), ("", f"synchronous ({turns[0]})", f"asynchronous ({turns[1]})"), rows,
    )  # fmt: skip


def _ocean(facts: Json) -> Table:
    def moved(one: Json) -> str:
        asked = one["less"] + one["more"] + one["undecided"]
        return (
            f"{estimate(one['least'])} to {estimate(one['most'])} "
            f"({one['less']} less, {one['more']} more of {asked})"
        )

    rows = [
        [
            fault,
            *(moved(one) for one in settings.values()),
            estimate(next(iter(settings.values()))["field"]),
        ]
        for fault, settings in facts["verdicts"].items()
    ]
    return Table(
        "ocean",
        "The ocean: total variation by which one struck observation moves the contexts that it "
        "touches, in three small transformers (least to most) and in the field; in brackets, "
        "comparisons in which a transformer is moved reliably less than the field, or more.",
        (0, 0, 0, 0), ("observation", "one step each", "steps matched to the field", "field"), rows,
    )  # fmt: skip


def _validation(results: Results) -> Table:
    """Table 8.6.7, filled in: check, status, note."""
    told = {s.name: (truth, text) for s, truth, _, text in evidence(results)}
    checks = {
        "controlled": "Controlled comparison", "reproduced": "Reproducibility",
        "integrity": "Field integrity", "isolation-test": "Lock isolation test",
        "long-term": "Long-term stability", "concurrent": "Concurrent sessions",
    }  # fmt: skip
    return Table(
        "validation",
        "The validation table, filled in.",
        (0.2, 0.17, 0.55),
        ("check", "status", "notes"),
        [[title, *told[name]] for name, title in checks.items()],
    )
