"""The article and every fragment by itself, by a real LaTeX."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from paper.artifact.article import PARTS, make_paper
from paper.artifact.results import load
from paper.artifact.typeset import MODULES
from tests.paper.artifact.results import write_results

pytestmark = pytest.mark.artifact


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


@pytest.mark.parametrize(
    "name",
    [*PARTS, "specification", "article"],
)
def test_it_compiles(paper: Path, name: str) -> None:
    """The article and each of its fragments compile, and no character is missing in a font."""
    said = latex(paper, name)
    assert "Missing character" not in said
    assert (paper / f"{name}.pdf").stat().st_size > 5000


def test_the_specification_is_typeset_twice_the_same(paper: Path, tmp_path: Path) -> None:
    """Every module has its LaTeX and its PDF, and a second time gives the same bytes."""
    build = write_results(tmp_path)
    make_paper(load(build), build, tmp_path / "paper", lambda _: None)
    for module in MODULES:
        for ending in ("tex", "pdf"):
            one, other = (
                root / "modules" / f"{module}.{ending}" for root in (paper, tmp_path / "paper")
            )
            assert one.read_bytes() == other.read_bytes(), one.name
