"""`build/paper`: the revised section, LaTeX fragments, figures, the typeset specification, and an
article that has all of it. The words are in `templates/*.tex`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from leo_model.disciplines import DISCIPLINES
from paper.artifact import section
from paper.artifact.figure import draw
from paper.artifact.folder import MADE, made_anew
from paper.artifact.glossary import GLOSSARY, PROPERTIES_IN_WORDS
from paper.artifact.plots import orders
from paper.artifact.results import Json, Results
from paper.artifact.stories import story
from paper.artifact.tex import Tex, escape, tex_environment
from paper.artifact.typeset import typeset

Done = Callable[[str], None]
PARTS = {
    "section": "The section, revised",
    "sentences": "The section, sentence by sentence",
    "claims": "Verdicts",
    "counterexamples": "Counterexamples",
    "theorems": "Theorems",
    "experiments": "Experiments",
    "glossary": "Words",
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


def make_paper(
    results: Results, build: Path, out: Path, done: Done, *, modules: bool = True
) -> list[Path]:
    """Write the paper's files below `out` and return them; `done` hears the name of each part.

    With `modules` the specification is typeset, for which a LaTeX is needed.

    Raises ArtifactError when the specification cannot be typeset (no LaTeX on this machine), or
    when `out` holds files of somebody else.
    """
    with made_anew(out):
        figures = out / "figures"
        figures.mkdir(exist_ok=True)
        values = {
            "results": results,
            "numbers": results.numbers,
            "subsections": section.SUBSECTIONS,
            **section.revised(results),
            "validation": section.validation(results),
            "published": results.experiments["published"]["facts"],
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
        }
        parts = dict(PARTS)
        if modules:
            values["modules"] = Tex(typeset(out, done))
            parts["specification"] = "Specification"
        files = [path for path in out.rglob("*") if path.is_file() and path.name != MADE]
        environment = tex_environment()
        environment.globals |= {"stamp": results.stamp, "parts": parts}

        def write(name: str, template: str, **more: Any) -> None:
            path = out / f"{name}.tex"
            path.write_text(environment.get_template(template).render(**values, **more), "utf-8")
            files.append(path)

        for part in parts:
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
