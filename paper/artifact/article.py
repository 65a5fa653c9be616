"""`build/paper`: LaTeX fragments, figures, the typeset specification, an article that has all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from leo_model.disciplines import DISCIPLINES
from leo_model.machine.properties import PROPERTIES
from paper.artifact.benches import measured
from paper.artifact.figure import draw
from paper.artifact.folder import made_anew
from paper.artifact.glossary import GLOSSARY, PROPERTIES_IN_WORDS
from paper.artifact.results import Json, Results
from paper.artifact.sentences import SENTENCES
from paper.artifact.stories import story
from paper.artifact.tex import PREAMBLE, code, escape, fragment, long_table, picture
from paper.artifact.typeset import typeset
from paper.experiments.summary import Estimate, Table, latex_table

__all__ = ["make_paper"]

Done = Callable[[str], None]


def make_paper(
    results: Results, build: Path, out: Path, done: Done, *, modules: bool = True
) -> list[Path]:
    """Write the paper's files below `out` and return them; `done` hears the name of each part.

    With `modules` the specification is typeset, for which a LaTeX is needed.

    Raises ArtifactError when the specification cannot be typeset (no LaTeX on this machine), or
    when `out` holds files of somebody else.
    """
    with made_anew(out):
        return _write(results, build, out, done, modules=modules)


def _write(results: Results, build: Path, out: Path, done: Done, *, modules: bool) -> list[Path]:
    (out / "figures").mkdir(exist_ok=True)
    files: list[Path] = []

    def write(name: str, data: str | bytes) -> None:
        path = out / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        files.append(path)

    parts = {
        "claims": claims(results),
        "counterexamples": _figures(results, write, done),
        "theorems": _theorems(results),
        "sentences": _sentences(results),
        "experiments": _experiments(results, build, write, done),
        "measured": measured(results, out / "figures"),
        "glossary": _glossary(),
    }
    for name, body in parts.items():
        write(f"{name}.tex", fragment(body, results.stamp))
    if modules:
        parts["specification"] = typeset(out, done)
        write("specification.tex", fragment(parts["specification"], results.stamp))
    write("preamble.tex", PREAMBLE)
    write("numbers.tex", _numbers(results))
    write("article.tex", _article([*parts], results))
    return files


def claims(results: Results) -> str:
    """The table of verdicts, with what its signs and its columns mean."""
    verdicts = {(c["discipline"], c["property"]): c["verdict"] for c in results.claims}
    environment = Environment(
        loader=PackageLoader("paper.artifact"), undefined=StrictUndefined, trim_blocks=True
    )
    table = environment.get_template("claims.tex").render(
        disciplines=DISCIPLINES, properties=PROPERTIES, verdicts=verdicts
    )
    searches = len(results.runs)
    states = sum(run["distinct"] or 0 for run in results.runs.values())
    words = "; ".join(
        rf"\emph{{{title}}}: {escape(PROPERTIES_IN_WORDS[title])}" for title in PROPERTIES
    )
    return (
        "\\begin{table}\n\\centering\\footnotesize\n"
        f"\\caption{{What each discipline keeps: {searches} searches over {states:,} states. "
        "\\checkmark{} holds with all faults (freedom from deadlock, and sequential: without); "
        "$\\times$ falls; $\\times_f$ falls only with faults; "
        "sf: only under strong fairness; --: does not apply.}\n\\label{tab:claims}\n"
        f"{table}\n\\end{{table}}\n\n\\noindent {words}.\n"
    )


def _figures(results: Results, write: Callable[[str, str | bytes], None], done: Done) -> str:
    """Draw every counterexample twice, and show the most telling one of each discipline."""
    shown: dict[str, Json] = {}
    for found in results.counterexamples:
        told = story(found)
        name = f"figures/{found['discipline']}.{found['property']}"
        for kind in ("pdf", "svg"):
            write(f"{name}.{kind}", draw(told, kind))
        done(name)
        so_far = shown.get(found["discipline"])
        if so_far is None or _telling(found) < _telling(so_far):
            shown[found["discipline"]] = found
    parts = [
        picture(
            f"figures/{found['discipline']}.{found['property']}.pdf",
            f"{code(discipline)} loses {escape(found['property'])}: a shortest behaviour.",
        )
        for discipline, found in shown.items()
    ]
    return "\n".join(parts) + "\n\\clearpage\n"


def _telling(found: Json) -> tuple[int, int]:
    """First what the paper is about, then what is short."""
    first = ("Serializable", "AllOrNothing", "ViewAgreesWithStore", "DeadlockFree", "Answered")
    title = found["property"]
    return first.index(title) if title in first else len(first), len(found["schedule"])


def _theorems(results: Results) -> str:
    parts = []
    for t in results.theorems:
        inside = f" ({escape(t['fragment'])})" if t["fragment"] else ""
        parts.append(
            f"\\begin{{theorem}}[{escape(t['title'])}]\\label{{thm:leo-{t['number']}}}\n"
            f"{t['latex']}\n\\end{{theorem}}\n\\begin{{proof}}[Proof sketch]\n{t['sketch']} "
            f"Machine-checked by {escape(t['tool'])}: {t['obligations']} obligations{inside}; "
            f"the mutant ({escape(t['mutant'])}) does not prove.\n\\end{{proof}}\n"
        )
    return "\n".join(parts)


def _sentences(results: Results) -> str:
    rows = [
        (
            escape(s.place),
            escape(s.claim),
            escape(s.verdict(results)),
            f"{escape(s.evidence(results))} ({code(s.command)})",
        )
        for s in SENTENCES
    ]
    heads = ("section", "what it says", "verdict", "evidence (command)")
    return (
        "\\footnotesize\n"
        + long_table(heads, (".09", ".23", ".12", ".48"), rows)
        + "\\normalsize\n"
    )


def _experiments(
    results: Results, build: Path, write: Callable[[str, str | bytes], None], done: Done
) -> str:
    parts = []
    for name, summary in results.experiments.items():
        parts.append(f"\\section*{{{escape(summary['title'])}}}\n{escape(summary['answer'])}\n")
        parts += [latex_table(table(data)) for data in summary["tables"]]
        for plot, caption in results.plots[name]:
            for ending in ("png", "svg"):
                source = build / "experiments" / name / f"{plot}.{ending}"
                write(f"figures/{name}.{source.name}", source.read_bytes())
            parts.append(picture(f"figures/{name}.{plot}.png", escape(caption) + "."))
        parts.append("\\clearpage\n")
        done(name)
    return "\n".join(parts)


def table(data: Json) -> Table:
    """A table of a result file, as the formatter wants it."""
    rows = tuple(
        tuple(Estimate(**cell) if isinstance(cell, dict) else cell for cell in row)
        for row in data["rows"]
    )
    return Table(data["name"], data["caption"], tuple(data["columns"]), rows, digits=data["digits"])


def _glossary() -> str:
    items = (f"\\item[{escape(word)}] {escape(text)}." for word, text in GLOSSARY.items())
    return "\\begin{description}\n" + "\n".join(items) + "\n\\end{description}\n"


def _numbers(results: Results) -> str:
    """Macros for the text of an article."""
    applied = [c for c in results.claims if c["verdict"] != "not-applicable"]
    macros: Mapping[str, int | str] = {
        "leoClaims": len(applied),
        "leoSearches": len(results.runs),
        "leoStates": sum(run["distinct"] or 0 for run in results.runs.values()),
        "leoCounterexamples": len(results.counterexamples),
        "leoTheorems": len(results.theorems),
        "leoVersion": results.version,
        "leoSpec": results.spec[:16],
    }
    lines = [f"\\newcommand{{\\{name}}}{{{value}}}" for name, value in macros.items()]
    return "\n".join([f"% {results.stamp}", *lines]) + "\n"


def _article(parts: Sequence[str], results: Results) -> str:
    titles = {
        "claims": "Verdicts", "counterexamples": "Counterexamples", "theorems": "Theorems",
        "sentences": "The section, claim by claim", "experiments": "Experiments",
        "measured": "Growth and cost", "glossary": "Words", "specification": "Specification",
    }  # fmt: skip
    body = "\n".join(f"\\section{{{titles[part]}}}\n\\input{{{part}}}" for part in parts)
    return (
        f"% {results.stamp}\n\\documentclass[11pt]{{article}}\n\\input{{preamble}}\n"
        "\\input{numbers}\n\\title{Coherence-preserving execution of a field organism}\n"
        f"\\author{{{escape(results.stamp)}}}\n\\date{{}}\n\\begin{{document}}\n\\maketitle\n"
        "\\noindent \\leoClaims{} claims by \\leoSearches{} searches over \\leoStates{} states, "
        "\\leoCounterexamples{} counterexamples, \\leoTheorems{} theorems.\n\\tableofcontents\n"
        f"{body}\n\\end{{document}}\n"
    )
