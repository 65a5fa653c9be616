"""The folder that `leo paper` and `leo site` write: only what they made is ever deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from paper.artifact.article import make_paper
from paper.artifact.errors import ArtifactError
from paper.artifact.folder import MADE, made_anew
from paper.artifact.results import load
from paper.artifact.site import make_site
from tests.paper.artifact.results import write_results


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("build"))


def test_a_users_folder_is_refused_and_left_alone(build: Path, tmp_path: Path) -> None:
    """A folder with somebody's file in it is not emptied: both commands refuse and say why."""
    (tmp_path / "thesis.tex").write_text("years of work")
    results = load(build)
    with pytest.raises(ArtifactError, match=f"{tmp_path}.*thesis.tex.*--out"):
        make_site(results, build, tmp_path)
    with pytest.raises(ArtifactError, match=f"{tmp_path}.*thesis.tex.*--out"):
        make_paper(results, build, tmp_path, lambda _: None, modules=False)
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
