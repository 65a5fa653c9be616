"""The paper's fragments and the pages: from the result files, and from nothing else."""

from __future__ import annotations

import contextlib
import gzip
import html
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leo.units import judge_bytes
from leo_model.checking.check import spec_hash
from leo_model.commands.cite import RELEASED, cite, commit, results_hash
from leo_model.files import ROOT as CHECKOUT
from leo_model.machine.properties import MORE
from paper.artifact.article import MODULES, PARTS, make_paper
from paper.artifact.errors import ArtifactError
from paper.artifact.figure import LOCK, draw
from paper.artifact.folder import MADE, made_anew
from paper.artifact.formulas import paragraphs
from paper.artifact.glossary import MORE_IN_WORDS, PROPERTIES_IN_WORDS
from paper.artifact.kept import keep, take
from paper.artifact.results import _as_claimed, load
from paper.artifact.site import _evidence, make_site
from paper.artifact.stories import cancelled_after, elsewhere, story
from proofs.catalogue import THEOREMS
from tests.paper.artifact.results import put, write_results

LINK = re.compile(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"')


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("build"))


def make(build: Path, out: Path) -> Path:
    """The pages and the fragments of the results below `build`, below `out`; of every third
    counterexample, for drawing them takes longest.
    """
    results = load(build)
    results = replace(results, counterexamples=results.counterexamples[::3])
    make_site(results, build, out / "site")
    make_paper(results, build, out / "paper", lambda _: None)
    return out


@pytest.fixture(scope="module")
def made(build: Path) -> Path:
    return make(build, build / "made")


@pytest.fixture(scope="module")
def site(made: Path) -> Path:
    return made / "site"


def different(one: Path, other: Path) -> set[str]:
    """The names of the files that are not the same in both."""
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
        for root in (one, other)
    )
    assert first.keys() == second.keys() and len(first) > 40
    return {name.name for name in first if first[name] != second[name]}


def edited(build: Path, out: Path, path: str, edit: Callable[[Any], None]) -> Path:
    """A build folder like `build`, with one result file changed."""
    write_results(out)
    data = json.loads((out / path).read_text("utf-8"))
    edit(data)
    put(out / path, data)
    return out


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("check/results.json", "leo check"),
        ("proofs/theorems.json", "leo prove"),
        ("experiments/published/summary.json", "leo experiment published"),
    ],
)
def test_missing_and_broken_results_are_named(tmp_path: Path, path: str, command: str) -> None:
    """A result file that is not there, or is not JSON, is named with the command that makes it."""
    write_results(tmp_path)
    (tmp_path / path).write_text("{", "utf-8")
    with pytest.raises(ArtifactError, match=f"{path}.*cannot be read.*{command}"):
        load(tmp_path)
    (tmp_path / path).unlink()
    with pytest.raises(ArtifactError, match=f"{path} is not there: `{command}"):
        load(tmp_path)


OLD = "0" * 64
CHECK, ORDERS, TRACES = "check/results.json", "check/orders.json", "verify/traces.json"
PROOFS, CONFOUND = "proofs/theorems.json", "experiments/confound/summary.json"
FALLS = {"discipline": "bare", "property": "Serializable", "faults": False}
QUIET = "bare.holds.3x1_2x2.quiet"


