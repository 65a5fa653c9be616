"""`build/site`: pages that work from the file system, without a network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import latex2mathml.converter
from jinja2 import PackageLoader

from leo_model.checking.table import SIGNS
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.properties import PROPERTIES
from paper.artifact.folder import made_anew
from paper.artifact.formulas import paragraphs
from paper.artifact.glossary import GLOSSARY, PROPERTIES_IN_WORDS
from paper.artifact.results import Json, Results
from paper.artifact.section import evidence
from paper.artifact.stories import INSTEAD, elsewhere, story
from paper.artifact.tex import html_environment

__all__ = ["make_site"]

ASSETS = ("style.css", "stepper.js")
WORDS = {
    "holds": "holds, with all faults that can strike (freedom from deadlock: without any)",
    "falls": "falls: there is a counterexample",
    "falls-with-faults": "holds without faults and falls with them: there is a counterexample",
    "needs-strong-fairness": "holds only if whoever waits is lucky now and then (strong fairness)",
    "not-applicable": "does not apply",
}


def make_site(results: Results, build: Path, out: Path) -> list[Path]:
    """Write the pages below `out`, in the place of the pages made there before, and return them.

    Raises ArtifactError when `out` holds files of somebody else.
    """
    with made_anew(out):
        return _write(results, build, out)


def _write(results: Results, build: Path, out: Path) -> list[Path]:
    environment = html_environment()
    environment.filters["math"] = latex2mathml.converter.convert
    environment.globals.update(
        stamp=results.stamp,
        disciplines=DISCIPLINES,
        properties=PROPERTIES,
        short={title: about.short for title, about in PROPERTIES.items()},
        signs=SIGNS,
        words=WORDS,
        in_words=PROPERTIES_IN_WORDS,
    )
    files: list[Path] = []

    def page(name: str, template: str, **values: Any) -> None:
        text = environment.get_template(template).render(page=name, **values)
        (out / name).write_text(text, "utf-8")
        files.append(out / name)

    loader = PackageLoader("paper.artifact")
    for asset in ASSETS:
        (out / asset).write_text(loader.get_source(environment, asset)[0], "utf-8")
        files.append(out / asset)
    found = {(c["discipline"], c["property"]): c for c in results.counterexamples}
    page("index.html", "index.html", cells=_cells(results), numbers=results.numbers)
    for (discipline, title), counterexample in found.items():
        page(_name(discipline, title), "story.html", **_told(counterexample, results))
    page("evidence.html", "evidence.html", cells=_evidence(results))
    page("theorems.html", "theorems.html", theorems=[_theorem(t) for t in results.theorems])
    page("experiments.html", "experiments.html", experiments=_experiments(results, build, out))
    page(
        "section.html",
        "section.html",
        rows=evidence(results),
    )
    page("traces.html", "traces.html", traces=results.traces)
    page("words.html", "words.html", glossary=GLOSSARY)
    page("guide.html", "guide.html")
    return files


def _name(discipline: str, title: str) -> str:
    return f"{discipline}.{title}.html"


def _cells(results: Results) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """For every cell its sign, its words, and the page with its evidence."""
    fallen = {(c["discipline"], c["property"]) for c in results.counterexamples}
    cells = {}
    for claim in results.claims:
        key = (claim["discipline"], claim["property"])
        cells[key] = {
            "verdict": claim["verdict"],
            "sign": SIGNS[claim["verdict"]],
            "link": _name(*key) if key in fallen else f"evidence.html#{key[0]}.{key[1]}",
        }
    return cells


def _told(counterexample: Json, results: Results) -> dict[str, Any]:
    """A counterexample's page: its frames, and the same wishes under two other disciplines."""
    told = story(counterexample)
    others = []
    if counterexample["turns"]:
        others = [
            elsewhere(counterexample, name)
            for name in INSTEAD
            if name != counterexample["discipline"]
        ]
    key = f"{counterexample['discipline']} / {counterexample['property']}"
    return {
        "told": told,
        "others": others,
        "replayed": results.replayed.get(key, ""),
        "data": json.dumps([told, *others], ensure_ascii=False).replace("<", "\\u003c"),
    }


def _evidence(results: Results) -> list[dict[str, Any]]:
    """For every cell without a counterexample: the searches that checked the property, the theorem
    about that discipline, the reason.
    """
    fallen = {(c["discipline"], c["property"]) for c in results.counterexamples}
    out = []
    for claim in results.claims:
        key = (claim["discipline"], claim["property"])
        if key in fallen:
            continue
        runs = {
            name: run
            for name, run in results.runs.items()
            if name.startswith(f"{key[0]}.") and key[1] in run["titles"]
        }
        out.append(
            {
                "discipline": key[0],
                "property": key[1],
                "verdict": claim["verdict"],
                "reason": claim["reason"],
                "runs": runs,
                "theorems": _proved(results, *key),
            }
        )
    return out


def _proved(results: Results, discipline: str, title: str) -> list[dict[str, Any]]:
    """The theorems about a cell, each with what it says of faults."""
    return [
        {"number": theorem["number"], "faults": any(cell["faults"] for cell in cells)}
        for theorem in results.theorems
        if (
            cells := [
                cell
                for cell in theorem["cells"]
                if (cell["discipline"], cell["property"]) == (discipline, title)
            ]
        )
    ]


def _theorem(theorem: Json) -> dict[str, Any]:
    return {
        **theorem,
        "statement": paragraphs(theorem["latex"]),
        "sketch": paragraphs(theorem["sketch"]),
    }


def _experiments(results: Results, build: Path, out: Path) -> list[dict[str, Any]]:
    """The summaries, with their plots copied beside the pages."""
    shown = []
    for name, summary in results.experiments.items():
        plots = []
        for plot, caption in results.plots[name]:
            copy = out / f"{name}.{plot}.svg"
            shutil.copy(build / "experiments" / name / f"{plot}.svg", copy)
            plots.append({"file": copy.name, "caption": caption})
        shown.append({**summary, "name": name, "plots": plots})
    return shown
