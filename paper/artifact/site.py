"""`build/site`: pages that work from the file system, without a network, and without a script."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment

from leo_model.disciplines import DISCIPLINES
from leo_model.machine.properties import PROPERTIES
from paper.artifact.folder import made_anew
from paper.artifact.formulas import paragraphs as formulas
from paper.artifact.glossary import GLOSSARY, MORE_IN_WORDS, PROPERTIES_IN_WORDS
from paper.artifact.results import Json, Results
from paper.artifact.revision import revised
from paper.artifact.section import SUBSECTIONS, kind
from paper.artifact.stories import INSTEAD, cancelled_after, dependencies, elsewhere, story
from paper.artifact.tex import html_environment

ASSETS = ("style.css", "stepper.js", "search.js")


class Verdict(NamedTuple):
    """How a verdict is shown: a sign, a short word for a cell, and what it means."""

    sign: str
    word: str
    meaning: str


VERDICTS = {
    "holds": Verdict("✓", "holds", "holds in every state reached within its bound, with all faults "
                     "that can strike (freedom from deadlock, and sequential: without faults)"),
    "falls": Verdict("✗", "falls", "falls without any fault; a counterexample can be stepped "
                     "through"),
    "falls-with-faults": Verdict("⚡", "faults", "holds without faults and falls with one, such "
                                 "as a cancellation; a counterexample can be stepped through"),
    "needs-strong-fairness": Verdict("≈", "fair", "holds only under strong fairness: a waiting "
                                     "session has to be lucky now and then"),
    "not-applicable": Verdict("–", "n/a", "does not apply: the question makes no sense there"),
}  # fmt: skip
# The rows and columns of the small table of the start page.
SHOWN = {
    "published-february": "a later program, of 2026", "bare": "asyncio without a lock",
    "gil": "threads without a lock", "asyncio-lock": "the lock of the paper",
    "unit-of-work": "one transaction", "shielded-unit-of-work": "one transaction, shielded",
}  # fmt: skip
ASKED = ("Serializable", "AllOrNothing", "ViewAgreesWithStore", "Refines")
# The counterexample that the start page tells.
OPENING = ("asyncio-lock", "AllOrNothing")
# Steps of the start page in words, by their note where that says more than the action.
STEPS = {
    "Call": "calls reply()", "Acquire": "takes the lock", "Recall": "recalls what was said before",
    "Ingest": "writes its observation to the store", "Begin": "begins a transaction",
    "buffers its n-grams": "buffers its observation", "Generate": "generates",
    "buffers its snapshot": "buffers its snapshot", "Commit": "commits both",
    "SwapView": "exchanges the view: the cancellation waits for it",
    "CancelApplied": "is cancelled, and the lock is free again",
}  # fmt: skip


def make_site(results: Results, build: Path, out: Path) -> list[Path]:
    """Write the pages below `out`, in the place of the pages made there before, and return them.

    Raises ArtifactError when `out` holds files of somebody else.
    """
    with made_anew(out):
        environment = html_environment()
        rows = [name for name in DISCIPLINES if results.has(name)]
        environment.globals |= {
            "stamp": results.stamp,
            "numbers": results.numbers,
            "disciplines": {name: DISCIPLINES[name] for name in rows},
            "properties": list(PROPERTIES),
            "verdicts": VERDICTS,
            "in_words": PROPERTIES_IN_WORDS | MORE_IN_WORDS,
            "standard": {title: about.standard for title, about in PROPERTIES.items()},
            "subsections": SUBSECTIONS,
            "cells": _cells(results),
            "kind": kind,
            "traced": bool(results.traces),
        }
        return _write(environment, results, build, out)


def _write(environment: Environment, results: Results, build: Path, out: Path) -> list[Path]:
    pages: dict[str, str] = {}

    def page(name: str, template: str, **values: Any) -> None:
        pages[name] = environment.get_template(template).render(page=name, **values)

    found = {(c["discipline"], c["property"]): c for c in results.counterexamples}
    section = revised(results)
    page("index.html", "index.html", opening=_opening(found.get(OPENING)), shown=SHOWN,
         asked=ASKED, steps=STEPS, **section)  # fmt: skip
    page("verdicts.html", "verdicts.html", opening=found.get(OPENING))
    page("section.html", "section.html", **section)
    for (discipline, title), counterexample in found.items():
        page(f"{discipline}.{title}.html", "story.html", **_told(counterexample, results))
    page("evidence.html", "evidence.html", kept=_evidence(results))
    page("theorems.html", "theorems.html", theorems=[
        {**t, "statement": formulas(t["latex"]), "sketch": formulas(t["sketch"]),
         "decides": dict.fromkeys((c["discipline"], c["property"]) for c in t["cells"])}
        for t in results.theorems
    ])  # fmt: skip
    page("experiments.html", "experiments.html", experiments=_experiments(results, build, out),
         missing=results.missing)  # fmt: skip
    if results.traces:
        page("traces.html", "traces.html", traces=results.traces)
    page("words.html", "words.html", glossary=GLOSSARY)
    page("guide.html", "guide.html")
    page("search.html", "search.html", entries=_entries(pages))
    for asset in ASSETS:
        loader = environment.loader
        assert loader is not None, "an environment of templates"
        pages[asset] = loader.get_source(environment, asset)[0]
    for name, text in pages.items():
        (out / name).write_text(text, "utf-8")
    return [out / name for name in pages]


def _cells(results: Results) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """For every cell its verdict, and the page with its evidence."""
    fallen = {(c["discipline"], c["property"]) for c in results.counterexamples}
    cells = {}
    for claim in results.claims:
        key = (claim["discipline"], claim["property"])
        cells[key] = {
            "verdict": claim["verdict"],
            "reason": claim["reason"],
            "link": f"{'.'.join(key)}.html" if key in fallen else f"evidence.html#{key[0]}",
        }
    return cells


def _opening(found: Json | None) -> list[dict[str, Any]]:
    """The two stories of the start page: the lock, and a unit of work whose caller cancels at its
    worst moment.
    """
    if found is None:
        return []
    told = [story(found), cancelled_after(INSTEAD[-1], OPENING[1], "Commit")]
    names = ("an asyncio.Lock", "one shielded transaction")
    return [{**one, "name": name} for one, name in zip(told, names, strict=True)]


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
    stories = [{**one, "edges": dependencies(one)} for one in (told, *others)]
    key = f"{counterexample['discipline']} / {counterexample['property']}"
    return {
        "told": told,
        "others": others,
        "replayed": results.replayed.get(key, ""),
        "data": json.dumps(stories, ensure_ascii=False).replace("<", "\\u003c"),
    }


def _evidence(results: Results) -> dict[str, Any]:
    """For every discipline its searches, once, and the properties that do not fall, each with the
    theorems about it and the numbers of the searches that looked for it.
    """
    out = {}
    for discipline in (name for name in DISCIPLINES if results.has(name)):
        runs = {n: run for n, run in results.runs.items() if n.startswith(f"{discipline}.")}
        searches = {
            name: run for name, run in runs.items() if ".holds." in name or ".progress." in name
        }
        rows = []
        for claim in results.claims:
            title = claim["property"]
            if claim["discipline"] != discipline or results.steps(discipline, title):
                continue
            rows.append(
                {
                    **claim,
                    "searches": [
                        number
                        for number, run in enumerate(searches.values(), 1)
                        if title in run["titles"]
                    ],
                    "theorems": _proved(results, discipline, title),
                }
            )
        out[discipline] = {"searches": searches, "rows": rows}
    return out


def _proved(results: Results, discipline: str, title: str) -> list[dict[str, Any]]:
    """The theorems about a cell, each with what it says of faults."""
    found: dict[int, bool] = {}
    for theorem in results.theorems:
        for cell in theorem["cells"]:
            if (cell["discipline"], cell["property"]) == (discipline, title):
                found[theorem["number"]] = found.get(theorem["number"], False) or cell["faults"]
    return [{"number": number, "faults": faults} for number, faults in found.items()]


def _experiments(results: Results, build: Path, out: Path) -> list[dict[str, Any]]:
    """The summaries, with their plots copied beside the pages."""
    shown = []
    for name, summary in results.experiments.items():
        plots = []
        for plot in summary["plots"]:
            copy = out / f"{name}.{plot['name']}.svg"
            shutil.copy(build / "experiments" / name / f"{plot['name']}.svg", copy)
            plots.append({"file": copy.name, "caption": plot["caption"]})
        shown.append({**summary, "name": name, "plots": plots})
    return shown


def _entries(pages: Mapping[str, str]) -> str:
    """What the search looks through, as JSON: every section of every page with an anchor, and every
    page's beginning: where it is, its heading, its words.
    """
    found = []
    for name, text in pages.items():
        body = text.partition("<main")[2].partition(">")[2].partition("</main>")[0]
        body = re.sub(r"<(script|svg|math|noscript)\b.*?</\1>", " ", body, flags=re.DOTALL)
        parts = re.split(r'<(?:section|article|dt)[^>]*\bid="([^"]+)"[^>]*>', body)
        places = ["", *(f"#{anchor}" for anchor in parts[1::2])]
        for place, part in zip(places, [parts[0], *parts[2::2]], strict=True):
            # The part of a word begins inside its <dt>.
            heading = re.match(r"([^<]+)(?:<small>[^<]*</small>)?</dt>", part) or re.search(
                r"<h[123]\b[^>]*>(.*?)</h[123]>", part, re.DOTALL
            )
            words = _plain(part)
            found.append([name + place, _plain(heading[1]) if heading else words[:60], words[:600]])
    return json.dumps(found, ensure_ascii=False).replace("<", "\\u003c")


def _plain(text: str) -> str:
    """The words of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())
