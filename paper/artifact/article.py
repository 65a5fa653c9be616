"""`build/paper`: the revised section, LaTeX fragments, figures, the modules of the specification,
and an article that has all of it. The words are in `templates/*.tex`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from leo_model.disciplines import DISCIPLINES
from leo_model.files import spec_folder
from paper.artifact.figure import draw
from paper.artifact.folder import MADE, made_anew
from paper.artifact.glossary import GLOSSARY, PROPERTIES_IN_WORDS
from paper.artifact.plots import orders
from paper.artifact.results import Json, Results
from paper.artifact.revision import revised
from paper.artifact.section import SUBSECTIONS
from paper.artifact.stories import story
from paper.artifact.tex import escape, tex_environment

Done = Callable[[str], None]
PARTS = {
    "section": "The section, revised",
    "sentences": "The section, sentence by sentence",
    "claims": "Verdicts",
    "counterexamples": "Counterexamples",
    "theorems": "Theorems",
    "experiments": "Experiments",
    "glossary": "Words",
    "specification": "Specification",
}
# What the argument rests on, in the order in which it is read, and what each is about.
MODULES = {
    "Disciplines": "the rules of each discipline",
    "Dsg": "the direct serialization graph",
    "History": "what properties look at",
    "Lifecycle": "how a reply begins and ends, with every fault",
    "StepCommit": "each write committed by itself",
    "UnitOfWork": "all writes of a reply in one transaction",
    "Field": "the specification of D0 to D13",
    "Published": "the specification of P1 to P3",
    "AtomicReply": "a whole reply as one step",
    "Properties": "what is asked",
    "Theorems": "what is proved for any number of sessions",
}
# The theorems that the revised section states.
STATED = ("Lock no-op", "Serializable", "Refines", "One stale observation")
# The counterexamples that the article shows, of those that the results have: two short ones, which
# fit on a page, then long ones. All of them are in figures/.
SHOWN = (
    ("asyncio-lock", "AllOrNothing"), ("published-december", "AllOrNothing"),
    ("bare", "Serializable"), ("unit-of-work", "Serializable"),
    ("shared-store-unit-of-work", "Serializable"), ("published-february", "Serializable"),
)  # fmt: skip


def make_paper(results: Results, build: Path, out: Path, done: Done) -> list[Path]:
    """Write the paper's files below `out` and return them; `done` hears the name of each part.

    Raises ArtifactError when `out` holds files of somebody else.
    """
    with made_anew(out):
        figures, modules = out / "figures", out / "modules"
        figures.mkdir(exist_ok=True)
        modules.mkdir(exist_ok=True)
        for module in MODULES:
            shutil.copy(spec_folder() / f"{module}.tla", modules)
        values = {
            "results": results,
            "numbers": results.numbers,
            "subsections": SUBSECTIONS,
            **revised(results),
            "stated": [
                {**t, "statement": _statement(t)} for t in results.theorems if t["title"] in STATED
            ],
            "disciplines": {
                name: rules.number for name, rules in DISCIPLINES.items() if results.has(name)
            },
            "verdicts": {(c["discipline"], c["property"]): c["verdict"] for c in results.claims},
            "properties": PROPERTIES_IN_WORDS,
            "shown": _counterexamples(results, figures, done),
            "experiments": _experiments(results, build, figures, done),
            "orders": orders(results, figures),
            "glossary": GLOSSARY,
            "modules": MODULES,
        }
        files = [path for path in out.rglob("*") if path.is_file() and path.name != MADE]
        environment = tex_environment()
        environment.globals |= {"stamp": results.stamp, "parts": PARTS}

        def write(name: str, template: str, **more: Any) -> None:
            path = out / f"{name}.tex"
            path.write_text(environment.get_template(template).render(**values, **more), "utf-8")
            files.append(path)

        for part in PARTS:
            write(part, "fragment.tex", body=f"{part}.tex")
        for name in ("preamble", "numbers", "article"):
            write(name, f"{name}.tex")
    return files


def _statement(theorem: Json) -> str:
    """A theorem as LaTeX; one on disciplines names them, because a number alone says nothing."""
    faulty, quiet = (
        [c["discipline"] for c in theorem["cells"] if c["faults"] == faults]
        for faults in (True, False)
    )
    if not theorem["cells"]:
        return str(theorem["latex"])
    said = theorem["claim"].partition(" Any number of")[0]
    parts = [f"with all faults under {_listed(faulty)}"] if faulty else []
    parts += [f"without faults under {_listed(quiet)}"] if quiet else []
    return f"{escape(said)} For any number of sessions and calls: {', and '.join(parts)}."


def _listed(disciplines: Sequence[str]) -> str:
    """Disciplines in the order of the table; the sequential one is that of a single session."""
    named = [name for name in DISCIPLINES if name in disciplines]
    return ", ".join(rf"\texttt{{{name}}} ({DISCIPLINES[name].number})" for name in named)


def _counterexamples(results: Results, figures: Path, done: Done) -> list[Json]:
    """Draw every counterexample twice, and return those that the article shows."""
    shown = {}
    for found in results.counterexamples:
        told = story(found)
        name = f"{found['discipline']}.{found['property']}"
        for kind in ("pdf", "svg"):
            (figures / f"{name}.{kind}").write_bytes(draw(told, kind))
        done(name)
        shown[found["discipline"], found["property"]] = found
    return [shown[key] for key in SHOWN if key in shown]


def _experiments(results: Results, build: Path, figures: Path, done: Done) -> list[dict[str, Any]]:
    """The summaries with their names and plots, which are copied beside the LaTeX."""
    for name in results.experiments:
        for plot in results.experiments[name]["plots"]:
            for ending in ("pdf", "svg"):
                source = build / "experiments" / name / f"{plot['name']}.{ending}"
                (figures / f"{name}.{source.name}").write_bytes(source.read_bytes())
        done(name)
    return [{**s, "name": name} for name, s in results.experiments.items()]