@pytest.mark.parametrize(
    ("path", "edit", "said"),
    [
        # Made from another specification, other claims, another plan, other proofs, another
        # organism; or the file does not say from what.
        (CHECK, lambda d: d["spec"].update(hash=OLD), "the specification 0000"),
        (PROOFS, lambda d: d.update(spec=OLD), "the specification 0000"),
        (CONFOUND, lambda d: d["stamp"].update(spec=OLD), "the specification 0000"),
        (CONFOUND, lambda d: d["stamp"].update(sources=OLD),
         "confound.*other sources.*leo experiment confound"),
        (CHECK, lambda d: d.update(made_from=OLD), f"{CHECK}.*other sources.*`leo check`"),
        (PROOFS, lambda d: d.pop("made_from"), f"{PROOFS}.*other sources.*`leo prove`"),
        (TRACES, lambda d: d.update(made_from=OLD), f"{TRACES}.*other sources.*`leo verify`"),
        # A check that found something, lacks a search, or has one more.
        (ORDERS, lambda d: d.update(findings=["x"]), "orders.json records 1 verdicts.*leo orders"),
        (CHECK, lambda d: d.update(findings=["x"]),
         "results.json records 1 verdicts that are not as claimed"),
        (CHECK, lambda d: d["runs"].pop("asyncio-lock.falls.AllOrNothing.2x1.faults"),
         "AllOrNothing.2x1.faults is missing.*`leo check`"),
        (CHECK, lambda d: d.update(runs={n: run for n, run in d["runs"].items()
                                         if "DeadlockFree" in run["titles"]}),
         "is missing.*`leo check` without arguments"),
        (CHECK, lambda d: d["runs"].update({"bare.holds.2x1.quiet": d["runs"][QUIET]}),
         "bare.holds.2x1.quiet is none of them"),
        # What is not claimed, although the hash of the file was made anew.
        (PROOFS, lambda d: d["theorems"][0]["cells"].append(FALLS), f"{PROOFS}.*not claimed"),
        (TRACES, lambda d: d["traces"][0].update(broken=["MutualExclusion"]),
         f"{TRACES}.*not claimed"),
        (TRACES, lambda d: d["traces"][0].update(accepted=False), f"{TRACES}.*not claimed"),
    ],
)  # fmt: skip
def test_results_that_cannot_be_quoted_stop_the_build(
    build: Path, tmp_path: Path, path: str, edit: Callable[[Any], None], said: str
) -> None:
    """One paragraph that names the file, what is wrong with it, and the command to run."""
    with pytest.raises(ArtifactError, match=said):
        load(edited(build, tmp_path, path, edit))


@pytest.mark.parametrize(("path", "name"), [(PROOFS, "theorems"), (TRACES, "traces")])
def test_results_changed_by_hand_stop_the_build(tmp_path: Path, path: str, name: str) -> None:
    """Any change: the file has a hash of itself."""
    write_results(tmp_path)
    data = json.loads((tmp_path / path).read_text("utf-8"))
    data[name][0]["more"] = 1
    (tmp_path / path).write_text(json.dumps(data), "utf-8")
    with pytest.raises(ArtifactError, match=rf"{path}.*somebody has changed it.*run `leo"):
        load(tmp_path)


def test_evidence_is_what_checked_the_property(build: Path) -> None:
    """A search is evidence for the properties that it checked, and for no other: with faults no
    search looks for deadlocks. A theorem is evidence for the cells that it decides.
    """
    found = _evidence(load(build))
    lock = found["asyncio-lock"]
    names = list(lock["searches"])
    rows = {row["property"]: row for row in lock["rows"]}

    def searches(title: str) -> set[str]:
        return {names[number - 1].rpartition(".")[2] for number in rows[title]["searches"]}

    assert searches("DeadlockFree") == {"quiet"}
    assert searches("MutualExclusion") == {"faults"}
    assert searches("StableRead") == set()
    assert not rows["MutualExclusion"]["theorems"] and "AllOrNothing" not in rows
    actor = {row["property"]: row["theorems"] for row in found["actor"]["rows"]}
    assert [one["number"] for one in actor["MutualExclusion"]] == [1]
    assert actor["StableRead"] == []


def test_every_link_leads_somewhere(site: Path) -> None:
    """Every link of every page names a file of the site, and its anchor a place in it."""
    pages = {page.name: page.read_text("utf-8") for page in site.glob("*.html")}
    followed = 0
    for name, text in pages.items():
        for target, anchor in LINK.findall(text):
            assert (site / (target or name)).is_file(), (name, target)
            # A link to a step is read by the stepper.
            if anchor and not anchor.startswith("step="):
                assert f'id="{anchor}"' in pages[target or name], (name, target, anchor)
            followed += 1
    assert followed > 300


