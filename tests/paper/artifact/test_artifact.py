"""The paper's fragments and the pages: from the result files, and from nothing else."""

from __future__ import annotations

import contextlib
import gzip
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leo.units import judge_bytes
from leo_model.checking.check import spec_hash
from leo_model.commands.cite import cite, results_hash
from paper.artifact.article import make_paper
from paper.artifact.errors import ArtifactError
from paper.artifact.figure import LOCK, draw
from paper.artifact.formulas import paragraphs
from paper.artifact.kept import keep, take
from paper.artifact.results import load
from paper.artifact.site import _evidence, make_site
from paper.artifact.stories import elsewhere, story
from tests.paper.artifact.results import write_results

LINK = re.compile(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"')


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("build"))


def make(build: Path, out: Path) -> Path:
    """The pages and the fragments of the results below `build`, below `out`."""
    results = load(build)
    make_site(results, build, out / "site")
    make_paper(results, build, out / "paper", lambda _: None, modules=False)
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
    (out / path).write_text(json.dumps(data), "utf-8")
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


def _stale_check(data: Any) -> None:
    data["spec"]["hash"] = "0" * 64


def _stale_proofs(data: Any) -> None:
    data["spec"] = "0" * 64


def _stale_experiment(data: Any) -> None:
    data["stamp"]["spec"] = "0" * 64


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        ("check/results.json", _stale_check),
        ("proofs/theorems.json", _stale_proofs),
        ("experiments/confound/summary.json", _stale_experiment),
    ],
)
def test_stale_results_stop_the_build(
    build: Path, tmp_path: Path, path: str, edit: Callable[[Any], None]
) -> None:
    """A result of another specification is not quoted."""
    with pytest.raises(ArtifactError, match=f"made with the specification 0000.*{spec_hash()[:8]}"):
        load(edited(build, tmp_path, path, edit))


@pytest.mark.parametrize("name", ["growth", "cost"])
def test_a_stale_benchmark_is_named_with_its_command(tmp_path: Path, name: str) -> None:
    """What the artifact can do without stops it when it is old, and says how to make it anew."""
    write_results(tmp_path)
    (tmp_path / "bench").mkdir(exist_ok=True)
    (tmp_path / "bench" / f"{name}.json").write_text('{"spec": "0000", "rows": []}', "utf-8")
    with pytest.raises(ArtifactError, match=f"{name}.json.*`python -m bench.{name}` again"):
        load(tmp_path)


def test_findings_and_partial_results_stop_the_build(build: Path, tmp_path: Path) -> None:
    """A check that found something, or lacks one search of all, or has one more, is no source."""

    def found(data: Any) -> None:
        data["findings"] = ["bare / Serializable: claimed to fall"]

    def lacking(data: Any) -> None:
        del data["runs"]["asyncio-lock.falls.AllOrNothing.2x1.faults"]

    def of_one_property(data: Any) -> None:
        data["runs"] = {n: r for n, r in data["runs"].items() if "DeadlockFree" in r["titles"]}

    def other(data: Any) -> None:
        data["runs"]["bare.holds.2x1.quiet"] = data["runs"]["bare.holds.3x1_2x2.quiet"]

    file = "check/results.json"
    with pytest.raises(ArtifactError, match=r"orders.json records 1 verdicts.*leo orders"):
        load(edited(build, tmp_path / "e", "check/orders.json", found))
    with pytest.raises(
        ArtifactError, match=r"results\.json records 1 verdicts that are not as claimed"
    ):
        load(edited(build, tmp_path / "a", file, found))
    with pytest.raises(ArtifactError, match=r"AllOrNothing.2x1.faults is missing.*`leo check`"):
        load(edited(build, tmp_path / "b", file, lacking))
    with pytest.raises(ArtifactError, match=r"is missing.*`leo check` without arguments"):
        load(edited(build, tmp_path / "c", file, of_one_property))
    with pytest.raises(ArtifactError, match=r"bare.holds.2x1.quiet is none of them"):
        load(edited(build, tmp_path / "d", file, other))


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("check/results.json", "leo check"),
        ("proofs/theorems.json", "leo prove"),
        ("verify/traces.json", "leo verify"),
    ],
)
def test_results_of_other_sources_stop_the_build(
    build: Path, tmp_path: Path, path: str, command: str
) -> None:
    """A result that was made from other claims, another plan, other proofs or another organism is
    not quoted, although the specification is the same; nor is one that does not say it.
    """
    for edit in (
        lambda data: data.update(made_from="0" * 64),
        lambda data: data.pop("made_from"),
    ):
        with pytest.raises(ArtifactError, match=f"{path}.*other sources.*`{command}`"):
            load(edited(build, tmp_path, path, edit))


