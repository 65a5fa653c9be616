"""One vocabulary: the specification, the transition system, the traces and the organism agree."""

from __future__ import annotations

import re
from pathlib import Path

import leo
from leo.disciplines import DISCIPLINES as ORGANISM
from leo.disciplines import PUBLISHED as PUBLISHED_PROGRAMS
from leo.units import MEANING, NAMES
from leo.units import PROPERTIES as UNITS
from leo_model.checking.claims import load_claims
from leo_model.checking.table import text
from leo_model.disciplines import DISCIPLINES
from leo_model.files import spec_folder
from leo_model.traces.vocabulary import IDEAL, PUBLISHED, actions, module_texts

TEXTS = {"Field": module_texts(IDEAL), "Published": module_texts(PUBLISHED)}


def test_every_action_is_an_operator_with_that_name() -> None:
    """An action of Next is defined where a reader looks for it."""
    for modules in TEXTS.values():
        for name in actions(modules):
            assert re.search(rf"^{name}\([si]\) +==", modules, re.MULTILINE), name


def test_traces_check_every_action() -> None:
    """The trace specifications have a line for each action."""
    for name, modules in TEXTS.items():
        trace = (spec_folder() / f"Trace{name}.tla").read_text("utf-8")
        assert set(re.findall(r'a = "(\w+)" +-> \w+\(x\)', trace)) == actions(modules)


def test_disciplines_are_the_same_everywhere() -> None:
    """The specification, its Python side, the claims and the organism name the same ones."""
    text = (spec_folder() / "Disciplines.tla").read_text("utf-8")
    listed = set(re.findall(r'"([a-z-]+)"', text[: text.index("ASSUME")]))
    assert (
        set(DISCIPLINES)
        == listed
        == set(ORGANISM | PUBLISHED_PROGRAMS)
        == set(load_claims().actions)
    )


def test_the_seven_answers_are_those_of_the_specification() -> None:
    """Each answer of the Python table, against the set in which the module lists the discipline."""
    text = (spec_folder() / "Disciplines.tla").read_text("utf-8")

    def members(name: str) -> set[str]:
        body = re.search(
            rf"^{name} ==\s*(?:Discipline \\in \{{(.*?)\}}|Discipline = \"([a-z-]+)\")",
            text,
            re.MULTILINE | re.DOTALL,
        )
        assert body is not None, name
        return set(re.findall(r'"([a-z-]+)"', body[1])) if body[1] else {body[2]}

    def cases(name: str) -> dict[str, str]:
        """The answer for each discipline of an operator that is a CASE."""
        body = re.search(rf"^{name} ==\s*CASE (.*?)\n\n", text, re.MULTILINE | re.DOTALL)
        assert body is not None, name
        *listed, other = re.split(r"\[\]", body[1])
        answers = dict.fromkeys(DISCIPLINES, re.findall(r'OTHER\s*-> "(\w+)"', other)[0])
        for case in listed:
            *names, answer = re.findall(r'"([a-z-]+)"', case)
            answers |= dict.fromkeys(names, answer)
        return answers

    rules = DISCIPLINES.values()
    assert {r.name: r.lock for r in rules} == cases("LockKind")
    assert {r.name: r.transaction for r in rules} == cases("Transaction")
    assert 'Shielded == WholeReply /\\ Discipline # "unit-of-work"\n' in text
    assert {r.name for r in rules if r.shielded} == members("WholeReply") - {"unit-of-work"}
    assert {r.name for r in rules if r.threads} == members("Threads")
    assert {r.name for r in rules if r.whole_reply} == members("WholeReply")
    assert {r.name for r in rules if r.detached} == members("Detached")
    assert {r.name for r in rules if r.reentrant} == members("Reentrant")


def test_the_documents_show_the_table_of_the_claims() -> None:
    """The guide to the artifact has all of it; the README has its rows."""
    whole = text(load_claims(), DISCIPLINES)
    root = spec_folder().parent
    assert whole in (root / "ARTIFACT.md").read_text("utf-8")
    assert whole.split("\n\n")[0] in (root / "README.md").read_text("utf-8")


def first_column(table: str) -> list[str]:
    """The first cells of the rows of a table in Markdown, below its heading."""
    return [row.split("|")[1].strip() for row in table.splitlines()[2:] if row.startswith("|")]


def test_the_guide_lists_what_is_judged_of_units() -> None:
    """Properties and anomalies of units are those of the guide, each told in the report, and the
    anomalies are the words of the vectors."""
    guide = (Path(leo.__file__).parent / "units" / "REFERENCE.md").read_text("utf-8")
    tables = [table for table in guide.split("\n\n") if table.startswith("|")]
    assert first_column(tables[0]) == list(UNITS)
    assert set(MEANING) == set(UNITS)
    assert sorted(first_column(tables[1])) == sorted(NAMES)
    vectors = Path(__file__).parent / "leo" / "units" / "isolation" / "README.md"
    assert set(NAMES) <= set(
        re.findall(r"\| ([^|]+) \|$", vectors.read_text("utf-8"), re.MULTILINE)
    )