def test_recorded_traces_are_reported(build: Path, made: Path, tmp_path: Path) -> None:
    """The page of traces says what each broke; without `leo verify` there is none, and no link."""
    text = (made / "site" / "traces.html").read_text("utf-8")
    assert "1,200 events" in text and "s1.1 half &lt;applied&gt;" in text
    other = write_results(tmp_path)
    (other / "verify" / "traces.json").unlink()
    make_site(load(other), other, tmp_path / "site")
    assert not (tmp_path / "site" / "traces.html").exists()
    assert not any("traces.html" in page.read_text() for page in (tmp_path / "site").glob("*.html"))


def test_pages_ask_for_nothing_from_outside(site: Path) -> None:
    """No page, style or script names another host."""
    for path in site.iterdir():
        text = path.read_text("utf-8")
        outside = set(re.findall(r"(?:https?:)?//[\w.]+", text))
        assert outside <= {"http://www.w3.org"}, (path.name, outside)


def test_a_changed_verdict_changes_its_table_and_its_page_only(
    build: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell of a result file is what the table, the page of evidence and the LaTeX show; all
    else is made a second time to the same bytes."""
    monkeypatch.setattr("paper.artifact.results.problems", lambda *_: [])

    def edit(data: Any) -> None:
        for claim in data["claims"]:
            if (claim["discipline"], claim["property"]) == ("gil", "Durable"):
                claim["verdict"] = "needs-strong-fairness"

    other = edited(build, tmp_path / "results", "check/results.json", edit)
    changed = different(made, make(other, tmp_path / "made"))
    pages = {"verdicts.html", "evidence.html", "search.html"}
    assert changed == {"claims.tex", "section.tex", *pages}


def test_a_story_ends_where_its_property_falls(build: Path) -> None:
    """The frames of a counterexample are its steps; under D6 the same wishes keep the property."""
    counterexamples = load(build).counterexamples
    assert len(counterexamples) > 5
    for found in counterexamples:
        told = story(found)
        assert len(told["frames"]) == len(found["schedule"])
        assert told["witness"] == found["witness"]
        again = elsewhere(found, found["discipline"])
        assert again["witness"], f"{found['discipline']} loses {found['property']} in its own story"
        whole = elsewhere(found, "shielded-unit-of-work")
        assert whole["witness"] == "", (found["discipline"], found["property"], whole["witness"])


def test_the_shield_puts_a_cancellation_off(build: Path) -> None:
    """Cancelled after its commit, a shielded reply exchanges its view first and is whole; without a
    shield the view stays behind; a lock alone, after its first write, leaves half a reply.
    """

    def ends(discipline: str, title: str, action: str) -> tuple[list[str], str]:
        told = cancelled_after(discipline, title, action)
        return [frame["action"] for frame in told["frames"]][-2:], told["witness"]

    whole = cancelled_after("shielded-unit-of-work", "AllOrNothing", "Commit")
    last = whole["frames"][-1]
    assert [frame["action"] for frame in whole["frames"]][-3:] == [
        "Commit", "SwapView", "CancelApplied"
    ]  # fmt: skip
    assert whole["witness"] == "" and last["store"] == {"ngrams": ["s1.1"], "snapshots": ["s1.1"]}
    assert last["views"]["i1"] == {"bigrams": "{s1.1}", "trigrams": "{s1.1}"}
    steps, witness = ends("unit-of-work", "ViewAgreesWithStore", "Commit")
    assert steps == ["Commit", "CancelApplied"] and witness
    found = next(c for c in load(build).counterexamples if c["property"] == "AllOrNothing")
    locked = cancelled_after("asyncio-lock", "AllOrNothing", "Ingest")
    assert [frame["action"] for frame in locked["frames"]] == [a for a, _ in found["schedule"]]
    assert locked["witness"]


def test_the_specification_is_printed_as_tlc_reads_it(made: Path) -> None:
    """Every module that a printed one extends is printed too, as it is, but TLA+'s own."""
    own = {"Naturals", "Integers", "Sequences", "FiniteSets", "TLC"}
    text = (made / "paper" / "specification.tex").read_text("utf-8")
    for module in MODULES:
        printed = (made / "paper" / "modules" / f"{module}.tla").read_bytes()
        assert printed == (CHECKOUT / "spec" / f"{module}.tla").read_bytes()
        used = re.findall(r"(?:^EXTENDS|\bINSTANCE) ([\w, ]+?)(?: WITH|$)", printed.decode(), re.M)
        assert {name for names in used for name in names.split(", ")} - own <= set(MODULES), module
        assert f"{{modules/{module}.tla}}" in text


def test_a_diagram_is_a_picture_of_its_story(build: Path) -> None:
    """The SVG has every step's name, and a bar where the lock is held and nowhere else."""
    found = load(build).counterexamples[0]
    told = story(found)
    picture = draw(told, "svg").decode()
    for action, _ in found["schedule"]:
        assert action in picture
    free = {**told, "frames": [{**frame, "holder": {}} for frame in told["frames"]]}
    assert LOCK in picture and LOCK not in draw(free, "svg").decode()
    assert draw(told, "pdf").startswith(b"%PDF")


def test_formulas_become_mathml() -> None:
    """Mathematics in a statement becomes MathML; words and signs of HTML are kept apart."""
    text = str(paragraphs(r"For $a < b$: \emph{so} \[x^2\] 5\% & more"))
    assert "<math" in text and "<em>so</em>" in text and "5% &amp; more" in text
    assert "$" not in text and "\\[" not in text


def test_citations_name_release_and_hashes(tmp_path: Path) -> None:
    """Both forms carry the version and the hash of the specification; the hash of the results is
    another one when a byte of them or a name is.
    """
    for form in ("text", "bibtex"):
        assert spec_hash()[:16] in cite(form) and "0.1.0" in cite(form)
        assert RELEASED[:4] in cite(form)
    assert f"\ndate-released: {RELEASED}\n" in (CHECKOUT / "CITATION.cff").read_text("utf-8")
    assert results_hash(tmp_path) is None
    (tmp_path / "a.jsonl").write_text("1")
    first = results_hash(tmp_path)
    (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")
    second = results_hash(tmp_path)
    (tmp_path / "b.jsonl").write_text("2")
    assert len({None, first, second, results_hash(tmp_path)}) == 4


def test_a_citation_names_the_commit_of_a_checkout(tmp_path: Path) -> None:
    """Twelve digits, and whether a file has changed since; none where there is no checkout."""

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    (tmp_path / "a").write_text("1")
    assert commit(tmp_path) is None
    git("init", "--quiet")
    assert commit(tmp_path) is None
    git("add", "a")
    git("commit", "--quiet", "-m", "a")
    assert commit(tmp_path) == git("rev-parse", "--short=12", "HEAD")
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == git("rev-parse", "--short=12", "HEAD") + "-dirty"


def test_every_property_has_its_words() -> None:
    """Those with a column of the table, and those that have counterexamples alone."""
    assert set(MORE_IN_WORDS) == set(MORE) and not set(MORE) & set(PROPERTIES_IN_WORDS)


def test_kept_results_are_taken_if_they_are_of_these_sources(build: Path, tmp_path: Path) -> None:
    """What was kept comes back to the byte; of other sources, or not kept, it is not taken."""
    results = tmp_path / "results"
    results.mkdir()
    path = tmp_path / "check" / "orders.json"
    assert not take(path, results) and not path.exists()
    keep(build, results)
    assert take(path, results)
    assert path.read_bytes() == (build / "check" / "orders.json").read_bytes()
    path.unlink()
    other = json.dumps(
        {**json.loads((build / "check" / "orders.json").read_text()), "made_from": ""}
    )
    (results / "orders.json.gz").write_bytes(gzip.compress(other.encode()))
    assert not take(path, results) and not path.exists()


def test_the_code_of_the_guide_runs(site: Path, tmp_path: Path) -> None:
    """Every block of Python on the page for one's own class does what is said below it."""
    blocks = re.findall(r'<pre class="python"><code>(.*?)</code></pre>',
                        (site / "guide.html").read_text("utf-8"), re.DOTALL)  # fmt: skip
    names: dict[str, Any] = {}
    with contextlib.chdir(tmp_path):
        for block in blocks:
            exec(html.unescape(block), names)
    assert len(blocks) == 3
    assert judge_bytes((tmp_path / "run.ndjson").read_bytes()).broken


def test_what_the_search_finds_is_there(site: Path) -> None:
    """Every entry of the search leads to a page and a place in it, and has its words."""
    text = (site / "search.html").read_text("utf-8")
    entries = json.loads(text.partition('id="entries">')[2].partition("</script>")[0])
    assert len(entries) > 80
    for place, heading, words in entries:
        name, _, anchor = place.partition("#")
        assert heading and words
        assert not anchor or f'id="{anchor}"' in (site / name).read_text("utf-8")


# The article and every fragment by itself, by a real LaTeX.


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = write_results(tmp_path_factory.mktemp("build"))
    make_paper(load(build), build, build / "paper", lambda _: None)
    return build / "paper"


def latex(paper: Path, name: str) -> str:
    """Compile one file and return what LaTeX said."""
    ended = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"],
        cwd=paper, capture_output=True, text=True, errors="replace", timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-2000:]
    return ended.stdout


@pytest.mark.artifact
@pytest.mark.parametrize("name", [*PARTS, "article"])
def test_it_compiles(paper: Path, name: str) -> None:
    """The article and each of its fragments compile, and no character is missing in a font."""
    said = latex(paper, name)
    assert "Missing character" not in said
    assert (paper / f"{name}.pdf").stat().st_size > 5000


# The folder that `leo paper` and `leo site` write: only what they made is ever deleted.


def test_a_users_folder_is_refused_and_left_alone(build: Path, tmp_path: Path) -> None:
    """A folder with somebody's file in it is not emptied: both commands refuse and say why."""
    (tmp_path / "thesis.tex").write_text("years of work")
    results = load(build)
    with pytest.raises(ArtifactError, match=f"{tmp_path}.*thesis.tex.*--out"):
        make_site(results, build, tmp_path)
    with pytest.raises(ArtifactError, match=f"{tmp_path}.*thesis.tex.*--out"):
        make_paper(results, build, tmp_path, lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_what_was_made_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    """A second making deletes the files of the first, and not what a user has put beside them."""
    out = tmp_path / "site"
    with made_anew(out):
        (out / "figures").mkdir()
        (out / "figures" / "old.svg").write_text("made")
        (out / "index.html").write_text("made")
    (out / "figures" / "mine.svg").write_text("mine")
    with made_anew(out):
        assert not (out / "index.html").exists()
        (out / "new.html").write_text("made")
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {MADE, "figures/mine.svg", "new.html"}
    with made_anew(out):
        pass
    assert (out / "figures" / "mine.svg").read_text() == "mine"


def test_a_making_that_fails_can_be_repeated(tmp_path: Path) -> None:
    """What was written before an error is known as ours, and the next making replaces it."""
    out = tmp_path / "paper"
    with pytest.raises(ArtifactError, match="no LaTeX"), made_anew(out):
        (out / "half.tex").write_text("half")
        raise ArtifactError("no LaTeX")
    with made_anew(out):
        assert not (out / "half.tex").exists()


def test_a_list_that_leads_outside_deletes_nothing_there(tmp_path: Path) -> None:
    """A list of what was made that names a file outside of its folder, or is none, is refused."""
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    out = tmp_path / "site"
    out.mkdir()
    for text in ("../precious.txt\n", f"{precious}\n"):
        (out / MADE).write_text(text)
        with pytest.raises(ArtifactError, match=MADE), made_anew(out):
            pass
    assert precious.read_text() == "precious"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """--out that names a file is refused, and the file stays."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ArtifactError, match=r"out.*not a folder"), made_anew(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "a file"


def test_the_theorems_decide_what_is_claimed_to_hold() -> None:
    """Also what holds only under strong fairness: no theorem here is taken for a hand edit."""
    theorems = [
        {
            "title": theorem.title,
            "cells": [
                {"discipline": cell.discipline, "property": cell.property, "faults": cell.faults}
                for cell in theorem.cells
            ],
        }
        for theorem in THEOREMS
    ]
    _as_claimed({"theorems": theorems}, {"traces": []}, Path("build"))