def test_rows_of_other_sources_stop_the_build(build: Path, tmp_path: Path) -> None:
    """An experiment that other sources measured is not quoted."""

    def edit(data: Any) -> None:
        data["stamp"]["sources"] = "0" * 64

    with pytest.raises(ArtifactError, match=r"confound.*other sources.*leo experiment confound"):
        load(edited(build, tmp_path, "experiments/confound/summary.json", edit))


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


def test_recorded_traces_are_reported(build: Path, site: Path, tmp_path: Path) -> None:
    """The page of traces says what each broke; without `leo verify` it says what to run."""
    text = (site / "traces.html").read_text("utf-8")
    assert "1,200 events" in text and "s1.1 half &lt;applied&gt;" in text
    other = write_results(tmp_path)
    (other / "verify" / "traces.json").unlink()
    make_site(load(other), other, tmp_path / "site")
    assert "No trace was recorded here" in (tmp_path / "site" / "traces.html").read_text("utf-8")


def test_benchmarks_are_plots_or_a_command(made: Path, tmp_path: Path) -> None:
    """The paper shows what was measured, and names the command for what was not."""
    assert (made / "paper" / "figures" / "bench.cost.svg").is_file()
    other = write_results(tmp_path)
    (other / "bench" / "cost.json").unlink()
    make_paper(load(other), other, tmp_path / "paper", lambda _: None, modules=False)
    text = (tmp_path / "paper" / "measured.tex").read_text("utf-8")
    assert "bench.\\allowbreak{}cost" in text and "bench.\\allowbreak{}growth" not in text


def test_pages_ask_for_nothing_from_outside(site: Path) -> None:
    """No page, style or script names another host."""
    for path in site.iterdir():
        text = path.read_text("utf-8")
        outside = set(re.findall(r"(?:https?:)?//[\w.]+", text))
        assert outside <= {"http://www.w3.org"}, (path.name, outside)


def test_the_same_results_give_the_same_bytes(build: Path, made: Path, tmp_path: Path) -> None:
    """The pages and the fragments of the same results are the same, byte for byte."""
    assert different(made, make(build, tmp_path)) == set()


def test_a_changed_verdict_changes_its_table_and_its_page_only(
    build: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell of a result file is what the table, the page of evidence and the LaTeX show."""
    monkeypatch.setattr("paper.artifact.results.problems", lambda *_: [])

    def edit(data: Any) -> None:
        for claim in data["claims"]:
            if (claim["discipline"], claim["property"]) == ("gil", "Durable"):
                claim["verdict"] = "needs-strong-fairness"

    other = edited(build, tmp_path / "results", "check/results.json", edit)
    changed = different(made, make(other, tmp_path / "made"))
    assert changed == {"claims.tex", "verdicts.html", "evidence.html", "search.html"}


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
    assert results_hash(tmp_path) is None
    (tmp_path / "a.jsonl").write_text("1")
    first = results_hash(tmp_path)
    (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")
    second = results_hash(tmp_path)
    (tmp_path / "b.jsonl").write_text("2")
    assert len({None, first, second, results_hash(tmp_path)}) == 4


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


def test_the_start_page_is_light(site: Path) -> None:
    """The page that everybody opens, with its style, is under 300 KB."""
    assert sum((site / name).stat().st_size for name in ("index.html", "style.css")) < 300_000


def test_what_the_search_finds_is_there(site: Path) -> None:
    """Every entry of the search leads to a page and a place in it, and has its words."""
    text = (site / "search.html").read_text("utf-8")
    entries = json.loads(text.partition('id="entries">')[2].partition("</script>")[0])
    assert len(entries) > 80
    for place, heading, words in entries:
        name, _, anchor = place.partition("#")
        assert heading and words
        assert not anchor or f'id="{anchor}"' in (site / name).read_text("utf-8")
